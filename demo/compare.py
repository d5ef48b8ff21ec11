"""What the model says of tracks, beside the genres that were there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from beetsplug.cnngenre.classify.trees import genre_parents
from genre_model.core.text import count
from genre_model.data.genre_names import canonical
from genre_model.model.bundle.store import SHIPPED, load_bundle

PARTS = re.compile(r"\s*[/;,-]\s*")  # of "Pop-Rock" and "Folk, World"


@dataclass(frozen=True)
class Track:
    """What beets knows of a track, and the genres that its file says."""

    artist: str
    title: str
    genres: str
    label: str
    confidence: str
    in_file: str
    path: str


@dataclass(frozen=True)
class Comparison:
    """What the model says of a track beside what was there; ``agrees`` is None where it cannot."""

    track: Track
    there: str
    agrees: bool | None

    @classmethod
    def of(cls, track: Track, there: str, threshold: float) -> Comparison:
        """Compare; a genre agrees with its own kinds and with what it is a kind of."""
        if not (there and track.label) or float(track.confidence) < threshold:
            return cls(track, there, None)
        return cls(track, there, any(related(genre, track.label) for genre in there.split("; ")))

    def row(self) -> tuple[str, ...]:
        """The cells of the table."""
        verdict = {None: "", True: "agrees", False: "differs"}[self.agrees]
        if self.agrees is None:
            verdict = "not sure" if self.there else "no genre was there"
        track = self.track
        there, label = self.there or "-", track.label or "-"
        return (track.artist, track.title, there, label, track.confidence or "-", verdict)


def related(genre: str, label: str) -> bool:
    """Whether two genres are one, or one is a kind of the other in the model or in beets' tree."""
    manifest = load_bundle(SHIPPED).manifest
    parents = genre_parents() | {
        canonical(kind): canonical(name) for kind, name in manifest.parents.items()
    }
    names = {canonical(part) for part in [genre, *PARTS.split(genre)] if part.strip()}
    known = canonical(label)
    return any(
        name in lineage(known, parents)
        or any(kind == known or kind.endswith(f" {known}") for kind in lineage(name, parents))
        for name in names
    )


def lineage(name: str, parents: Mapping[str, str]) -> list[str]:
    """A genre and what it is a kind of."""
    found = [name]
    while (parent := parents.get(found[-1])) is not None and parent not in found:
        found.append(parent)
    return found


def summary(found: Sequence[Comparison]) -> list[str]:
    """How often the model agrees with what was there."""
    tagged = [comparison for comparison in found if comparison.there]
    judged = [comparison for comparison in tagged if comparison.agrees is not None]
    agree = sum(bool(comparison.agrees) for comparison in judged)
    lines = [f"{count(len(tagged), 'track')} of {len(found)} had a genre."]
    if judged:
        share = f"{agree / len(judged):.0%}"
        lines.append(f"The model is sure of {len(judged)} of them and agrees on {agree}, {share}.")
    if n_unsure := len(tagged) - len(judged):
        lines.append(f"Of {count(n_unsure, 'track')} it is not sure and would write nothing.")
    return lines
