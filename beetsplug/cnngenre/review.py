"""What a review is, whoever asks: which tracks are in doubt, and what the user decides about them.

``review_terminal`` asks at a terminal, ``serve`` on a page.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from beets import ui
from beets.library import Item, Library
from mutagen import MutagenError

from beetsplug.cnngenre.console import progress
from beetsplug.cnngenre.interrupts import uninterrupted
from beetsplug.cnngenre.options import GENRES, Options, UserError
from beetsplug.cnngenre.snapshot import (
    Change,
    differing,
    file_tags,
    go_back,
    is_as_left,
    take,
)
from beetsplug.cnngenre.tagging import Action, TagPlan, apply, genres_of, not_written, note
from beetsplug.cnngenre.tracks import store_unless_edited, unedited

if TYPE_CHECKING:
    from beetsplug.cnngenre import CnnGenrePlugin
    from beetsplug.cnngenre.listener import Listener, Verdict
    from genre_model.vocabulary import GenreScore, SongGenre

N_SHOWN = 5


class State(Enum):
    """What has become of a doubtful track; the value is the word in the summary line."""

    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    SKIPPED = "skipped"
    LEFT = "left"
    FAILED = "failed"
    GONE = "changed elsewhere"


SUMMARY = (State.ACCEPTED, State.CORRECTED, State.SKIPPED, State.LEFT, State.FAILED)
DECIDED = (State.ACCEPTED, State.CORRECTED)


@dataclass(slots=True, eq=False)
class Doubt:
    """A track that the model is in doubt about, as it was found, and what has become of it.

    ``genres`` are those that the library should have for it, unless somebody else has been there.
    """

    verdict: Verdict
    song: SongGenre
    genres: tuple[str, ...]
    state: State = State.LEFT


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision, to be taken back: the doubt's state before, and the track's, if it changed."""

    doubt: Doubt
    state: State
    change: Change | None


