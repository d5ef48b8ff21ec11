"""The flexible fields that the plugin keeps on a track.

``cnngenre_label``        the likeliest genre, written or not
``cnngenre_probability``  its probability
``cnngenre_all``          every genre of the model with its probability, as "Rock 0.8124"
``cnngenre_tags``         the shipped network's tags with their values, as "chill 0.0312"
``cnngenre_moods``        moods, voice and decade, set by `cnnmoods`
``cnngenre_mood_tag``     the tag that got the moods, its value before and the value given, in JSON
``cnngenre_model``        the model that classified the track
``cnngenre_written``      the genres that the plugin gave the track
``cnngenre_reviewed``     the genres that the user gave it in a review
``cnngenre_respelled``    its genres, if `cnnspelling` has changed their spelling
``cnngenre_previous``     its genres before the plugin, or a review, changed them
``cnngenre_file``         the earlier genre tag of its file, and the genres written instead, in JSON
"""

from __future__ import annotations

from typing import Any

from beets.dbcore import types

MOOD_FIELDS: dict[str, types.Type[Any, Any]] = {
    "cnngenre_moods": types.MULTI_VALUE_DSV,
    "cnngenre_mood_tag": types.STRING,
}
GENRE_FIELDS: dict[str, types.Type[Any, Any]] = {
    "cnngenre_label": types.STRING,
    "cnngenre_probability": types.NullFloat(digits=3),
    "cnngenre_all": types.MULTI_VALUE_DSV,
    "cnngenre_tags": types.MULTI_VALUE_DSV,
    "cnngenre_model": types.STRING,
    "cnngenre_written": types.MULTI_VALUE_DSV,
    "cnngenre_reviewed": types.MULTI_VALUE_DSV,
    "cnngenre_respelled": types.MULTI_VALUE_DSV,
    "cnngenre_previous": types.MULTI_VALUE_DSV,
    "cnngenre_file": types.STRING,
}
FIELDS = GENRE_FIELDS | MOOD_FIELDS

# Who gave a track its genres, and the genres that it had before.  The fields of an album have other
# names, because beets shows the fields of an album on its tracks too.
DECISION_FIELDS = (
    "cnngenre_previous",
    "cnngenre_written",
    "cnngenre_reviewed",
    "cnngenre_respelled",
)
ALBUM_FIELDS: dict[str, types.Type[Any, Any]] = {
    "cnngenre_album_written": types.MULTI_VALUE_DSV,
    "cnngenre_album_respelled": types.MULTI_VALUE_DSV,
    "cnngenre_album_previous": types.MULTI_VALUE_DSV,
}
