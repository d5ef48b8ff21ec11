"""The user decides about the unsure tracks at the terminal, one by one."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import beets
import confuse
from beets import ui
from beets.library import Item, Library

from beetsplug.cnngenre.config import UserError
from beetsplug.cnngenre.review.session import Review
from beetsplug.cnngenre.review.uncertain import (
    DECIDED,
    N_SHOWN,
    State,
    UncertainTrack,
    candidates,
    read_genres,
)
from beetsplug.cnngenre.session import Session

if TYPE_CHECKING:
    from beetsplug.cnngenre.classify.explain import Explain


CHOICES = ("accept", "choose", "skip", "play", "picture", "quit")


class NobodyAnswersError(Exception):
    """The input has ended."""


class TerminalReview:
    """Asks about one doubtful track after the other."""

    def __init__(self, session: Session, lib: Library) -> None:
        """Load the model.

        Raises:
            UserError: It cannot be used, it is not one for genres, or nobody is there to be asked.
        """
        if not session.options.pretend:
            check_input()
        self.session, self.log, self.lib = session, session.log, lib
        self.review = Review(session, lib)
        self.explain: Explain | None = None

    def run(self, items: list[Item]) -> None:
        """Go through the doubtful ones among tracks, those that teach most first."""
        self.review.run(items, self.go_through)

    def go_through(self) -> bool:
        """Ask about one track after the other, until the user has enough."""
        uncertain_tracks = self.review.uncertain_tracks
        try:
            for number, uncertain in enumerate(uncertain_tracks, 1):
                item = self.review.unchanged(uncertain)
                if item is None:
                    self.review.leave_alone(uncertain, State.GONE)
                elif not self.ask(item, uncertain, f"{number}/{len(uncertain_tracks)}"):
                    break
        except NobodyAnswersError:
            return False  # ends as Ctrl-C does: what is decided is done
        return True

    def ask(self, item: Item, uncertain: UncertainTrack, place: str) -> bool:
        """Ask about a track until something is decided; False where the user has enough."""
        from genre_model.core.text import harmless

        ui.print_(f"\n{place}  {harmless(str(item))}")
        ui.print_(f"  {candidates(uncertain.song.ranked[:N_SHOWN])}")
        while True:
            answer = ask_choice(len(uncertain.song.ranked))
            genres = self.genres_of_answer(answer, uncertain)
            if genres:
                self.decide(item, uncertain, genres)
                return True
            if answer == "s":
                self.review.skip(uncertain)
                return True
            if answer == "q":
                return False
            if answer == "p":
                self.play(Path(item.filepath))
            elif answer == "i":
                self.show_picture(item)

    def genres_of_answer(self, answer: str | int, uncertain: UncertainTrack) -> tuple[str, ...]:
        """The genres that an answer means; none where it decides nothing."""
        song = uncertain.song
        if isinstance(answer, int):
            return (song.ranked[answer - 1].genre,)
        if answer == "a" and song.best is not None:
            return (song.best.genre,)
        return self.choose(uncertain) if answer == "c" else ()

    def choose(self, uncertain: UncertainTrack) -> tuple[str, ...]:
        """Ask for genres by number or name; none where the user goes back."""
        ranked = uncertain.song.ranked
        for number, score in enumerate(ranked, 1):
            ui.print_(f"  {number:>2}. {score.genre} {score.probability:.2f}")
        while True:
            text = ask_text("Numbers or names, with semicolons between; nothing goes back:")
            try:
                genres = read_genres(text, ranked)
            except ValueError as error:
                ui.print_(f"  {error}")
                continue
            return genres if all(self.is_meant(name, uncertain) for name in genres) else ()

    def is_meant(self, name: str, uncertain: UncertainTrack) -> bool:
        """Whether a name is known, or the user says that it is not a slip."""
        if self.review.is_known(name, uncertain):
            return True
        with ending():
            if ui.input_yn(f'The model has no "{name}". Write it (y/n)?', require=True):
                self.review.new_names.add(name)
        return name in self.review.new_names

    def decide(self, item: Item, uncertain: UncertainTrack, genres: tuple[str, ...]) -> None:
        """Do what the user has decided, and say so."""
        state = self.review.decide(uncertain, genres)
        if state in DECIDED:
            ui.print_(f"  -> {'; '.join(genres)}")
        elif state is State.GONE:
            self.log.warning("{}: left alone, changed elsewhere", item)

    def play(self, file: Path) -> None:
        """Play a track; a player that has the terminal is waited for, and Ctrl-C ends just that."""
        from genre_model.core.errors import GenreModelError
        from genre_model.explain.viewer import show

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
        from beetsplug.cnngenre.classify.explain import Explain
        from genre_model.core.errors import GenreModelError
        from genre_model.explain.viewer import show

        if self.explain is None:
            self.explain = Explain(self.session, self.lib)
        for verdict in self.explain.track_classifier.verdicts([item]):
            picture = self.explain.explain(verdict)
            if picture is None:
                self.log.warning("there is no picture")
                return
            try:
                show(picture)
            except GenreModelError as error:
                self.log.warning("{}", error)


def check_input() -> None:
    """Make sure that there is a terminal to ask at: lines of a file are nobody's decisions.

    Raises:
        UserError: There is none.
    """
    if sys.stdin is None or sys.stdin.closed or not sys.stdin.isatty():
        raise UserError("cnnreview: it asks questions, and its input is not a terminal")


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
