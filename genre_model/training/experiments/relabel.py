"""The classes of an experiment: genres as given, finer styles, or the paper's seven."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from genre_model.core.errors import GenreModelError
from genre_model.data.paper_genres import paper_genre
from genre_model.data.tracks import LabelledTrack

# "given" are the genres, "style" the finer ones of a list's column of that name, "paper" the
# paper's seven genres, which others are not among.
Labels = Literal["given", "style", "paper"]


def relabelled(
    tracks: Sequence[LabelledTrack], labels: Labels = "given", liked: str | None = None
) -> list[LabelledTrack]:
    """The tracks by one label each; or as somebody who likes one genre alone has them.

    Tracks that have none are left out.

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
    """A track's class; empty where it has none."""
    if labels == "style":
        return track.style or track.label
    if labels == "paper":
        return paper_genre(track.label) or ""
    return track.label


def classes_of(
    tracks: Sequence[LabelledTrack], learned: Labels, judged: Labels
) -> Mapping[str, str]:
    """Which of the classes that are tested each of those that were learned belongs to.

    A style that occurs in several genres belongs to the one that has most of its tracks.
    """
    counts: dict[str, Counter[str]] = {}
    for track in tracks:
        fine, broad = label_of(track, learned), label_of(track, judged)
        if fine and broad:
            counts.setdefault(fine, Counter())[broad] += 1
    return {fine: min(found, key=lambda n: (-found[n], n)) for fine, found in counts.items()}
