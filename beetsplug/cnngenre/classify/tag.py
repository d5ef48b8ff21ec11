"""Process the tracks of a query: classify, decide, write, count."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from beets.library import Item, Library

from beetsplug.cnngenre.classify.classifier import TrackClassifier, Verdict
from beetsplug.cnngenre.classify.to_review import ToReview
from beetsplug.cnngenre.config import GENRES
from beetsplug.cnngenre.console import say
from beetsplug.cnngenre.library import Tracks, unedited
from beetsplug.cnngenre.rows import chosen
from beetsplug.cnngenre.session import Session
from beetsplug.cnngenre.tagging.albums import set_album_genres, unlike_their_tracks
from beetsplug.cnngenre.tagging.apply import (
    apply,
    apply_field,
    set_genres,
    would_write_missing,
    write_missing,
)
from beetsplug.cnngenre.tagging.fields import as_entries, genres_of, is_from_here, note
from beetsplug.cnngenre.tagging.journal import Journal, begin, has_run
from beetsplug.cnngenre.tagging.kept import split_kept
from beetsplug.cnngenre.tagging.plan import TAGGING, Action, TagPlan, kept_meanwhile
from beetsplug.cnngenre.tagging.run import Run, Step

if TYPE_CHECKING:
    from beetsplug.cnngenre.console import Bar


class Tag(Run):
    """Extract, classify, decide, write."""

    words = TAGGING

    def __init__(self, session: Session, lib: Library, *, review_options: str | None = "") -> None:
        """Read the model.

        Args:
            session: What the command works with.
            lib: The library.
            review_options: What `cnnreview` needs to ask about the same tracks; None if it cannot.

        Raises:
            GenreModelError: The model cannot be used.
        """
        super().__init__(session, lib)
        self.review_options = review_options
        self.track_classifier = TrackClassifier(session, lib)
        self.changed_albums: set[int] = set()
        self.to_review = ToReview()
        self.pretended: dict[int | None, tuple[TagPlan, Mapping[str, float]]] = {}

    def note(self, item: Item, plan: TagPlan | None, journal: Journal | None) -> None:
        """Also remember the albums of changed tracks."""
        super().note(item, plan, journal)
        if plan is not None and plan.action is Action.WRITE and item.album_id is not None:
            self.changed_albums.add(item.album_id)

    def run(self, items: Tracks) -> None:
        """Go over the tracks; the first run prints how many have genres that can be compared."""
        options = self.session.options
        silent = options.force or options.quiet or self.track_classifier.target != GENRES
        if not (silent or has_run(self.session.folders.runs, "cnngenre")):
            found = found_genres(items)
            if found:
                say(found)
        super().run(items)

    def what_next(self) -> str:
        """The command that asks about the unsure tracks, if there are any."""
        n = self.to_review.n_tracks
        if not n or self.track_classifier.target != GENRES or self.review_options is None:
            return ""
        return f"; {n} unsure: {self.to_review.command}{self.review_options}"

    def journal(self) -> Journal:
        """The journal of this run."""
        track_classifier = self.track_classifier
        return begin(
            self.session,
            "cnngenre",
            self.words,
            track_classifier.bundle_id,
            track_classifier.target,
        )

    def pass_over(self, items: Tracks, journal: Journal | None, bar: Bar) -> Tracks:
        """Count and note tracks that stay as they are, without loading them; return the others."""
        named = self.log.isEnabledFor(logging.DEBUG)  # each track gets a log line
        if self.options.force or self.track_classifier.target != GENRES or named:
            return items
        left, nameless = set[int](), set[int]()
        for split in split_kept(items, may_write=self.options.write):
            self.pass_over_all(Action.KEEP, split.kept, journal, bar)
            left.update(split.others)
            nameless.update(split.nameless)
        if self.options.pretend and not self.options.quiet:
            return items.only(left)  # each unsure track gets a line
        unsure = set[int]()
        for some in self.track_classifier.still_unsure(items.only(nameless)):
            self.pass_over_all(Action.UNSURE, some, journal, bar)
            self.to_review.add_passed_over(len(some))
            unsure.update(track.id for track in some)
        return items.only(left - unsure)

    def steps(self, items: Iterable[Item]) -> Iterator[Step]:
        """A step for each verdict, carried out in this thread, the only one that writes."""
        for verdict in self.track_classifier.verdicts(items, self.early.analysed):
            if self.options.pretend and verdict.found is not None:
                self.pretended[verdict.item.id] = verdict.plan, verdict.found.probabilities
            writes_file = verdict.plan.action is Action.WRITE or self.is_missing(verdict)
            yield Step(partial(self.carry_out, verdict), self.options.write and writes_file)

    def is_missing(self, verdict: Verdict) -> bool:
        """Whether a track keeps genres from here that its file may lack, as after ``-W``."""
        item = verdict.item
        kept = verdict.plan.action is Action.KEEP and self.track_classifier.target == GENRES
        return kept and item.mtime == 0 and is_from_here(item)

    def carry_out(self, verdict: Verdict) -> tuple[Item, TagPlan]:
        """Carry out a verdict on the track as it is now: its extraction may have taken long."""
        plan, found, target = verdict.plan, verdict.found, self.track_classifier.target
        self.to_review.add(verdict)
        if self.options.write and self.is_missing(verdict):
            return self.complete(verdict)
        if self.options.pretend or found is None:
            return verdict.item, plan
        item = verdict.item
        if plan.action is Action.WRITE:  # other plans are checked when they are stored
            now = unedited(item, genres_of(item))
            if now is None:
                return item, kept_meanwhile(plan)
            item = now
        if target != GENRES:
            apply_field(item, target, found.song, plan)
            return item, plan
        if note(item, found) or plan.action is Action.WRITE:
            plan = apply(item, plan, write=self.options.write)
        return item, plan

    def complete(self, verdict: Verdict) -> tuple[Item, TagPlan]:
        """Write genres that only the library has to the file."""
        plan = verdict.plan
        now = unedited(verdict.item, genres_of(verdict.item))
        if now is None:
            return verdict.item, kept_meanwhile(plan)
        if self.options.pretend:
            return now, would_write_missing(now) or plan
        if verdict.found is not None:
            note(now, verdict.found)
        return now, write_missing(now) or apply(now, plan, write=False)

    def finish(self) -> None:
        """Set the genres of albums that have none, or that have ours and changed tracks."""
        if not self.options.album_genre or self.track_classifier.target != GENRES:
            return
        force, pretend = self.options.force, self.options.pretend
        behind = set() if force else unlike_their_tracks(self.lib) | self.changed_albums
        for album in self.albums("id", lambda key: force or key in behind):
            tracks = map(self.as_pretended, album.items())
            plan = self.track_classifier.plan_album(album, tracks)
            if plan is not None and (pretend or set_album_genres(album, plan)):
                self.show_album(album, plan)

    def as_pretended(self, item: Item) -> Item:
        """A track as it would be after the run; nothing is stored."""
        if item.id in self.pretended:
            plan, probabilities = self.pretended[item.id]
            item["cnngenre_model"] = self.track_classifier.bundle_id
            item["cnngenre_all"] = as_entries(probabilities)
            if plan.action is Action.WRITE:
                set_genres(item, plan)
        return item


def found_genres(items: Tracks) -> str:
    """How many tracks have genres; empty if none has genres that `cnncompare` would compare."""
    from genre_model.core.text import count

    n = items.count_with_genres()
    users = chosen(items, "cnngenre_written", lambda now, ours: bool(now) and now != ours)
    if not users:
        return ""
    has = f"{count(n, 'track')} {'has' if n == 1 else 'have'} genres"
    ours = f", {n - len(users):,} of them from the plugin" if n > len(users) else ""
    do = "does" if len(items) - n == 1 else "do"
    return f"{has}{ours}; {len(items) - n:,} {do} not; to compare: beet cnncompare"
