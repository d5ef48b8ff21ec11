"""The review itself: which tracks are unsure, and what the user decides about them.

The interfaces are separate: ``terminal`` asks in a terminal, ``web`` on a web page.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from beets import ui
from beets.dbcore.db import DBAccessError
from beets.library import Item, Library

from beetsplug.cnngenre.classify.classifier import TrackClassifier
from beetsplug.cnngenre.config import GENRES, UserError
from beetsplug.cnngenre.console import EarlyBar, NoBar, conclude, progress, uninterrupted
from beetsplug.cnngenre.library import (
    Tracks,
    count_genres,
    has_genres,
    same,
    store_unless_edited,
    track_name,
)
from beetsplug.cnngenre.review.rollback import (
    AlbumState,
    Change,
    album_back,
    album_of,
    go_back,
    is_as_left,
    snapshot_of,
)
from beetsplug.cnngenre.review.uncertain import (
    DECIDED,
    N_SHOWN,
    SUMMARY,
    Decision,
    Scope,
    State,
    UncertainTrack,
    candidates,
    key_of,
)
from beetsplug.cnngenre.rows import chosen
from beetsplug.cnngenre.session import Session
from beetsplug.cnngenre.tagging.apply import apply, set_reviewed
from beetsplug.cnngenre.tagging.fields import genres_of, note
from beetsplug.cnngenre.tagging.file.safe_write import NotWrittenError
from beetsplug.cnngenre.tagging.file_state import read_state
from beetsplug.cnngenre.tagging.plan import Action, TagPlan, not_written

if TYPE_CHECKING:
    from beetsplug.cnngenre.classify.classifier import Verdict


class Review:
    """The unsure tracks; carries out decisions about them at once, and counts."""

    def __init__(self, session: Session, lib: Library) -> None:
        """Load the model.

        Raises:
            GenreModelError: The model, the genre options or the user's genre tree cannot be used.
            UserError: The model is not for genres, or the user's genre list cannot be read.
        """
        self.log, self.options, self.lib = session.log, session.options, lib
        self.track_classifier = TrackClassifier(session, lib)
        if self.track_classifier.target != GENRES:
            raise UserError(
                f"cnngenre: a review is for genres; the model is for {self.track_classifier.target}"
            )
        if self.options.album_genre and (self.options.force or self.options.parents):
            self.track_classifier.further_genres.read_tree()
        self.uncertain_tracks: list[UncertainTrack] = []
        self.found_counts = Counter[str]()  # "sure": only tracks without genres; "failed"
        self.early = EarlyBar(NoBar())
        self.new_names: set[str] = set()
        self.decisions: list[Decision] = []
        self.batch = 0  # number of the last decision

    def run(self, items: Tracks, ask: Callable[[], bool]) -> None:
        """Find the unsure tracks, ask about them, print a summary.

        ``ask`` returns whether it came to its end.
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
            if whole or self.found_counts or self.early.n_ahead:
                self.summarise(time.monotonic() - start, whole=whole)

    def find(self, items: Tracks) -> None:
        """Classify tracks and list the unsure ones, the most useful for a training first."""
        from beetsplug.cnngenre.classify.context import group_of
        from genre_model.evaluation.active_learning import review_order

        force = self.options.force
        todo = chosen(
            items, "cnngenre_reviewed", lambda now, noted: not now or (force and now != noted)
        )
        found: list[UncertainTrack] = []
        confidences: list[float] = []
        groups: list[str] = []
        with progress(len(todo), quiet=self.options.quiet) as bar:
            self.early = EarlyBar(bar)
            for verdict in self.track_classifier.verdicts(todo, self.early.analysed):
                uncertain = self.uncertain_track(verdict)
                if uncertain is not None and uncertain.song.best is not None:
                    found.append(uncertain)
                    confidences.append(uncertain.song.best.probability)
                    groups.append(group_of(verdict.item))
                self.early.done()
        self.uncertain_tracks = [found[index] for index in review_order(confidences, groups)]

    def uncertain_track(self, verdict: Verdict) -> UncertainTrack | None:
        """The unsure track of a verdict, or None; notes the model's answer on the track."""
        item, classified = verdict.item, verdict.found
        if classified is None:
            if verdict.plan.action is Action.FAIL:  # not if it got genres meanwhile
                self.found_counts["failed"] += 1
                self.log.warning("{}: {}", track_name(item), verdict.plan.reason)
            return None
        if not self.options.pretend and note(item, classified):
            store_unless_edited(item, genres_of(item))  # if it was edited, it is skipped later
        self.found_counts["sure"] += classified.song.accepted and not verdict.plan.before
        if not verdict.is_uncertain:
            return None
        return UncertainTrack.of(item, verdict.plan, classified)

    def show_order(self) -> None:
        """Print the tracks in the order in which the review would ask about them."""
        from genre_model.core.text import harmless

        for uncertain in self.uncertain_tracks:
            ui.print_(f"{harmless(uncertain.name)}: {candidates(uncertain.song.ranked[:N_SHOWN])}")

    def unchanged(self, uncertain: UncertainTrack) -> Item | None:
        """A track as it is in the library now; None if it was removed or has other genres.

        The user may think for long, and edit the track with another program meanwhile.
        """
        item = same(self.lib.get_item(uncertain.id), uncertain.added)
        return item if item is not None and has_genres(item, uncertain.genres) else None

    def is_known(self, name: str, uncertain: UncertainTrack) -> bool:
        """Whether a name is the model's, or one that the user has confirmed."""
        return name in self.new_names or any(name == score.genre for score in uncertain.song.ranked)

    def fellows(self, uncertain: UncertainTrack, scope: Scope) -> list[UncertainTrack]:
        """The other undecided tracks of its album or artist, including skipped ones."""
        if scope is Scope.TRACK:
            return []
        whose = key_of(uncertain, scope)
        return [
            other
            for other in self.uncertain_tracks
            if other is not uncertain
            and other.state in (State.LEFT, State.SKIPPED)
            and whose is not None
            and key_of(other, scope) == whose
        ]

    def decide_all(
        self, uncertain_tracks: Sequence[UncertainTrack], genres: tuple[str, ...]
    ) -> list[State]:
        """Give tracks the user's genres, as one decision; returns what has become of each."""
        self.batch += 1
        return [self.decide(uncertain, genres) for uncertain in uncertain_tracks]

    def take_back_all(self) -> list[tuple[UncertainTrack, State]]:
        """Undo the whole last decision, which may be about several tracks, the last track first.

        It stops at a file that cannot be written: the decisions about that track and the tracks
        before it remain.

        Raises:
            IndexError: There is no decision to undo.
        """
        batch = self.decisions[-1].batch
        taken_back = []
        while self.decisions and self.decisions[-1].batch == batch:
            taken_back.append(self.take_back())
            if taken_back[-1][1] is State.FAILED:
                break
        return taken_back

    @uninterrupted()
    def decide(self, uncertain: UncertainTrack, genres: tuple[str, ...]) -> State:
        """Give a track the user's genres, and update the genre of its album.

        Returns:
            What has become of the track.  If it failed or was changed elsewhere, the track is left
            as it was, and an earlier decision about it remains.
        """
        item = self.unchanged(uncertain)
        if item is None:
            return self.leave_alone(uncertain, State.GONE)
        plan = TagPlan(Action.WRITE, genres_of(item), genres, "reviewed")
        before = snapshot_of(item, album_of(item))
        try:
            tag = read_state(item).tag if self.options.write else None
        except NotWrittenError as error:
            plan = not_written(plan, str(error))
        else:
            plan = apply(item, plan, write=self.options.write, set_on=set_reviewed)
        if plan.action is Action.KEEP:
            return self.leave_alone(uncertain, State.GONE)
        if plan.action is Action.FAIL:
            self.log.warning("{}: {}", track_name(item), plan.reason)
            return self.leave_alone(uncertain, State.FAILED)
        tags = None if tag is None else (tag, read_state(item).tag)
        change = Change(before, snapshot_of(item, self.with_album(item, uncertain)), tags)
        self.decisions.append(Decision(uncertain, uncertain.state, change, self.batch))
        accepted = uncertain.song.best is not None and genres == (uncertain.song.best.genre,)
        uncertain.state = State.ACCEPTED if accepted else State.CORRECTED
        uncertain.genres = genres_of(item)
        return uncertain.state

    def leave_alone(self, uncertain: UncertainTrack, state: State) -> State:
        """Note that a track could not be changed."""
        if uncertain.state not in DECIDED:
            uncertain.state = state
        return state

    def skip(self, uncertain: UncertainTrack) -> None:
        """Skip a track, unless it is decided."""
        if uncertain.state not in DECIDED:
            self.batch += 1
            self.decisions.append(Decision(uncertain, uncertain.state, None, self.batch))
            uncertain.state = State.SKIPPED

    def ask_again(self) -> None:
        """Make the skipped tracks undecided again."""
        for uncertain in self.uncertain_tracks:
            if uncertain.state is State.SKIPPED:
                uncertain.state = State.LEFT

    @uninterrupted()
    def take_back(self) -> tuple[UncertainTrack, State]:
        """Undo the last decision that was not undone yet: restore the track exactly as it was.

        Returns:
            The track, and its state now.  Failed means that the file cannot be written: nothing has
            changed, and undoing can be tried again.  A track changed elsewhere is left as it is.

        Raises:
            IndexError: There is no decision to undo.
        """
        decision = self.decisions[-1]
        uncertain, change = decision.uncertain, decision.change
        if change is not None:
            action = self.change_back(uncertain, change)
            if action is Action.FAIL:
                return uncertain, State.FAILED
            if action is Action.KEEP:
                self.decisions.pop()
                return uncertain, State.GONE
            uncertain.genres = change.before.genres
        self.decisions.pop()
        # Before the decision it may have failed, or have been gone: now it is neither.
        could_not = decision.state in (State.FAILED, State.GONE)
        uncertain.state = State.LEFT if could_not else decision.state
        return uncertain, uncertain.state

    def change_back(self, uncertain: UncertainTrack, change: Change) -> Action:
        """Restore a track, unless somebody else has changed it since."""
        item = self.unchanged(uncertain)
        if item is None or not is_as_left(item, change.after):
            return Action.KEEP
        plan = go_back(item, change)
        if plan.action is Action.FAIL:
            self.log.warning("{}: {}", track_name(item), plan.reason)
        if plan.action is Action.WRITE:
            with self.only_warning(uncertain):
                album_back(item, change)
        return plan.action

    @contextmanager
    def only_warning(self, uncertain: UncertainTrack) -> Iterator[None]:
        """Warn if the library cannot be used while the album of a changed track is updated.

        The track and its file are changed already, so the review has to know about it.
        """
        try:
            yield
        except (sqlite3.Error, DBAccessError) as error:
            if self.lib._connection().in_transaction:
                raise  # the commit failed: beets has kept its lock, and would wait for it for ever
            text = "{}: its album keeps its genre, because the library cannot be used: {}"
            self.log.warning(text, uncertain.name, error)

    def with_album(self, item: Item, uncertain: UncertainTrack) -> AlbumState | None:
        """Update the album of a decided track; returns its state, None if there is none.

        Also None if the library cannot be used meanwhile.
        """
        with self.only_warning(uncertain):
            self.set_album(item)
            return album_of(item)
        return None

    def set_album(self, item: Item) -> None:
        """Give a track's album the genre of its tracks."""
        album = item.get_album() if self.options.album_genre else None
        if album is not None:
            self.track_classifier.set_album_genres(album)

    def own_genres(self) -> list[str]:
        """The genres that the library has, each spelling once."""
        return sorted(filter(None, count_genres(self.lib)))

    def counts(self) -> Counter[State]:
        """How many tracks are in each state."""
        counts = Counter(uncertain.state for uncertain in self.uncertain_tracks)
        counts[State.FAILED] += self.found_counts["failed"]
        return counts

    def summarise(self, seconds: float, *, whole: bool) -> None:
        """Print the summary line at the end."""
        from genre_model.core.text import clock

        state = "" if whole else "interrupted: "
        mode = "pretended: " if self.options.pretend else ""
        numbers = self.counts()
        counts = ", ".join(f"{state.value} {numbers[state]}" for state in SUMMARY)
        sure = self.found_counts["sure"]
        hint = f"; sure of {sure}: beet cnngenre writes those" if sure else ""
        conclude(f"{state}{mode}{counts} in {clock(seconds)}{hint}", self.log)
