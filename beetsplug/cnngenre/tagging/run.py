"""A run over tracks: progress, a line for each change, counts, a journal, a summary."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from beets.library import Album, Item, Library

from beetsplug.cnngenre.console import conclude, progress, say, uninterrupted
from beetsplug.cnngenre.library import Tracks, album_name, rows_of, track_name
from beetsplug.cnngenre.session import Session
from beetsplug.cnngenre.tagging.journal import Journal, PassedOver, ended
from beetsplug.cnngenre.tagging.plan import Action, TagPlan

if TYPE_CHECKING:
    from beetsplug.cnngenre.console import Bar

# So many tracks, that come within so long, are stored in one transaction: each waits for the disk.
N_TOGETHER, TOGETHER_S = 50, 0.1
NO_GENRE = "no genre"


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done with a track; there is no plan for one that is passed over."""

    do: Callable[[], tuple[Item, TagPlan | None]]
    writes_file: bool


class Run:
    """What tagging and taking back have in common: progress, lines, counts, a summary."""

    words: Mapping[Action, str]  # for what becomes of tracks: in the summary, and in the journal
    nothing = NO_GENRE

    def __init__(self, session: Session, lib: Library) -> None:
        self.session = session
        self.log, self.options = session.log, session.options
        self.lib = lib
        self.counts: Counter[Action] = Counter()
        self.tracks = Tracks(lib, ())

    def run(self, items: Tracks) -> None:
        """Go over the tracks.  What is done stays done when it is interrupted."""
        start = time.monotonic()
        self.tracks = items
        whole = False
        try:
            with self.kept() as journal:
                with progress(len(items), quiet=self.options.quiet) as bar:
                    left = self.pass_over(items, journal, bar)
                    for steps in together(self.steps(left)):
                        with uninterrupted():
                            done = self.take(steps)
                            for item, plan in done:
                                self.note(item, plan, journal)
                        for item, plan in done:
                            if plan is not None:
                                self.show(item, plan, bar)
                            bar.update()
                self.finish()
            whole = True
        finally:
            if whole or self.counts:
                self.summarise(time.monotonic() - start, whole=whole)

    def note(self, item: Item, plan: TagPlan | None, journal: Journal | None) -> None:
        """Count what became of a track, and keep it in the journal."""
        if plan is not None:
            self.counts[plan.action] += 1
            if journal is not None:
                journal.add(item, plan)

    def take(self, steps: Sequence[Step]) -> list[tuple[Item, TagPlan | None]]:
        """Take steps; the library is not locked for others while a file is written."""
        if any(step.writes_file for step in steps):
            return [step.do() for step in steps]
        with self.lib.transaction():
            return [step.do() for step in steps]

    def journal(self) -> Journal:
        """Where what was done is kept."""
        raise NotImplementedError

    @contextmanager
    def kept(self) -> Iterator[Journal | None]:
        """The run's journal, where it has one."""
        if self.options.pretend:
            yield None
            return
        with ended(self.journal()) as journal:
            yield journal

    def pass_over(self, items: Tracks, _journal: Journal | None, _bar: Bar) -> Tracks:
        """Count the tracks that SQLite shows need nothing, and return the others."""
        return items

    def pass_over_all(
        self,
        action: Action,
        tracks: Sequence[PassedOver],
        journal: Journal | None,
        bar: Bar,
    ) -> None:
        """Count and note tracks that nothing is done to."""
        with uninterrupted():
            self.counts[action] += len(tracks)
            if journal is not None:
                journal.add_passed_over(action, tracks)
        bar.update(len(tracks))

    def albums(self, column: str = "1", fits: Callable[[Any], bool] = bool) -> Iterator[Album]:
        """The albums of the tracks, as they are now; those whose column, or SQL term, fits."""
        of_tracks = chain.from_iterable(self.tracks.rows("album_id"))
        ids = dict.fromkeys(key for (key,) in of_tracks if key is not None)
        found = chain.from_iterable(rows_of(self.lib, f"SELECT id, {column} FROM albums", [*ids]))
        for album_id in [key for key, value in found if fits(value)]:
            album = self.lib.get_album(album_id)
            if album is not None:
                yield album

    def steps(self, items: Iterable[Item]) -> Iterator[Step]:
        """What is to be done, track after track."""
        raise NotImplementedError

    def finish(self) -> None:
        """Do, or with ``pretend`` show, what is left when all tracks are done."""
        raise NotImplementedError

    def show(self, item: Item, plan: TagPlan, bar: Bar) -> None:
        """Print what was, or would be, done to a track."""
        if self.options.quiet and plan.action is not Action.FAIL:
            return
        name = track_name(item)
        muted = plan.action is Action.UNSURE and not self.options.pretend
        if plan.action is Action.KEEP or muted:
            self.log.debug("{}: {} ({})", name, self.words[plan.action], plan.reason)
            return
        with bar.external_write_mode():
            if plan.action is Action.FAIL:
                self.log.warning("{}: {}", name, plan.reason)
            elif plan.action is Action.WRITE:
                say(f"{name}: {change_of(plan, self.nothing)} ({plan.reason})")
            else:
                say(f"{name}: {self.words[plan.action]} ({plan.reason})")

    def show_album(self, album: Album, plan: TagPlan) -> None:
        """Print what was, or would be, done to an album."""
        if not self.options.quiet:
            say(f"album {album_name(album)}: {change_of(plan, self.nothing)} ({plan.reason})")

    def summarise(self, seconds: float, *, whole: bool) -> None:
        """The one line at the end."""
        from genre_model.core.text import clock

        counts = ", ".join(f"{word} {self.counts[action]}" for action, word in self.words.items())
        state = "" if whole else "interrupted: "
        mode = "pretended: " if self.options.pretend else ""
        conclude(f"{state}{mode}{counts} in {clock(seconds)}{self.what_next()}", self.log)

    def what_next(self) -> str:
        """What the user can do now, at the end of the last line."""
        return ""


def change_of(plan: TagPlan, nothing: str) -> str:
    """The genres before and after; only once where they are the same, and the file has others."""
    if plan.before == plan.after:
        return "; ".join(plan.after) or nothing
    return " -> ".join("; ".join(genres) or nothing for genres in (plan.before, plan.after))


def together(steps: Iterable[Step]) -> Iterator[list[Step]]:
    """Steps in groups, each of which can be one transaction; all that have come are returned.

    Nothing waits for a track that is still being extracted, except for what came right before it.
    A file's step is alone: the next one may be long in coming, and what the file has by then, the
    library is to have too.
    """
    waiting: list[Step] = []
    since = time.monotonic()
    try:
        for step in steps:
            if not step.writes_file:
                waiting.append(step)
                if len(waiting) < N_TOGETHER and time.monotonic() - since < TOGETHER_S:
                    continue
            if waiting:
                ready, waiting = waiting, []
                yield ready
            if step.writes_file:
                yield [step]
            since = time.monotonic()
    finally:  # interrupted, or the model turned out to be unusable
        if waiting:
            yield waiting
