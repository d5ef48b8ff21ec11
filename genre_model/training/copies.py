"""Copies: tracks with the same audio.  One on each side of a split would make figures too good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def without_copies(items: Sequence[Item], fingerprints: Sequence[bytes | None]) -> list[Item]:
    """The first item of each fingerprint, in order; those without a fingerprint stay."""
    seen = set[bytes]()
    kept = []
    for item, fingerprint in zip(items, fingerprints, strict=True):
        if fingerprint is None or fingerprint not in seen:
            kept.append(item)
        if fingerprint is not None:
            seen.add(fingerprint)
    return kept
