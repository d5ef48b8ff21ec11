"""``beet cnnexplain``: why tracks get their genres, in the terminal and as pictures."""

from __future__ import annotations

import optparse

from beets import ui
from beets.library import Library

from beetsplug.cnngenre.commands.options import (
    FLAG,
    add_album,
    add_model,
    configured,
    new_command,
)
from beetsplug.cnngenre.config import UserError, typed_path
from beetsplug.cnngenre.setup import Setup


def command(setup: Setup) -> ui.Subcommand:
    """The command with its options."""
    cnnexplain = new_command(
        "cnnexplain", "show why tracks get their genres, with pictures", query="QUERY"
    )
    parser = cnnexplain.parser
    parser.add_option("-o", "--output", metavar="DIR", help="write the pictures to this folder")
    parser.add_option("--open", **FLAG, help="open the first pictures")
    add_album(parser)
    add_model(parser)
    parser.add_option("--thorough", **FLAG, help="analyse all of each track, not a sample")

    def run(lib: Library, opts: optparse.Values, args: list[str]) -> None:
        if not args:
            raise UserError(
                "cnnexplain: say which tracks, as in: beet cnnexplain 'genres::^$' "
                "(each takes about a second and half a megabyte for its picture)"
            )
        session = setup.session(**configured(opts))
        from beetsplug.cnngenre.classify.explain import Explain
        from beetsplug.cnngenre.library import find_tracks

        folder = typed_path(opts.output) if opts.output else None
        items = find_tracks(lib, args, by_album=bool(opts.album))
        Explain(session, lib, folder).run(items, show=bool(opts.open))

    cnnexplain.func = run
    return cnnexplain
