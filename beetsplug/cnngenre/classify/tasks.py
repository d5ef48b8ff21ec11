"""What is known of a track before it is classified, and how many of them need their file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from beets.library import Item

from beetsplug.cnngenre.tagging.plan import TagPlan

# The probabilities, why there are none, or None where a track's file need not be extracted.
Outcome = Mapping[str, float] | str | None


MAX_AHEAD = 1_000


@dataclass(frozen=True, slots=True)
class Task:
    """One track: planned without audio (``plan``), classified before (``known``) or not.

    ``tags`` are the network's, where those are wanted.
    """

    item: Item
    path: Path
    plan: TagPlan | None
    known: Mapping[str, float] | None
    tags: Mapping[str, float] = field(default_factory=dict)


def file_of(task: Task) -> Path | None:
    """The file of a track that has to be extracted."""
    return task.path if task.plan is None and task.known is None else None


def look_ahead(tasks: Iterator[Task], n_wanted: int) -> tuple[list[Task], int]:
    """The first tasks, and how many files are to be extracted: ``n_wanted``, if there are so many.

    No more than ``MAX_AHEAD`` tasks are looked at, since all of them stay in memory.
    """
    ahead: list[Task] = []
    n_to_extract = 0
    for task in islice(tasks, MAX_AHEAD):
        ahead.append(task)
        n_to_extract += file_of(task) is not None
        if n_to_extract == n_wanted:
            break
    return ahead, n_to_extract
