"""What is kept on a track, besides its genres, as beets' flexible fields.

``cnngenre_label``        the leading genre, accepted or not
``cnngenre_probability``  its probability
``cnngenre_all``          every genre of the model with its probability, as "Rock 0.8124"
``cnngenre_model``        the bundle that said so
``cnngenre_written``      the genres that we gave the track
``cnngenre_reviewed``     the genres that the user gave it in a review: they are not ours
``cnngenre_previous``     the genres that it had before; only where we, or a review, gave it others
``cnngenre_file``         what its file had in its genre tag before, as the format has it, and the
                          genres that the file was given instead, in JSON
"""

from __future__ import annotations

from typing import Any

from beets.dbcore import types

FIELDS: dict[str, types.Type[Any, Any]] = {
    "cnngenre_label": types.STRING,
    "cnngenre_probability": types.NullFloat(digits=3),
    "cnngenre_all": types.MULTI_VALUE_DSV,
    "cnngenre_model": types.STRING,
    "cnngenre_written": types.MULTI_VALUE_DSV,
    "cnngenre_reviewed": types.MULTI_VALUE_DSV,
    "cnngenre_previous": types.MULTI_VALUE_DSV,
    "cnngenre_file": types.STRING,
}
