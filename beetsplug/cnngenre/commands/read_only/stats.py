"""``beet cnnstats``: what cnngenre has done with a library, or in one past run."""

from __future__ import annotations

import optparse
from typing import TYPE_CHECKING

from beets import ui
from beets.library import Library

from beetsplug.cnngenre.commands.options import FLAG, add_album, new_command
from beetsplug.cnngenre.config import UserError
from beetsplug.cnngenre.setup import Setup

if TYPE_CHECKING:
    from beetsplug.cnngenre.session import Session
    from beetsplug.cnngenre.tagging.stats import RunStats, Stats


def command(setup: Setup) -> ui.Subcommand:
    """The command with its options."""
    cnnstats = new_command("cnnstats", "count what cnngenre has done, by confidence")
    parser = cnnstats.parser
    parser.add_option("--runs", **FLAG, help="list the past runs")
    parser.add_option("--run", metavar="NAME", help="count one past run: its name, or last")
    parser.add_option("--json", **FLAG, help="print the figures as a JSON object")
    add_album(parser)

    def run(lib: Library, opts: optparse.Values, args: list[str]) -> None:
        session = setup.session()
        if opts.runs and (opts.json or opts.run is not None):
            raise UserError("cnnstats: --runs lists the past runs, without --run and --json")
        if (opts.run is not None or opts.runs) and (args or opts.album):
            raise UserError("cnnstats: a past run is counted as a whole, without QUERY and --album")
        if opts.runs:
            list_runs(session)
            return
        of_run = opts.run is not None
        figures = run_figures(session, opts.run) if of_run else library_figures(lib, opts, args)
        show(figures, as_json=bool(opts.json))

    cnnstats.func = run
    return cnnstats


def library_figures(lib: Library, opts: optparse.Values, query: list[str]) -> Stats:
    """The figures of the tracks of a query."""
    from beetsplug.cnngenre.library import find_tracks
    from beetsplug.cnngenre.tagging.stats import stats_of

    return stats_of(find_tracks(lib, query, by_album=bool(opts.album)))


def run_figures(session: Session, name: str) -> RunStats:
    """The figures of a past run.

    Raises:
        UserError: There is no such run.
    """
    from beetsplug.cnngenre.tagging.journal import find_run, read_run
    from beetsplug.cnngenre.tagging.stats import stats_of_run

    return stats_of_run(read_run(find_run(session.folders.runs, name)))


def list_runs(session: Session) -> None:
    """Print a line for each past run."""
    from beetsplug.cnngenre.tagging.journal import journals, read_run
    from beetsplug.cnngenre.tagging.stats import run_line

    for path in journals(session.folders.runs):
        try:
            run = read_run(path)
        except UserError as error:
            session.warn(str(error))
        else:
            ui.print_(run_line(run))


def show(figures: Stats | RunStats, *, as_json: bool) -> None:
    """Print figures."""
    from beetsplug.cnngenre.tagging import stats

    for line in [stats.as_json(figures)] if as_json else stats.as_lines(figures):
        ui.print_(line)
