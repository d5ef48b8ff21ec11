"""``beet cnngenre``: classify tracks and write their genres."""

from __future__ import annotations

import optparse
from shlex import quote

from beets import ui
from beets.library import Library

from beetsplug.cnngenre.commands.options import (
    FLAG,
    add_album,
    add_model,
    add_pretend,
    add_quiet,
    add_threads,
    add_write,
    configured,
    new_command,
)
from beetsplug.cnngenre.config import only_names
from beetsplug.cnngenre.console import say
from beetsplug.cnngenre.setup import Setup

KEEP = "beet config --edit, in the section cnngenre: threshold:"


def command(setup: Setup) -> ui.Subcommand:
    """The command with its options."""
    cnngenre = new_command(
        "cnngenre", "classify tracks by their audio and write their genres", aliases=("genre",)
    )
    parser = cnngenre.parser
    add_pretend(parser, "show what would change; change nothing")
    parser.add_option("-f", "--force", **FLAG, help="replace the genres that tracks have")
    parser.add_option(
        "-k", "--keep-existing", **FLAG, help="with --force: keep those genres, add new ones"
    )
    parser.add_option("--reviewed", **FLAG, help="with --force: replace reviewed genres too")
    add_write(parser)
    add_album(parser)
    parser.add_option(
        "--threshold", type="float", metavar="P", help="lowest probability to accept, 0 to 1"
    )
    parser.add_option("--count", type="int", metavar="N", help="how many genres at most")
    parser.add_option("--genres", dest="only", metavar="NAMES", help="only these: Rock,Jazz")
    parser.add_option("--ignore", metavar="NAMES", help="not these")
    parser.add_option("--parents", metavar="WHERE", help="parent genres too: before, after or no")
    add_model(parser)
    parser.add_option("--thorough", **FLAG, help="analyse all of each track, not a sample")
    add_threads(parser)
    parser.add_option("--dask", metavar="ADDRESS", help="analyse on the cluster of this scheduler")
    add_quiet(parser, "print the summary only")

    def run(lib: Library, opts: optparse.Values, args: list[str]) -> None:
        session = setup.session(**configured(opts)).with_options(
            include_reviewed=bool(opts.reviewed), only=only_names(opts.only, "--genres")
        )
        from beetsplug.cnngenre.classify.tag import Tag
        from beetsplug.cnngenre.library import find_tracks

        tag = Tag(session, lib, review_options=review_options(opts))
        tag.run(find_tracks(lib, args, by_album=bool(opts.album)))
        if opts.threshold is not None and not session.options.quiet:
            say(f"--threshold is for this run; to keep it: {KEEP} {opts.threshold}")

    cnngenre.func = run
    return cnngenre


def review_options(opts: optparse.Values) -> str | None:
    """The options with which a review asks about the same tracks; None if it lacks such options."""
    if opts.only is not None or opts.ignore is not None:
        return None
    given = {"--model": opts.model, "--threshold": opts.threshold}
    return "".join(f" {name} {quote(str(v))}" for name, v in given.items() if v is not None)
