"""Train a system on slices: a network by gradients with checkpoints, an estimator in one go."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Float32, Ints
from genre_model.core.files import digest, writing
from genre_model.evaluation.report import EpochReport
from genre_model.features.frontend import slice_shape
from genre_model.model.onnx.session import onnx_logits, open_network
from genre_model.training.events import SILENT, TrainingEvents
from genre_model.training.keras_export import check_export, export_onnx, require_tensorflow
from genre_model.training.networks.base import Architecture, Estimator, Network
from genre_model.training.networks.zone_svm import evenly
from genre_model.training.scratch.checkpoint import best_file, read_variables, restore, save
from genre_model.training.scratch.loop import Trainer, run_epochs
from genre_model.training.scratch.slice_store import SkippedTrack, StoredTrack

# The folder, inside the checkpoint's folder, of the file with all training slices of a network.
PACK = "pack"

Logits = Callable[[NDArray[np.floating]], Float32]


def nothing_to_free() -> None:
    """An estimator needs no memory beyond that of its ONNX network."""


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """The result of a training from scratch.

    ``logits`` maps the slices of one song, (n, *shape), to the logits of its votes, (n * votes,
    n_genres).  ``export`` returns the ONNX network; use ``onnx``, which calls it only once.
    ``kept_epoch`` is the epoch of this network, ``best_epoch`` the epoch that is best on the
    validation.  ``skipped`` are the tracks that could not be used.  ``forget`` frees the network if
    it is not exported; ``logits`` must not be called afterwards.
    """

    logits: Logits
    export: Callable[[], bytes]
    history: tuple[EpochReport, ...] = ()
    best_epoch: int = 0
    kept_epoch: int = 0
    n_weights: int | None = None
    skipped: tuple[SkippedTrack, ...] = ()
    forget: Callable[[], None] = nothing_to_free

    @cached_property
    def onnx(self) -> bytes:
        """The trained network as ONNX, from ``slices`` to ``logits``.

        The export frees the trained network, so ``logits`` must not be called afterwards.
        """
        return self.export()


def learn(
    architecture: Architecture,
    tracks: Sequence[StoredTrack],
    work: Path,
    *,
    seed: int,
    events: TrainingEvents = SILENT,
    epochs: int | None = None,
) -> TrainedNetwork:
    """Train a system on the tracks' slices; ``TrainingSpec.keep`` says which epoch is kept.

    If TensorFlow is used, this sets the random seeds of Python, NumPy and TensorFlow for the whole
    process, and for an ``exact`` training also TensorFlow's deterministic mode.

    Args:
        architecture: The system to train.
        tracks: Validation tracks are not trained on, but select the best epoch.
        work: Folder of the checkpoint.  An interrupted training resumes after its last complete
            epoch; a training with other settings starts afresh.
        seed: For the initial weights, the order of the slices and the dropout.
        events: Callbacks during the training.
        epochs: Maximum number of epochs; the architecture's number if None.

    Raises:
        GenreModelError: A library is missing, the folder cannot be written, or the loss is not
            finite any more.
    """
    if isinstance(architecture.learner, Estimator):
        return fit_at_once(architecture.learner, tracks, seed)
    return train_by_gradients(
        architecture, architecture.learner, tracks, work, seed, events, epochs
    )


def fit_at_once(learner: Estimator, tracks: Sequence[StoredTrack], seed: int) -> TrainedNetwork:
    """Fit a classifier to all training slices, or to a sample; validation tracks are not used.

    Slices outside the sample are never in memory.
    """
    training = [track for track in tracks if not track.validation]
    sizes = [len(track.indices) for track in training]
    songs = np.repeat(np.arange(len(training)), sizes)
    kept = np.arange(len(songs))
    if learner.max_slices is not None:
        kept = evenly(songs, learner.max_slices, seed)
    candidates = np.array([track.candidates for track in training])[songs[kept]]
    values = sampled(training, sizes, kept, learner.prepare)
    onnx = learner.fit(values, candidates, songs[kept], seed)
    return TrainedNetwork(partial(onnx_logits, open_network(onnx)), lambda: onnx)


def sampled(
    tracks: Sequence[StoredTrack],
    sizes: Sequence[int],
    kept: Ints,
    prepare: Callable[[Float32], Float32] | None = None,
) -> Float32:
    """(len(kept), *shape) slices at the indices ``kept`` over all tracks, read song by song.

    Or what ``prepare`` makes of them, song by song.
    """
    ends = np.cumsum(sizes)
    of_song = np.split(kept, np.searchsorted(kept, ends)[:-1])
    values: Float32 | None = None
    first = 0
    for track, places, end in zip(tracks, of_song, ends.tolist(), strict=True):
        if not len(places):
            continue
        start = end - len(track.indices)
        slices = replace(track, indices=track.indices[places - start]).slices()
        if prepare is not None:
            slices = prepare(slices)
        if values is None:
            values = np.empty((len(kept), *slices.shape[1:]), np.float32)
        values[first : first + len(slices)] = slices
        first += len(slices)
    assert values is not None  # every track has slices
    return values


def train_by_gradients(
    architecture: Architecture,
    network: Network,
    tracks: Sequence[StoredTrack],
    work: Path,
    seed: int,
    events: TrainingEvents,
    epochs: int | None,
) -> TrainedNetwork:
    """Do the work of :func:`learn` for a network."""
    require_tensorflow(architecture.name)
    shape = slice_shape(architecture.spectrogram, architecture.slices)
    trainer = Trainer(network, shape, len(tracks[0].candidates), seed, work / PACK)
    settings = settings_of(architecture, network, tracks, seed, trainer)
    most_epochs = network.training.epochs if epochs is None else epochs
    progress, fresh_reason = restore(work, settings, trainer.variables, most_epochs)
    resumed_epochs = len(progress.history)
    if resumed_epochs:
        events.on_note(f"the training goes on after epoch {resumed_epochs}")
    elif fresh_reason:
        events.on_note(f"the training begins anew: {fresh_reason}")
    if not resumed_epochs:
        trainer.pretrain([track for track in tracks if not track.validation])
    for report in run_epochs(trainer, tracks, progress, most_epochs, events.on_step):
        progress = progress.after(report)
        with writing(work):
            save(work, progress, trainer.model.variables, trainer.variables)
        events.on_epoch(report)
    kept_epoch = len(progress.history)
    if network.training.keep == "best":
        kept_epoch = progress.best_epoch
        read_variables(trainer.model.variables, best_file(work, kept_epoch))
    n_weights = int(trainer.model.count_params())

    def export() -> bytes:
        model = trainer.exportable()
        onnx = export_onnx(model)
        slices = tracks[0].slices()[:4].astype(np.float32)
        check_export(onnx_logits(open_network(onnx), slices), model, slices)
        trainer.forget_model()  # TensorFlow itself never frees the trainer
        return onnx

    trainer.forget_optimizer()  # the export needs its memory
    shutil.rmtree(work / PACK, ignore_errors=True)
    gc.collect()
    return TrainedNetwork(
        trainer.logits,
        export,
        progress.history,
        progress.best_epoch,
        kept_epoch,
        n_weights,
        forget=trainer.forget_model,
    )


def settings_of(
    architecture: Architecture,
    network: Network,
    tracks: Sequence[StoredTrack],
    seed: int,
    trainer: Trainer,
) -> dict[str, str]:
    """Name -> digest of the settings that a checkpoint must share to be resumed."""
    parts = {
        "architecture": (
            architecture.name,
            architecture.spectrogram,
            architecture.slices,
            replace(network.training, epochs=0, patience=0),  # these may change between runs
            [list(variable.shape) for variable in trainer.variables],
        ),
        "seed": seed,
        "tracks": [
            (track.file.name, track.indices.tolist(), track.candidates.tolist(), track.validation)
            for track in tracks
        ],
    }
    return {name: digest(msgspec.json.encode(part)) for name, part in parts.items()}
