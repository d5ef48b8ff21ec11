"""Listen to each track and write its genre, offline.

The wiring only: ``options`` reads the configuration, ``listener`` hears, ``tagging`` decides and
writes, ``albums`` sums up; ``importing`` does that for an import, ``tag_command`` for a library.
Nothing heavy is imported here: every ``beet`` command imports this module.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import beets
from beets import ui
from beets.plugins import BeetsPlugin

from beetsplug.cnngenre.config import DEFAULTS, GENRES, Options, read_options
from beetsplug.cnngenre.console import Harmless
from beetsplug.cnngenre.fields import FIELDS

if TYPE_CHECKING:
    from beets.importer import ImportSession, ImportTask
    from beets.library import Library

    from beetsplug.cnngenre.classify.classifier import TrackClassifier
    from beetsplug.cnngenre.commands.importing import ImportStage
    from beetsplug.cnngenre.tagging.journal import Journal
    from genre_model.extraction.cache import Cache


class CnnGenrePlugin(BeetsPlugin):
    """Fills in genres during imports and by command."""

    def __init__(self) -> None:
        super().__init__()
        self._log.addFilter(Harmless())
        self.config.add(DEFAULTS)
        self.item_types = FIELDS
        self.album_types = {
            name: FIELDS[name] for name in ("cnngenre_written", "cnngenre_previous")
        }
        if self.config["auto"].get(bool):
            self.import_stages = [self.imported]
            self.register_listener("import_task_files", self.files_are_in_place)
            self.register_listener("import", self.import_is_over)

    def commands(self) -> list[ui.Subcommand]:
        """``cnngenre``, alias ``genre``, and ``cnntrain``."""
        from beetsplug.cnngenre.commands.parser import genre_command, train_command

        return [genre_command(self), train_command(self)]

    def options(self) -> Options:
        """The options as they stand now."""
        return read_options(self.config)

    def models_folder(self) -> Path:
        """Where the user's own bundles are: beside beets' configuration, which BEETSDIR moves."""
        return own_folder() / "models"

    def runs_folder(self) -> Path:
        """Where the journals of past runs are."""
        return own_folder() / "runs"

    def journal(
        self, command: str, options: Options, model: str = "", target: str = GENRES
    ) -> Journal:
        """The journal of a run that begins now."""
        from beetsplug.cnngenre.tagging.journal import Journal, header_of

        header = header_of(command, options, model, target)
        return Journal(self.runs_folder(), header, lambda text: self._log.warning("{}", text))

    def cache(self, options: Options) -> Cache | None:
        """What was heard before; None where the user wants none, or it cannot be used."""
        from genre_model.core.errors import GenreModelError
        from genre_model.extraction.cache import Cache

        if not options.cache:
            return None
        try:
            return Cache(own_folder() / "features.db", options.cache_megabytes * 2**20)
        except GenreModelError as error:
            self._log.warning("{}; going on without it", error)
            return None

    def track_classifier(
        self, options: Options, lib: Library, *, lasting: bool = False
    ) -> TrackClassifier:
        """A model; it keeps its worker processes from one question to the next if ``lasting``.

        Raises:
            UserError: It cannot be used.
        """
        from beetsplug.cnngenre.classify.classifier import TrackClassifier

        return TrackClassifier(
            options,
            self.models_folder(),
            self.cache(options),
            lib,
            self.report_bug,
            lambda complaint: self._log.warning("passed over: {}", complaint),
            lasting=lasting,
        )

    def report_bug(self, path: Path, trace: str) -> None:
        """Log an error that nobody foresaw."""
        self._log.error("{}: internal error\n{}", path, trace)

    def imported(self, session: ImportSession, task: ImportTask) -> None:
        """Import stage: hear the task's tracks and set their genres in the database."""
        self.import_stage.imported(session, task)

    def files_are_in_place(self, session: ImportSession, task: ImportTask) -> None:
        """Listener: the importer has moved a task's files, and written them where it does."""
        self.import_stage.files_are_in_place(task)

    def import_is_over(self, **_: Any) -> None:
        """Listener: the import's end."""
        self.import_stage.end()

    @cached_property
    def import_stage(self) -> ImportStage:
        """What the import's stage and its listeners have in common."""
        from beetsplug.cnngenre.commands.importing import ImportStage

        return ImportStage(self)


def own_folder() -> Path:
    """The plugin's folder beside beets' configuration."""
    return Path(beets.config.config_dir()) / "cnngenre"
