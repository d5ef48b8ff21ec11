"""Which tracks are worth a person's opinion first: those that a training learns most from.

The model's leading genre is the less likely, the more its being right or wrong teaches.  Artists
take turns, because the tracks of one teach much the same.  ``studies/review.py`` compares this
with other orders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def review_order(confidences: Sequence[float], artists: Sequence[str]) -> list[int]:
    """Indices of tracks, those that teach most first.

    Args:
        confidences: The probability of each track's leading genre.
        artists: Of each track; an empty one is a track of nobody's, and waits for no other.
    """
    doubtful = sorted(range(len(confidences)), key=lambda index: confidences[index])
    seen = Counter[str]()
    turns: dict[int, int] = {}
    for index in doubtful:
        turns[index] = seen[artists[index]]
        seen[artists[index]] += bool(artists[index])
    return sorted(doubtful, key=turns.__getitem__)
