"""Train a network from scratch with Keras and TensorFlow, and export it to ONNX.

TensorFlow is imported inside functions only; what comes out needs none.  The slices of all tracks
are computed once and kept on disk; memory does not grow with the library.  Every whole epoch leaves
a checkpoint, from which the next call with the same folder and settings goes on.

With one seed, one machine and one version of TensorFlow, the weights are the same every time,
interrupted or not.  Elsewhere they differ a little: other processors add up in another order.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

import msgspec
import numpy as np
from numpy.typing import NDArray

from genre_model.aggregate import aggregate, softmax
from genre_model.architectures import Architecture
from genre_model.dataset import LabelledTrack
from genre_model.errors import GenreModelError
from genre_model.keras_export import check_export, compiled, export_onnx, require_tensorflow
from genre_model.report import EpochReport
from genre_model.slice_store import (
    PART,
    SkippedTrack,
    StoredTrack,
    allowed_genres,
    digest,
    slice_parts,
    store_tracks,
    whole_file,
    writing,
)
from genre_model.specs import AggregationSpec

if TYPE_CHECKING:
    import tensorflow as tf

Bools = NDArray[np.bool_]
Float16 = NDArray[np.float16]
Float32 = NDArray[np.float32]

CHECKPOINT = "checkpoint.zip"
PROGRESS = "progress.json"
PREFETCHED_PARTS = 4
# A song's genre in validation: the mean of its slices' probabilities.
SONG_RULE = AggregationSpec(rule="mean")


@dataclass(frozen=True, slots=True, eq=False)
class TrainedNetwork:
    """The network of ``best_epoch``: ``onnx`` takes ``log_mel`` and gives ``logits``.

    ``log_mel`` is (n, frames, n_mels) float32 and ``logits`` (n, n_genres).  ``resumed_epochs`` of
    the ``history`` were trained by an earlier call; ``fresh_reason`` says why a checkpoint that was
    there was not used.
    """

    onnx: bytes
    history: tuple[EpochReport, ...]
    best_epoch: int
    n_weights: int
    skipped: tuple[SkippedTrack, ...] = ()
    resumed_epochs: int = 0
    fresh_reason: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training with these ``settings`` has come."""

    settings: dict[str, str]
    history: tuple[EpochReport, ...] = ()
    best_epoch: int = 0

    def after(self, report: EpochReport) -> Progress:
        """The progress with one more epoch."""
        best = report.epoch if self.improves(report) else self.best_epoch
        return replace(self, history=(*self.history, report), best_epoch=best)

    def improves(self, report: EpochReport) -> bool:
        """Whether an epoch is better than all before: by song accuracy, then by loss."""
        if not self.history:
            return True
        best = self.history[self.best_epoch - 1]
        return (report.song_accuracy, -report.validation_loss) > (
            best.song_accuracy,
            -best.validation_loss,
        )

    def goes_on(self, epochs: int, patience: int) -> bool:
        """Whether there is another epoch to come."""
        done = len(self.history)
        return done < epochs and (done == 0 or done - self.best_epoch < patience)


def train_network(
    architecture: Architecture,
    tracks: Sequence[LabelledTrack],
    genres: Sequence[str],
    validation: Bools,
    work: Path,
    *,
    seed: int,
    on_epoch: Callable[[EpochReport], None] | None = None,
    epochs: int | None = None,
    slices_folder: Path | None = None,
) -> TrainedNetwork:
    """Train a network on slices of the tracks, and keep the epoch that judges songs best.

    Sets the random seeds of Python, NumPy and TensorFlow, and TensorFlow's deterministic mode, for
    the whole process.

    Args:
        architecture: What is trained, and how.
        tracks: With labels among ``genres``; a track with several may be any of them.
        genres: In the order of the logits.
        validation: (n_tracks,), the tracks that are not trained on but decide which epoch is best.
        work: Folder of the slices and the checkpoint.  A training that was interrupted goes on
            after its last whole epoch; one with other settings starts afresh.
        seed: Of the initial weights, the order of the slices and the dropout.
        on_epoch: Called after each epoch of this call, when its checkpoint is on disk.
        epochs: At most so many; the architecture's number where None.
        slices_folder: Where the slices are kept, to be shared by trainings; ``work/slices`` where
            None.

    Raises:
        GenreModelError: TensorFlow is missing, no track can be heard, the folder cannot be written,
            or the loss is not a number any more.
        ValueError: The arguments do not fit each other.
    """
    if epochs is not None and epochs < 1:
        raise ValueError(f"nothing to train in {epochs} epochs")
    require_tensorflow(architecture.name)
    allowed = allowed_genres(tracks, genres)
    if validation.shape != (len(tracks),):
        raise ValueError(f"validation has shape {validation.shape} for {len(tracks)} tracks")
    folder = slices_folder or work / "slices"
    with writing(folder):
        stored, skipped = store_tracks(architecture, tracks, allowed, validation, folder)
    trainer = Trainer(architecture, len(genres), seed)
    settings = settings_of(architecture, genres, stored, seed, trainer)
    progress, fresh_reason = restore(work, settings, trainer)
    resumed_epochs = len(progress.history)
    for report in run_epochs(trainer, stored, seed, progress, epochs):
        progress = progress.after(report)
        with writing(work):
            save(work, progress, trainer)
        if on_epoch is not None:
            on_epoch(report)
    model = trainer.model
    del trainer
    gc.collect()  # the optimiser's memory is wanted for the export
    read_variables(model.variables, best_file(work, progress.best_epoch))
    onnx = export_onnx(model)
    check_export(onnx, model, np.load(stored[0].file)[:4].astype(np.float32))
    return TrainedNetwork(
        onnx,
        progress.history,
        progress.best_epoch,
        int(model.count_params()),
        skipped,
        resumed_epochs,
        fresh_reason,
    )


