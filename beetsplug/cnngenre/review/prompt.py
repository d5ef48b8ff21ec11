"""Questions in the terminal: the prompts, the meaning of the answers, the end of the input."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from beets import ui

from beetsplug.cnngenre.config import UserError

CHOICES = {
    "a": "accept",
    "c": "choose",
    "s": "skip",
    "p": "play",
    "i": "picture",
    "l": "album",
    "r": "artist",
    "u": "undo",
    "q": "quit",
}
PROMPT = "A genre or number; Accept Choose Skip Play pIcture aLbum aRtist Undo Quit?"
AT_THE_END = "That was the last one. Enter to finish, or Undo?"


class NobodyAnswersError(Exception):
    """The input has ended."""


def check_input() -> None:
    """Make sure that the input is a terminal: lines from a file are not a user's decisions.

    Raises:
        UserError: Standard input is not a terminal.
    """
    if sys.stdin is None or sys.stdin.closed or not sys.stdin.isatty():
        raise UserError("cnnreview: it needs a terminal to ask its questions")


@contextmanager
def ending() -> Iterator[None]:
    """Wrap a question: finish its line if the input ends or the user presses Ctrl-C.

    Raises:
        NobodyAnswersError: The input has ended (for which beets raises ``UserError``).
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
    """Ask what to do with a track; returns the word of a choice, or genres as they were typed.

    A choice is typed as its letter or its whole word; any other text is a genre or its number.
    Enter skips, so that no guess is written by accident.
    """
    while True:
        text = ask_text(PROMPT).strip()
        word = CHOICES.get(text.lower(), text.lower()) or "skip"
        answer = word if word in CHOICES.values() else text
        if len(answer) > 1 or answer.isdecimal():
            return answer
        ui.print_(f"  {answer} is no choice; a genre of one letter can be typed after c")


@contextmanager
def completing(names: Sequence[str]) -> Iterator[None]:
    """Let the Tab key complete names, if Python has readline."""
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
    # libedit has its own words for keys; Pythons of macOS and of uv have it in readline's place.
    is_libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if is_libedit else "tab: complete")
    try:
        yield
    finally:
        readline.set_completer(former)
        readline.set_completer_delims(delimiters)


def ask_text(prompt: str) -> str:
    """Ask for a line of text.

    The prompt is passed to ``input`` and not printed before it, because readline redraws the line.
    """
    while True:
        with ending():
            try:
                return input(f"{prompt} ")
            except UnicodeDecodeError:
                check_input()
