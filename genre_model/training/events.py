"""The callbacks of a training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from genre_model.evaluation.report import EpochReport

OnEpoch = Callable[[EpochReport], None]
OnFailure = Callable[[str], None]
OnNote = Callable[[str], None]
OnStep = Callable[[str, int, int], None]


def ignore(_: object) -> None:
    """Do nothing."""


def ignore_step(_what: str, _done: int, _all: int) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True)
class TrainingEvents:
    """The callbacks of a training.

    Only a training from scratch calls ``on_epoch`` and ``on_step``.  ``on_epoch`` gets the report
    of each epoch that this call trains, after its checkpoint is on disk.  ``on_step`` gets what is
    being done, how much of it is done, and how much there is in all.  ``on_failure`` gets a
    sentence about each track that cannot be used.  ``on_note`` gets a sentence about where an
    interrupted training goes on, or why it starts again from the beginning.
    """

    on_epoch: OnEpoch = ignore
    on_step: OnStep = ignore_step
    on_failure: OnFailure = ignore
    on_note: OnNote = ignore


SILENT = TrainingEvents()
