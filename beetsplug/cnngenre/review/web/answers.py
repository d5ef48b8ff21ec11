"""The data that the review page gets, and the changes that its requests make.

Everything here runs in the library's thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beets.library import Item

from beetsplug.cnngenre.library import same
from beetsplug.cnngenre.review.review import Review
from beetsplug.cnngenre.review.uncertain import (
    DECIDED,
    Scope,
    State,
    UncertainTrack,
    named_genres,
)
from beetsplug.cnngenre.tagging.fields import genres_of
from genre_model.core.text import harmless
from genre_model.explain.evidence import percent, reason_of
from genre_model.explain.picture import HEIGHT, LEFT, RIGHT, SPECTRUM, WIDTH

MAX_ROWS = 100


# MIME types by beets' formats.  No type is guessed from the file: it could be a page with scripts.
AUDIO_TYPES = {
    "AAC": "audio/mp4",
    "ALAC": "audio/mp4",
    "AIFF": "audio/aiff",
    "FLAC": "audio/flac",
    "MP3": "audio/mpeg",
    "OGG": "audio/ogg",
    "Opus": "audio/ogg",
    "WAVE": "audio/wav",
    "Windows Media": "audio/x-ms-wma",
}


@dataclass(frozen=True, slots=True)
class Track:
    """The body of a request about one track."""

    track: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What the user has decided: ``genres`` that were offered, or a ``text`` as typed.

    ``meant``: the user has confirmed names that neither the model nor the library has.  ``scope``:
    whether the decision is also for the other unsure tracks of the album or artist.
    """

    track: int
    genres: tuple[str, ...] = ()
    text: str = ""
    meant: bool = False
    scope: Scope = Scope.TRACK


class RefusedError(Exception):
    """A request that cannot be carried out; the text is a sentence for the user."""

    def __init__(self, sentence: str, status: int = 409) -> None:
        super().__init__(sentence)
        self.status = status


