"""``beet cnngenre``: over the tracks of a query, hear, decide, write, count; or take it back."""

from __future__ import annotations

import optparse
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beets import ui
from beets.library import Item, Library

from beetsplug.cnngenre.options import DEFAULTS, GENRES, UserError
from beetsplug.cnngenre.tagging import Action, TagPlan, apply, apply_field, note, plan_undo, undo

if TYPE_CHECKING:
    from tqdm import tqdm

    from beetsplug.cnngenre import CnnGenrePlugin
    from beetsplug.cnngenre.listener import Listener
    from beetsplug.cnngenre.options import Options


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
    parser.add_option("-q", "--quiet", **flag, help="print the summary only")
    parser.add_option("--threshold", type="float", help="answer from this confidence on, 0 to 1")
    parser.add_option("--count", type="int", help="how many genres to write at most")
    parser.add_option("--model", help="the name or folder of a bundle, or: shipped")
    parser.add_option("--thorough", **flag, help="hear all of each track, not a sample")
    parser.add_option("--undo", **flag, help="give tracks back the genres that they had before")
    parser.add_option("--review", **flag, help="ask about the doubtful tracks, one by one")
    add_questions(parser, flag)

    def run(lib: Library, opts: optparse.Values, args: list[str]) -> None:
        asked = what_is_asked(opts)
        plugin.config.set_args({key: value for key, value in vars(opts).items() if key in DEFAULTS})
        options = plugin.options()
        items = find_items(lib, args, by_album=bool(opts.album))
        if asked == "undo":
            Undo(plugin, options).run(items)
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
    parser.add_option("--open", **flag, help="with --explain: show the pictures")
    parser.add_option("--suspects", **flag, help="list tracks whose genre it firmly disagrees with")
    parser.add_option("--format", help="with --suspects: how beets prints each; or json: --stats")
    parser.add_option("--playlist", metavar="FILE", help="with --suspects: write them to an .m3u")
    parser.add_option("--stats", **flag, help="count what has been tagged, and how surely")


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
        "open": ("explain",),
        "playlist": ("suspects",),
        "format": ("suspects", "stats"),
    }
    for name, owners in homes.items():
        if getattr(opts, name) is not None and what not in owners:
            raise UserError(f"cnngenre: --{name} goes with --{' or --'.join(owners)}")
    return what


def explain(
    plugin: CnnGenrePlugin, options: Options, lib: Library, items: list[Item], opts: optparse.Values
) -> None:
    """Show why tracks get their genres."""
    from beetsplug.cnngenre.explain import Explain

    folder = Path(opts.output).expanduser() if opts.output else None
    Explain(plugin, options, lib, folder).run(items, show=bool(opts.open))


def suspects(
    plugin: CnnGenrePlugin, options: Options, lib: Library, items: list[Item], opts: optparse.Values
) -> None:
    """List tracks whose genre the model firmly disagrees with.

    Raises:
        UserError: The playlist cannot be written.
    """
    from beetsplug.cnngenre.suspects import Suspects, check_playlist, write_playlist

    playlist = Path(opts.playlist).expanduser() if opts.playlist else None
    if playlist:
        check_playlist(playlist)
    search = Suspects(plugin, options, lib, None if opts.threshold is None else options.threshold)
    found = search.find(items)
    search.show(found, opts.format)
    if playlist:
        n_lost = write_playlist(playlist, [Path(one.item.filepath) for one in found])
        if n_lost:
            plugin._log.warning("not in the playlist, as their names have line breaks: {}", n_lost)


def stats(
    plugin: CnnGenrePlugin, options: Options, lib: Library, items: list[Item], opts: optparse.Values
) -> None:
    """Count what has been tagged.

    Raises:
        UserError: There is no such format.
    """
    from beetsplug.cnngenre.stats import as_json, as_lines, stats_of

    if opts.format not in (None, "json"):
        raise UserError(f"cnngenre: --stats prints json, or no --format, not {opts.format}")
    figures = stats_of(items)
    for line in as_lines(figures) if opts.format is None else [as_json(figures)]:
        ui.print_(line)


def review(
    plugin: CnnGenrePlugin, options: Options, lib: Library, items: list[Item], opts: optparse.Values
) -> None:
    """Ask the user about the doubtful tracks."""
    from beetsplug.cnngenre.review import Review

    Review(plugin, options, lib).run(items)


