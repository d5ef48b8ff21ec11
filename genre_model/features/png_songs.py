"""Folders of slices as PNG files, the format of the paper: songs to train on or to classify.

A song is identified by the path of its first slice; the others are in the same folder.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from genre_model.core.arrays import Float32
from genre_model.core.errors import AudioError, GenreModelError
from genre_model.core.files import files_below, is_folder, may_be_file, why_no_folder
from genre_model.core.specs import FrontEndSpec, SliceSpec, SoxSpec
from genre_model.features.png import SLICE_PIXELS, SUFFIX, read_frames
from genre_model.features.slices import Slice, choose, in_band
from genre_model.features.sox import FIRST_LEVEL, N_LEVELS, RANGE_DB

# "17", "A song_17", Despois' "Rock_12_17": the last number is the slice's.
NUMBERED = re.compile(r"(?:(?P<song>.+)_)?(?P<number>\d+)", re.DOTALL)

# 128 bins below -100 dB add up to less than -79 dB, about the level below which audio is silent.
SILENCE_DB = -100


@dataclass(frozen=True, slots=True)
class PictureSong:
    """A song stored as slices: ``files`` in their order.  ``genre`` is empty if unknown."""

    genre: str
    name: str
    files: tuple[Path, ...]


def is_picture(path: Path) -> bool:
    """Whether a path has the suffix of a PNG file."""
    return path.suffix.lower() == SUFFIX


def find_pictures(folder: Path) -> Iterator[Path]:
    """The PNG files below a folder."""
    return (path for path in files_below(folder) if is_picture(path) and may_be_file(path))


def read_slice_folder(folder: Path) -> list[PictureSong]:
    """The songs that have slices below a folder, sorted; no picture is opened.

    Slices are named ``GENRE/SONG/17.png``, ``GENRE/SONG_17.png``, or as Despois names them,
    ``GENRE_SONG_17.png``.  The genre is empty if the path has none.

    Raises:
        GenreModelError: There is no such folder, or no PNG file in it.
    """
    if not is_folder(folder):
        raise GenreModelError(f"{folder}: {why_no_folder(folder)}")
    songs: dict[tuple[str, str], list[Path]] = {}
    for path in find_pictures(folder):
        songs.setdefault(place_of(path.relative_to(folder)), []).append(path)
    if not songs:
        raise GenreModelError(f"{folder}: no PNG files there")
    return [
        PictureSong(genre, name, tuple(sorted(files, key=by_number)))
        for (genre, name), files in sorted(songs.items())
    ]


def place_of(path: Path) -> tuple[str, str]:
    """Genre and song of a slice, from its path relative to the folder of all slices."""
    stem = song_and_number(path)[0]
    if len(path.parts) == 1:  # Despois' flat naming
        return stem.rpartition("_")[0], stem
    genre, *folders = path.parts[:-1]
    return genre, "/".join([*folders, stem] if stem else folders) or genre


def song_and_number(path: Path) -> tuple[str, int]:
    """The part of a slice's file name before its number, and the number; 0 if it has none."""
    found = NUMBERED.fullmatch(path.stem)
    return (found["song"] or "", int(found["number"])) if found else (path.stem, 0)


def by_number(path: Path) -> tuple[int, Path]:
    """Sort key that puts the slices of a song in the order of time."""
    return song_and_number(path)[1], path


def song_files(path: Path) -> list[Path]:
    """The files of a song: the audio file alone, or all its slices beside the given one."""
    if not is_picture(path):
        return [path]
    song = song_and_number(path)[0]
    beside = path.parent.glob(f"{glob.escape(song)}*")
    same = [other for other in beside if is_picture(other) and song_and_number(other)[0] == song]
    return sorted(same, key=by_number)


def read_picture_slices(
    path: Path, spec: SoxSpec, slices: SliceSpec, *, thorough: bool = False
) -> list[Slice]:
    """The slices of a song, from the path of one of its pictures; broken ones are left out.

    All of them if ``thorough``, else at most ``slices.max_slices``.

    Raises:
        AudioError: None of the song's files is a slice, or slices of another length are needed.
        GenreModelError: Pillow is missing.
    """
    if not takes_pictures(spec, slices):
        raise AudioError(f"a slice of {SLICE_PIXELS} frames, where {slices.frames} are wanted")
    files = song_files(path)
    chosen = files if thorough else [files[index] for index in choose(len(files), slices)]
    slice_s = slices.frames / spec.pixels_per_s
    found: list[Slice] = []
    problem = "no such file"
    for file in chosen:
        frames = read_frames(file)
        if isinstance(frames, str):
            problem = frames
        else:
            values = in_band(frames, spec, slices.band)
            found.append(Slice(values, slice_s * song_and_number(file)[1], is_silent(frames)))
    if not found:
        raise AudioError(problem)
    return found


def is_silent(frames: Float32) -> bool:
    """Whether no pixel is as loud as ``SILENCE_DB``."""
    return float(frames.max()) < FIRST_LEVEL + 1 + (1 + SILENCE_DB / RANGE_DB) * N_LEVELS


def takes_pictures(spec: FrontEndSpec, slices: SliceSpec) -> bool:
    """Whether a system can take slices from PNG files."""
    return isinstance(spec, SoxSpec) and slices.frames == SLICE_PIXELS
