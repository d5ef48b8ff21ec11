"""The options of ``beet cnngenre`` and ``beet cnntrain``, and what they ask for."""

from __future__ import annotations

import optparse
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beets import ui
from beets.library import Library

from beetsplug.cnngenre.config import DEFAULTS, UserError

if TYPE_CHECKING:
    from beetsplug.cnngenre.commands.stats import RunStats, Stats
    from beetsplug.cnngenre.library import Tracks
    from beetsplug.cnngenre.session import Session, Setup


def genre_command(setup: Setup) -> ui.Subcommand:
    """The command with its options; None everywhere means: as configured."""
    command = ui.Subcommand(
        "cnngenre", help="listen to tracks and write their genres", aliases=["genre"]
    )
    parser = command.parser
    flag: dict[str, Any] = {"action": "store_true", "default": None}
    parser.add_option("-p", "--pretend", **flag, help="show what would be done, change nothing")
    parser.add_option(
        "-f", "--force", **flag, help="also tracks that have genres, which are replaced"
    )
    parser.add_option(
        "-k", "--keep-existing", **flag, help="with --force: keep their genres, add the new ones"
    )
    parser.add_option("-w", "--write", **flag, help="write tags to the files")
    parser.add_option(
        "-W", "--nowrite", dest="write", action="store_false", help="change the database only"
    )
    parser.add_option("-a", "--album", **flag, help="QUERY is about albums; all their tracks")
    parser.add_option("-t", "--threads", type="int", help="how many tracks to hear at once")
    parser.add_option("--dask", metavar="ADDRESS", help="hear on the cluster of this scheduler")
    parser.add_option("-q", "--quiet", **flag, help="print the summary only")
    parser.add_option("--threshold", type="float", help="answer from this confidence on, 0 to 1")
    parser.add_option("--count", type="int", help="how many genres to write at most")
    parser.add_option("--model", help="the name or folder of a bundle, or: shipped")
    parser.add_option("--thorough", **flag, help="hear all of each track, not a sample")
    parser.add_option("--undo", **flag, help="give tracks back the genres that they had before")
    parser.add_option("--review", **flag, help="ask about the doubtful tracks, one by one")
    parser.add_option("--serve", **flag, help="the same on a page, for a browser on this machine")
    parser.add_option("--port", type="int", help="with --serve: where; otherwise one that is free")
    add_questions(parser, flag)

    def run(lib: Library, opts: optparse.Values, args: list[str]) -> None:
        asked = what_is_asked(opts)
        wishes = {key: value for key, value in vars(opts).items() if key in DEFAULTS}
        if asked == "suspects":
            wishes["threshold"] = None  # there it says how firmly, not from when on to answer
        session = setup.session(**wishes)
        if opts.run is not None:
            past_run(session, opts, args)
            return
        from beetsplug.cnngenre.commands.tag import Tag, Undo
        from beetsplug.cnngenre.library import find_tracks

        with usable_library():
            items = find_tracks(lib, args, by_album=bool(opts.album))
            if asked == "undo":
                Undo(session, lib).run(items)
            elif asked == "tag":
                Tag(session, lib).run(items)
            else:
                QUESTIONS[asked](setup, session, lib, items, opts)

    command.func = run
    return command


def add_questions(parser: optparse.OptionParser, flag: dict[str, Any]) -> None:
    """What shows something and changes nothing."""
    parser.add_option("--explain", **flag, help="show why tracks get their genres, with pictures")
    parser.add_option("-o", "--output", metavar="DIR", help="with --explain: pictures go here")
    parser.add_option("--open", **flag, help="with --explain, --serve: show the pictures, the page")
    parser.add_option("--suspects", **flag, help="list tracks whose genre it firmly disagrees with")
    parser.add_option("--format", help="with --suspects: how beets prints each; or json: --stats")
    parser.add_option("--playlist", metavar="FILE", help="with --suspects: write them to an .m3u")
    parser.add_option("--stats", **flag, help="count what has been tagged, and how surely")
    parser.add_option("--run", help="with --stats: of a past run: last, a name from list, or list")


def what_is_asked(opts: optparse.Values) -> str:
    """Which of the things that the command can do.

    Raises:
        UserError: More than one, or an option that belongs to another.
    """
    asked = [name for name in ("undo", *QUESTIONS) if getattr(opts, name)]
    if len(asked) > 1:
        raise UserError(f"cnngenre: either --{asked[0]} or --{asked[1]}")
    what = asked[0] if asked else "tag"
    homes = {
        "output": ("explain",),
        "open": ("explain", "serve"),
        "port": ("serve",),
        "playlist": ("suspects",),
        "format": ("suspects", "stats"),
        "run": ("stats",),
    }
    for name, owners in homes.items():
        if getattr(opts, name) is not None and what not in owners:
            raise UserError(f"cnngenre: --{name} goes with --{' or --'.join(owners)}")
    return what


def explain(
    setup: Setup, session: Session, lib: Library, items: Tracks, opts: optparse.Values
) -> None:
    """Show why tracks get their genres."""
    from beetsplug.cnngenre.classify.explain import Explain

    folder = Path(opts.output).expanduser() if opts.output else None
    Explain(session, lib, folder).run(items, show=bool(opts.open))


