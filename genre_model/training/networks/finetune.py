"""Fine-tuning of the shipped network: its later layers are trained on the user's genres.

The front end's convolutions, which are most of the arithmetic but few of the weights, stay as they
were trained on the Million Song Dataset; the layers after them start from the shipped weights.
Reusing learned layers and adapting the later ones follows Yosinski et al., *How transferable are
features in deep neural networks?*, NIPS 2014.  The results are in docs/paper.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from genre_model.core.arrays import Float32
from genre_model.core.specs import SliceSpec, SpectrogramSpec
from genre_model.training.networks.base import Architecture, Cost, Network, TrainingSpec

if TYPE_CHECKING:
    import keras

Weights = dict[str, Float32]

N_FRONT_ENDS, MID_LAYERS = 5, (5, 6, 7)

N_DENSE = 200

DROPOUT = 0.5


def shipped_weights() -> Weights:
    """The shipped network's constants, by their names in shipped_model/conversion/graph.py."""
    import onnx
    from onnx import numpy_helper

    from genre_model.model.bundle.store import SHIPPED, load_bundle

    bundle = load_bundle(SHIPPED)
    graph = onnx.load_from_string(bundle.read(bundle.manifest.network.file)).graph
    return {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}


def build(shape: tuple[int, ...], n_genres: int) -> keras.Model:
    """The network from (n, frames, n_mels) slices to (n, n_genres) logits."""
    import keras

    slices = keras.Input(shape, name="slices")
    embedding = embedding_of(slices)
    logits = keras.layers.Dense(n_genres, name="logits")(keras.layers.Dropout(DROPOUT)(embedding))
    return keras.Model(slices, logits, name="finetune")


def embedding_of(slices: Any) -> Any:
    """(n, frames, n_mels) -> (n, 200), by layers with the shipped network's weights."""
    import keras

    layers, ops = keras.layers, keras.ops
    weights = shipped_weights()
    image = layers.Reshape((*slices.shape[1:], 1))(slices)
    image = image * weights["normalised_scale"].item() + weights["normalised_shift"].item()
    front = layers.Concatenate()([front_end(image, weights, k) for k in range(N_FRONT_ENDS)])
    first, second, third = (f"midend{k}" for k in MID_LAYERS)
    values = mid_layer(front, weights, first)
    deeper = mid_layer(values, weights, second) + values
    deepest = mid_layer(deeper, weights, third) + deeper
    features = layers.Concatenate()([front, values, deeper, deepest])
    pooled = layers.Concatenate()([ops.max(features, axis=1), ops.mean(features, axis=1)])
    dense = layers.Dense(N_DENSE, activation="relu", name="dense")
    embedding = affine(dense(pooled), weights, "embedding")
    dense.set_weights([weights["dense_kernel"], weights["dense_bias"]])
    return embedding


def front_end(image: Any, weights: Weights, index: int) -> Any:
    """(n, frames, n_mels, 1) -> (n, frames, n_filters): a convolution, the maximum over mels."""
    import keras

    name = f"frontend{index}"
    filters, bias = filters_of(weights, name)
    kernel = filters.transpose(2, 3, 1, 0)  # height, width, 1, n_filters
    height = kernel.shape[0]
    before = (height - 1) // 2
    convolution = keras.layers.Conv2D(
        kernel.shape[3],
        kernel.shape[:2],
        trainable=False,
        data_format="channels_last",
        name=name,
    )
    padding = ((before, height - 1 - before), (0, 0))
    padded = keras.layers.ZeroPadding2D(padding, data_format="channels_last")(image)
    pooled = keras.ops.max(convolution(padded), axis=2)
    convolution.set_weights([kernel, bias])
    signed = pooled * weights[f"{name}_sign"].reshape(-1)
    return affine(keras.ops.relu(signed), weights, name)


def filters_of(weights: Weights, name: str) -> tuple[Float32, Float32]:
    """A front end's kernel (n_filters, 1, frames, mels) and bias (n_filters,).

    In the shipped network each filter is followed by shifted copies of itself, which
    shipped_model/conversion/convolution.py explains.
    """
    _, n_filters, n_copies, *_ = weights[f"{name}_blocks_shape"].tolist()
    firsts = slice(0, n_filters * n_copies, n_copies)
    kernel = weights[f"{name}_kernel"][firsts]
    in_time = kernel.shape[3] == 1  # shifted in time; the other filters are shifted in frequency
    frames, mels = (size - n_copies + 1 for size in kernel.shape[2:])
    kernel = kernel[:, :, :frames] if in_time else kernel[..., :mels]
    return kernel, weights[f"{name}_bias"][firsts]


def mid_layer(values: Any, weights: Weights, name: str) -> Any:
    """(n, frames, n_channels) -> (n, frames, n_filters)."""
    import keras

    kernel = weights[f"{name}_kernel"].transpose(2, 1, 0)  # width, n_channels, n_filters
    convolution = keras.layers.Conv1D(
        kernel.shape[2], kernel.shape[0], padding="same", activation="relu", name=name
    )
    found = affine(convolution(values), weights, name)
    convolution.set_weights([kernel, weights[f"{name}_bias"]])
    return found


def affine(values: Any, weights: Weights, name: str) -> Any:
    """Apply a trained batch normalisation: a fixed scale and shift per channel."""
    return values * weights[f"{name}_scale"].reshape(-1) + weights[f"{name}_shift"].reshape(-1)


FINETUNE = Architecture(
    name="finetune",
    summary="The shipped network, whose later layers learn on with the genres.",
    source="J. Pons, X. Serra: musicnn, 2019; cf. J. Yosinski et al., NIPS 2014",
    spectrogram=SpectrogramSpec(),
    slices=SliceSpec(),
    learner=Network(
        build,
        TrainingSpec(
            optimizer="adam",
            learning_rate=3e-4,
            batch_size=64,
            epochs=12,
            patience=3,
            clip_norm=5.0,
        ),
    ),
    cost=Cost(203_813, 201, 145_883_138, 200),
)
