"""Labelled tracks, the input of training and evaluation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genre_model.core.text import aligned
from genre_model.data.artists import named_artists
from genre_model.data.play_history import UNKNOWN, PlayHistory


@dataclass(frozen=True, slots=True)
class LabelledTrack:
    """One track with the classes that it may belong to by its label; usually one.

    ``artist``, ``album`` and ``title`` are as tagged, and may be empty.  ``play_history`` is used
    only if a training is told to use it.  ``style`` is a finer genre, if a list has one; only
    experiments use it.
    """

    path: Path
    labels: tuple[str, ...]
    artist: str = ""
    album: str = ""
    title: str = ""
    play_history: PlayHistory = UNKNOWN
    style: str = ""

    @property
    def label(self) -> str:
        """The first class, under which splits and reports count the track."""
        return self.labels[0]


def overview(tracks: Sequence[LabelledTrack], dropped: Mapping[str, tuple[int, str]]) -> list[str]:
    """What a training would use: a line for each class, and for each label that was dropped.

    ``dropped``: label -> (number of tracks, reason).  Only tagged artists are counted.  A track of
    several classes counts in each of them.
    """
    counts = Counter(label for track in tracks for label in track.labels)
    artists: dict[str, set[str]] = {}
    for track in tracks:
        for label in track.labels:
            artists.setdefault(label, set()).add(track.artist)
    rows = [["genre", "tracks", "artists"]]
    rows += [
        [name, str(n), f"{len(named_artists(artists[name])):>7}"]
        for name, n in counts.most_common()
    ]
    rows += [
        [label, str(n), f"not used: {why}"]
        for label, (n, why) in sorted(dropped.items(), key=lambda entry: -entry[1][0])
    ]
    return aligned(rows, "<>")
