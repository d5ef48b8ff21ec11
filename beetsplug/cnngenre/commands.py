"""``beet cnngenre``: over the tracks of a query, hear, decide, write, count; or take it back."""

from __future__ import annotations

import optparse
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beets import ui
from beets.library import Album, Item, Library

from beetsplug.cnngenre.console import say
from beetsplug.cnngenre.interrupts import uninterrupted
from beetsplug.cnngenre.options import DEFAULTS, GENRES, UserError
from beetsplug.cnngenre.tagging import (
    Action,
    TagPlan,
    apply,
    apply_field,
    genres_of,
    kept_meanwhile,
    note,
    plan_undo,
    undo,
)
from beetsplug.cnngenre.tracks import Tracks, current, find_tracks, unedited

if TYPE_CHECKING:
    from tqdm import tqdm

    from beetsplug.cnngenre import CnnGenrePlugin
    from beetsplug.cnngenre.journal import Journal
    from beetsplug.cnngenre.listener import Listener, Verdict
    from beetsplug.cnngenre.options import Options
    from beetsplug.cnngenre.stats import RunStats, Stats

# So many tracks, that come within so long, are stored in one transaction: each waits for the disk.
N_TOGETHER, TOGETHER_S = 50, 0.1


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done with a track; there is no plan for one that is passed over."""

    do: Callable[[], tuple[Item, TagPlan | None]]
    writes_file: bool


def genre_command(plugin: CnnGenrePlugin) -> ui.Subcommand:
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
        plugin.config.set_args(wishes)
        options = plugin.options()
        if opts.run is not None:
            past_run(plugin, opts, args)
            return
        with usable_library():
            items = find_tracks(lib, args, by_album=bool(opts.album))
            if asked == "undo":
                Undo(plugin, options, lib).run(items)
            elif asked == "tag":
                Tag(plugin, options, lib).run(items)
            else:
                QUESTIONS[asked](plugin, options, lib, items, opts)

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
    plugin: CnnGenrePlugin, options: Options, lib: Library, items: Tracks, opts: optparse.Values
) -> None:
    """Show why tracks get their genres."""
    from beetsplug.cnngenre.explain import Explain

    folder = Path(opts.output).expanduser() if opts.output else None
    Explain(plugin, options, lib, folder).run(items, show=bool(opts.open))


def suspects(
    plugin: CnnGenrePlugin, options: Options, lib: Library, items: Tracks, opts: optparse.Values
) -> None:
    """List tracks whose genre the model firmly disagrees with.

    Raises:
        UserError: The playlist cannot be written, or the threshold is no probability.
    """
    from beetsplug.cnngenre.suspects import Suspects, check_playlist, write_playlist

    if opts.threshold is not None and not 0 <= opts.threshold <= 1:
        raise UserError(f"cnngenre: --threshold {opts.threshold} is not from 0 to 1")
    playlist = Path(opts.playlist).expanduser() if opts.playlist else None
    if playlist:
        check_playlist(playlist)
    search = Suspects(plugin, options, lib, opts.threshold)
    found = search.find(list(items))
    search.show(found, opts.format)
    if playlist:
        n_lost = write_playlist(playlist, [Path(one.item.filepath) for one in found])
        if n_lost:
            plugin._log.warning("not in the playlist, as their names have line breaks: {}", n_lost)


def stats(
    plugin: CnnGenrePlugin, options: Options, lib: Library, items: Tracks, opts: optparse.Values
) -> None:
    """Count what has been tagged."""
    from beetsplug.cnngenre.stats import stats_of

    show_stats(stats_of(items), opts.format)


def past_run(plugin: CnnGenrePlugin, opts: optparse.Values, query: list[str]) -> None:
    """Count what a finished run did, or list the runs.

    Raises:
        UserError: There is no such run or format, or there is a query.
    """
    from beetsplug.cnngenre.journal import LIST, find_run, journals, read_run
    from beetsplug.cnngenre.stats import list_lines, stats_of_run

    if query:
        raise UserError("cnngenre: --run is about all tracks of a run, without a QUERY")
    if opts.run != LIST:
        show_stats(stats_of_run(read_run(find_run(plugin.runs_folder(), opts.run))), opts.format)
        return
    for path in journals(plugin.runs_folder()):
        try:
            lines = list_lines([read_run(path)])
        except UserError as error:
            plugin._log.warning("{}", error)
            continue
        ui.print_(*lines)


def show_stats(figures: Stats | RunStats, wanted: str | None) -> None:
    """Print figures.

    Raises:
        UserError: There is no such format.
    """
    from beetsplug.cnngenre.stats import as_json, as_lines

    if wanted not in (None, "json"):
        raise UserError(f"cnngenre: --stats prints json, or no --format, not {wanted}")
    for line in as_lines(figures) if wanted is None else [as_json(figures)]:
        ui.print_(line)


def review(
    plugin: CnnGenrePlugin, options: Options, lib: Library, items: Tracks, opts: optparse.Values
) -> None:
    """Ask the user about the doubtful tracks."""
    from beetsplug.cnngenre.review_terminal import TerminalReview

    TerminalReview(plugin, options, lib).run(list(items))


def serve(
    plugin: CnnGenrePlugin, options: Options, lib: Library, items: Tracks, opts: optparse.Values
) -> None:
    """Show the user a page about the doubtful tracks."""
    from beetsplug.cnngenre.serve import Serve

    Serve(plugin, options, lib, opts.port).run(list(items), show=bool(opts.open))


QUESTIONS = {
    "explain": explain,
    "suspects": suspects,
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


class Run:
    """What tagging and taking back have in common: progress, lines, counts, a summary."""

    words: Mapping[Action, str]

    def __init__(self, plugin: CnnGenrePlugin, options: Options, lib: Library) -> None:
        self.log = plugin._log
        self.plugin = plugin
        self.options = options
        self.lib = lib
        self.counts: Counter[Action] = Counter()
        self.album_ids: dict[int, None] = {}

    def run(self, items: Tracks) -> None:
        """Go over the tracks.  What is done stays done when it is interrupted."""
        start = time.monotonic()
        whole = False
        try:
            with self.kept() as keep:
                with progress(len(items), quiet=self.options.quiet) as bar:
                    for steps in together(self.steps(self.noting_albums(items))):
                        with uninterrupted():
                            done = self.take(steps)
                            for item, plan in done:
                                if plan is not None:
                                    self.counts[plan.action] += 1
                                    keep(item, plan)
                        for item, plan in done:
                            if plan is not None:
                                self.show(item, plan, bar)
                            bar.update()
                if not self.options.pretend:
                    self.finish()
            whole = True
        finally:
            if whole or self.counts:
                self.summarise(time.monotonic() - start, whole=whole)

    def take(self, steps: Sequence[Step]) -> list[tuple[Item, TagPlan | None]]:
        """Take steps; the library is not locked for others while a file is written."""
        if any(step.writes_file for step in steps):
            return [step.do() for step in steps]
        with self.lib.transaction():
            return [step.do() for step in steps]

    def journal(self) -> Journal:
        """Where what was done is kept."""
        raise NotImplementedError

    @contextmanager
    def kept(self) -> Iterator[Callable[[Item, TagPlan], None]]:
        """A function that notes in the run's journal what became of a track."""
        from beetsplug.cnngenre.journal import ended

        if self.options.pretend:
            yield lambda _item, _plan: None
            return
        with ended(self.journal()) as journal:
            yield journal.add

    def noting_albums(self, items: Iterable[Item]) -> Iterator[Item]:
        """The tracks; which albums they belong to is kept."""
        for item in items:
            if item.album_id is not None:
                self.album_ids[item.album_id] = None
            yield item

    def albums(self) -> Iterator[Album]:
        """The albums of the tracks, as they are now."""
        for album_id in self.album_ids:
            album = self.lib.get_album(album_id)
            if album is not None:
                yield album

    def steps(self, items: Iterable[Item]) -> Iterator[Step]:
        """What is to be done, track after track."""
        raise NotImplementedError

    def finish(self) -> None:
        """Do what is left when all tracks are done."""
        raise NotImplementedError

    def show(self, item: Item, plan: TagPlan, bar: tqdm[Any]) -> None:
        """Print what was, or would be, done to a track."""
        if self.options.quiet and plan.action is not Action.FAIL:
            return
        if plan.action in (Action.KEEP, Action.UNSURE) and not self.options.pretend:
            self.log.debug("{}: {} ({})", item, plan.action.value, plan.reason)
            return
        with bar.external_write_mode():
            if plan.action is Action.FAIL:
                self.log.warning("{}: {}", item, plan.reason)
            elif plan.action is Action.WRITE:
                change = f"{'; '.join(plan.before) or '-'} -> {'; '.join(plan.after) or '-'}"
                say(f"{item}: {change} ({plan.reason})")
            else:
                say(f"{item}: {plan.action.value} ({plan.reason})")

    def summarise(self, seconds: float, *, whole: bool) -> None:
        """The one line at the end."""
        counts = ", ".join(f"{word} {self.counts[action]}" for action, word in self.words.items())
        minutes, rest = divmod(round(seconds), 60)
        state = "" if whole else "interrupted: "
        mode = "pretended: " if self.options.pretend else ""
        ui.print_(f"{state}{mode}{counts} in {minutes}:{rest:02d}")