class Review:
    """The doubtful tracks; does at once what is decided about them, and counts."""

    def __init__(self, plugin: CnnGenrePlugin, options: Options, lib: Library) -> None:
        """Load the model.

        Raises:
            UserError: It cannot be used, or it is not one for genres.
        """
        self.log, self.options, self.lib = plugin._log, options, lib
        self.listener: Listener = plugin.listener(options, lib)
        if self.listener.target != GENRES:
            raise UserError(
                f"cnngenre: a review is for genres; the model is for {self.listener.target}"
            )
        self.doubts: list[Doubt] = []
        self.heard = Counter[str]()  # "sure", "failed"
        self.new_names: set[str] = set()
        self.decisions: list[Decision] = []

    def run(self, items: Sequence[Item], ask: Callable[[], bool]) -> None:
        """Find the doubtful ones among tracks, have somebody asked about them, sum up.

        ``ask`` says whether it came to its end.
        """
        start, whole = time.monotonic(), False
        try:
            self.find(items)
            if self.options.pretend:
                self.show_order()
                whole = True
            else:
                whole = ask()
        finally:
            if whole or self.heard:
                self.summarise(time.monotonic() - start, whole=whole)

    def find(self, items: Sequence[Item]) -> None:
        """Hear what was never heard; the doubtful ones, those that teach most first."""
        from beetsplug.cnngenre.listener import artist_of
        from genre_model.informative import review_order

        todo = [item for item in items if self.options.force or not genres_of(item)]
        found: list[Doubt] = []
        with progress(len(todo), quiet=self.options.quiet) as bar:
            for verdict in self.listener.verdicts(todo):
                doubt = self.doubt_of(verdict)
                if doubt is not None:
                    found.append(doubt)
                bar.update()
        confidences = [doubt.song.best.probability for doubt in found if doubt.song.best]
        order = review_order(confidences, [artist_of(doubt.verdict.item) for doubt in found])
        self.doubts = [found[index] for index in order]

    def doubt_of(self, verdict: Verdict) -> Doubt | None:
        """What there is to ask about a track, if anything; what was heard is noted on it."""
        item, song = verdict.item, verdict.song
        if song is None or verdict.probabilities is None:
            self.heard["failed"] += 1
            self.log.warning("{}: {}", item, verdict.plan.reason)
            return None
        if not self.options.pretend:
            note(item, song, verdict.probabilities, self.listener.bundle_id)
            store_unless_edited(item, genres_of(item))  # if it was, it is passed over when asked
        self.heard["sure"] += song.accepted
        if song.accepted or song.best is None:
            return None
        return Doubt(verdict, song, genres_of(item))

    def show_order(self) -> None:
        """Print what would be asked, in the order in which it would be."""
        from genre_model.evidence import harmless

        for doubt in self.doubts:
            name = harmless(str(doubt.verdict.item))
            ui.print_(f"{name}: {candidates(doubt.song.ranked[:N_SHOWN])}")

    def unchanged(self, doubt: Doubt) -> Item | None:
        """A track as it is in the library now; None where it has gone, or has other genres.

        The user may think for long, and label with something else meanwhile.
        """
        return unedited(doubt.verdict.item, doubt.genres)

    def is_known(self, name: str, doubt: Doubt) -> bool:
        """Whether a name is the model's, or one that the user has said is no slip."""
        return name in self.new_names or any(name == score.genre for score in doubt.song.ranked)

    @uninterrupted()
    def decide(self, doubt: Doubt, genres: tuple[str, ...]) -> State:
        """Give a track the user's genres, and its album what follows from that.

        Returns:
            What has become of the track.  Failed, or changed elsewhere, it is as it was; if
            something was decided about it before, that still counts.
        """
        item = self.unchanged(doubt)
        if item is None:
            return self.leave_alone(doubt, State.GONE)
        path = Path(item.filepath) if self.options.write else None
        plan = TagPlan(Action.WRITE, genres_of(item), genres, "reviewed")
        before = take(item)
        try:
            tags = file_tags(path) if path else {}
        except MutagenError as error:
            plan = not_written(plan, str(error))
        else:
            plan = apply(item, plan, write=self.options.write, by_user=True)
        if plan.action is Action.KEEP:
            return self.leave_alone(doubt, State.GONE)
        if plan.action is Action.FAIL:
            self.log.warning("{}: {}", item, plan.reason)
            return self.leave_alone(doubt, State.FAILED)
        self.set_album(item)
        changed = differing(tags, file_tags(path)) if path else None
        self.decisions.append(Decision(doubt, doubt.state, Change(before, take(item), changed)))
        accepted = doubt.song.best is not None and genres == (doubt.song.best.genre,)
        doubt.state = State.ACCEPTED if accepted else State.CORRECTED
        doubt.genres = genres_of(item)
        return doubt.state

    def leave_alone(self, doubt: Doubt, state: State) -> State:
        """Note that nothing could be done to a track."""
        if doubt.state not in DECIDED:
            doubt.state = state
        return state

    def skip(self, doubt: Doubt) -> None:
        """Decide nothing about a track."""
        if doubt.state not in DECIDED:
            self.decisions.append(Decision(doubt, doubt.state, None))
            doubt.state = State.SKIPPED

    @uninterrupted()
    def take_back(self) -> tuple[Doubt, State]:
        """Undo the last decision that was not taken back: the track is exactly as it was before.

        Returns:
            The track, and its state now; failed where the file cannot be written: nothing has
            changed then, and it can be tried again.  Changed elsewhere it is left as it is.

        Raises:
            IndexError: There is none.
        """
        decision = self.decisions[-1]
        doubt, change = decision.doubt, decision.change
        if change is not None:
            action = self.change_back(doubt, change)
            if action is Action.FAIL:
                return doubt, State.FAILED
            if action is Action.KEEP:
                self.decisions.pop()
                return doubt, State.GONE
            doubt.genres = change.before.genres
        self.decisions.pop()
        doubt.state = decision.state
        return doubt, doubt.state

    def change_back(self, doubt: Doubt, change: Change) -> Action:
        """Give a track back what it had; keeps what somebody else has done to it."""
        item = self.unchanged(doubt)
        if item is None or not is_as_left(item, change.after):
            return Action.KEEP
        plan = go_back(item, change)
        if plan.action is Action.FAIL:
            self.log.warning("{}: {}", item, plan.reason)
        return plan.action

    def set_album(self, item: Item) -> None:
        """Give a track's album the genre of its tracks."""
        from beetsplug.cnngenre.albums import albums_of, set_album_genres

        listener, force = self.listener, self.options.force
        for album in albums_of([item]) if self.options.album_genre else []:
            set_album_genres(
                album, listener.vocabulary, listener.policy, listener.bundle_id, force=force
            )

    def counts(self) -> Counter[State]:
        """How many tracks have become what."""
        counts = Counter(doubt.state for doubt in self.doubts)
        counts[State.FAILED] += self.heard["failed"]
        return counts

    def summarise(self, seconds: float, *, whole: bool) -> None:
        """The one line at the end."""
        state = "" if whole else "interrupted: "
        mode = "pretended: " if self.options.pretend else ""
        numbers = self.counts()
        counts = ", ".join(f"{state.value} {numbers[state]}" for state in SUMMARY)
        minutes, rest = divmod(round(seconds), 60)
        sure = self.heard["sure"]
        hint = f"; sure of {sure}: beet cnngenre writes those" if sure else ""
        ui.print_(f"{state}{mode}{counts} in {minutes}:{rest:02d}{hint}")


def candidates(scores: Sequence[GenreScore]) -> str:
    """Genres with their numbers and probabilities, in a line."""
    return "   ".join(
        f"{number}. {score.genre} {score.probability:.2f}" for number, score in enumerate(scores, 1)
    )


def read_genres(text: str, ranked: Sequence[GenreScore]) -> tuple[str, ...]:
    """Genres from numbers and names as typed, in the model's spelling where they are the model's.

    Raises:
        ValueError: There is no such number.
    """
    from genre_model.labels import cleaned

    spelling = {score.genre.casefold(): score.genre for score in ranked}
    genres: list[str] = []
    for word in filter(None, map(cleaned, text.split(";"))):
        if word.isdecimal() and not 1 <= int(word) <= len(ranked):
            raise ValueError(f"there is no number {word}")
        name = ranked[int(word) - 1].genre if word.isdecimal() else word
        genres.append(spelling.get(name.casefold(), name))
    return tuple(dict.fromkeys(genres))
