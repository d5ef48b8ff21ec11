"""What a review is, whoever asks: which tracks are unsure, and what the user decides about them.

``terminal`` asks at a terminal, ``web`` on a page.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from beets import ui
from beets.library import Item, Library

from beetsplug.cnngenre.classify.classifier import TrackClassifier
from beetsplug.cnngenre.config import GENRES, UserError
from beetsplug.cnngenre.console import conclude, progress, uninterrupted
from beetsplug.cnngenre.library import Tracks, has_genres, same, store_unless_edited, track_name
from beetsplug.cnngenre.review.rollback import (
    Change,
    go_back,
    is_as_left,
    take,
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
from beetsplug.cnngenre.tagging.file_state import look
from beetsplug.cnngenre.tagging.plan import Action, TagPlan, not_written

if TYPE_CHECKING:
    from beetsplug.cnngenre.classify.classifier import Verdict


class Review:
    """The unsure tracks; does at once what is decided about them, and counts."""

    def __init__(self, session: Session, lib: Library) -> None:
        """Load the model.

        Raises:
            UserError: The model or the genre options cannot be used, or the model is not for
                genres.
        """
        self.log, self.options, self.lib = session.log, session.options, lib
        self.track_classifier = TrackClassifier(session, lib)
        if self.track_classifier.target != GENRES:
            raise UserError(
                f"cnngenre: a review is for genres; the model is for {self.track_classifier.target}"
            )
        self.uncertain_tracks: list[UncertainTrack] = []
        self.found_counts = Counter[str]()  # "sure", of those without genres; "failed"
        self.new_names: set[str] = set()
        self.decisions: list[Decision] = []
        self.batch = 0  # of the last decisions

    def run(self, items: Tracks, ask: Callable[[], bool]) -> None:
        """Find the unsure ones among tracks, have somebody asked about them, sum up.

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
            if whole or self.found_counts:
                self.summarise(time.monotonic() - start, whole=whole)

    def find(self, items: Tracks) -> None:
        """Classify what was not yet; the unsure tracks, those that teach the model most first."""
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
            for verdict in self.track_classifier.verdicts(todo):
                uncertain = self.uncertain_track(verdict)
                if uncertain is not None and uncertain.song.best is not None:
                    found.append(uncertain)
                    confidences.append(uncertain.song.best.probability)
                    groups.append(group_of(verdict.item))
                bar.update()
        self.uncertain_tracks = [found[index] for index in review_order(confidences, groups)]

    def uncertain_track(self, verdict: Verdict) -> UncertainTrack | None:
        """What there is to ask about a track, if anything; the answer is noted on it."""
        item, song = verdict.item, verdict.song
        if song is None or verdict.probabilities is None:
            self.found_counts["failed"] += 1
            self.log.warning("{}: {}", track_name(item), verdict.plan.reason)
            return None
        if not self.options.pretend:
            bundle_id = self.track_classifier.bundle_id
            if note(item, song, verdict.probabilities, bundle_id, verdict.tags):
                store_unless_edited(item, genres_of(item))  # if it was, it is passed over later
        self.found_counts["sure"] += song.accepted and not verdict.plan.before
        if not verdict.is_doubtful:
            return None
        return UncertainTrack.of(item, verdict.plan, song, verdict.probabilities)

    def show_order(self) -> None:
        """Print what would be asked, in the order in which it would be."""
        from genre_model.core.text import harmless

        for uncertain in self.uncertain_tracks:
            ui.print_(f"{harmless(uncertain.name)}: {candidates(uncertain.song.ranked[:N_SHOWN])}")

    def unchanged(self, uncertain: UncertainTrack) -> Item | None:
        """A track as it is in the library now; None where it has gone, or has other genres.

        The user may think for long, and label with something else meanwhile.
        """
        item = same(self.lib.get_item(uncertain.id), uncertain.added)
        return item if item is not None and has_genres(item, uncertain.genres) else None

    def is_known(self, name: str, uncertain: UncertainTrack) -> bool:
        """Whether a name is the model's, or one that the user has said is no slip."""
        return name in self.new_names or any(name == score.genre for score in uncertain.song.ranked)

    def fellows(self, uncertain: UncertainTrack, scope: Scope) -> list[UncertainTrack]:
        """The other unsure tracks of its album or artist about which nothing was decided."""
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
        """Give tracks the user's genres, as one decision; what has become of each."""
        self.batch += 1
        return [self.decide(uncertain, genres) for uncertain in uncertain_tracks]

    def take_back_all(self) -> list[tuple[UncertainTrack, State]]:
        """Undo all of the last decision, which may be about several tracks; the last one first.

        It stops at a file that cannot be written, whose decision, and those before it, still stand.

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
        """Give a track the user's genres, and its album what follows from that.

        Returns:
            What has become of the track.  Failed, or changed elsewhere, it is as it was; if
            something was decided about it before, that still counts.
        """
        item = self.unchanged(uncertain)
        if item is None:
            return self.leave_alone(uncertain, State.GONE)
        plan = TagPlan(Action.WRITE, genres_of(item), genres, "reviewed")
        before = take(item)
        try:
            tag = look(item).tag if self.options.write else None
        except NotWrittenError as error:
            plan = not_written(plan, str(error))
        else:
            plan = apply(item, plan, write=self.options.write, set_on=set_reviewed)
        if plan.action is Action.KEEP:
            return self.leave_alone(uncertain, State.GONE)
        if plan.action is Action.FAIL:
            self.log.warning("{}: {}", track_name(item), plan.reason)
            return self.leave_alone(uncertain, State.FAILED)
        self.set_album(item)
        tags = None if tag is None else (tag, look(item).tag)
        change = Change(before, take(item), tags)
        self.decisions.append(Decision(uncertain, uncertain.state, change, self.batch))
        accepted = uncertain.song.best is not None and genres == (uncertain.song.best.genre,)
        uncertain.state = State.ACCEPTED if accepted else State.CORRECTED
        uncertain.genres = genres_of(item)
        return uncertain.state

    def leave_alone(self, uncertain: UncertainTrack, state: State) -> State:
        """Note that nothing could be done to a track."""
        if uncertain.state not in DECIDED:
            uncertain.state = state
        return state

    def skip(self, uncertain: UncertainTrack) -> None:
        """Decide nothing about a track."""
        if uncertain.state not in DECIDED:
            self.batch += 1
            self.decisions.append(Decision(uncertain, uncertain.state, None, self.batch))
            uncertain.state = State.SKIPPED

    def ask_again(self) -> None:
        """Have the skipped ones undecided again."""
        for uncertain in self.uncertain_tracks:
            if uncertain.state is State.SKIPPED:
                uncertain.state = State.LEFT

    @uninterrupted()
    def take_back(self) -> tuple[UncertainTrack, State]:
        """Undo the last decision that was not taken back: the track is exactly as it was before.

        Returns:
            The track, and its state now; failed where the file cannot be written: nothing has
            changed then, and it can be tried again.  Changed elsewhere it is left as it is.

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
        uncertain.state = decision.state
        return uncertain, uncertain.state

    def change_back(self, uncertain: UncertainTrack, change: Change) -> Action:
        """Give a track back what it had; keeps what somebody else has done to it."""
        item = self.unchanged(uncertain)
        if item is None or not is_as_left(item, change.after):
            return Action.KEEP
        plan = go_back(item, change)
        if plan.action is Action.FAIL:
            self.log.warning("{}: {}", track_name(item), plan.reason)
        return plan.action

    def set_album(self, item: Item) -> None:
        """Give a track's album the genre of its tracks."""
        from beetsplug.cnngenre.tagging.albums import albums_of

        for album in albums_of([item]) if self.options.album_genre else []:
            self.track_classifier.set_album_genres(album)

    def own_genres(self) -> list[str]:
        """The genres that the library has, each spelling once."""
        field, found = Item._type("genres"), set[str]()
        with self.lib.transaction() as transaction:
            for (text,) in transaction.query("SELECT DISTINCT genres FROM items"):
                found.update(genre for genre in field.from_sql(text) if genre)
        return sorted(found)

    def counts(self) -> Counter[State]:
        """How many tracks have become what."""
        counts = Counter(uncertain.state for uncertain in self.uncertain_tracks)
        counts[State.FAILED] += self.found_counts["failed"]
        return counts

    def summarise(self, seconds: float, *, whole: bool) -> None:
        """The one line at the end."""
        from genre_model.core.text import clock

        state = "" if whole else "interrupted: "
        mode = "pretended: " if self.options.pretend else ""
        numbers = self.counts()
        counts = ", ".join(f"{state.value} {numbers[state]}" for state in SUMMARY)
        sure = self.found_counts["sure"]
        hint = f"; sure of {sure}: beet cnngenre writes those" if sure else ""
        conclude(f"{state}{mode}{counts} in {clock(seconds)}{hint}", self.log)