class Tag(Run):
    """Hear, decide, write."""

    words: Mapping[Action, str] = {action: action.value for action in Action}

    def __init__(self, plugin: CnnGenrePlugin, options: Options, lib: Library) -> None:
        super().__init__(plugin, options, lib)
        self.listener: Listener = plugin.listener(options, lib)

    def journal(self) -> Journal:
        """Where what was done is kept."""
        listener = self.listener
        return self.plugin.journal("cnngenre", self.options, listener.bundle_id, listener.target)

    def steps(self, items: Iterable[Item]) -> Iterator[Step]:
        """The verdicts, carried out in this thread, the only one that writes."""
        for verdict in self.listener.verdicts(items):
            yield Step(
                partial(self.carry_out, verdict),
                self.options.write and verdict.plan.action is Action.WRITE,
            )

    def carry_out(self, verdict: Verdict) -> tuple[Item, TagPlan]:
        """Do what a verdict says with the track as it is now: hearing it may have taken long."""
        plan, song, target = verdict.plan, verdict.song, self.listener.target
        if self.options.pretend or song is None or verdict.probabilities is None:
            return verdict.item, plan
        item = verdict.item
        if plan.action is Action.WRITE:  # other plans are stored, or not, with one look
            now = unedited(item, genres_of(item))
            if now is None:
                return item, kept_meanwhile(plan)
            item = now
        if target != GENRES:
            apply_field(item, target, song, plan)
            return item, plan
        new = note(item, song, verdict.probabilities, self.listener.bundle_id)
        if new or plan.action is Action.WRITE:
            plan = apply(item, plan, write=self.options.write)
        return item, plan

    def finish(self) -> None:
        """Albums without genres get that of their tracks."""
        if not self.options.album_genre or self.listener.target != GENRES:
            return
        from beetsplug.cnngenre.albums import set_album_genres

        listener = self.listener
        for album in self.albums():
            set_album_genres(
                album,
                listener.vocabulary,
                listener.policy,
                listener.bundle_id,
                force=self.options.force,
            )


