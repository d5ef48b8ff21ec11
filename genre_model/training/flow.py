"""Train on labelled tracks and write a bundle with its report; used by every interface.

:func:`plan_training` checks everything that can be checked before hours of work,
:func:`run_training` does the work, and :func:`train` does both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from genre_model.core.errors import GenreModelError
from genre_model.core.specs import AggregationRule, Band, Position
from genre_model.data.folds import SplitBy
from genre_model.data.genre_names import cleaned
from genre_model.data.tracks import LabelledTrack
from genre_model.evaluation.out_of_fold import fingerprint_of
from genre_model.evaluation.report import Report
from genre_model.model.bundle.audit import MAX_GENRES, MAX_NAME
from genre_model.model.bundle.store import REPORT_HTML, SHIPPED, Bundle, load_bundle
from genre_model.model.classifier import Classifier
from genre_model.model.song_features import SongFeatures
from genre_model.training.copies import without_copies
from genre_model.training.events import SILENT, OnEpoch, OnFailure, TrainingEvents, ignore
from genre_model.training.job import TrainingJob, check_play_history
from genre_model.training.networks.base import Architecture, with_training
from genre_model.training.networks.registry import (
    ARCHITECTURES,
    EMBEDDINGS,
    default_rule,
    find_architecture,
)
from genre_model.training.slicing_overrides import (
    SlicingOverrides,
    override_bundle,
    override_slicing,
)
from genre_model.training.training_set import HeadOptions

Extracted = Sequence[tuple[LabelledTrack, SongFeatures]]
# Extracts the features of tracks; those that fail are left out.
Extract = Callable[[Sequence[LabelledTrack], Classifier], Extracted]

AS_MADE = SlicingOverrides()

MAX_SEED = 2**32 - 1  # the largest seed that Keras takes


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """The user's choices for a training.

    Attributes:
        architecture: ``embeddings`` (a head on the shipped network) or a network's name.
        aggregation: The rule that combines slices into a song; None for the rule that was measured
            to be best.
        select_instances: The share, above 0 and up to 1, of each genre's slices to train on, the
            easiest first; None for all.
        play_history: Whether plays, rating and age are features in addition to the audio.
        target_precision: The share of the accepted answers that should be right, 0 to 1.
        seed: The random seed of the folds and, from scratch, of the weights; 0 to ``MAX_SEED``.
        epochs: The most epochs of a training from scratch; None for the architecture's number.
        slicing: Changes to the system's own choice of slices.
        split_by: What is never on both sides of a split; None for the artist, if there are enough.
        others: Whether the model also answers the shipped model's genres that no label covers.
        fast: Whether a training from scratch need not be reproducible: it calculates in bfloat16,
            and on a GPU in any order.
    """

    architecture: str = EMBEDDINGS
    aggregation: AggregationRule | None = None
    select_instances: float | None = None
    play_history: bool = False
    target_precision: float = 0.9
    seed: int = 0
    epochs: int | None = None
    slicing: SlicingOverrides = AS_MADE
    others: bool = True
    split_by: SplitBy | None = None
    fast: bool = False

    def head_options(self) -> HeadOptions:
        """The settings of the fit and the calibration."""
        return HeadOptions(
            target_precision=self.target_precision,
            seed=self.seed,
            rule=self.aggregation or default_rule(find_architecture(self.architecture)),
            select=self.select_instances,
            play_history=self.play_history,
            split_by=self.split_by,
        )


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """A checked job, and the system to train.

    ``system`` is an architecture to train from scratch, or the bundle whose network the head is
    fitted on.
    """

    job: TrainingJob
    system: Architecture | Bundle
    epochs: int | None = None


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """The bundle that was written, and its report."""

    bundle: Bundle
    report: Report

    @property
    def page(self) -> Path:
        """The absolute path of the report's HTML page."""
        return (self.bundle.directory / REPORT_HTML).resolve()


def chosen_system(
    options: TrainingOptions, backbone: Bundle | None = None
) -> Architecture | Bundle:
    """The system to train, with the chosen slices and arithmetic.

    Raises:
        GenreModelError: There is no such architecture, or the slices make no sense for it.
    """
    architecture = find_architecture(options.architecture)
    if architecture is None:
        return override_bundle(backbone or load_bundle(SHIPPED), options.slicing)
    if options.fast:
        architecture = with_training(architecture, exact=False)
    return override_slicing(architecture, options.slicing)


def plan_training(
    tracks: Sequence[LabelledTrack],
    options: TrainingOptions,
    *,
    dropped: Mapping[str, tuple[int, str]] | None = None,
    target: str = "genres",
    backbone: Bundle | None = None,
    tree: Mapping[str, str] | None = None,
    in_use: Bundle | None = None,
    name: str | None = None,
) -> TrainingPlan:
    """Check a training before it begins.

    Args:
        tracks: What to learn from; every track has at least one label.
        options: The user's choices.
        dropped: Labels that are not used, for the report: label -> (tracks, why).
        target: The field that the model predicts.
        backbone: The bundle whose network a head is fitted on; None for the shipped one.
        tree: Which genres are subgenres of which: child -> parent, canonical.
        in_use: A model to compare the new one with, in addition to the backbone.
        name: The name of the new bundle's folder; None for its id, which begins with the time.

    Raises:
        GenreModelError: An option is impossible, a label cannot be learned, or no track has a play
            history although it is to be used.
    """
    check_choices(options)
    check_labels(tracks)
    system = chosen_system(options, backbone)
    if options.play_history:
        check_play_history(tracks)
    if options.split_by == "slice" and isinstance(system, Bundle):
        raise GenreModelError(
            "embeddings learns from whole songs: only a network from scratch is split by slice"
        )
    job = TrainingJob(
        tracks,
        dropped or {},
        options.head_options(),
        target,
        tree or {},
        options.others and target == "genres",  # the shipped model's genres are no moods, say
        in_use,
        name,
    )
    return TrainingPlan(job, system, options.epochs)


