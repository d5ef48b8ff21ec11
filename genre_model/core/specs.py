"""Frozen settings stored in a bundle, so that training and classifying cannot differ."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

AggregationRule = Literal["mean", "product", "majority", "max", "confidence"]

# How a slice is transformed before the network gets it: ``features.frontend.transform_of``.
Transform = Literal["spectrogram", "constellation", "glcm", "lbp", "picture_and_lbp"]

Position = Literal["spread", "beginning", "middle", "end", "ends", "all"]

Band = Literal["all", "low", "mid", "high", "no-low", "no-mid", "no-high"]

MOST_SLICES = 10_000  # per song

BANDS_HZ = {"low": (0.0, 1_000.0), "mid": (1_000.0, 5_000.0), "high": (5_000.0, math.inf)}


class SpectrogramSpec(msgspec.Struct, frozen=True, tag="log_mel", tag_field="kind"):
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
    def n_bins(self) -> int:
        """Values of a frame."""
        return self.n_mels

    @property
    def frame_length(self) -> int:
        """Samples that a frame depends on."""
        return self.n_fft

    @property
    def pad(self) -> int:
        """Zeros before a song, so that frame 0 is centred on sample 0."""
        return self.n_fft // 2

    @property
    def pad_end(self) -> int:
        """Zeros after a song."""
        return self.pad

    def n_frames(self, n_samples: int) -> int:
        """Frames of a song of ``n_samples`` samples."""
        return 1 + n_samples // self.hop


class SoxSpec(msgspec.Struct, frozen=True, tag="sox", tag_field="kind"):
    """The picture that ``sox -n spectrogram -Y 200 -X 50 -m -r`` makes of a mono file.

    The paper uses it, after Despois: 129 rows of a 256-point Fourier transform, the highest of
    which is cut off.  A frame is a column of pixels, the mean of ``n_blocks`` transforms that are
    ``step`` samples apart (SoX 14.4.2, ``spectrogram.c``).  Songs are resampled first, so that a
    row is the same frequency in all of them.
    """

    sample_rate_hz: int = 44_100
    pixels_per_s: int = 50

    @property
    def n_fft(self) -> int:
        """Points of the Fourier transform."""
        return 256

    @property
    def n_bins(self) -> int:
        """Values of a frame: all frequencies but the highest."""
        return self.n_fft // 2

    @property
    def step(self) -> int:
        """Samples between transforms: half of their length, or less to divide a column evenly.

        SoX takes the largest step that divides a column into equal parts, to the nearest sample.
        """
        column = self.sample_rate_hz // self.pixels_per_s
        return int(column / math.ceil(column / (self.n_fft // 2)) + 0.5)

    @property
    def n_blocks(self) -> int:
        """Transforms in a column of pixels."""
        return int(self.sample_rate_hz // self.pixels_per_s / self.step + 0.5)

    @property
    def hop(self) -> int:
        """Samples of a column of pixels."""
        return self.n_blocks * self.step

    @property
    def frame_length(self) -> int:
        """Samples that a column of pixels depends on."""
        return self.hop - self.step + self.n_fft

    @property
    def pad(self) -> int:
        """Zeros before a song, so that the first transform is centred on the first step."""
        return (self.n_fft - self.step + 1) // 2

    @property
    def pad_end(self) -> int:
        """No zeros after a song: the last column is left out if SoX makes it from less sound."""
        return 0

    def n_frames(self, n_samples: int) -> int:
        """Whole columns of a song of ``n_samples`` samples."""
        return max(0, 1 + (n_samples + self.pad - self.frame_length) // self.hop)


class NotesSpec(msgspec.Struct, frozen=True, tag="notes", tag_field="kind"):
    """The notes of a MIDI file; a frame is a note."""

    n_features: int = 33

    @property
    def n_bins(self) -> int:
        """Values of a note."""
        return self.n_features


AudioSpec = SpectrogramSpec | SoxSpec

FrontEndSpec = SpectrogramSpec | SoxSpec | NotesSpec


@dataclass(frozen=True, slots=True)
class SliceSpec:
    """How a song is cut: slices of ``frames`` frames on a grid with ``hop_frames`` between starts.

    At most ``max_slices`` of a song are used.  ``position`` says which: slices spread over the
    whole song, over its first, middle or last third, or from its first to its last slice
    (``ends``).  With ``all``, all slices are used, ten thousand at most.  A song shorter than one
    slice is repeated until it fills one; below ``min_seconds`` it is refused.  The incomplete slice
    at the end of a longer song is left out.  Frequencies outside the ``band`` are set to zero, and
    the network gets the slice's ``transform``.
    """

    frames: int = 187
    hop_frames: int = 187
    max_slices: int = 24
    min_seconds: float = 0.5
    position: Position = "spread"
    band: Band = "all"
    transform: Transform = "spectrogram"

    @property
    def most(self) -> int:
        """How many slices of a song are used at most."""
        return MOST_SLICES if self.position == "all" else self.max_slices

    def n_slices(self, n_frames: int) -> int:
        """Complete slices in a song of ``n_frames`` frames."""
        return max(0, 1 + (n_frames - self.frames) // self.hop_frames)


@dataclass(frozen=True, slots=True)
class SamplingSpec:
    """When enough slices of a long song have been classified.

    Slices are taken one after the other, spread over the song, until the answer is known: at least
    ``min_slices`` and at most ``max_slices``.  The answer is known when neither the leading genre
    nor its side of the threshold could change within ``z`` standard errors, and one more slice is
    expected to bring the probabilities closer to those of the whole song by less than ``min_gain``,
    measured as total variation: half the sum of the absolute differences.
    """

    min_slices: int = 8
    max_slices: int = 48
    z: float = 2.0
    min_gain: float = 0.0013


# Threshold of a model that does not reach the wanted precision at any threshold: it never answers.
UNREACHED_THRESHOLD = 1.0


def reaches(confidence: Any, threshold: float) -> Any:
    """Whether a confidence, or each of an array of them, is enough for an answer.

    A threshold of 1 accepts nothing, not even a rounded probability of 1.
    """
    return (confidence >= threshold) & (threshold < UNREACHED_THRESHOLD)


@dataclass(frozen=True, slots=True)
class AggregationSpec:
    """How the slices' logits become the song's probabilities.

    ``rule``, after Kittler et al. (PAMI 1998): ``mean`` of the slices' probabilities (the sum
    rule), or their ``product`` (its n-th root: the softmax of the mean logits); ``majority`` is the
    share of slices that a genre leads, ``max`` the highest probability that any slice gives a
    genre, ``confidence`` the mean weighted by each slice's own highest probability.
    ``inverse_temperature`` multiplies the logits beforehand; it is fitted so that the song's
    probabilities are calibrated (the inverse of Guo et al.'s temperature, ICML 2017).
    ``other_logit`` is the logit of "something else", which takes its share of the probability; None
    if the genres cover all music.  ``threshold`` is the confidence from which an answer is given.
    """

    rule: AggregationRule = "product"
    inverse_temperature: float = 1.0
    other_logit: float | None = None
    threshold: float = 0.65


# How much further tracks of an artist raise the inverse temperature: at most by this share.  The
# table is in studies/context.py.
EVIDENCE = 0.1


@dataclass(frozen=True, slots=True)
class ContextSpec:
    """How the tracks of one artist inform each other, if the tags name the artist.

    ``weight`` is that of the artist's mean log-probability against the track's own;
    ``inverse_temperature`` and ``threshold`` apply to the result.  ``evidence``: n tracks that
    agree say more than one track, but far less than n times as much, as they are alike; the inverse
    temperature is multiplied by 1 + evidence * (1 - 1 / n).
    """

    weight: float
    inverse_temperature: float
    threshold: float
    evidence: float = EVIDENCE


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """The ``.onnx`` file, its one input of slices, and the names of the outputs that are used.

    ``features`` is what the head takes, or the genre logits themselves in a bundle without a head.
    ``tags`` is an output of tag probabilities that are kept for information, with ``tag_names``.
    ``whole_song``: the slices are a sequence, and have to be given all at once and in order.  A
    slice may have several rows of features: each row is one vote.
    """

    file: str = "network.onnx"
    input: str = "log_mel"
    features: str = "embedding"
    tags: str | None = None
    tag_names: tuple[str, ...] = ()
    whole_song: bool = False
