"""``beet cnntrain``: learn the user's own genres from the tracks that they have labelled."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from beets import ui
from beets.library import Item, Library

from beetsplug.cnngenre.console import progress, say
from beetsplug.cnngenre.options import GENRES, UserError
from beetsplug.cnngenre.tagging import check_target, own_name

if TYPE_CHECKING:
    from beetsplug.cnngenre import CnnGenrePlugin
    from beetsplug.cnngenre.options import Options, TrainOptions
    from beetsplug.cnngenre.training import LabelsOf
    from genre_model.architectures import Architecture
    from genre_model.bundle import Bundle
    from genre_model.classifier import Heard
    from genre_model.dataset import LabelledTrack
    from genre_model.make_bundle import Job
    from genre_model.report import Report
    from genre_model.training import HeadOptions

N_DETAILS = 5


def train(plugin: CnnGenrePlugin, lib: Library, query: list[str]) -> None:
    """Read labels, hear tracks, evaluate, fit, write a bundle, print what it is worth.

    Raises:
        UserError: There is nothing to learn, or the bundle cannot be written.
    """
    from beetsplug.cnngenre.options import read_train_options
    from beetsplug.cnngenre.training import beets_tree, labelled_tracks
    from genre_model.bundle import Bundle
    from genre_model.dataset import overview
    from genre_model.errors import GenreModelError
    from genre_model.labels import LabelPolicy
    from genre_model.make_bundle import REPORT_HTML, Job, check_listening
    from genre_model.report_words import summary

    options, train_options = plugin.options(), read_train_options(plugin.config["train"])
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
        if train_options.listening:
            check_listening(tracks)
        for line in overview(tracks, labelling.dropped):
            say(line)
        if n_ours:
            ui.print_(f"{n_ours} tracks that cnngenre labelled itself are not used")
        if options.pretend:
            return
        job = Job(tracks, labelling.dropped, head_options(train_options), train_options.field)
        if isinstance(system, Bundle):
            bundle, report = learn_head(plugin, options, job, system)
        else:
            bundle, report = learn_network(plugin, job, system, train_options.epochs)
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
    from beetsplug.cnngenre.models import backbone_bundle
    from genre_model.adjust import SlicingWish, with_other_slices, with_slices
    from genre_model.architectures import find_architecture

    wish = SlicingWish(
        options.band, options.position, options.slice_seconds, options.slices_per_song
    )
    architecture = find_architecture(options.architecture)
    if architecture is None:
        return with_other_slices(backbone_bundle(), wish)
    return with_slices(architecture, wish)


def head_options(options: TrainOptions) -> HeadOptions:
    """The settings of the training."""
    from genre_model.architectures import default_rule, find_architecture
    from genre_model.training import HeadOptions

    return HeadOptions(
        target_precision=options.target_precision,
        seed=options.seed,
        rule=options.aggregation or default_rule(find_architecture(options.architecture)),
        select=options.select_instances,
        listening=options.listening,
    )


def learn_head(
    plugin: CnnGenrePlugin, options: Options, job: Job, backbone: Bundle
) -> tuple[Bundle, Report]:
    """A head on the embeddings of the shipped network."""
    from genre_model.make_bundle import train_head_bundle

    heard = hear(plugin, options, job.tracks, backbone)
    return train_head_bundle(job, heard, backbone, plugin.models_folder())


def learn_network(
    plugin: CnnGenrePlugin, job: Job, architecture: Architecture, epochs: int | None
) -> tuple[Bundle, Report]:
    """A network from scratch; what was interrupted goes on where it was."""
    from genre_model.network_bundle import train_network_bundle
    from genre_model.report_words import epoch_line

    work = plugin.models_folder().parent / "work" / architecture.name
    return train_network_bundle(
        job,
        architecture,
        plugin.models_folder(),
        work,
        lambda report: ui.print_(epoch_line(report)),
        epochs,
        lambda failure: plugin._log.warning("{}", failure),
    )


def label_reader(lib: Library, options: TrainOptions) -> LabelsOf:
    """How the tracks are labelled: by a field, or by whether a query finds them.

    Raises:
        UserError: The library has no such field, or the query finds nothing.
    """
    from beetsplug.cnngenre.training import field_labels, query_labels

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
    from beetsplug.cnngenre.models import answers

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


def hear(
    plugin: CnnGenrePlugin, options: Options, tracks: Sequence[LabelledTrack], backbone: Bundle
) -> list[tuple[LabelledTrack, Heard]]:
    """What is heard of the tracks, by way of the cache; the others are warned of and counted.

    Raises:
        GenreModelError: The network or the cluster cannot be used.
    """
    from genre_model.classifier import Classifier
    from genre_model.cluster import ears_for
    from genre_model.hearing import Effort
    from genre_model.make_bundle import hear_tracks

    failures: list[str] = []
    with ExitStack() as stack:
        cache = plugin.cache(options)
        if cache is not None:
            stack.enter_context(closing(cache))
        ears = ears_for(
            Classifier(backbone, lazily=True),
            cache,
            Effort(time_limit_s=options.time_limit),
            n_workers=options.threads,
            n_files=len(tracks),
            dask=options.dask,
        )
        stack.enter_context(closing(ears))
        bar = stack.enter_context(progress(len(tracks), quiet=options.quiet))

        def on_track(track: LabelledTrack, error: str | None) -> None:
            bar.update()
            if error is not None:
                failures.append(f"{track.artist} - {track.title}: {error}")

        heard = list(hear_tracks(tracks, ears, on_track, plugin.report_bug))
    for failure in failures[:N_DETAILS]:
        plugin._log.warning("{}", failure)
    if len(failures) > N_DETAILS:
        plugin._log.warning("and {} more", len(failures) - N_DETAILS)
    return heard
