"""One training of an experiment: train, and keep the answers on the test songs."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from genre_model.core.errors import GenreModelError
from genre_model.core.files import digest, whole_file, writing
from genre_model.core.specs import SliceSpec
from genre_model.data.folds import group_of
from genre_model.data.tracks import LabelledTrack
from genre_model.training.experiments.division import (
    Ints,
    SplitBy,
    divide,
    relabelled,
    share_of,
    shuffled,
)
from genre_model.training.networks.base import Architecture, Network, require_learner
from genre_model.training.scratch.learn import OnEpoch, learn
from genre_model.training.scratch.slice_store import (
    SkippedTrack,
    StoredTrack,
    candidate_genres,
    check_parts,
    store_tracks,
)
from genre_model.training.scratch.train import select_slices

Order = Literal["as played", "shuffled"]


@dataclass(frozen=True, slots=True)
class Condition:
    """What is trained, on what, and what it is tested on.

    ``share`` of the training songs is used, ``select`` of their slices (the easiest).
    ``extracted`` are the slices of the test's and the validation's songs, where those differ.
    ``liked``: the classes are whether somebody likes a genre, not the genres.
    """

    name: str
    architecture: Architecture
    split_by: SplitBy = "artist"
    share: float = 1.0
    select: float | None = None
    extracted: SliceSpec | None = None
    order: Order = "as played"
    liked: str | None = None

    def key(self, seed: int, tracks: Sequence[LabelledTrack]) -> str:
        """What differs where the answers may: the condition but for its name, the music, the seed.

        A network is known by its architecture's name; a variant has to have one of its own.
        """
        return digest(self.training_key(seed, tracks).encode(), msgspec.json.encode(self.extracted))

    def training_key(self, seed: int, tracks: Sequence[LabelledTrack]) -> str:
        """What differs where the training does."""
        architecture = self.architecture
        learner = architecture.learner
        parts = (
            (architecture.name, architecture.spectrogram, architecture.slices),
            learner.training if isinstance(learner, Network) else None,
            (self.split_by, self.share, self.select, self.order, self.liked),
            seed,
            [(str(track.path), track.labels, track.artist, track.album) for track in tracks],
            [stamp(track.path) for track in tracks],
        )
        return digest(msgspec.json.encode(parts))


def stamp(path: Path) -> tuple[int, int] | None:
    """A file's size and time of change; None where there is none."""
    try:
        status = path.stat()
    except OSError:  # it cannot be used
        return None
    return status.st_size, status.st_mtime_ns


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a training beside its answers."""

    genres: tuple[str, ...]
    n_weights: int | None
    n_training_slices: int
    n_training_songs: int
    epochs: int
    best_epoch: int
    training_s: float
    answering_s: float
    n_not_extracted: int


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The votes on a part's songs.

    ``logits`` (n_votes, n_genres), by song; ``song`` (n_votes,) is the number of each vote's;
    ``truth`` and ``group`` (n_songs,) are the songs' genres and artists, by number and name.
    """

    logits: NDArray[np.float32]
    song: Ints
    truth: Ints
    group: tuple[str, ...]

    def of_song(self, number: int) -> NDArray[np.float32]:
        """The votes on a song, (n, n_genres)."""
        votes: NDArray[np.float32] = self.logits[self.song == number]
        return votes


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of a training."""

    facts: Facts
    validation: Answers
    test: Answers


def outcome_of(
    condition: Condition,
    tracks: Sequence[LabelledTrack],
    seed: int,
    folder: Path,
    on_epoch: OnEpoch | None = None,
) -> Outcome:
    """Train and test, unless that has been done: what was answered is kept in the folder.

    Raises:
        GenreModelError: A library is missing, too few tracks can be used, or the folder cannot be
            written.
    """
    key = condition.key(seed, tracks)
    file = folder / "answers" / f"{key}.npz"
    if file.exists():
        return read_outcome(file)
    work = folder / "work" / condition.training_key(seed, tracks)
    outcome = train_and_test(condition, tracks, seed, work, folder, on_epoch)
    with writing(file.parent), whole_file(file) as target:
        target.write(packed(outcome))
    return outcome


def is_done(condition: Condition, tracks: Sequence[LabelledTrack], seed: int, folder: Path) -> bool:
    """Whether the answers are there already."""
    return (folder / "answers" / f"{condition.key(seed, tracks)}.npz").exists()


def train_and_test(
    condition: Condition,
    tracks: Sequence[LabelledTrack],
    seed: int,
    work: Path,
    folder: Path,
    on_epoch: OnEpoch | None,
) -> Outcome:
    """As :func:`outcome_of`."""
    architecture = condition.architecture
    require_learner(architecture)
    tracks = relabelled(tracks, condition.liked)
    genres = tuple(sorted({track.label for track in tracks}))
    stored, skipped = stored_tracks(architecture, tracks, genres, folder / "slices")
    division = divide(stored, condition.split_by, seed)
    division = replace(division, training=share_of(division.training, condition.share, seed))
    if condition.order == "shuffled":
        division = shuffled(division, seed)
    learners = [*division.training, *(replace(t, validation=True) for t in division.validation)]
    check_parts(learners)
    if not division.test:
        raise GenreModelError("there is too little music to keep some of it for a test")
    start = time.perf_counter()
    if condition.select is not None:
        learners = select_slices(architecture, learners, condition.select, work, seed=seed)
    learned = learn(architecture, learners, work, seed=seed, on_epoch=on_epoch)
    trained = time.perf_counter()
    test, validation = division.test, division.validation
    if condition.extracted is not None:
        other = replace(architecture, slices=condition.extracted)
        test, validation = (
            stored_tracks(other, [t.track for t in part], genres, folder / "slices")[0]
            for part in (test, validation)
        )
    answered = answers_to(learned.logits, test)
    done = time.perf_counter()
    facts = Facts(
        genres=genres,
        n_weights=learned.n_weights,
        n_training_slices=sum(len(track.indices) for track in learners if not track.validation),
        n_training_songs=sum(not track.validation for track in learners),
        epochs=len(learned.history),
        best_epoch=learned.best_epoch,
        training_s=trained - start,
        answering_s=done - trained,
        n_not_extracted=len(skipped),
    )
    return Outcome(facts, answers_to(learned.logits, validation), answered)


def stored_tracks(
    architecture: Architecture,
    tracks: Sequence[LabelledTrack],
    genres: Sequence[str],
    folder: Path,
) -> tuple[list[StoredTrack], tuple[SkippedTrack, ...]]:
    """The tracks' slices on disk, and the tracks that cannot be used."""
    with writing(folder):
        candidates = candidate_genres(tracks, genres)
        nothing = np.zeros(len(tracks), dtype=np.bool_)
        stored, skipped = store_tracks(architecture, tracks, candidates, nothing, folder)
    return stored, skipped


