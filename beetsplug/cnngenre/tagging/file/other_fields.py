"""Write library fields other than the genre into a file, and change nothing else in it.

mediafile maps the fields to the tags of a format.  When mediafile saves a file itself, it rewrites
all tags, and loses those that mutagen does not know or that another version of ID3 does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mediafile import MediaFile
from mutagen._vorbis import VComment
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC, Picture
from mutagen.id3 import ID3
from mutagen.mp4 import MP4Tags

from beetsplug.cnngenre.tagging.file.ape_items import ApeItems
from beetsplug.cnngenre.tagging.file.digests import digest_of
from beetsplug.cnngenre.tagging.file.genre_tag import (
    PICTURES,
    contained,
    delete_id3v2,
    name_of,
    opened,
    raw_tag,
    save_raw,
    store,
)
from beetsplug.cnngenre.tagging.file.id3v1 import blank_fields
from beetsplug.cnngenre.tagging.file.mp4_atoms import Mp4Atoms
from beetsplug.cnngenre.tagging.file.raw_comments import RawComments, key_of
from beetsplug.cnngenre.tagging.file.raw_entries import Entry

GENRE_FIELDS = ("genre", "genres")


@contained
def write_fields(path: Path, values: Mapping[str, Any]) -> frozenset[str]:
    """Write fields to a file in place; a field whose value is None is removed.

    Returns:
        The keys of the tags that have changed, which :func:`read_tags` can leave out.

    Raises:
        UnknownTagsError, mutagen.MutagenError, mediafile.UnreadableFileError: The fields
            cannot be written.
    """
    file, media = opened(path), MediaFile(name_of(path))
    if not isinstance(file.tags, (ID3, VComment)):
        media.mgfile = file
    before = contents(media.mgfile)
    media.update({name: value for name, value in values.items() if name not in GENRE_FIELDS})
    after = contents(media.mgfile)
    changed = frozenset(key for key in {**before, **after} if before.get(key) != after.get(key))
    if not changed:
        return changed
    if isinstance(file.tags, ID3):
        return exchange_frames(path, file, changed, media.mgfile.tags)
    if isinstance(file.tags, (MP4Tags, APEv2)):
        return exchange_entries(path, changed, media.mgfile.tags)
    if isinstance(file.tags, RawComments):
        exchange_comments(file.tags, changed, media.mgfile.tags)
        if PICTURES in changed:
            exchange_pictures(file, media.mgfile.pictures)
    store(path, file)
    return changed


def contents(file: Any) -> dict[str, str]:
    """A digest of the values of each tag key; keys of Vorbis comments are in lower case."""
    pairs = list(file.tags) if isinstance(file.tags, list) else list(file.tags.items())
    found: dict[str, list[Any]] = {}
    for key, value in pairs:
        found.setdefault(key.lower() if isinstance(file.tags, VComment) else key, []).append(value)
    if isinstance(file, FLAC) and file.pictures:
        found[PICTURES] = [vars(picture) for picture in file.pictures]
    return {key: digest_of(values) for key, values in found.items()}


def exchange_frames(path: Path, file: Any, changed: frozenset[str], new: Any) -> frozenset[str]:
    """Replace the ID3v2 frames of the changed keys, or append them; delete an empty tag.

    Returns:
        The changed keys; none if the new frames are the old ones, or ID3v2.2 has no such frames.
    """
    raw, gone = raw_tag(path, file), changed - {*new.keys()}
    old = list(raw.frames)
    raw.replace_others(changed, [frame for key, frame in new.items() if key in changed])
    if raw.frames == old and not gone:
        return frozenset()
    if raw.frames:
        raw.save(name_of(path))
    else:
        delete_id3v2(path, file)
    if type(file.tags) is ID3:
        blank_fields(path, gone)
    return changed


def exchange_entries(path: Path, changed: frozenset[str], new: Any) -> frozenset[str]:
    """Replace the APE items or MP4 atoms of the changed keys, or append them.

    Returns:
        The names of the changed raw entries.
    """
    raw = ApeItems(path) if isinstance(new, APEv2) else Mp4Atoms(path)
    names: dict[str, list[Entry]] = {}
    for key in sorted(changed):
        found = [raw.rendered(new, key)] if key in new else []
        name = key.lower() if isinstance(new, APEv2) else key
        names[name] = [*names.get(name, []), *found]
    for name, entries in names.items():
        raw.replace(name, entries)
    save_raw(path, raw, whole=True)
    return frozenset(names)


def exchange_comments(
    tags: RawComments, changed: frozenset[str], new: list[tuple[str, str]]
) -> None:
    """Replace the comments of the changed keys in their place, or append them."""
    for key in sorted(changed):
        places = [place for place, text in enumerate(tags) if key_of(text) == key]
        others = [text for text in tags if key_of(text) != key]
        given = [f"{name}={value}" for name, value in new if name.lower() == key]
        place = places[0] if places else len(others)
        tags[:] = [*others[:place], *given, *others[place:]]


def exchange_pictures(file: Any, pictures: list[Picture]) -> None:
    """Replace all pictures of a FLAC file."""
    file.clear_pictures()
    for picture in pictures:
        file.add_picture(picture)
