"""Read artist, album, title and genres from a file's tags.

mutagen reads them, as for beets.  FFmpeg reads those that mutagen does not find: in Matroska, or in
the ``INFO`` list of a WAV.  In other files it reads one of several genres, and takes ``8-Bit`` for
Jazz, which has the number 8 in ID3v1.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mutagen
from mutagen._vorbis import VComment
from mutagen.apev2 import APETextValue, APEv2
from mutagen.asf import ASFTags
from mutagen.asf._attrs import ASFUnicodeAttribute
from mutagen.id3 import ID3, TextFrame
from mutagen.mp4 import MP4Tags

from genre_model.audio.decode import open_audio
from genre_model.core.deadline import TIME_LIMIT_S, time_limit

ANY_RATE_HZ = 16_000  # has no effect: nothing is decoded

FIELDS = ("artist", "album", "title", "genre")

# Where each kind of tags has the fields.
KEYS: dict[type, tuple[str, str, str, str]] = {
    ID3: ("TPE1", "TALB", "TIT2", "TCON"),
    MP4Tags: ("©ART", "©alb", "©nam", "©gen"),
    ASFTags: ("Author", "WM/AlbumTitle", "Title", "WM/Genre"),
    APEv2: FIELDS,
    VComment: FIELDS,
}

# What mutagen raises on malformed files: it does not turn all errors into its own.
MUTAGEN_ERRORS = (
    *(mutagen.MutagenError, OSError, EOFError, MemoryError, RecursionError, struct.error),
    *(ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError),
)


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags of a file; empty if it has none."""

    artist: str = ""
    album: str = ""
    title: str = ""
    genres: tuple[str, ...] = ()


def stored_tags(path: Path) -> Tags:
    """The tags of a file that FFmpeg can open.

    Raises:
        AudioError: The file cannot be read as audio.
    """
    with time_limit(TIME_LIMIT_S), open_audio(path, ANY_RATE_HZ) as audio:
        by_ffmpeg = {**values_in(audio.stream.metadata), **values_in(audio.container.metadata)}
        return tags_of({**by_ffmpeg, **values_by_mutagen(path)})


def values_by_mutagen(path: Path) -> dict[str, list[str]]:
    """The fields that have values; none if mutagen does not know the file, or cannot read it."""
    try:
        file = mutagen.File(path)
        tags: Any = None if file is None else file.tags
        keys = next((keys for kind, keys in KEYS.items() if isinstance(tags, kind)), ())
        pairs = zip(FIELDS, keys, strict=False)
        found = {field: texts_in(tags[key]) for field, key in pairs if key in tags}
    except MUTAGEN_ERRORS:
        return {}
    return {field: texts for field, texts in found.items() if any(map(str.strip, texts))}


def texts_in(value: Any) -> list[str]:
    """The texts in what mutagen has under a key; none if it is a picture, say."""
    if isinstance(value, TextFrame):
        return [str(text) for text in value.text]  # type: ignore[attr-defined]
    if not isinstance(value, (list, APETextValue)):
        return []
    return [str(text) for text in value if isinstance(text, (str, ASFUnicodeAttribute))]


def values_in(metadata: Mapping[str, str]) -> dict[str, list[str]]:
    """The values in FFmpeg's metadata by field, without empty ones."""
    return {key.casefold(): [readable(text)] for key, text in metadata.items() if text.strip()}


def readable(text: str) -> str:
    """A text from FFmpeg whose bytes are Latin-1 if they are not UTF-8, as in old files."""
    content = text.encode("utf-8", "surrogateescape")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def tags_of(values: Mapping[str, Iterable[str]]) -> Tags:
    """Tags from the values of each field; of several artists, albums or titles, the first."""
    artist, album, title = (
        next((text.strip() for text in values.get(field, ()) if text.strip()), "")
        for field in FIELDS[:-1]
    )
    genres = (genre for text in values.get("genre", ()) for genre in split_genres(text))
    return Tags(artist, album, title, tuple(genres))


def split_genres(text: str) -> tuple[str, ...]:
    """The genres of a value that may hold several."""
    return tuple(genre.strip() for genre in re.split(r"[;\0]", text) if genre.strip())
