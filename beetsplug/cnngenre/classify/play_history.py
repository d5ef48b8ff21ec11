"""What a track's fields say of how it was played."""

from __future__ import annotations

from beets.library import Item

from beetsplug.cnngenre.config import PLAY_HISTORY_FIELDS
from beetsplug.cnngenre.tagging.fields import own_field
from genre_model.data.play_history import PlayHistory, number_in


def play_history_of(item: Item) -> PlayHistory:
    """Its fields, as far as they are numbers; an album's rating is not taken for its track's."""
    return PlayHistory(*(number_in(own_field(item, name)) for name in PLAY_HISTORY_FIELDS))
