"""Audio files in a folder, or in a list, with the labels that their place, list or tags give."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Literal

from genre_model.audio.decode import open_audio
from genre_model.core.deadline import TIME_LIMIT_S, time_limit
from genre_model.core.errors import AudioError, GenreModelError, reason
from genre_model.core.files import is_folder, may_be_file, why_no_folder
from genre_model.core.processes import WorkerPool, call_in_worker
from genre_model.data.play_history import PlayHistory, number_in
from genre_model.data.tracks import LabelledTrack
from genre_model.features.png import read_frames
from genre_model.features.png_songs import read_slice_folder

LabelsFrom = Literal["folder", "tags"]

# What is picked out of a folder; a file that is named is tried whatever it is called.
AUDIO_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("aac", "aif", "aiff", "ape", "asf", "dsf", "flac", "m4a", "m4b", "mp3", "mp4"),
        *("mpc", "oga", "ogg", "opus", "wav", "wma", "wv"),
    )
)

MIDI_SUFFIXES = frozenset([".mid", ".midi"])

ANY_RATE_HZ = 16_000  # of no matter: nothing is decoded

REQUIRED_COLUMNS = ("path", "genre")


@dataclass(frozen=True, slots=True)
class Tags:
    """What a file's tags say; empty where they say nothing."""

    artist: str = ""
    album: str = ""
    title: str = ""
    genres: tuple[str, ...] = ()


