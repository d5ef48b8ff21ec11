"""Hear a song with a bundle's network, and weigh what was heard.

Hearing (decode, spectrogram, network) is the costly part and depends on the file alone; weighing
(head, aggregation) is a few small products.  They are apart so that what was heard can be kept.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genre_model.aggregate import aggregate, can_be_sampled
from genre_model.bundle import PROBE, SHIPPED, Bundle, Manifest, read_bundle
from genre_model.errors import AudioError, BundleError, NetworkError, SeekError
from genre_model.front_end import slices_of
from genre_model.onnx_network import open_network, run_network
from genre_model.sampling import stop_rule
from genre_model.slicing import Slice, open_in_order
from genre_model.specs import SamplingSpec, SpectrogramSpec

if TYPE_CHECKING:
    import onnxruntime

Float32 = NDArray[np.float32]

# How far the probe may be from the stored answer: other processors round differently.
PROBE_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Which part of a song was heard: the first ``n_heard`` slices in the order of hearing.

    ``places`` (n_slices,) are the rows' places in that order, of ``n_available`` in all.
    """

    places: NDArray[np.int32]
    n_heard: int
    n_available: int


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What the network said of a song's slices.

    ``features`` (n_slices, n_features), the slices' ``starts_s`` (n_slices,) in seconds, and
    ``tags`` (n_slices, n_tags), which has no columns where the network has no tags.  A slice with
    several votes has as many rows.  ``sample`` is None where there is no more to hear.
    """

    features: Float32
    starts_s: NDArray[np.float64]
    tags: Float32
    sample: Sample | None = None


class Classifier:
    """A bundle, loaded and checked.  Safe to be used from several threads at once."""

    def __init__(self, bundle: Bundle, *, lazily: bool = False) -> None:
        """Load the head and the network, and compare the probe.

        Args:
            bundle: The model.
            lazily: Leave the network alone until it is needed: weighing what others have heard
                needs none.  What is wrong with it comes out then.

        Raises:
            BundleError: A file is damaged, the network does not load, or it answers wrongly.
        """
        self.bundle = bundle
        self.manifest = bundle.manifest
        self._head = bundle.head()
        manifest = bundle.manifest
        self.rule = stop_rule(
            manifest.genres,
            manifest.parents,
            manifest.sampling or SamplingSpec(),
            manifest.aggregation,
        )
        self._lock = threading.Lock()
        self._loaded: onnxruntime.InferenceSession | None = None
        if not lazily:
            self.load()

    def load(self) -> onnxruntime.InferenceSession:
        """The network, loaded and checked when it is asked for first.

        Raises:
            BundleError: A file is damaged, the network does not load, or it answers wrongly.
        """
        with self._lock:
            if self._loaded is None:
                session = load_session(self.bundle)
                self._check_probe(session)
                self._loaded = session
        return self._loaded

    def hear(
        self,
        path: Path,
        *,
        thorough: bool = False,
        until_settled: bool = False,
        known: Heard | None = None,
    ) -> Heard:
        """Decode a file and run the network over its slices; silent slices are left out.

        Args:
            path: The file.
            thorough: Hear all slices, not ``max_slices`` of them.
            until_settled: Hear as many of a long song's slices as it takes to know the answer, if
                the model says how that is known.
            known: What was heard of the file before; its slices are not heard again.

        Raises:
            AudioError: The file cannot be read as audio, or is too short.
        """
        enough = self.recall(known, thorough=thorough, until_settled=until_settled)
        if enough is not None:
            return enough
        if is_sampled(self.manifest) and not thorough:
            heard = self._hear_in_order(path, known, until_settled=until_settled)
            if heard is not None:
                return heard
        return self._hear_all(path, thorough=thorough)

    def recall(
        self, known: Heard | None, *, thorough: bool = False, until_settled: bool = False
    ) -> Heard | None:
        """As much of what was heard before as is needed now; None where that is not enough."""
        if known is None or known.sample is None:
            return known
        if thorough or not is_sampled(self.manifest):
            return None
        return self._enough(by_place(known), known.sample.n_available, until_settled=until_settled)

    def _hear_all(self, path: Path, *, thorough: bool) -> Heard:
        manifest = self.manifest
        slices = slices_of(path, manifest.spectrogram, manifest.slices, thorough=thorough)
        return self._run([piece for piece in slices if not piece.silent])

    def _hear_in_order(
        self, path: Path, known: Heard | None, *, until_settled: bool
    ) -> Heard | None:
        """Slices of a long song until there are enough of them.

        None for a song that has few or does not let itself be sampled.
        """
        before = [] if known is None else by_place(known)
        slices = self.manifest.slices
        spectrogram = self.manifest.spectrogram
        assert isinstance(spectrogram, SpectrogramSpec)
        try:
            with open_in_order(path, spectrogram, slices, len(before)) as (n_available, pieces):
                if n_available <= slices.max_slices:
                    return None
                voices = chain(before, (self._voice(piece) for piece in pieces))
                return self._enough(voices, n_available, until_settled=until_settled)
        except SeekError:
            return None

    def _enough(
        self, voices: Iterable[Heard], n_available: int, *, until_settled: bool
    ) -> Heard | None:
        """As many of the slices, in the order of hearing, as are needed; None if there are less."""
        slices, sampling = self.manifest.slices, self.manifest.sampling or SamplingSpec()
        most = min(n_available, sampling.max_slices if until_settled else slices.max_slices)
        found: list[Heard] = []
        logits: list[Float32] = []
        for voice in voices:
            found.append(voice)
            logits += [self.slice_logits(voice)] if len(voice.features) else []
            if len(found) == most or (
                until_settled
                and len(logits) >= sampling.min_slices
                and self.rule.settled(np.concatenate(logits), n_available)
            ):
                return in_order_of_time(found, n_available)
        return None

    def _voice(self, piece: Slice) -> Heard:
        """One slice, as precise as the cache is: with and without it the answer is the same."""
        heard = self._run([] if piece.silent else [piece])
        return Heard(as_half(heard.features), heard.starts_s, as_half(heard.tags))

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
        return self._infer(self.load(), values)[0]

    def _run(self, slices: list[Slice]) -> Heard:
        if not slices:
            return Heard(np.zeros((0, 1), np.float32), np.zeros(0), np.zeros((0, 0), np.float32))
        values = [piece.values[None] for piece in slices]
        if self.manifest.network.whole_song:
            values = [np.concatenate(values)]
        # Otherwise one at a time: batches are no faster on a CPU and need more memory.
        session = self.load()
        outputs = [self._infer(session, part) for part in values]
        features = np.concatenate([output[0] for output in outputs])
        starts_s = np.array([piece.start_s for piece in slices])
        return Heard(
            features,
            np.repeat(starts_s, len(features) // len(slices)),
            np.concatenate([output[1] for output in outputs]),
        )

    def _infer(
        self, session: onnxruntime.InferenceSession, values: Float32
    ) -> tuple[Float32, Float32]:
        """Features (n, n_features) and tags (n, n_tags) of slices (n, frames, n_mels)."""
        network = self.manifest.network
        names = [network.features] + ([network.tags] if network.tags else [])
        outputs = run_network(session, names, {network.input: values})
        empty = np.zeros((len(values), 0), np.float32)
        return outputs[0], outputs[1] if network.tags else empty

    def _check_probe(self, session: onnxruntime.InferenceSession) -> None:
        probe = self.bundle.arrays(PROBE)
        where = self.bundle.directory
        try:
            features, tags = self._infer(session, probe["slices"])
            heard = Heard(features, np.zeros(len(features)), tags)
            logits = self.slice_logits(heard)
        except (KeyError, ValueError, AudioError) as error:
            raise BundleError(f"{where}: the network does not take the probe") from error
        expected = probe.get("logits")
        if expected is None or expected.shape != logits.shape or logits.size == 0:
            raise BundleError(f"{where}: the network does not fit its genres")
        difference = float(np.abs(logits - expected).max())
        if not difference <= PROBE_TOLERANCE:
            raise BundleError(f"{where}: the network answers otherwise than when it was made")


def is_sampled(manifest: Manifest) -> bool:
    """Whether a model knows when it has heard enough of a long song."""
    return (
        manifest.sampling is not None
        and isinstance(manifest.spectrogram, SpectrogramSpec)
        and manifest.slices.position == "spread"
        and manifest.slices.view == "spectrogram"
        and not manifest.network.whole_song
        and can_be_sampled(manifest.aggregation)
    )


def as_half(values: Float32) -> Float32:
    """The values with the precision that the cache has."""
    return values.astype(np.float16).astype(np.float32)


def by_place(heard: Heard) -> list[Heard]:
    """What was heard, slice by slice in the order of hearing; a silent slice has no rows."""
    assert heard.sample is not None
    places = heard.sample.places
    found = []
    for place in range(heard.sample.n_heard):
        rows = places == place
        found.append(Heard(heard.features[rows], heard.starts_s[rows], heard.tags[rows]))
    return found


def in_order_of_time(voices: list[Heard], n_available: int) -> Heard:
    """Slices that were heard one after the other, as one; inverse of :func:`by_place`."""
    sample = Sample(
        np.repeat(np.arange(len(voices), dtype=np.int32), [len(v.features) for v in voices]),
        len(voices),
        n_available,
    )
    loud = [voice for voice in voices if len(voice.features)] or voices[:1]
    starts_s = np.concatenate([voice.starts_s for voice in loud])
    rows = np.argsort(starts_s, kind="stable")
    return Heard(
        np.concatenate([voice.features for voice in loud])[rows],
        starts_s[rows],
        np.concatenate([voice.tags for voice in loud])[rows],
        replace(sample, places=sample.places[rows]),
    )


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
    content = bundle.read(bundle.manifest.network.file)
    try:
        session = open_network(content)
    except NetworkError as error:
        raise BundleError(f"{bundle.directory}: {error}") from error
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
