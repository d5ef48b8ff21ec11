"""``beet cnnspelling``: bring the genres of tracks to one spelling each."""

from __future__ import annotations

import optparse

from beets import ui
from beets.library import Library

from beetsplug.cnngenre.commands.options import (
    FLAG,
    add_changing,
    configured,
    new_command,
)
from beetsplug.cnngenre.setup import Setup


def command(setup: Setup) -> ui.Subcommand:
    """The command with its options."""
    cnnspelling = new_command("cnnspelling", "bring genres to the spelling that most tracks have")
    parser = cnnspelling.parser
    add_changing(parser)
    parser.add_option(
        "--tree", **FLAG, help="to the spelling of beets' genre tree, where it has the genre"
    )

    def run(lib: Library, opts: optparse.Values, args: list[str]) -> None:
        session = setup.session(**configured(opts))
        from beetsplug.cnngenre.existing_genres.spelling import Spell
        from beetsplug.cnngenre.library import find_tracks

        tracks = find_tracks(lib, args, by_album=bool(opts.album))
        Spell(session, lib, by_tree=bool(opts.tree)).run(tracks)

    cnnspelling.func = run
    return cnnspelling
