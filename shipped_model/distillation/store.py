"""Labels on disk: shards of NumPy arrays, which are memory-mapped when they are read.

A shard is a folder with an array for each of the teachers' outputs, (n_pieces, ...) in float16, and
``pieces.json`` with the origin of each piece.  A shard is renamed into place when it is complete.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np

from genre_model.core.arrays import Float16, Float64
from shipped_model.distillation.augmentation import Recipe
from shipped_model.distillation.pieces import Piece
from shipped_model.distillation.teachers import Answers

PIECES = "pieces.json"
LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A labelled piece.

    Attributes:
        piece: The piece.
        round: How often the piece was labelled before, each time changed in another way.
        recipe: How it was changed.
        other: The piece that was mixed in, if any.
    """

    piece: Piece
    round: int
    recipe: Recipe
    other: Piece | None = None

    @property
    def key(self) -> tuple[str, float, int]:
        """The piece and the round; each key is labelled once only."""
        return (self.piece.path, self.piece.start_s, self.round)


@dataclass(frozen=True)
class Labels:
    """All shards of a folder.

    Attributes:
        shards: Their folders, in the order in which they were made.
    """

    shards: tuple[Path, ...]

    @cached_property
    def pieces(self) -> list[Labelled]:
        """Every labelled piece, in the order of the arrays."""
        return [
            piece
            for shard in self.shards
            for piece in msgspec.json.decode((shard / PIECES).read_bytes(), type=list[Labelled])
        ]

    def arrays(self, name: str) -> Iterator[Float16]:
        """The memory-mapped array of this name of each shard."""
        for shard in self.shards:
            yield np.load(shard / f"{name}.npy", mmap_mode="r")

    def means(self, name: str) -> Float64:
        """(n_pieces, n): the means over the slices, for an output with values for each slice."""
        parts = [part.astype(np.float64).mean(axis=1) for part in self.arrays(name)]
        return np.concatenate(parts)

    def whole(self, name: str) -> Float64:
        """(n_pieces, n): an output with values for each piece."""
        return np.concatenate([part.astype(np.float64) for part in self.arrays(name)])


def open_labels(folder: Path) -> Labels:
    """The complete shards of a folder."""
    return Labels(tuple(sorted(folder.glob("shard-[0-9][0-9][0-9][0-9][0-9]"))))


def write_shard(folder: Path, pieces: Sequence[Labelled], answers: Sequence[Answers]) -> Path:
    """Write the next shard of a folder."""
    made = [int(shard.name.removeprefix("shard-")) for shard in open_labels(folder).shards]
    shard = folder / f"shard-{max(made, default=-1) + 1:05d}"
    partial = folder / "partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in answers[0]:
        values = np.stack([answer[name] for answer in answers])
        np.save(partial / f"{name}.npy", np.clip(values, -LARGEST, LARGEST).astype(np.float16))
    (partial / PIECES).write_bytes(msgspec.json.encode(list(pieces)))
    partial.rename(shard)
    return shard
