"""Verdicts on tracks that have labels: out of fold if the model has learned from the track."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from beets.library import Item, Library

from beetsplug.cnngenre.classify.classifier import TrackClassifier
from beetsplug.cnngenre.config import GENRES
from beetsplug.cnngenre.console import EarlyBar, progress
from beetsplug.cnngenre.library import Tracks, track_name
from beetsplug.cnngenre.models.bundles import backbone_bundle
from beetsplug.cnngenre.session import Session

if TYPE_CHECKING:
    from beetsplug.cnngenre.classify.labels import LabelsOf
    from genre_model.evaluation.out_of_fold import OutOfFold
    from genre_model.model.vocabulary import SongGenre


class LabelledVerdicts:
    """A model's verdicts on tracks that have labels; changes nothing.

    ``counts`` has the number of judged tracks, and of tracks without a verdict, by reason.
    ``related`` has the genres above and below each genre in the shipped model's or beets' tree.
    """

    def __init__(self, session: Session, lib: Library, renamed: Mapping[str, str | None]) -> None:
        """Load the model and its out-of-fold answers for its training tracks.

        Args:
            session: The session of the command.
            lib: The library.
            renamed: The library's genres -> their names in the user's own models.

        Raises:
            GenreModelError: The model cannot be used.
        """
        from beetsplug.cnngenre.classify.labels import field_labels
        from beetsplug.cnngenre.classify.trees import genre_parents
        from genre_model.data.genre_tree import make_tree
        from genre_model.evaluation.label_errors import related_by_tree
        from genre_model.evaluation.out_of_fold import read_out_of_fold
        from genre_model.model.bundle.store import REPORT_JSON

        self.log, self.options = session.log, session.options
        self.track_classifier = TrackClassifier(
            session.with_options(force=True, include_reviewed=True), lib
        )
        self.vocabulary = self.track_classifier.vocabulary
        bundle = self.track_classifier.classifier.bundle
        of_genres = self.track_classifier.target == GENRES
        self.learned: OutOfFold | None = read_out_of_fold(bundle)
        shipped = backbone_bundle().manifest.parents.items() if of_genres else ()
        of_the_user = REPORT_JSON in bundle.manifest.files
        if of_the_user and self.learned is None:
            self.log.warning(
                "this model lacks its out-of-fold answers: it may confirm wrong genres that it has "
                "learned; cnntrain makes one that does not"
            )
        self.labels_of = field_labels(self.track_classifier.target)
        self.renamed = renamed if of_the_user else {}
        self.parents = genre_parents() if of_genres else {}
        self.related = related_by_tree(self.vocabulary, make_tree(self.parents, shipped, ()))
        self.counts = Counter[str]()
        self._known: dict[tuple[str, ...], tuple[str, ...]] = {}

    def known(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """The labels by the model's names; labels that the model lacks are left out."""
        from genre_model.evaluation.label_errors import known_genres

        if labels not in self._known:
            found = known_genres(labels, self.vocabulary, self.renamed, self.parents)
            self._known[labels] = found
        return self._known[labels]

    def of(self, items: Tracks) -> Iterator[tuple[Item, tuple[str, ...], SongGenre, bool]]:
        """Each track with its known labels, its verdict, and whether the verdict is out of fold.

        Tracks without known labels are counted; if the labels are a column, they are not loaded.
        """
        judged = set[int]()
        for key, labels in labels_in(items, self.track_classifier.target, self.labels_of):
            if self._known_or_counted(labels):
                judged.add(key)
        todo = items.only(judged)
        self.counts["judged"] = len(todo)
        with progress(len(todo), quiet=self.options.quiet) as bar:
            early = EarlyBar(bar)
            for item, song, out_of_fold in self._songs(todo, early):
                known = self._known_or_counted(self.labels_of(item))
                if known:
                    yield item, known, song, out_of_fold
                else:  # its labels were edited after the count
                    self.counts["judged"] -= 1
                early.done()

    def _known_or_counted(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """The known labels of a track; a track without any is counted as left out."""
        known = self.known(labels)
        if not known:
            self.counts["unknown" if labels else "unlabelled"] += 1
        return known

    def _songs(self, items: Tracks, early: EarlyBar) -> Iterator[tuple[Item, SongGenre, bool]]:
        """Each track with its verdict, and whether that is out of fold.

        Tracks without a verdict are left out, and count as done.
        """
        from genre_model.model.vocabulary import judge

        unclassified = set[int]()
        for item, probabilities in self._out_of_fold(items):
            if probabilities is None:
                unclassified.add(item.id or 0)
            elif probabilities:
                song = judge(probabilities, self.vocabulary, self.track_classifier.policy)
                yield item, song, True
            else:
                self.counts["learned"] += 1
                early.done()
        rest = items.only(unclassified) if self.learned else items
        for verdict in self.track_classifier.verdicts(rest, early.analysed):
            if verdict.found is None:
                self.counts["failed"] += 1
                early.done()
                self.log.warning("{}: {}", track_name(verdict.item), verdict.plan.reason)
            else:
                yield verdict.item, verdict.found.song, False

    def _out_of_fold(self, items: Tracks) -> Iterator[tuple[Item, dict[str, float] | None]]:
        """Each track with its out-of-fold probabilities; None if the model did not learn from it.

        Yields no tracks if the model has no out-of-fold answers.
        """
        if self.learned is None:
            return
        for item, fingerprint in fingerprints(items, self.options.threads):
            yield item, None if fingerprint is None else self.learned.find_audio(fingerprint)

    def left_out(self) -> str:
        """The tracks without a verdict, as the end of a sentence."""
        words = {
            "learned": "trained on, no out-of-fold answer",
            "unknown": "of genres that the model does not know",
            "unlabelled": f"without {self.track_classifier.target}",
            "failed": "failed",
        }
        return "".join(
            f", {self.counts[key]} {word}" for key, word in words.items() if self.counts[key]
        )


def labels_in(
    items: Tracks, field: str, labels_of: LabelsOf
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The ids of tracks with their labels; loads the tracks if the labels are not a column."""
    from beetsplug.cnngenre.classify.labels import labels_of_value

    if field not in Item._fields or field in Item._getters():
        yield from ((item.id or 0, labels_of(item)) for item in items)
        return
    from_sql = Item._type(field).from_sql
    read: dict[object, tuple[str, ...]] = {}
    for rows in items.rows(f"id, {field}"):
        for key, value in rows:
            if value not in read:
                read[value] = labels_of_value(field, from_sql(value))
            yield key, read[value]


def fingerprints(items: Tracks, n_workers: int) -> Iterator[tuple[Item, bytes | None]]:
    """Each track with the fingerprint of its audio; None if the file cannot be read.

    Raises:
        GenreModelError: There are no workers.
    """
    from genre_model.core.ordered import results_in_order
    from genre_model.evaluation.out_of_fold import fingerprint_in_time
    from genre_model.extraction.tasks import attempt

    n_workers = min(n_workers, len(items))
    find = partial(attempt, fingerprint_in_time)
    with closing(results_in_order(n_workers, find, items, lambda i: Path(i.filepath))) as pairs:
        for item, found in pairs:
            # The extraction will report why a file cannot be read.
            yield item, found if isinstance(found, bytes) else None
