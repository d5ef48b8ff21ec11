"""The outcome of one training of an experiment, and its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Float32, Ints
from genre_model.data.folds import SplitBy
from genre_model.model.bundle.arrays import npz


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about a training, besides its answers.

    ``kept_epoch`` is the epoch whose network is tested, ``best_epoch`` the epoch that is best on
    the validation.  ``training_accuracy`` is the share of the training slices that the tested
    network gets right, without dropout.  ``machine`` describes the machine of the training.
    ``split_by`` says what was kept apart.
    """

    genres: tuple[str, ...]
    n_weights: int | None
    n_training_slices: int
    n_training_songs: int
    epochs: int
    best_epoch: int
    kept_epoch: int
    training_accuracy: float
    training_s: float
    answering_s: float
    n_not_extracted: int
    machine: str
    split_by: SplitBy = "artist"


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The votes on the songs of one part: validation, test, or untouched.

    ``logits`` (n_votes, n_genres) are sorted by song, and ``song`` (n_votes,) is the index of each
    vote's song.  ``truth`` (n_songs,) has the index of each song's genre, ``group`` its artist.
    """

    logits: Float32
    song: Ints
    truth: Ints
    group: tuple[str, ...]

    def of_song(self, number: int) -> Float32:
        """The votes on a song, (n, n_genres)."""
        votes: Float32 = self.logits[self.song == number]
        return votes


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The facts and the answers of a training.

    ``untouched`` are the answers on the songs that were put aside; None if there are none.
    """

    facts: Facts
    validation: Answers
    test: Answers
    untouched: Answers | None = None


PARTS = ("validation", "test", "untouched")


def packed(outcome: Outcome) -> bytes:
    """An outcome as the bytes of an ``.npz`` file."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, answers in zip(
        PARTS, (outcome.validation, outcome.test, outcome.untouched), strict=True
    ):
        if answers is not None:
            arrays |= {
                f"{name}_logits": answers.logits,
                f"{name}_song": answers.song,
                f"{name}_truth": answers.truth,
                f"{name}_group": np.array(answers.group, dtype=np.str_),
            }
    arrays["facts"] = np.frombuffer(msgspec.json.encode(outcome.facts), np.uint8)
    return npz(**arrays)


def read_outcome(file: Path) -> Outcome:
    """Inverse of :func:`packed`."""
    with np.load(file) as arrays:
        parts: Sequence[Answers | None] = [
            Answers(
                arrays[f"{name}_logits"],
                arrays[f"{name}_song"],
                arrays[f"{name}_truth"],
                tuple(arrays[f"{name}_group"].tolist()),
            )
            if f"{name}_logits" in arrays
            else None
            for name in PARTS
        ]
        facts = msgspec.json.decode(arrays["facts"].tobytes(), type=Facts)
    validation, test, untouched = parts
    assert validation is not None
    assert test is not None
    return Outcome(facts, validation, test, untouched)
