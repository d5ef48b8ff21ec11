"""Decode audio files to float32 mono at the network's sample rate, wholly or in windows.

PyAV (FFmpeg inside the wheel) decodes, NumPy takes the mean of the channels and soxr HQ changes the
rate.  FFmpeg's own mixing and resampling are not used: its stereo-to-mono mix is 3 dB louder than
the mean, and its filter near 8 kHz changes what the network answers.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genre_model.errors import AudioError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

Float32 = NDArray[np.float32]

# Decoders that lean on earlier packets (MP3's bit reservoir, AAC's overlap, Opus' 80 ms) have
# settled after this long; what they say before is thrown away.
PREROLL_S = 0.12
PREROLL_FRAMES = 4
# Half the length of soxr HQ's filter, generously: samples this near to a cut are not exact.
RESAMPLER_CONTEXT_S = 0.02
# How much is decoded before it is handed on when a whole song streams through.
BLOCK_S = 10.0
# A file may hold damaged packets; one with more of them than this is not worth an opinion.
MAX_DAMAGED_SHARE = 0.5

# soxr takes rates from 8 bits to several hundred thousand; beyond this a header is damaged.
MAX_SAMPLE_RATE_HZ = 6_144_000
MAX_CHANNELS = 64
MAX_AMPLITUDE = 1e6

FINGERPRINT_TIMES_S = (0, 30, 90, 210)
FINGERPRINT_PACKETS = 48
FINGERPRINT_RATE_HZ = 16_000  # of no matter: nothing is decoded


class AudioFile:
    """An open audio file.  Use :func:`open_audio`; samples are mono float32 at ``rate_hz``."""

    def __init__(self, container: InputContainer, stream: AudioStream, rate_hz: int) -> None:
        self.container = container
        self.stream = stream
        self.rate_hz = rate_hz
        self.native_rate_hz = int(stream.rate or 0)
        self._fresh = True  # nothing has been read yet
        if not 0 < self.native_rate_hz <= MAX_SAMPLE_RATE_HZ:
            raise AudioError(f"impossible sample rate {self.native_rate_hz} Hz")
        if not 0 < stream.channels <= MAX_CHANNELS:
            raise AudioError(f"impossible number of channels {stream.channels}")

    @property
    def duration_s(self) -> float | None:
        """Length that the container states, in seconds; None where it states none."""
        if self.stream.duration is not None and self.stream.time_base is not None:
            return float(self.stream.duration * self.stream.time_base)
        if self.container.duration is not None:
            return self.container.duration / 1_000_000
        return None

    def blocks(self) -> Iterator[Float32]:
        """The whole song from its start, in blocks of about ``BLOCK_S`` seconds.

        Raises:
            AudioError: Nothing could be decoded, or the samples are not numbers.
        """
        native = self._gathered(self._decode())
        if self.native_rate_hz == self.rate_hz:
            yield from native
            return
        import soxr

        resampler = soxr.ResampleStream(self.native_rate_hz, self.rate_hz, 1, quality="HQ")
        for block in native:
            yield resampler.resample_chunk(block)
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)

    def window(self, start: int, stop: int) -> Float32 | None:
        """Samples ``start`` to ``stop`` (at ``rate_hz``), reached by seeking.

        Equal to the same samples of the whole song within the accuracy of the container's time
        stamps.  Samples before 0 are zeros.

        Returns:
            (stop - start,), or None where the song ends before ``stop`` or cannot be sought; the
            very start can be had as the first window only.

        Raises:
            AudioError: The samples are not numbers.
        """
        begin, end, offset = self._native_span(max(start, 0), stop)
        native = self._decode_span(begin, end)
        if native is None:
            return None
        if self.native_rate_hz != self.rate_hz:
            import soxr

            native = soxr.resample(native, self.native_rate_hz, self.rate_hz, quality="HQ")
        samples = native[offset : offset + stop - max(start, 0)]
        if len(samples) < stop - max(start, 0):
            return None
        return np.pad(samples, (max(0, -start), 0))

    def _native_span(self, start: int, stop: int) -> tuple[int, int, int]:
        """Native samples that are needed to get ``start`` to ``stop``, and the offset therein.

        The span begins where a native and a target sample coincide, so that resampling it alone
        gives the same samples as resampling the whole song.
        """
        divisor = math.gcd(self.rate_hz, self.native_rate_hz)
        unit, native_unit = self.rate_hz // divisor, self.native_rate_hz // divisor
        context = math.ceil(RESAMPLER_CONTEXT_S * self.rate_hz)
        units = max(0, start - context) // unit
        end = math.ceil((stop + context) * self.native_rate_hz / self.rate_hz)
        return units * native_unit, end, start - units * unit

    def _decode_span(self, begin: int, end: int) -> Float32 | None:
        """Native mono samples ``begin`` to ``end``, or None where the seek did not get there."""
        if not self._seek(begin):
            return None
        frames = self._decode()
        first = next(frames, None)
        position = self._position(first)
        # Where a seek lands after its target, the samples in between are lost: 10 ms at the most.
        if first is None or position is None or position > begin + self.native_rate_hz // 100:
            return None
        found = [first]
        reached = position + first.samples
        while reached < end and (frame := next(frames, None)) is not None:
            found.append(frame)
            reached += frame.samples
        samples = np.pad(mono(found), (max(0, position - begin), 0))
        return checked(samples[max(0, begin - position) :][: end - begin])

    def _seek(self, begin: int) -> bool:
        """Go to a little before native sample ``begin``; whether the container lets itself."""
        import av

        if self.stream.time_base is None:
            return False
        frame_s = self.stream.codec_context.frame_size / self.native_rate_hz
        seconds = begin / self.native_rate_hz - max(PREROLL_S, PREROLL_FRAMES * frame_s)
        fresh, self._fresh = self._fresh, False
        if seconds <= 0:  # a seek to the start would pass over the packet that primes the decoder
            return fresh
        target = (self.stream.start_time or 0) + int(seconds / self.stream.time_base)
        try:
            self.container.seek(target, stream=self.stream, backward=True)
        except av.FFmpegError:
            return False
        return True

    def _position(self, frame: AudioFrame | None) -> int | None:
        """The native sample that a frame starts with, by its time stamp."""
        if frame is None or frame.pts is None or self.stream.time_base is None:
            return None
        seconds = float((frame.pts - (self.stream.start_time or 0)) * self.stream.time_base)
        return round(seconds * self.native_rate_hz)

    def _gathered(self, frames: Iterator[AudioFrame]) -> Iterator[Float32]:
        """Native mono samples in blocks of about ``BLOCK_S``."""
        wanted = int(BLOCK_S * self.native_rate_hz)
        found: list[AudioFrame] = []
        n_samples = 0
        for frame in frames:
            found.append(frame)
            n_samples += frame.samples
            if n_samples >= wanted:
                yield checked(mono(found))
                found, n_samples = [], 0
        if found:
            yield checked(mono(found))

    def _decode(self) -> Iterator[AudioFrame]:
        """Frames from the present position on; damaged packets are passed over."""
        import av

        n_packets = n_damaged = 0
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except av.FFmpegError:  # the rest of the file cannot be read: it is cut off
                break
            n_packets += 1
            try:
                yield from packet.decode()
            except av.FFmpegError:
                n_damaged += 1
        if n_damaged > MAX_DAMAGED_SHARE * n_packets:
            raise AudioError(f"{n_damaged} of {n_packets} packets are damaged")


@contextmanager
def open_audio(path: Path, rate_hz: int) -> Iterator[AudioFile]:
    """Open the first audio stream of a file, to be heard at ``rate_hz``.

    Raises:
        AudioError: There is no such file, it is not a regular file, or FFmpeg finds no audio in it.
    """
    import av

    try:
        if not path.is_file():
            raise AudioError("not a regular file" if path.exists() else "no such file")
        container = av.open(str(path), **open_options())
    except PermissionError as error:
        raise AudioError("no permission to read the file") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise AudioError(f"not readable as audio ({reason(error)})") from error
    with container:
        if not container.streams.audio:
            raise AudioError("no audio in the file")
        stream = container.streams.audio[0]
        stream.codec_context.thread_count = 1  # songs, not packets, run in parallel
        yield AudioFile(container, stream, rate_hz)


def open_options() -> dict[str, Any]:
    """What ``av.open`` needs to be told: tags in Latin-1 must not stop the decoding.

    From version 19 on PyAV lets them pass by itself, and no longer has the argument.
    """
    import av

    return {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}


def reason(error: BaseException) -> str:
    """The short text of a system or FFmpeg error, without its number and file name."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def mono(frames: Sequence[AudioFrame]) -> Float32:
    """The mean of the frames' channels, (n_samples,) float32 in [-1, 1].

    Frames are small, some 20 ms, so that what is done to each of them costs as much as decoding it.
    """
    found: list[Float32] = []
    with np.errstate(over="ignore", invalid="ignore"):  # `checked` refuses what comes of it
        for _, alike in itertools.groupby(map(channels_of, frames), lambda a: (len(a), a.dtype)):
            together = np.concatenate(list(alike), axis=1)
            found.append(as_float(together).mean(axis=0, dtype=np.float32))
    return np.concatenate(found)


