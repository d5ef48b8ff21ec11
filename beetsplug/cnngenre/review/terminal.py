"""The review in the terminal: ask about the unsure tracks one by one."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from beets import ui
from beets.library import Item, Library

from beetsplug.cnngenre.config import play_command
from beetsplug.cnngenre.console import say
from beetsplug.cnngenre.library import Tracks, track_name
from beetsplug.cnngenre.review.prompt import (
    AT_THE_END,
    CHOICES,
    NobodyAnswersError,
    ask_choice,
    ask_text,
    check_input,
    completing,
    ending,
)
from beetsplug.cnngenre.review.review import Review
from beetsplug.cnngenre.review.uncertain import (
    DECIDED,
    N_SHOWN,
    Scope,
    State,
    UncertainTrack,
    candidates,
    read_genres,
)
from beetsplug.cnngenre.session import Session

if TYPE_CHECKING:
    from beetsplug.cnngenre.classify.explain import Explain


class Step(Enum):
    """Where to go after a question."""

    ON = "on"
    BACK = "back"
    QUIT = "quit"


STEPS = {"skip": Step.ON, "undo": Step.BACK, "quit": Step.QUIT}


class TerminalReview:
    """Asks about one unsure track after the other."""

    def __init__(self, session: Session, lib: Library) -> None:
        """Load the model.

        Raises:
            GenreModelError: The model or the genre options cannot be used.
            UserError: The model is not for genres, or there is no terminal.
        """
        if not session.options.pretend:
            check_input()
        self.session, self.log, self.lib = session, session.log, lib
        self.review = Review(session, lib)
        self.explain: Explain | None = None

    def run(self, items: Tracks) -> None:
        """Review the unsure tracks, the most useful for a training first."""
        self.review.run(items, self.go_through)

    def go_through(self) -> bool:
        """Ask about one track after the other until the user quits; False if the input ends."""
        uncertain_tracks = self.review.uncertain_tracks
        place = 0
        try:
            with completing(self.names):
                while place < len(uncertain_tracks) or self.goes_back():
                    step = self.at(place) if place < len(uncertain_tracks) else Step.BACK
                    if step is Step.QUIT:
                        break
                    place = self.take_back(place) if step is Step.BACK else place + 1
        except NobodyAnswersError:
            return False  # as with Ctrl-C, decisions are kept
        finally:
            if self.explain is not None:
                self.explain.track_classifier.close()
        return True

    def at(self, place: int) -> Step:
        """Ask about the track at a place, unless somebody else has changed it."""
        uncertain = self.review.uncertain_tracks[place]
        if uncertain.state in DECIDED:  # together with its album or artist
            return Step.ON
        item = self.review.unchanged(uncertain)
        if item is None:
            self.review.leave_alone(uncertain, State.GONE)
            return Step.ON
        return self.ask(item, uncertain, f"{place + 1}/{len(self.review.uncertain_tracks)}")

    def goes_back(self) -> bool:
        """Ask after the last track whether to undo a decision."""
        if not self.review.decisions:
            return False
        ui.print_()
        try:
            return ask_text(AT_THE_END).strip().lower() in ("u", "undo")
        except NobodyAnswersError:  # there is no question left
            return False

    def take_back(self, place: int) -> int:
        """Undo the last decision; returns the place of its track, which is asked about again."""
        if not self.review.decisions:
            ui.print_("  There is no decision to undo.")
            return place
        taken_back = self.review.take_back_all()
        self.warn_of_gone(taken_back)
        undone = [one for one, state in taken_back if state not in (State.GONE, State.FAILED)]
        if not undone:
            return place
        others = f" and {len(undone) - 1} more" if len(undone) > 1 else ""
        say(f"  undone: {undone[-1].name}{others}")
        return self.review.uncertain_tracks.index(undone[-1])

    def warn_of_gone(self, outcomes: Iterable[tuple[UncertainTrack, State]]) -> None:
        """Warn of each track that somebody else has changed."""
        for uncertain, state in outcomes:
            if state is State.GONE:
                self.log.warning("{}: left alone, changed elsewhere", uncertain.name)

    def ask(self, item: Item, uncertain: UncertainTrack, place: str) -> Step:
        """Ask about a track until something is decided."""
        ui.print_()
        say(f"{place}  {track_name(item)}")
        ui.print_(f"  {candidates(uncertain.song.ranked[:N_SHOWN])}")
        scope = Scope.TRACK
        while True:
            answer = ask_choice()
            genres = self.genres_of_answer(answer, uncertain)
            if genres:
                self.decide(uncertain, genres, scope)
                return Step.ON
            if answer == "skip":
                self.review.skip(uncertain)
            if answer in STEPS:
                return STEPS[answer]
            if answer == "play":
                self.play(Path(item.filepath))
            elif answer == "picture":
                self.show_picture(item, uncertain)
            elif answer in ("album", "artist"):
                scope = self.other_scope(uncertain, scope, Scope(answer))

    def genres_of_answer(self, answer: str, uncertain: UncertainTrack) -> tuple[str, ...]:
        """The genres that an answer means; empty if it decides nothing."""
        song = uncertain.song
        if answer == "accept":
            return (song.best.genre,) if song.best is not None else ()
        if answer == "choose":
            return self.choose(uncertain)
        return () if answer in CHOICES.values() else self.typed(answer, uncertain) or ()

    def typed(self, text: str, uncertain: UncertainTrack) -> tuple[str, ...] | None:
        """Genres from numbers and names; empty if a name is not confirmed.

        None if a number is wrong.
        """
        try:
            genres = read_genres(text, uncertain.song.ranked, self.names)
        except ValueError as error:
            ui.print_(f"  {error}")
            return None
        return genres if all(self.is_meant(name, uncertain) for name in genres) else ()

    @cached_property
    def names(self) -> list[str]:
        """The names for Tab completion: the library's own genres, and the model's."""
        own = self.review.own_genres()
        return [*own, *sorted(set(self.review.track_classifier.vocabulary.names.values()) - {*own})]

    def choose(self, uncertain: UncertainTrack) -> tuple[str, ...]:
        """Ask for genres by number or name; empty if the user goes back."""
        for number, score in enumerate(uncertain.song.ranked, 1):
            ui.print_(f"  {number:>2}. {score.genre} {score.probability:.2f}")
        question = "Numbers or names, with semicolons between; nothing goes back:"
        while (genres := self.typed(ask_text(question), uncertain)) is None:
            pass
        return genres

    def is_meant(self, name: str, uncertain: UncertainTrack) -> bool:
        """Whether a name is known, or the user confirms it."""
        if self.review.is_known(name, uncertain) or name in self.names:
            return True
        with ending():
            question = f'Neither the model nor your library has "{name}". Write it (y/n)?'
            if ui.input_yn(question, require=True):
                self.review.new_names.add(name)
        return name in self.review.new_names

    def other_scope(self, uncertain: UncertainTrack, scope: Scope, asked: Scope) -> Scope:
        """The new scope when the user asks for album or artist; asking twice means the track."""
        n = len(self.review.fellows(uncertain, asked))
        if scope is asked:
            ui.print_("  The decision is for this track.")
            return Scope.TRACK
        if not n:
            ui.print_(f"  No other undecided track has this {asked.value}.")
            return scope
        ui.print_(f"  The decision is for {n + 1} undecided tracks of this {asked.value}.")
        return asked

    def decide(self, uncertain: UncertainTrack, genres: tuple[str, ...], scope: Scope) -> None:
        """Carry out what the user has decided, and print it."""
        asked_about = [uncertain, *self.review.fellows(uncertain, scope)]
        states = self.review.decide_all(asked_about, genres)
        n = sum(state in DECIDED for state in states)
        if n:
            ui.print_(f"  -> {'; '.join(genres)}{f' ({n} tracks)' if n > 1 else ''}")
        self.warn_of_gone(zip(asked_about, states, strict=True))

    def play(self, file: Path) -> None:
        """Play a track; wait for a configured player, and let Ctrl-C end only the player."""
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
            self.log.warning(
                "cannot play: {} (the key command in the section play names one)", error
            )

    def show_picture(self, item: Item, uncertain: UncertainTrack) -> None:
        """Show why the model is unsure."""
        from beetsplug.cnngenre.classify.explain import Explain
        from genre_model.core.errors import GenreModelError
        from genre_model.explain.viewer import show

        if self.explain is None:
            own = self.review.track_classifier
            self.explain = Explain(self.session, self.lib, track_classifier=own)
        picture = self.explain.explain(uncertain.verdict(item))
        if picture is None:
            self.log.warning("there is no picture")
            return
        try:
            show(picture)
        except GenreModelError as error:
            self.log.warning("{}", error)


def player_command(file: Path) -> list[str] | None:
    """The command with which ``beet play`` would play a file; None if not configured.

    beets' own ``interactive_open`` cannot be used: its player replaces the process.
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
