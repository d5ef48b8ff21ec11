"""A new head on the shipped network's embeddings, as one of the systems to compare."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from genre_model.core.arrays import Bools, Float32, Ints
from genre_model.core.specs import NetworkSpec, SliceSpec, SpectrogramSpec
from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.model.head import Head
from genre_model.model.onnx.session import open_network
from genre_model.training.head.fit import fit_from_nothing
from genre_model.training.networks.base import Architecture, Estimator
from genre_model.training.networks.registry import EMBEDDINGS

if TYPE_CHECKING:
    import onnxruntime


@cache
def shipped_network() -> tuple[onnxruntime.InferenceSession, NetworkSpec]:
    """The shipped network, opened once for all songs."""
    shipped = load_bundle(SHIPPED)
    names = shipped.manifest.network
    return open_network(shipped.read(names.file)), names


def embeddings_of(slices: Float32) -> Float32:
    """The embedding of each slice of a song, (n, n_features)."""
    session, names = shipped_network()
    found: Float32 = np.concatenate(
        [session.run([names.features], {names.input: piece[None]})[0] for piece in slices]
    )
    return found


def fit(embeddings: Float32, candidates: Bools, songs: Ints, seed: int) -> bytes:
    """The shipped network with a head fitted on the mean embedding of each song, as ONNX."""
    shipped = load_bundle(SHIPPED)
    names = shipped.manifest.network
    network = shipped.read(names.file)
    numbers = np.unique(songs)
    means = np.array([embeddings[songs == number].mean(axis=0) for number in numbers])
    of_song = np.array([candidates[songs == number][0] for number in numbers])
    head = fit_from_nothing(means, of_song, of_song.argmax(axis=1))
    return with_head(network, names.features, head)


def with_head(network: bytes, features: str, head: Head) -> bytes:
    """A network from ``slices`` to ``logits``: the given one with a head on its ``features``."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load_from_string(network)
    graph = model.graph
    for node in graph.node:
        node.input[:] = ["slices" if name == "log_mel" else name for name in node.input]
    graph.input[0].name = "slices"
    graph.initializer.extend(
        [
            numpy_helper.from_array(head.weights, "head_weights"),
            numpy_helper.from_array(head.bias, "head_bias"),
        ]
    )
    graph.node.append(helper.make_node("Gemm", [features, "head_weights", "head_bias"], ["logits"]))
    del graph.output[:]
    shape = ["n", head.weights.shape[1]]
    graph.output.append(helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, shape))
    content: bytes = model.SerializeToString()
    return content


EMBEDDINGS_SYSTEM = Architecture(
    name=EMBEDDINGS,
    summary="Linear classifiers on the embeddings of the shipped network, from nothing.",
    source="J. Pons, X. Serra: musicnn, 2019; the head is ours",
    spectrogram=SpectrogramSpec(),
    slices=SliceSpec(),
    learner=Estimator(fit, ("onnx",), prepare=embeddings_of),
)
