"""Decode audio files to float32 mono at the network's sample rate, as a whole or in windows.

PyAV (its wheel contains FFmpeg) decodes, NumPy averages the channels and soxr HQ resamples.
FFmpeg's own mixing and resampling are not used: its stereo-to-mono mix is 3 dB louder than the
mean, and its resampling filter near 8 kHz changes the network's answers.

Files are untrusted.  FFmpeg may use only the containers and audio decoders that music needs, and
must not open any other file or address that a file names.  The constants below limit memory,
:func:`time_limit` limits time.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median_low
from typing import TYPE_CHECKING

import numpy as np

from genre_model.audio.guards import MAX_TAGS, count_tags, open_options
from genre_model.audio.samples import BLOCK_S, SampleQueue, first_frames
from genre_model.core.arrays import Float32
from genre_model.core.deadline import DEADLINE, MAX_SONG_S, Deadline
from genre_model.core.errors import AudioError, reason

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet


# Decoders that depend on earlier packets (MP3's bit reservoir, AAC's overlap) have settled after
# this long; what they output before is discarded.  Opus predicts from its past: the error from
# missing packets fades by a factor of a hundred in 100 ms.
PREROLL_S, OPUS_PREROLL_S = 0.12, 0.4
PREROLL_FRAMES = 4


# Codecs that need no packets before the preroll.  A seek in Ogg goes to the beginning of a page, up
# to a second farther back: the packets in between are not decoded.
PREROLL_IS_ENOUGH = frozenset({"opus", "vorbis"})


# A window's position is taken from up to this many frames, as a single time stamp may be wrong.
N_TIME_STAMPS = 8


# A generous half of the length of soxr HQ's filter: samples this close to a cut are not exact.
RESAMPLER_CONTEXT_S = 0.02


# A file with a larger share of damaged packets is not classified.
MAX_DAMAGED_SHARE = 0.5


# From old telephones to the densest DSD; a rate outside this range means a damaged header.
MIN_SAMPLE_RATE_HZ, MAX_SAMPLE_RATE_HZ = 1_000, 6_144_000
MAX_CHANNELS = 64


class AudioFile:
    """An open audio file.  Use :func:`open_audio`; samples are mono float32 at ``rate_hz``."""

    def __init__(
        self, container: InputContainer, stream: AudioStream, n_channels: int, rate_hz: int
    ) -> None:
        self.container = container
        self.stream = stream
        self.rate_hz = rate_hz
        self.native_rate_hz = int(stream.rate or 0)
        self.n_channels = n_channels
        self.deadline = DEADLINE.get() or Deadline(math.inf)
        self._fresh = True  # nothing has been read yet
        self._queue = SampleQueue(self.native_rate_hz)
        if not MIN_SAMPLE_RATE_HZ <= self.native_rate_hz <= MAX_SAMPLE_RATE_HZ:
            raise AudioError(f"impossible sample rate {self.native_rate_hz} Hz")

    @property
    def duration_s(self) -> float | None:
        """Length stated by the container, in seconds; None if it states none."""
        if self.stream.duration is not None and self.stream.time_base is not None:
            return float(self.stream.duration * self.stream.time_base)
        if self.container.duration is not None:
            return self.container.duration / 1_000_000
        return None

    def blocks(self) -> Iterator[Float32]:
        """The whole song from its start, in blocks of at most about ``BLOCK_S`` seconds.

        A song longer than ``MAX_SONG_S`` is cut off there.

        Raises:
            AudioError: More than ``MAX_DAMAGED_SHARE`` of the song is damaged, or the samples are
                not numbers.
        """
        n_samples = int(MAX_SONG_S * self.native_rate_hz)
        frames = self._decode(most_damaged=MAX_DAMAGED_SHARE)
        native = self._queue.gathered(first_frames(frames, n_samples))
        if self.native_rate_hz == self.rate_hz:
            yield from native
            return
        import soxr

        resampler = soxr.ResampleStream(self.native_rate_hz, self.rate_hz, 1, quality="HQ")
        most = int(BLOCK_S * self.native_rate_hz)  # one frame may have far more
        for block in native:
            for start in range(0, len(block), most):
                yield resampler.resample_chunk(block[start : start + most])
        yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)

    def window(self, start: int, stop: int) -> Float32 | None:
        """Samples ``start`` to ``stop`` (at ``rate_hz``), reached by seeking.

        They equal the same samples of the whole song within the accuracy of the container's time
        stamps.  Samples before 0 are zeros.

        Returns:
            (stop - start,), or None if the song ends before ``stop`` or cannot be sought.  The
            very start of the song can only be read as the first window.

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
        """Native samples that a window needs, and its offset in them after resampling.

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
        """Native mono samples ``begin`` to ``end``, or None if the seek did not get there."""
        if not self._seek(begin):
            return None
        frames = self._decode(begin - int(self.preroll_s * self.native_rate_hz))
        lead: deque[AudioFrame] = deque(maxlen=N_TIME_STAMPS)
        for frame in frames:
            lead.append(frame)
            position = self._position(frame)
            if position is None:
                return None
            if position + frame.samples > begin:
                break
        position = self._first_position(lead)
        # If a seek lands after its target, the samples in between are lost; 10 ms are tolerated.
        if position is None or position > begin + self.native_rate_hz // 100:
            return None
        while lead and position + lead[0].samples <= begin:
            position += lead.popleft().samples
        found = self._queue.gathered(first_frames(itertools.chain(lead, frames), end - position))
        before = np.zeros(max(0, position - begin), np.float32)
        return np.concatenate([before, *found])[max(0, begin - position) :][: end - begin]

    def _first_position(self, frames: Sequence[AudioFrame]) -> int | None:
        """The native sample at which the first frame starts; None if no frame has a time stamp.

        It is the median of what the frames' time stamps say: if blocks of two lengths meet at the
        beginning of an Ogg page, FFmpeg's time stamp is some 10 ms late.
        """
        told, n_samples = list[int](), 0
        for frame in frames:
            position = self._position(frame)
            if position is not None:
                told.append(position - n_samples)
            n_samples += frame.samples
        return median_low(told) if told else None

    def _seek(self, begin: int) -> bool:
        """Seek to a little before native sample ``begin``; False if that is not possible."""
        import av

        if self.stream.time_base is None:
            return False
        seconds = begin / self.native_rate_hz - self.preroll_s
        fresh, self._fresh = self._fresh, False
        if seconds <= 0:  # a seek to the start would skip the packet that primes the decoder
            return fresh
        target = (self.stream.start_time or 0) + int(seconds / self.stream.time_base)
        try:
            self.container.seek(target, stream=self.stream, backward=True)
        except (av.FFmpegError, OverflowError):  # no such position, or the number is too large
            return False
        return True

    @property
    def preroll_s(self) -> float:
        """How much is decoded before a window, in seconds."""
        context = self.stream.codec_context
        settles_s = OPUS_PREROLL_S if context.name == "opus" else PREROLL_S
        return max(settles_s, PREROLL_FRAMES * context.frame_size / self.native_rate_hz)

    def _position(self, frame: AudioFrame | Packet[AudioStream]) -> int | None:
        """The native sample at which a frame or packet starts; None if it has no time stamp."""
        if frame.pts is None or self.stream.time_base is None:
            return None
        return self._samples(frame.pts - (self.stream.start_time or 0))

    def _samples(self, ticks: int) -> int:
        """Convert ticks of the stream's time base to native samples."""
        unit = self.stream.time_base
        assert unit is not None
        return round(ticks * unit.numerator * self.native_rate_hz / unit.denominator)

    def _ends_before(self, packet: Packet[AudioStream], sample: int) -> bool:
        """Whether a packet ends at or before a native sample, by its time stamp."""
        position = self._position(packet)
        return position is not None and position + self._samples(packet.duration or 0) <= sample

    def _decode(self, needed: int = 0, most_damaged: float = 1.0) -> Iterator[AudioFrame]:
        """Frames from the current position on; damaged packets are skipped.

        Args:
            needed: The caller needs no samples before this native sample.
            most_damaged: The share of the packets that may be damaged.  A part of a song may be
                damaged completely.

        Raises:
            AudioError: More packets are damaged, or time is up.
        """
        import av

        n_packets = n_damaged = 0
        for packet in self._packets(needed):
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
            self.deadline.check(n_samples / self.native_rate_hz)
        if n_damaged > most_damaged * n_packets:
            raise AudioError(f"{n_damaged} of {n_packets} packets are damaged")

    def _packets(self, needed: int) -> Iterator[Packet[AudioStream]]:
        """Packets from the current position on, as far as the file can be read."""
        import av

        packets = self.container.demux(self.stream)
        passes_over = needed > 0 and self.stream.codec_context.name in PREROLL_IS_ENOUGH
        while True:
            self.deadline.check()
            try:
                packet = next(packets)
            except StopIteration:
                break
            except av.error.ExitError as error:
                raise self.deadline.exhausted() from error
            except av.FFmpegError:  # the rest of the file cannot be read: it is cut off
                break
            passes_over = passes_over and self._ends_before(packet, needed)
            if not passes_over:
                yield packet


