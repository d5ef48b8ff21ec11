"""Over the tracks of a query: hear, decide, write, count; or take it back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from beets.library import Album, Item, Library

from beetsplug.cnngenre.classify.classifier import TrackClassifier, Verdict
from beetsplug.cnngenre.config import GENRES
from beetsplug.cnngenre.console import conclude, progress, say, uninterrupted
from beetsplug.cnngenre.library import Tracks, current, unedited
from beetsplug.cnngenre.tagging.apply import (
    apply,
    apply_field,
    undo,
    would_write_missing,
    write_missing,
)
from beetsplug.cnngenre.tagging.fields import genres_of, is_ours, note
from beetsplug.cnngenre.tagging.journal import Journal, begin, ended
from beetsplug.cnngenre.tagging.plan import Action, TagPlan, kept_meanwhile, plan_undo

if TYPE_CHECKING:
    from tqdm import tqdm

    from beetsplug.cnngenre.session import Session


# So many tracks, that come within so long, are stored in one transaction: each waits for the disk.
N_TOGETHER, TOGETHER_S = 50, 0.1


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done with a track; there is no plan for one that is passed over."""

    do: Callable[[], tuple[Item, TagPlan | None]]
    writes_file: bool


class Run:
    """What tagging and taking back have in common: progress, lines, counts, a summary."""

    words: Mapping[Action, str]

    def __init__(self, session: Session, lib: Library) -> None:
        self.session = session
        self.log, self.options = session.log, session.options
        self.lib = lib
        self.counts: Counter[Action] = Counter()
        self.album_ids: dict[int, None] = {}

    def run(self, items: Tracks) -> None:
        """Go over the tracks.  What is done stays done when it is interrupted."""
        start = time.monotonic()
        whole = False
        try:
            with self.kept() as keep:
                with progress(len(items), quiet=self.options.quiet) as bar:
                    for steps in together(self.steps(self.noting_albums(items))):
                        with uninterrupted():
                            done = self.take(steps)
                            for item, plan in done:
                                if plan is not None:
                                    self.counts[plan.action] += 1
                                    keep(item, plan)
                        for item, plan in done:
                            if plan is not None:
                                self.show(item, plan, bar)
                            bar.update()
                if not self.options.pretend:
                    self.finish()
            whole = True
        finally:
            if whole or self.counts:
                self.summarise(time.monotonic() - start, whole=whole)

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
    def kept(self) -> Iterator[Callable[[Item, TagPlan], None]]:
        """A function that notes in the run's journal what became of a track."""
        if self.options.pretend:
            yield lambda _item, _plan: None
            return
        with ended(self.journal()) as journal:
            yield journal.add

    def noting_albums(self, items: Iterable[Item]) -> Iterator[Item]:
        """The tracks; which albums they belong to is kept."""
        for item in items:
            if item.album_id is not None:
                self.album_ids[item.album_id] = None
            yield item

    def albums(self) -> Iterator[Album]:
        """The albums of the tracks, as they are now."""
        for album_id in self.album_ids:
            album = self.lib.get_album(album_id)
            if album is not None:
                yield album

    def steps(self, items: Iterable[Item]) -> Iterator[Step]:
        """What is to be done, track after track."""
        raise NotImplementedError

    def finish(self) -> None:
        """Do what is left when all tracks are done."""
        raise NotImplementedError

    def show(self, item: Item, plan: TagPlan, bar: tqdm[Any]) -> None:
        """Print what was, or would be, done to a track."""
        if self.options.quiet and plan.action is not Action.FAIL:
            return
        if plan.action in (Action.KEEP, Action.UNSURE) and not self.options.pretend:
            self.log.debug("{}: {} ({})", item, plan.action.value, plan.reason)
            return
        with bar.external_write_mode():
            if plan.action is Action.FAIL:
                self.log.warning("{}: {}", item, plan.reason)
            elif plan.action is Action.WRITE:
                change = f"{'; '.join(plan.before) or '-'} -> {'; '.join(plan.after) or '-'}"
                say(f"{item}: {change} ({plan.reason})")
            else:
                say(f"{item}: {plan.action.value} ({plan.reason})")

    def summarise(self, seconds: float, *, whole: bool) -> None:
        """The one line at the end."""
        counts = ", ".join(f"{word} {self.counts[action]}" for action, word in self.words.items())
        minutes, rest = divmod(round(seconds), 60)
        state = "" if whole else "interrupted: "
        mode = "pretended: " if self.options.pretend else ""
        conclude(f"{state}{mode}{counts} in {minutes}:{rest:02d}", self.log)


