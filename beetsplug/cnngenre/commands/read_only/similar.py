"""``beet cnnsimilar``: tracks that sound like others."""

from __future__ import annotations

import optparse

from beets import ui
from beets.library import Library

from beetsplug.cnngenre.commands.options import (
    FLAG,
    add_album,
    add_playlist,
    add_quiet,
    add_threads,
    configured,
    new_command,
    playlist_of,
    write_playlist,
)
from beetsplug.cnngenre.config import UserError
from beetsplug.cnngenre.console import say
from beetsplug.cnngenre.setup import Setup

DEFAULT_COUNT = 20


def command(setup: Setup) -> ui.Subcommand:
    """The command with its options."""
    cnnsimilar = new_command(
        "cnnsimilar", "list the tracks that sound most like those of QUERY", query="QUERY"
    )
    parser = cnnsimilar.parser
    parser.add_option(
        "--count", dest="number", type="int", metavar="N", help="how many; 20 if not given"
    )
    parser.add_option("--other-artists", **FLAG, help="none of the same artist")
    parser.add_option("--other-albums", **FLAG, help="none of the same album")
    parser.add_option("--extract", **FLAG, help="first analyse what is not analysed yet")
    add_playlist(parser)
    parser.add_option("-f", "--format", metavar="FORMAT", help="how beets prints each track")
    parser.add_option("-p", "--path", **FLAG, help="print the paths")
    add_album(parser)
    add_threads(parser)
    add_quiet(parser, "no progress bar")

    def run(lib: Library, opts: optparse.Values, args: list[str]) -> None:
        if not args:
            raise UserError("cnnsimilar: say which tracks, as in: beet cnnsimilar id:1")
        session = setup.session(**configured(opts))
        from beetsplug.cnngenre.beyond_genres.similar import Wanted, find_similar
        from beetsplug.cnngenre.library import find_tracks, track_name

        number = DEFAULT_COUNT if opts.number is None else opts.number
        if number < 1:
            raise UserError(f"cnnsimilar: --count must be at least 1, not {number}")
        playlist = playlist_of(opts)
        wanted = Wanted(
            number, bool(opts.other_artists), bool(opts.other_albums), bool(opts.extract)
        )
        ids = find_tracks(lib, args, by_album=bool(opts.album)).ids
        found = find_similar(session, lib, ids, wanted)
        template = "$path" if opts.path else opts.format
        for item, score in found:
            if template is None:
                say(f"{score:.2f} {track_name(item)}")
            else:
                ui.print_(format(item, template))
        if playlist and ids:  # a mistyped query must not empty the list
            write_playlist(session, playlist, (item for item, _ in found))

    cnnsimilar.func = run
    return cnnsimilar
