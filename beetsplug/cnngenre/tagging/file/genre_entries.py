"""The genre in tags that are no ID3: as entries that JSON can hold, and back.

An entry has all that the format keeps of a value: its place among the tags where they have an
order, its key as it is spelled, its type.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mutagen.apev2 import BINARY, TEXT, APEValue
from mutagen.asf import ASFTags
from mutagen.asf._attrs import ASFBaseAttribute, ASFUnicodeAttribute

from beetsplug.cnngenre.tagging.file.raw_comments import RawComments, key_of

MP4_KEY, ASF_KEY, COMMENT_KEY, APE_KEY = "\xa9gen", "WM/Genre", "genre", "Genre"

Entries = list[Any]


def comment_entries(tags: RawComments) -> Entries:
    """(place, key, value) of each Vorbis comment."""
    return [
        (place, *comment.split("=", 1))
        for place, comment in enumerate(tags)
        if key_of(comment) == COMMENT_KEY
    ]


def new_comments(old: Entries, genres: Sequence[str]) -> Entries:
    """Comments where the first one was, or at the end."""
    place, key = old[0][:2] if old else (None, COMMENT_KEY.upper())
    return [(None if place is None else place + n, key, genre) for n, genre in enumerate(genres)]


def replace_comments(tags: RawComments, entries: Entries) -> None:
    """Exchange the comments."""
    others = [comment for comment in tags if key_of(comment) != COMMENT_KEY]
    replace_in_list(tags, others, [(place, f"{key}={text}") for place, key, text in entries])


def replace_in_list(tags: Any, others: list[Any], placed: Sequence[tuple[int | None, Any]]) -> None:
    """Fill a list with other tags, and with some at their places."""
    for place, tag in placed:
        others.insert(len(others) if place is None else place, tag)
    tags[:] = others


def mp4_entries(tags: Any) -> Entries:
    """The values of the atom, in one entry; an empty atom is not the same as none."""
    return [tuple(tags[MP4_KEY])] if MP4_KEY in tags else []


def new_mp4(_old: Entries, genres: Sequence[str]) -> Entries:
    """An atom of some genres."""
    return [tuple(genres)]


def replace_mp4(tags: Any, entries: Entries) -> None:
    """Exchange the atom."""
    tags.pop(MP4_KEY, None)
    for values in entries:
        tags[MP4_KEY] = list(values)


def asf_entry(place: int, value: ASFBaseAttribute) -> tuple[Any, ...]:
    """(place, type, data in hexadecimal, language, stream) of an attribute."""
    return (place, value.TYPE, value._render().hex(), value.language, value.stream)  # type: ignore[attr-defined]


def asf_entries(tags: Any) -> Entries:
    """An entry of each attribute."""
    return [asf_entry(n, value) for n, (key, value) in enumerate(tags) if key == ASF_KEY]


def new_asf(old: Entries, genres: Sequence[str]) -> Entries:
    """Attributes where the first one was, or at the end."""
    place = old[0][0] if old else None
    values = [ASFUnicodeAttribute(genre) for genre in genres]  # type: ignore[no-untyped-call]
    return [
        (None if place is None else place + n, *asf_entry(0, value)[1:])
        for n, value in enumerate(values)
    ]


def replace_asf(tags: ASFTags, entries: Entries) -> None:
    """Exchange the attributes."""
    pairs = []
    for place, kind, data, language, stream in entries:
        attribute = ASFBaseAttribute._get_type(kind)  # type: ignore[no-untyped-call]
        value = attribute(data=bytes.fromhex(data), language=language, stream=stream)
        pairs.append((place, (ASF_KEY, value)))
    replace_in_list(tags, [pair for pair in list(tags) if pair[0] != ASF_KEY], pairs)


def ape_entries(tags: Any) -> Entries:
    """(key, kind, data in hexadecimal) of the item, if there is one."""
    keys = [key for key in tags.keys() if key.casefold() == APE_KEY.casefold()]  # noqa: SIM118
    return [(key, tags[key].kind, bytes(tags[key]._write()).hex()) for key in keys]


def new_ape(old: Entries, genres: Sequence[str]) -> Entries:
    """A text item of some genres."""
    return [(old[0][0] if old else APE_KEY, TEXT, "\0".join(genres).encode().hex())]


def replace_ape(tags: Any, entries: Entries) -> None:
    """Exchange the item."""
    tags.pop(APE_KEY, None)
    for key, kind, data in entries:
        raw = bytes.fromhex(data)
        tags[key] = APEValue(raw if kind == BINARY else raw.decode(), kind)  # type: ignore[no-untyped-call]


ENTRIES: dict[str, Callable[[Any], Entries]] = {
    "comments": comment_entries,
    "mp4": mp4_entries,
    "asf": asf_entries,
    "ape": ape_entries,
}
NEW: dict[str, Callable[[Entries, Sequence[str]], Entries]] = {
    "comments": new_comments,
    "mp4": new_mp4,
    "asf": new_asf,
    "ape": new_ape,
}
REPLACE: dict[str, Callable[[Any, Entries], None]] = {
    "comments": replace_comments,
    "mp4": replace_mp4,
    "asf": replace_asf,
    "ape": replace_ape,
}
