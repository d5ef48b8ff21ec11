"""Audio files in a folder or a list, with labels from their folders, the list or their tags."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from genre_model.core.errors import AudioError, GenreModelError, reason
from genre_model.core.files import files_below, is_folder, may_be_file, why_no_folder
from genre_model.core.ordered import results_in_order
from genre_model.core.processes import call_in_worker
from genre_model.data.file_tags import Tags, split_genres, stored_tags
from genre_model.data.play_history import PlayHistory, number_in
from genre_model.data.tracks import LabelledTrack
from genre_model.features.png import read_frames
from genre_model.features.png_songs import read_slice_folder

LabelsFrom = Literal["folder", "tags"]

# The files that are used in a folder; a file that is named itself is tried with any suffix.
AUDIO_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("aac", "aif", "aiff", "ape", "asf", "dsf", "flac", "m4a", "m4b", "mp3", "mp4"),
        *("mpc", "oga", "ogg", "opus", "wav", "wma", "wv"),
    )
)

MIDI_SUFFIXES = frozenset([".mid", ".midi"])

REQUIRED_COLUMNS = ("path", "genre")


def find_audio(paths: Iterable[Path]) -> Iterator[Path]:
    """The named files, and the audio files below the named folders, sorted.

    In a folder without audio files, MIDI files are used instead.
    """
    for path in paths:
        if is_folder(path):
            yield from find_files(path, AUDIO_SUFFIXES) or find_files(path, MIDI_SUFFIXES)
        else:
            yield path


def find_files(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """The files below a folder that have one of the suffixes, sorted."""
    found = (path for path in files_below(folder) if path.suffix.lower() in suffixes)
    return sorted(path for path in found if may_be_file(path))


def folder_tracks(folder: Path, labels_from: LabelsFrom, threads: int) -> list[LabelledTrack]:
    """All audio files below a folder; the labels are raw, and empty if there are none.

    If ``labels_from`` is ``folder``, a track's label is the name of the folder directly below
    ``folder`` that contains it; if it is ``tags``, the labels are the genres in the track's tags.

    Raises:
        GenreModelError: The folder does not exist, or has no audio files.
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

    Paths are relative to the file's folder.  Several genres are separated by semicolons.  Titles,
    and missing artists and albums, are taken from the tracks' tags.  The optional columns
    play_count, rating and added are the play history; a cell may be empty.

    Raises:
        GenreModelError: The file cannot be read, lacks a column, names a track twice, or a cell
            makes no sense.
    """
    rows = [row for row in read_csv(file) if row["path"]]
    if not rows:
        raise GenreModelError(f"{file}: no tracks there")
    paths = [file.parent / row["path"] for row in rows]
    [(twice, n)] = Counter(paths).most_common(1)
    if n > 1:  # one could be in training, the other in the test
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
    """A number of seconds since 1970, or an ISO date (UTC by default), as seconds since 1970."""
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
    with closing(results_in_order(threads, stored_tags, paths, lambda path: path)) as pairs:
        for _, found in pairs:
            yield Tags() if isinstance(found, AudioError) else found


def read_tags(path: Path) -> Tags:
    """The tags of a file; empty if they cannot be read."""
    try:
        return call_in_worker(stored_tags, path)
    except AudioError:
        return Tags()


def picture_tracks(folder: Path, threads: int) -> tuple[list[LabelledTrack], list[str]]:
    """The songs of a folder of slices as tracks, without artists.

    Returns:
        The tracks, and a sentence for each picture that is not a slice and not used.

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
