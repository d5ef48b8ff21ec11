"""A run over tracks: progress, a line for each change, counts, a journal, a summary."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from beets.library import Album, Item, Library

from beetsplug.cnngenre.console import EarlyBar, NoBar, conclude, progress, say, uninterrupted
from beetsplug.cnngenre.library import Tracks, album_name, rows_of, track_name
from beetsplug.cnngenre.session import Session
from beetsplug.cnngenre.tagging.journal import Journal, PassedOver
from beetsplug.cnngenre.tagging.plan import Action, TagPlan

if TYPE_CHECKING:
    from beetsplug.cnngenre.console import Bar

# Up to N_TOGETHER tracks that come within TOGETHER_S seconds are stored in one transaction, because
# each transaction waits for the disk.
N_TOGETHER, TOGETHER_S = 50, 0.1
NO_GENRE = "no genre"


@dataclass(frozen=True, slots=True)
class Step:
    """What to do with a track; ``do`` returns no plan for a track that is skipped."""

    do: Callable[[], tuple[Item, TagPlan | None]]
    writes_file: bool


class Run:
    """What the runs that change tracks have in common: progress, lines, counts, a summary."""

    words: Mapping[Action, str]  # the word for each action in the summary and in the journal
    nothing = NO_GENRE

    def __init__(self, session: Session, lib: Library) -> None:
        self.session = session
        self.log, self.options = session.log, session.options
        self.lib = lib
        self.counts: Counter[Action] = Counter()
        self.tracks = Tracks(lib, ())
        self.early = EarlyBar(NoBar())

    def run(self, items: Tracks) -> None:
        """Process the tracks.  If the run is interrupted, what it has done is kept."""
        start = time.monotonic()
        self.tracks = items
        journal = None if self.options.pretend else self.journal()
        whole = False
        try:
            with progress(len(items), quiet=self.options.quiet) as bar:
                self.early = EarlyBar(bar)
                left = self.pass_over(items, journal, bar)
                for steps in together(self.steps(left)):
                    with uninterrupted():
                        done = self.take(steps)
                        for item, plan in done:
                            self.note(item, plan, journal)
                    for item, plan in done:
                        if plan is not None:
                            self.show(item, plan, bar)
                        self.early.done()
            self.finish()
            whole = True
        finally:
            if journal is not None:
                journal.end(whole=whole)
            if whole or self.counts or self.early.n_ahead:
                self.summarise(time.monotonic() - start, whole=whole)

    def note(self, item: Item, plan: TagPlan | None, journal: Journal | None) -> None:
        """Count what was done with a track, and add it to the journal."""
        if plan is not None:
            self.counts[plan.action] += 1
            if journal is not None:
                journal.add(item, plan)

    def take(self, steps: Sequence[Step]) -> list[tuple[Item, TagPlan | None]]:
        """Carry out steps, in one transaction if none of them writes a file.

        A transaction would lock the library for others while the file is written.
        """
        if any(step.writes_file for step in steps):
            return [step.do() for step in steps]
        with self.lib.transaction():
            return [step.do() for step in steps]

    def journal(self) -> Journal | None:
        """The journal of the run; None for what is not about genres."""
        return None

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
        """Count tracks for which there is nothing to do, and add them to the journal."""
        with uninterrupted():
            self.counts[action] += len(tracks)
            if journal is not None:
                journal.add_passed_over(action, tracks)
        bar.update(len(tracks))

    def albums(self, column: str = "1", fits: Callable[[Any], bool] = bool) -> Iterator[Album]:
        """The current albums of the tracks for which a column, or SQL expression, fits."""
        of_tracks = chain.from_iterable(self.tracks.rows("album_id"))
        ids = dict.fromkeys(key for (key,) in of_tracks if key is not None)
        found = chain.from_iterable(rows_of(self.lib, f"SELECT id, {column} FROM albums", [*ids]))
        for album_id in [key for key, value in found if fits(value)]:
            album = self.lib.get_album(album_id)
            if album is not None:
                yield album

    def steps(self, items: Iterable[Item]) -> Iterator[Step]:
        """The steps for the tracks, one after the other."""
        raise NotImplementedError

    def finish(self) -> None:
        """Do, or with ``pretend`` show, what is left when all tracks are done."""

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
        """Print the summary, the last line of the run."""
        from genre_model.core.text import clock

        counts = ", ".join(f"{word} {self.counts[action]}" for action, word in self.words.items())
        state = "" if whole else "interrupted: "
        mode = "pretended: " if self.options.pretend else ""
        conclude(f"{state}{mode}{counts} in {clock(seconds)}{self.what_next()}", self.log)

    def what_next(self) -> str:
        """What the user can do next, for the end of the summary."""
        return ""


def change_of(plan: TagPlan, nothing: str) -> str:
    """The genres before and after; only once if they are equal, and only the file has others."""
    if plan.before == plan.after:
        return "; ".join(plan.after) or nothing
    return " -> ".join("; ".join(genres) or nothing for genres in (plan.before, plan.after))


def together(steps: Iterable[Step]) -> Iterator[list[Step]]:
    """Yield steps in groups that can each be one transaction; none is lost on an interrupt.

    Steps do not wait for a track whose features are still being extracted, except for those that
    came right before it.  A step that writes a file is a group of its own: the next step may come
    much later, and the library must be updated together with the file.
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
