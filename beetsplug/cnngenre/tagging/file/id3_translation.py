"""Convert ID3v2 frames between bytes of any version and mutagen's objects, which are 2.4."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mutagen.id3 import Frame, Frames_2_2
from mutagen.id3._tags import ID3Header, ID3Tags, save_frame
from mutagen.id3._util import ID3SaveConfig, unsynch

UNSYNCHRONISED, FRAME_UNSYNCHRONISED = 0x80, 0x02
OF_THE_DATE = frozenset({"TDAT", "TIME"})  # version 2.4 has them and the year in one frame
SPLIT = {"TDRC", "TDOR", "TIPL", "TMCL"}  # older versions have other frames for these
OLD_NAMES = {kind.__mro__[1].__name__: name for name, kind in Frames_2_2.items()}
OLD_NAMES.pop("APIC")  # its content has another format in version 2.2


def keys_of(frame: bytes, version: int, flags: int) -> frozenset[str]:
    """The keys under which mutagen reads a frame; its name if mutagen does not know the frame."""
    header: Any = ID3Header()
    header.version, header._flags = (2, version, 0), flags
    tags: Any = ID3Tags()  # type: ignore[no-untyped-call]
    tags._read(header, frame)
    if not OF_THE_DATE.isdisjoint(dict(tags)):
        return frozenset({"TDRC"})
    tags.update_to_v24()
    name = frame[: 3 if version == 2 else 4].decode("latin-1")
    return frozenset(dict(tags)) or frozenset({name})


def frames_of(frames: Iterable[Frame], version: int, flags: int) -> list[bytes]:
    """Encode frames in a version of ID3v2; version 2.2 does not get the frames that it lacks.

    Version 2.3 also gets frames that only 2.4 defines: many programs write them, and all read them.
    """
    tags: Any = ID3Tags()  # type: ignore[no-untyped-call]
    for frame in frames:
        tags.add(frame)
    if version < 4:
        same = [frame for frame in tags.values() if frame.FrameID not in SPLIT]
        tags.update_to_v23()
        for frame in same:
            tags.add(frame)
    config = ID3SaveConfig(max(version, 3), None)  # type: ignore[no-untyped-call]
    written = (save_frame(frame, config=config) for frame in tags.values())  # type: ignore[no-untyped-call]
    return [
        in_version(frame, version, flags)
        for frame in written
        if frame and (version > 2 or frame[:4].decode() in OLD_NAMES)
    ]


def in_version(frame: bytes, version: int, flags: int) -> bytes:
    """Convert an encoded frame to the form of its tag, which is 2.2 or may be unsynchronised."""
    name, data = frame[:4], frame[10:]
    if version == 2:
        return OLD_NAMES[name.decode()].encode() + len(data).to_bytes(3, "big") + data
    if not flags & UNSYNCHRONISED:
        return frame
    data = unsynch.encode(data)
    size = bytes(len(data) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return name + size + bytes((0, FRAME_UNSYNCHRONISED)) + data
