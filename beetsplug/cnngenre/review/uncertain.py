"""The tracks of a review, their states, and genres as the user types them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from beets.library import Item

from beetsplug.cnngenre.library import track_name
from beetsplug.cnngenre.review.rollback import Change
from beetsplug.cnngenre.tagging.fields import Classification, genres_of
from beetsplug.cnngenre.tagging.plan import TagPlan

if TYPE_CHECKING:
    from beetsplug.cnngenre.classify.classifier import Verdict
    from genre_model.model.vocabulary import GenreScore, SongGenre


N_SHOWN = 5


class State(Enum):
    """The state of an unsure track; the value is the word in the summary line."""

    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    SKIPPED = "skipped"
    LEFT = "left"
    FAILED = "failed"
    GONE = "changed elsewhere"


SUMMARY = (State.ACCEPTED, State.CORRECTED, State.SKIPPED, State.LEFT, State.FAILED)


DECIDED = (State.ACCEPTED, State.CORRECTED)


@dataclass(slots=True, eq=False)
class UncertainTrack:
    """A track that the model is unsure about, as it was found, and its state in the review.

    There may be tens of thousands, so other data of the track is not kept.

    Attributes:
        id: Its id in the library.
        added: When it was added: another track that gets the same id later has another time.
        name: Its name as beets would print it.
        title: Its title, or the name of its file.
        artist: Its artist tag.
        album_id: None for a track without an album.
        plan: Why nothing was written.
        found: What the model says of it.
        genres: The genres that the library has for it, unless somebody else has changed them.
        state: What has become of it.
    """

    id: int
    added: float
    name: str
    title: str
    artist: str
    album_id: int | None
    plan: TagPlan
    found: Classification
    genres: tuple[str, ...]
    state: State = State.LEFT

    @classmethod
    def of(cls, item: Item, plan: TagPlan, found: Classification) -> UncertainTrack:
        """The unsure track for a loaded track."""
        assert item.id is not None
        return cls(
            item.id,
            item.added,
            track_name(item),
            item.title or item.filepath.name,
            item.artist or "",
            item.album_id,
            plan,
            replace(found, tags=None),
            genres_of(item),
        )

    @property
    def song(self) -> SongGenre:
        """The model's verdict."""
        return self.found.song

    def verdict(self, item: Item) -> Verdict:
        """The verdict on the track, with the track as it is now."""
        from beetsplug.cnngenre.classify.classifier import Verdict

        return Verdict(item, self.plan, self.found)


class Scope(Enum):
    """Which tracks a decision is for."""

    TRACK = "track"
    ALBUM = "album"
    ARTIST = "artist"


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision that can be undone: the state before, and what has changed on the track.

    Decisions about several tracks at once have the same ``batch``.
    """

    uncertain: UncertainTrack
    state: State
    change: Change | None
    batch: int


def key_of(uncertain: UncertainTrack, scope: Scope) -> int | str | None:
    """The key that tracks of one album or artist share; None if the track has none."""
    from beetsplug.cnngenre.classify.context import known_artist

    return uncertain.album_id if scope is Scope.ALBUM else known_artist(uncertain.artist) or None


def candidates(scores: Sequence[GenreScore]) -> str:
    """Genres with their numbers and probabilities, in one line."""
    return "   ".join(
        f"{number}. {score.genre} {score.probability:.2f}" for number, score in enumerate(scores, 1)
    )


def named_genres(text: str, spellings: Iterable[str]) -> tuple[str, ...]:
    """Genres typed with semicolons between them, each in its first matching spelling."""
    from genre_model.data.genre_names import cleaned
    from genre_model.data.names import folded

    spelling: dict[str, str] = {}
    for name in spellings:
        spelling.setdefault(folded(name), name)
    words = filter(None, map(cleaned, text.split(";")))
    return tuple(dict.fromkeys(spelling.get(folded(word), word) for word in words))


def read_genres(
    text: str, ranked: Sequence[GenreScore], own: Sequence[str] = ()
) -> tuple[str, ...]:
    """Genres from numbers and names as typed, in the model's or the library's spelling.

    Raises:
        ValueError: There is no such number.
    """
    words = []
    for word in map(str.strip, text.split(";")):
        if word.isdecimal() and not 1 <= int(word) <= len(ranked):
            raise ValueError(f"there is no number {word}")
        words.append(ranked[int(word) - 1].genre if word.isdecimal() else word)
    return named_genres(";".join(words), (*(score.genre for score in ranked), *own))