# --- Training ------------------------------------------------------------------------------------


class Trainer:
    """A network, its optimiser, and the sums of gradients over the parts of a batch."""

    def __init__(self, architecture: Architecture, n_genres: int, seed: int) -> None:
        """Build the network with initial weights that depend on the seed alone."""
        import keras
        import tensorflow as tf

        keras.utils.set_random_seed(seed)
        tf.config.experimental.enable_op_determinism()
        spec = architecture.training
        shape = (architecture.slices.frames, architecture.spectrogram.n_mels)
        self.spec = spec
        self.model = architecture.build(shape, n_genres)
        self.optimizer = keras.optimizers.get(
            {"class_name": spec.optimizer, "config": {"learning_rate": spec.learning_rate}}
        )
        self.optimizer.build(self.model.trainable_variables)
        self._sums = [tf.Variable(tf.zeros(v.shape)) for v in self.model.trainable_variables]
        self.signature = (
            tf.TensorSpec((None, *shape), tf.float16),
            tf.TensorSpec((None, n_genres), tf.bool),
        )
        self._add = compiled(self._add_gradients, self.signature)
        self._step = compiled(self._apply_sums, [tf.TensorSpec((), tf.float32)])
        self._infer = compiled(self._logits, self.signature[:1])

    @property
    def variables(self) -> list[Any]:
        """Everything that changes in training: weights, dropout's random state, the optimiser."""
        return [*self.model.variables, *self.optimizer.variables]

    def train(self, tracks: Sequence[StoredTrack], seed: int, epoch: int) -> float:
        """One pass over all slices of the tracks; returns the mean loss."""
        import tensorflow as tf

        dataset = tf.data.Dataset.from_generator(
            lambda: slice_parts(tracks, seed, epoch, self.spec.batch_size),
            output_signature=self.signature,
        )
        total, n_slices, gathered = 0.0, 0, 0
        for slices, allowed in dataset.prefetch(PREFETCHED_PARTS):
            total += float(self._add(slices, allowed))
            n_slices += len(slices)
            gathered += len(slices)
            if gathered == self.spec.batch_size:
                self._step(float(gathered))
                gathered = 0
        if gathered:
            self._step(float(gathered))
        return total / n_slices

    def logits(self, slices: Float16) -> Float32:
        """(n, frames, n_mels) slices -> (n, n_genres)."""
        parts = [slices[first : first + PART] for first in range(0, len(slices), PART)]
        return np.concatenate([self._infer(part).numpy() for part in parts])

    def _logits(self, slices: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        return self.model(tf.cast(slices, tf.float32), training=False)

    def _add_gradients(self, slices: tf.Tensor, allowed: tf.Tensor) -> tf.Tensor:
        """Add the gradients of a part to the sums; returns the sum of its losses."""
        import tensorflow as tf

        with tf.GradientTape() as tape:
            logits = self.model(tf.cast(slices, tf.float32), training=True)
            # -log of the probability of the allowed genres together: cross-entropy, if it is one.
            of_allowed = tf.where(allowed, logits, logits.dtype.min)
            losses = tf.reduce_logsumexp(logits, 1) - tf.reduce_logsumexp(of_allowed, 1)
            loss = tf.reduce_sum(losses)
        gradients = tape.gradient(loss, self.model.trainable_variables)
        for total, gradient in zip(self._sums, gradients, strict=True):
            total.assign_add(gradient)
        return loss

    def _apply_sums(self, n_slices: tf.Tensor) -> None:
        """One step of the optimiser with the mean of the gradients, and empty the sums."""
        import tensorflow as tf

        scale = 1 / n_slices
        if self.spec.clip_norm is not None:
            norm = scale * tf.linalg.global_norm(self._sums)
            scale *= tf.minimum(1.0, self.spec.clip_norm / norm)
        for total in self._sums:  # in place: a copy would be as large as the network
            total.assign(total * scale)
        self.optimizer.apply_gradients(zip(self._sums, self.model.trainable_variables, strict=True))
        for total in self._sums:
            total.assign_sub(total)


def run_epochs(
    trainer: Trainer,
    tracks: Sequence[StoredTrack],
    seed: int,
    progress: Progress,
    epochs: int | None,
) -> Iterator[EpochReport]:
    """Train for an epoch and judge the validation's tracks, as long as there is an epoch to come.

    Raises:
        GenreModelError: The loss is not a number any more.
    """
    training = [track for track in tracks if not track.validation]
    validation = [track for track in tracks if track.validation]
    epochs = trainer.spec.epochs if epochs is None else epochs
    while progress.goes_on(epochs, trainer.spec.patience):
        epoch = len(progress.history) + 1
        report = validate(trainer, validation, epoch, trainer.train(training, seed, epoch))
        if not np.isfinite([report.loss, report.validation_loss]).all():
            raise GenreModelError(f"the training diverged: no finite loss in epoch {epoch}")
        progress = progress.after(report)
        yield report


def validate(
    trainer: Trainer, tracks: Sequence[StoredTrack], epoch: int, loss: float
) -> EpochReport:
    """The report of an epoch, from the slices of the tracks of the validation."""
    losses: list[NDArray[np.float64]] = []
    right_slices: list[Bools] = []
    right_songs: list[bool] = []
    for track in tracks:
        logits = trainer.logits(np.load(track.file))
        of_allowed = softmax(logits)[:, track.allowed].sum(axis=1)
        losses.append(-np.log(np.maximum(of_allowed, np.finfo(np.float64).tiny)))
        right_slices.append(track.allowed[logits.argmax(axis=1)])
        right_songs.append(bool(track.allowed[np.argmax(aggregate(logits, SONG_RULE))]))
    return EpochReport(
        epoch=epoch,
        loss=loss,
        validation_loss=float(np.concatenate(losses).mean()),
        slice_accuracy=float(np.concatenate(right_slices).mean()),
        song_accuracy=float(np.mean(right_songs)),
    )


# --- Checkpoints ---------------------------------------------------------------------------------


def settings_of(
    architecture: Architecture,
    genres: Sequence[str],
    tracks: Sequence[StoredTrack],
    seed: int,
    trainer: Trainer,
) -> dict[str, str]:
    """What a checkpoint must agree in to be gone on from, by the name of what may differ."""
    parts = {
        "architecture": (
            architecture.name,
            architecture.spectrogram,
            architecture.slices,
            replace(architecture.training, epochs=0, patience=0),  # these may change on the way
            [list(variable.shape) for variable in trainer.variables],
        ),
        "genres": list(genres),
        "seed": seed,
        "tracks": [
            (track.file.name, track.n_slices, track.allowed.tolist(), track.validation)
            for track in tracks
        ],
    }
    return {name: digest(msgspec.json.encode(part)) for name, part in parts.items()}


def best_file(work: Path, epoch: int) -> Path:
    """Where the weights of an epoch are kept while it is the best."""
    return work / f"best-{epoch:04d}.zip"


def save(work: Path, progress: Progress, trainer: Trainer) -> None:
    """Write the checkpoint, with the best weights before it, and drop what was best until now."""
    best = best_file(work, progress.best_epoch)
    if progress.best_epoch == len(progress.history):
        write_variables(best, progress, trainer.model.variables)
    write_variables(work / CHECKPOINT, progress, trainer.variables)
    for old in work.glob("best-*.zip"):
        if old != best:
            old.unlink()


def restore(work: Path, settings: dict[str, str], trainer: Trainer) -> tuple[Progress, str]:
    """Set the trainer to the checkpoint in the folder.

    Returns:
        The progress, and why it is none although there is a checkpoint.
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
    best = best_file(work, progress.best_epoch)
    if not best.exists() or read_progress(best) is None:
        return fresh, "the checkpoint lacks its best weights, or they are damaged"
    read_variables(trainer.variables, file)
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
