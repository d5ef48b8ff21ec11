"""What can be trained: a network that learns by gradients, or an estimator that is fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from genre_model.core.arrays import Bools, Float32, Ints
from genre_model.core.errors import GenreModelError
from genre_model.core.specs import FrontEndSpec, SliceSpec
from genre_model.training.keras_export import require_tensorflow

if TYPE_CHECKING:
    import keras


# Gives the training's slices, (n, *shape) at a time, anew with every call.
Batches = Callable[[], Iterator[Float32]]


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """How a network is trained, from the first epoch until ``patience`` epochs bring no better one.

    ``optimizer`` is Keras' name of it, ``optimizer_settings`` what it takes beside the learning
    rate.  ``first_accumulator`` is what RMSProp's running means of squared gradients begin at: 0 in
    Keras, 1 in TensorFlow 1.  ``clip_norm`` bounds the norm of all gradients together.  Gradients
    of a batch are summed over microbatches of ``microbatch`` slices, which bounds the memory; a GPU
    takes whole batches.  ``keep``: the network of the epoch that judges the validation best, or of
    the last.  ``exact``: in float32 and the same sums every time; else a device that can calculates
    in bfloat16, and a GPU adds up in any order.
    """

    optimizer: Literal["rmsprop", "adam", "sgd"] = "rmsprop"
    learning_rate: float = 1e-3
    optimizer_settings: tuple[tuple[str, float], ...] = ()
    first_accumulator: float = 0.0
    batch_size: int = 128
    epochs: int = 20
    patience: int = 5
    clip_norm: float | None = None
    microbatch: int = 64
    keep: Literal["best", "last"] = "best"
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Network:
    """A Keras network that learns by gradients.

    ``build`` takes the shape of a slice and the number of genres.  It returns an uncompiled model
    from (n, *shape) slices to (n, n_genres) logits, without a softmax: the loss and ``aggregate``
    have their own.  ``pretrain``, if any, is called once before the first epoch, with the model,
    the training's slices and the seed.  With ``whole_song`` the model gets all slices of one song
    at once and in order; a batch is then so many songs.
    """

    build: Callable[[tuple[int, ...], int], keras.Model]
    training: TrainingSpec
    pretrain: Callable[[Any, Batches, int], None] | None = None
    whole_song: bool = False


@dataclass(frozen=True, slots=True)
class Estimator:
    """A classifier that is fitted in one go, from slices in memory.

    ``fit`` takes slices (n, *shape), the genres that their labels leave open (n, n_genres), the
    number of the song that each is of (n,), and the seed.  It returns an ONNX network from an input
    ``slices`` to an output ``logits`` (n * votes, n_genres), of log-probabilities.  It gets at most
    ``max_slices`` slices, as many of one song as of another; all where None.
    """

    fit: Callable[[Float32, Bools, Ints, int], bytes]
    libraries: tuple[str, ...] = ("sklearn", "onnx")
    max_slices: int | None = None

    def require(self, name: str) -> None:
        """Find out whether the libraries are there.

        Raises:
            GenreModelError: A library is missing.
        """
        missing = [library for library in self.libraries if find_spec(library) is None]
        if missing:
            raise GenreModelError(
                f"training {name} needs {', '.join(missing)}: pip install 'beets-cnngenre[train]'"
            )


@dataclass(frozen=True, slots=True)
class Cost:
    """What a system weighs: numbers of weights, and of multiply-adds for a slice.

    Either has a part for each genre.  None where it depends on the music.
    """

    weights: int
    weights_per_genre: int
    multiply_adds: int
    multiply_adds_per_genre: int


@dataclass(frozen=True, slots=True)
class Architecture:
    """A system: the slices that it is made for and the way it learns from them.

    ``source`` says where it comes from.  With a ``fixed_length`` its slices cannot have another.
    """

    name: str
    summary: str
    source: str
    spectrogram: FrontEndSpec
    slices: SliceSpec
    learner: Network | Estimator
    cost: Cost | None = None
    fixed_length: bool = False


def inexact(architecture: Architecture) -> Architecture:
    """The architecture, whose network need not be trained to the same weights every time."""
    learner = architecture.learner
    if isinstance(learner, Estimator):
        return architecture
    training = replace(learner.training, exact=False)
    return replace(architecture, learner=replace(learner, training=training))


def require_learner(architecture: Architecture) -> None:
    """Find out before hours of work whether a system's libraries are there.

    Raises:
        GenreModelError: A library is missing, or Keras does not run on TensorFlow.
    """
    if isinstance(architecture.learner, Estimator):
        architecture.learner.require(architecture.name)
    else:
        require_tensorflow(architecture.name)
