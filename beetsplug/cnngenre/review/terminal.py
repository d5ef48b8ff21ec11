"""The user decides about the unsure tracks at the terminal, one by one."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from beets import ui
from beets.library import Item, Library

from beetsplug.cnngenre.config import UserError, play_command
from beetsplug.cnngenre.console import say
from beetsplug.cnngenre.library import track_name
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


CHOICES = {
    "a": "accept",
    "c": "choose",
    "s": "skip",
    "p": "play",
    "i": "picture",
    "u": "undo",
    "q": "quit",
}


PROMPT = "A genre, its number, or: Accept, Choose, Skip, Play, pIcture, Undo, Quit?"


class Step(Enum):
    """Where to go after a question."""

    ON = "on"
    BACK = "back"
    QUIT = "quit"


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
        place = 0
        try:
            with completing(self.names):
                while 0 <= place < len(uncertain_tracks):
                    place = self.next_place(place, self.at(place))
        except NobodyAnswersError:
            return False  # ends as Ctrl-C does: what is decided is done
        finally:
            if self.explain is not None:
                self.explain.track_classifier.close()
        return True

    def at(self, place: int) -> Step:
        """Ask about the track at a place, unless somebody else has changed it."""
        uncertain = self.review.uncertain_tracks[place]
        item = self.review.unchanged(uncertain)
        if item is None:
            self.review.leave_alone(uncertain, State.GONE)
            return Step.ON
        return self.ask(item, uncertain, f"{place + 1}/{len(self.review.uncertain_tracks)}")

    def next_place(self, place: int, step: Step) -> int:
        """Where to go on; behind the end where the user has enough."""
        if step is Step.QUIT:
            return len(self.review.uncertain_tracks)
        return self.take_back(place) if step is Step.BACK else place + 1

    def take_back(self, place: int) -> int:
        """Undo the last decision; the place of its track, which is asked about again."""
        if not self.review.decisions:
            ui.print_("  There is no decision to undo.")
            return place
        uncertain, state = self.review.take_back_all()[-1]
        name = track_name(uncertain.verdict.item)
        if state is State.FAILED:
            return place
        if state is State.GONE:
            self.log.warning("{}: left alone, changed elsewhere", name)
            return place
        say(f"  undone: {name}")
        return self.review.uncertain_tracks.index(uncertain)

    def ask(self, item: Item, uncertain: UncertainTrack, place: str) -> Step:
        """Ask about a track until something is decided."""
        ui.print_()
        say(f"{place}  {track_name(item)}")
        ui.print_(f"  {candidates(uncertain.song.ranked[:N_SHOWN])}")
        while True:
            answer = ask_choice()
            genres = self.genres_of_answer(answer, uncertain)
            if genres:
                self.decide(item, uncertain, genres)
                return Step.ON
            if answer == "skip":
                self.review.skip(uncertain)
                return Step.ON
            if answer == "undo":
                return Step.BACK
            if answer == "quit":
                return Step.QUIT
            if answer == "play":
                self.play(Path(item.filepath))
            elif answer == "picture":
                self.show_picture(item)

    def genres_of_answer(self, answer: str, uncertain: UncertainTrack) -> tuple[str, ...]:
        """The genres that an answer means; none where it decides nothing."""
        song = uncertain.song
        if answer == "accept":
            return (song.best.genre,) if song.best is not None else ()
        if answer == "choose":
            return self.choose(uncertain)
        return () if answer in CHOICES.values() else self.typed(answer, uncertain)

    def typed(self, text: str, uncertain: UncertainTrack) -> tuple[str, ...]:
        """Genres from numbers and names; none where they are not meant, or there is no number."""
        try:
            genres = read_genres(text, uncertain.song.ranked, self.names)
        except ValueError as error:
            ui.print_(f"  {error}")
            return ()
        return genres if all(self.is_meant(name, uncertain) for name in genres) else ()

    @cached_property
    def names(self) -> list[str]:
        """The names that complete: the library's own genres, and the model's."""
        own = self.review.own_genres()
        return [*own, *sorted(set(self.review.track_classifier.vocabulary.names.values()) - {*own})]

    def choose(self, uncertain: UncertainTrack) -> tuple[str, ...]:
        """Ask for genres by number or name; none where the user goes back."""
        ranked = uncertain.song.ranked
        for number, score in enumerate(ranked, 1):
            ui.print_(f"  {number:>2}. {score.genre} {score.probability:.2f}")
        while True:
            text = ask_text("Numbers or names, with semicolons between; nothing goes back:")
            try:
                genres = read_genres(text, ranked, self.names)
            except ValueError as error:
                ui.print_(f"  {error}")
                continue
            return genres if all(self.is_meant(name, uncertain) for name in genres) else ()

    def is_meant(self, name: str, uncertain: UncertainTrack) -> bool:
        """Whether a name is known, or the user says that it is not a slip."""
        if self.review.is_known(name, uncertain) or name in self.names:
            return True
        with ending():
            question = f'Neither the model nor your library has "{name}". Write it (y/n)?'
            if ui.input_yn(question, require=True):
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
    except (EOFError, UserError) as error:
        ui.print_()
        raise NobodyAnswersError from error
    except KeyboardInterrupt:
        ui.print_()
        raise


def ask_choice() -> str:
    """What to do with a track: the word of a choice, or genres as they were typed.

    A choice is its letter or its whole word; whatever else is typed is a genre, or the number of
    one.  Enter skips: a genre in doubt is not to be written by inattention.
    """
    while True:
        text = ask_text(PROMPT).strip()
        answer = CHOICES.get(text.lower(), text) or "skip"
        if len(answer) > 1 or answer.isdecimal():
            return answer
        ui.print_(f"  {answer} is no choice; a genre of one letter can be typed after c")


@contextmanager
def completing(names: Sequence[str]) -> Iterator[None]:
    """The Tab key completes names, where Python has readline."""
    try:
        import readline
    except ImportError:  # Windows
        yield
        return
    former, delimiters = readline.get_completer(), readline.get_completer_delims()

    def complete(text: str, state: int) -> str | None:
        found = [name for name in names if name.casefold().startswith(text.lstrip().casefold())]
        return found[state] if text.strip() and state < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(";")
    readline.parse_and_bind("tab: complete")
    try:
        yield
    finally:
        readline.set_completer(former)
        readline.set_completer_delims(delimiters)


def ask_text(prompt: str) -> str:
    """A line of text.

    The prompt is the input's own, not one printed before it: readline draws the line anew.
    """
    while True:
        with ending():
            try:
                return input(f"{prompt} ")
            except UnicodeDecodeError:
                check_input()


def player_command(file: Path) -> list[str] | None:
    """How ``beet play`` would play a file; None where that is not configured.

    beets' own ``interactive_open`` is no help: the player replaces the process.
    """
    command = play_command()
    if not command:
        return None
    try:
        words = shlex.split(command)
    except ValueError:
        words = [command]
    words = [word for word in words if word != "$args"]
    placed = [word.replace("$playlist", os.fspath(file)) for word in words]
    return placed if placed != words else [*words, os.fspath(file)]
