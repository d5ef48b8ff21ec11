"""The inputs and the targets of a student, from the labels on disk."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Float16, Float32, Float64, Ints
from genre_model.model.bundle.arrays import npz
from shipped_model.distillation.groups import Groups
from shipped_model.distillation.linear import RIDGE, LinearLayer, fit_layer, sums_of
from shipped_model.distillation.pieces import CLIPS
from shipped_model.distillation.store import Labelled, Labels
from shipped_model.distillation.student import Scale, Target

Arrays = dict[str, Float32]

# AudioSet's classes about music: speech, the human voice as an instrument, all of music.
MUSIC_CLASSES = (0, *range(24, 37), *range(137, 283))
TARGETS = {
    "mn04_logits": Target(len(MUSIC_CLASSES), 1.0),
    "mn04_features": Target(384, 1.0),
    "yamnet_groups": Target(12, 0.5),
    "fcn_embedding": Target(64, 1.0, of_piece=True),
    "fcn_logits": Target(50, 0.5, of_piece=True),
}
FROZEN = "frozen"  # the shipped network's features, among the inputs and the scales
VALIDATION_FILES = 20  # one in this many of the packages' files is kept for validation


@dataclass(frozen=True, eq=False)
class Pieces:
    """All labelled pieces; the spectrograms stay on disk.

    Attributes:
        log_mel: The array of each shard, (n, 10, 187, 96), memory-mapped.
        frozen: (n, 10, 714), the shipped network's pooled layer and embedding.
        targets: By name, (n, 10, n_target) or (n, n_target).
        labelled: The origin of each piece.
    """

    log_mel: Sequence[Float16]
    frozen: Float16
    targets: Mapping[str, Float16]
    labelled: Sequence[Labelled]

    def inputs(self, piece: int, slices: Ints) -> Arrays:
        """A student's inputs for some of a piece's slices."""
        shard, place = self.place(piece)
        return {
            "log_mel": self.log_mel[shard][place][slices].astype(np.float32),
            FROZEN: self.frozen[piece][slices].astype(np.float32),
        }

    def place(self, piece: int) -> tuple[int, int]:
        """The shard of a piece and its index there."""
        for shard, arrays in enumerate(self.log_mel):
            if piece < len(arrays):
                return shard, piece
            piece -= len(arrays)
        raise IndexError(piece)

    def standardised_targets(self, piece: int, slices: Ints, scales: Mapping[str, Scale]) -> Arrays:
        """A student's targets for some of a piece's slices, or for the piece."""
        found = {}
        for name, values in self.targets.items():
            said = values[piece] if TARGETS[name].of_piece else values[piece][slices]
            found[name] = scales[name].standardised(said.astype(np.float32))
        return found


def open_pieces(labels: Labels, yamnet_groups: Groups) -> Pieces:
    """Memory-map the spectrograms and read the rest."""

    def joined(name: str) -> Float16:
        return np.concatenate(list(labels.arrays(name)))

    groups = [
        np.stack([part[..., places].max(axis=-1) for places in yamnet_groups.values()], axis=-1)
        for part in labels.arrays("yamnet_logits")
    ]
    music = [part[..., list(MUSIC_CLASSES)] for part in labels.arrays("mn04_logits")]
    return Pieces(
        list(labels.arrays("log_mel")),
        np.concatenate([joined("pooled"), joined("embedding")], axis=-1),
        {
            "mn04_logits": np.concatenate(music),
            "mn04_features": joined("mn04_features"),
            "yamnet_groups": np.concatenate(groups),
            "fcn_embedding": joined("fcn_embedding"),
            "fcn_logits": joined("fcn_logits"),
        },
        labels.pieces,
    )


def divided(labelled: Sequence[Labelled], barred: frozenset[str]) -> tuple[Ints, Ints]:
    """Indices of the pieces to train on, and of package pieces that are kept for validation.

    Args:
        labelled: All pieces.
        barred: Artists whose clips are in neither.
    """
    training: list[int] = []
    validation: list[int] = []
    for place, each in enumerate(labelled):
        name = f"{each.piece.source}/{Path(each.piece.path).name}"
        if each.piece.artist in barred:
            continue
        kept = each.piece.source != CLIPS and zlib.crc32(name.encode()) % VALIDATION_FILES == 0
        (validation if kept else training).append(place)
    return np.array(training, np.intp), np.array(validation, np.intp)


def scales_of(pieces: Pieces, places: Ints) -> dict[str, Scale]:
    """The scales of each target and of the frozen features, over all slices of some pieces."""
    found = {}
    for name, values in {**pieces.targets, FROZEN: pieces.frozen}.items():
        rows = values[places].astype(np.float32).reshape(-1, values.shape[-1])
        found[name] = Scale(rows.mean(axis=0), rows.std(axis=0) + np.float32(1e-3))
    return found


def mean_of_piece(values: NDArray[np.generic]) -> Float64:
    """(n, n_target) from (n, 10, n_target); an array with two axes keeps its values."""
    whole = values.astype(np.float64)
    return whole.mean(axis=1) if whole.ndim == 3 else whole


def layers_of(pieces: Pieces, places: Ints) -> dict[str, LinearLayer]:
    """Linear layers from the shipped network's features to each target, fitted on pieces' means."""
    x = mean_of_piece(pieces.frozen[places])
    return {
        name: fit_layer(sums_of(x, mean_of_piece(values[places])), RIDGE)
        for name, values in pieces.targets.items()
    }


def write_scales(file: Path, scales: Mapping[str, Scale]) -> None:
    """Write the scales to a file."""
    both = {name: np.stack([scale.mean, scale.deviation]) for name, scale in scales.items()}
    file.write_bytes(npz(**both))


def read_scales(file: Path) -> dict[str, Scale]:
    """Read the scales from a file."""
    with np.load(file) as stored:
        return {name: Scale(*stored[name]) for name in stored.files}
