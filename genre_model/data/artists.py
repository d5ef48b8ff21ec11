"""The artist of a track, for splits, context and counts."""

from __future__ import annotations

import re
from collections.abc import Iterable

from genre_model.data.names import folded

# Artist tags that name nobody in particular; those in brackets are MusicBrainz' names.
NOBODY = frozenset(
    [
        *("various artists", "various artist", "various", "va", "v.a.", "v/a", "vv.aa.", "vvaa"),
        *("varios artistas", "varios", "vários artistas", "vários", "artistes divers", "divers"),
        *("verschiedene interpreten", "verschiedene", "diverse", "artisti vari"),
        *("unknown artist", "unknown", "<unknown>", "[unknown]", "[no artist]", "[anonymous]"),
        *("[traditional]", "soundtrack", "original soundtrack", "ost", "compilation", "n/a"),
    ]
)

# " feat. Y", " (ft. Y)", " [Featuring Y]"; but neither "Little Feat" nor "Little Feat & Friends".
GUESTS = re.compile(
    r"(?<=[^\s,]),?\s[(\[]?(?:featuring|feat|ft)(?:\.\s*|\s+)"
    r"(?!(?:featuring|feat|ft|and|with)\b|&)\S.*",
    re.IGNORECASE | re.DOTALL,
)


def without_guests(artist: str) -> str:
    """The name of an artist without guests: "X" of "X feat. Y".

    "X & Y" stays as it is: it may be the name of one artist.
    """
    return GUESTS.sub("", " ".join(artist.split()))


def lead_artist(artist: str) -> str:
    """The artist for splits, context and counts: the name without guests, canonical."""
    return without_guests(folded(artist))


def named_artists(artists: Iterable[str]) -> set[str]:
    """The lead artists of some tracks, without those that are nobody in particular."""
    leads = set(map(lead_artist, artists))
    return {lead for lead in leads if lead and not is_nobody(lead)}


def is_nobody(lead: str) -> bool:
    """Whether a lead artist is nobody in particular, as on compilations."""
    return lead in NOBODY or lead.endswith((" compilation", " compilations"))
