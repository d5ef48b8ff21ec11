"""Read a file's genre tag in the form of its format, replace it, and restore it exactly.

beets itself writes all library fields of a track into its file, and loses tags that it does not
know.  Here no other tag is changed, and the former genre tag can be kept as JSON text.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import mutagen
from beets.library import Item
from beets.util import syspath
from mediafile import MediaFile
from mutagen._vorbis import VComment
from mutagen.apev2 import APEv2
from mutagen.asf import ASFTags
from mutagen.flac import FLAC, Padding, Picture
from mutagen.id3 import ID3
from mutagen.mp4 import MP4Tags

from beetsplug.cnngenre.config import wants_id3v23
from beetsplug.cnngenre.tagging.file.ape_items import ApeItems
from beetsplug.cnngenre.tagging.file.asf_attributes import AsfAttributes
from beetsplug.cnngenre.tagging.file.digests import digest_of
from beetsplug.cnngenre.tagging.file.genre_entries import (
    COMMENT_KEY,
    comment_entries,
    new_comments,
    replace_comments,
)
from beetsplug.cnngenre.tagging.file.id3_frames import RawTag, frames_of_id3v1, new_frame
from beetsplug.cnngenre.tagging.file.id3v1 import (
    NO_GENRE,
    fields_but,
    number_of_genre,
    set_number_of_genre,
    without_id3v1,
)
from beetsplug.cnngenre.tagging.file.mp4_atoms import Mp4Atoms
from beetsplug.cnngenre.tagging.file.raw_comments import key_of, with_raw_comments
from beetsplug.cnngenre.tagging.file.raw_entries import RawEntries
from beetsplug.cnngenre.tagging.file.tag_size import too_large

PICTURES = "=pictures"  # key for the pictures of a FLAC; keys of comments have no "="

P = ParamSpec("P")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class GenreTag:
    """The genre tag of a file.

    Attributes:
        kind: The family of tags: id3, comments, mp4, asf, ape.
        version: The version of ID3v2; for other kinds, that of the form of ``entries``.
        entries: The genre entries as values that JSON can hold: (place, key, value) of Vorbis
            comments, all bytes of ID3 frames in hexadecimal, (place, home, bytes in hexadecimal) of
            other kinds.
        genres: The genres as beets reads them.
        created: Whether the file had no tags at all, so that the genre created the present ones.
        id3v1: The genre number in the ID3v1 tag, which mutagen rewrites with the ID3v2 tag; None
            if there is no ID3v1 tag, or its number was not noted.
    """

    kind: str
    version: int
    entries: tuple[Any, ...]
    genres: tuple[str, ...]
    created: bool = False
    id3v1: int | None = None


class UnknownTagsError(Exception):
    """The format or kind of tags is unknown, mutagen fails on it, or the tags are too large."""


# Exceptions that mutagen raises on malformed files, besides its MutagenError.  Memory is exhausted
# if a damaged length says that a tag has gigabytes.
MUTAGEN_ERRORS = (
    *(struct.error, ArithmeticError, AssertionError, LookupError, MemoryError, RecursionError),
    *(TypeError, ValueError),
)


def contained(function: Callable[P, Result]) -> Callable[P, Result]:
    """Turn mutagen's unexpected exceptions on malformed files into UnknownTagsError."""

    @wraps(function)
    def call(*arguments: P.args, **named: P.kwargs) -> Result:
        try:
            return function(*arguments, **named)
        except MUTAGEN_ERRORS as error:
            raise UnknownTagsError(
                f"mutagen cannot handle it ({type(error).__name__}: {error})"
            ) from error

    return call


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags of a file: the genre tag, and digests of all others for comparison."""

    genre: GenreTag
    others: dict[str, str]


@contained
def read_tags(path: Path, but: Collection[str] = ()) -> Tags:
    """The tags of a file.

    Args:
        path: The file's path.
        but: Keys of tags to leave out of ``others``.

    Raises:
        UnknownTagsError, mutagen.MutagenError, mediafile.UnreadableFileError: The tags cannot be
            read.
    """
    if complaint := too_large(path):
        raise UnknownTagsError(complaint)
    file = mutagen_file(path)
    created = file.tags is None
    if created:
        file.add_tags()
    kind, genres = kind_of(file.tags), genres_in(path)
    if kind in RAW:
        tag = RAW[kind](path)
        genre = GenreTag(kind, RAW_VERSION, tag.genres(), genres, created=tag.created)
        return Tags(
            genre, values_of_asf(file.tags, but) if kind == "asf" and but else tag.others(but)
        )
    if kind == "comments":
        entries = tuple(comment_entries(file.tags))
        genre = GenreTag(kind, 0, entries, genres, created=created)
        others = others_in(file, but)
        if not created:
            others["vendor"] = digest_of(file.tags.vendor)
        return Tags(genre, others)
    raw = raw_tag(path, file)
    frames = () if raw.created else tuple(frame.hex() for frame in raw.genre_frames())
    number = number_of_genre(path) if type(file.tags) is ID3 else None
    genre = GenreTag(kind, raw.version, frames, genres, raw.created, number)
    left_out = {"TCON", *but}
    others = {k: digest_of(frame) for k, frame in dict(file.tags).items() if k not in left_out}
    if not raw.created and (frames_left := raw.other_frames(but)):
        others["frames"] = digest_of((raw.version, frames_left))
    if number is not None:
        others["id3v1"] = digest_of(fields_but(path, but))
    return Tags(genre, others)


def read_tag(path: Path) -> GenreTag:
    """The genre tag of a file.

    Raises:
        UnknownTagsError, mutagen.MutagenError, mediafile.UnreadableFileError: The tags cannot be
            read.
    """
    return read_tags(path).genre


def genres_in(path: Path) -> tuple[str, ...]:
    """A file's genres as the library would store them, without empty ones.

    Raises:
        mediafile.UnreadableFileError: The file cannot be read.
    """
    return as_in_library(MediaFile(name_of(path)).genres)


def as_in_library(genres: Sequence[str] | None) -> tuple[str, ...]:
    """Genres from a file as the library would store them, without empty ones."""
    return tuple(filter(None, Item._type("genres").normalize(list(genres or ()))))


@contained
def write_genres(path: Path, genres: Sequence[str]) -> None:
    """Write genres to a file in place, and change nothing else; no genres removes the tag.

    Raises:
        UnknownTagsError, mutagen.MutagenError: The genre tag cannot be written.
    """
    file = opened(path)
    if isinstance(file.tags, ID3):
        raw = raw_tag(path, file)
        raw.replace_genres([new_frame(raw.version, genres)] if genres else [])
        raw.save(name_of(path))
        if not genres and type(file.tags) is ID3:
            set_number_of_genre(path, NO_GENRE)  # it is read if the ID3v2 tag has no genre
        return
    kind = kind_of(file.tags)
    if kind in RAW:
        tag = RAW[kind](path)
        tag.give(genres)
        save_raw(path, tag, whole=tag.created)
        return
    save(path, file, new_comments(comment_entries(file.tags), genres) if genres else [])


@contained
def write_tag(path: Path, tag: GenreTag) -> None:
    """Restore a former genre tag of a file, or of an earlier version of it, in place.

    Raises:
        UnknownTagsError, mutagen.MutagenError: The genre tag cannot be written.
    """
    file = opened(path)
    if isinstance(file.tags, ID3) and tag.kind == "id3":
        write_id3(path, file, tag)
    elif kind_of(file.tags) == tag.kind == "comments":
        save(path, file, list(tag.entries), whole=tag.created)
    elif kind_of(file.tags) == tag.kind and tag.version == RAW_VERSION:
        raw = RAW[tag.kind](path)
        raw.give_back(tag.entries)
        save_raw(path, raw, whole=tag.created)
    else:  # now another kind of tags, or noted by an older version of the plugin
        write_genres(path, tag.genres)


def write_id3(path: Path, file: Any, tag: GenreTag) -> None:
    """Restore the former genre tag of a file with ID3 tags, in place."""
    raw = raw_tag(path, file)
    raw.replace_genres([bytes.fromhex(entry) for entry in tag.entries])
    if raw.version != tag.version:  # beets has rewritten the tag since
        write_genres(path, tag.genres)
    elif not tag.created or raw.frames != frames_of_id3v1(name_of(path), raw.version):
        raw.save(name_of(path))
    else:
        delete_id3v2(path, file)
    number = NO_GENRE if tag.id3v1 is None and not tag.genres else tag.id3v1
    if number is not None and type(file.tags) is ID3:
        set_number_of_genre(path, number)


def delete_id3v2(path: Path, file: Any) -> None:
    """Remove the ID3v2 tag."""
    if type(file.tags) is ID3:
        file.tags.delete(name_of(path), delete_v1=False)
    else:
        file.delete()


def save_raw(path: Path, tag: RawEntries, *, whole: bool = False) -> None:
    """Write a tag of raw entries; a new one is put before the ID3v1 tag."""
    with without_id3v1(path) if tag.created else nullcontext():
        tag.save(path, whole=whole)


def save(path: Path, file: Any, entries: list[Any], *, whole: bool = False) -> None:
    """Replace the genre in Vorbis comments; with ``whole``, leave no empty tags."""
    replace_comments(file.tags, entries)
    store(path, file, whole=whole)


def store(path: Path, file: Any, *, whole: bool = False) -> None:
    """Let mutagen write tags other than ID3; with ``whole``, leave no empty tags."""
    with without_id3v1(path):
        file.save()
        if whole and not file.tags:
            file.delete()


def others_in(file: Any, but: Collection[str]) -> dict[str, str]:
    """Digests of all tags of a file with Vorbis comments, except the genre and keys in ``but``."""
    tags, left_out = file.tags, {COMMENT_KEY, *but}
    found = {"comments": digest_of([text for text in tags if key_of(text) not in left_out])}
    if isinstance(file, FLAC):
        codes = {Padding.code, *([Picture.code] if PICTURES in but else [])}
        blocks = (b for b in file.metadata_blocks if b.code not in codes and b is not tags)
        found["blocks"] = digest_of([digest_of((block.code, block.write())) for block in blocks])
    return found


def values_of_asf(tags: Any, but: Collection[str]) -> dict[str, str]:
    """Digests of a WMA file's tags, except the genre and keys in ``but``, in any header object."""
    left_out = {*AsfAttributes.names, *but}
    values = [
        digest_of((key, value.TYPE, value._render(), value.language or 0, value.stream or 0))
        for key, value in tags
        if key not in left_out
    ]
    return {"attributes": digest_of(sorted(values))}


