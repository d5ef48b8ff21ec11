"""Colours of genres that people with any kind of colour vision can tell apart.

The palette of Okabe & Ito (Color Universal Design, 2008) without its black, which is for lines and
text.  Seven are what an eye tells apart in one picture; the genres of a song after the seventh are
grey together.
"""

from __future__ import annotations

from collections.abc import Sequence

Colour = tuple[int, int, int]


PALETTE: tuple[Colour, ...] = (
    (0, 114, 178),  # blue
    (213, 94, 0),  # vermillion
    (0, 158, 115),  # bluish green
    (230, 159, 0),  # orange
    (204, 121, 167),  # reddish purple
    (86, 180, 233),  # sky blue
    (240, 228, 66),  # yellow
)


GREY: Colour = (150, 150, 150)


def genre_colours(shown: Sequence[str], genres: Sequence[str]) -> dict[str, Colour]:
    """A colour for each of a song's genres that are ``shown``, the leading one first.

    Each of a model's ``genres`` has a colour that it gets wherever no genre before it has taken
    that, so that the leading genre has the same colour in all songs.
    """
    colours: dict[str, Colour] = {}
    for name in shown[: len(PALETTE)]:
        own = genres.index(name) if name in genres else 0
        wheel = [PALETTE[(own + step) % len(PALETTE)] for step in range(len(PALETTE))]
        colours[name] = next(colour for colour in wheel if colour not in colours.values())
    return colours
