"""The play history of a track (plays, rating, age in the library) as features of a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genre_model.core.arrays import Float64

SECONDS_PER_YEAR = 365.25 * 24 * 3600

LARGEST = 1e15  # so that no square of a number overflows


@dataclass(frozen=True, slots=True)
class PlayHistory:
    """The play history of a track; None for a value that is unknown.

    ``rating`` is on any scale; ``added_s`` is when the track was added to the library, in seconds
    since 1970.
    """

    play_count: float | None = None
    rating: float | None = None
    added_s: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether any value is known."""
        return bool(np.isfinite(self.features(0.0)).any())

    def features(self, now_s: float) -> Float64:
        """The features by :func:`play_history_features`, (3,)."""
        return play_history_features(self.play_count, self.rating, self.added_s, now_s)


UNKNOWN = PlayHistory()


def play_history_features(
    play_count: float | None, rating: float | None, added_s: float | None, now_s: float
) -> Float64:
    """A track's features, (3,): log(1 + plays), rating, years in the library.

    Missing and impossible values are NaN.

    Args:
        play_count: How often it was played.
        rating: On any scale that is the same for all tracks.
        added_s: When it was added, in seconds of an epoch; 0 if unknown, as in beets.
        now_s: The current time, in seconds of the same epoch.
    """
    plays = np.nan if play_count is None or play_count < 0 else np.log1p(play_count)
    years = max(0.0, now_s - added_s) / SECONDS_PER_YEAR if added_s else np.nan
    found = np.array([plays, np.nan if rating is None else rating, years], np.float64)
    found[~(np.abs(found) < LARGEST)] = np.nan
    return found


def number_in(value: object) -> float | None:
    """The number that a value is, or that its text says; None if there is none."""
    try:
        return None if value is None else float(str(value))
    except ValueError:
        return None
