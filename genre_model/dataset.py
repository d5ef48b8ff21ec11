"""Labelled tracks: what training and evaluating start from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LabelledTrack:
    """One track with the classes that its label leaves open; usually one.

    ``artist``, ``album`` and ``title`` are as tagged, and may be empty.
    """

    path: Path
    labels: tuple[str, ...]
    artist: str = ""
    album: str = ""
    title: str = ""

    @property
    def label(self) -> str:
        """The first class, which splits and reports count the track under."""
        return self.labels[0]
