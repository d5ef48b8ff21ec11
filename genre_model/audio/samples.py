"""From FFmpeg's frames to mono samples: the mean of the channels, checked to be numbers."""

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


# Of the channels' powers, which is what the power of their sum is if they are uncorrelated.  Where
# one has the polarity of another inverted, lossy codecs leave up to 0.002.
CANCELLED = 0.01


# How much is decoded before it is handed on when a whole song streams through: so many seconds, or
# so many samples of all channels together.
BLOCK_S = 10.0
BLOCK_VALUES = 2**22


# Of two rates in one file: AAC has 96 kHz and 8 kHz.
MAX_RATIO = 16


# FFmpeg's names of sample formats; a name that ends in `p` has one plane for each channel.
PACKED: dict[str, type[np.generic]] = {
    "u8": np.uint8,
    "s16": np.int16,
    "s32": np.int32,
    "flt": np.float32,
    "dbl": np.float64,
}


DTYPES: dict[str, type[np.generic]] = {**PACKED, **{f"{name}p": d for name, d in PACKED.items()}}


def first_frames(frames: Iterator[AudioFrame], n_samples: int) -> Iterator[AudioFrame]:
    """As many frames as it takes to have so many samples."""
    for frame in frames:
        yield frame
        n_samples -= frame.samples
        if n_samples <= 0:
            return


class SampleQueue:
    """Puts the frames of one file together.

    Frames are small, some 20 ms: what Python does with each of them costs as much as decoding it,
    so FFmpeg puts them together.  The queue serves all windows: a new one asks the system for more
    and more memory while it grows, which takes half as long as decoding.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._fifo: AudioFifo | None = None
        self._n_channels = 0

    def gathered(self, frames: Iterator[AudioFrame]) -> Iterator[Float32]:
        """Mono samples in blocks of about ``BLOCK_S``.

        Where files were joined, a part may have another rate; it is brought to that of the first.
        """
        fifo = self._fifo
        if fifo is None or fifo.samples:  # left over where decoding failed
            fifo, self._n_channels = self._new_fifo(), 0
        wanted = 0
        for frame in frames:
            if frame.layout.nb_channels != self._n_channels:  # the queue takes no notice
                yield from self._drained(fifo)
                fifo, self._n_channels = self._new_fifo(), frame.layout.nb_channels
            frame.pts = None  # else there must be no gaps between them
            try:
                fifo.write(frame)
            except ValueError:  # from here on samples are of another kind
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
        """What waits in a queue, if anything, as mono samples."""
        frame = fifo.read()
        if frame is not None:
            yield at_rate(checked(mono(frame)), frame.sample_rate, self._rate_hz)


def at_rate(samples: Float32, from_hz: int, rate_hz: int) -> Float32:
    """Samples of one rate at another.

    Raises:
        AudioError: No music has both rates, and there would be too many samples.
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

    The first channel alone where they cancel each other out: their mean would be silence.
    """
    channels = list(map(as_float, channels_of(frame)))
    with np.errstate(over="ignore", invalid="ignore"):  # `checked` refuses what comes of it
        total = sum(channels[1:], channels[0])
        if total @ total < CANCELLED * sum(channel @ channel for channel in channels):
            return channels[0].astype(np.float32, copy=False)
        mean: Float32 = (total / np.float32(len(channels))).astype(np.float32, copy=False)
    return mean


def channels_of(frame: AudioFrame) -> Iterator[NDArray[Any]]:
    """A frame's samples as they were decoded, channel after channel, (n_samples,) each.

    Raises:
        AudioError: The samples are of a kind that is not read here, such as 64-bit integers.
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
    """The bytes of one plane of a frame, which are not copied.

    PyAV's own ``frame.planes``, and ``to_ndarray`` with it, reads beyond the end of the list of
    planes where there are eight or more: docs/upstream/pyav-planes.md.
    """
    from av.audio.plane import AudioPlane

    return memoryview(AudioPlane(frame, index))


def as_float(values: NDArray[Any]) -> NDArray[Any]:
    """Integer PCM scaled to [-1, 1); floating point as it is."""
    if values.dtype.kind == "f":
        return values
    bits = 8 * values.dtype.itemsize
    offset = 128 if values.dtype.kind == "u" else 0  # only 8-bit PCM is unsigned
    scaled: Float32 = (values.astype(np.float32) - np.float32(offset)) / np.float32(2 ** (bits - 1))
    return scaled


def checked(samples: Float32) -> Float32:
    """The samples, if every one of them is a number.

    Raises:
        AudioError: There are NaNs or infinities, or something a million times full scale.
    """
    if not np.isfinite(samples).all():
        raise AudioError("the samples are not all numbers")
    if np.abs(samples).max(initial=0) > MAX_AMPLITUDE:
        raise AudioError("the samples are absurdly loud")
    return samples
