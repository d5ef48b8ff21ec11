"""A file's identity by its compressed audio, whatever its name and tags."""

from __future__ import annotations

import hashlib
import io
import itertools
from collections.abc import Iterator
from pathlib import Path

from genre_model.audio.decode import AudioFile, open_audio
from genre_model.audio.stored.ogg import audio_in_ogg
from genre_model.audio.stored.xing import stated_samples

# All packets of a file up to this length are covered, and of one that does not say how long it is:
# FFmpeg then guesses by the file's size, tags included.  A longer one is taken by its duration, its
# beginning, its end, and places at equal distances between.
SHORT_S = 60.0
N_PLACES = 8
SMALL_BYTES = 2**24
FIRST_PACKETS, PLACE_PACKETS = 48, 16
END_S = 1.0
PADDING_S = 2.0  # more than encoders add, less than makes FFmpeg distrust what a file says
FINGERPRINT_RATE_HZ = 16_000  # of no matter: nothing is decoded


def audio_fingerprint(path: Path) -> bytes:
    """16 bytes that stand for a file's audio, whatever its name and tags.

    A hash of the codec and of compressed packets, or of an Ogg's pages; nothing is decoded.

    Raises:
        AudioError: As :func:`open_audio`.
    """
    with open_audio(path, FINGERPRINT_RATE_HZ) as audio:
        duration_s = audio.duration_s
        if duration_s is None or duration_s <= SHORT_S or is_guess(audio, path, duration_s):
            return digest(audio, ogg_parts(path) or packets(audio))
        found = spread_packets(audio, duration_s)
        if found is not None:
            return digest(audio, found)
    with open_audio(path, FINGERPRINT_RATE_HZ) as audio:
        return digest(audio, packets(audio))


def is_guess(audio: AudioFile, path: Path, duration_s: float) -> bool:
    """Whether a duration was guessed, as that of raw AAC and of an MP3 that does not say it."""
    name = audio.container.format.name
    if name != "mp3":
        return name == "aac"
    try:
        n_samples = stated_samples(path)
    except OSError:
        return True
    return n_samples is None or abs(n_samples / audio.native_rate_hz - duration_s) > PADDING_S


def ogg_parts(path: Path) -> list[bytes] | None:
    """The pages of an Ogg: its many packets, by way of FFmpeg, take six times as long.

    None of a large file, and of other formats.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            return audio_in_ogg(file, size) if size <= SMALL_BYTES else None
    except OSError:
        return None


def digest(audio: AudioFile, parts: Iterator[bytes] | list[bytes]) -> bytes:
    """The hash of what an open file is, and of some of its content."""
    content = hashlib.sha256()
    name, rate = audio.stream.codec_context.name, audio.stream.rate
    content.update(f"{name} {rate} {audio.n_channels}".encode())
    for part in parts:
        content.update(part)
    return content.digest()[:16]


def spread_packets(audio: AudioFile, duration_s: float) -> list[bytes] | None:
    """The duration and packets of a long file; None where the file is not as long as it says."""
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
    """The compressed packets from a time on, as far as the file can be read; 0 is where it is."""
    import av

    try:
        if seconds:
            audio.container.seek(int(seconds * 1_000_000))
        for packet in audio.container.demux(audio.stream):
            audio.deadline.check()
            if packet.size:  # the last one is empty
                yield bytes(packet)
    except av.error.ExitError as error:
        raise audio.deadline.exhausted() from error
    except (av.FFmpegError, OverflowError):  # what is behind is cut off, or cannot be
        return
