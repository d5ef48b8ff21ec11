"""``beet cnnsimilar``: tracks that sound like others."""

from __future__ import annotations

import optparse
from pathlib import Path

from beets import ui
from beets.library import Library

from beetsplug.cnngenre.commands.options import (
    FLAG,
    add_album,
    add_quiet,
    add_threads,
    configured,
    new_command,
    usable_library,
)
from beetsplug.cnngenre.config import UserError
from beetsplug.cnngenre.session import Setup

DEFAULT_COUNT = 20


def command(setup: Setup) -> ui.Subcommand:
    """The command with its options."""
    cnnsimilar = new_command("cnnsimilar", "list the tracks that sound most like those of QUERY")
    parser = cnnsimilar.parser
    parser.set_usage("%prog [options] QUERY")
    parser.description = "List the tracks that sound most like those of QUERY."
    parser.add_option(
        "--count", dest="number", type="int", metavar="N", help="how many; 20 if not given"
    )
    parser.add_option("--other-artists", **FLAG, help="none of the same artist")
    parser.add_option("--other-albums", **FLAG, help="none of the same album")
    parser.add_option("--extract", **FLAG, help="first analyse the tracks that were not yet")
    parser.add_option("--playlist", metavar="FILE", help="write the tracks to an .m3u file")
    parser.add_option("-f", "--format", metavar="FORMAT", help="how beets prints each track")
    parser.add_option("-p", "--path", **FLAG, help="print the paths")
    add_album(parser)
    add_threads(parser)
    add_quiet(parser, "no progress bar")

    def run(lib: Library, opts: optparse.Values, args: list[str]) -> None:
        if not args:
            raise UserError("cnnsimilar: say like which tracks, as in: beet cnnsimilar title:song")
        session = setup.session(**configured(opts))
        from beetsplug.cnngenre.beyond_genres.similar import Wanted, find_similar
        from beetsplug.cnngenre.existing_genres.label_errors import check_playlist, write_playlist
        from beetsplug.cnngenre.library import find_tracks

        number = DEFAULT_COUNT if opts.number is None else opts.number
        if number < 1:
            raise UserError(f"cnnsimilar: --count must be at least 1, not {number}")
        playlist = Path(opts.playlist).expanduser() if opts.playlist else None
        if playlist:
            check_playlist(playlist)
        wanted = Wanted(
            number, bool(opts.other_artists), bool(opts.other_albums), bool(opts.extract)
        )
        with usable_library():
            ids = find_tracks(lib, args, by_album=bool(opts.album)).ids
            found = find_similar(session, lib, ids, wanted)
        template = "$path" if opts.path else opts.format
        for item, score in found:
            line = f"{score:.2f} {item}" if template is None else format(item, template)
            ui.print_(line)
        if playlist:
            n_lost = write_playlist(playlist, [Path(item.filepath) for item, _ in found])
            if n_lost:
                session.warn(f"not in the playlist, as their names have line breaks: {n_lost}")

    cnnsimilar.func = run
    return cnnsimilar