def answers_to(
    logits_of: Callable[[NDArray[np.floating]], NDArray[np.float32]],
    tracks: Sequence[StoredTrack],
) -> Answers:
    """The votes of a trained system on tracks."""
    votes = [logits_of(track.slices()) for track in tracks]
    return Answers(
        np.concatenate(votes).astype(np.float32),
        np.repeat(np.arange(len(tracks)), [len(logits) for logits in votes]),
        np.array([int(track.candidates.argmax()) for track in tracks]),
        tuple(group_of(track.track, "artist") for track in tracks),
    )


def packed(outcome: Outcome) -> bytes:
    """An outcome as the bytes of an ``.npz`` file."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, answers in (("validation", outcome.validation), ("test", outcome.test)):
        arrays |= {
            f"{name}_logits": answers.logits,
            f"{name}_song": answers.song,
            f"{name}_truth": answers.truth,
            f"{name}_group": np.array(answers.group, dtype=np.str_),
        }
    arrays["facts"] = np.frombuffer(msgspec.json.encode(outcome.facts), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def read_outcome(file: Path) -> Outcome:
    """Inverse of :func:`packed`."""
    with np.load(file) as arrays:
        parts = [
            Answers(
                arrays[f"{name}_logits"],
                arrays[f"{name}_song"],
                arrays[f"{name}_truth"],
                tuple(arrays[f"{name}_group"].tolist()),
            )
            for name in ("validation", "test")
        ]
        facts = msgspec.json.decode(arrays["facts"].tobytes(), type=Facts)
    return Outcome(facts, *parts)
