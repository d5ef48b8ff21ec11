"""The classes of an experiment: genres as given, finer styles, or the paper's seven."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from genre_model.core.errors import GenreModelError
from genre_model.data.paper_genres import paper_genre
from genre_model.data.tracks import LabelledTrack

# "given": the genres as given.  "style": finer genres, from the column of that name in a list.
# "paper": the paper's seven genres, without tracks of other genres.
Labels = Literal["given", "style", "paper"]


def relabelled(
    tracks: Sequence[LabelledTrack], labels: Labels = "given", liked: str | None = None
) -> list[LabelledTrack]:
    """The tracks with one label each: a class, or "like" or "dislike" if ``liked`` names a genre.

    Tracks without a label are left out.

    Raises:
        GenreModelError: Fewer than two classes are left.
    """
    named = [(track, label_of(track, labels)) for track in tracks]
    if liked is not None:
        names = {True: "like", False: "dislike"}
        named = [(track, names[label == liked]) for track, label in named]
    found = [replace(track, labels=(label,)) for track, label in named if label]
    if len({track.label for track in found}) < 2:
        raise GenreModelError(f"fewer than two genres ({labels}): nothing to tell apart")
    return found


def label_of(track: LabelledTrack, labels: Labels) -> str:
    """A track's class; empty if it has none."""
    if labels == "style":
        return track.style or track.label
    if labels == "paper":
        return paper_genre(track.label) or ""
    return track.label


def classes_of(
    tracks: Sequence[LabelledTrack], learned: Labels, judged: Labels
) -> Mapping[str, str]:
    """The judged class that each learned class belongs to.

    A style that occurs in several genres belongs to the genre with most of its tracks.
    """
    counts: dict[str, Counter[str]] = {}
    for track in tracks:
        fine, broad = label_of(track, learned), label_of(track, judged)
        if fine and broad:
            counts.setdefault(fine, Counter())[broad] += 1
    return {fine: min(found, key=lambda n: (-found[n], n)) for fine, found in counts.items()}
