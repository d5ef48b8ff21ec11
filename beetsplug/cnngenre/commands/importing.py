"""The import stage: fill in the genres of what is being imported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import confuse
from beets.importer import Action as Choice

from beetsplug.cnngenre.classify.classifier import TrackClassifier, Verdict
from beetsplug.cnngenre.classify.upcoming import Upcoming
from beetsplug.cnngenre.config import GENRES, UserError
from beetsplug.cnngenre.console import say
from beetsplug.cnngenre.library import album_name, track_name, unedited
from beetsplug.cnngenre.setup import Setup
from beetsplug.cnngenre.tagging.albums import note_copied
from beetsplug.cnngenre.tagging.apply import apply_field, apply_in_library, write_missing
from beetsplug.cnngenre.tagging.fields import genres_of, is_ours, note
from beetsplug.cnngenre.tagging.file.safe_write import NotWrittenError
from beetsplug.cnngenre.tagging.file_state import OutsideError
from beetsplug.cnngenre.tagging.journal import Journal, begin
from beetsplug.cnngenre.tagging.mood_tag import write_missing_moods
from beetsplug.cnngenre.tagging.plan import TAGGING, Action, TagPlan

if TYPE_CHECKING:
    from beets.importer import ImportSession, ImportTask
    from beets.library import Album, Item, Library

    from beetsplug.cnngenre.config import Options
    from beetsplug.cnngenre.session import Session

N_NAMED = 4


class ImportStage:
    """One model for the whole import; where it cannot be used, the import goes on without."""

    def __init__(self, setup: Setup) -> None:
        self._setup, self._log = setup, setup.log
        self._track_classifier: tuple[TrackClassifier, Session] | None = None
        self._disabled = False
        self._journal: Journal | None = None
        self._tagged: set[int | None] = set()
        self._counts = Counter[Action]()
        self._n_unwritten = 0  # tagged in the library, while their files are not
        self._not_in_step: list[int] = []  # tracks whose files beets has left as they were
        self._upcoming = Upcoming()

    def found(self, task: ImportTask) -> None:
        """The importer will come to a task, sooner or later, unless it is skipped."""
        if not self._disabled:
            self._upcoming.add(task.items)

    def imported(self, session: ImportSession, task: ImportTask) -> None:
        """Classify the task's tracks and set their genres in the database.

        The importer writes them to the files later, where it writes tags at all.
        """
        prepared = self._prepared(session.lib)
        if prepared is None:
            return
        track_classifier, ours = prepared
        options = ours.options
        if self._journal is None:
            self._journal = begin(
                ours, "import", TAGGING, track_classifier.bundle_id, track_classifier.target
            )
        self._upcoming.reached(task.imported_items())
        try:
            done: list[tuple[Verdict, TagPlan]] = []
            for verdict in track_classifier.verdicts(task.imported_items()):
                plan = self._take(verdict, track_classifier)
                self._journal.add(verdict.item, plan)
                self._counts[plan.action] += 1
                done.append((verdict, plan))
        except UserError as error:
            self._disable(error)
            return
        if not options.quiet and any(plan.action is not Action.KEEP for _, plan in done):
            say(f"{name_of(task)}: {outcome(done)}")
        if options.moods:
            self._give_moods(ours, task)
        if task.is_album and track_classifier.target == GENRES:
            self._set_album_genres(task.album, track_classifier, options)

    def _set_album_genres(
        self, album: Album, track_classifier: TrackClassifier, options: Options
    ) -> None:
        """An album without genres of its own gets that of its tracks, where that is wanted."""
        note_copied(album)
        if options.album_genre:
            track_classifier.set_album_genres(album)

    def _give_moods(self, session: Session, task: ImportTask) -> None:
        """The task's tracks get their moods, in the library."""
        from beetsplug.cnngenre.beyond_genres.moods import give_moods

        try:
            give_moods(session, task.imported_items())
        except UserError as error:
            self._disable(error)

    def _take(self, verdict: Verdict, track_classifier: TrackClassifier) -> TagPlan:
        """Do in the database what a verdict says of an imported track; what became of that."""
        item, plan = verdict.item, verdict.plan
        self._log.info("{}: {} ({})", track_name(item), TAGGING[plan.action], plan.reason)
        if plan.action is Action.FAIL:
            self._log.warning("{}: {}", track_name(item), plan.reason)
        if verdict.song is None or verdict.probabilities is None:
            return plan
        if track_classifier.target != GENRES:
            apply_field(item, track_classifier.target, verdict.song, plan)
            return plan
        note(item, verdict.song, verdict.probabilities, track_classifier.bundle_id, verdict.tags)
        plan = apply_in_library(item, plan)
        if plan.action is Action.WRITE:
            self._tagged.add(item.id)
        return plan

    def end(self, lib: Library) -> None:
        """The import's workers end, and its journal; the last line says what to do next."""
        for item in map(lib.get_item, self._not_in_step):
            # beets' plugin importadded may have set it since: later runs would pass the file over.
            if item is not None and item.mtime != 0 and is_ours(item):
                item.mtime = 0
                item.store(["mtime"])
        if self._track_classifier is not None:
            self._track_classifier[0].close()
            if self._counts and not self._track_classifier[1].options.quiet:
                say(f"genres: {summary(self._counts, self._n_unwritten)}")
        if self._journal is not None:
            self._journal.end(whole=not self._disabled)
            self._journal = None

    def files_are_in_place(self, task: ImportTask) -> None:
        """Write what an as-is import got, which beets itself leaves unwritten, if asked to."""
        if self._disabled and not self._tagged:  # the configuration may be what is wrong
            return
        known = self._track_classifier
        options = (known[1] if known is not None else self._setup.session()).options
        as_is = task.choice_flag is Choice.ASIS and options.write
        for item in task.imported_items():
            tagged = item.id in self._tagged
            self._tagged.discard(item.id)
            if as_is and not options.write_asis:
                self._n_unwritten += tagged
                self._not_in_step.append(item.id or 0)
            if as_is and options.write_asis:
                self._write(item, tagged=tagged, moods_tag=options.moods_tag)

    def _write(self, item: Item, *, tagged: bool, moods_tag: str | None) -> None:
        """Write to a file the genres, where it was tagged, and the moods that the library has."""
        now = unedited(item, genres_of(item))
        if now is None:
            return
        plan = write_missing(now) if tagged else None
        if plan is not None and plan.action is Action.FAIL:
            self._log.warning("{}: {}", track_name(item), plan.reason)
        elif moods_tag is not None:
            try:
                write_missing_moods(now, moods_tag)
            except (NotWrittenError, OutsideError) as error:
                self._log.warning("{}: {}", track_name(item), error)
        item.load()

    def _prepared(self, lib: Library) -> tuple[TrackClassifier, Session] | None:
        """The model for this import, or None, with one warning, where it cannot be used."""
        if self._track_classifier is None and not self._disabled:
            try:
                ours = self._setup.session()
                track_classifier = TrackClassifier(ours, lib, lasting=True, upcoming=self._upcoming)
                self._track_classifier = track_classifier, ours
            except (UserError, confuse.ConfigError) as error:
                self._disable(error)
        return self._track_classifier

    def _disable(self, error: Exception) -> None:
        """Let the rest of the import go on without genres, after one warning."""
        self._disabled = True
        if self._track_classifier is not None:
            self._track_classifier[0].close()
        self._track_classifier = None
        self._log.warning("no genres in this import: {}", error)


