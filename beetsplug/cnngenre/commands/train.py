"""``beet cnntrain``: train a model on the genres of the user's own tracks."""

from __future__ import annotations

import optparse
import shlex
from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from beets import ui
from beets.library import Item, Library

from beetsplug.cnngenre.commands.options import (
    add_pretend,
    add_quiet,
    add_threads,
    configured,
    new_command,
)
from beetsplug.cnngenre.config import GENRES, UserError
from beetsplug.cnngenre.console import progress, say
from beetsplug.cnngenre.library import Tracks, matching_ids
from beetsplug.cnngenre.setup import Setup

if TYPE_CHECKING:
    from beetsplug.cnngenre.classify.labels import LabelsOf
    from beetsplug.cnngenre.session import Session
    from beetsplug.cnngenre.train_config import TrainOptions
    from genre_model.data.tracks import LabelledTrack
    from genre_model.model.classifier import Classifier
    from genre_model.model.song_features import SongFeatures
    from genre_model.training.flow import TrainingOptions, TrainingPlan, TrainingResult


N_DETAILS = 5
MIN_GENRES = 2


def command(setup: Setup) -> ui.Subcommand:
    """The command with its options; the other keys of the section ``train`` are for research."""
    cnntrain = new_command("cnntrain", "train a model on your own genres")
    parser = cnntrain.parser
    add_pretend(parser, "show what would be trained on; train nothing")
    parser.add_option(
        "--genres", dest="classes", metavar="NAMES", help="only these, separated by commas"
    )
    parser.add_option("--field", metavar="NAME", help="train on another field than genres")
    parser.add_option(
        "--positive", metavar="QUERY", help="learn to tell what it finds from the rest"
    )
    parser.add_option(
        "--min-tracks", type="int", metavar="N", help="a genre with fewer joins its parent"
    )
    parser.add_option("--name", metavar="NAME", help="what the new model is called")
    parser.add_option("--labels", metavar="WHICH", help="of several genres: the first, or any")
    parser.add_option(
        "--consolidate",
        metavar="HOW",
        help="train on few genres: the roots of beets' tree, or the paper's seven",
    )
    parser.add_option(
        "--architecture", metavar="NAME", help="embeddings, or a network from scratch"
    )
    parser.add_option("--epochs", type="int", metavar="N", help="from scratch: the most epochs")
    parser.add_option(
        "--target-precision",
        type="float",
        metavar="P",
        help="share of answers that should be right",
    )
    add_threads(parser)
    add_quiet(parser, "no progress bar")

    def run(lib: Library, opts: optparse.Values, args: list[str]) -> None:
        given = {key: value for key, value in vars(opts).items() if value is not None}
        shared = {key: given.pop(key) for key in configured(opts) if key in given}
        train(setup.session(**shared), setup.train_options(**given), lib, args)

    cnntrain.func = run
    return cnntrain


def train(session: Session, train_options: TrainOptions, lib: Library, query: list[str]) -> None:
    """Read labels, extract features, evaluate, fit, write a bundle, print its figures.

    Raises:
        UserError: No track matches the query, or there is no such field.
        GenreModelError: There is nothing to learn, or the bundle cannot be written.
    """
    from beetsplug.cnngenre.models.adoption import adopt, note_model_in_use
    from genre_model.evaluation.page.sentences import summary

    plan = plan_from_library(session, train_options, lib, query)
    if session.options.pretend:
        if len({label for track in plan.job.tracks for label in track.labels}) < MIN_GENRES:
            ui.print_("with fewer than two genres there is nothing to tell apart")
        return
    if plan.job.target == GENRES:
        note_model_in_use(session)
    result = run(session, plan)
    restricted = bool(query) or not plan.job.others
    try:  # first, because printing ends the command if its reader is gone (| head)
        consequence = adopt(session, plan.job, result, restricted=restricted)
    finally:
        for line in summary(result.report):
            say(line)
        ui.print_(f"report: {result.page.as_uri()}")
    ui.print_(consequence)


def plan_from_library(
    session: Session, train_options: TrainOptions, lib: Library, query: list[str]
) -> TrainingPlan:
    """The training plan for the labelled tracks; prints a table of their genres.

    Raises:
        UserError: No track matches the query, or there is no such field.
        GenreModelError: There is nothing to learn.
    """
    from beetsplug.cnngenre.classify.labels import labelled_tracks
    from beetsplug.cnngenre.classify.trees import genre_parents
    from beetsplug.cnngenre.existing_genres.labelled_verdicts import labels_in
    from beetsplug.cnngenre.models.adoption import model_in_use
    from beetsplug.cnngenre.models.bundles import backbone_bundle
    from beetsplug.cnngenre.tagging.fields import check_target
    from genre_model.core.text import count
    from genre_model.data.labels import LabelPolicy
    from genre_model.data.tracks import overview
    from genre_model.training.flow import plan_training

    field = train_options.field
    check_target(field)
    policy = LabelPolicy(
        which=train_options.labels,
        renamed=train_options.map,
        parents=genre_parents() if field == GENRES else {},
        wanted=train_options.classes,
        consolidate=train_options.consolidate,
        min_tracks=train_options.min_tracks,
    )
    items = Tracks(lib, matching_ids(lib, query))
    if query and not items:
        raise UserError("cnntrain: no track matches the query")
    labels_of, to_show = label_reader(lib, train_options), bool(session.options.pretend)
    if train_options.positive is None and field in Item._fields:  # SQLite reads such labels fast
        items = items.only({key for key, labels in labels_in(items, field, labels_of) if labels})
    tracks, labelling, n_ours = labelled_tracks(items, labels_of, field, policy, to_show=to_show)
    plan = plan_training(
        tracks,
        engine_options(train_options),
        dropped=labelling.dropped,
        target=field,
        backbone=backbone_bundle(),
        tree=policy.parents,
        in_use=model_in_use(session, field),
        name=free_name(session, train_options.name),
    )
    for line in overview(tracks, labelling.dropped):
        say(line)
    if n_ours:
        ui.print_(f"not used, as cnngenre labelled them: {count(n_ours, 'track')}")
    return plan