@contextmanager
def open_audio(path: Path, rate_hz: int) -> Iterator[AudioFile]:
    """Open the audio stream of a file that a player plays, to be resampled to ``rate_hz``.

    Raises:
        AudioError: There is no such file, it is not a regular file, or FFmpeg finds no audio in it.
    """
    import av

    deadline = DEADLINE.get() or Deadline(math.inf)
    deadline.check()
    try:
        if not path.is_file():
            raise AudioError("not a regular file" if path.exists() else "no such file")
        if count_tags(path) > MAX_TAGS:
            raise AudioError(f"more than {MAX_TAGS} tags")
        # The prefix `file:` keeps FFmpeg from taking a file name for an address.
        container = av.open(f"file:{path}", timeout=deadline.limit_s, **open_options())
    except PermissionError as error:
        raise AudioError("no permission to read the file") from error
    except av.error.ExitError as error:
        raise deadline.exhausted() from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise AudioError(f"not readable as audio ({reason(error)})") from error
    with container:
        stream, n_channels = opened_stream(container)
        yield AudioFile(container, stream, n_channels, rate_hz)


def opened_stream(container: InputContainer) -> tuple[AudioStream, int]:
    """The audio stream that a player plays, its decoder opened, and its number of channels.

    Of several streams, FFmpeg prefers the one that is marked as the default.

    Raises:
        AudioError: The file has no audio stream, or no decoder can be opened for it.
    """
    import av

    streams = container.streams.audio
    if not streams:
        raise AudioError("no audio in the file")
    best = container.streams.best("audio")
    stream = next((stream for stream in streams if stream is best), streams[0])
    if stream.codec_context is None:
        raise AudioError("there is no decoder for its audio")
    n_channels = unname_channels(stream.codec_context)
    stream.codec_context.thread_count = 1  # songs, not packets, run in parallel
    try:
        stream.codec_context.open(strict=False)
    except av.FFmpegError as error:
        raise AudioError(f"its decoder cannot be opened ({reason(error)})") from error
    return stream, n_channels


def unname_channels(context: AudioCodecContext) -> int:
    """Give a decoder that is not open yet a layout of unnamed channels; return their number.

    A container can list its channels in an order of its own.  FFmpeg keeps such a list on the heap.
    PyAV copies the pointer to it whenever it returns a layout (``context.layout``, ``channels``,
    each decoded frame), and every copy frees it: docs/upstream/pyav-layouts.md.  The layout set
    here has no list, and the one layout that is read before becomes the only owner of the list.
    The channels' names do not matter, as the mean of all channels is taken.

    Raises:
        AudioError: There are no channels, or far too many.
    """
    layout = context.layout
    n_channels = layout.nb_channels
    context.layout = f"{max(1, n_channels)} channels"
    if not 0 < n_channels <= MAX_CHANNELS:
        raise AudioError(f"impossible number of channels {n_channels}")
    return n_channels
