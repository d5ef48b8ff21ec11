"""Classify each track by its audio and write its genre, offline.

This module only connects the parts: ``config`` reads the configuration, ``classify`` names genres,
``tagging`` decides and writes, ``review`` asks the user; ``commands`` has a module for each command
and for the import.  It imports nothing heavy, because every ``beet`` command imports it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from beets import ui
from beets.plugins import BeetsPlugin

from beetsplug.cnngenre.config import (
    DEFAULTS,
    UserError,
    check_auto,
    forget_empty_keys,
    has_keys,
)
from beetsplug.cnngenre.console import Harmless
from beetsplug.cnngenre.fields import ALBUM_FIELDS, FIELDS
from beetsplug.cnngenre.setup import Setup

if TYPE_CHECKING:
    from beets.importer import ImportSession, ImportTask
    from beets.library import Library

    from beetsplug.cnngenre.commands.importing import RunningImport


class CnnGenrePlugin(BeetsPlugin):
    """Fills in genres during imports and by command."""

    def __init__(self) -> None:
        super().__init__()
        self._log.addFilter(Harmless())
        forget_empty_keys()
        self.config.add(DEFAULTS)
        self.item_types = FIELDS | ALBUM_FIELDS  # beets passes an album's fields on to its tracks
        self.album_types = ALBUM_FIELDS
        if has_keys(self.config) and self.config["moods_tag"].get() == "mood":
            from beetsplug.cnngenre.mood_field import add_mood_field

            add_mood_field()
        self.running_import: RunningImport | None = None
        if self.runs_in_imports():
            self.import_stages = [self.imported]
            self.register_listener("import_begin", self.import_begins)
            self.register_listener("import_task_created", self.found)
            self.register_listener("import_task_files", self.files_are_in_place)
            self.register_listener("import", self.import_is_over)

    def runs_in_imports(self) -> bool:
        """Whether to classify imports; False, with a warning, if the configuration is invalid."""
        try:
            return check_auto(self.config)
        except UserError as error:
            sentence = str(error).removeprefix("cnngenre: ")
            self._log.warning("{}; tracks are imported without genres", sentence)
            return False

    def commands(self) -> list[ui.Subcommand]:
        """The plugin's commands, whose names begin with ``cnn``."""
        from beetsplug.cnngenre.commands import all_commands

        return all_commands(Setup(self.config, self._log))

    def import_begins(self, session: ImportSession) -> None:
        """Event: an import begins; the previous one may have been interrupted."""
        if self.running_import is not None:
            self.running_import.close(whole=False)
        self.running_import = None

    def imported(self, session: ImportSession, task: ImportTask) -> None:
        """Import stage: classify the task's tracks and set their genres in the database."""
        self.this_import().imported(session, task)

    def found(self, session: ImportSession, task: ImportTask) -> None:
        """Event: the importer has found an album or a track, which it imports later."""
        self.this_import().found(task)

    def files_are_in_place(self, session: ImportSession, task: ImportTask) -> None:
        """Event: the importer has moved a task's files and, if it writes tags, written them."""
        self.this_import().files_are_in_place(session, task)

    def import_is_over(self, lib: Library, **_: Any) -> None:
        """Event: the import has ended."""
        if self.running_import is not None:
            self.running_import.end(lib)
        self.running_import = None

    def this_import(self) -> RunningImport:
        """The running import, created at the first event that needs it."""
        if self.running_import is None:
            from beetsplug.cnngenre.commands.importing import RunningImport

            self.running_import = RunningImport(Setup(self.config, self._log))
        return self.running_import
