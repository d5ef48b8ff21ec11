"""Digest the stored audio of a file: its packets, which do not include the tags.

A program that edits tags uses this to make sure that the audio is still the same.  Packets are only
read, not decoded; but FFmpeg may still crash on a strange file, so :class:`PacketReader` reads them
in a separate process.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from genre_model.audio.guards import open_options
from genre_model.core.errors import AudioError, reason
from genre_model.core.safe_path import OWN_FOLDER, SAFE_PATH, full_path


def audio_digest(path: Path) -> str:
    """Hex digest of the settings, packet times and packet bytes of all audio streams of a file.

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
                    raise AudioError("there is no decoder for its audio")
                # Where the music begins in the first packet: players skip what is before.
                start = stream.start_time
                settings = (context.name, stream.rate, stream.channels, stream.time_base, start)
                digest.update(repr(settings).encode() + bytes(context.extradata or b""))
            try:
                for packet in container.demux(streams):
                    times = (packet.stream_index, packet.pts, packet.duration, packet.size)
                    digest.update(repr(times).encode())
                    digest.update(memoryview(packet))
            except av.FFmpegError as error:
                digest.update(type(error).__name__.encode())
    except (av.FFmpegError, OSError, ValueError) as error:
        raise AudioError(reason(error)) from error
    return digest.hexdigest()


class PacketReader:
    """Reads packets in a child process, which is replaced if it dies and ends with this process."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def digest(self, path: Path, limit_s: float) -> str:
        """The :func:`audio_digest` of a file.

        Raises:
            AudioError: The file cannot be read, or reading it takes more than ``limit_s`` seconds.
            OSError: No process can be started.
        """
        answer = self._ask(path, limit_s) or self._ask(path, limit_s)
        if answer is None:
            raise AudioError("the process that read its packets died, or took too long")
        if "error" in answer:
            raise AudioError(answer["error"])
        return answer["digest"]

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _ask(self, path: Path, limit_s: float) -> dict[str, str] | None:
        """The answer; None if the process died, or was killed because it took too long."""
        self._process = self._process or started()
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        timer = threading.Timer(limit_s, process.kill)
        timer.start()
        line = b""
        try:
            with suppress(BrokenPipeError):
                process.stdin.write(json.dumps(str(path.absolute())).encode() + b"\n")
                process.stdin.flush()
                line = process.stdout.readline()
        finally:
            timer.cancel()
            if not line:
                with suppress(BrokenPipeError):
                    self.close()
        answer: dict[str, str] | None = json.loads(line) if line else None
        return answer


def started() -> subprocess.Popen[bytes]:
    """Start a process that answers paths with digests and does not get Ctrl-C."""
    return subprocess.Popen(
        [sys.executable, "-c", "from genre_model.audio.packets import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=OWN_FOLDER,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(full_path()), SAFE_PATH: "1"},
        start_new_session=True,
    )


def serve() -> None:
    """Answer paths on standard input with digests or errors, in JSON lines, until it ends."""
    for line in sys.stdin.buffer:
        try:
            answer = {"digest": audio_digest(Path(json.loads(line)))}
        except AudioError as error:
            answer = {"error": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
