"""Extract the features of tracks, by workers of this machine or of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing

from genre_model.core.processor import n_cores
from genre_model.data.tracks import LabelledTrack
from genre_model.extraction.cache import Cache
from genre_model.extraction.dask_workers import DaskExtractorPool
from genre_model.extraction.extractor import Effort
from genre_model.extraction.tasks import ReportBug, log_bug
from genre_model.extraction.workers import ExtractorPool, extract_many, local_pool
from genre_model.model.classifier import Classifier
from genre_model.model.song_features import SongFeatures

EVERYTHING = Effort()


def pool_for(
    classifier: Classifier,
    cache: Cache | None,
    effort: Effort,
    *,
    n_workers: int,
    n_files: int,
    dask: str | None = None,
) -> ExtractorPool:
    """Workers for ``n_files`` files or more: of a Dask scheduler's cluster, or of this machine.

    Raises:
        GenreModelError: The cluster cannot be used, or the model cannot.
    """
    if n_files:
        classifier.try_out()  # not done by workers, which might hang
    if dask is None:
        return local_pool(classifier, cache, effort, n_workers=n_workers, n_files=n_files)
    return DaskExtractorPool(dask, classifier, cache, effort)


def extract_tracks(
    tracks: Sequence[LabelledTrack],
    classifier: Classifier,
    on_track: Callable[[LabelledTrack, str | None], None],
    *,
    cache: Cache | None = None,
    effort: Effort = EVERYTHING,
    n_workers: int | None = None,
    dask: str | None = None,
    report_bug: ReportBug = log_bug,
) -> list[tuple[LabelledTrack, SongFeatures]]:
    """The features of each track; ``on_track`` gets every track and its error, or None.

    Raises:
        GenreModelError: The model or the cluster cannot be used, or no workers are left.
    """
    n_workers = n_workers or n_cores()
    pool = pool_for(classifier, cache, effort, n_workers=n_workers, n_files=len(tracks), dask=dask)
    found = []
    with closing(pool):
        pool.check()
        for track, extracted in extract_many(pool, tracks, lambda track: track.path, report_bug):
            if isinstance(extracted, SongFeatures):
                on_track(track, None if len(extracted.features) else "silent")
                found.append((track, extracted))
            else:
                on_track(track, extracted)
    return found


def extract_locally(
    tracks: Sequence[LabelledTrack], classifier: Classifier, on_failure: Callable[[str], None]
) -> list[tuple[LabelledTrack, SongFeatures]]:
    """The features of tracks, extracted on all cores of this machine, without a cache.

    Raises:
        GenreModelError: The model cannot be used.
    """

    def on_track(track: LabelledTrack, error: str | None) -> None:
        if error is not None:
            on_failure(f"{track.path}: {error}")

    return extract_tracks(tracks, classifier, on_track)
