"""``genre-model train``: learn the genres of a folder, or a list, of labelled music."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from genre_model.cli.common import (
    N_FAILURES,
    add_dask,
    add_extraction_options,
    extract_all,
    fraction,
    names,
    positive,
    say,
    share,
    whole_number,
)
from genre_model.core.errors import GenreModelError
from genre_model.core.specs import AggregationRule, Band, Position
from genre_model.core.text import harmless
from genre_model.data.folder import (
    LabelsFrom,
    find_audio,
    folder_tracks,
    listed_tracks,
    picture_tracks,
)
from genre_model.data.labels import Labelling, LabelPolicy, read_labels
from genre_model.data.tracks import LabelledTrack, overview
from genre_model.features.png_songs import find_pictures, takes_pictures
from genre_model.training.slicing_overrides import SlicingWish, with_other_slices, with_slices

if TYPE_CHECKING:
    from genre_model.evaluation.report import Report
    from genre_model.model.bundle.store import Bundle
    from genre_model.training.job import TrainingJob
    from genre_model.training.networks.base import Architecture


NO_LABEL = {
    "folder": "{n} files lie in the folder itself, not in one of a genre, and are not used",
    "tags": "{n} files have no genre in their tags and are not used",
    "list": "{n} tracks of the list have no genre and are not used",
}


def add_train(parser: argparse.ArgumentParser) -> None:
    """Give the subcommand its options."""
    parser.add_argument(
        "music",
        type=Path,
        metavar="FOLDER|FILE.csv",
        help="a folder, or a list with the columns path and genre, and perhaps artist, album, "
        "play_count, rating and added",
    )
    parser.add_argument(
        "--labels",
        choices=["folder", "tags"],
        help="a track's genre is the folder below FOLDER that it is in (the default), or is in its "
        "tags",
    )
    parser.add_argument(
        "--genres", type=names, metavar="A,B", help="learn these alone, separated by commas"
    )
    parser.add_argument(
        "--min-tracks", type=positive, default=10, help="a genre with fewer is not learned"
    )
    parser.add_argument(
        "--target-precision", type=fraction, default=0.9, help="the share of answers to be right"
    )
    parser.add_argument("--seed", type=whole_number, default=0, help="of the folds")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("models"),
        metavar="DIR",
        help="the folder that gets the bundle; default: models",
    )
    parser.add_argument(
        "--architecture",
        default="embeddings",
        metavar="NAME",
        help="embeddings, or a network to be trained from scratch; default: embeddings",
    )
    parser.add_argument("--epochs", type=positive, help="at most so many, from scratch")
    add_slicing_options(parser)
    parser.add_argument(
        "--play-history",
        action="store_true",
        help="what the list says of plays, rating and age counts beside the sound",
    )
    add_extraction_options(parser)
    add_dask(parser)
    parser.set_defaults(run=run_train)


def add_slicing_options(parser: argparse.ArgumentParser) -> None:
    """What a system hears of a song, and how its slices are weighed."""
    parser.add_argument(
        "--aggregation",
        choices=get_args(AggregationRule),
        help="how slices become a song; default: mean, or product for embeddings",
    )
    parser.add_argument(
        "--select-instances",
        type=share,
        metavar="P",
        help="learn from this share of each genre's slices, the easiest to tell",
    )
    parser.add_argument("--band", choices=get_args(Band), help="hear these frequencies alone")
    parser.add_argument(
        "--position", choices=get_args(Position), help="hear this part of each song"
    )
    parser.add_argument("--slice-seconds", type=float, metavar="S", help="the length of a slice")
    parser.add_argument("--slices-per-song", type=positive, metavar="N", help="at most so many")


def run_train(options: argparse.Namespace) -> int:
    """Read labels, hear, evaluate, fit, write a bundle; say what it is worth and where it is."""
    import msgspec

    from genre_model.evaluation.page.sentences import summary
    from genre_model.training.job import REPORT_HTML, TrainingJob, check_play_history
    from genre_model.training.networks.registry import default_rule, find_architecture
    from genre_model.training.training_set import HeadOptions

    check_writable(options.output)
    architecture = find_architecture(options.architecture)
    if architecture is not None and options.dask:
        raise GenreModelError(f"{architecture.name} learns on this machine alone: no --dask")
    wish = SlicingWish(
        options.band, options.position, options.slice_seconds, options.slices_per_song
    )
    labels_from = where_labels_are(options)
    found = find_tracks(options, labels_from, architecture)
    tracks, labelling = learnable(found, labels_from, options.genres, options.min_tracks)
    if options.play_history:
        check_play_history(tracks)
    if not options.json:
        say(overview(tracks, labelling.dropped))
        n_unlabelled = sum(not track.labels for track in found)
        say([NO_LABEL[labels_from].format(n=n_unlabelled)] if n_unlabelled else [])
    head_options = HeadOptions(
        target_precision=options.target_precision,
        seed=options.seed,
        rule=options.aggregation or default_rule(architecture),
        select=options.select_instances,
        play_history=options.play_history,
    )
    job = TrainingJob(tracks, labelling.dropped, head_options)
    if architecture is None:
        bundle, report, failures = learn_head(job, wish, options)
    else:
        bundle, report = learn_network(job, with_slices(architecture, wish), options)
        failures = []
    page = (bundle.directory / REPORT_HTML).resolve()
    if options.json:
        result = {
            "bundle": harmless(str(bundle.directory)),
            "page": harmless(str(page)),
            "not_extracted": failures,
            "report": report,
        }
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(result), indent=2).decode() + "\n")
    else:
        say([*summary(report), f"report: {page.as_uri()}", f"bundle: {bundle.directory}"])
    return 0


def where_labels_are(options: argparse.Namespace) -> LabelsFrom | Literal["list"]:
    """Whether folders, tags or a list say the genres.

    Raises:
        GenreModelError: A list does, and tags were asked for.
    """
    if options.music.suffix.lower() != ".csv" or options.music.is_dir():
        labels: LabelsFrom = options.labels or "folder"
        return labels
    if options.labels:
        raise GenreModelError(
            f"{options.music} is a list, which says the genres itself: no --labels"
        )
    return "list"


def find_tracks(
    options: argparse.Namespace,
    labels_from: LabelsFrom | Literal["list"],
    architecture: Architecture | None,
) -> list[LabelledTrack]:
    """The tracks of a list, of a folder of music, or of one of the paper's slices.

    Broken slices are named.

    Raises:
        GenreModelError: There are none, or the architecture does not take slices.
    """
    folder: Path = options.music
    if labels_from == "list":
        return listed_tracks(folder, options.threads)
    if any(find_audio([folder])) or not any(find_pictures(folder)):
        return folder_tracks(folder, labels_from, options.threads)
    if architecture is None or not takes_pictures(architecture.spectrogram, architecture.slices):
        raise GenreModelError(
            f"{folder} holds pictures, and {options.architecture} does not learn from them "
            "(pelchat2019 does)"
        )
    if labels_from != "folder":
        raise GenreModelError(f"{folder} holds pictures, which have no tags")
    tracks, problems = picture_tracks(folder, options.threads)
    rest = [f"and {len(problems) - N_FAILURES} more"] if len(problems) > N_FAILURES else []
    say(["not used: " + line for line in problems[:N_FAILURES]] + rest, error=True)
    return tracks


def learn_head(
    job: TrainingJob, wish: SlicingWish, options: argparse.Namespace
) -> tuple[Bundle, Report, list[str]]:
    """A head on the embeddings of the shipped network; with the files that cannot be heard."""
    from genre_model.model.bundle.store import SHIPPED, read_bundle
    from genre_model.model.classifier import Classifier
    from genre_model.training.head.bundle import train_head_bundle

    backbone = with_other_slices(read_bundle(SHIPPED), wish)
    extraction = extract_all(
        job.tracks,
        Classifier(backbone, lazily=True),
        options.cache,
        options.threads,
        options.dask,
    )
    bundle, report = train_head_bundle(job, extraction.extracted, backbone, options.output)
    return bundle, report, extraction.failures


def learn_network(
    job: TrainingJob, architecture: Architecture, options: argparse.Namespace
) -> tuple[Bundle, Report]:
    """A network from scratch, its epochs on standard error."""
    from genre_model.evaluation.page.sentences import epoch_line
    from genre_model.training.scratch.bundle import train_network_bundle

    return train_network_bundle(
        job,
        architecture,
        options.output,
        options.output / ".work" / architecture.name,
        lambda report: print(epoch_line(report), file=sys.stderr),
        options.epochs,
        lambda failure: say([f"not heard: {failure}"], error=True),
    )


def learnable(
    found: Sequence[LabelledTrack],
    labels_from: LabelsFrom | Literal["list"],
    wanted: tuple[str, ...] | None,
    min_tracks: int,
) -> tuple[list[LabelledTrack], Labelling]:
    """The tracks to learn from with their classes, and how the labels were read.

    The names of folders, and of a list, are taken as they stand: whoever sorts Rap and Hip Hop
    apart means it.

    Raises:
        GenreModelError: The labels leave nothing to tell apart.
    """
    raw = [track.labels for track in found]
    as_they_are = {name: name for labels in raw for name in labels}
    policy = LabelPolicy(
        wanted=wanted,
        min_tracks=min_tracks,
        renamed=as_they_are if labels_from != "tags" else {},
    )
    labelling = read_labels(raw, policy)
    pairs = zip(found, labelling.labels, strict=True)
    return [replace(track, labels=labels) for track, labels in pairs if labels], labelling


def check_writable(folder: Path) -> None:
    """Find out before hours of hearing whether the bundle can be written.

    Raises:
        GenreModelError: The folder, or the one that it is to be made in, takes no files.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise GenreModelError(f"cannot write to {folder}: {existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise GenreModelError(f"cannot write to {folder}: no permission")
