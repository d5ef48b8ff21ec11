"""What a listener did with a beets track, as the engine knows it."""

from __future__ import annotations

from beets.library import Item

from beetsplug.cnngenre.options import LISTENED
from beetsplug.cnngenre.tagging import own_field
from genre_model.listening import Listening, number_in


def listening_of(item: Item) -> Listening:
    """Its fields, as far as they are numbers; an album's rating is not taken for its track's."""
    return Listening(*(number_in(own_field(item, name)) for name in LISTENED))
