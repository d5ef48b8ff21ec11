"""Job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genre_model.core.errors import GenreModelError
from genre_model.data.tracks import LabelledTrack
from genre_model.training.training_set import HeadOptions

REPORT_JSON, REPORT_HTML = "report.json", "report.html"


MIN_TRACKS = 4


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """What to train: labelled tracks, what became of the other labels, and the settings."""

    tracks: Sequence[LabelledTrack]
    dropped: Mapping[str, tuple[int, str]]
    options: HeadOptions
    target: str = "genres"


def check_play_history(tracks: Sequence[LabelledTrack]) -> None:
    """Find out before the hearing whether there is anything that a listener did.

    Raises:
        GenreModelError: There is nothing.
    """
    if not any(track.play_history.is_known for track in tracks):
        raise GenreModelError(
            "no track says how often it was played, how it was rated or when it was added"
        )
