"""The job of a training: the tracks, the labels that are not used, the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from genre_model.core.errors import GenreModelError
from genre_model.data.tracks import LabelledTrack
from genre_model.model.bundle.store import Bundle
from genre_model.training.training_set import HeadOptions

MIN_TRACKS = 4


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """Labelled tracks, the labels that are not used (label -> tracks, why), and the settings.

    ``target`` is the field that the model predicts.  ``tree`` (child -> parent, canonical) says
    which genres are subgenres of which, ``others`` whether the new model also answers the shipped
    model's other genres.  ``in_use`` is the model in use; ``name`` is the new model's name, if the
    user gave one.
    """

    tracks: Sequence[LabelledTrack]
    dropped: Mapping[str, tuple[int, str]]
    options: HeadOptions
    target: str = "genres"
    tree: Mapping[str, str] = field(default_factory=dict)
    others: bool = True
    in_use: Bundle | None = None
    name: str | None = None

    @property
    def genres(self) -> tuple[str, ...]:
        """The classes, in the order of the model's outputs."""
        return tuple(sorted({label for track in self.tracks for label in track.labels}))

    def folder(self, models: Path, bundle_id: str) -> Path:
        """The folder of the new model in ``models``: its name, or else its id."""
        return models / (self.name or bundle_id)


def check_play_history(tracks: Sequence[LabelledTrack]) -> None:
    """Check before the extraction that some track has a play history.

    Raises:
        GenreModelError: No track has a play history.
    """
    if not any(track.play_history.is_known for track in tracks):
        raise GenreModelError(
            "no track says how often it was played, how it was rated or when it was added"
        )
