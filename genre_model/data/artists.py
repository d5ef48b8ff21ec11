"""Who the artist of a track is, for splits, context and counts."""

from __future__ import annotations

import re

# What an artist tag says where there is nobody in particular.
NOBODY = frozenset(["various artists", "various", "va", "unknown", "unknown artist"])

# " feat. Y", " (ft. Y)", " [Featuring Y]"; but neither "Little Feat" nor "Little Feat & Friends".
GUESTS = re.compile(
    r"(?<=[^\s,]),?\s[(\[]?(?:featuring|feat|ft)(?:\.\s*|\s+)"
    r"(?!(?:featuring|feat|ft|and|with)\b|&)\S.*",
    re.IGNORECASE | re.DOTALL,
)


def without_guests(artist: str) -> str:
    """The name of an artist without guests: "X" of "X feat. Y".

    "X & Y" is a name of its own, for all that can be told from it.
    """
    return GUESTS.sub("", " ".join(artist.split()))


def lead_artist(artist: str) -> str:
    """Who a track's artist is to splits, context and counts: the name without guests, canonical."""
    return without_guests(artist).casefold()
