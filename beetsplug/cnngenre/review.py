"""``beet cnngenre --review``: the user decides about the doubtful tracks, one by one."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import beets
import confuse
from beets import ui
from beets.library import Item, Library

from beetsplug.cnngenre.options import GENRES, Options, UserError
from beetsplug.cnngenre.tagging import Action, TagPlan, apply, genres_of, note

if TYPE_CHECKING:
    from beetsplug.cnngenre import CnnGenrePlugin
    from beetsplug.cnngenre.explain import Explain
    from beetsplug.cnngenre.listener import Listener, Verdict
    from genre_model.vocabulary import GenreScore, SongGenre

N_SHOWN = 5
CHOICES = ("accept", "choose", "skip", "play", "picture", "quit")
WORDS = ("accepted", "corrected", "skipped", "left", "failed")


class NobodyAnswersError(Exception):
    """The input has ended."""


class Review:
    """Asks about one doubtful track after the other, and does at once what is decided."""

    def __init__(self, plugin: CnnGenrePlugin, options: Options, lib: Library) -> None:
        """Load the model.

        Raises:
            UserError: It cannot be used, it is not one for genres, or nobody is there to be asked.
        """
        if not options.pretend:
            check_input()
        self.plugin, self.log, self.options, self.lib = plugin, plugin._log, options, lib
        self.listener: Listener = plugin.listener(options, lib)
        if self.listener.target != GENRES:
            raise UserError(
                f"cnngenre: --review is for genres; the model is for {self.listener.target}"
            )
        self.counts = Counter[str]()
        self.new_names: set[str] = set()
        self.explain: Explain | None = None

    def run(self, items: list[Item]) -> None:
        """Go through the doubtful ones among tracks, those that teach most first."""
        start, whole = time.monotonic(), False
        try:
            verdicts = self.doubtful(items)
            if self.options.pretend:
                self.show_order(verdicts)
            else:
                self.counts["left"] = len(verdicts)
                self.go_through(verdicts)
            whole = True
        except NobodyAnswersError:
            pass  # ends as Ctrl-C does: what is decided is done
        finally:
            if whole or self.counts:
                self.summarise(time.monotonic() - start, whole=whole)

    def doubtful(self, items: Sequence[Item]) -> list[Verdict]:
        """Hear what was never heard; the doubtful ones, those that teach most first."""
        from beetsplug.cnngenre.commands import progress
        from beetsplug.cnngenre.listener import artist_of
        from genre_model.informative import review_order

        todo = [item for item in items if self.options.force or not genres_of(item)]
        found: list[Verdict] = []
        with progress(len(todo), quiet=self.options.quiet) as bar:
            for verdict in self.listener.verdicts(todo):
                if self.is_doubtful(verdict):
                    found.append(verdict)
                bar.update()
        confidences = [
            verdict.song.best.probability for verdict in found if verdict.song and verdict.song.best
        ]
        order = review_order(confidences, [artist_of(verdict.item) for verdict in found])
        return [found[index] for index in order]

    def is_doubtful(self, verdict: Verdict) -> bool:
        """Whether there is something to ask about a track; what was heard is noted on it."""
        item, song = verdict.item, verdict.song
        if song is None or verdict.probabilities is None:
            self.counts["failed"] += 1
            self.log.warning("{}: {}", item, verdict.plan.reason)
            return False
        if not self.options.pretend:
            note(item, song, verdict.probabilities, self.listener.bundle_id)
            item.store()
        self.counts["sure"] += song.accepted
        return not song.accepted and song.best is not None

    def show_order(self, verdicts: Sequence[Verdict]) -> None:
        """Print what would be asked, in the order in which it would be."""
        from genre_model.evidence import harmless

        for verdict in verdicts:
            assert verdict.song is not None
            ui.print_(f"{harmless(str(verdict.item))}: {candidates(verdict.song.ranked[:N_SHOWN])}")
        self.counts["left"] = len(verdicts)

    def go_through(self, verdicts: Sequence[Verdict]) -> None:
        """Ask about one track after the other, until the user has enough."""
        for number, verdict in enumerate(verdicts, 1):
            item, song = self.unchanged(verdict.item), verdict.song
            place = f"{number}/{len(verdicts)}"
            if item is not None and song is not None and not self.ask(item, song, place):
                return
            self.counts["left"] -= 1

    def unchanged(self, item: Item) -> Item | None:
        """A track as it is in the library now; None where it has gone, or has other genres.

        The user may think for long, and label with something else meanwhile.
        """
        fresh = None if item.id is None else self.lib.get_item(item.id)
        return fresh if fresh is not None and genres_of(fresh) == genres_of(item) else None

    def ask(self, item: Item, song: SongGenre, place: str) -> bool:
        """Ask about a track until something is decided; False where the user has enough."""
        from genre_model.evidence import harmless

        ui.print_(f"\n{place}  {harmless(str(item))}")
        ui.print_(f"  {candidates(song.ranked[:N_SHOWN])}")
        while True:
            answer = ask_choice(len(song.ranked))
            genres = self.genres_of_answer(answer, song)
            if genres:
                self.decide(item, genres, song)
                return True
            if answer == "s":
                self.counts["skipped"] += 1
                return True
            if answer == "q":
                return False
            if answer == "p":
                self.play(Path(item.filepath))
            elif answer == "i":
                self.show_picture(item)

    def genres_of_answer(self, answer: str | int, song: SongGenre) -> tuple[str, ...]:
        """The genres that an answer means; none where it decides nothing."""
        if isinstance(answer, int):
            return (song.ranked[answer - 1].genre,)
        if answer == "a" and song.best is not None:
            return (song.best.genre,)
        return self.choose(song) if answer == "c" else ()

    def choose(self, song: SongGenre) -> tuple[str, ...]:
        """Ask for genres by number or name; none where the user goes back."""
        for number, score in enumerate(song.ranked, 1):
            ui.print_(f"  {number:>2}. {score.genre} {score.probability:.2f}")
        while True:
            text = ask_text("Numbers or names, with semicolons between; nothing goes back:")
            try:
                genres = read_genres(text, song.ranked)
            except ValueError as error:
                ui.print_(f"  {error}")
                continue
            return genres if all(self.is_meant(name, song.ranked) for name in genres) else ()

    def is_meant(self, name: str, ranked: Sequence[GenreScore]) -> bool:
        """Whether a name is the model's, or the user says that it is not a slip."""
        if name in self.new_names or any(name == score.genre for score in ranked):
            return True
        with ending():
            if ui.input_yn(f'The model has no "{name}". Write it (y/n)?', require=True):
                self.new_names.add(name)
        return name in self.new_names

    def decide(self, item: Item, genres: tuple[str, ...], song: SongGenre) -> None:
        """Give a track the user's genres, and its album what follows from that."""
        plan = TagPlan(Action.WRITE, genres_of(item), genres, "reviewed")
        plan = apply(item, plan, write=self.options.write, by_user=True)
        if plan.action is Action.FAIL:
            self.counts["failed"] += 1
            self.log.warning("{}: {}", item, plan.reason)
            return
        accepted = song.best is not None and genres == (song.best.genre,)
        self.counts["accepted" if accepted else "corrected"] += 1
        ui.print_(f"  -> {'; '.join(genres)}")
        self.set_album(item)

    def set_album(self, item: Item) -> None:
        """Give a track's album the genre of its tracks."""
        from beetsplug.cnngenre.albums import albums_of, set_album_genres

        listener, force = self.listener, self.options.force
        for album in albums_of([item]) if self.options.album_genre else []:
            set_album_genres(
                album, listener.vocabulary, listener.policy, listener.bundle_id, force=force
            )

    def play(self, file: Path) -> None:
        """Play a track; a player that has the terminal is waited for, and Ctrl-C ends just that."""
        from genre_model.errors import GenreModelError
        from genre_model.viewer import show

        command = player_command(file)
        try:
            if command:
                subprocess.run(command, check=False)
            else:
                show(file)
        except KeyboardInterrupt:
            ui.print_()
        except (OSError, GenreModelError) as error:
            self.log.warning("cannot play {}: {}", file, error)

    def show_picture(self, item: Item) -> None:
        """Show why the model is in doubt."""
        from beetsplug.cnngenre.explain import Explain
        from genre_model.errors import GenreModelError
        from genre_model.viewer import show

        if self.explain is None:
            self.explain = Explain(self.plugin, self.options, self.lib, None)
        for verdict in self.explain.listener.verdicts([item]):
            picture = self.explain.explain(verdict)
            if picture is None:
                self.log.warning("there is no picture")
                return
            try:
                show(picture)
            except GenreModelError as error:
                self.log.warning("{}", error)

    def summarise(self, seconds: float, *, whole: bool) -> None:
        """The one line at the end."""
        state = "" if whole else "interrupted: "
        mode = "pretended: " if self.options.pretend else ""
        counts = ", ".join(f"{word} {self.counts[word]}" for word in WORDS)
        minutes, rest = divmod(round(seconds), 60)
        sure = self.counts["sure"]
        hint = f"; sure of {sure}: beet cnngenre writes those" if sure else ""
        ui.print_(f"{state}{mode}{counts} in {minutes}:{rest:02d}{hint}")


