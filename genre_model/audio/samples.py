"""Turn FFmpeg's frames into mono samples: the mean of the channels, checked to be finite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Float32
from genre_model.core.errors import AudioError

if TYPE_CHECKING:
    from av.audio.fifo import AudioFifo
    from av.audio.frame import AudioFrame


MAX_AMPLITUDE = 1e6


# Channels cancel each other out if the power of their sum is less than this share of the sum of
# their powers; for uncorrelated channels the share is 1.  If one channel is another one inverted,
# lossy codecs leave a share of up to 0.002.
CANCELLED = 0.01


# Size of a block when a whole song is decoded: this many seconds, or this many samples of all
# channels together if that is less.
BLOCK_S = 10.0
BLOCK_VALUES = 2**22


# Largest ratio of two sample rates in one file: AAC has 96 kHz and 8 kHz.
MAX_RATIO = 16


# FFmpeg's names of sample formats; those that end in `p` have one plane for each channel.
PACKED: dict[str, type[np.generic]] = {
    "u8": np.uint8,
    "s16": np.int16,
    "s32": np.int32,
    "flt": np.float32,
    "dbl": np.float64,
}


DTYPES: dict[str, type[np.generic]] = {**PACKED, **{f"{name}p": d for name, d in PACKED.items()}}


def first_frames(frames: Iterator[AudioFrame], n_samples: int) -> Iterator[AudioFrame]:
    """The first frames, as many as are needed for ``n_samples`` samples."""
    for frame in frames:
        yield frame
        n_samples -= frame.samples
        if n_samples <= 0:
            return


class SampleQueue:
    """Joins the frames of one file.

    Frames are short, some 20 ms: handling each of them in Python costs as much as decoding it, so
    FFmpeg joins them.  One queue serves all windows: a new queue asks the system for more and more
    memory while it grows, which takes half as long as decoding.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._fifo: AudioFifo | None = None
        self._n_channels = 0

    def gathered(self, frames: Iterator[AudioFrame]) -> Iterator[Float32]:
        """Mono samples in blocks of about ``BLOCK_S``.

        In joined files, a part may have another rate; it is resampled to the rate of the first.
        """
        fifo = self._fifo
        if fifo is None or fifo.samples:  # samples are left from decoding that failed
            fifo, self._n_channels = self._new_fifo(), 0
        wanted = 0
        for frame in frames:
            if frame.layout.nb_channels != self._n_channels:  # the FIFO does not check this
                yield from self._drained(fifo)
                fifo, self._n_channels = self._new_fifo(), frame.layout.nb_channels
            frame.pts = None  # with time stamps, the FIFO allows no gaps
            try:
                fifo.write(frame)
            except ValueError:  # the sample format or rate changes here
                yield from self._drained(fifo)
                fifo = self._new_fifo()
                fifo.write(frame)
            wanted = wanted or min(int(BLOCK_S * self._rate_hz), BLOCK_VALUES // self._n_channels)
            if fifo.samples >= wanted:
                yield from self._drained(fifo)
                wanted = 0
        yield from self._drained(fifo)

    def _new_fifo(self) -> AudioFifo:
        import av

        self._fifo = av.AudioFifo()
        return self._fifo

    def _drained(self, fifo: AudioFifo) -> Iterator[Float32]:
        """The content of a queue, if any, as mono samples."""
        frame = fifo.read()
        if frame is not None:
            yield at_rate(checked(mono(frame)), frame.sample_rate, self._rate_hz)


def at_rate(samples: Float32, from_hz: int, rate_hz: int) -> Float32:
    """Resample from one rate to another.

    Raises:
        AudioError: The ratio is above ``MAX_RATIO``: no music has both rates, and there would be
            too many samples.
    """
    if from_hz == rate_hz:
        return samples
    if not rate_hz <= from_hz * MAX_RATIO <= rate_hz * MAX_RATIO**2:
        raise AudioError(f"a part of {from_hz} Hz in a file of {rate_hz} Hz")
    import soxr

    found: Float32 = soxr.resample(samples, from_hz, rate_hz, quality="HQ")
    return found


def mono(frame: AudioFrame) -> Float32:
    """The mean of a frame's channels, (n_samples,) float32 in [-1, 1].

    If the channels cancel each other out, it is the first channel: their mean would be silence.
    """
    channels = list(map(as_float, channels_of(frame)))
    with np.errstate(over="ignore", invalid="ignore"):  # `checked` rejects the result
        total = sum(channels[1:], channels[0])
        if total @ total < CANCELLED * sum(channel @ channel for channel in channels):
            return channels[0].astype(np.float32, copy=False)
        mean: Float32 = (total / np.float32(len(channels))).astype(np.float32, copy=False)
    return mean


def channels_of(frame: AudioFrame) -> Iterator[NDArray[Any]]:
    """A frame's samples as they were decoded, one array (n_samples,) per channel.

    Raises:
        AudioError: The sample format is not supported, such as 64-bit integers.
    """
    dtype = DTYPES.get(frame.format.name)
    if dtype is None:
        raise AudioError(f"samples of the kind {frame.format.name}")
    n_channels = frame.layout.nb_channels
    if frame.format.is_planar:
        for channel in range(n_channels):
            yield np.frombuffer(plane(frame, channel), dtype, frame.samples)
    else:
        values = np.frombuffer(plane(frame, 0), dtype, frame.samples * n_channels)
        yield from values.reshape(-1, n_channels).T


def plane(frame: AudioFrame, index: int) -> memoryview:
    """The bytes of one plane of a frame, without a copy.

    PyAV's own ``frame.planes``, and ``to_ndarray`` with it, reads beyond the end of the list of
    planes if there are eight or more: docs/upstream/pyav-planes.md.
    """
    from av.audio.plane import AudioPlane

    return memoryview(AudioPlane(frame, index))


def as_float(values: NDArray[Any]) -> NDArray[Any]:
    """Integer PCM scaled to [-1, 1); floating point unchanged."""
    if values.dtype.kind == "f":
        return values
    bits = 8 * values.dtype.itemsize
    offset = 128 if values.dtype.kind == "u" else 0  # only 8-bit PCM is unsigned
    scaled: Float32 = (values.astype(np.float32) - np.float32(offset)) / np.float32(2 ** (bits - 1))
    return scaled


def checked(samples: Float32) -> Float32:
    """The samples, after a check that they are finite and not absurdly loud.

    Raises:
        AudioError: There are NaNs or infinities, or samples above a million times full scale.
    """
    if not np.isfinite(samples).all():
        raise AudioError("the samples are not all numbers")
    if np.abs(samples).max(initial=0) > MAX_AMPLITUDE:
        raise AudioError("the samples are absurdly loud")
    return samples
