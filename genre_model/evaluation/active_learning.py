"""The order in which a person reviews tracks: those that a training learns most from come first.

The less probable the model's leading genre is, the more a person's label teaches.  Artists take
turns, because the tracks of one artist teach much the same.  ``studies/review.py`` compares this
with other orders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def review_order(confidences: Sequence[float], artists: Sequence[str]) -> list[int]:
    """Indices of tracks, those that teach most first.

    Args:
        confidences: The probability of each track's leading genre.
        artists: The artist of each track; a track with an empty artist does not wait for a turn.
    """
    doubtful = sorted(range(len(confidences)), key=lambda index: confidences[index])
    seen = Counter[str]()
    turns: dict[int, int] = {}
    for index in doubtful:
        turns[index] = seen[artists[index]]
        seen[artists[index]] += bool(artists[index])
    return sorted(doubtful, key=turns.__getitem__)
