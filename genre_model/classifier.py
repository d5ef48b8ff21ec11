"""Hear a song with a bundle's network, and weigh what was heard.

Hearing (decode, spectrogram, network) is the costly part and depends on the file alone; weighing
(head, aggregation) is a few small products.  They are apart so that what was heard can be kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genre_model.aggregate import aggregate
from genre_model.bundle import PROBE, SHIPPED, Bundle, read_bundle
from genre_model.errors import BundleError
from genre_model.front_end import slices_of
from genre_model.onnx_network import open_network
from genre_model.slicing import Slice

if TYPE_CHECKING:
    import onnxruntime

Float32 = NDArray[np.float32]

# How far the probe may be from the stored answer: other processors round differently.
PROBE_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What the network said of a song's slices.

    ``features`` (n_slices, n_features), the slices' ``starts_s`` (n_slices,) in seconds, and
    ``tags`` (n_slices, n_tags), which has no columns where the network has no tags.  A slice with
    several votes has as many rows.
    """

    features: Float32
    starts_s: NDArray[np.float64]
    tags: Float32


class Classifier:
    """A bundle, loaded and checked.  Safe to be used from several threads at once."""

    def __init__(self, bundle: Bundle) -> None:
        """Load the network and the head, and compare the probe.

        Raises:
            BundleError: A file is damaged, the network does not load, or it answers wrongly.
        """
        self.bundle = bundle
        self.manifest = bundle.manifest
        self._head = bundle.head()
        self._session = load_session(bundle)
        self._check_probe()

    def hear(self, path: Path, *, thorough: bool = False) -> Heard:
        """Decode a file and run the network over its slices; silent slices are left out.

        Raises:
            AudioError: The file cannot be read as audio, or is too short.
        """
        manifest = self.manifest
        slices = slices_of(path, manifest.spectrogram, manifest.slices, thorough=thorough)
        return self._run([piece for piece in slices if not piece.silent])

    def slice_logits(self, heard: Heard) -> Float32:
        """Genre logits of each slice, (n_slices, n_genres)."""
        return heard.features if self._head is None else self._head.logits(heard.features)

    def probabilities(self, heard: Heard) -> dict[str, float]:
        """Probability of each of the model's genres for the song; empty for a silent one."""
        if len(heard.features) == 0:
            return {}
        song = aggregate(self.slice_logits(heard), self.manifest.aggregation)
        return dict(zip(self.manifest.genres, song.tolist(), strict=True))

    def features(self, values: Float32) -> Float32:
        """(n_slices, n_features) of slices (n_slices, frames, n_mels)."""
        return self._infer(values)[0]

    def _run(self, slices: list[Slice]) -> Heard:
        if not slices:
            return Heard(np.zeros((0, 1), np.float32), np.zeros(0), np.zeros((0, 0), np.float32))
        values = [piece.values[None] for piece in slices]
        if self.manifest.network.whole_song:
            values = [np.concatenate(values)]
        # Otherwise one at a time: batches are no faster on a CPU and need more memory.
        outputs = [self._infer(part) for part in values]
        features = np.concatenate([output[0] for output in outputs])
        starts_s = np.array([piece.start_s for piece in slices])
        return Heard(
            features,
            np.repeat(starts_s, len(features) // len(slices)),
            np.concatenate([output[1] for output in outputs]),
        )

    def _infer(self, values: Float32) -> tuple[Float32, Float32]:
        """Features (n, n_features) and tags (n, n_tags) of slices (n, frames, n_mels)."""
        network = self.manifest.network
        names = [network.features] + ([network.tags] if network.tags else [])
        outputs = self._session.run(names, {network.input: values})
        empty = np.zeros((len(values), 0), np.float32)
        return outputs[0], outputs[1] if network.tags else empty

    def _check_probe(self) -> None:
        from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument

        probe = self.bundle.arrays(PROBE)
        where = self.bundle.directory
        try:
            features, tags = self._infer(probe["slices"])
            heard = Heard(features, np.zeros(len(features)), tags)
            logits = self.slice_logits(heard)
        except (KeyError, ValueError, InvalidArgument, Fail) as error:
            raise BundleError(f"{where}: the network does not take the probe") from error
        expected = probe.get("logits")
        if expected is None or expected.shape != logits.shape or logits.size == 0:
            raise BundleError(f"{where}: the network does not fit its genres")
        difference = float(np.abs(logits - expected).max())
        if not difference <= PROBE_TOLERANCE:
            raise BundleError(f"{where}: the network answers otherwise than when it was made")


def load_classifier(directory: Path = SHIPPED) -> Classifier:
    """The classifier of the bundle in a folder; the shipped one by default.

    Raises:
        BundleError: It cannot be used.
    """
    return Classifier(read_bundle(directory))


def load_session(bundle: Bundle) -> onnxruntime.InferenceSession:
    """An ONNX Runtime session of a bundle's network.

    Raises:
        BundleError: ONNX Runtime refuses the network.
    """
    from onnxruntime.capi import onnxruntime_pybind11_state as states

    content = bundle.read(bundle.manifest.network.file)
    refusals: tuple[type[Exception], ...] = (
        states.Fail,
        states.InvalidGraph,
        states.InvalidProtobuf,
        states.InvalidArgument,
        states.NotImplemented,
        states.RuntimeException,
    )
    try:
        session = open_network(content)
    except refusals as error:
        raise BundleError(f"{bundle.directory}: ONNX Runtime refuses the network") from error
    missing = missing_names(session, bundle)
    if missing:
        raise BundleError(f"{bundle.directory}: the network has no {', '.join(missing)}")
    return session


def missing_names(session: Any, bundle: Bundle) -> list[str]:
    """Inputs and outputs that the manifest names and the network lacks."""
    network = bundle.manifest.network
    outputs = {output.name for output in session.get_outputs()}
    wanted = [network.features] + ([network.tags] if network.tags else [])
    has_input = [entry.name for entry in session.get_inputs()] == [network.input]
    return ([] if has_input else [network.input]) + [name for name in wanted if name not in outputs]