def check_choices(options: TrainingOptions) -> None:
    """Check the options before the work begins.

    Raises:
        GenreModelError: An option has an impossible value.
    """
    slicing = options.slicing
    choices = {
        "aggregation": (options.aggregation, AggregationRule),
        "split by": (options.split_by, SplitBy),
        "band": (slicing.band, Band),
        "position": (slicing.position, Position),
    }
    for name, (chosen, kind) in choices.items():
        if chosen not in (None, *get_args(kind)):
            raise GenreModelError(f"there is no {name} {chosen}")
    numbers = {"epochs": options.epochs, "slices_per_song": slicing.slices_per_song}
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise GenreModelError(f"{name} must be at least 1")
    if options.select_instances is not None and not 0 < options.select_instances <= 1:
        raise GenreModelError("select_instances must be above 0 and at most 1")
    if not 0 <= options.target_precision <= 1:
        raise GenreModelError("target_precision must be from 0 to 1")
    if not 0 <= options.seed <= MAX_SEED:
        raise GenreModelError(f"seed must be from 0 to {MAX_SEED}")


def check_labels(tracks: Sequence[LabelledTrack]) -> None:
    """Check before the work begins that the labels can be learned.

    Raises:
        GenreModelError: A track has no label, or one that a bundle cannot hold, or there are too
            many different labels.
    """
    for track in tracks:
        if not track.labels:
            raise GenreModelError(f"{track.path}: it has no label")
        for label in track.labels:
            if len(label) > MAX_NAME:
                raise GenreModelError(f"{track.path}: its label has more than {MAX_NAME} letters")
            if not label or label != cleaned(label):
                raise GenreModelError(f"{track.path}: the label {label!r} cannot be kept")
    if len({label for track in tracks for label in track.labels}) > MAX_GENRES:
        raise GenreModelError(f"more than {MAX_GENRES} genres cannot be learned")


def run_training(
    plan: TrainingPlan,
    models: Path,
    extract: Extract,
    events: TrainingEvents = SILENT,
    work: Path | None = None,
) -> TrainingResult:
    """Extract, train, evaluate, and write a bundle into a folder of its own in ``models``.

    Args:
        plan: The checked training.
        models: The folder that gets the bundle; it is created if it does not exist.
        extract: Extracts the features of tracks, for a head.
        events: The callbacks.
        work: The folder for slices and checkpoints of trainings from scratch, with a subfolder for
            each architecture; None for ``models/.work``.

    Raises:
        GenreModelError: Too few tracks can be used, a library is missing, the bundle cannot be
            written, or the same training from scratch is in progress.
    """
    if isinstance(plan.system, Bundle):
        from genre_model.training.head.bundle import train_head_bundle

        extracted = extract(plan.job.tracks, Classifier(plan.system, lazily=True))
        extracted = with_fingerprints(extracted)
        fingerprints = [sound.fingerprint for _, sound in extracted]
        kept = without_copies(extracted, fingerprints, events.on_failure)
        return TrainingResult(*train_head_bundle(plan.job, kept, plan.system, models))
    from genre_model.training.scratch.bundle import train_network_bundle
    from genre_model.training.scratch.work_folder import forget_abandoned

    work = work or models / ".work"
    finished = train_network_bundle(
        plan.job, plan.system, models, work / plan.system.name, events, plan.epochs
    )
    for architecture in ARCHITECTURES:
        forget_abandoned(work / architecture)
    return TrainingResult(*finished)


def with_fingerprints(extracted: Extracted) -> Extracted:
    """The same, with fingerprints for the tracks whose features did not come through a cache."""
    return [
        (track, sound)
        if sound.fingerprint is not None
        else (track, replace(sound, fingerprint=fingerprint_of(track.path)))
        for track, sound in extracted
    ]


def train(
    tracks: Sequence[LabelledTrack],
    models: Path,
    options: TrainingOptions = TrainingOptions(),
    *,
    on_epoch: OnEpoch = ignore,
    on_failure: OnFailure = ignore,
) -> TrainingResult:
    """Train on labelled tracks and write a bundle into the folder ``models``.

    Args:
        tracks: What to learn from; every track has at least one label, which is its class.
        models: The folder in which the bundle gets a folder of its own.
        options: The choices; by default a head on the shipped network's embeddings, which takes
            seconds after the extraction.
        on_epoch: Gets the report of each epoch of a training from scratch.
        on_failure: Gets a sentence about each track that cannot be used.

    Raises:
        GenreModelError: An option is impossible, too few tracks or genres can be used, a library
            is missing, or the bundle cannot be written.
    """
    from genre_model.extraction.pools import extract_locally

    def extract(tracks: Sequence[LabelledTrack], classifier: Classifier) -> Extracted:
        return extract_locally(tracks, classifier, on_failure)

    plan = plan_training(tracks, options)
    events = TrainingEvents(on_epoch=on_epoch, on_failure=on_failure)
    return run_training(plan, models, extract, events)