def check_input() -> None:
    """Make sure that there is a terminal to ask at: lines of a file are nobody's decisions.

    Raises:
        UserError: There is none.
    """
    if sys.stdin is None or sys.stdin.closed or not sys.stdin.isatty():
        raise UserError("cnngenre: --review asks questions, and its input is not a terminal")


def candidates(scores: Sequence[GenreScore]) -> str:
    """Genres with their numbers and probabilities, in a line."""
    return "   ".join(
        f"{number}. {score.genre} {score.probability:.2f}" for number, score in enumerate(scores, 1)
    )


@contextmanager
def ending() -> Iterator[None]:
    """Around a question: whatever else ends it ends its line too.

    Raises:
        NobodyAnswersError: The input has ended, which beets calls an error of the user's.
    """
    try:
        yield
    except UserError as error:
        ui.print_()
        raise NobodyAnswersError from error
    except KeyboardInterrupt:
        ui.print_()
        raise


def ask_choice(n_genres: int) -> str | int:
    """What to do with a track: the letter of a choice, or the number of a genre."""
    while True:
        with ending():
            try:
                # Enter skips: a doubtful genre is not to be written by inattention.
                return ui.input_options(CHOICES, numrange=(1, n_genres), default="s")
            except ValueError:  # beets stumbles over digits such as ², and over bytes of no text
                check_input()