QUESTIONS = {"explain": explain, "suspects": suspects, "stats": stats, "review": review}


def find_items(lib: Library, query: list[str], *, by_album: bool) -> list[Item]:
    """The tracks of a query, or those of the albums of a query."""
    if by_album:
        return [item for album in lib.albums(query) for item in album.items()]
    return list(lib.items(query))


class Run:
    """What tagging and taking back have in common: progress, lines, counts, a summary."""

    words: Mapping[Action, str]

    def __init__(self, plugin: CnnGenrePlugin, options: Options) -> None:
        self.log = plugin._log
        self.plugin = plugin
        self.options = options
        self.counts: Counter[Action] = Counter()

    def run(self, items: list[Item]) -> None:
        """Go over the tracks.  What is done stays done when it is interrupted.

        Raises:
            UserError: The model cannot be used.
        """
        start = time.monotonic()
        whole = False
        try:
            with progress(len(items), quiet=self.options.quiet) as bar:
                for item, plan in self.steps(items):
                    self.counts[plan.action] += 1
                    self.show(item, plan, bar)
                    bar.update()
            if not self.options.pretend:
                self.finish(items)
            whole = True
        finally:
            if whole or self.counts:
                self.summarise(time.monotonic() - start, whole=whole)

    def steps(self, items: list[Item]) -> Iterator[tuple[Item, TagPlan]]:
        """Do one track after the other."""
        raise NotImplementedError

    def finish(self, items: list[Item]) -> None:
        """Do what is left when all tracks are done."""
        raise NotImplementedError

    def show(self, item: Item, plan: TagPlan, bar: tqdm[Any]) -> None:
        """Print what was, or would be, done to a track."""
        if self.options.quiet and plan.action is not Action.FAIL:
            return
        with bar.external_write_mode():
            if plan.action is Action.FAIL:
                self.log.warning("{}: {}", item, plan.reason)
            elif plan.action is Action.WRITE:
                change = f"{'; '.join(plan.before) or '-'} -> {'; '.join(plan.after) or '-'}"
                ui.print_(f"{item}: {change} ({plan.reason})")
            elif self.options.pretend:
                ui.print_(f"{item}: {plan.action.value} ({plan.reason})")
            else:
                self.log.debug("{}: {} ({})", item, plan.action.value, plan.reason)

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
        super().__init__(plugin, options)
        self.listener: Listener = plugin.listener(options, lib)

    def steps(self, items: list[Item]) -> Iterator[tuple[Item, TagPlan]]:
        """Carry out each verdict in this thread, the only one that writes."""
        for verdict in self.listener.verdicts(items):
            item, plan = verdict.item, verdict.plan
            if verdict.song and verdict.probabilities is not None and not self.options.pretend:
                if self.listener.target != GENRES:
                    apply_field(item, self.listener.target, verdict.song, plan)
                    yield item, plan
                    continue
                note(item, verdict.song, verdict.probabilities, self.listener.bundle_id)
                plan = apply(item, plan, write=self.options.write)
            yield item, plan

    def finish(self, items: list[Item]) -> None:
        """Albums without genres get that of their tracks."""
        if not self.options.album_genre or self.listener.target != GENRES:
            return
        from beetsplug.cnngenre.albums import albums_of, set_album_genres

        listener = self.listener
        for album in albums_of(items):
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

    def steps(self, items: list[Item]) -> Iterator[tuple[Item, TagPlan]]:
        """Tracks that we never touched are passed over."""
        for item in items:
            plan = plan_undo(item)
            if plan is None:
                continue
            if not self.options.pretend:
                plan = undo(item, plan, write=self.options.write)
            yield item, plan

    def finish(self, items: list[Item]) -> None:
        """The same for their albums."""
        from beetsplug.cnngenre.albums import albums_of, undo_album

        for album in albums_of(items):
            undo_album(album)


@contextmanager
def progress(total: int, *, quiet: bool) -> Iterator[tqdm[Any]]:
    """A progress bar on a terminal's standard error, nothing elsewhere."""
    from tqdm import tqdm

    hidden = True if quiet else None  # None: hidden unless a terminal
    bar: tqdm[Any] = tqdm(total=total, unit="track", disable=hidden, leave=False)
    with bar:
        yield bar
