"""A convolutional network, and textures with support vector machines, after Costa et al. (2017).

``costa2017-lbp`` is ``costa2011`` with histograms of local binary patterns instead of
co-occurrences.  ``costa2017-cnn`` is a network on six seconds of the picture.  ``costa2017`` uses
both on the same segments of 30 s and adds up their probabilities (the sum rule), where the mean
over ten zones and the mean over five pieces of six seconds have the same weight.

We do not know the layers of the paper's network.  Our own choices are three convolutions that each
halve the picture, the mean over time, one dense layer that still distinguishes frequencies, and
that the network sees the mean of two by two pixels as one pixel.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Bools, Float32, Ints
from genre_model.core.specs import SliceSpec, SoxSpec
from genre_model.features.textures import BRIGHTEST, DARKEST, N_PATTERNS, N_ZONES, SHRINK
from genre_model.training.networks.base import Architecture, Cost, Estimator, Network, TrainingSpec
from genre_model.training.networks.costa2011 import SEGMENTS
from genre_model.training.networks.zone_svm import (
    FLOOR,
    MAX_SLICES,
    evenly,
    fit_zone_svms,
    song_folds,
)

if TYPE_CHECKING:
    import keras
    import onnx


FILTERS = (16, 32, 64)

DROPOUT = 0.5

PIECE_FRAMES = 300

N_PIECES = SEGMENTS.frames // PIECE_FRAMES

# One song in this many belongs to the validation, which selects the best epoch.
N_VALIDATION_FOLDS = 5

SPECTROGRAM = SoxSpec()

TRAINING = TrainingSpec(optimizer="adam", learning_rate=1e-3, batch_size=32, epochs=40, patience=8)


def build(shape: tuple[int, ...], n_genres: int, shrink: int = SHRINK) -> keras.Model:
    """The network from (n, frames, n_bins) pixel values to (n, n_genres) logits.

    It sees the mean of each square of ``shrink`` by ``shrink`` pixels as one pixel.
    """
    import keras

    layers = keras.layers
    channels = {"data_format": "channels_last"}
    slices = keras.Input(shape, name="slices")
    half = (BRIGHTEST - DARKEST) / 2
    values = layers.Rescaling(1 / half, offset=-1 - DARKEST / half)(slices)  # to [-1, 1]
    values = layers.Reshape((*shape, 1))(values)
    values = layers.AveragePooling2D(shrink, **channels)(values)
    for n_filters in FILTERS:
        values = layers.Conv2D(n_filters, 3, padding="same", activation="relu", **channels)(values)
        values = layers.MaxPooling2D(2, **channels)(values)
    values = layers.AveragePooling2D((values.shape[1], 1), **channels)(values)
    values = layers.Dropout(DROPOUT)(layers.Flatten()(values))
    return keras.Model(slices, layers.Dense(n_genres, name="logits")(values), name="costa2017")


def fit_both(slices: Float32, candidates: Bools, songs: Ints, seed: int) -> bytes:
    """Fit the support vector machines and train the network on the same segments.

    At most ``MAX_SLICES`` segments are used, taken evenly from all songs.

    Args:
        slices: (n, values) of ``textures.picture_and_lbp``.
        candidates: (n, n_genres), the genres that the labels leave open.
        songs: (n,), the song number of each segment.
        seed: For everything random; it also sets the seeds of Python, NumPy and TensorFlow.

    Returns:
        An ONNX network from ``slices`` to ``logits`` (n, n_genres), log-probabilities.

    Raises:
        GenreModelError: TensorFlow is missing.
    """
    from genre_model.model.onnx.session import onnx_logits, open_network
    from genre_model.training.keras_export import check_export, export_onnx, require_tensorflow

    require_tensorflow("costa2017")
    if len(songs) > MAX_SLICES:
        kept = evenly(songs, MAX_SLICES, seed)
        slices, candidates, songs = slices[kept], candidates[kept], songs[kept]
    pictures, histograms = apart(slices)
    pieces = pictures.reshape(len(slices), N_PIECES, -1, SPECTROGRAM.n_bins // SHRINK)  # no copy
    validation = song_folds(candidates, songs, seed, N_VALIDATION_FOLDS) == 0
    model = train_network(
        pieces,
        np.repeat(candidates, N_PIECES, axis=0),
        np.repeat(validation, N_PIECES),
        seed,
    )
    network = export_onnx(model)
    some = pieces[0]
    check_export(onnx_logits(open_network(network), some), model, some)
    return fused(network, fit_zone_svms(histograms, candidates, songs, seed), pieces.shape[2:])


def apart(slices: Float32) -> tuple[Float32, Float32]:
    """The pictures (n, values) and the histograms (n, n_zones, n_patterns)."""
    n_values = N_ZONES * N_PATTERNS
    return slices[:, :-n_values], slices[:, -n_values:].reshape(-1, N_ZONES, N_PATTERNS)


def train_network(pieces: Float32, candidates: Bools, validation: Bools, seed: int) -> keras.Model:
    """Train the network, and keep the epoch with the lowest loss on the validation pieces.

    Args:
        pieces: (n_segments, n_pieces, frames, n_bins), already shrunk; n pieces in all.
        candidates: (n, n_genres).
        validation: (n,), the pieces that are not trained on.  If there are none, or no others, all
            pieces are trained on and the last epoch is kept.
        seed: For the initial weights, the order of the pieces and the dropout.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    model = build(pieces.shape[2:], candidates.shape[1], shrink=1)
    optimizer = keras.optimizers.Adam(TRAINING.learning_rate)
    model.compile(optimizer, loss=open_cross_entropy)
    judged = validation.any() and not validation.all()
    targets = candidates.astype(np.float32)
    trained_on = np.flatnonzero(~validation if judged else np.ones_like(validation))
    held_out = np.flatnonzero(validation)
    best = keras.callbacks.EarlyStopping(patience=TRAINING.patience, restore_best_weights=True)
    model.fit(
        batches_of(pieces, targets, trained_on, seed),
        epochs=TRAINING.epochs,
        validation_data=batches_of(pieces, targets, held_out) if judged else None,
        callbacks=[best] if judged else [],
        verbose=0,
    )
    return model


