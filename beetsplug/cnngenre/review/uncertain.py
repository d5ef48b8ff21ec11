"""The tracks of a review, what can become of them, and genres as the user types them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from beets.library import Item

from beetsplug.cnngenre.library import track_name
from beetsplug.cnngenre.review.rollback import Change
from beetsplug.cnngenre.tagging.fields import genres_of
from beetsplug.cnngenre.tagging.plan import TagPlan

if TYPE_CHECKING:
    from beetsplug.cnngenre.classify.classifier import Verdict
    from genre_model.model.vocabulary import GenreScore, SongGenre


N_SHOWN = 5


class State(Enum):
    """What has become of an unsure track; the value is the word in the summary line."""

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
    """A track that the model is unsure about, as it was found, and what has become of it.

    There may be tens of thousands, so what else the library has of a track is not kept.

    Attributes:
        id: Its id, which may pass to another track, ``added`` at another time.
        name: As beets would name it.
        title: Its title, or the name of its file.
        artist: As the track has it.
        album_id: None for a track without an album.
        plan: Why nothing was written.
        song: What the model says of it.
        probabilities: The model's, in its own names.
        genres: Those that the library should have for it, unless somebody else has been there.
        state: What has become of it.
    """

    id: int
    added: float
    name: str
    title: str
    artist: str
    album_id: int | None
    plan: TagPlan
    song: SongGenre
    probabilities: Mapping[str, float]
    genres: tuple[str, ...]
    state: State = State.LEFT

    @classmethod
    def of(
        cls, item: Item, plan: TagPlan, song: SongGenre, probabilities: Mapping[str, float]
    ) -> UncertainTrack:
        """What is kept of a loaded track."""
        assert item.id is not None
        return cls(
            item.id,
            item.added,
            track_name(item),
            item.title or item.filepath.name,
            item.artist or "",
            item.album_id,
            plan,
            song,
            probabilities,
            genres_of(item),
        )

    def verdict(self, item: Item) -> Verdict:
        """The verdict on the track, with the track as it is now."""
        from beetsplug.cnngenre.classify.classifier import Verdict

        return Verdict(item, self.plan, self.song, self.probabilities)


class Scope(Enum):
    """What a decision is for."""

    TRACK = "track"
    ALBUM = "album"
    ARTIST = "artist"


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision, to be taken back: the state before, and what has changed of the track.

    Those about several tracks at once have the same ``batch``.
    """

    uncertain: UncertainTrack
    state: State
    change: Change | None
    batch: int


def key_of(uncertain: UncertainTrack, scope: Scope) -> int | str | None:
    """What the tracks of an album or artist have in common; None where a track has none."""
    from beetsplug.cnngenre.classify.context import known_artist

    return uncertain.album_id if scope is Scope.ALBUM else known_artist(uncertain.artist) or None


def candidates(scores: Sequence[GenreScore]) -> str:
    """Genres with their numbers and probabilities, in a line."""
    return "   ".join(
        f"{number}. {score.genre} {score.probability:.2f}" for number, score in enumerate(scores, 1)
    )


def named_genres(text: str, spellings: Iterable[str]) -> tuple[str, ...]:
    """Genres as typed, with semicolons between, in the first of the spellings that are the same."""
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
