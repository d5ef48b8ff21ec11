"""``beet cnnmodels``: the available models, with their figures."""

from __future__ import annotations

import optparse

from beets import ui
from beets.library import Library

from beetsplug.cnngenre.commands.options import FLAG, new_command
from beetsplug.cnngenre.config import UserError
from beetsplug.cnngenre.console import say
from beetsplug.cnngenre.setup import Setup


def command(setup: Setup) -> ui.Subcommand:
    """The command with its options."""
    cnnmodels = new_command("cnnmodels", "list the models, with their figures", query="")
    cnnmodels.parser.add_option("--use", metavar="NAME", help="use this one from now on")
    cnnmodels.parser.add_option("--back", **FLAG, help="use the one that was in use before")

    def run(_lib: Library, opts: optparse.Values, args: list[str]) -> None:
        if args:
            raise UserError("cnnmodels: it takes no QUERY")
        if opts.use is not None and opts.back:
            raise UserError("cnnmodels: either --use or --back")
        session = setup.session()
        from beetsplug.cnngenre.models.model_list import go_back, model_lines, put_in_use

        if opts.use is not None:
            put_in_use(session, opts.use)
        elif opts.back:
            go_back(session)
        for line in model_lines(session):
            say(line)

    cnnmodels.func = run
    return cnnmodels
