"""The networks that can be trained from scratch: one file each, and one line in ``ARCHITECTURES``.

Keras is imported when a network is built, not before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from genre_model.errors import GenreModelError
from genre_model.specs import SliceSpec, SpectrogramSpec

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """How a network is trained, from the first epoch until ``patience`` epochs bring no better one.

    ``optimizer`` is Keras' name of it; ``clip_norm`` bounds the norm of all gradients together.
    """

    optimizer: Literal["rmsprop", "adam", "sgd"] = "rmsprop"
    learning_rate: float = 1e-3
    batch_size: int = 128
    epochs: int = 20
    patience: int = 5
    clip_norm: float | None = None


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network, with the slices that it is made for and the way it is trained.

    ``build`` takes the shape of a slice, (frames, n_mels), and the number of genres.  It returns an
    uncompiled model from (n, frames, n_mels) slices to (n, n_genres) logits, without a softmax: the
    loss and ``aggregate`` have their own.  ``source`` says where the network comes from.
    """

    name: str
    summary: str
    source: str
    spectrogram: SpectrogramSpec
    slices: SliceSpec
    training: TrainingSpec
    build: Callable[[tuple[int, int], int], keras.Model]


# The files of the networks need the classes above.
from genre_model.architectures.pelchat2019 import PELCHAT2019  # noqa: E402

ARCHITECTURES: dict[str, Architecture] = {
    "pelchat2019": PELCHAT2019,
}

# The default, which is no network of its own but a head on the shipped one's embeddings.
EMBEDDINGS = "embeddings"


def find_architecture(name: str) -> Architecture | None:
    """The architecture of a name; None for the default, embeddings.

    Raises:
        GenreModelError: There is none.
    """
    if name == EMBEDDINGS:
        return None
    if name not in ARCHITECTURES:
        known = ", ".join([EMBEDDINGS, *ARCHITECTURES])
        raise GenreModelError(f"no such architecture: {name} (there are: {known})")
    return ARCHITECTURES[name]