class Tag(Run):
    """Hear, decide, write."""

    words: Mapping[Action, str] = {action: action.value for action in Action}

    def __init__(self, session: Session, lib: Library) -> None:
        super().__init__(session, lib)
        self.track_classifier = TrackClassifier(session, lib)

    def journal(self) -> Journal:
        """Where what was done is kept."""
        track_classifier = self.track_classifier
        return begin(self.session, "cnngenre", track_classifier.bundle_id, track_classifier.target)

    def steps(self, items: Iterable[Item]) -> Iterator[Step]:
        """The verdicts, carried out in this thread, the only one that writes."""
        for verdict in self.track_classifier.verdicts(items):
            writes_file = verdict.plan.action is Action.WRITE or self.is_missing(verdict)
            yield Step(partial(self.carry_out, verdict), self.options.write and writes_file)

    def is_missing(self, verdict: Verdict) -> bool:
        """Whether a track keeps genres of ours that its file may lack, as after an as-is import."""
        item = verdict.item
        kept = verdict.plan.action is Action.KEEP and self.track_classifier.target == GENRES
        return kept and item.mtime == 0 and is_ours(item)

    def carry_out(self, verdict: Verdict) -> tuple[Item, TagPlan]:
        """Do what a verdict says with the track as it is now: hearing it may have taken long."""
        plan, song, target = verdict.plan, verdict.song, self.track_classifier.target
        if self.options.write and self.is_missing(verdict):
            return self.complete(verdict)
        if self.options.pretend or song is None or verdict.probabilities is None:
            return verdict.item, plan
        item = verdict.item
        if plan.action is Action.WRITE:  # other plans are stored, or not, with one look
            now = unedited(item, genres_of(item))
            if now is None:
                return item, kept_meanwhile(plan)
            item = now
        if target != GENRES:
            apply_field(item, target, song, plan)
            return item, plan
        new = note(item, song, verdict.probabilities, self.track_classifier.bundle_id)
        if new or plan.action is Action.WRITE:
            plan = apply(item, plan, write=self.options.write)
        return item, plan

    def complete(self, verdict: Verdict) -> tuple[Item, TagPlan]:
        """Write to a file what only the library has."""
        plan = verdict.plan
        now = unedited(verdict.item, genres_of(verdict.item))
        if now is None:
            return verdict.item, kept_meanwhile(plan)
        if self.options.pretend:
            return now, would_write_missing(now) or plan
        if verdict.song is not None and verdict.probabilities is not None:
            note(now, verdict.song, verdict.probabilities, self.track_classifier.bundle_id)
        return now, write_missing(now) or apply(now, plan, write=False)

    def finish(self) -> None:
        """Albums without genres get that of their tracks."""
        if not self.options.album_genre or self.track_classifier.target != GENRES:
            return
        from beetsplug.cnngenre.tagging.albums import set_album_genres

        track_classifier = self.track_classifier
        for album in self.albums():
            set_album_genres(
                album,
                track_classifier.vocabulary,
                track_classifier.policy,
                track_classifier.bundle_id,
                force=self.options.force,
            )


class Undo(Run):
    """Give tracks back what they had, unless somebody has edited their genres since."""

    words: Mapping[Action, str] = {
        Action.WRITE: "restored",
        Action.KEEP: "kept",
        Action.FAIL: "failed",
    }

    def journal(self) -> Journal:
        """Where what was done is kept."""
        return begin(self.session, "undo")

    def steps(self, items: Iterable[Item]) -> Iterator[Step]:
        """Tracks that we never touched are passed over."""
        for loaded in items:
            yield Step(partial(self.take_back, loaded), self.options.write)

    def take_back(self, loaded: Item) -> tuple[Item, TagPlan | None]:
        """Undo what was done to the track, as it is now."""
        plan = plan_undo(loaded)
        if plan is None or self.options.pretend:
            return loaded, plan
        item = current(loaded)
        if item is None:
            return loaded, kept_meanwhile(plan)
        plan = plan_undo(item)
        return item, plan and undo(item, plan, write=self.options.write)

    def finish(self) -> None:
        """The same for their albums."""
        from beetsplug.cnngenre.tagging.albums import undo_album

        for album in self.albums():
            undo_album(album)


def together(steps: Iterable[Step]) -> Iterator[list[Step]]:
    """Steps in groups, each of which can be taken in one transaction; all that came come out.

    Nothing waits for a track that has yet to be heard, except for what came right before it.  A
    file's step is alone: the next one may be long in coming, and what the file has by then, the
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