def ask_text(prompt: str) -> str:
    """A line of text."""
    while True:
        with ending():
            try:
                return ui.input_(prompt)
            except UnicodeDecodeError:
                check_input()


def read_genres(text: str, ranked: Sequence[GenreScore]) -> tuple[str, ...]:
    """Genres from numbers and names as typed, in the model's spelling where they are the model's.

    Raises:
        ValueError: There is no such number.
    """
    from genre_model.labels import cleaned

    spelling = {score.genre.casefold(): score.genre for score in ranked}
    genres: list[str] = []
    for word in filter(None, map(cleaned, text.split(";"))):
        if word.isdecimal() and not 1 <= int(word) <= len(ranked):
            raise ValueError(f"there is no number {word}")
        name = ranked[int(word) - 1].genre if word.isdecimal() else word
        genres.append(spelling.get(name.casefold(), name))
    return tuple(dict.fromkeys(genres))


def player_command(file: Path) -> list[str] | None:
    """How ``beet play`` would play a file; None where that is not configured.

    beets' own ``interactive_open`` is no help: the player replaces the process.
    """
    view = beets.config["play"]["command"]
    command = view.get(confuse.Optional(str)) if view.exists() else None
    if not command:
        return None
    try:
        words = shlex.split(command)
    except ValueError:
        words = [command]
    words = [word for word in words if word != "$args"]
    placed = [word.replace("$playlist", os.fspath(file)) for word in words]
    return placed if placed != words else [*words, os.fspath(file)]
