"""The form in which artists, albums and genres are compared; shown names keep their spelling."""

from __future__ import annotations

import unicodedata

APOSTROPHES = "`\u00b4\u1ffd\u02bb\u02bc\u2018\u2019\u201b\u2032"
HYPHENS = "\u2010\u2012\u2013\u2014\u2015\u2212"
ONE_FORM = str.maketrans({**dict.fromkeys(APOSTROPHES, "'"), **dict.fromkeys(HYPHENS, "-")})


def folded(name: str) -> str:
    """A name in lower case, with single spaces and one form of each letter, apostrophe and hyphen.

    MusicBrainz uses other apostrophes and hyphens than a keyboard, and macOS encodes accented
    letters differently.
    """
    for _ in range(2):  # some letters become others that have to be folded again
        name = unicodedata.normalize("NFKC", name.translate(ONE_FORM).casefold())
    return " ".join(name.split())
