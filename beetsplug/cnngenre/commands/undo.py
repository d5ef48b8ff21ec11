"""``beet cnnundo``: give tracks back the genres that they had before."""

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
    cnnundo = new_command("cnnundo", "give tracks back the genres that they had before cnngenre")
    parser = cnnundo.parser
    add_changing(parser)
    parser.add_option("--reviewed", **FLAG, help="take back what was decided in a review too")

    def run(lib: Library, opts: optparse.Values, args: list[str]) -> None:
        session = setup.session(**configured(opts)).with_options(
            include_reviewed=bool(opts.reviewed)
        )
        from beetsplug.cnngenre.library import find_tracks
        from beetsplug.cnngenre.tagging.undo import Undo

        Undo(session, lib).run(find_tracks(lib, args, by_album=bool(opts.album)))

    cnnundo.func = run
    return cnnundo
