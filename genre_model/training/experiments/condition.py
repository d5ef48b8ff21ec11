"""What an experiment compares: conditions, and the keys that their trainings are kept by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from genre_model.core.files import digest
from genre_model.core.specs import SliceSpec
from genre_model.data.folds import SplitBy
from genre_model.data.tracks import LabelledTrack
from genre_model.evaluation.out_of_fold import fingerprint_of
from genre_model.training.experiments.division import HERE, Shares
from genre_model.training.experiments.relabel import Labels
from genre_model.training.networks.base import Architecture, Network

Order = Literal["as played", "shuffled"]


@dataclass(frozen=True, slots=True)
class Condition:
    """What is trained, on what, and what it is tested on.

    ``shares`` of the music are for validation and test.  ``share`` of the training songs is used,
    ``select`` of their slices (the easiest).  ``test_slices`` are those of the test's and the
    validation's songs, where those differ.  ``labels`` says which classes are learned, ``judged``
    which are tested.  ``liked``: the classes are whether somebody likes a genre, not the genres.
    ``varies_slices``: a user's wish for another number of slices does not change this condition.
    """

    name: str
    architecture: Architecture
    split_by: SplitBy = "artist"
    shares: Shares = HERE
    share: float = 1.0
    select: float | None = None
    test_slices: SliceSpec | None = None
    order: Order = "as played"
    labels: Labels = "given"
    judged: Labels | None = None
    liked: str | None = None
    varies_slices: bool = False

    def key(self, seed: int, tracks: Sequence[LabelledTrack]) -> str:
        """What differs where the answers may: the condition but for its name, the music, the seed.

        A network is known by its architecture's name; a variant has to have one of its own.
        """
        judged = (self.test_slices, self.judged)
        return digest(self.training_key(seed, tracks).encode(), msgspec.json.encode(judged))

    def training_key(self, seed: int, tracks: Sequence[LabelledTrack]) -> str:
        """What differs where the training does."""
        architecture = self.architecture
        learner = architecture.learner
        parts = (
            (architecture.name, architecture.spectrogram, architecture.slices),
            learner.training if isinstance(learner, Network) else None,
            (self.split_by, self.shares, self.share, self.select, self.order),
            (self.labels, self.liked),
            seed,
            [(content_of(t.path), t.labels, t.style, t.artist, t.album) for t in tracks],
        )
        return digest(msgspec.json.encode(parts))


fingerprint_once = cache(fingerprint_of)


@cache
def content_of(path: Path) -> str:
    """What a file contains, wherever it is and whatever its tags: the audio's fingerprint.

    The file's hash where it is no audio; its name where it cannot be read.
    """
    fingerprint = fingerprint_once(path)
    if fingerprint is not None:
        return fingerprint.hex()
    try:
        return digest(path.read_bytes())
    except OSError:  # it cannot be used
        return path.name
