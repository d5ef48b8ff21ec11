"""Frozen settings that travel inside a bundle, so that training and classifying cannot differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

AggregationRule = Literal["mean", "product"]


@dataclass(frozen=True, slots=True)
class SpectrogramSpec:
    """Settings of the log-mel spectrogram.

    The defaults are those of musicnn (Pons & Serra 2019, ``configuration.py``): every frame is a
    periodic Hann window, its power goes through Slaney's mel filters, and the result is
    ``log10(gain * power + 1)``.
    """

    sample_rate_hz: int = 16_000
    n_fft: int = 512
    hop: int = 256
    n_mels: int = 96
    fmin_hz: float = 0.0
    fmax_hz: float = 8_000.0
    gain: float = 10_000.0

    @property
    def pad(self) -> int:
        """Zeros on either side of a song, so that frame 0 is centred on sample 0."""
        return self.n_fft // 2

    def n_frames(self, n_samples: int) -> int:
        """Frames of a song of ``n_samples`` samples."""
        return 1 + n_samples // self.hop


@dataclass(frozen=True, slots=True)
class SliceSpec:
    """How a song is cut: slices of ``frames`` frames on a grid with ``hop_frames`` between starts.

    ``max_slices`` are heard of a long song, spread over all of it.  A song shorter than one slice
    is repeated until it fills one; below ``min_seconds`` it is refused.  The incomplete slice at
    the end of a longer song is left out.
    """

    frames: int = 187
    hop_frames: int = 187
    max_slices: int = 24
    min_seconds: float = 0.5

    def n_slices(self, n_frames: int) -> int:
        """Complete slices in a song of ``n_frames`` frames."""
        return max(0, 1 + (n_frames - self.frames) // self.hop_frames)


@dataclass(frozen=True, slots=True)
class AggregationSpec:
    """How the slices' logits become the song's probabilities.

    ``rule``: ``mean`` of the slices' probabilities, or their ``product`` (its n-th root: the
    softmax of the mean logits).  ``sharpness`` multiplies the logits beforehand; it is fitted so
    that the song's probabilities are calibrated (the inverse of Guo et al.'s temperature, ICML
    2017).
    ``background`` is the logit of "something else", which takes its share of the probability; None
    where the genres are all there is.  ``threshold``: the confidence from which an answer is given.
    """

    rule: AggregationRule = "product"
    sharpness: float = 1.0
    background: float | None = None
    threshold: float = 0.65


@dataclass(frozen=True, slots=True)
class ContextSpec:
    """How the tracks of one artist inform each other, where the tags say whose they are.

    ``weight`` of the artist's mean log-probability against the track's own; ``sharpness`` of the
    result, and the ``threshold`` that goes with it.
    """

    weight: float
    sharpness: float
    threshold: float


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """The ``.onnx`` file: one input of slices, and by name the outputs that are used.

    ``features`` is what the head takes, or the genre logits themselves in a bundle without a head.
    ``tags`` is an output of tag probabilities that are kept for information, with ``tag_names``.
    """

    file: str = "network.onnx"
    input: str = "log_mel"
    features: str = "embedding"
    tags: str | None = None
    tag_names: tuple[str, ...] = ()