def channels_of(frame: AudioFrame) -> NDArray[Any]:
    """A frame's samples as they were decoded, (n_channels, n_samples)."""
    if frame.format.name == "fltp":  # as most decoders have it; `to_ndarray` takes twice as long
        planes = (
            np.frombuffer(memoryview(plane), np.float32, frame.samples) for plane in frame.planes
        )
        return np.array([*planes])
    values: NDArray[Any] = frame.to_ndarray()
    return values if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels).T


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


def audio_fingerprint(path: Path) -> bytes:
    """16 bytes that stand for a file's audio, whatever its name and tags.

    A hash of the codec and of compressed packets at a few fixed times; nothing is decoded.

    Raises:
        AudioError: As :func:`open_audio`.
    """
    import av

    digest = hashlib.sha256()
    with open_audio(path, FINGERPRINT_RATE_HZ) as audio:
        container, stream = audio.container, audio.stream
        context = stream.codec_context
        digest.update(f"{context.name} {stream.rate} {stream.channels}".encode())
        for seconds in FINGERPRINT_TIMES_S:
            if seconds and not (audio.duration_s and seconds < audio.duration_s):
                break
            try:
                container.seek(seconds * 1_000_000)
                for packet in itertools.islice(container.demux(stream), FINGERPRINT_PACKETS):
                    digest.update(bytes(packet))
            except av.FFmpegError:
                break
    return digest.digest()[:16]
