"""Labelled tracks: what training and evaluating start from."""

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
    """One track with the classes that its label leaves open; usually one.

    ``artist``, ``album`` and ``title`` are as tagged, and may be empty.  ``play_history``
    counts only where a training is told to use it.  ``style`` is a finer genre, where a list has
    one; experiments alone use it.
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
        """The first class, which splits and reports count the track under."""
        return self.labels[0]


def overview(tracks: Sequence[LabelledTrack], dropped: Mapping[str, tuple[int, str]]) -> list[str]:
    """What a training would use: a line a class, and a line a label that was dropped.

    ``dropped``: label -> (tracks, why).  Artists are counted as far as they are tagged, a track
    of several classes in each of them.
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
