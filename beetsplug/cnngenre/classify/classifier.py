"""From beets' tracks to verdicts: select the files, extract features in parallel, judge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING

from beets.library import Album, Item, Library

from beetsplug.cnngenre.classify.context import (
    ClassifiedBefore,
    classified_before,
    group_of,
    grouped,
)
from beetsplug.cnngenre.classify.further_genres import FurtherGenres
from beetsplug.cnngenre.classify.judge import Judge
from beetsplug.cnngenre.classify.tasks import Outcome, Task, file_of, look_ahead
from beetsplug.cnngenre.classify.upcoming import AheadPool, Upcoming
from beetsplug.cnngenre.config import GENRES
from beetsplug.cnngenre.library import Tracks, spellings_of
from beetsplug.cnngenre.models.bundles import find_bundle, vocabulary_of
from beetsplug.cnngenre.rows import absolute_path
from beetsplug.cnngenre.session import Session
from beetsplug.cnngenre.tagging.albums import AlbumRules, plan_album, set_album_genres
from beetsplug.cnngenre.tagging.fields import (
    Classification,
    as_stored,
    check_target,
    field_values,
    genres_of,
    is_reviewed,
    own_genres,
    stored_probabilities,
    stored_tags,
)
from beetsplug.cnngenre.tagging.journal import PassedOver, rounded
from beetsplug.cnngenre.tagging.plan import Action, TagPlan, plan_tags, plan_without_audio
from genre_model.model.vocabulary import Policy, SongGenre, Vocabulary

if TYPE_CHECKING:
    from genre_model.model.classifier import Classifier
    from genre_model.model.song_features import SongFeatures


@dataclass(frozen=True, slots=True)
class Verdict:
    """The plan for one track; ``found`` is None if it was classified neither now nor before."""

    item: Item
    plan: TagPlan
    found: Classification | None = None

    @property
    def is_uncertain(self) -> bool:
        """Whether a review would ask about the track: it is unsure and not silent."""
        unsure = self.plan.action is Action.UNSURE
        return unsure and self.found is not None and self.found.song.best is not None


class TrackClassifier:
    """A model with the user's options for its answers."""

    def __init__(
        self,
        session: Session,
        lib: Library,
        *,
        lasting: bool = False,
        upcoming: Upcoming | None = None,
    ) -> None:
        """Read the model; its network is loaded when a track has to be classified.

        Args:
            session: The session of the command or the import.
            lib: The library with the artists' other tracks.
            lasting: Keep worker processes for later calls.
            upcoming: Tracks whose extraction may begin before their turn.

        Raises:
            GenreModelError: The model or the options for its genres cannot be used.
        """
        from genre_model.model.classifier import Classifier

        self._session, self._options = session, session.options
        self._lib = lib
        self._cache = session.cache()
        self._lasting = lasting
        self._upcoming = upcoming or Upcoming()
        self._pool: AheadPool | None = None
        self._before: ClassifiedBefore | None = None
        bundle = find_bundle(
            session.options.model,
            session.folders.models,
            lambda complaint: session.warn(f"passed over: {complaint}"),
            threshold=session.options.threshold,
        )
        self.classifier: Classifier = Classifier(bundle, lazily=True, trials=session.folders.trials)
        manifest = self.classifier.manifest
        check_target(manifest.target)
        spellings = spellings_of(lib) if manifest.target == GENRES else {}
        self.vocabulary: Vocabulary = vocabulary_of(manifest, session.options, spellings)
        self._context = manifest.context
        options = session.options
        threshold = manifest.threshold if options.threshold is None else options.threshold
        self.further_genres = FurtherGenres(manifest, self.vocabulary, options, spellings)
        for name in self.further_genres.unknown_ignored():
            session.warn(f"ignore: no genre is called {name}")
        # A field other than the genres has one value.
        count = options.count if manifest.target == GENRES else 1
        self.policy = Policy(threshold, count, options.second_threshold)
        self.judge = Judge(lib, manifest, self.vocabulary, self.policy)

    @property
    def bundle_id(self) -> str:
        """The id of the model, which tracks keep in ``cnngenre_model``."""
        return self.classifier.manifest.bundle_id

    @property
    def target(self) -> str:
        """The field that the model predicts."""
        return self.classifier.manifest.target

    def verdicts(
        self, items: Iterable[Item], on_file: Callable[[], object] = lambda: None
    ) -> Iterator[Verdict]:
        """A verdict on each track.  Changes nothing.

        The verdicts are in the order of the tracks, or sorted by artist if the model weighs the
        tracks of an artist and an album together.  Items are used in the calling thread only,
        because beets expands their paths through a context variable that other threads lack.

        ``on_file`` is called for each file that was analysed or could not be, long before its
        verdict if the artist has many tracks.
        """
        if self._context is None:
            yield from (
                self._verdict(task, outcome) for task, outcome in self._outcomes(items, on_file)
            )
            return
        # Read once per import, not once per album, because SQLite scans the whole library.
        if self._before is None or not self._lasting:
            self._before = classified_before(self._lib, self.bundle_id)
        before = self._before
        outcomes = self._outcomes(grouped(items), on_file)
        for group, members in groupby(outcomes, lambda outcome: group_of(outcome[0].item)):
            if group:
                found = [*members]
                yield from self._verdicts_in_context(found, group, before.of(group))
                if self._lasting:
                    before.add(
                        group, [task.item.id for task, _ in found if task.item.id is not None]
                    )
            else:  # no particular artist: each by itself
                for member in members:
                    yield from self._verdicts_in_context([member], "", ())

    def still_unsure(self, tracks: Tracks) -> Iterator[list[PassedOver]]:
        """Which tracks, of some without genres, would stay unsure and unchanged; none is loaded.

        Tracks without a guess are left out, because a review would not ask about them.
        """
        # Further genres need more than the noted probabilities, and a thorough run better ones.
        if self.further_genres.wants_tags or self._options.thorough:
            return
        for noted in self.judge.still_unsure(tracks):
            yield [
                PassedOver(
                    one.id, absolute_path(one.path), (), self.bundle_id, rounded(one.probability)
                )
                for one in noted
                if one.label
            ]

    def _outcomes(
        self, items: Iterable[Item], on_file: Callable[[], object]
    ) -> Iterator[tuple[Task, Outcome]]:
        """The task of each track, with its outcome.  ``on_file`` is as in :meth:`verdicts`.

        Raises:
            GenreModelError: The model cannot be used (raised before the first extraction), or the
                extraction cannot go on.
        """
        from genre_model.extraction.workers import extract_many

        tasks = (self._task(item) for item in items)
        for first in tasks:
            if file_of(first) is not None:
                break
            yield first, first.known  # there may be many of these, and they need no worker
        else:
            return
        ahead, n_to_extract = look_ahead(chain([first], tasks), self._options.threads)
        try:
            pool = self._pool_for(n_to_extract)
            if n_to_extract:
                pool.check()
            outcomes = extract_many(pool, chain(ahead, tasks), file_of, self._session.report_bug)
            with closing(outcomes):
                for task, extracted in outcomes:
                    if extracted is not None:
                        on_file()
                    yield (
                        self.further_genres.with_tags(task, extracted),
                        self._outcome(task, extracted),
                    )
        finally:
            if not self._lasting:
                self.close()

    def _outcome(self, task: Task, extracted: SongFeatures | str | None) -> Outcome:
        if extracted is None:
            return task.known
        return (
            extracted
            if isinstance(extracted, str)
            else as_stored(self.classifier.probabilities(extracted))
        )

    def _pool_for(self, n_files: int) -> AheadPool:
        """The workers; started for ``n_files`` files if there are none yet."""
        from genre_model.extraction.extractor import Effort
        from genre_model.extraction.pools import pool_for

        options = self._options
        if self._pool is None:
            workers = pool_for(
                self.classifier,
                self._cache,
                Effort(
                    options.thorough,
                    until_stable=True,
                    threshold=self.policy.threshold,
                    time_limit_s=options.time_limit,
                ),
                n_workers=options.threads,
                n_files=options.threads if self._lasting else n_files,
                dask=options.dask if n_files else None,
            )
            self._pool = AheadPool(workers, self._upcoming, lambda i: file_of(self._task(i)))
        return self._pool

    def extract(self, path: Path) -> SongFeatures | str:
        """The features of one file, or why there are none; the workers are kept.

        Raises:
            GenreModelError: The model cannot be used.
        """
        from genre_model.extraction.workers import extract_many

        pool, report_bug = self._pool_for(1), self._session.report_bug
        [(_, extracted)] = extract_many(pool, [path], lambda path: path, report_bug)
        assert extracted is not None
        return extracted

    def plan_album(self, album: Album, tracks: Iterable[Item]) -> TagPlan | None:
        """The plan for an album of these tracks; None if its genres stay."""
        rules = AlbumRules(
            self.vocabulary,
            self.policy,
            self.bundle_id,
            self.further_genres.arrange,
            self._options.force,
            self._options.keep_existing,
        )
        return plan_album(album, tracks, rules)

    def set_album_genres(self, album: Album) -> None:
        """Give an album the genre of its tracks."""
        plan = self.plan_album(album, album.items())
        if plan is not None:
            set_album_genres(album, plan)

    def close(self) -> None:
        """End the workers, if there are any."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None
            self._session.warn_if_full(self._cache)

    def _verdicts_in_context(
        self, members: list[tuple[Task, Outcome]], group: str, before: Sequence[int]
    ) -> Iterator[Verdict]:
        """Verdicts on the tracks of an artist's albums, each informed by all of them.

        ``before`` has the ids of the tracks that were classified before.  The ids of ``members``
        are added: reimported tracks have new ids, and tracks that keep their genres inform the
        others too.
        """
        own = {
            task.item.id: self.judge.known_of(task.item, outcome)
            for task, outcome in members
            if isinstance(outcome, Mapping) and outcome
        }
        ids = dict.fromkeys([*before, *(task.item.id or 0 for task, _ in members)])
        others = self.judge.known_before([key for key in ids if key not in own], group)
        songs = self.judge.in_context(others | own, own)
        for task, outcome in members:
            song = songs.get(task.item.id) if isinstance(outcome, Mapping) else None
            yield self._verdict(task, outcome, song)

    def _task(self, item: Item) -> Task:
        if self.target != GENRES:
            return Task(item, Path(item.filepath), None, None)
        force = self._options.force
        plan = plan_without_audio(
            genres_of(item),
            force=force,
            protected=is_reviewed(item) and not self._options.include_reviewed,
        )
        known = None
        if plan is None and not (force or self._options.thorough):
            # The file of a track that was silent may have been replaced by one with sound.
            known = stored_probabilities(item, self.bundle_id) or None
        tags = stored_tags(item, self.bundle_id) if known and self.further_genres.wants_tags else {}
        if tags is None:
            known = None  # extract again: the cache has the tags
        return Task(item, Path(item.filepath), plan, known, tags or {})

    def _verdict(self, task: Task, outcome: Outcome, song: SongGenre | None = None) -> Verdict:
        """The verdict on one track; ``song`` is its song genre in context, if it has a context."""
        if task.plan is not None or outcome is None:
            assert task.plan is not None
            return Verdict(task.item, task.plan)
        before = field_values(task.item, self.target)
        if isinstance(outcome, str):
            return Verdict(task.item, TagPlan(Action.FAIL, before, before, outcome))
        if song is None:
            song = self.judge.alone(self.judge.known_of(task.item, outcome))
        song = self.further_genres.with_further(song, task.tags)
        keep = self._options.keep_existing and self.target == GENRES
        plan = plan_tags(
            before,
            song,
            keep_existing=keep,
            arrange=self.further_genres.arrange,
            own=own_genres(task.item) if self.target == GENRES else None,
        )
        tags = task.tags if self.further_genres.wants_tags else None
        return Verdict(task.item, plan, Classification(self.bundle_id, song, outcome, tags))