def from_json(found: Mapping[str, Any]) -> GenreTag:
    """A genre tag from its ``asdict``, read back from JSON.

    Raises:
        KeyError, TypeError: The mapping is something else.
    """
    entries = tuple(tuple(e) if isinstance(e, list) else e for e in found["entries"])
    genres, created = tuple(found["genres"]), bool(found["created"])
    number = found.get("id3v1")
    number = None if number is None else int(number)
    return GenreTag(found["kind"], int(found["version"]), entries, genres, created, number)


def opened(path: Path) -> Any:
    """Open a file with mutagen, and add empty tags in memory if it has none.

    Raises:
        UnknownTagsError: mutagen does not know this kind of file.
        mutagen.MutagenError: The file cannot be read.
    """
    file = mutagen_file(path)
    if file.tags is None:
        file.add_tags()
    return file


def mutagen_file(path: Path) -> Any:
    """Open a file with mutagen; its tags may be None.

    Raises:
        UnknownTagsError: mutagen does not know this kind of file.
        mutagen.MutagenError: The file cannot be read.
    """
    file = mutagen.File(name_of(path))
    if file is None:
        raise UnknownTagsError("not a format whose tags are known")
    raw = with_raw_comments(type(file))
    if raw is None:
        return file
    del file  # free the memory: it may have large pictures
    return raw(name_of(path))


def name_of(path: Path) -> str:
    """A path as a string for mutagen."""
    return os.fsdecode(syspath(os.fsencode(path)))


def raw_tag(path: Path, file: Any) -> RawTag:
    """The ID3v2 tag of a file; a new one has the version that beets' ``id3v23`` asks for."""
    return RawTag(name_of(path), type(file.tags), 3 if wants_id3v23() else 4)


def kind_of(tags: Any) -> str:
    """The name of the family that tags belong to.

    Raises:
        UnknownTagsError: The tags are of an unknown family.
    """
    for base, kind in KINDS.items():
        if isinstance(tags, base):
            return kind
    raise UnknownTagsError(f"tags of the kind {type(tags).__name__} are not known")


KINDS: dict[type, str] = {
    ID3: "id3",
    MP4Tags: "mp4",
    ASFTags: "asf",
    APEv2: "ape",
    VComment: "comments",
}

RAW: dict[str, type[RawEntries]] = {"mp4": Mp4Atoms, "asf": AsfAttributes, "ape": ApeItems}
RAW_VERSION = 1  # of the form in which GenreTag keeps their entries
