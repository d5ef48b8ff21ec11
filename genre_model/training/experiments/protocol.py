"""One training of an experiment: train, and store the answers on the test songs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Float32
from genre_model.core.errors import GenreModelError
from genre_model.core.files import whole_file, writing
from genre_model.data.folds import group_of
from genre_model.data.tracks import LabelledTrack
from genre_model.evaluation.report import EpochReport
from genre_model.training.events import SILENT, OnStep, TrainingEvents
from genre_model.training.experiments.condition import Condition, content_or_name
from genre_model.training.experiments.division import (
    N_TENTHS,
    Division,
    divide,
    share_of,
    shuffled,
)
from genre_model.training.experiments.machine import machine
from genre_model.training.experiments.relabel import classes_of, label_of, relabelled
from genre_model.training.experiments.results.outcome import (
    Answers,
    Facts,
    Outcome,
    packed,
    read_outcome,
)
from genre_model.training.networks.base import Architecture, require_learner
from genre_model.training.scratch.learn import TrainedNetwork, learn
from genre_model.training.scratch.slice_store import (
    SkippedTrack,
    StoredTrack,
    candidate_genres,
    check_parts,
    store_tracks,
)
from genre_model.training.scratch.train import select_slices
from genre_model.training.scratch.work_folder import locked
from genre_model.training.training_set import accuracy_of_slices

SECONDS = "seconds"  # a file in the work folder


def outcome_of(
    condition: Condition,
    tracks: Sequence[LabelledTrack],
    seed: int,
    folder: Path,
    events: TrainingEvents = SILENT,
) -> Outcome:
    """Train and test, or read the answers if they are stored in the folder already.

    The checkpoint stays, for conditions that share the training; see :func:`forget_training`.

    Raises:
        GenreModelError: A library is missing, too few tracks can be used, the folder cannot be
            written, or the same training is in progress.
    """
    file = answers_file(condition, tracks, seed, folder)
    if file.exists():
        return read_outcome(file)
    work = work_folder(condition, tracks, seed, folder)
    with locked(work):
        outcome = train_and_test(condition, tracks, seed, work, folder, events)
    with writing(file.parent), whole_file(file) as target:
        target.write(packed(outcome))
    return outcome


def answers_file(
    condition: Condition, tracks: Sequence[LabelledTrack], seed: int, folder: Path
) -> Path:
    """The file that stores the answers of a training."""
    return folder / "answers" / f"{condition.key(seed, tracks)}.npz"


def work_folder(
    condition: Condition, tracks: Sequence[LabelledTrack], seed: int, folder: Path
) -> Path:
    """The folder of a training's checkpoint."""
    return folder / "work" / condition.training_key(seed, tracks)


def forget_training(
    condition: Condition, tracks: Sequence[LabelledTrack], seed: int, folder: Path
) -> None:
    """Remove the checkpoint of a training, and the folder of all checkpoints if it is empty."""
    work = work_folder(condition, tracks, seed, folder)
    shutil.rmtree(work, ignore_errors=True)
    if work.parent.is_dir() and not any(work.parent.iterdir()):
        work.parent.rmdir()


@dataclass(frozen=True, slots=True, eq=False)
class TrainingRun:
    """A trained system, the tracks that it was trained on, and how long that took."""

    network: TrainedNetwork
    tracks: Sequence[StoredTrack]
    seconds: float

    def accuracy(self) -> float:
        """The share of the slices' votes that are right, on the training's own tracks."""
        logits = (self.network.logits(track.slices()) for track in self.tracks)
        return accuracy_of_slices(logits, [track.candidates for track in self.tracks])


