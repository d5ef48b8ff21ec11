"""The plugin's commands, one module each, with the options and the function that uses them."""

from __future__ import annotations

from beets import ui

from beetsplug.cnngenre.commands import genre, moods, review, spelling, train, undo
from beetsplug.cnngenre.commands.read_only import compare, errors, explain, models, similar, stats
from beetsplug.cnngenre.setup import Setup

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
    return [module.command(setup) for module in MODULES]
