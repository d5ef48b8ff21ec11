"""``beet cnncompare``: compare the genres that tracks have with the model's answers."""

from __future__ import annotations

import optparse

from beets import ui
from beets.library import Library

from beetsplug.cnngenre.commands.options import (
    FLAG,
    add_classifying,
    configured,
    new_command,
)
from beetsplug.cnngenre.setup import Setup


def command(setup: Setup) -> ui.Subcommand:
    """The command with its options."""
    cnncompare = new_command(
        "cnncompare", "compare the genres that tracks have with what the model says"
    )
    parser = cnncompare.parser
    parser.add_option("--all", **FLAG, help="list every track, not only the surest disagreements")
    add_classifying(parser)

    def run(lib: Library, opts: optparse.Values, args: list[str]) -> None:
        session = setup.session(**configured(opts))
        from beetsplug.cnngenre.existing_genres.comparison import Comparison
        from beetsplug.cnngenre.existing_genres.labelled_verdicts import LabelledVerdicts
        from beetsplug.cnngenre.library import find_tracks

        items = find_tracks(lib, args, by_album=bool(opts.album))
        comparison = Comparison(LabelledVerdicts(session, lib, setup.train_options().map))
        tracks = comparison.compare(items)
        comparison.show(tracks, every_track=bool(opts.all))

    cnncompare.func = run
    return cnncompare
