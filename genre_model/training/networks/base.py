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


# Every call returns a new iterator over the training slices, (n, *shape) at a time.
Batches = Callable[[], Iterator[Float32]]


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """How a network is trained: for ``epochs``, or until ``patience`` epochs bring no better one.

    ``optimizer`` is Keras' name of the optimiser, ``optimizer_settings`` its settings besides the
    learning rate.  ``first_accumulator`` is the initial value of RMSProp's running means of squared
    gradients: 0 in Keras, 1 in TensorFlow 1.  ``clip_norm`` limits the norm of all gradients
    together.  Gradients of a batch are summed over microbatches of ``microbatch`` slices, which
    limits the memory; a GPU takes whole batches.  ``keep`` selects the network of the epoch that is
    best on the validation, or of the last epoch.  If ``exact``, the network calculates in float32
    and its sums are the same every time; otherwise it calculates in bfloat16 on devices that
    support it, and a GPU may add in any order.
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
    from (n, *shape) slices to (n, n_genres) logits, without a softmax, because the loss and
    ``aggregate`` apply one.  ``pretrain``, if any, is called once before the first epoch, with the
    model, the training slices and the seed.  With ``whole_song`` the model gets all slices of one
    song at once and in order; the batch size then counts songs.
    """

    build: Callable[[tuple[int, ...], int], keras.Model]
    training: TrainingSpec
    pretrain: Callable[[Any, Batches, int], None] | None = None
    whole_song: bool = False


@dataclass(frozen=True, slots=True)
class Estimator:
    """A classifier that is fitted in one go on all songs.

    ``fit`` takes slices (n, *shape), the genres that their labels leave open (n, n_genres), the
    song number of each slice (n,), and the seed.  It returns an ONNX network from an input
    ``slices`` to an output ``logits`` (n * votes, n_genres), which are log-probabilities.  It gets
    at most ``max_slices`` slices, taken evenly from all songs, or all slices if None.  ``prepare``,
    if any, maps the slices of one song to as many smaller arrays, which ``fit`` gets in their
    place, so that the slices of all songs are never in memory.
    """

    fit: Callable[[Float32, Bools, Ints, int], bytes]
    libraries: tuple[str, ...] = ("sklearn", "onnx")
    max_slices: int | None = None
    prepare: Callable[[Float32], Float32] | None = None

    def require(self, name: str) -> None:
        """Check that the libraries are installed.

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
    """The size of a system: its number of weights, and of multiply-adds per slice.

    Both have a fixed part and a part per genre.  A system whose size depends on the music has no
    ``Cost``.
    """

    weights: int
    weights_per_genre: int
    multiply_adds: int
    multiply_adds_per_genre: int


@dataclass(frozen=True, slots=True)
class Architecture:
    """A system that can be trained: the slices that it takes and how it learns from them.

    ``source`` is the publication or project that it comes from.  With ``fixed_length`` the length
    of its slices cannot be changed.
    """

    name: str
    summary: str
    source: str
    spectrogram: FrontEndSpec
    slices: SliceSpec
    learner: Network | Estimator
    cost: Cost | None = None
    fixed_length: bool = False


def with_training(architecture: Architecture, **settings: Any) -> Architecture:
    """The architecture with other training settings; an estimator, which has none, stays."""
    learner = architecture.learner
    if isinstance(learner, Estimator):
        return architecture
    training = replace(learner.training, **settings)
    return replace(architecture, learner=replace(learner, training=training))


def require_learner(architecture: Architecture) -> None:
    """Check that a system's libraries are installed, before hours of work.

    Raises:
        GenreModelError: A library is missing, or Keras does not run on TensorFlow.
    """
    if isinstance(architecture.learner, Estimator):
        architecture.learner.require(architecture.name)
    else:
        require_tensorflow(architecture.name)
