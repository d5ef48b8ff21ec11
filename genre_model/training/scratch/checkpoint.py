"""Checkpoints: the state of a training on disk, to resume it after an interruption."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import msgspec
import numpy as np

from genre_model.core.files import whole_file
from genre_model.evaluation.report import EpochReport

CHECKPOINT = "checkpoint.zip"

PROGRESS = "progress.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """The epochs that a training with these ``settings`` has completed."""

    settings: dict[str, str]
    history: tuple[EpochReport, ...] = ()
    best_epoch: int = 0

    def after(self, report: EpochReport) -> Progress:
        """The progress with one more epoch."""
        best = report.epoch if self.improves(report) else self.best_epoch
        return replace(self, history=(*self.history, report), best_epoch=best)

    def improves(self, report: EpochReport) -> bool:
        """Whether an epoch is better than all epochs before: by song accuracy, then by loss."""
        if not self.history:
            return True
        best = self.history[self.best_epoch - 1]
        return (report.song_accuracy, -report.validation_loss) > (
            best.song_accuracy,
            -best.validation_loss,
        )

    def goes_on(self, epochs: int, patience: int) -> bool:
        """Whether to train another epoch."""
        done = len(self.history)
        return done < epochs and (done == 0 or done - self.best_epoch < patience)


def best_file(work: Path, epoch: int) -> Path:
    """The file with the weights of an epoch, kept while the epoch is the best."""
    return work / f"best-{epoch:04d}.zip"


def save(work: Path, progress: Progress, weights: Iterable[Any], everything: Iterable[Any]) -> None:
    """Write the best weights, then the checkpoint, then delete the previous best weights."""
    best = best_file(work, progress.best_epoch)
    if progress.best_epoch == len(progress.history):
        write_variables(best, progress, weights)
    write_variables(work / CHECKPOINT, progress, everything)
    for old in work.glob("best-*.zip"):
        if old != best:
            old.unlink()


def restore(
    work: Path, settings: dict[str, str], everything: Sequence[Any], most_epochs: int
) -> tuple[Progress, str]:
    """Set the variables of a training to the checkpoint in the folder.

    Args:
        work: The folder.
        settings: The checkpoint must have the same settings.
        everything: The variables.
        most_epochs: A checkpoint with more epochs is not used.

    Returns:
        The progress, and why an existing checkpoint was not used; empty if it was, or if there is
        none.
    """
    fresh = Progress(settings)
    file = work / CHECKPOINT
    if not file.exists():
        return fresh, ""
    progress = read_progress(file)
    if progress is None:
        return fresh, "the checkpoint is damaged"
    others = [name for name in settings if progress.settings.get(name) != settings[name]]
    if others:
        return fresh, f"the checkpoint is of a training with other {' and '.join(others)}"
    if len(progress.history) > most_epochs:
        return fresh, f"the checkpoint is of {len(progress.history)} epochs already"
    best = best_file(work, progress.best_epoch)
    if not best.exists() or read_progress(best) is None:
        return fresh, "the checkpoint lacks its best weights, or they are damaged"
    read_variables(everything, file)
    return progress, ""


def write_variables(file: Path, progress: Progress, variables: Iterable[Any]) -> None:
    """Write Keras variables, in their order, into a zip file, one after the other."""
    with whole_file(file) as target, ZipFile(target, "w") as archive:
        archive.writestr(PROGRESS, msgspec.json.encode(progress))
        for index, variable in enumerate(variables):
            with archive.open(f"{index}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asarray(variable), allow_pickle=False)


def read_progress(file: Path) -> Progress | None:
    """The progress in a file of :func:`write_variables`; None if anything in it is damaged."""
    try:
        with ZipFile(file) as archive:
            if archive.testzip() is not None:
                return None
            return msgspec.json.decode(archive.read(PROGRESS), type=Progress)
    except (BadZipFile, EOFError, KeyError, OSError, ValueError, msgspec.MsgspecError):
        return None


def read_variables(variables: Sequence[Any], file: Path) -> None:
    """Set Keras variables to those in a file of :func:`write_variables`."""
    with ZipFile(file) as archive:
        for index, variable in enumerate(variables):
            with archive.open(f"{index}.npy") as entry:
                variable.assign(np.lib.format.read_array(entry, allow_pickle=False))
