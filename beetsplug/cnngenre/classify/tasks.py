"""What is known of a track before it is classified, and how many tracks need extraction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from beets.library import Item

from beetsplug.cnngenre.tagging.plan import TagPlan

# The probabilities, why there are none, or None for a track that need not be classified.
Outcome = Mapping[str, float] | str | None


MAX_AHEAD = 1_000


@dataclass(frozen=True, slots=True)
class Task:
    """One track: planned without audio (``plan``), classified before (``known``), or neither.

    ``tags`` are the network's tags, if they are needed.
    """

    item: Item
    path: Path
    plan: TagPlan | None
    known: Mapping[str, float] | None
    tags: Mapping[str, float] = field(default_factory=dict)


def file_of(task: Task) -> Path | None:
    """The file of a track; None if it need not be extracted."""
    return task.path if task.plan is None and task.known is None else None


def look_ahead(tasks: Iterator[Task], n_wanted: int) -> tuple[list[Task], int]:
    """The first tasks, until ``n_wanted`` of them need extraction, and how many of them do.

    At most ``MAX_AHEAD`` tasks are read, because all of them stay in memory.
    """
    ahead: list[Task] = []
    n_to_extract = 0
    for task in islice(tasks, MAX_AHEAD):
        ahead.append(task)
        n_to_extract += file_of(task) is not None
        if n_to_extract == n_wanted:
            break
    return ahead, n_to_extract
