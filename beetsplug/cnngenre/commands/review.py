"""``beet cnnreview``: the user decides about the unsure tracks, in the terminal or on a page."""

from __future__ import annotations

import optparse

from beets import ui
from beets.library import Library

from beetsplug.cnngenre.commands.options import (
    FLAG,
    add_classifying,
    add_pretend,
    add_write,
    configured,
    new_command,
)
from beetsplug.cnngenre.config import UserError
from beetsplug.cnngenre.setup import Setup


def command(setup: Setup) -> ui.Subcommand:
    """The command with its options."""
    cnnreview = new_command("cnnreview", "decide about the tracks that cnngenre is unsure of")
    parser = cnnreview.parser
    parser.add_option("--web", **FLAG, help="ask on a page, for a browser on this machine")
    parser.add_option("--open", **FLAG, help="with --web: open the page in the browser")
    parser.add_option("--port", type="int", metavar="N", help="with --web: the port to use")
    add_pretend(parser, "list the tracks in the order of the questions")
    parser.add_option("-f", "--force", **FLAG, help="also ask about tracks that have genres")
    add_write(parser)
    parser.add_option(
        "--threshold", type="float", metavar="P", help="tracks below this probability are unsure"
    )
    add_classifying(parser)

    def run(lib: Library, opts: optparse.Values, args: list[str]) -> None:
        for name in ("open", "port"):
            if getattr(opts, name) is not None and not opts.web:
                raise UserError(f"cnnreview: --{name} goes with --web")
        session = setup.session(**configured(opts))
        from beetsplug.cnngenre.library import find_tracks

        items = find_tracks(lib, args, by_album=bool(opts.album))
        if opts.web:
            from beetsplug.cnngenre.review.web.server import Serve

            Serve(session, lib, opts.port).run(items, show=bool(opts.open))
        else:
            from beetsplug.cnngenre.review.terminal import TerminalReview

            TerminalReview(session, lib).run(items)

    cnnreview.func = run
    return cnnreview
