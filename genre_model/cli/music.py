"""The labelled music that a subcommand is given: a folder, a list, or a folder of pictures."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from genre_model.cli.common import N_FAILURES, say
from genre_model.core.errors import GenreModelError
from genre_model.core.files import is_folder
from genre_model.core.processor import n_cores
from genre_model.core.text import count, first_and_rest
from genre_model.data.folder import (
    LabelsFrom,
    find_audio,
    folder_tracks,
    listed_tracks,
    picture_tracks,
)
from genre_model.data.genre_names import canonical, cleaned, common_spelling, plain
from genre_model.data.labels import Consolidation, Labelling, LabelPolicy, read_labels
from genre_model.data.tracks import LabelledTrack
from genre_model.features.png_songs import find_pictures, takes_pictures
from genre_model.training.networks.base import Architecture

# The sentence about tracks without a label, by where the labels come from.
NO_LABEL = {
    "folder": "not used, as they lie in the folder itself, not in one of a genre",
    "tags": "not used, as their tags have no genre",
    "list": "not used, as the list has no genre for them",
}

Source = LabelsFrom | Literal["list"]


@dataclass(frozen=True, slots=True)
class LabelledMusic:
    """The tracks of a folder or a list, and where their labels come from."""

    tracks: list[LabelledTrack]
    labels_from: Source

    def sentences(self) -> list[str]:
        """What to tell the user about tracks without a label."""
        n = sum(not track.labels for track in self.tracks)
        return [f"{NO_LABEL[self.labels_from]}: {count(n, 'track')}"] if n else []


def add_music(parser: argparse.ArgumentParser) -> None:
    """The argument for labelled music."""
    parser.add_argument(
        "music",
        type=Path,
        metavar="FOLDER|FILE.csv",
        help="a folder with one folder for each genre, or a list with the columns path and genre, "
        "and optionally artist, album, style, play_count, rating and added",
    )


def is_list(music: Path) -> bool:
    """Whether music is given as a list, not as a folder."""
    return music.suffix.lower() == ".csv" and not is_folder(music)


def music_for_training(
    music: Path, labels: LabelsFrom | None, architecture: Architecture | None, threads: int
) -> LabelledMusic:
    """The tracks of a list, of a folder of music, or of a folder of pictures.

    Pictures that cannot be used are named on standard error.

    Args:
        music: A folder or a CSV file.
        labels: Where the labels of a folder come from; None for the names of its folders.
        architecture: The architecture to train; None for a head on embeddings.
        threads: How many files are read at once.

    Raises:
        GenreModelError: There are no tracks, a list comes with ``labels``, or the architecture
            does not take pictures.
    """
    if is_list(music):
        if labels:
            raise GenreModelError(f"{music} is a list, which has the genres itself: no --labels")
        return LabelledMusic(listed_tracks(music, threads), "list")
    labels_from: LabelsFrom = labels or "folder"
    if any(find_audio([music])) or not any(find_pictures(music)):
        return LabelledMusic(folder_tracks(music, labels_from, threads), labels_from)
    if architecture is None or not takes_pictures(architecture.spectrogram, architecture.slices):
        name = "embeddings" if architecture is None else architecture.name
        raise GenreModelError(
            f"{music} holds pictures, and {name} does not learn from them (pelchat2019 does)"
        )
    if labels_from != "folder":
        raise GenreModelError(f"{music} holds pictures, which have no tags")
    tracks, problems = picture_tracks(music, threads)
    say(first_and_rest([f"not used: {line}" for line in problems], N_FAILURES), error=True)
    return LabelledMusic(tracks, "folder")


def music_for_testing(music: Path, threads: int | None = None) -> list[LabelledTrack]:
    """The tracks of a list or of a folder with one folder for each genre.

    Raises:
        GenreModelError: There is no such list or folder, or it has no tracks.
    """
    threads = threads or n_cores()
    if is_list(music):
        return listed_tracks(music, threads)
    return folder_tracks(music, "folder", threads)


def trainable(
    music: LabelledMusic,
    genres: Sequence[str] | None,
    min_tracks: int,
    tree: Mapping[str, str],
    consolidate: Consolidation | None = None,
) -> tuple[list[LabelledTrack], Labelling]:
    """The tracks to learn from with their classes, and how the labels were read.

    The names of folders, and the genres of a list, are taken as they are: a user who keeps Rap and
    Hip Hop apart has a reason.

    Args:
        music: The labelled music.
        genres: The classes; None for all.
        min_tracks: A genre with fewer tracks joins its parent, or is left out.
        tree: Child -> parent, canonical.
        consolidate: How to merge many classes into few; None to keep them.

    Raises:
        GenreModelError: The labels leave nothing to tell apart.
    """
    raw = [track.labels for track in music.tracks]
    as_they_are = commonest_spellings(name for labels in raw for name in labels)
    of_aliases = {plain(name): canonical(name) for name in as_they_are}
    known = {*tree, *tree.values()}
    below = {name: alias for name, alias in of_aliases.items() if name != alias and alias in known}
    policy = LabelPolicy(
        wanted=None if genres is None else tuple(genres),
        min_tracks=min_tracks,
        parents={**below, **tree},  # a tree with Hip Hop places Rap, too
        consolidate=consolidate,
        renamed=as_they_are if music.labels_from != "tags" else {},
    )
    labelling = read_labels(raw, policy)
    pairs = zip(music.tracks, labelling.labels, strict=True)
    return [replace(track, labels=labels) for track, labels in pairs if labels], labelling


def commonest_spellings(names: Iterable[str]) -> dict[str, str]:
    """Cleaned name of a genre -> its commonest spelling; Rap and Hip Hop are two genres."""
    clean = [cleaned(name) for name in names]
    commonest = common_spelling(clean, {*map(plain, clean)})
    return {name: commonest.get(plain(name), name) for name in clean}


def in_one_spelling(tracks: Sequence[LabelledTrack]) -> list[LabelledTrack]:
    """The tracks with each genre and style in its commonest spelling; empty ones are left out."""
    names = [name for track in tracks for name in (*track.labels, track.style)]
    spelling = commonest_spellings(names)

    def respelled(track: LabelledTrack) -> LabelledTrack:
        labels = dict.fromkeys(filter(None, (spelling[cleaned(name)] for name in track.labels)))
        return replace(track, labels=tuple(labels), style=spelling[cleaned(track.style)])

    return [respelled(track) for track in tracks]
