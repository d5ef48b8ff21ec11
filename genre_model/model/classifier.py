"""Extract a song's features with a bundle's network, and classify them.

The extraction (decode, spectrogram, network) is the costly part and depends on the file alone; the
rest (head, aggregation) is a few small matrix products.  They are separate so that features can be
cached.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genre_model.core.arrays import Float32, Float64
from genre_model.core.errors import AudioError, BundleError, SeekError
from genre_model.core.specs import SamplingSpec, SpectrogramSpec
from genre_model.features.frontend import slices_of
from genre_model.features.slices import Slice, open_in_order
from genre_model.model.aggregation import aggregate, song_probabilities
from genre_model.model.bundle.network import load_session
from genre_model.model.bundle.store import PROBE, SHIPPED, Bundle, load_bundle
from genre_model.model.bundle.trial import try_out
from genre_model.model.onnx.session import run_network
from genre_model.model.song_features import SongFeatures, as_half, by_place, in_order_of_time
from genre_model.model.stop_rule import StopRule, is_sampled, stop_rule

if TYPE_CHECKING:
    import onnxruntime


# How far the probe's logits may be from the stored ones: other processors round differently.
PROBE_TOLERANCE = 1e-3


class Classifier:
    """A bundle, loaded and checked.  Safe to use from several threads at once."""

    def __init__(
        self,
        bundle: Bundle,
        *,
        lazily: bool = False,
        tried: bool = False,
        trials: Path | None = None,
    ) -> None:
        """Load the head and the network, and check the network's answer to the probe.

        Args:
            bundle: The model.
            tried: The network needs no trial in a process of its own: it had one, or it was made
                here, or a crash of this process does no harm.
            trials: The folder for the results of trials, so that the next process needs none.
            lazily: Load the network only when it is needed: classifying cached features does not
                need it.  Its faults are raised then.

        Raises:
            BundleError: A file is damaged, the network does not load, or it answers wrongly.
        """
        self.bundle = bundle
        self.manifest = bundle.manifest
        self._head = bundle.head()
        self._music_detector = bundle.music_detector()
        manifest = bundle.manifest
        self.rule = stop_rule(
            manifest.genres,
            manifest.parents,
            manifest.sampling or SamplingSpec(),
            manifest.aggregation,
        )
        self._lock = threading.Lock()
        self._loaded: onnxruntime.InferenceSession | None = None
        self._tried, self._trials = tried, trials
        if not lazily:
            self.load()

    def try_out(self) -> None:
        """Make sure that loading and running a stranger's network does not crash this process.

        Raises:
            BundleError: The network cannot be read, is not allowed, or fails its trial.
        """
        if not self._tried:
            try_out(self.bundle, self._trials)
            self._tried = True

    def load(self) -> onnxruntime.InferenceSession:
        """The network's session; the first call loads and checks it.

        Raises:
            BundleError: A file is damaged, the network does not load, or it answers wrongly.
        """
        with self._lock:
            if self._loaded is None:
                self.try_out()
                session = load_session(self.bundle)
                self._check_probe(session)
                self._loaded = session
        return self._loaded

    def extract(
        self,
        path: Path,
        *,
        thorough: bool = False,
        until_stable: bool = False,
        threshold: float | None = None,
        known: SongFeatures | None = None,
    ) -> SongFeatures:
        """Decode a file and run the network over its slices; silent slices are left out.

        Args:
            path: The file.
            thorough: Extract all slices, not only ``max_slices`` of them.
            until_stable: Extract only as many slices of a long song as are needed to know the
                answer, if the model can be sampled.
            threshold: The probability from which a genre is accepted; None: the model's own.
            known: Features that were extracted before; their slices are not extracted again.

        Raises:
            AudioError: The file cannot be read as audio, or is too short.
        """
        enough = self.recall(
            known, thorough=thorough, until_stable=until_stable, threshold=threshold
        )
        if enough is not None:
            return enough
        rule = self.rule.at(threshold) if until_stable else None
        if is_sampled(self.manifest) and not thorough:
            extracted = self._extract_in_order(path, known, rule)
            if extracted is not None:
                return extracted
        return self._extract_all(path, thorough=thorough)

    def recall(
        self,
        known: SongFeatures | None,
        *,
        thorough: bool,
        until_stable: bool,
        threshold: float | None,
    ) -> SongFeatures | None:
        """As many of the known slices as are needed now; None if they are not enough."""
        if known is None or known.sample is None:
            return known
        if thorough or not is_sampled(self.manifest):
            return None
        rule = self.rule.at(threshold) if until_stable else None
        return self._enough(by_place(known), known.sample.n_available, rule)

    def _extract_all(self, path: Path, *, thorough: bool) -> SongFeatures:
        manifest = self.manifest
        slices = slices_of(path, manifest.spectrogram, manifest.slices, thorough=thorough)
        return self._run([cut for cut in slices if not cut.silent])

    def _extract_in_order(
        self, path: Path, known: SongFeatures | None, rule: StopRule | None
    ) -> SongFeatures | None:
        """Slices of a long song, until there are enough of them.

        None for a song that has few slices or cannot be sampled.
        """
        before = [] if known is None else by_place(known)
        slices, spectrogram = self.manifest.slices, self.manifest.spectrogram
        assert isinstance(spectrogram, SpectrogramSpec)
        try:
            with open_in_order(path, spectrogram, slices, len(before)) as (n_available, cuts):
                if n_available <= slices.max_slices:
                    return None
                in_order = chain(before, (self._one_slice(cut) for cut in cuts))
                return self._enough(in_order, n_available, rule)
        except SeekError:
            return None

    def _enough(
        self, in_order: Iterable[SongFeatures], n_available: int, rule: StopRule | None
    ) -> SongFeatures | None:
        """As many of the slices, in the sampling order, as are needed; None if there are fewer.

        The rule says how many are needed; without a rule, as many as a training uses.
        """
        slices, sampling = self.manifest.slices, self.manifest.sampling or SamplingSpec()
        most = min(n_available, sampling.max_slices if rule else slices.max_slices)
        found: list[SongFeatures] = []
        logits, starts_s = list[Float32](), list[Float64]()
        for one_slice in in_order:
            found.append(one_slice)
            if len(one_slice.features):
                logits.append(self.slice_logits(one_slice))
                starts_s.append(one_slice.starts_s)
            if len(found) == most or (
                rule is not None
                and len(logits) >= sampling.min_slices
                and rule.is_stable(np.concatenate(logits), np.concatenate(starts_s), n_available)
            ):
                return in_order_of_time(found, n_available)
        return None

    def _one_slice(self, cut: Slice) -> SongFeatures:
        """One slice in the precision of the cache: the answer is the same with and without a cache.

        Songs that are not sampled, because they have few slices, still differ by the rounding.
        """
        extracted = self._run([] if cut.silent else [cut])
        return SongFeatures(
            as_half(extracted.features), extracted.starts_s, as_half(extracted.tags)
        )

    def slice_logits(self, extracted: SongFeatures) -> Float32:
        """Genre logits of each slice, (n_slices, n_genres); a silent song has no slices."""
        if len(extracted.features) == 0:
            return np.zeros((0, len(self.manifest.genres)), np.float32)
        return extracted.features if self._head is None else self._head.logits(extracted.features)

    def slice_probabilities(self, extracted: SongFeatures) -> Float64:
        """Genre probabilities of each slice by itself, (n_slices, n_genres).

        Columns are in the order of ``manifest.genres``.  A row sums to 1, or to less if the model
        leaves room for "something else" or the song is probably not music.
        """
        spec = self.manifest.aggregation
        rows = [aggregate(logits[None], spec) for logits in self.slice_logits(extracted)]
        found = np.array(rows).reshape(len(rows), len(self.manifest.genres))
        return found * self.music_share(extracted)

    def music_share(self, extracted: SongFeatures) -> float:
        """The factor for the genres' probabilities: 1 for music, less for other sound."""
        if self._music_detector is None or len(extracted.features) == 0:
            return 1.0
        return self._music_detector.share(extracted.features)

    def probabilities(self, extracted: SongFeatures) -> dict[str, float]:
        """Probability of each of the model's genres for the song; empty for a silent one.

        They are small if the model can tell that the song is not music.
        """
        if len(extracted.features) == 0:
            return {}
        song = song_probabilities(extracted.features, self._head, self.manifest.aggregation)
        song = song * self.music_share(extracted)
        return dict(zip(self.manifest.genres, song.tolist(), strict=True))

    def features(self, values: Float32) -> Float32:
        """Features (n_slices, n_features) of slices (n_slices, frames, n_mels)."""
        return self._infer(self.load(), values)[0]

    def _run(self, slices: list[Slice]) -> SongFeatures:
        if not slices:
            return SongFeatures(
                np.zeros((0, 1), np.float32), np.zeros(0), np.zeros((0, 0), np.float32)
            )
        values = [cut.values[None] for cut in slices]
        if self.manifest.network.whole_song:
            values = [np.concatenate(values)]
        # Otherwise one at a time: batches are no faster on a CPU and need more memory.
        outputs = [self._infer(self.load(), part) for part in values]
        features = np.concatenate([output[0] for output in outputs])
        if len(features) % len(slices):
            raise AudioError("the network's answer has the wrong shape")
        starts_s = np.array([cut.start_s for cut in slices])
        return SongFeatures(
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
            extracted = SongFeatures(features, np.zeros(len(features)), tags)
            logits = self.slice_logits(extracted)
        except (KeyError, ValueError, AudioError) as error:
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
        BundleError: The bundle is missing or damaged, or its network cannot be used.
    """
    return Classifier(load_bundle(directory))
