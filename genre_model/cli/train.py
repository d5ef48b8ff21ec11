"""``genre-model train``: learn the genres of a folder, or a list, of labelled music."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from genre_model.cli.common import (
    add_dask,
    add_extraction_options,
    add_fast,
    extract_all,
    fraction,
    names,
    positive,
    print_json,
    progress_bar,
    say,
    share,
    whole_number,
)
from genre_model.cli.music import add_music, music_for_training, trainable
from genre_model.core.errors import GenreModelError
from genre_model.core.files import is_folder, is_there
from genre_model.core.specs import AggregationRule, Band, Position
from genre_model.core.text import writable
from genre_model.data.folds import SplitBy
from genre_model.data.genre_tree import read_tree
from genre_model.data.labels import Consolidation
from genre_model.data.tracks import LabelledTrack, overview

if TYPE_CHECKING:
    from genre_model.model.classifier import Classifier
    from genre_model.training.flow import (
        Extracted,
        TrainingOptions,
        TrainingPlan,
        TrainingResult,
    )
    from genre_model.training.networks.base import Architecture


def add_train(parser: argparse.ArgumentParser) -> None:
    """Give the subcommand its options."""
    add_label_options(parser)
    add_fit_options(parser)
    add_fast(parser)
    add_slicing_options(parser)
    parser.add_argument(
        "--play-history",
        action="store_true",
        help="use the play count, rating and age of the list as features beside the audio",
    )
    add_extraction_options(parser)
    add_dask(parser)
    parser.set_defaults(run=run_train)


def add_label_options(parser: argparse.ArgumentParser) -> None:
    """Options for the music and the genres to learn."""
    add_music(parser)
    parser.add_argument(
        "--labels",
        choices=["folder", "tags"],
        help="take genres from the names of the folders in FOLDER (the default), or from the tags",
    )
    parser.add_argument(
        "--genres",
        type=names,
        metavar="A,B",
        help="learn these genres only, separated by commas, however few tracks they have",
    )
    parser.add_argument(
        "--consolidate",
        choices=get_args(Consolidation),
        help="make few genres of many: the roots of the --tree, or the paper's seven",
    )
    parser.add_argument(
        "--min-tracks",
        type=positive,
        default=2,
        help="a genre with fewer tracks joins its parent, or is left out, unless --genres names "
        "it; default: %(default)s",
    )
    parser.add_argument(
        "--tree",
        type=Path,
        metavar="FILE.yaml",
        help="a tree of genres like beets' own, which says what yours are subgenres of",
    )
    parser.add_argument(
        "--only-labelled",
        action="store_true",
        help="answer no genre of the shipped model that has no tracks here",
    )


def add_fit_options(parser: argparse.ArgumentParser) -> None:
    """Options for how the model is trained and tested, and where the bundle goes."""
    parser.add_argument(
        "--target-precision",
        type=fraction,
        default=0.9,
        help="the precision that the threshold is chosen for; default: %(default)s",
    )
    parser.add_argument(
        "--seed",
        type=whole_number,
        default=0,
        help="the random seed of the folds and the weights; default: %(default)s",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("models"),
        metavar="DIR",
        help="write the bundle into this folder; default: models",
    )
    parser.add_argument(
        "--architecture",
        default="embeddings",
        metavar="NAME",
        help="embeddings, or a network to train from scratch, as listed by genre-model "
        "architectures; default: embeddings",
    )
    parser.add_argument(
        "--epochs", type=positive, help="the most epochs of a training from scratch"
    )
    parser.add_argument(
        "--split",
        choices=get_args(SplitBy),
        help="what the split keeps apart; default: artist, if there are enough",
    )


def add_slicing_options(parser: argparse.ArgumentParser) -> None:
    """Options for which slices of a song are used, and how they are combined."""
    parser.add_argument(
        "--aggregation",
        choices=get_args(AggregationRule),
        help="how slices become a song; default: product for embeddings, mean for a network",
    )
    parser.add_argument(
        "--select-instances",
        type=share,
        metavar="P",
        help="train on this share of each genre's slices, those that are easiest to classify",
    )
    parser.add_argument("--band", choices=get_args(Band), help="use these frequencies only")
    parser.add_argument("--position", choices=get_args(Position), help="use this part of each song")
    parser.add_argument(
        "--slice-seconds", type=float, metavar="S", help="the length of a slice in seconds"
    )
    parser.add_argument(
        "--slices-per-song", type=positive, metavar="N", help="the most slices of a song"
    )


def run_train(options: argparse.Namespace) -> int:
    """Read labels, extract, evaluate, fit, write a bundle; print its figures and its folder."""
    from genre_model.training.flow import plan_training
    from genre_model.training.networks.registry import find_architecture

    check_writable(options.output)
    architecture = find_architecture(options.architecture)
    check_options(options, architecture)
    music = music_for_training(options.music, options.labels, architecture, options.threads)
    tree = {} if options.tree is None else read_tree(options.tree)
    if options.tree is not None and not tree:
        raise GenreModelError(f"the genre tree {options.tree} holds no genre within another")
    tracks, labelling = trainable(
        music, options.genres, options.min_tracks, tree, options.consolidate
    )
    plan = plan_training(tracks, training_options(options), dropped=labelling.dropped, tree=tree)
    if not options.json:
        say([*overview(tracks, labelling.dropped), *music.sentences()])
    result, failures = train(plan, options)
    if options.json:
        print_record(result, failures)
    else:
        print_summary(result)
    return 0


def check_options(options: argparse.Namespace, architecture: Architecture | None) -> None:
    """Refuse options that would have no effect.

    Raises:
        GenreModelError: An option does not go with the others.
    """
    if architecture is not None and options.dask:
        raise GenreModelError(f"{architecture.name} is trained on this machine alone: no --dask")
    if architecture is not None and options.cache is not None:
        raise GenreModelError(f"{architecture.name} keeps slices in the output folder: no --cache")
    if (options.epochs or options.fast) and not learns_in_epochs(architecture):
        raise GenreModelError("--epochs and --fast are for networks from scratch: --architecture")
    if options.consolidate == "roots" and options.tree is None:
        raise GenreModelError("--consolidate roots needs a --tree")


def learns_in_epochs(architecture: Architecture | None) -> bool:
    """Whether the architecture is a network that is trained from scratch."""
    from genre_model.training.networks.base import Network

    return architecture is not None and isinstance(architecture.learner, Network)


def training_options(options: argparse.Namespace) -> TrainingOptions:
    """The choices of the command line."""
    from genre_model.training.flow import TrainingOptions
    from genre_model.training.slicing_overrides import SlicingOverrides

    return TrainingOptions(
        architecture=options.architecture,
        aggregation=options.aggregation,
        select_instances=options.select_instances,
        play_history=options.play_history,
        target_precision=options.target_precision,
        seed=options.seed,
        epochs=options.epochs,
        slicing=SlicingOverrides(
            options.band, options.position, options.slice_seconds, options.slices_per_song
        ),
        others=not options.only_labelled and options.genres is None,
        split_by=options.split,
        fast=options.fast,
    )


def train(plan: TrainingPlan, options: argparse.Namespace) -> tuple[TrainingResult, list[str]]:
    """The result, and a line for each track whose features could not be extracted for a head.

    Epochs, and tracks that cannot be used, are printed to standard error.
    """
    from genre_model.evaluation.page.sentences import epoch_line
    from genre_model.training.events import TrainingEvents
    from genre_model.training.flow import run_training

    failures: list[str] = []

    def extract(tracks: Sequence[LabelledTrack], classifier: Classifier) -> Extracted:
        found = extract_all(tracks, classifier, options.cache, options.threads, options.dask)
        failures.extend(found.failures)
        return found.extracted

    with progress_bar() as on_step:
        events = TrainingEvents(
            lambda report: say([epoch_line(report)], error=True),
            on_step,
            lambda failure: say([f"not used: {failure}"], error=True),
            lambda note: say([note], error=True),
        )
        return run_training(plan, options.output, extract, events), failures


def print_record(result: TrainingResult, failures: Sequence[str]) -> None:
    """Print the result as JSON."""
    record = {
        "bundle": writable(str(result.bundle.directory)),
        "page": writable(str(result.page)),
        "not_extracted": failures,
        "report": result.report,
    }
    print_json(record)


def print_summary(result: TrainingResult) -> None:
    """Print the result in a few lines."""
    from genre_model.evaluation.page.sentences import summary

    where = [f"report: {result.page.as_uri()}", f"bundle: {result.bundle.directory}"]
    say([*summary(result.report), *where])


def check_writable(folder: Path) -> None:
    """Check before hours of work that the bundle can be written.

    Raises:
        GenreModelError: The folder, or the existing folder that it would be created in, is not
            writable.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if is_there(path))
    if not is_folder(existing):
        raise GenreModelError(f"cannot write to {folder}: {existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise GenreModelError(f"cannot write to {folder}: no permission")
