"""The play history of a track, from its fields."""

from __future__ import annotations

from beets.library import Item

from beetsplug.cnngenre.config import PLAY_HISTORY_FIELDS
from beetsplug.cnngenre.tagging.fields import own_field
from genre_model.data.play_history import PlayHistory, number_in


def play_history_of(item: Item) -> PlayHistory:
    """The play history of a track; only numbers count, and an album's rating does not."""
    return PlayHistory(*(number_in(own_field(item, name)) for name in PLAY_HISTORY_FIELDS))