def name_of(task: ImportTask) -> str:
    """What was imported: an album, or a track."""
    if not task.is_album:
        return track_name(next(iter(task.imported_items())))
    return album_name(task.album)


def outcome(done: Sequence[tuple[Verdict, TagPlan]]) -> str:
    """What became of the tracks of an album: the genres that were given, and the rest counted."""
    given = Counter(g for _, plan in done if plan.action is Action.WRITE for g in plan.after)
    guesses = Counter(
        verdict.song.guess
        for verdict, plan in done
        if plan.action is Action.UNSURE and verdict.song is not None and verdict.song.guess
    )
    counts = Counter(plan.action for _, plan in done)
    parts = [counted(given)] if given else []
    for action in (Action.KEEP, Action.UNSURE, Action.FAIL):
        if counts[action]:
            guess = f" (perhaps {counted(guesses)})" if action is Action.UNSURE and guesses else ""
            parts.append(f"{TAGGING[action]} {counts[action]}{guess}")
    return ", ".join(parts)


def counted(names: Counter[str]) -> str:
    """The commonest of names, with how often they occur where that is more than once."""
    commonest = names.most_common(N_NAMED)
    found = [f"{name} {n}" if n > 1 else name for name, n in commonest]
    return ", ".join([*found, *(["..."] if len(names) > N_NAMED else [])])


def summary(counts: Counter[Action], n_unwritten: int = 0) -> str:
    """The counts of an import, and what to do next."""
    line = ", ".join(
        f"{word} {counts[action]}" for action, word in TAGGING.items() if counts[action]
    )
    steps = {
        Action.UNSURE: "beet cnnreview asks about the unsure",
        Action.KEEP: "beet cnncompare compares those that were tagged already",
    }
    found = [step for action, step in steps.items() if counts[action]]
    if n_unwritten:
        found.insert(0, f"{n_unwritten} in the library only: beet cnngenre writes the files")
    return "; ".join([line, *found])
