"""``beet cnnmoods``: moods, voices and decades of tracks."""

from __future__ import annotations

import optparse

from beets import ui
from beets.library import Library

from beetsplug.cnngenre.commands.options import (
    FLAG,
    add_changing,
    add_threads,
    configured,
    new_command,
)
from beetsplug.cnngenre.setup import Setup


def command(setup: Setup) -> ui.Subcommand:
    """The command with its options."""
    cnnmoods = new_command("cnnmoods", "note moods, voices and decades of tracks")
    parser = cnnmoods.parser
    add_changing(parser)
    parser.add_option("-f", "--force", **FLAG, help="also analyse tracks that have moods already")
    parser.add_option(
        "--tag",
        dest="moods_tag",
        metavar="FIELD",
        help="also write them to a tag: mood, grouping, comments",
    )
    parser.add_option("--undo", **FLAG, help="remove them, also from the tags")
    add_threads(parser)

    def run(lib: Library, opts: optparse.Values, args: list[str]) -> None:
        session = setup.session(**configured(opts))
        from beetsplug.cnngenre.beyond_genres.moods import Moods, UndoMoods
        from beetsplug.cnngenre.library import find_tracks
        from beetsplug.cnngenre.mood_field import add_mood_field

        add_mood_field()

        tracks = find_tracks(lib, args, by_album=bool(opts.album))
        (UndoMoods if opts.undo else Moods)(session, lib).run(tracks)

    cnnmoods.func = run
    return cnnmoods
