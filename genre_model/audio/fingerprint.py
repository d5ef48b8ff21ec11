"""Identify a file by its compressed audio, independent of its name and tags."""

from __future__ import annotations

import hashlib
import io
import itertools
from collections.abc import Iterator
from pathlib import Path

from genre_model.audio.decode import AudioFile, open_audio
from genre_model.audio.stored.ogg import audio_in_ogg
from genre_model.audio.stored.xing import stated_samples

# All packets are hashed if a file is not longer than SHORT_S, or does not state its length: FFmpeg
# then guesses it from the file's size, tags included.  So are those of ASF (WMA), where the size of
# the tags changes where a seek lands.  For a longer file, the hash covers its duration, its
# beginning, its end, and places at equal distances in between.
SHORT_S = 60.0
N_PLACES = 8
SMALL_BYTES = 2**24
FIRST_PACKETS, PLACE_PACKETS = 48, 16
END_S = 1.0
PADDING_S = 2.0  # more than encoders add, less than makes FFmpeg distrust a stated length
FINGERPRINT_RATE_HZ = 16_000  # does not matter: nothing is decoded


def audio_fingerprint(path: Path) -> bytes:
    """16 bytes that identify a file's audio, independent of its name and tags.

    They are a hash of the codec and of compressed packets, or of Ogg pages; nothing is decoded.

    Raises:
        AudioError: As :func:`open_audio`.
    """
    with open_audio(path, FINGERPRINT_RATE_HZ) as audio:
        duration_s = audio.duration_s
        if duration_s is None or duration_s <= SHORT_S or depends_on_tags(audio, path, duration_s):
            return digest(audio, ogg_parts(path) or packets(audio))
        found = spread_packets(audio, duration_s)
        if found is not None:
            return digest(audio, found)
    with open_audio(path, FINGERPRINT_RATE_HZ) as audio:
        return digest(audio, packets(audio))


def depends_on_tags(audio: AudioFile, path: Path, duration_s: float) -> bool:
    """Whether tags change where FFmpeg's seeks land, or the duration, as FFmpeg guesses it.

    It guesses that of raw AAC, and of an MP3 that does not state it.
    """
    name = audio.container.format.name
    if name != "mp3":
        return name in ("aac", "asf")
    try:
        n_samples = stated_samples(path)
    except OSError:
        return True
    return n_samples is None or abs(n_samples / audio.native_rate_hz - duration_s) > PADDING_S


def ogg_parts(path: Path) -> list[bytes] | None:
    """The pages of an Ogg file: reading its many packets with FFmpeg takes six times as long.

    None for a file larger than ``SMALL_BYTES``, and for other formats.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            return audio_in_ogg(file, size) if size <= SMALL_BYTES else None
    except OSError:
        return None


def digest(audio: AudioFile, parts: Iterator[bytes] | list[bytes]) -> bytes:
    """The hash of a file's codec, sample rate and channel count, and of parts of its content."""
    content = hashlib.sha256()
    name, rate = audio.stream.codec_context.name, audio.stream.rate
    content.update(f"{name} {rate} {audio.n_channels}".encode())
    for part in parts:
        content.update(part)
    return content.digest()[:16]


def spread_packets(audio: AudioFile, duration_s: float) -> list[bytes] | None:
    """The duration and packets of a long file; None if the file is shorter than it states."""
    found = [repr(duration_s).encode(), *itertools.islice(packets(audio), FIRST_PACKETS)]
    last_s = duration_s - END_S
    for place in range(1, N_PLACES + 1):
        seconds = last_s * place / N_PLACES
        here = packets(audio, seconds)
        content, n_packets = hashlib.sha256(), 0  # the last place may be all of a large file
        for packet in here if place == N_PLACES else itertools.islice(here, PLACE_PACKETS):
            content.update(packet)
            n_packets += 1
        if not n_packets:
            return None
        found.append(content.digest())
    return found


def packets(audio: AudioFile, seconds: float = 0.0) -> Iterator[bytes]:
    """The compressed packets from a time on, as far as they can be read; 0 means no seek."""
    import av

    try:
        if seconds:
            audio.container.seek(int(seconds * 1_000_000))
        for packet in audio.container.demux(audio.stream):
            audio.deadline.check(float((packet.duration or 0) * (packet.time_base or 0)))
            if packet.size:  # the last one is empty
                yield bytes(packet)
    except av.error.ExitError as error:
        raise audio.deadline.exhausted() from error
    except (av.FFmpegError, OverflowError):  # the file is cut off here, or ends before this time
        return
