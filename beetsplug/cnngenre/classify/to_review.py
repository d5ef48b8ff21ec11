"""The unsure tracks of a run that a review would ask about."""

from __future__ import annotations

from beetsplug.cnngenre.classify.classifier import Verdict


class ToReview:
    """The number of these tracks, and the command that asks about all of them."""

    def __init__(self) -> None:
        self.n_tracks = 0
        self._have_genres = False  # whether any of them has genres, as with --force

    def add(self, verdict: Verdict) -> None:
        """Count a track if a review would ask about it."""
        if verdict.is_uncertain:
            self.n_tracks += 1
            self._have_genres = self._have_genres or bool(verdict.plan.before)

    def add_passed_over(self, n_tracks: int) -> None:
        """Count tracks without genres that were not loaded."""
        self.n_tracks += n_tracks

    @property
    def command(self) -> str:
        """The command that starts the review."""
        return "beet cnnreview -f" if self._have_genres else "beet cnnreview"
