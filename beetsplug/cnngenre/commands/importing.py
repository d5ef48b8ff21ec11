"""The import stage: fill in the genres of what is being imported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import confuse
from beets.importer import Action as Choice

from beetsplug.cnngenre.classify.classifier import TrackClassifier, Verdict
from beetsplug.cnngenre.classify.to_review import ToReview
from beetsplug.cnngenre.classify.upcoming import Upcoming
from beetsplug.cnngenre.config import GENRES, UserError
from beetsplug.cnngenre.console import say
from beetsplug.cnngenre.library import album_name, track_name, unedited
from beetsplug.cnngenre.setup import Setup
from beetsplug.cnngenre.tagging.albums import note_copied
from beetsplug.cnngenre.tagging.apply import (
    apply_field,
    apply_in_library,
    would_write_missing,
    write_missing,
)
from beetsplug.cnngenre.tagging.fields import genres_of, is_ours, note
from beetsplug.cnngenre.tagging.file.safe_write import NotWrittenError
from beetsplug.cnngenre.tagging.file_state import OutsideError
from beetsplug.cnngenre.tagging.journal import Journal, begin
from beetsplug.cnngenre.tagging.mood_tag import (
    has_our_moods,
    only_library_has_moods,
    write_missing_moods,
)
from beetsplug.cnngenre.tagging.plan import TAGGING, Action, TagPlan
from genre_model.core.errors import GenreModelError

if TYPE_CHECKING:
    from beets.importer import ImportSession, ImportTask
    from beets.library import Item, Library

    from beetsplug.cnngenre.beyond_genres.shipped_features import ShippedExtractor
    from beetsplug.cnngenre.config import Options
    from beetsplug.cnngenre.session import Session

N_NAMED = 4


@dataclass(frozen=True, slots=True)
class Prepared:
    """The session, model and journal of an import, made at its first task."""

    session: Session
    track_classifier: TrackClassifier
    journal: Journal


class RunningImport:
    """One import, with one model; if the model cannot be used, it goes on without genres."""

    def __init__(self, setup: Setup) -> None:
        self._setup, self._log = setup, setup.log
        self._prepared: Prepared | None = None
        self._goes_without = False
        self._upcoming = Upcoming()
        self._counts = Counter[Action]()
        self._n_comparable = 0  # kept tracks whose genres are not from here
        self._to_review = ToReview()
        self._mood_extractor: ShippedExtractor | None = None
        # Ids of tracks whose files are not in place yet -> whether their genres were set here.
        self._unplaced: dict[int, bool] = {}
        # Ids of tracks with our genres whose files beets did not write -> whether to tell the user.
        self._left: dict[int, bool] = {}
        self._moods_left = set[int]()  # ids of tracks with our moods, as above

    def found(self, task: ImportTask) -> None:
        """The importer has found a task, which it processes later unless the task is skipped."""
        if not self._goes_without:
            self._upcoming.add(task.items)

    def imported(self, session: ImportSession, task: ImportTask) -> None:
        """Classify the task's tracks and set their genres in the database.

        The importer writes them to the files later, if it writes tags at all.
        """
        if self._goes_without:
            return
        with self._or_without_genres():
            if self._prepared is None:
                self._prepared = self._prepare(session.lib)
            self._classify(task, self._prepared, beets_writes=writes_tags(session, task))

    def _prepare(self, lib: Library) -> Prepared:
        """The options, the model and the journal of this import.

        Raises:
            GenreModelError, UserError, confuse.ConfigError: The model or an option cannot be used.
        """
        session = self._setup.session()
        track_classifier = TrackClassifier(session, lib, lasting=True, upcoming=self._upcoming)
        bundle_id, target = track_classifier.bundle_id, track_classifier.target
        journal = begin(session, "import", TAGGING, bundle_id, target)
        return Prepared(session, track_classifier, journal)

    def _classify(self, task: ImportTask, prepared: Prepared, *, beets_writes: bool) -> None:
        """Classify the task's tracks and set their genres in the database.

        Raises:
            GenreModelError, UserError: The rest of the import has to go on without genres.
        """
        track_classifier, options = prepared.track_classifier, prepared.session.options
        self._upcoming.reached(task.imported_items())
        done: list[tuple[Verdict, TagPlan]] = []
        for verdict in track_classifier.verdicts(task.imported_items()):
            plan = self._take(verdict, track_classifier.target, beets_writes=beets_writes)
            prepared.journal.add(verdict.item, plan)
            self._count(verdict.item, plan, track_classifier.target)
            done.append((verdict, plan))
        if not options.quiet and any(plan.action is not Action.KEEP for _, plan in done):
            say(f"{name_of(task)}: {outcome(done)}")
        if task.is_album and track_classifier.target == GENRES:
            note_copied(task.album)
            if options.album_genre:
                track_classifier.set_album_genres(task.album)
        if options.moods:
            self._give_moods(task, prepared.session)

    def _count(self, item: Item, plan: TagPlan, target: str) -> None:
        """Count a track for the summary, and note that its file is not in place yet."""
        self._counts[plan.action] += 1
        is_kept = plan.action is Action.KEEP and target == GENRES
        self._n_comparable += is_kept and not is_ours(item)
        self._unplaced[item.id or 0] = plan.action is Action.WRITE and target == GENRES

    def _give_moods(self, task: ImportTask, session: Session) -> None:
        """Set the moods of the task's tracks in the database.

        Raises:
            GenreModelError: The network cannot be used.
        """
        from beetsplug.cnngenre.beyond_genres.moods import give_moods
        from beetsplug.cnngenre.beyond_genres.shipped_features import ShippedExtractor

        if self._mood_extractor is None:
            self._mood_extractor = ShippedExtractor(session, session.options.threads)
        give_moods(session, self._mood_extractor, task.imported_items())

    def _take(self, verdict: Verdict, target: str, *, beets_writes: bool) -> TagPlan:
        """Carry out a verdict on an imported track in the database; returns what was done."""
        item, plan = verdict.item, verdict.plan
        self._log.info("{}: {} ({})", track_name(item), TAGGING[plan.action], plan.reason)
        if plan.action is Action.FAIL:
            self._log.warning("{}: {}", track_name(item), plan.reason)
        if verdict.found is None:
            return plan
        if target != GENRES:
            apply_field(item, target, verdict.found.song, plan)
            return plan
        self._to_review.add(verdict)
        note(item, verdict.found)
        return apply_in_library(item, plan, beets_writes=beets_writes)

    def files_are_in_place(self, session: ImportSession, task: ImportTask) -> None:
        """Write the tags of as-is imports, if the user wants that; note other unwritten tracks.

        For a match, beets itself writes the genres with the other tags, whatever our ``write`` is.
        """
        if self._prepared is None or (self._goes_without and not self._unplaced):
            return
        options = self._prepared.session.options
        is_written = writes_tags(session, task)
        to_write = options.write and options.write_asis and task.choice_flag is Choice.ASIS
        with self._or_without_genres():
            for item in task.imported_items():
                tagged = self._unplaced.pop(item.id or 0, False)
                if to_write:
                    self._write(item, tagged=tagged, moods_tag=options.moods_tag)
                elif not is_written:
                    self._leave(item, tagged=tagged, options=options)

    def _leave(self, item: Item, *, tagged: bool, options: Options) -> None:
        """Note a track whose file may lack what we set in the library."""
        if is_ours(item):
            self._left[item.id or 0] = tagged and options.write
        if options.write and options.moods_tag and has_our_moods(item, options.moods_tag):
            self._moods_left.add(item.id or 0)

    def _write(self, item: Item, *, tagged: bool, moods_tag: str | None) -> None:
        """Write a track's genres, if they are from this or an earlier import, and its moods."""
        now = unedited(item, genres_of(item))
        if now is None:
            return
        plan = write_missing(now) if tagged or is_ours(now) else None
        if plan is not None and plan.action is Action.FAIL:
            self._log.warning("{}: {}", track_name(item), plan.reason)
        elif moods_tag is not None:
            try:
                write_missing_moods(now, moods_tag)
            except (NotWrittenError, OutsideError) as error:
                self._log.warning("{}: {}", track_name(item), error)
        item.load()

    def end(self, lib: Library) -> None:
        """End the import; the last line says what to do next."""
        n_unwritten = sum(self._remains_unwritten(lib.get_item(key)) for key in self._left)
        self.close(whole=not (self._goes_without or self._unplaced))
        if self._prepared is not None and self._counts and not self._prepared.session.options.quiet:
            counts = ", ".join(
                f"{word} {self._counts[action]}"
                for action, word in TAGGING.items()
                if self._counts[action]
            )
            target = self._prepared.track_classifier.target
            items = filter(None, map(lib.get_item, self._moods_left))
            n_moods = sum(map(only_library_has_moods, items))
            say("; ".join([f"{target}: {counts}", *self._next_steps(n_unwritten, n_moods)]))

    def _next_steps(self, n_unwritten: int, n_moods: int) -> list[str]:
        """What to do after the import."""
        n_unplaced = len(self._unplaced)  # beets moves no more files after an aBort
        steps = {
            f"{n_unplaced} not imported to the end: import them again": n_unplaced,
            f"{n_unwritten} in the library only: beet cnngenre writes the files": n_unwritten,
            f"moods of {n_moods} in the library only: beet cnnmoods writes them": n_moods,
            f"{self._to_review.command} asks about the unsure": self._to_review.n_tracks,
            "beet cnncompare compares those that were tagged already": self._n_comparable,
        }
        return [step for step, n in steps.items() if n]

    def _remains_unwritten(self, item: Item | None) -> bool:
        """Whether to tell the user that a file lacks our genres; makes later runs check the file.

        Other plugins may have written all tags since, as scrub and embedart do in imports.  Later
        runs leave a file alone that was changed outside beets, so its time stays.
        """
        plan = would_write_missing(item) if item is not None and is_ours(item) else None
        if item is None or plan is None or plan.action is not Action.WRITE:
            return False
        if item.mtime != 0:  # importadded may have set it, and later runs would skip the file
            item.mtime = 0
            item.store(["mtime"])
        return self._left[item.id or 0]

    def close(self, *, whole: bool) -> None:
        """End the workers and the journal."""
        if self._mood_extractor is not None:
            self._mood_extractor.close()
            self._mood_extractor = None
        if self._prepared is not None:
            self._prepared.track_classifier.close()
            self._prepared.journal.end(whole=whole)

    @contextmanager
    def _or_without_genres(self) -> Iterator[None]:
        """If something cannot be used, let the import go on without genres, after one warning."""
        try:
            yield
        except (GenreModelError, UserError, confuse.ConfigError) as error:
            if not self._goes_without:
                more = "more " if self._counts else ""
                self._log.warning("no {}genres in this import: {}", more, error)
            self._goes_without = True
            self.close(whole=False)