class Page:
    """The review's state as the page sees it; everything here runs in the library's thread."""

    def __init__(self, review: Review) -> None:
        self.review = review
        self.own_genres = review.own_genres()
        self.said = ""  # the last message
        self.places = {uncertain.id: i for i, uncertain in enumerate(review.uncertain_tracks)}

    def uncertain(self, track: int) -> UncertainTrack:
        """One of the unsure tracks; the page has no access to others."""
        if track not in self.places:
            raise RefusedError("There is no such track in this review.", 404)
        return self.review.uncertain_tracks[self.places[track]]

    def item(self, track: int) -> Item:
        """A track as it is in the library now."""
        item = self.in_library(self.uncertain(track))
        if item is None:
            raise RefusedError("The track is no longer in the library.", 404)
        return item

    def in_library(self, uncertain: UncertainTrack) -> Item | None:
        """A track as it is in the library now; None if it was removed."""
        return same(self.review.lib.get_item(uncertain.id), uncertain.added)

    def session(self) -> dict[str, Any]:
        """The data that the page needs at its start."""
        vocabulary = self.review.track_classifier.vocabulary
        return {
            "genres": sorted({*vocabulary.names.values(), *self.own_genres}, key=str.casefold),
            "model": self.review.track_classifier.bundle_id,
            "plot": {
                "left": LEFT / WIDTH,
                "right": RIGHT / WIDTH,
                "top": SPECTRUM[0] / HEIGHT,
                "bottom": SPECTRUM[1] / HEIGHT,
            },
            **self.standing(self.next_left(0) or self.review.uncertain_tracks[0], self.said),
        }

    def standing(self, uncertain: UncertainTrack | None, said: str = "") -> dict[str, Any]:
        """The progress of the review, the track to show, and a message about the last action."""
        counts = self.review.counts()
        self.said = said
        total = len(self.review.uncertain_tracks)
        n_left = sum(uncertain.state is State.LEFT for uncertain in self.review.uncertain_tracks)
        return {
            "progress": {
                "total": total,
                "left": n_left,
                "decided": sum(counts[state] for state in DECIDED),
                **{state.name.lower(): counts[state] for state in State if state is not State.LEFT},
                "sure": self.review.found_counts["sure"],
                "can_undo": bool(self.review.decisions),
            },
            "new_names": sorted(self.review.new_names),
            "said": said,
            "track": None if uncertain is None else self.details(uncertain),
        }

    def next_left(self, place: int) -> UncertainTrack | None:
        """The first undecided track from a place on, starting over after the last track."""
        uncertain_tracks = self.review.uncertain_tracks
        indices = (*range(place, len(uncertain_tracks)), *range(place))
        return next(
            (uncertain_tracks[i] for i in indices if uncertain_tracks[i].state is State.LEFT), None
        )

    def rows(self, start: int, count: int) -> list[dict[str, Any]]:
        """A few tracks, in the order of the review."""
        start = max(start, 0)
        chosen = self.review.uncertain_tracks[start : start + min(max(count, 0), MAX_ROWS)]
        return [row(uncertain, place) for place, uncertain in enumerate(chosen, start)]

    def details(self, uncertain: UncertainTrack) -> dict[str, Any]:
        """All that the page shows of a track."""
        song, item = uncertain.song, self.in_library(uncertain)
        track_classifier = self.review.track_classifier
        alone = track_classifier.vocabulary.scores(uncertain.found.probabilities)
        nearby = self.next_left(self.places[uncertain.id] + 1)
        return {
            **row(uncertain, self.places[uncertain.id]),
            "album": harmless(item.album or "") if item else "",
            "genres": [harmless(genre) for genre in genres_of(item)] if item else [],
            "format": item.format if item else "",
            "ranked": [
                {
                    "genre": score.genre,
                    "probability": score.probability,
                    "percent": percent(score.probability),
                }
                for score in song.ranked
            ],
            "best": song.best.genre if song.best else None,
            "reason": reason_of(song, track_classifier.policy, alone),
            "fellows": {scope.value: len(self.review.fellows(uncertain, scope)) for scope in Scope},
            "next": nearby.id if nearby else None,
        }

    def decide(self, answer: Answer) -> dict[str, Any]:
        """Carry out a decision, or return its unknown names for the user to confirm."""
        uncertain = self.uncertain(answer.track)
        genres = self.genres_of_answer(answer, uncertain)
        unknown = [name for name in genres if not self.is_known(name, uncertain)]
        if unknown and not answer.meant:
            return {"unknown": unknown}
        self.review.new_names.update(unknown)
        name = title_of(uncertain)
        tracks = [uncertain, *self.review.fellows(uncertain, answer.scope)]
        states = self.review.decide_all(tracks, genres)
        if states == [State.FAILED]:
            raise RefusedError(f"The file of {name} cannot be written; nothing has changed.")
        following = self.next_left(self.places[answer.track] + 1) or uncertain
        return self.standing(following, outcome(name, genres, states))

    def is_known(self, name: str, uncertain: UncertainTrack) -> bool:
        """Whether a typed genre is the model's or the library's, or the user has confirmed it."""
        return name in self.own_genres or self.review.is_known(name, uncertain)

    def genres_of_answer(self, answer: Answer, uncertain: UncertainTrack) -> tuple[str, ...]:
        """The genres that an answer names.

        Raises:
            RefusedError: The answer names no genre, or one that was not offered.
        """
        offered = (score.genre for score in uncertain.song.ranked)
        genres = answer.genres or named_genres(answer.text, (*offered, *self.own_genres))
        if not genres:
            raise RefusedError("No genre was named.", 400)
        if not all(self.review.is_known(name, uncertain) for name in answer.genres):
            raise RefusedError("This genre was not offered.", 400)
        return genres

    def skip(self, track: int) -> dict[str, Any]:
        """Skip a track."""
        uncertain = self.uncertain(track)
        self.review.skip(uncertain)
        following = self.next_left(self.places[track] + 1) or uncertain
        return self.standing(following, f"{title_of(uncertain)}: skipped")

    def again(self) -> dict[str, Any]:
        """Ask about the skipped tracks again."""
        self.review.ask_again()
        return self.standing(self.next_left(0), "")

    def undo(self) -> dict[str, Any]:
        """Undo the last decision."""
        if not self.review.decisions:
            raise RefusedError("There is nothing to take back.")
        taken_back = self.review.take_back_all()
        uncertain, state = taken_back[-1]
        name = title_of(uncertain)
        if state is State.FAILED and len(taken_back) == 1:
            raise RefusedError(f"The file of {name} cannot be written; nothing has changed.")
        states = [state for _, state in taken_back]
        if states == [State.GONE]:
            said = f"{name} was changed elsewhere and is left as it is."
        else:
            said = f"{and_others(name, len(states))}: taken back{exceptions(states)}"
        return self.standing(uncertain, said)

    def audio(self, track: int) -> tuple[Path, str]:
        """The file of a track, and its MIME type."""
        item = self.item(track)
        return Path(item.filepath), AUDIO_TYPES.get(item.format, "application/octet-stream")


def outcome(name: str, genres: tuple[str, ...], states: list[State]) -> str:
    """A message about a decision; the first state is that of the track with this name."""
    if states == [State.GONE]:
        return f"{name} was changed elsewhere and is left as it is."
    written = "; ".join(map(harmless, genres))
    return f"{and_others(name, len(states))}: {written}{exceptions(states)}"


def and_others(name: str, n_tracks: int) -> str:
    """The name of a track, and how many others are with it."""
    others = n_tracks - 1
    return f"{name} and {others} other{'s' * (others > 1)}" if others else name


def exceptions(states: list[State]) -> str:
    """How many tracks could not be changed, and why; empty if all were."""
    counts = {
        "cannot be written": states.count(State.FAILED),
        "changed elsewhere and left as they are": states.count(State.GONE),
    }
    found = [f"{count} {words}" for words, count in counts.items() if count]
    return f" ({', '.join(found)})" if found else ""


def row(uncertain: UncertainTrack, place: int) -> dict[str, Any]:
    """What the list shows of a track."""
    return {
        "id": uncertain.id,
        "place": place,
        "title": title_of(uncertain),
        "artist": harmless(uncertain.artist),
        "state": uncertain.state.name.lower(),
        "decided": [harmless(genre) for genre in uncertain.genres if uncertain.state in DECIDED],
    }


def title_of(uncertain: UncertainTrack) -> str:
    """The title of a track, or the name of its file."""
    return harmless(uncertain.title)
