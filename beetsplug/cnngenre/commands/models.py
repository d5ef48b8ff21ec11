"""``beet cnnmodels``: the models that there are, with their figures."""

from __future__ import annotations

import optparse

from beets import ui
from beets.library import Library

from beetsplug.cnngenre.commands.options import new_command
from beetsplug.cnngenre.config import UserError
from beetsplug.cnngenre.console import say
from beetsplug.cnngenre.session import Setup


def command(setup: Setup) -> ui.Subcommand:
    """The command with its options."""
    cnnmodels = new_command("cnnmodels", "list the models, with their figures", query=False)

    def run(_lib: Library, _opts: optparse.Values, args: list[str]) -> None:
        if args:
            raise UserError("cnnmodels: it takes no QUERY")
        session = setup.session()
        from beetsplug.cnngenre.classify.model_list import model_lines

        for line in model_lines(session):
            say(line)

    cnnmodels.func = run
    return cnnmodels
