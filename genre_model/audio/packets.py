"""The audio of a file as it is stored: its packets, of which tags are no part.

A program that edits tags uses this to make sure that the audio is still the same.  Packets are only
read, not decoded.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from genre_model.audio.guards import open_options
from genre_model.core.errors import AudioError, reason


def audio_digest(path: Path) -> str:
    """A digest of the codec settings and all packets of all audio streams of a file, in hex.

    A packet that cannot be read ends the stream; the error is part of the digest.

    Raises:
        AudioError: FFmpeg cannot open the file, or it has no audio.
    """
    import av

    digest = hashlib.blake2b(digest_size=16)
    try:
        with av.open(f"file:{path}", **open_options()) as container:
            streams = container.streams.audio
            if not streams:
                raise AudioError("no audio in it")
            for stream in streams:
                context = stream.codec_context
                if context is None:
                    raise AudioError("nothing here decodes its sound")
                settings = (context.name, stream.rate, stream.channels)
                digest.update(repr(settings).encode() + bytes(context.extradata or b""))
            try:
                for packet in container.demux(streams):
                    digest.update(b"%d %d\n" % (packet.stream_index, packet.size))
                    digest.update(memoryview(packet))
            except av.FFmpegError as error:
                digest.update(type(error).__name__.encode())
    except (av.FFmpegError, OSError, ValueError) as error:
        raise AudioError(reason(error)) from error
    return digest.hexdigest()
