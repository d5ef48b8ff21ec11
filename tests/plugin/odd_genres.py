"""Genre tags as they occur in files: several values, numbers, empty values, odd spellings."""

from __future__ import annotations

import struct

import mutagen
from mutagen.apev2 import APEv2
from mutagen.asf import ASFTags
from mutagen.flac import FLAC
from mutagen.id3 import ID3
from mutagen.mp4 import MP4Tags

VALUES = {
    "none": None,
    "one": ["Shoegaze"],
    "two": ["Shoegaze", "Dream Pop"],
    "many": [f"Genre {n}" for n in range(40)],
    "the same twice": ["Polka", "Polka"],
    "in one value": ["Rock; Pop"],
    "comma": ["Rock, Pop"],
    "slash": ["Rock/Pop"],
    "number": ["18"],
    "in brackets": ["(18)"],
    "refined": ["(18)Techno"],
    "doubled": ["(18)(18)Techno"],
    "remix and cover": ["(RX)(CR)"],
    "escaped": ["((Foo)"],
    "no such number": ["(255)"],
    "empty": [""],
    "empty and another": ["", "Polka"],
    "blank": ["  "],
    "spaces around": [" Polka "],
    "other scripts": ["Музыка", "音楽", "Ünïcode"],
    "long": ["long " * 99],
}
KINDS = ("mp3", "wav16", "aiff", "flac", "vorbis", "opus", "aac", "wma", "wavpack", "alac")


def put_genres(path, values):
    """Write genres to a file with mutagen, which does not change them, and some odd other tags."""
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    tags = file.tags
    if isinstance(tags, ID3):
        put_id3(path, tags, values)
        return
    if isinstance(tags, list) and not isinstance(tags, ASFTags):
        put_comments(tags, values)
    else:
        artist, genre = KEYS[type(tags)]
        tags[artist] = ["Ann", "Bob"]
        if values is not None:
            tags[genre] = list(values)
    file.save()


KEYS = {
    MP4Tags: ("\xa9ART", "\xa9gen"),
    ASFTags: ("Author", "WM/Genre"),
    APEv2: ("Artist", "genre"),
}


def put_comments(tags, values):
    """Set Vorbis comments: genres first and last, with two spellings of the key."""
    tags["ARTIST"] = ["Ann", "Bob"]
    tags["TRACKNUMBER"] = ["A1"]
    if values is not None:
        tags[:0] = [("genre", values[0])]
        tags.extend(("Genre", value) for value in values[1:])


def put_id3(path, tags, values, version=4):
    """Write an ID3v2 tag as raw bytes: genres and other frames, one of them empty, one unknown."""
    from beetsplug.cnngenre.tagging.file.id3_frames import RawTag

    raw = RawTag(str(path), type(tags), version)
    raw.version, raw.frames = version, []
    raw.frames = [
        text_frame(version, "TIT2", [path.stem]),
        text_frame(version, "TPE1", ["Ann", "Bob"]),
        *([text_frame(version, "TCON", values)] if values is not None else []),
        text_frame(version, "TRCK", ["A1"]),
        text_frame(version, "TSRC", ["AA1", "AA2"]),
        text_frame(version, "TCOM", [""]),
        *([text_frame(version, "XABC", ["of another program"])] if version > 2 else []),
        text_frame(version, "TALB", ["Album"]),
    ]
    raw.save(str(path))


OLD_NAMES = {"TIT2": "TT2", "TPE1": "TP1", "TCON": "TCO", "TRCK": "TRK", "TSRC": "TRC"}
OLD_NAMES |= {"TCOM": "TCM", "TALB": "TAL"}


def text_frame(version, name, values):
    """A frame of texts in UTF-16, which all versions of ID3v2 have."""
    data = b"\x01" + b"\0\0".join(b"\xff\xfe" + value.encode("utf-16-le") for value in values)
    if version == 2:
        return OLD_NAMES[name].encode() + len(data).to_bytes(3, "big") + data
    size = struct.pack(">L", len(data))
    if version == 4:
        size = bytes((len(data) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return name.encode() + size + b"\0\0" + data


def dump(path):
    """Everything that mutagen reads of a file's tags."""
    file = mutagen.File(path)
    tags = file.tags
    blocks = []
    if isinstance(file, FLAC):
        blocks = [(block.code, block.write()) for block in file.metadata_blocks if block.code != 1]
    if tags is None:
        return (blocks, [])
    if isinstance(tags, list):
        return (blocks, [(key, repr(value)) for key, value in tags])
    unknown = getattr(tags, "unknown_frames", [])
    version = getattr(tags, "version", None)
    return (blocks, version, unknown, sorted((key, repr(value)) for key, value in tags.items()))
