"""Compare the genres that tracks have with the model's answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from beetsplug.cnngenre.config import GENRES
from beetsplug.cnngenre.console import say
from beetsplug.cnngenre.existing_genres.labelled_verdicts import LabelledVerdicts
from beetsplug.cnngenre.library import Tracks, short_name
from beetsplug.cnngenre.rows import chosen

if TYPE_CHECKING:
    from genre_model.evaluation.label_errors import Related
    from genre_model.model.vocabulary import Vocabulary

N_DISAGREEMENTS = 10
N_INSTEAD = 3
WIDEST = {"track": 32, "its genres": 18, "model": 14}


@dataclass(frozen=True, slots=True)
class ComparedTrack:
    """A track's genres, the model's answer, and the probability of that answer (``sure``).

    The track counts under the genre ``family``.  ``agrees`` is None if the model is unsure.
    """

    name: str
    genres: tuple[str, ...]
    family: str
    answer: str
    sure: float
    agrees: bool | None


@dataclass(frozen=True, slots=True)
class GenreAgreement:
    """How often the model agrees about the tracks of one genre, and what it says instead."""

    genre: str
    n_tracks: int
    n_sure: int
    n_agree: int
    instead: dict[str, int]


class Comparison:
    """Compares tracks; counts those left out because their genres are from cnngenre itself."""

    def __init__(self, verdicts: LabelledVerdicts) -> None:
        self.verdicts = verdicts
        self.n_own = 0

    def compare(self, items: Tracks) -> list[ComparedTrack]:
        """The tracks with genres of the user, in the order in which the model judges them."""
        of_the_user = items
        if self.verdicts.track_classifier.target == GENRES:
            of_the_user = chosen(
                items, "cnngenre_written", lambda now, ours: not now or now != ours
            )
        self.n_own = len(items) - len(of_the_user)
        vocabulary = self.verdicts.vocabulary
        return [
            ComparedTrack(
                short_name(item),
                self.verdicts.labels_of(item),
                vocabulary.root(labels[0]),
                song.best.genre,
                song.best.probability,
                agree(labels, song.genres, vocabulary, self.verdicts.related)
                if song.accepted
                else None,
            )
            for item, labels, song, _ in self.verdicts.of(of_the_user)
            if song.best is not None
        ]

    def show(self, tracks: Sequence[ComparedTrack], *, every_track: bool) -> None:
        """Print every track or the surest disagreements, the agreement by genre, and the totals."""
        shown = tracks if every_track else surest_disagreements(tracks)
        lines = [*track_lines(shown, every_track=every_track), *genre_lines(agreement(tracks))]
        for line in [*lines, *self.sum_lines(tracks)]:
            say(line)

    def sum_lines(self, tracks: Sequence[ComparedTrack]) -> list[str]:
        """How often the model agrees in all, which tracks are left out, and what to do next."""
        from genre_model.core.text import count

        judged = [track for track in tracks if track.agrees is not None]
        n_agree = sum(bool(track.agrees) for track in judged)
        share = f", {n_agree / len(judged):.0%}" if judged else ""
        own = f", {self.n_own} written by cnngenre" if self.n_own else ""
        left_out = (self.verdicts.left_out() + own).removeprefix(", ")
        n_tracks = count(len(tracks), "track")
        sure = f"the model is sure of {len(judged)} and agrees on {n_agree}{share}"
        lines = [f"{n_tracks} compared: {sure}"]
        if left_out:
            lines.append(f"left out: {left_out}")
        if n_agree < len(judged):
            lines.append(
                "next: beet cnnerrors lists genres that are probably wrong; beet cnntrain "
                "learns yours"
            )
        return lines


def agree(
    labels: Iterable[str], answers: Sequence[str], vocabulary: Vocabulary, related: Related
) -> bool:
    """Whether a label and an answer are one genre, or one is a subgenre of the other.

    ``related`` has more genres that are above or below each genre.
    """
    return any(
        vocabulary.related(label, answer) or answer in related.get(label, ())
        for label in labels
        for answer in answers
    )


def surest_disagreements(tracks: Iterable[ComparedTrack]) -> list[ComparedTrack]:
    """The disagreements with the most probable answers, at most ``N_DISAGREEMENTS``."""
    found = [track for track in tracks if track.agrees is False]
    return sorted(found, key=lambda track: -track.sure)[:N_DISAGREEMENTS]


def agreement(tracks: Iterable[ComparedTrack]) -> list[GenreAgreement]:
    """The figures of each genre, the commonest first."""
    by_genre: dict[str, list[ComparedTrack]] = {}
    for track in tracks:
        by_genre.setdefault(track.family, []).append(track)
    figures = [
        GenreAgreement(
            genre,
            len(found),
            sum(track.agrees is not None for track in found),
            sum(bool(track.agrees) for track in found),
            dict(Counter(t.answer for t in found if t.agrees is False).most_common(N_INSTEAD)),
        )
        for genre, found in by_genre.items()
    ]
    return sorted(figures, key=lambda one: (-one.n_tracks, one.genre))


def track_lines(tracks: Sequence[ComparedTrack], *, every_track: bool) -> list[str]:
    """A table of tracks, with a heading unless it lists every track."""
    from genre_model.core.text import aligned, clipped, harmless

    if not tracks:
        return []
    heading = [] if every_track else ["The surest disagreements:", ""]
    verdicts = {None: "unsure", True: "agrees", False: "differs"}
    rows = [
        (
            clipped(harmless(track.name), WIDEST["track"]),
            clipped(harmless("; ".join(track.genres)), WIDEST["its genres"]),
            clipped(harmless(track.answer), WIDEST["model"]),
            f"{track.sure:.2f}",
            verdicts[track.agrees] if every_track else "",
        )
        for track in tracks
    ]
    return [*heading, *aligned([(*WIDEST, "sure", ""), *rows], "<<<>"), ""]


def genre_lines(figures: Sequence[GenreAgreement]) -> list[str]:
    """A table of genres."""
    from genre_model.core.text import aligned, harmless

    if not figures:
        return []
    rows = [
        (
            harmless(one.genre),
            str(one.n_tracks),
            str(one.n_sure),
            str(one.n_agree),
            ", ".join(f"{harmless(genre)} {n}" for genre, n in one.instead.items()),
        )
        for one in figures
    ]
    return [*aligned([("genre", "tracks", "sure", "agree", "instead"), *rows], "<>>>"), ""]