def batches_of(
    pieces: Float32, targets: Float32, places: Ints, seed: int | None = None
) -> keras.utils.PyDataset:
    """The pieces at these places, batch by batch, without a second copy of all pieces.

    A place is an index over the pieces of all segments.  With a seed the order changes every epoch.
    """
    import keras

    rng = None if seed is None else np.random.default_rng(seed)

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.order = places if rng is None else rng.permutation(places)

        def __len__(self) -> int:
            return -(-len(self.order) // TRAINING.batch_size)

        def __getitem__(self, number: int) -> tuple[Float32, Float32]:
            first = number * TRAINING.batch_size
            batch = self.order[first : first + TRAINING.batch_size]
            return pieces[np.unravel_index(batch, pieces.shape[:2])], targets[batch]

        def on_epoch_end(self) -> None:
            if rng is not None:
                self.order = rng.permutation(places)

    return Batches()


def open_cross_entropy(candidates: Any, logits: Any) -> Any:
    """-log of the candidates' total probability, (n,), from (n, n_genres) each."""
    from keras import ops

    of_candidates = ops.where(candidates > 0, logits, -1e9)
    return ops.logsumexp(logits, axis=-1) - ops.logsumexp(of_candidates, axis=-1)


VERSIONS = '<ir_version: 8, opset_import: ["": 17]>'

PARTS = """
parts (float[n, values] slices) => (float[p, frames, bins] pieces, float[n, zones, d] histograms)
{
    picture, histogram = Split <axis = 1> (slices, lengths)
    pieces = Reshape (picture, shape_of_pieces)
    histograms = Reshape (histogram, shape_of_zones)
}
"""


SUM_RULE = """
sum_rule (float[p, genres] of_pieces, float[v, genres] of_zones) => (float[n, genres] logits)
{
    shares = Softmax <axis = -1> (of_pieces)
    pieces_of_segment = Reshape (shares, shape_of_pieces)
    network = ReduceMean <axes = [1], keepdims = 0> (pieces_of_segment)
    probabilities = Exp (of_zones)
    zones_of_segment = Reshape (probabilities, shape_of_zones)
    machines = ReduceMean <axes = [1], keepdims = 0> (zones_of_segment)
    both = Mean (network, machines)
    floored = Max (both, floor)
    logits = Log (floored)
}
"""


def fused(network: bytes, machines: bytes, piece: tuple[int, ...]) -> bytes:
    """Combine both into one ONNX network, from ``slices`` (n, values) to ``logits`` (n, n_genres).

    Args:
        network: Maps (n * pieces, *piece) to logits.
        machines: Map (n, n_zones, n_patterns) to log-probabilities.
        piece: The shape of one piece.
    """
    import onnx

    compose = onnx.compose
    n_histogram = N_ZONES * N_PATTERNS
    parts = graph(
        PARTS,
        lengths=np.array([N_PIECES * int(np.prod(piece)), n_histogram]),
        shape_of_pieces=np.array([-1, *piece]),
        shape_of_zones=np.array([-1, N_ZONES, N_PATTERNS]),
    )
    learned = {
        prefix: compose.add_prefix(onnx.load_from_string(content), prefix)
        for prefix, content in (("network_", network), ("machines_", machines))
    }
    n_genres = learned["machines_"].graph.output[0].type.tensor_type.shape.dim[1].dim_value
    rule = graph(
        SUM_RULE,
        shape_of_pieces=np.array([-1, N_PIECES, n_genres]),
        shape_of_zones=np.array([-1, N_ZONES, n_genres]),
        floor=np.array(FLOOR, np.float32),
    )
    rule = compose.add_prefix(rule, "rule_", rename_outputs=False)
    whole = parts
    for prefix, link in (("network_", "pieces"), ("machines_", "histograms")):
        learned[prefix].ir_version = whole.ir_version
        whole = compose.merge_models(whole, learned[prefix], [(link, f"{prefix}slices")])
    links = [("network_logits", "rule_of_pieces"), ("machines_logits", "rule_of_zones")]
    whole = compose.merge_models(whole, rule, links)
    del whole.opset_import[:]  # it lists the same version once for each part
    whole.opset_import.extend(parts.opset_import)
    content: bytes = whole.SerializeToString()
    return content


def graph(text: str, **constants: NDArray[np.generic]) -> onnx.ModelProto:
    """An ONNX model from the text of a graph and its constants."""
    import onnx

    model = onnx.parser.parse_model(VERSIONS + text)
    for name, values in constants.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
    return model


SOURCE = (
    "Y. M. G. Costa, L. S. Oliveira, C. N. Silla Jr.: An evaluation of Convolutional Neural "
    "Networks for music classification using spectrograms, Applied Soft Computing 52, 2017"
)

WITHOUT_KERAS = ("sklearn", "onnx", "skimage")

COSTA2017_LBP = Architecture(
    name="costa2017-lbp",
    summary="Local binary patterns in ten zones of frequency, each with its own SVM.",
    source=SOURCE,
    spectrogram=SPECTROGRAM,
    slices=replace(SEGMENTS, transform="lbp"),
    learner=Estimator(fit_zone_svms, WITHOUT_KERAS, MAX_SLICES),
)

COSTA2017_CNN = Architecture(
    name="costa2017-cnn",
    summary="Three convolutions over six seconds of the picture.",
    source=SOURCE,
    spectrogram=SPECTROGRAM,
    slices=SliceSpec(frames=PIECE_FRAMES, hop_frames=PIECE_FRAMES, max_slices=3 * N_PIECES),
    learner=Network(build, TRAINING),
    cost=Cost(23_296, 513, 23_353_344, 512),
)

COSTA2017 = Architecture(
    name="costa2017",
    summary="The network and the machines on local binary patterns together, by the sum rule.",
    source=SOURCE,
    spectrogram=SPECTROGRAM,
    slices=replace(SEGMENTS, transform="picture_and_lbp"),
    learner=Estimator(fit_both, (*WITHOUT_KERAS, "tensorflow", "keras", "tf2onnx"), MAX_SLICES),
    fixed_length=True,  # a segment is a whole number of the network's pieces
)
