"""Decode audio files to float32 mono at the network's sample rate, wholly or in windows.

PyAV (FFmpeg inside the wheel) decodes, NumPy takes the mean of the channels and soxr HQ changes the
rate.  FFmpeg's own mixing and resampling are not used: its stereo-to-mono mix is 3 dB louder than
the mean, and its filter near 8 kHz changes what the network answers.

A file may be anything.  FFmpeg gets to see no more of it than music needs: some containers, audio
decoders, and no other file or address that it may name.  Memory is bounded by the constants below,
time by :func:`time_limit`.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from genre_model.errors import AudioError

if TYPE_CHECKING:
    from av.audio.fifo import AudioFifo
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
# How much is decoded before it is handed on when a whole song streams through: so many seconds, or
# so many samples of all channels together.
BLOCK_S = 10.0
BLOCK_VALUES = 2**22
# No more of a song is decoded from its start: a megabyte can hold days of silence.
MAX_SONG_S = 24 * 3600.0
# A file may hold damaged packets; one with more of them than this is not worth an opinion.
MAX_DAMAGED_SHARE = 0.5

# From old telephones to the densest DSD; beyond this a header is damaged.
MIN_SAMPLE_RATE_HZ, MAX_SAMPLE_RATE_HZ = 1_000, 6_144_000
MAX_CHANNELS = 64
MAX_AMPLITUDE = 1e6

# Containers of music, by FFmpeg's names.  Playlists are none: they would have it open other files.
CONTAINERS = (
    *("aac", "ac3", "aiff", "amr", "ape", "asf", "au", "caf", "dsf", "dts", "eac3", "flac", "iff"),
    *("matroska", "mov", "mp3", "mpc", "mpc8", "ogg", "tak", "tta", "w64", "wav", "wv", "xwma"),
)

MAX_TAGS = 20_000
VORBIS_COMMENT = 4  # the block of a FLAC
OGG_COMMENTS = (b"\x03vorbis", b"OpusTags")  # what the packet begins with
OGG_HEAD = 8192

# How long a track may take, and beside that it has a second for each ten of music that are decoded.
TIME_LIMIT_S = 60.0
LEAST_SPEED = 10.0

FINGERPRINT_TIMES_S = (0, 30, 90, 210)
FINGERPRINT_PACKETS = 48
FINGERPRINT_RATE_HZ = 16_000  # of no matter: nothing is decoded


# Set as soon as nobody wants to know any more what this thread is about to find out.
GIVEN_UP: ContextVar[threading.Event | None] = ContextVar("given_up", default=None)


@dataclass(slots=True)
class Patience:
    """How long a track may take from now on: ``limit_s``, and longer while decoding gets on.

    A slow disk, a slow machine and a long song are no fault of the file; to stand still is.
    """

    limit_s: float
    began_s: float = field(default_factory=time.monotonic)
    decoded_s: float = 0.0
    given_up: threading.Event | None = field(default_factory=GIVEN_UP.get)

    def check(self, decoded_s: float = 0.0) -> None:
        """Take note of so many more seconds of music.

        Raises:
            AudioError: Time is up, or nobody waits.
        """
        if self.given_up is not None and self.given_up.is_set():
            raise AudioError("given up")
        self.decoded_s += decoded_s
        if time.monotonic() > self.ends_s:
            raise self.exhausted()

    @property
    def ends_s(self) -> float:
        """When time is up, by the monotonic clock."""
        return self.began_s + self.limit_s + min(self.decoded_s, MAX_SONG_S) / LEAST_SPEED

    def exhausted(self) -> AudioError:
        """What to raise when time is up."""
        return AudioError(f"took longer than {self.limit_s:g} s")


# Of the track that this thread is at.
PATIENCE: ContextVar[Patience | None] = ContextVar("patience", default=None)


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Whatever is opened and decoded inside, in this thread, has so long altogether.

    The time is looked at whenever a packet has been read or decoded, and FFmpeg looks at it
    whenever it wants more of a file.  A system call that does not return cannot be ended.
    """
    token = PATIENCE.set(None if seconds is None else Patience(seconds))
    try:
        yield
    finally:
        PATIENCE.reset(token)


@contextmanager
def until(given_up: threading.Event) -> Iterator[None]:
    """Whatever is decoded and heard inside, in this thread, ends soon after the event is set."""
    token = GIVEN_UP.set(given_up)
    try:
        yield
    finally:
        GIVEN_UP.reset(token)


