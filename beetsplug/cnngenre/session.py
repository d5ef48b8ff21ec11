"""What one command or import works with: its log, folders and options."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beetsplug.cnngenre.config import Options

if TYPE_CHECKING:
    from beets.logging import BeetsLogger

    from genre_model.extraction.cache import Cache


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the plugin keeps its files: under ``root``, beside beets' configuration."""

    root: Path

    @property
    def models(self) -> Path:
        """The user's own bundles."""
        return self.root / "models"

    @property
    def runs(self) -> Path:
        """The journals of past runs."""
        return self.root / "runs"

    @property
    def pictures(self) -> Path:
        """Explanations as pictures."""
        return self.root / "pictures"

    @property
    def work(self) -> Path:
        """Trainings that have not finished."""
        return self.root / "work"

    @property
    def trials(self) -> Path:
        """The results of earlier trials of models' networks."""
        return self.root / "trials"

    @property
    def similar(self) -> Path:
        """The mean embeddings of the library's tracks."""
        return self.root / "similar.index"

    @property
    def features(self) -> Path:
        """The cache of extracted features, a database."""
        return self.root / "features.db"


@dataclass(frozen=True, slots=True)
class Session:
    """The log, the folders and the options of one command or one import."""

    log: BeetsLogger
    folders: Folders
    options: Options

    def with_options(self, **changes: Any) -> Session:
        """The same session with other options."""
        return replace(self, options=replace(self.options, **changes))

    def cache(self) -> Cache | None:
        """The feature cache; None if it is disabled or, with a warning, if it cannot be used."""
        from genre_model.core.errors import GenreModelError
        from genre_model.extraction.cache import Cache

        if not self.options.cache:
            return None
        try:
            return Cache(self.folders.features, self.options.cache_megabytes * 2**20, own=True)
        except GenreModelError as error:
            self.warn(f"{error}; going on without it")
            return None

    def warn_if_full(self, cache: Cache | None) -> None:
        """Warn at the end of a run if the cache has no room for the features of all its tracks."""
        if cache is not None and cache.is_full():
            self.warn(
                "the feature cache is full, so a run that needs all features again will analyse "
                "some tracks again: cache_megabytes makes it larger"
            )

    def warn(self, text: str) -> None:
        """Log a warning for the user."""
        self.log.warning("{}", text)

    def report_bug(self, path: Path, trace: str) -> None:
        """Log an unexpected error with its traceback and the file of the track."""
        self.log.error("{}: internal error\n{}", path, trace)
