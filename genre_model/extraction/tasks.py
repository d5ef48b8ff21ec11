"""Extract the features of a song, and report it if that fails."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from genre_model.core.errors import AudioError

Result = TypeVar("Result")


# Called with a file and the traceback of an unexpected error.
ReportBug = Callable[[Path, str], None]


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file has no features; ``bug`` is the traceback of an unexpected error, as text.

    Unlike a traceback object, it can be sent to another process.
    """

    reason: str
    bug: str | None = None


def log_bug(path: Path, trace: str) -> None:
    """Log an unexpected error."""
    log.error("%s: internal error\n%s", path, trace)


def attempt(function: Callable[..., Result], *arguments: object) -> Result | Failure:
    """What a function returns, or why it fails: an error of the file, or a bug."""
    try:
        return function(*arguments)
    except AudioError as error:
        return Failure(str(error))
    except Exception:  # noqa: BLE001  # the one guard: a bug in one track must not end the run
        return Failure("internal error, see the log", traceback.format_exc())


def reported(path: Path, outcome: Result | Failure, report_bug: ReportBug) -> Result | str:
    """The outcome, or the reason if it is a failure; a bug is reported."""
    if not isinstance(outcome, Failure):
        return outcome
    if outcome.bug is not None:
        report_bug(path, outcome.bug)
    return outcome.reason