class AudioFile:
    """An open audio file.  Use :func:`open_audio`; samples are mono float32 at ``rate_hz``."""

    def __init__(self, container: InputContainer, stream: AudioStream, rate_hz: int) -> None:
        self.container = container
        self.stream = stream
        self.rate_hz = rate_hz
        self.native_rate_hz = int(stream.rate or 0)
        self.patience = PATIENCE.get() or Patience(math.inf)
        self._fresh = True  # nothing has been read yet
        if not MIN_SAMPLE_RATE_HZ <= self.native_rate_hz <= MAX_SAMPLE_RATE_HZ:
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
        """The whole song from its start, in blocks of about ``BLOCK_S`` seconds at the most.

        Of a song that lasts longer than ``MAX_SONG_S`` so much.

        Raises:
            AudioError: Nothing could be decoded, or the samples are not numbers.
        """
        n_samples = int(MAX_SONG_S * self.native_rate_hz)
        native = self._gathered(first_frames(self._decode(), n_samples))
        if self.native_rate_hz == self.rate_hz:
            yield from native
            return
        import soxr

        resampler = soxr.ResampleStream(self.native_rate_hz, self.rate_hz, 1, quality="HQ")
        most = int(BLOCK_S * self.native_rate_hz)  # in one frame there may be far more
        for block in native:
            for start in range(0, len(block), most):
                yield resampler.resample_chunk(block[start : start + most])
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
        return samples if start >= 0 else np.pad(samples, (-start, 0))

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
        frame: AudioFrame | None = first
        while frame is not None and position + frame.samples <= begin:  # a coarse seek
            position += frame.samples
            frame = next(frames, None)
        if frame is None:
            return None
        found = self._gathered(first_frames(itertools.chain([frame], frames), end - position))
        before = np.zeros(max(0, position - begin), np.float32)
        return np.concatenate([before, *found])[max(0, begin - position) :][: end - begin]

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
        """Native mono samples in blocks of about ``BLOCK_S``.

        Frames are small, some 20 ms: what Python does with each of them costs as much as decoding
        it, so FFmpeg puts them together.
        """
        import av

        fifo, n_channels, wanted = av.AudioFifo(), 0, 0
        for frame in frames:
            if frame.layout.nb_channels != n_channels:  # of which the queue takes no notice
                yield from drained(fifo)
                fifo, n_channels = av.AudioFifo(), frame.layout.nb_channels
                wanted = min(int(BLOCK_S * self.native_rate_hz), BLOCK_VALUES // n_channels)
            frame.pts = None  # else there must be no gaps between them
            try:
                fifo.write(frame)
            except ValueError:  # from here on samples are of another kind
                yield from drained(fifo)
                fifo = av.AudioFifo()
                fifo.write(frame)
            if fifo.samples >= wanted:
                yield from drained(fifo)
        yield from drained(fifo)

    def _decode(self) -> Iterator[AudioFrame]:
        """Frames from the present position on; damaged packets are passed over."""
        import av

        n_packets = n_damaged = n_samples = 0
        packets = self.container.demux(self.stream)
        while True:
            self.patience.check(n_samples / self.native_rate_hz)
            try:
                packet = next(packets)
            except StopIteration:
                break
            except av.error.ExitError as error:
                raise self.patience.exhausted() from error
            except av.FFmpegError:  # the rest of the file cannot be read: it is cut off
                break
            n_packets += 1
            n_samples = 0
            try:
                frames = packet.decode()
            except av.FFmpegError:
                n_damaged += 1
                continue
            for frame in frames:
                n_samples += frame.samples
                yield frame
        if n_damaged > MAX_DAMAGED_SHARE * n_packets:
            raise AudioError(f"{n_damaged} of {n_packets} packets are damaged")


@contextmanager
def open_audio(path: Path, rate_hz: int) -> Iterator[AudioFile]:
    """Open the first audio stream of a file, to be heard at ``rate_hz``.

    Raises:
        AudioError: There is no such file, it is not a regular file, or FFmpeg finds no audio in it.
    """
    import av

    patience = PATIENCE.get() or Patience(math.inf)
    patience.check()
    try:
        if not path.is_file():
            raise AudioError("not a regular file" if path.exists() else "no such file")
        if count_tags(path) > MAX_TAGS:
            raise AudioError(f"more than {MAX_TAGS} tags")
        # With `file:` before it no name is an address.
        container = av.open(f"file:{path}", timeout=patience.limit_s, **open_options())
    except PermissionError as error:
        raise AudioError("no permission to read the file") from error
    except av.error.ExitError as error:
        raise patience.exhausted() from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise AudioError(f"not readable as audio ({reason(error)})") from error
    with container:
        yield AudioFile(container, sound_of(container), rate_hz)


def sound_of(container: InputContainer) -> AudioStream:
    """The first audio stream of an open file, whose decoder is ready.

    Raises:
        AudioError: There is none, or nothing decodes it.
    """
    import av

    if not container.streams.audio:
        raise AudioError("no audio in the file")
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise AudioError("nothing here decodes its sound")
    stream.codec_context.thread_count = 1  # songs, not packets, run in parallel
    try:
        stream.codec_context.open(strict=False)
    except av.FFmpegError as error:
        raise AudioError(f"its decoder cannot begin ({reason(error)})") from error
    return stream


def count_tags(path: Path) -> int:
    """How many tags a FLAC, an Ogg file or an MP3 says that it has, or a little more than allowed.

    FFmpeg compares each with all before it and cannot be stopped while it does; what reads and
    writes tags after us takes minutes.  In other files this is 0.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(OGG_HEAD)
        if head.startswith(b"fLaC"):
            return count_flac_comments(file)
        if head.startswith(b"ID3") and len(head) >= 10:
            return count_id3_frames(file, head)
        starts = [head.find(name) + len(name) for name in OGG_COMMENTS if name in head]
        if head.startswith(b"OggS") and starts:
            file.seek(min(starts))
            return count_comments(file)
    return 0


def count_flac_comments(file: BinaryIO) -> int:
    """The comments in the blocks before the music; a damaged number counts as far as it can be."""
    file.seek(4)
    while len(block := file.read(4)) == 4:
        size = int.from_bytes(block[1:], "big")
        if block[0] & 0x7F == VORBIS_COMMENT:
            return min(count_comments(file), size // 4)
        file.seek(size, io.SEEK_CUR)
        if block[0] & 0x80:  # the last one
            break
    return 0


def count_comments(file: BinaryIO) -> int:
    """The number that comes after the name of the program that wrote them."""
    file.seek(int.from_bytes(file.read(4), "little"), io.SEEK_CUR)
    return int.from_bytes(file.read(4), "little")


def count_id3_frames(file: BinaryIO, head: bytes) -> int:
    """The frames of an ID3v2.3 or 2.4 tag, one after the other."""
    bits = 7 if head[3] == 4 else 8
    end = 10 + number_of(head[6:10], 7)
    place, n_frames = 10, 0
    file.seek(place)
    while place < end and n_frames <= MAX_TAGS and len(frame := file.read(10)) == 10 and frame[0]:
        place += 10 + number_of(frame[4:8], bits)
        file.seek(place)
        n_frames += 1
    return n_frames


def number_of(content: bytes, bits: int) -> int:
    """A big-endian number of which each byte has so many bits."""
    number = 0
    for byte in content:
        number = (number << bits) | byte
    return number


def open_options() -> dict[str, Any]:
    """What ``av.open`` needs to be told.

    Other containers and decoders are out of bounds, and tags in Latin-1 must not stop the decoding.
    From version 19 on PyAV lets those pass by itself, and no longer has the argument.
    """
    import av

    bounds = {
        "protocol_whitelist": "file",
        "format_whitelist": ",".join(CONTAINERS),
        "codec_whitelist": ",".join(audio_decoders()),
    }
    old = int(av.__version__.split(".")[0]) < 19
    return {"options": bounds, **({"metadata_errors": "ignore"} if old else {})}


@cache
def audio_decoders() -> tuple[str, ...]:
    """FFmpeg's names of what decodes sound: a cover is not to be unpacked."""
    import av

    found = []
    for name in av.codecs_available:
        try:
            codec = av.Codec(name, "r")
        except ValueError:  # it encodes only
            continue
        if codec.type == "audio":
            found.append(name)
    return tuple(sorted(found))


def first_frames(frames: Iterator[AudioFrame], n_samples: int) -> Iterator[AudioFrame]:
    """As many frames as it takes to have so many samples."""
    for frame in frames:
        yield frame
        n_samples -= frame.samples
        if n_samples <= 0:
            return


def reason(error: BaseException) -> str:
    """The short text of a system or FFmpeg error, without its number and file name."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def drained(fifo: AudioFifo) -> Iterator[Float32]:
    """What waits in a queue, if anything, as mono samples."""
    frame = fifo.read()
    if frame is not None:
        yield checked(mono(frame))


def mono(frame: AudioFrame) -> Float32:
    """The mean of a frame's channels, (n_samples,) float32 in [-1, 1]."""
    first, *others = map(as_float, channels_of(frame))
    with np.errstate(over="ignore", invalid="ignore"):  # `checked` refuses what comes of it
        total = sum(others, first)
        mean: Float32 = (total / np.float32(1 + len(others))).astype(np.float32, copy=False)
    return mean


def channels_of(frame: AudioFrame) -> Iterator[NDArray[Any]]:
    """A frame's samples as they were decoded, channel after channel, (n_samples,) each.

    Raises:
        AudioError: They are of a strange kind.
    """
    if frame.format.name == "fltp":  # as most decoders have it; `to_ndarray` would copy it
        for plane in frame.planes:
            yield np.frombuffer(memoryview(plane), np.float32, frame.samples)
        return
    try:
        values: NDArray[Any] = frame.to_ndarray()
    except ValueError as error:  # 64-bit integers, say
        raise AudioError(f"samples of the kind {frame.format.name}") from error
    yield from values if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels).T


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
            except av.error.ExitError as error:
                raise audio.patience.exhausted() from error
            except av.FFmpegError:
                break
    return digest.digest()[:16]
