"""What a training is asked to do: the tracks, the classes that were left out, the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genre_model.core.errors import GenreModelError
from genre_model.data.tracks import LabelledTrack
from genre_model.training.training_set import HeadOptions

MIN_TRACKS = 4


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """Labelled tracks, the labels that are not used (label -> tracks, why), and the settings.

    ``target`` is the field that the model predicts.
    """

    tracks: Sequence[LabelledTrack]
    dropped: Mapping[str, tuple[int, str]]
    options: HeadOptions
    target: str = "genres"

    @property
    def genres(self) -> tuple[str, ...]:
        """The classes, in the order of the model's outputs."""
        return tuple(sorted({label for track in self.tracks for label in track.labels}))


def check_play_history(tracks: Sequence[LabelledTrack]) -> None:
    """Find out before the extraction whether any track has a play history.

    Raises:
        GenreModelError: None has.
    """
    if not any(track.play_history.is_known for track in tracks):
        raise GenreModelError(
            "no track says how often it was played, how it was rated or when it was added"
        )
