"""Leave out copies: tracks with the same audio on both sides of a split make figures too good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from genre_model.core.text import count
from genre_model.training.events import OnFailure

Item = TypeVar("Item")


def without_copies(
    items: Sequence[Item], fingerprints: Sequence[bytes | None], on_failure: OnFailure
) -> list[Item]:
    """The first item of each fingerprint, in order; items without a fingerprint stay.

    ``on_failure`` is told how many tracks are left out.
    """
    first: dict[object, Item] = {}
    for number, (item, fingerprint) in enumerate(zip(items, fingerprints, strict=True)):
        first.setdefault(number if fingerprint is None else fingerprint, item)
    n_left_out = len(items) - len(first)
    if n_left_out:
        on_failure(f"{count(n_left_out, 'track')} with the same audio as another")
    return list(first.values())
