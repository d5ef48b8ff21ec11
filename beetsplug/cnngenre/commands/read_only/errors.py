"""``beet cnnerrors``: tracks whose genre is probably wrong."""

from __future__ import annotations

import optparse

from beets import ui
from beets.library import Library

from beetsplug.cnngenre.commands.options import (
    add_classifying,
    add_playlist,
    configured,
    new_command,
    playlist_of,
    write_playlist,
)
from beetsplug.cnngenre.config import UserError
from beetsplug.cnngenre.setup import Setup


def command(setup: Setup) -> ui.Subcommand:
    """The command with its options."""
    cnnerrors = new_command("cnnerrors", "list tracks whose genre is probably wrong")
    parser = cnnerrors.parser
    parser.add_option(
        "--firmness",
        type="float",
        metavar="P",
        help="how firmly the model has to disagree, 0 to 1",
    )
    parser.add_option("-f", "--format", metavar="FORMAT", help="how beets prints each track")
    add_playlist(parser)
    add_classifying(parser)

    def run(lib: Library, opts: optparse.Values, args: list[str]) -> None:
        session = setup.session(**configured(opts))
        from beetsplug.cnngenre.existing_genres.label_errors import LabelErrors
        from beetsplug.cnngenre.existing_genres.labelled_verdicts import LabelledVerdicts
        from beetsplug.cnngenre.library import find_tracks

        if opts.firmness is not None and not 0 <= opts.firmness <= 1:
            raise UserError(f"cnnerrors: --firmness {opts.firmness} is not from 0 to 1")
        playlist = playlist_of(opts)
        items = find_tracks(lib, args, by_album=bool(opts.album))
        verdicts = LabelledVerdicts(session, lib, setup.train_options().map)
        search = LabelErrors(verdicts, opts.firmness)
        found = search.find(items)
        search.show(found, opts.format)
        if playlist and items:  # a mistyped query must not empty the list
            write_playlist(session, playlist, (one.item for one in found))

    cnnerrors.func = run
    return cnnerrors
