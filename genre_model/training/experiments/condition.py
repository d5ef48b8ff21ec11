"""The conditions that an experiment compares, and the keys that their results are stored by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from genre_model.core.files import digest
from genre_model.core.specs import SliceSpec
from genre_model.core.text import writable
from genre_model.data.folds import SplitBy
from genre_model.data.tracks import LabelledTrack
from genre_model.evaluation.out_of_fold import fingerprint_of
from genre_model.training.copies import content_of
from genre_model.training.experiments.division import HERE, Shares
from genre_model.training.experiments.relabel import Labels
from genre_model.training.networks.base import Architecture, Network

Order = Literal["as played", "shuffled"]


@dataclass(frozen=True, slots=True)
class Condition:
    """What is trained, on which data, and what it is tested on.

    ``shares`` says how much of the music is for validation and test.  ``share`` is the fraction of
    the training songs that is used, ``select`` the fraction of their slices (the easiest; all if
    None).  ``test_slices`` are the slices of all songs that are not trained on, if they differ.
    ``labels`` says which classes are learned, ``judged`` which classes are tested (those learned if
    None).  ``liked``: the classes are "like" and "dislike" of somebody who likes this genre alone.
    ``varies_slices``: the user's number of slices does not change this condition.
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
        """A digest of all that the answers depend on: the condition without its name, music, seed.

        A network is identified by its architecture's name, so a variant needs a name of its own.
        """
        judged = (self.test_slices, self.judged)
        return digest(self.training_key(seed, tracks).encode(), msgspec.json.encode(judged))

    def training_key(self, seed: int, tracks: Sequence[LabelledTrack]) -> str:
        """A digest of all that the training depends on."""
        architecture = self.architecture
        learner = architecture.learner
        parts = (
            (architecture.name, architecture.spectrogram, architecture.slices),
            learner.training if isinstance(learner, Network) else None,
            (self.split_by, self.shares, self.share, self.select, self.order),
            (self.labels, self.liked),
            seed,
            [(content_or_name(t.path), t.labels, t.style, t.artist, t.album) for t in tracks],
        )
        return digest(msgspec.json.encode(parts))


@cache
def content_once(path: Path) -> str | None:
    """As :func:`content_of`; each file is read once."""
    return content_of(path, fingerprint_of(path))


def content_or_name(path: Path) -> str:
    """What identifies the music of a file, wherever it is and whatever its tags.

    The file's name if the file cannot be read.
    """
    return content_once(path) or writable(path.name)