def train_and_test(
    condition: Condition,
    given: Sequence[LabelledTrack],
    seed: int,
    work: Path,
    folder: Path,
    events: TrainingEvents,
) -> Outcome:
    """Train in the folder ``work``, and test; see :func:`outcome_of`."""
    require_learner(condition.architecture)
    tracks = relabelled(given, condition.labels, condition.liked)
    genres = tuple(sorted({track.label for track in tracks}))
    stored, skipped = stored_tracks(condition.architecture, tracks, genres, folder, events.on_step)
    for track in skipped:
        events.on_failure(f"{track.path.name}: {track.reason}")
    division = divided(condition, stored, seed)
    trained = train(condition, division, seed, work, events)
    right_in_training = trained.accuracy()
    parts = parts_to_judge(condition, division, genres, folder, events.on_step)
    classes = broader_classes(condition, given, genres)
    learned = trained.network
    began = time.perf_counter()
    validation, test, untouched = (answers_to(learned.logits, part, classes) for part in parts)
    answering_s = time.perf_counter() - began
    learned.forget()
    if validation is None or test is None:
        raise GenreModelError("no song of the test can be used")
    n_answered = sum(len(part.truth) for part in (validation, test, untouched) if part)
    facts = Facts(
        genres=classes.genres,
        n_weights=learned.n_weights,
        n_training_slices=sum(len(track.indices) for track in trained.tracks),
        n_training_songs=len(trained.tracks),
        epochs=len(learned.history),
        best_epoch=learned.best_epoch,
        kept_epoch=learned.kept_epoch,
        training_accuracy=right_in_training,
        training_s=trained.seconds,
        answering_s=answering_s * len(test.truth) / n_answered,
        n_not_extracted=len(skipped),
        machine=machine(condition.architecture.learner),
        split_by=condition.split_by,
    )
    return Outcome(facts, validation, test, untouched)


def train(
    condition: Condition, division: Division, seed: int, work: Path, events: TrainingEvents
) -> TrainingRun:
    """Train in the folder ``work``, or go on with the checkpoint that it has.

    Raises:
        GenreModelError: The folder cannot be written.
    """
    architecture = condition.architecture
    learners = [*division.training, *(replace(t, validation=True) for t in division.validation)]
    start = time.perf_counter()
    if condition.select is not None:
        learners = select_slices(architecture, learners, condition.select, work, seed=seed)
    before_s = seconds_so_far(work)

    def on_epoch(report: EpochReport) -> None:
        note_seconds(work, before_s + time.perf_counter() - start)
        events.on_epoch(report)

    learned = learn(
        architecture, learners, work, seed=seed, events=replace(events, on_epoch=on_epoch)
    )
    # A network whose checkpoint is complete was not trained now.
    seconds = seconds_so_far(work) or time.perf_counter() - start
    return TrainingRun(learned, [track for track in learners if not track.validation], seconds)


def parts_to_judge(
    condition: Condition,
    division: Division,
    genres: Sequence[str],
    folder: Path,
    on_step: OnStep,
) -> list[list[StoredTrack]]:
    """Validation, test and untouched part, with the slices that the test takes."""
    parts = [division.validation, division.test, division.untouched]
    if condition.test_slices is None:
        return parts
    other = replace(condition.architecture, slices=condition.test_slices)
    return [
        stored_tracks(other, [t.track for t in part], genres, folder, on_step)[0] for part in parts
    ]


def seconds_so_far(work: Path) -> float:
    """How long the epochs took whose network is in the checkpoint; 0 if that was not noted."""
    try:
        return float((work / SECONDS).read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):  # a killed process may leave an empty file
        return 0.0


def note_seconds(work: Path, seconds: float) -> None:
    """Keep how long a training has taken, for a process that goes on with it.

    Raises:
        GenreModelError: The folder cannot be written.
    """
    with writing(work):
        (work / SECONDS).write_text(f"{seconds:.1f}", encoding="ascii")


def divided(condition: Condition, stored: Sequence[StoredTrack], seed: int) -> Division:
    """The tracks for each purpose.

    Raises:
        GenreModelError: There are too few tracks.
    """
    division = divide(stored, condition.split_by, seed, condition.shares)
    division = replace(division, training=share_of(division.training, condition.share, seed))
    if condition.order == "shuffled":
        division = shuffled(division, seed)
    check_parts([*division.training, *(replace(t, validation=True) for t in division.validation)])
    if not division.test:
        raise GenreModelError("there is too little music to keep some of it for a test")
    return division


