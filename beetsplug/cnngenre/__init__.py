"""Listen to each track and write its genre, offline.

The wiring only: ``options`` reads the configuration, ``listener`` hears, ``tagging`` decides and
writes, ``albums`` sums up, ``commands`` runs over a library.  Nothing heavy is imported here: every
``beet`` command imports this module.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import beets
import confuse
from beets import ui
from beets.plugins import BeetsPlugin

from beetsplug.cnngenre.options import DEFAULTS, GENRES, Options, UserError, read_options
from beetsplug.cnngenre.tagging import FIELDS, Action, apply_field, note, set_genres

if TYPE_CHECKING:
    from beets.importer import ImportSession, ImportTask
    from beets.library import Library

    from beetsplug.cnngenre.listener import Listener
    from genre_model.cache import Cache


class CnnGenrePlugin(BeetsPlugin):
    """Fills in genres during imports and by command."""

    def __init__(self) -> None:
        super().__init__()
        self.config.add(DEFAULTS)
        self.item_types = FIELDS
        self.album_types = {
            name: FIELDS[name] for name in ("cnngenre_written", "cnngenre_previous")
        }
        self._import_listener: tuple[Listener, Options] | None = None
        self._import_disabled = False
        self._tagged_in_import: set[int | None] = set()
        if self.config["auto"].get(bool):
            self.import_stages = [self.imported]
            self.register_listener("import_task_files", self.files_are_in_place)

    def commands(self) -> list[ui.Subcommand]:
        """``cnngenre``, alias ``genre``, and ``cnntrain``."""
        from beetsplug.cnngenre.commands import genre_command
        from beetsplug.cnngenre.train_command import train_command

        return [genre_command(self), train_command(self)]

    def options(self) -> Options:
        """The options as they stand now."""
        return read_options(self.config)

    def models_folder(self) -> Path:
        """Where the user's own bundles are: beside beets' configuration, which BEETSDIR moves."""
        return own_folder() / "models"

    def cache(self, options: Options) -> Cache | None:
        """What was heard before; None where the user wants none, or it cannot be used."""
        from genre_model.cache import Cache
        from genre_model.errors import GenreModelError

        if not options.cache:
            return None
        try:
            return Cache(own_folder() / "heard.db", options.cache_megabytes * 2**20)
        except GenreModelError as error:
            self._log.warning("{}; going on without it", error)
            return None

    def listener(self, options: Options, lib: Library) -> Listener:
        """A model, loaded.

        Raises:
            UserError: It cannot be used.
        """
        from beetsplug.cnngenre.listener import Listener

        return Listener(
            options,
            self.models_folder(),
            self.cache(options),
            lib,
            self.report_bug,
            lambda complaint: self._log.warning("passed over: {}", complaint),
        )

    def report_bug(self, path: Path) -> None:
        """Log the exception that is being handled."""
        self._log.error("{}: internal error\n{}", path, traceback.format_exc())

    def imported(self, session: ImportSession, task: ImportTask) -> None:
        """Import stage: hear the task's tracks and set their genres in the database.

        The importer writes them to the files later, where it writes tags at all.
        """
        prepared = self._prepare_import(session.lib)
        if prepared is None:
            return
        listener, options = prepared
        for verdict in listener.verdicts(task.imported_items()):
            item, plan = verdict.item, verdict.plan
            self._log.debug("{}: {} ({})", item, plan.action.value, plan.reason)
            if plan.action is Action.FAIL:
                self._log.warning("{}: {}", item, plan.reason)
            if verdict.song is None or verdict.probabilities is None:
                continue
            if listener.target != GENRES:
                apply_field(item, listener.target, verdict.song, plan)
                continue
            note(item, verdict.song, verdict.probabilities, listener.bundle_id)
            if plan.action is Action.WRITE:
                set_genres(item, plan)
                self._tagged_in_import.add(item.id)
            item.store()
        if task.is_album and options.album_genre and listener.target == GENRES:
            from beetsplug.cnngenre.albums import set_album_genres

            set_album_genres(
                task.album,
                listener.vocabulary,
                listener.policy,
                listener.bundle_id,
                force=options.force,
            )

    def files_are_in_place(self, session: ImportSession, task: ImportTask) -> None:
        """Write the genres of an as-is import, which beets itself leaves unwritten, if asked to."""
        from beets.importer import Action as Choice

        for item in task.imported_items():
            if item.id not in self._tagged_in_import:
                continue
            self._tagged_in_import.discard(item.id)
            options = self.options()
            if task.choice_flag is Choice.ASIS and options.write_asis and options.write:
                item.try_write()
                item.store()

    def _prepare_import(self, lib: Library) -> tuple[Listener, Options] | None:
        """The model for this import, or None, with one warning, where it cannot be used."""
        if self._import_listener is None and not self._import_disabled:
            try:
                options = self.options()
                self._import_listener = self.listener(options, lib), options
            except (UserError, confuse.ConfigError) as error:
                self._import_disabled = True
                self._log.warning("no genres in this import: {}", error)
        return self._import_listener


def own_folder() -> Path:
    """The plugin's folder beside beets' configuration."""
    return Path(beets.config.config_dir()) / "cnngenre"