def label_errors(
    setup: Setup, session: Session, lib: Library, items: Tracks, opts: optparse.Values
) -> None:
    """List tracks whose genre the model firmly disagrees with.

    Raises:
        UserError: The playlist cannot be written, or the threshold is no probability.
    """
    from beetsplug.cnngenre.commands.label_errors import LabelErrors, check_playlist, write_playlist

    if opts.threshold is not None and not 0 <= opts.threshold <= 1:
        raise UserError(f"cnngenre: --threshold {opts.threshold} is not from 0 to 1")
    playlist = Path(opts.playlist).expanduser() if opts.playlist else None
    if playlist:
        check_playlist(playlist)
    search = LabelErrors(session, lib, opts.threshold, setup.train_options().map)
    found = search.find(list(items))
    search.show(found, opts.format)
    if playlist:
        n_lost = write_playlist(playlist, [Path(one.item.filepath) for one in found])
        if n_lost:
            session.warn(f"not in the playlist, as their names have line breaks: {n_lost}")


def stats(
    setup: Setup, session: Session, lib: Library, items: Tracks, opts: optparse.Values
) -> None:
    """Count what has been tagged."""
    from beetsplug.cnngenre.commands.stats import stats_of

    show_stats(stats_of(items), opts.format)


def past_run(session: Session, opts: optparse.Values, query: list[str]) -> None:
    """Count what a finished run did, or list the runs.

    Raises:
        UserError: There is no such run or format, or there is a query.
    """
    from beetsplug.cnngenre.commands.stats import list_lines, stats_of_run
    from beetsplug.cnngenre.tagging.journal import LIST, find_run, journals, read_run

    if query:
        raise UserError("cnngenre: --run is about all tracks of a run, without a QUERY")
    if opts.run != LIST:
        show_stats(stats_of_run(read_run(find_run(session.folders.runs, opts.run))), opts.format)
        return
    for path in journals(session.folders.runs):
        try:
            lines = list_lines([read_run(path)])
        except UserError as error:
            session.warn(str(error))
            continue
        ui.print_(*lines)


def show_stats(figures: Stats | RunStats, wanted: str | None) -> None:
    """Print figures.

    Raises:
        UserError: There is no such format.
    """
    from beetsplug.cnngenre.commands.stats import as_json, as_lines

    if wanted not in (None, "json"):
        raise UserError(f"cnngenre: --stats prints json, or no --format, not {wanted}")
    for line in as_lines(figures) if wanted is None else [as_json(figures)]:
        ui.print_(line)


def review(
    setup: Setup, session: Session, lib: Library, items: Tracks, opts: optparse.Values
) -> None:
    """Ask the user about the doubtful tracks."""
    from beetsplug.cnngenre.review.terminal import TerminalReview

    TerminalReview(session, lib).run(list(items))


def serve(
    setup: Setup, session: Session, lib: Library, items: Tracks, opts: optparse.Values
) -> None:
    """Show the user a page about the doubtful tracks."""
    from beetsplug.cnngenre.review.web.server import Serve

    Serve(session, lib, opts.port).run(list(items), show=bool(opts.open))


QUESTIONS = {
    "explain": explain,
    "suspects": label_errors,
    "stats": stats,
    "review": review,
    "serve": serve,
}


@contextmanager
def usable_library() -> Iterator[None]:
    """A library that is full, or locked for long by another program, ends the run.

    Raises:
        UserError: It is.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        raise UserError(f"cnngenre: the library cannot be used: {error}") from error


def train_command(setup: Setup) -> ui.Subcommand:
    """The command with its options."""
    command = ui.Subcommand("cnntrain", help="learn your own genres from labelled tracks")
    parser = command.parser
    flag: dict[str, Any] = {"action": "store_true", "default": None}
    parser.add_option("-p", "--pretend", **flag, help="show what would be learned from, and stop")
    parser.add_option("--genres", dest="classes", help="learn these alone, separated by commas")
    parser.add_option("--field", help="learn another field; the answers go to a field of their own")
    parser.add_option("--positive", help="learn to tell what this query finds from the rest")
    parser.add_option("--min-tracks", type="int", help="a genre with fewer joins its parent")
    parser.add_option("--labels", help="which of several genres counts: first, or any")
    parser.add_option("--consolidate", **flag, help="lift every genre to the root of beets' tree")
    parser.add_option("--architecture", help="embeddings, or a system to be trained from scratch")
    parser.add_option("--epochs", type="int", help="at most so many, from scratch")
    add_system_options(parser, flag)
    parser.add_option("--target-precision", type="float", help="the share of answers to be right")
    parser.add_option("--seed", type="int", help="of the folds")
    parser.add_option("-t", "--threads", type="int", help="how many tracks to hear at once")
    parser.add_option("-q", "--quiet", **flag, help="no progress bar")

    def run(lib: Library, opts: optparse.Values, args: list[str]) -> None:
        from beetsplug.cnngenre.commands.train import train

        given = {key: value for key, value in vars(opts).items() if value is not None}
        shared: dict[str, Any] = {
            key: given.pop(key) for key in ("threads", "quiet", "pretend") if key in given
        }
        train(setup.session(**shared), setup.train_options(**given), lib, args)

    command.func = run
    return command


def add_system_options(parser: optparse.OptionParser, flag: dict[str, Any]) -> None:
    """What a system hears of a track, and how that is weighed."""
    parser.add_option("--aggregation", help="how slices become a song: mean, product, majority ...")
    parser.add_option(
        "--select-instances", type="float", help="learn from this share of the slices, the easiest"
    )
    parser.add_option("--band", help="hear these frequencies alone: low, mid, high, no-low ...")
    parser.add_option("--position", help="hear this part: spread, beginning, middle, end, ends")
    parser.add_option("--slice-seconds", type="float", help="the length of a slice, from scratch")
    parser.add_option("--slices-per-song", type="int", help="at most so many")
    parser.add_option(
        "--play-history", **flag, help="plays, rating and age of a track count beside its sound"
    )