class Undo(Run):
    """Give tracks back what they had, unless somebody has edited their genres since."""

    words: Mapping[Action, str] = {
        Action.WRITE: "restored",
        Action.KEEP: "kept",
        Action.FAIL: "failed",
    }

    def journal(self) -> Journal:
        """Where what was done is kept."""
        return self.plugin.journal("undo", self.options)

    def steps(self, items: Iterable[Item]) -> Iterator[Step]:
        """Tracks that we never touched are passed over."""
        for loaded in items:
            yield Step(partial(self.take_back, loaded), self.options.write)

    def take_back(self, loaded: Item) -> tuple[Item, TagPlan | None]:
        """Undo what was done to the track, as it is now."""
        plan = plan_undo(loaded)
        if plan is None or self.options.pretend:
            return loaded, plan
        item = current(loaded)
        if item is None:
            return loaded, kept_meanwhile(plan)
        plan = plan_undo(item)
        return item, plan and undo(item, plan, write=self.options.write)

    def finish(self) -> None:
        """The same for their albums."""
        from beetsplug.cnngenre.albums import undo_album

        for album in self.albums():
            undo_album(album)


def together(steps: Iterable[Step]) -> Iterator[list[Step]]:
    """Steps in groups, each of which can be taken in one transaction; all that came come out.

    Nothing waits for a track that has yet to be heard, except for what came right before it.  A
    file's step is alone: the next one may be long in coming, and what the file has by then, the
    library is to have too.
    """
    waiting: list[Step] = []
    since = time.monotonic()
    try:
        for step in steps:
            if not step.writes_file:
                waiting.append(step)
                if len(waiting) < N_TOGETHER and time.monotonic() - since < TOGETHER_S:
                    continue
            if waiting:
                ready, waiting = waiting, []
                yield ready
            if step.writes_file:
                yield [step]
            since = time.monotonic()
    finally:  # interrupted, or the model turned out to be unusable
        if waiting:
            yield waiting


@contextmanager
def progress(total: int, *, quiet: bool) -> Iterator[tqdm[Any]]:
    """A progress bar on a terminal's standard error, nothing elsewhere."""
    from tqdm import tqdm

    hidden = True if quiet else None  # None: hidden unless a terminal
    # miniters: else the rate of tracks that need no hearing decides when the next one is shown.
    bar: tqdm[Any] = tqdm(total=total, unit="track", disable=hidden, leave=False, miniters=1)
    with bar:
        yield bar