def check_divisions(
    conditions: Iterable[Condition], given: Sequence[LabelledTrack], seeds: Sequence[int]
) -> None:
    """Check before the first training that the music can be divided for all seeds.

    Every song is taken to have ``N_TENTHS`` slices, enough for a split by slice.

    Raises:
        GenreModelError: There is too little music, as in :func:`divided`.
    """
    done = set()
    for condition in conditions:
        labels = (condition.labels, condition.judged, condition.liked)
        parts = (*labels, condition.split_by, condition.shares)
        if parts in done:
            continue
        done.add(parts)
        tracks = relabelled(given, condition.labels, condition.liked)
        genres = sorted({track.label for track in tracks})
        judged = broader_classes(condition, given, genres).truth.keys()
        songs = [StoredTrack(t, t.path, np.arange(N_TENTHS), np.ones(1, bool)) for t in tracks]
        for seed in seeds:
            try:
                division = divided(condition, songs, seed)
                check_judged(division, judged)
            except GenreModelError as error:
                raise GenreModelError(
                    f"too few {condition.split_by}s to train, validate and test: "
                    f"with seed {seed}, {error}"
                ) from error


def check_judged(division: Division, judged: Collection[Path]) -> None:
    """Check that validation and test have songs whose class is judged.

    Raises:
        GenreModelError: One of them has none.
    """
    for name, part in (("validation", division.validation), ("test", division.test)):
        if not any(track.track.path in judged for track in part):
            raise GenreModelError(f"no song of the {name} has a genre that is judged")


def stored_tracks(
    architecture: Architecture,
    tracks: Sequence[LabelledTrack],
    genres: Sequence[str],
    folder: Path,
    on_step: OnStep,
) -> tuple[list[StoredTrack], tuple[SkippedTrack, ...]]:
    """The tracks with their slices on disk, and the tracks that cannot be used."""
    slices = folder / "slices"
    with writing(slices):
        candidates = candidate_genres(tracks, genres)
        nothing = np.zeros(len(tracks), dtype=np.bool_)
        return store_tracks(architecture, tracks, candidates, nothing, slices, on_step)


class BroaderClasses:
    """The classes that answers are judged by: those that were learned, or broader ones."""

    def __init__(
        self, genres: Sequence[str], truth: Mapping[Path, str], classes: Mapping[str, str]
    ) -> None:
        """``classes`` gives the broader class of each of the ``genres``, ``truth`` of each song."""
        self.truth = truth
        self.genres = tuple(sorted({*classes.values(), *truth.values()}))
        self._member = np.array(
            [[classes.get(name) == broad for name in genres] for broad in self.genres]
        )

    def logits(self, learned: Float32) -> Float32:
        """(n, n_genres) logits: the log-sum-exp of each class's (n, n_learned) logits."""
        of_each = np.where(self._member[None], learned[:, None, :].astype(np.float64), -1e9)
        summed: Float32 = np.logaddexp.reduce(of_each, axis=2).astype(np.float32)
        return summed

    def number(self, track: StoredTrack) -> int:
        """The index of a song's true class."""
        return self.genres.index(self.truth[track.track.path])


def broader_classes(
    condition: Condition, given: Sequence[LabelledTrack], genres: Sequence[str]
) -> BroaderClasses:
    """The classes that judge a condition's answers, and the true class of songs that have one."""
    if condition.judged is None or condition.liked is not None:
        named = relabelled(given, condition.labels, condition.liked)
        return BroaderClasses(
            genres, {t.path: t.label for t in named}, {name: name for name in genres}
        )
    classes = classes_of(given, condition.labels, condition.judged)
    truth = {t.path: label_of(t, condition.judged) for t in given}
    return BroaderClasses(genres, {path: name for path, name in truth.items() if name}, classes)


def answers_to(
    logits_of: Callable[[NDArray[np.floating]], Float32],
    tracks: Sequence[StoredTrack],
    classes: BroaderClasses,
) -> Answers | None:
    """The votes of a trained system on tracks that have a class to be judged by; None: no track."""
    judged = [track for track in tracks if track.track.path in classes.truth]
    if not judged:
        return None
    votes = [classes.logits(logits_of(track.slices())) for track in judged]
    return Answers(
        np.concatenate(votes),
        np.repeat(np.arange(len(judged)), [len(logits) for logits in votes]),
        np.array([classes.number(track) for track in judged]),
        tuple(group_of_answers(track.track) for track in judged),
    )


def group_of_answers(track: LabelledTrack) -> str:
    """The artist of a song; a song without one is named by its music.

    A path would not do: answers are found again after the music was moved.
    """
    return group_of(replace(track, path=Path(content_or_name(track.path))), "artist")