def writes_tags(session: ImportSession, task: ImportTask) -> bool:
    """Whether beets itself writes the tags of a task's tracks."""
    matched = task.apply or task.choice_flag is Choice.RETAG
    return matched and bool(session.config["write"].get(bool))


def name_of(task: ImportTask) -> str:
    """What was imported: an album, or a track."""
    if not task.is_album:
        return track_name(next(iter(task.imported_items())))
    return album_name(task.album)


def outcome(done: Sequence[tuple[Verdict, TagPlan]]) -> str:
    """What became of the tracks of an album: the genres given, and counts of the other tracks."""
    given = Counter(g for _, plan in done if plan.action is Action.WRITE for g in plan.after)
    guesses = Counter(
        verdict.found.song.guess
        for verdict, plan in done
        if plan.action is Action.UNSURE and verdict.found is not None and verdict.found.song.guess
    )
    counts = Counter(plan.action for _, plan in done)
    parts = [counted(given)] if given else []
    for action in (Action.KEEP, Action.UNSURE, Action.FAIL):
        if counts[action]:
            guess = f" (perhaps {counted(guesses)})" if action is Action.UNSURE and guesses else ""
            parts.append(f"{TAGGING[action]} {counts[action]}{guess}")
    return ", ".join(parts)


def counted(names: Counter[str]) -> str:
    """The commonest names, with their counts if they occur more than once."""
    commonest = names.most_common(N_NAMED)
    found = [f"{name} {n}" if n > 1 else name for name, n in commonest]
    return ", ".join([*found, *(["..."] if len(names) > N_NAMED else [])])
