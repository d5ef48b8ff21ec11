"""From beets' tracks to verdicts: which tracks must be heard, hearing them in parallel, judging."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from beets.exceptions import UserError
from beets.library import Item

from beetsplug.cnngenre.models import find_bundle
from beetsplug.cnngenre.options import Options
from beetsplug.cnngenre.tagging import (
    Action,
    TagPlan,
    genres_of,
    memorable,
    plan_tags,
    plan_without_hearing,
    remembered,
)
from genre_model.errors import AudioError, GenreModelError
from genre_model.pool import map_bounded
from genre_model.vocabulary import Policy, SongGenre, Vocabulary, judge, make_vocabulary

if TYPE_CHECKING:
    from genre_model.classifier import Classifier

ReportBug = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Task:
    """One track: settled before hearing (``plan``), heard before (``known``), or to be heard."""

    item: Item
    path: Path
    plan: TagPlan | None
    known: Mapping[str, float] | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The plan for one track, and what was heard where it was heard now or before."""

    item: Item
    plan: TagPlan
    song: SongGenre | None = None
    probabilities: Mapping[str, float] | None = None


class Listener:
    """A model with the user's wishes about its answers."""

    def __init__(self, options: Options, models: Path, report_bug: ReportBug) -> None:
        """Load and check the model.

        Args:
            options: The user's wishes.
            models: The folder of the user's own bundles.
            report_bug: Called in an ``except`` block when a track met an error that nobody foresaw.

        Raises:
            UserError: The model or the wishes about its genres are not usable.
        """
        from genre_model.classifier import Classifier

        self._options = options
        self._report_bug = report_bug
        try:
            self.classifier: Classifier = Classifier(find_bundle(options.model, models))
            manifest = self.classifier.manifest
            self.vocabulary: Vocabulary = make_vocabulary(
                manifest.genres, manifest.parents, manifest.presets, options.genres
            )
        except GenreModelError as error:
            raise UserError(f"cnngenre: {error}") from error
        own = manifest.aggregation.threshold
        threshold = own if options.threshold is None else options.threshold
        self.policy = Policy(threshold, options.count, options.second_threshold)

    @property
    def bundle_id(self) -> str:
        """What the tracks' ``cnngenre_model`` says."""
        return self.classifier.manifest.bundle_id

    def verdicts(self, items: Iterable[Item]) -> Iterator[Verdict]:
        """A verdict on each track, in their order.  Changes nothing.

        Items are touched in the calling thread only: beets expands their paths through a context
        that other threads do not have.
        """
        tasks = (self._task(item) for item in items)
        with ThreadPoolExecutor(self._options.threads, "cnngenre") as executor:
            try:
                for task, outcome in map_bounded(
                    executor, self._hear, tasks, in_flight=2 * self._options.threads
                ):
                    yield self._verdict(task, outcome)
            finally:
                executor.shutdown(wait=False, cancel_futures=True)

    def _task(self, item: Item) -> Task:
        force = self._options.force
        plan = plan_without_hearing(genres_of(item), force=force)
        known = None if force or plan else remembered(item, self.bundle_id)
        return Task(item, Path(item.filepath), plan, known)

    def _hear(self, task: Task) -> Mapping[str, float] | str | None:
        """Runs in a worker: the probabilities, why there are none, or None if none were needed."""
        if task.plan is not None or task.known is not None:
            return task.known
        try:
            heard = self.classifier.hear(task.path, thorough=self._options.thorough)
            return memorable(self.classifier.probabilities(heard))
        except AudioError as error:
            return str(error)
        except Exception:  # noqa: BLE001  # the one guard: a bug at one track is not the run's end
            self._report_bug(task.path)
            return "internal error, see the log"

    def _verdict(self, task: Task, outcome: Mapping[str, float] | str | None) -> Verdict:
        if task.plan is not None or outcome is None:
            assert task.plan is not None
            return Verdict(task.item, task.plan)
        before = genres_of(task.item)
        if isinstance(outcome, str):
            return Verdict(task.item, TagPlan(Action.FAIL, before, before, outcome))
        song = judge(outcome, self.vocabulary, self.policy)
        plan = plan_tags(before, song, keep_existing=self._options.keep_existing)
        return Verdict(task.item, plan, song, outcome)
