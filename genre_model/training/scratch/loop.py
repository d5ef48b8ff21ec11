"""The training loop of a network: gradients, epochs, and the validation of each epoch.

TensorFlow is imported inside functions only.  With the same seed, machine, version of TensorFlow
and an ``exact`` specification, the weights are the same every time, interrupted or not.  On other
machines they differ a little, because other processors add in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Bools, Float32, Float64
from genre_model.core.errors import GenreModelError
from genre_model.core.specs import AggregationSpec
from genre_model.evaluation.report import EpochReport
from genre_model.model.aggregation import aggregate, softmax
from genre_model.training.events import OnStep, ignore_step
from genre_model.training.keras_export import compiled
from genre_model.training.networks.base import Network
from genre_model.training.scratch.checkpoint import Progress
from genre_model.training.scratch.device import (
    calculating_in,
    gpus,
    precision_of,
    strategy_over,
    sum_variable,
)
from genre_model.training.scratch.optimizer import make_optimizer
from genre_model.training.scratch.slice_pack import (
    SlicePack,
    Slices,
    pack_slices,
    slice_microbatches,
)
from genre_model.training.scratch.slice_store import (
    StoredTrack,
    song_microbatches,
)

if TYPE_CHECKING:
    import tensorflow as tf


PREFETCHED_MICROBATCHES = 4

# In the validation, a song's probabilities are the mean of its slices' probabilities.
SONG_RULE = AggregationSpec(rule="mean")


class Trainer:
    """A network, its optimiser, and the sums of gradients over the microbatches of a batch."""

    def __init__(
        self,
        network: Network,
        shape: tuple[int, ...],
        n_genres: int,
        seed: int,
        work: Path,
        devices: Sequence[str] | None = None,
        precision: str | None = None,
    ) -> None:
        """Build the network with initial weights that depend on the seed alone.

        The training slices are copied into one file in the folder ``work``.  If None, ``devices``
        are all GPUs, and ``precision`` is that of the network's training specification.

        Raises:
            GenreModelError: A network of whole songs is built in the scope of several devices.
        """
        import keras
        import tensorflow as tf

        spec = network.training
        keras.utils.set_random_seed(seed)
        if spec.exact:
            tf.config.experimental.enable_op_determinism()
        devices = gpus() if devices is None else devices
        if network.whole_song:  # its slices must stay in order
            devices = devices[:1]
        self.network = network
        self.spec = spec
        self.seed = seed
        self.strategy = strategy_over(devices)
        if network.whole_song and self.strategy.num_replicas_in_sync > 1:
            raise GenreModelError("a network of whole songs learns on one device")
        self.precision = precision or precision_of(spec)
        with self.strategy.scope(), calculating_in(self.precision):
            self.model = network.build(shape, n_genres)
            self.optimizer = make_optimizer(spec, self.model.trainable_variables)
            self._sums = [sum_variable(v.shape) for v in self.model.trainable_variables]
            self._loss = sum_variable((), "float64")
        self._sizes = shape, n_genres
        self._shapes = (None, *shape), (None, n_genres)
        self._work = work
        self._pack: SlicePack | None = None
        self._adders: dict[Any, Any] = {}
        self.microbatch = spec.batch_size if devices else spec.microbatch
        one = self.strategy.num_replicas_in_sync == 1
        self._step = compiled(self._step_everywhere, [tf.TensorSpec((), tf.float32)], fused=one)
        self._infer = compiled(self._logits, [tf.TensorSpec(self._shapes[0], tf.float16)])

    @property
    def variables(self) -> list[Any]:
        """Everything that changes in training: weights, dropout's random state, the optimiser."""
        return [*self.model.variables, *self.optimizer.variables]

    def exportable(self) -> Any:
        """The network, with layers that calculate in float32."""
        if self.precision == "float32":
            return self.model
        with calculating_in("float32"):
            model = self.network.build(*self._sizes)
        model.set_weights(self.model.get_weights())
        return model

    def forget_optimizer(self) -> None:
        """Free what only training needs: twice the memory of the weights, or more."""
        del self.optimizer, self._sums, self._adders, self._step, self._pack

    def forget_model(self) -> None:
        """Free the weights; the trainer cannot be used afterwards."""
        del self.model, self._infer

    def pretrain(self, tracks: Sequence[StoredTrack]) -> None:
        """Pretrain the network, if it has a pretraining, on slices without their labels."""
        if self.network.pretrain is None:
            return
        part = self.spec.batch_size

        def batches() -> Iterator[Float32]:
            for slices, _, _ in slice_microbatches(self._packed(tracks), self.seed, 0, part, part):
                yield slices.astype(np.float32)

        self.network.pretrain(self.model, batches, self.seed)

    def train(
        self, tracks: Sequence[StoredTrack], epoch: int, on_step: OnStep = ignore_step
    ) -> float:
        """One pass over all slices of the tracks; returns the mean loss."""
        import tensorflow as tf

        dtype = tf.as_dtype(tracks[0].slices().dtype)
        signature = tuple(
            tf.TensorSpec(shape, kind)
            for shape, kind in zip(self._shapes, (dtype, tf.bool), strict=True)
        )
        if dtype not in self._adders:
            self._adders[dtype] = compiled(self._add_everywhere, signature)
        add = self._adders[dtype]
        if not self.network.whole_song:
            self._packed(tracks)  # here, so that an unwritable folder raises our own error
        dataset = tf.data.Dataset.from_generator(
            lambda: self._parts(tracks, epoch),
            output_signature=(*signature, tf.TensorSpec((), tf.bool)),
        )
        n_all = sum(len(track.indices) for track in tracks)
        n_slices, gathered = 0, 0
        self._loss.assign(0.0)
        for slices, candidates, ends_batch in dataset.prefetch(PREFETCHED_MICROBATCHES):
            add(slices, candidates)
            n_slices += len(slices)
            gathered += len(slices)
            if ends_batch:
                self._step(float(gathered))
                gathered = 0
                on_step(f"slices of epoch {epoch}", n_slices, n_all)
        return float(self._loss.read_value()) / n_slices

    def _packed(self, tracks: Sequence[StoredTrack]) -> SlicePack:
        """The packed slices of the training tracks, which must be the same in every call."""
        if self._pack is None:
            self._pack = pack_slices(tracks, self._work)
        return self._pack

    def logits(self, slices: NDArray[np.floating]) -> Float32:
        """(n, *shape) slices of one song -> (n, n_genres)."""
        part = len(slices) if self.network.whole_song else self.microbatch
        parts = [slices[first : first + part] for first in range(0, len(slices), part)]
        return np.concatenate([self._infer(values.astype(np.float16)).numpy() for values in parts])

    def _parts(
        self, tracks: Sequence[StoredTrack], epoch: int
    ) -> Iterator[tuple[Slices, Bools, bool]]:
        if self.network.whole_song:
            return song_microbatches(tracks, self.seed, epoch, self.spec.batch_size)
        return slice_microbatches(
            self._packed(tracks), self.seed, epoch, self.spec.batch_size, self.microbatch
        )

    def _logits(self, slices: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        logits = self.model(tf.cast(slices, tf.float32), training=False)
        return tf.cast(logits, tf.float32)

    def _add_everywhere(self, slices: tf.Tensor, candidates: tf.Tensor) -> None:
        """Add the gradients of a microbatch; each of n devices takes every n-th slice."""
        self.strategy.run(self._add_gradients, (slices, candidates))

    def _add_gradients(self, slices: tf.Tensor, candidates: tf.Tensor) -> None:
        """Add the gradients and losses of this device's slices to its own sums."""
        import tensorflow as tf

        places, counts = self._places(tf.shape(slices)[0])
        with tf.GradientTape() as tape:
            values = tf.cast(tf.gather(slices, places), tf.float32)
            logits = tf.cast(self.model(values, training=True), tf.float32)
            # -log of the candidates' total probability: cross-entropy if there is only one.
            of_candidates = tf.where(tf.gather(candidates, places), logits, logits.dtype.min)
            losses = tf.reduce_logsumexp(logits, 1) - tf.reduce_logsumexp(of_candidates, 1)
            loss = tf.reduce_sum(losses * counts)
        gradients = tape.gradient(loss, self.model.trainable_variables)
        for total, gradient in zip(self._sums, gradients, strict=True):
            total.assign_add(gradient)
        self._loss.assign_add(tf.cast(loss, tf.float64))

    def _places(self, n_slices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The indices of this device's slices, and for each 1 if it counts, else 0.

        If there are fewer slices than devices, a device without any takes one that does not count,
        because oneDNN fails on an empty batch.
        """
        import tensorflow as tf

        n_devices = self.strategy.num_replicas_in_sync
        device = tf.distribute.get_replica_context().replica_id_in_sync_group
        places = tf.range(device, tf.maximum(n_slices, n_devices), n_devices)
        return tf.minimum(places, n_slices - 1), tf.cast(places < n_slices, tf.float32)

    def _step_everywhere(self, n_slices: tf.Tensor) -> None:
        self.strategy.run(self._apply_sums, (n_slices,))

    def _apply_sums(self, n_slices: tf.Tensor) -> None:
        """Take one optimiser step with the mean gradients of all devices, and reset the sums."""
        import tensorflow as tf

        context = tf.distribute.get_replica_context()
        totals = [total.read_value() for total in self._sums]
        if context.num_replicas_in_sync > 1:
            totals = context.all_reduce(tf.distribute.ReduceOp.SUM, totals)
        scale = 1 / n_slices
        if self.spec.clip_norm is not None:
            norm = scale * tf.linalg.global_norm(totals)
            scale *= tf.minimum(1.0, self.spec.clip_norm / norm)
        scale /= context.num_replicas_in_sync  # Keras adds up the devices' gradients
        means = [total * scale for total in totals]
        self.optimizer.apply_gradients(zip(means, self.model.trainable_variables, strict=True))
        for total in self._sums:
            total.assign(tf.zeros(total.shape))


def run_epochs(
    trainer: Trainer,
    tracks: Sequence[StoredTrack],
    progress: Progress,
    most_epochs: int,
    on_step: OnStep = ignore_step,
) -> Iterator[EpochReport]:
    """Train and validate epochs while :meth:`Progress.goes_on`, and yield their reports.

    Raises:
        GenreModelError: The loss is not finite any more.
    """
    training = [track for track in tracks if not track.validation]
    validation = [track for track in tracks if track.validation]
    while progress.goes_on(most_epochs, trainer.spec.patience):
        epoch = len(progress.history) + 1
        loss = trainer.train(training, epoch, on_step)
        report = judge_epoch(trainer.logits, validation, epoch, loss)
        if not np.isfinite([report.loss, report.validation_loss]).all():
            raise GenreModelError(f"the training diverged: no finite loss in epoch {epoch}")
        progress = progress.after(report)
        yield report


def judge_epoch(
    logits_of: Callable[[NDArray[np.floating]], Float32],
    tracks: Sequence[StoredTrack],
    epoch: int,
    loss: float,
) -> EpochReport:
    """The report of an epoch, from the slices of the validation tracks.

    Without any, the validation loss is the training loss, and the accuracies are 0.
    """
    if not tracks:
        return EpochReport(epoch, loss, loss, 0.0, 0.0)
    losses: list[Float64] = []
    right_slices: list[Bools] = []
    right_songs: list[bool] = []
    for track in tracks:
        logits = logits_of(track.slices())
        of_candidates = softmax(logits)[:, track.candidates].sum(axis=1)
        losses.append(-np.log(np.maximum(of_candidates, np.finfo(np.float64).tiny)))
        right_slices.append(track.candidates[logits.argmax(axis=1)])
        right_songs.append(bool(track.candidates[np.argmax(aggregate(logits, SONG_RULE))]))
    return EpochReport(
        epoch=epoch,
        loss=loss,
        validation_loss=float(np.concatenate(losses).mean()),
        slice_accuracy=float(np.concatenate(right_slices).mean()),
        song_accuracy=float(np.mean(right_songs)),
    )
