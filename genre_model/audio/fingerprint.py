"""Fingerprint."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

from genre_model.audio.decode import open_audio

FINGERPRINT_TIMES_S = (0, 30, 90, 210)


FINGERPRINT_PACKETS = 48


FINGERPRINT_RATE_HZ = 16_000  # of no matter: nothing is decoded


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
        digest.update(f"{context.name} {stream.rate} {audio.n_channels}".encode())
        for seconds in FINGERPRINT_TIMES_S:
            if seconds and not (audio.duration_s and seconds < audio.duration_s):
                break
            try:
                container.seek(seconds * 1_000_000)
                for packet in itertools.islice(container.demux(stream), FINGERPRINT_PACKETS):
                    digest.update(bytes(packet))
            except av.error.ExitError as error:
                raise audio.deadline.exhausted() from error
            except av.FFmpegError:
                break
    return digest.digest()[:16]
