"""Colours of genres that people with any kind of colour vision can tell apart.

The first seven are those of Okabe & Ito (Color Universal Design, 2008) without their black, which
is for lines and text.  The others were chosen one after the other, each as far as possible from
all before it and from the greys, in CIELAB and in the colours that colour-blind people see by
Vienot's models (1999).
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
    (195, 75, 255),
    (135, 165, 75),
    (180, 0, 150),
    (120, 60, 30),
    (0, 75, 255),
    (45, 30, 150),
    (15, 105, 105),
    (105, 0, 90),
    (0, 255, 150),
    (195, 75, 75),
    (0, 0, 255),
    (150, 30, 75),
    (105, 240, 180),
    (0, 90, 210),
)

GREY: Colour = (150, 150, 150)


MAX_COLOURS = 7  # more cannot be told apart in one picture


def genre_colours(shown: Sequence[str], genres: Sequence[str]) -> dict[str, Colour]:
    """A colour for each of a song's genres that are ``shown``, the leading one first.

    A genre has the colour of its place among the model's ``genres``, the same in every picture.
    Genres after the seventh have none.  If a model has more genres than there are colours, a genre
    whose colour is already taken has none either.
    """
    colours: dict[str, Colour] = {}
    for name in shown[:MAX_COLOURS]:
        colour = PALETTE[genres.index(name) % len(PALETTE)]
        if colour not in colours.values():
            colours[name] = colour
    return colours