def find_audio(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as they are named, and the audio files below folders, sorted.

    A folder without any is looked through for MIDI files.
    """
    for path in paths:
        if is_folder(path):
            yield from find_files(path, AUDIO_SUFFIXES) or find_files(path, MIDI_SUFFIXES)
        else:
            yield path


def find_files(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """The files below a folder that are called so, sorted."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in suffixes)
    return sorted(path for path in found if may_be_file(path))


def folder_tracks(folder: Path, labels_from: LabelsFrom, threads: int) -> list[LabelledTrack]:
    """All audio files below a folder; the labels are raw, and empty where there are none.

    With ``folder`` a track's label is the name of the folder directly below ``folder`` that it is
    in; with ``tags`` its labels are the genres of its tags.

    Raises:
        GenreModelError: There is no such folder, or no audio in it.
    """
    if not is_folder(folder):
        raise GenreModelError(f"{folder}: {why_no_folder(folder)}")
    paths = list(find_audio([folder]))
    if not paths:
        raise GenreModelError(f"{folder}: no audio files there")
    return [
        LabelledTrack(
            path,
            path.relative_to(folder).parts[:-1][:1] if labels_from == "folder" else tags.genres,
            tags.artist,
            tags.album,
            tags.title,
        )
        for path, tags in zip(paths, read_all_tags(paths, threads), strict=True)
    ]


def listed_tracks(file: Path, threads: int) -> list[LabelledTrack]:
    """The tracks of a CSV file with the columns path, genre and perhaps artist, album and style.

    Paths are relative to the file's folder.  Several genres are separated by semicolons.  What the
    file does not say is taken from the tracks' tags.  Columns play_count, rating and added say what
    somebody did; a cell may be empty.

    Raises:
        GenreModelError: The file cannot be read, lacks a column, names a track twice, or a cell
            makes no sense.
    """
    rows = [row for row in read_csv(file) if row["path"]]
    if not rows:
        raise GenreModelError(f"{file}: no tracks there")
    paths = [file.parent / row["path"] for row in rows]
    [(twice, n)] = Counter(paths).most_common(1)
    if n > 1:  # one of them would be learned from, and the other be the test
        raise GenreModelError(f"{file}: {twice} is there {n} times")
    return [
        LabelledTrack(
            path,
            split_genres(row["genre"]),
            row.get("artist") or tags.artist,
            row.get("album") or tags.album,
            tags.title,
            play_history_in(file, row),
            row.get("style", ""),
        )
        for path, row, tags in zip(paths, rows, read_all_tags(paths, threads), strict=True)
    ]


def play_history_in(file: Path, row: Mapping[str, str]) -> PlayHistory:
    """The play history of a row.

    Raises:
        GenreModelError: A cell makes no sense.
    """
    plays, rating = (number_in(row.get(name) or None) for name in ("play_count", "rating"))
    found = {"play_count": plays, "rating": rating, "added": moment(row.get("added", ""))}
    wrong = [name for name, number in found.items() if row.get(name) and number is None]
    if wrong:
        kind = "date" if wrong[0] == "added" else "number"
        raise GenreModelError(f"{file}: {row['path']}: {wrong[0]} {row[wrong[0]]} is no {kind}")
    return PlayHistory(*found.values())


def moment(text: str) -> float | None:
    """Seconds since 1970, or an ISO date (of UTC where it does not say), as seconds since 1970."""
    seconds = number_in(text)
    if seconds is not None:
        return seconds
    try:
        date = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text))
    except ValueError:
        return None
    return (date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp()


def read_csv(file: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, by column name in lower case; missing cells are empty.

    Raises:
        GenreModelError: The file cannot be read, or lacks a column.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            header, *rows = csv.reader(lines)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise GenreModelError(f"{file} cannot be read as CSV: {reason(error)}") from error
    except ValueError as error:  # no header
        raise GenreModelError(f"{file}: no tracks there") from error
    columns = [name.strip().casefold() for name in header]
    missing = [name for name in REQUIRED_COLUMNS if name not in columns]
    if missing:
        found = ", ".join(columns) or "none"
        raise GenreModelError(
            f"{file} has no column {' and no column '.join(missing)} (it has: {found})"
        )
    return [
        {name: row[index].strip() if index < len(row) else "" for index, name in enumerate(columns)}
        for row in rows
    ]


def read_all_tags(paths: Sequence[Path], threads: int) -> Iterator[Tags]:
    """The tags of files, in order."""
    with closing(WorkerPool(threads)) as pool:
        futures = [pool.submit(metadata_of, path) for path in paths]
        for path, future in zip(paths, futures, strict=True):
            yield tags_of(partial(pool.result, future, metadata_of, path))


def read_tags(path: Path) -> Tags:
    """The tags of a file; those that cannot be read are empty."""
    return tags_of(partial(call_in_worker, metadata_of, path))


def tags_of(read: Callable[[], Mapping[str, str]]) -> Tags:
    """The tags in a file's metadata; those that cannot be read are empty."""
    try:
        found = read()
    except (AudioError, UnicodeError):
        return Tags()
    artist, album, title = (found.get(key, "").strip() for key in ("artist", "album", "title"))
    return Tags(artist, album, title, split_genres(found.get("genre", "")))


def metadata_of(path: Path) -> dict[str, str]:
    """The tags of a file's audio and of its container, by keys in lower case.

    Raises:
        AudioError: The file cannot be read as audio.
    """
    with time_limit(TIME_LIMIT_S), open_audio(path, ANY_RATE_HZ) as audio:
        return {**lowered(audio.stream.metadata), **lowered(audio.container.metadata)}


def lowered(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata by keys in lower case, without what is empty."""
    return {key.casefold(): value for key, value in metadata.items() if value.strip()}


def split_genres(text: str) -> tuple[str, ...]:
    """The genres of a tag that may hold several."""
    return tuple(genre.strip() for genre in re.split(r"[;\0]", text) if genre.strip())


def picture_tracks(folder: Path, threads: int) -> tuple[list[LabelledTrack], list[str]]:
    """The songs of a folder of slices as tracks; nobody knows their artists.

    Returns:
        The tracks, and a sentence for each picture that is no slice and is not used.

    Raises:
        GenreModelError: As :func:`read_slice_folder`, or Pillow is missing.
    """
    tracks: list[LabelledTrack] = []
    failures: list[str] = []
    with ThreadPoolExecutor(threads) as executor:
        for song in read_slice_folder(folder):
            problems = [
                f"{file}: {frames}"
                for file, frames in zip(
                    song.files, executor.map(read_frames, song.files), strict=True
                )
                if isinstance(frames, str)
            ]
            failures += problems
            if len(problems) < len(song.files):
                labels = (song.genre,) if song.genre else ()
                tracks.append(LabelledTrack(song.files[0], labels, title=song.name))
    return tracks, failures
