"""Listen to each track and write its genre, offline.

The wiring only: ``options`` reads the configuration, ``listener`` hears, ``tagging`` decides and
writes, ``albums`` sums up, ``commands`` runs over a library.  Nothing heavy is imported here: every
``beet`` command imports this module.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import beets
import confuse
from beets import ui
from beets.plugins import BeetsPlugin

from beetsplug.cnngenre.console import Harmless
from beetsplug.cnngenre.options import DEFAULTS, GENRES, Options, UserError, read_options
from beetsplug.cnngenre.tagging import (
    FIELDS,
    Action,
    TagPlan,
    apply_field,
    apply_in_library,
    genres_of,
    note,
)
from beetsplug.cnngenre.tracks import unedited

if TYPE_CHECKING:
    from beets.importer import ImportSession, ImportTask
    from beets.library import Library

    from beetsplug.cnngenre.journal import Journal
    from beetsplug.cnngenre.listener import Listener, Verdict
    from genre_model.cache import Cache


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
        self._import_listener: tuple[Listener, Options] | None = None
        self._import_disabled = False
        self._import_journal: Journal | None = None
        self._tagged_in_import: set[int | None] = set()
        if self.config["auto"].get(bool):
            self.import_stages = [self.imported]
            self.register_listener("import_task_files", self.files_are_in_place)
            self.register_listener("import", self.import_is_over)

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

    def runs_folder(self) -> Path:
        """Where the journals of past runs are."""
        return own_folder() / "runs"

    def journal(
        self, command: str, options: Options, model: str = "", target: str = GENRES
    ) -> Journal:
        """The journal of a run that begins now."""
        from beetsplug.cnngenre.journal import Journal, header_of

        header = header_of(command, options, model, target)
        return Journal(self.runs_folder(), header, lambda text: self._log.warning("{}", text))

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

    def listener(self, options: Options, lib: Library, *, lasting: bool = False) -> Listener:
        """A model; it keeps its worker processes from one question to the next if ``lasting``.

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
            lasting=lasting,
        )

    def report_bug(self, path: Path, trace: str) -> None:
        """Log an error that nobody foresaw."""
        self._log.error("{}: internal error\n{}", path, trace)

    def imported(self, session: ImportSession, task: ImportTask) -> None:
        """Import stage: hear the task's tracks and set their genres in the database.

        The importer writes them to the files later, where it writes tags at all.
        """
        prepared = self._prepare_import(session.lib)
        if prepared is None:
            return
        listener, options = prepared
        if self._import_journal is None:
            self._import_journal = self.journal(
                "import", options, listener.bundle_id, listener.target
            )
        try:
            for verdict in listener.verdicts(task.imported_items()):
                self._import_journal.add(verdict.item, self._take(verdict, listener))
        except UserError as error:
            self._disable_import(error)
            return
        if task.is_album and options.album_genre and listener.target == GENRES:
            from beetsplug.cnngenre.albums import set_album_genres

            set_album_genres(
                task.album,
                listener.vocabulary,
                listener.policy,
                listener.bundle_id,
                force=options.force,
            )

    def _take(self, verdict: Verdict, listener: Listener) -> TagPlan:
        """Do in the database what a verdict says of an imported track; what became of that."""
        item, plan = verdict.item, verdict.plan
        self._log.debug("{}: {} ({})", item, plan.action.value, plan.reason)
        if plan.action is Action.FAIL:
            self._log.warning("{}: {}", item, plan.reason)
        if verdict.song is None or verdict.probabilities is None:
            return plan
        if listener.target != GENRES:
            apply_field(item, listener.target, verdict.song, plan)
            return plan
        note(item, verdict.song, verdict.probabilities, listener.bundle_id)
        plan = apply_in_library(item, plan)
        if plan.action is Action.WRITE:
            self._tagged_in_import.add(item.id)
        return plan

    def import_is_over(self, **_: Any) -> None:
        """The import's workers end, and its journal."""
        if self._import_listener is not None:
            self._import_listener[0].close()
        if self._import_journal is not None:
            self._import_journal.end(whole=True)
            self._import_journal = None

    def files_are_in_place(self, session: ImportSession, task: ImportTask) -> None:
        """Write the genres of an as-is import, which beets itself leaves unwritten, if asked to."""
        from beets.importer import Action as Choice

        from beetsplug.cnngenre.writing import write_tags

        for item in task.imported_items():
            if item.id not in self._tagged_in_import:
                continue
            self._tagged_in_import.discard(item.id)
            options = self.options()
            now = unedited(item, genres_of(item))
            if now and task.choice_flag is Choice.ASIS and options.write_asis and options.write:
                trouble = write_tags(now)
                if trouble:
                    self._log.warning("{}: the file cannot be written: {}", item, trouble)
                now.store()
                item.load()

    def _prepare_import(self, lib: Library) -> tuple[Listener, Options] | None:
        """The model for this import, or None, with one warning, where it cannot be used."""
        if self._import_listener is None and not self._import_disabled:
            try:
                options = self.options()
                self._import_listener = self.listener(options, lib, lasting=True), options
            except (UserError, confuse.ConfigError) as error:
                self._disable_import(error)
        return self._import_listener

    def _disable_import(self, error: Exception) -> None:
        """Let the rest of the import go on without genres, after one warning."""
        self._import_disabled = True
        if self._import_listener is not None:
            self._import_listener[0].close()
        self._import_listener = None
        self._log.warning("no genres in this import: {}", error)


def own_folder() -> Path:
    """The plugin's folder beside beets' configuration."""
    return Path(beets.config.config_dir()) / "cnngenre"
