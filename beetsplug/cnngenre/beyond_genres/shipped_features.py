"""The features of tracks by the shipped network, whichever model is in use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from beets.library import Item

from beetsplug.cnngenre.models.bundles import backbone_bundle
from beetsplug.cnngenre.session import Session

if TYPE_CHECKING:
    from genre_model.model.song_features import SongFeatures


class ShippedExtractor:
    """The shipped network in worker processes, which stay for later tracks until it is closed."""

    def __init__(self, session: Session, n_files: int) -> None:
        """Prepare the workers for about ``n_files`` files at once.

        Raises:
            GenreModelError: The network cannot be used.
        """
        from genre_model.extraction.extractor import Effort
        from genre_model.extraction.pools import pool_for
        from genre_model.model.classifier import Classifier

        options = session.options
        self._session = session
        self._cache = session.cache()
        self._pool = pool_for(
            Classifier(backbone_bundle(), lazily=True, trials=session.folders.trials),
            self._cache,
            Effort(options.thorough, until_stable=True, time_limit_s=options.time_limit),
            n_workers=options.threads,
            n_files=n_files,
            dask=options.dask,
        )

    def features(self, items: Iterable[Item]) -> Iterator[tuple[Item, SongFeatures | str]]:
        """Each track with its features, or why there are none.

        Raises:
            GenreModelError: The network cannot be used.
        """
        from genre_model.extraction.workers import extract_many

        report_bug = self._session.report_bug
        found = extract_many(self._pool, items, lambda i: Path(i.filepath), report_bug)
        with closing(found):
            for item, extracted in found:
                assert extracted is not None
                yield item, extracted

    def warn_if_full(self) -> None:
        """Warn if the cache has no room for the features of all tracks."""
        self._session.warn_if_full(self._cache)

    def close(self) -> None:
        """End the workers."""
        self._pool.close()
        if self._cache is not None:
            self._cache.close()
