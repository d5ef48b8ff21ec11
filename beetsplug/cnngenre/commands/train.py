"""``beet cnntrain``: learn the user's own genres from the tracks that they have labelled."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from beets import ui
from beets.library import Item, Library

from beetsplug.cnngenre.config import GENRES, UserError
from beetsplug.cnngenre.console import progress, say
from beetsplug.cnngenre.tagging.fields import check_target, own_name

if TYPE_CHECKING:
    from beetsplug.cnngenre.classify.labels import LabelsOf
    from beetsplug.cnngenre.config import Options, TrainOptions
    from beetsplug.cnngenre.session import Session
    from genre_model.data.tracks import LabelledTrack
    from genre_model.evaluation.report import Report
    from genre_model.model.bundle.store import Bundle
    from genre_model.model.classifier import SongFeatures
    from genre_model.training.job import TrainingJob
    from genre_model.training.networks.base import Architecture
    from genre_model.training.training_set import HeadOptions


N_DETAILS = 5


def train(session: Session, train_options: TrainOptions, lib: Library, query: list[str]) -> None:
    """Read labels, extract features, evaluate, fit, write a bundle, print what it is worth.

    Raises:
        UserError: There is nothing to learn, or the bundle cannot be written.
    """
    from beetsplug.cnngenre.classify.labels import beets_tree, labelled_tracks
    from genre_model.core.errors import GenreModelError
    from genre_model.data.labels import LabelPolicy
    from genre_model.data.tracks import overview
    from genre_model.evaluation.page.sentences import summary
    from genre_model.model.bundle.store import Bundle
    from genre_model.training.job import REPORT_HTML, TrainingJob, check_play_history

    options = session.options
    policy = LabelPolicy(
        which=train_options.labels,
        renamed=train_options.map,
        parents=beets_tree() if train_options.field == GENRES else {},
        wanted=train_options.classes,
        consolidate=train_options.consolidate,
        min_tracks=train_options.min_tracks,
    )
    check_target(train_options.field)
    try:
        system = wished_system(train_options)
        tracks, labelling, n_ours = labelled_tracks(
            lib.items(query), label_reader(lib, train_options), train_options.field, policy
        )
        if train_options.play_history:
            check_play_history(tracks)
        for line in overview(tracks, labelling.dropped):
            say(line)
        if n_ours:
            ui.print_(f"{n_ours} tracks that cnngenre labelled itself are not used")
        if options.pretend:
            return
        job = TrainingJob(
            tracks, labelling.dropped, head_options(train_options), train_options.field
        )
        if isinstance(system, Bundle):
            bundle, report = learn_head(session, job, system)
        else:
            bundle, report = learn_network(session, job, system, train_options.epochs)
    except GenreModelError as error:
        raise UserError(f"cnntrain: {error}") from error
    for line in summary(report):
        say(line)
    ui.print_(f"report: {(bundle.directory / REPORT_HTML).as_uri()}")
    ui.print_(how_to_use(bundle, train_options.field, options))


def wished_system(options: TrainOptions) -> Architecture | Bundle:
    """What is trained, with its slices as wished: an architecture, or a head on a bundle's network.

    Raises:
        GenreModelError: There is no such architecture, or the slices make no sense for it.
    """
    from beetsplug.cnngenre.classify.models import backbone_bundle
    from genre_model.training.networks.registry import find_architecture
    from genre_model.training.slicing_overrides import SlicingWish, with_other_slices, with_slices

    wish = SlicingWish(
        options.band, options.position, options.slice_seconds, options.slices_per_song
    )
    architecture = find_architecture(options.architecture)
    if architecture is None:
        return with_other_slices(backbone_bundle(), wish)
    return with_slices(architecture, wish)


def head_options(options: TrainOptions) -> HeadOptions:
    """The settings of the training."""
    from genre_model.training.networks.registry import default_rule, find_architecture
    from genre_model.training.training_set import HeadOptions

    return HeadOptions(
        target_precision=options.target_precision,
        seed=options.seed,
        rule=options.aggregation or default_rule(find_architecture(options.architecture)),
        select=options.select_instances,
        play_history=options.play_history,
    )


def learn_head(session: Session, job: TrainingJob, backbone: Bundle) -> tuple[Bundle, Report]:
    """A head on the embeddings of the shipped network."""
    from genre_model.training.head.bundle import train_head_bundle

    extracted = extract(session, job.tracks, backbone)
    return train_head_bundle(job, extracted, backbone, session.folders.models)


def learn_network(
    session: Session, job: TrainingJob, architecture: Architecture, epochs: int | None
) -> tuple[Bundle, Report]:
    """A network from scratch; what was interrupted goes on where it was."""
    from genre_model.evaluation.page.sentences import epoch_line
    from genre_model.training.scratch.bundle import train_network_bundle

    work = session.folders.work / architecture.name
    return train_network_bundle(
        job,
        architecture,
        session.folders.models,
        work,
        lambda report: ui.print_(epoch_line(report)),
        epochs,
        session.warn,
    )


def label_reader(lib: Library, options: TrainOptions) -> LabelsOf:
    """How the tracks are labelled: by a field, or by whether a query finds them.

    Raises:
        UserError: The library has no such field, or the query finds nothing.
    """
    from beetsplug.cnngenre.classify.labels import field_labels, query_labels

    if options.positive is not None:
        found = lib.items(options.positive)
        if not found:
            raise UserError(f'cnntrain: no track matches "{options.positive}"')
        return query_labels({item.id for item in found})
    if options.field not in Item.all_keys() and not lib.items(f"{options.field}::."):
        raise UserError(f"cnntrain: no track has a field {options.field}")
    return field_labels(options.field)


def how_to_use(bundle: Bundle, field: str, options: Options) -> str:
    """The sentence after a training."""
    from beetsplug.cnngenre.classify.models import answers

    name = bundle.directory.name
    if field != GENRES:
        return f"beet cnngenre --model {name} writes the field {own_name(field)}, and no genres"
    if options.model is not None:
        return f"cnngenre goes on with the configured model; --model {name} uses this one"
    if not answers(bundle, options.threshold):
        return (
            "cnngenre goes on without it, as it would answer nothing: more labels may help, or "
            f"--model {name} --threshold 0.7"
        )
    return f"cnngenre uses it from now on; --model {name} names it when there is a newer one"


def extract(
    session: Session, tracks: Sequence[LabelledTrack], backbone: Bundle
) -> list[tuple[LabelledTrack, SongFeatures]]:
    """What is heard of the tracks, by way of the cache; the others are warned of and counted.

    Raises:
        GenreModelError: The network or the cluster cannot be used.
    """
    from genre_model.extraction.dask_workers import pool_for
    from genre_model.extraction.extractor import Effort
    from genre_model.extraction.workers import extract_tracks
    from genre_model.model.classifier import Classifier

    options = session.options
    failures: list[str] = []
    with ExitStack() as stack:
        cache = session.cache()
        if cache is not None:
            stack.enter_context(closing(cache))
        pool = pool_for(
            Classifier(backbone, lazily=True),
            cache,
            Effort(time_limit_s=options.time_limit),
            n_workers=options.threads,
            n_files=len(tracks),
            dask=options.dask,
        )
        stack.enter_context(closing(pool))
        bar = stack.enter_context(progress(len(tracks), quiet=options.quiet))

        def on_track(track: LabelledTrack, error: str | None) -> None:
            bar.update()
            if error is not None:
                failures.append(f"{track.artist} - {track.title}: {error}")

        extracted = list(extract_tracks(tracks, pool, on_track, session.report_bug))
    for failure in failures[:N_DETAILS]:
        session.warn(failure)
    if len(failures) > N_DETAILS:
        session.warn(f"and {len(failures) - N_DETAILS} more")
    return extracted
