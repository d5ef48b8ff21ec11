"""Classify many files in parallel: extract their features, and judge them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from genre_model.core.errors import GenreModelError
from genre_model.core.processor import n_cores
from genre_model.data.folder import find_audio
from genre_model.extraction.extractor import Effort
from genre_model.extraction.pools import pool_for
from genre_model.extraction.tasks import log_bug
from genre_model.extraction.workers import extract_many
from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.model.classifier import Classifier
from genre_model.model.song_features import SongFeatures
from genre_model.model.vocabulary import Policy, SongGenre, Vocabulary, judge, make_vocabulary

UNTIL_STABLE = Effort(until_stable=True)


@dataclass(frozen=True, slots=True, eq=False)
class Classified:
    """One file with its genre and its features, or with the reason why it has neither.

    Attributes:
        path: The file.
        song: The genres and their probabilities; None if there is an error.
        features: What the network computed for each slice; None if there is an error.
        error: A short text for the user; None if there is no error.
    """

    path: Path
    song: SongGenre | None = None
    features: SongFeatures | None = None
    error: str | None = None


def classify(
    paths: Iterable[Path | str] | Path | str,
    classifier: Classifier | None = None,
    *,
    vocabulary: Vocabulary | None = None,
    policy: Policy | None = None,
    effort: Effort = UNTIL_STABLE,
    n_workers: int | None = None,
    dask: str | None = None,
) -> Iterator[Classified]:
    """Classify audio files, and the audio files in folders, in order.

    A file that cannot be classified is yielded with an error; the others are still classified.

    Args:
        paths: One or more files and folders.
        classifier: The model; the shipped one if None.
        vocabulary: Which genres may be answered; all genres of the model if None.
        policy: From which probability on genres are answered, and how many; the model's own
            threshold if None.
        effort: How many slices of a song are used, and how long a file may take.
        n_workers: How many files are processed at once; one for each core if None.
        dask: The address of a Dask scheduler whose workers extract the features.

    Raises:
        GenreModelError: There are no audio files, or the model or the cluster cannot be used.
    """
    given = [paths] if isinstance(paths, (Path, str)) else paths
    files = list(find_audio(Path(path) for path in given))
    if not files:
        raise GenreModelError("no audio files there")
    classifier = classifier or Classifier(load_bundle(SHIPPED), lazily=True)
    manifest = classifier.manifest
    vocabulary = vocabulary or make_vocabulary(
        manifest.genres, manifest.parents, manifest.presets, None
    )
    policy = policy or Policy(manifest.aggregation.threshold)
    n_workers = n_workers or n_cores()
    return judged(files, classifier, vocabulary, policy, effort, n_workers, dask)


def judged(
    files: Sequence[Path],
    classifier: Classifier,
    vocabulary: Vocabulary,
    policy: Policy,
    effort: Effort,
    n_workers: int = 1,
    dask: str | None = None,
) -> Iterator[Classified]:
    """The results of :func:`classify`, which checks its arguments before the first is requested."""
    effort = replace(effort, threshold=policy.threshold)  # to know on which side a song is
    pool = pool_for(classifier, None, effort, n_workers=n_workers, n_files=len(files), dask=dask)
    with closing(pool):
        pool.check()
        for path, found in extract_many(pool, files, lambda path: path, log_bug):
            if isinstance(found, SongFeatures):
                song = judge(classifier.probabilities(found), vocabulary, policy)
                yield Classified(path, song, found)
            else:
                yield Classified(path, error=found)
