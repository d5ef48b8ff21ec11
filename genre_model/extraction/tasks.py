"""Process many songs at once, in order and in bounded memory, and report those that fail."""

from __future__ import annotations

import logging
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from genre_model.core.errors import AudioError

Task = TypeVar("Task")


Result = TypeVar("Result")


Handle = TypeVar("Handle", bound="Future[Any] | None")


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


def in_order(
    submit: Callable[[Task], Handle], tasks: Iterable[Task], in_flight: int
) -> Generator[tuple[Task, Handle], None, None]:
    """Tasks with their futures, in order, with at most ``in_flight`` submitted and unclaimed.

    None in place of a future means that there is nothing to do for the task.  When the caller stops
    early, tasks that have not begun are cancelled.
    """
    waiting: deque[tuple[Task, Handle]] = deque()
    try:
        for task in tasks:
            waiting.append((task, submit(task)))
            if len(waiting) >= in_flight:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        for _, future in waiting:
            if future is not None:
                future.cancel()


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
