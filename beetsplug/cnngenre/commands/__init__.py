"""The plugin's commands, one module each, with the options and the function that uses them."""

from __future__ import annotations

import optparse
import sqlite3

from beets import ui
from beets.library import Library

from beetsplug.cnngenre.commands import genre, moods, review, spelling, train, undo
from beetsplug.cnngenre.commands.read_only import compare, errors, explain, models, similar, stats
from beetsplug.cnngenre.config import UserError
from beetsplug.cnngenre.setup import Setup
from genre_model.core.errors import GenreModelError

MODULES = (
    genre,
    undo,
    explain,
    review,
    compare,
    errors,
    spelling,
    moods,
    similar,
    stats,
    models,
    train,
)


def all_commands(setup: Setup) -> list[ui.Subcommand]:
    """Every command, in the order of the documentation."""
    return [with_sentences(module.command(setup)) for module in MODULES]


def with_sentences(command: ui.Subcommand) -> ui.Subcommand:
    """The command; what cannot be used ends it with a sentence, which beets prints.

    That is the engine's errors, and a library that is full or that another program locks for long.
    """
    run = command.func

    def run_or_say(lib: Library, opts: optparse.Values, args: list[str]) -> None:
        try:
            run(lib, opts, args)
        except GenreModelError as error:
            raise UserError(f"{command.name}: {error}") from error
        except sqlite3.OperationalError as error:
            raise UserError(f"cnngenre: the library cannot be used: {error}") from error

    command.func = run_or_say
    return command
