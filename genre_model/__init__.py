"""Classify music by genre, and train models that do: the engine, which does not need beets.

These are the public names; each is imported when it is first used:

- to classify: ``classify``, ``load_classifier``, ``load_bundle``, ``Classifier``, ``Bundle``,
  ``Classified``, ``SongFeatures``, ``SongGenre``
- to train: ``train``, ``TrainingOptions``, ``TrainingResult``, ``LabelledTrack``,
  ``folder_tracks``, ``listed_tracks``
- errors: ``GenreModelError``, and its subclasses ``AudioError`` and ``BundleError``

docs/python.md shows how they are used.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genre_model.core.errors import AudioError, BundleError, GenreModelError
    from genre_model.data.folder import folder_tracks, listed_tracks
    from genre_model.data.tracks import LabelledTrack
    from genre_model.extraction.classify import Classified, classify
    from genre_model.model.bundle.store import Bundle, load_bundle
    from genre_model.model.classifier import Classifier, load_classifier
    from genre_model.model.song_features import SongFeatures
    from genre_model.model.vocabulary import SongGenre
    from genre_model.training.flow import TrainingOptions, TrainingResult, train

__all__ = [
    "AudioError",
    "Bundle",
    "BundleError",
    "Classified",
    "Classifier",
    "GenreModelError",
    "LabelledTrack",
    "SongFeatures",
    "SongGenre",
    "TrainingOptions",
    "TrainingResult",
    "classify",
    "folder_tracks",
    "listed_tracks",
    "load_bundle",
    "load_classifier",
    "train",
]

# The module of each public name.
_MODULES = {
    "core.errors": ("AudioError", "BundleError", "GenreModelError"),
    "data.folder": ("folder_tracks", "listed_tracks"),
    "data.tracks": ("LabelledTrack",),
    "extraction.classify": ("Classified", "classify"),
    "model.bundle.store": ("Bundle", "load_bundle"),
    "model.classifier": ("Classifier", "load_classifier"),
    "model.song_features": ("SongFeatures",),
    "model.vocabulary": ("SongGenre",),
    "training.flow": ("TrainingOptions", "TrainingResult", "train"),
}
__version__ = "0.1.0"

_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

# ONNX Runtime 1.29 and later sends telemetry to its maker unless this is set before it is imported;
# on Windows `model.onnx.session` turns it off.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def __getattr__(name: str) -> object:
    """A public name, imported when it is first used.

    Raises:
        AttributeError: There is no such name.
    """
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
