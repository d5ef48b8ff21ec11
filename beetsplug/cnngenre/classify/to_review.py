"""The unsure tracks of a run that a review would ask about."""

from __future__ import annotations

from beetsplug.cnngenre.classify.classifier import Verdict


class ToReview:
    """How many they are, and the command that asks about them all."""

    def __init__(self) -> None:
        self.n_tracks = 0
        self._have_genres = False  # some of them, as in a run that may replace them

    def add(self, verdict: Verdict) -> None:
        """A track, if it is one of them."""
        if verdict.is_doubtful:
            self.n_tracks += 1
            self._have_genres = self._have_genres or bool(verdict.plan.before)

    def add_passed_over(self, n_tracks: int) -> None:
        """Tracks without genres, that were not loaded."""
        self.n_tracks += n_tracks

    @property
    def command(self) -> str:
        """How to call the review."""
        return "beet cnnreview -f" if self._have_genres else "beet cnnreview"