def engine_options(chosen: TrainOptions) -> TrainingOptions:
    """The configured options, in the form that the engine takes."""
    from genre_model.training.flow import TrainingOptions
    from genre_model.training.slicing_overrides import SlicingOverrides

    return TrainingOptions(
        architecture=chosen.architecture,
        aggregation=chosen.aggregation,
        select_instances=chosen.select_instances,
        play_history=chosen.play_history,
        target_precision=chosen.target_precision,
        seed=chosen.seed,
        epochs=chosen.epochs,
        slicing=SlicingOverrides(
            chosen.band, chosen.position, chosen.slice_seconds, chosen.slices_per_song
        ),
        others=chosen.others and chosen.classes is None,
    )


def free_name(session: Session, name: str | None) -> str | None:
    """The name that the user gives to the new model; None if the user gives none.

    Raises:
        UserError: The name is taken, or cannot be a folder's name.
    """
    from beetsplug.cnngenre.models.in_use import SHIPPED_NAME
    from genre_model.model.bundle.audit import is_file_name

    if name is None:
        return None
    if not is_file_name(name):
        raise UserError(f"cnntrain: {name} is no name: letters, digits, hyphens and full stops")
    if name == SHIPPED_NAME or (session.folders.models / name).exists():
        raise UserError(f"cnntrain: there is a model {name} already")
    return name


def run(session: Session, plan: TrainingPlan) -> TrainingResult:
    """Run the training; an interrupted training from scratch is resumed."""
    from genre_model.evaluation.page.sentences import epoch_line
    from genre_model.training.events import TrainingEvents
    from genre_model.training.flow import run_training

    return run_training(
        plan,
        session.folders.models,
        lambda tracks, classifier: extract(session, tracks, classifier),
        TrainingEvents(
            on_epoch=lambda report: ui.print_(epoch_line(report)),
            on_failure=lambda failure: session.warn(f"not used: {failure}"),
            on_note=ui.print_,
        ),
        work=session.folders.work,
    )


def label_reader(lib: Library, options: TrainOptions) -> LabelsOf:
    """How the tracks are labelled: by a field, or by whether a query finds them.

    Raises:
        UserError: The library has no such field, or the query is invalid or finds nothing.
    """
    from beetsplug.cnngenre.classify.labels import field_labels, query_labels

    if options.positive is not None:
        found = set(matching_ids(lib, words_of(options.positive)))
        if not found:
            raise UserError(f'cnntrain: no track matches "{options.positive}"')
        return query_labels(found)
    field, labels_of = options.field, field_labels(options.field)
    if field in Item.all_keys() or any(map(labels_of, Tracks(lib, matching_ids(lib, [])))):
        return labels_of
    raise UserError(f"cnntrain: no track has a field {field}")


def words_of(query: str) -> list[str]:
    """The words of a query, split as beets splits it.

    Raises:
        UserError: A quotation is not closed.
    """
    try:
        return shlex.split(query)
    except ValueError as error:
        raise UserError(f"cnntrain: {query}: {error}") from error


def extract(
    session: Session, tracks: Sequence[LabelledTrack], classifier: Classifier
) -> list[tuple[LabelledTrack, SongFeatures]]:
    """The features of the tracks, from the cache or extracted; failures are logged.

    Raises:
        GenreModelError: The network or the cluster cannot be used.
    """
    from genre_model.core.text import first_and_rest
    from genre_model.extraction.extractor import Effort
    from genre_model.extraction.pools import extract_tracks

    options = session.options
    failures: list[str] = []
    with ExitStack() as stack:
        cache = session.cache()
        if cache is not None:
            stack.enter_context(closing(cache))
        bar = stack.enter_context(progress(len(tracks), quiet=options.quiet))

        def on_track(track: LabelledTrack, error: str | None) -> None:
            bar.update()
            if error is not None:
                name = " - ".join(filter(None, (track.artist, track.title))) or track.path.name
                failures.append(f"{name}: {error}")

        extracted = extract_tracks(
            tracks,
            classifier,
            on_track,
            cache=cache,
            effort=Effort(time_limit_s=options.time_limit),
            n_workers=options.threads,
            dask=options.dask,
            report_bug=session.report_bug,
        )
        session.warn_if_full(cache)
    for line in first_and_rest(failures, N_DETAILS):
        session.warn(line)
    return extracted
