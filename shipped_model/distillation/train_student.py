"""Train a student on the labels; the training can be killed and started again at any time.

    python -m shipped_model.distillation.train_student WORK RUN --music MUSIC --teachers FOLDER
        [--kind branch] [--epochs 60] [--steps 250] [--start RUN] [--mixed]

RUN is a folder for the student (``student.keras``), its scales and its log (``log.csv``).  After a
kill the training continues from the last complete epoch, with all labels that exist by then.  The
clips of MUSIC's kept-out artists (``shipped_model.clips``) are not used.  An epoch of 250 steps of
sixteen pieces takes three minutes of one core for ``branch``, and four times that for ``whole``.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genre_model.core.arrays import Ints
from genre_model.training.keras_export import require_tensorflow
from shipped_model.clips import kept_out_artists
from shipped_model.distillation.groups import audioset_groups, class_names
from shipped_model.distillation.pieces import CLIPS
from shipped_model.distillation.store import Labelled, open_labels
from shipped_model.distillation.student import N_SLICES, Kind, Scale, build
from shipped_model.distillation.teachers import N_SLICES as PIECE_SLICES
from shipped_model.distillation.teachers import with_teachers
from shipped_model.distillation.training_data import (
    FROZEN,
    TARGETS,
    Arrays,
    Pieces,
    divided,
    open_pieces,
    read_scales,
    scales_of,
    write_scales,
)

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

Asked = tuple[int, Ints]  # indices of a piece and of its slices
STUDENT, SCALES = "student.keras", "scales.npz"
CLIPS_SHARE = 0.5  # of the drawn pieces: clips are most like the music that the student will meet
CLIP_NORM, WEIGHT_DECAY = 1.0, 1e-4
# The highest learning rate, which falls to 0 along a cosine; a trained network has a lower one.
LEARNING_RATES: dict[Kind, float] = {"branch": 2e-3, "whole": 5e-4}


def main() -> None:
    """Train until all epochs are done."""
    options = parse()
    require_tensorflow("a student")
    import keras

    if options.mixed:
        keras.mixed_precision.set_global_policy("mixed_float16")
    groups = audioset_groups(class_names(options.teachers / "yamnet_labels.csv"))
    pieces = open_pieces(open_labels(options.work / "labels"), groups)
    training, validation = divided(pieces.labelled, kept_out_artists(options.music))
    print(f"{len(training)} pieces to train on, {len(validation)} to validate", flush=True)
    scales = kept_scales(options.run, options.start, pieces, training)
    student = build(options.kind, TARGETS, scales[FROZEN])
    if options.start:
        student.set_weights(keras.models.load_model(options.start / STUDENT).get_weights())
    model = compiled(student, options.kind, options.epochs * options.steps)
    # The order differs after a restart, which would otherwise begin with the same pieces again.
    rng = np.random.default_rng(int.from_bytes(os.urandom(4), "little"))

    def data(asked: Callable[[], Iterator[Asked]]) -> tf.data.Dataset:
        return batches(pieces, scales, asked, options.kind, options.batch).repeat()

    model.fit(
        data(lambda: drawn(*by_source(pieces.labelled, training), rng)),
        epochs=options.epochs,
        steps_per_epoch=options.steps,
        validation_data=data(lambda: evenly(validation)),
        validation_steps=-(-len(validation) // options.batch),
        callbacks=callbacks(options.run),
        shuffle=False,
        verbose=2,
    )


def parse() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--music", type=Path, required=True)
    parser.add_argument("--kind", choices=("branch", "whole"), default="branch")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--batch", type=int, default=16, help="pieces of five slices")
    parser.add_argument("--start", type=Path, help="begin with the student of this run")
    parser.add_argument("--mixed", action="store_true", help="mixed precision, for a GPU")
    return with_teachers(parser)


def kept_scales(run: Path, start: Path | None, pieces: Pieces, training: Ints) -> dict[str, Scale]:
    """The scales of the first start, so that a restarted student keeps its scales."""
    file = run / SCALES
    if not file.exists():
        run.mkdir(parents=True, exist_ok=True)
        write_scales(file, read_scales(start / SCALES) if start else scales_of(pieces, training))
    return read_scales(file)


def compiled(model: keras.Model, kind: Kind, n_steps: int) -> keras.Model:
    """The student compiled with its optimiser and its losses."""
    import keras

    rate = keras.optimizers.schedules.CosineDecay(
        0.0, n_steps, warmup_target=LEARNING_RATES[kind], warmup_steps=min(200, n_steps // 10)
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY, clipnorm=CLIP_NORM),
        loss=dict.fromkeys(TARGETS, "mse"),
        loss_weights={name: target.weight for name, target in TARGETS.items()},
    )
    return model


def by_source(labelled: Sequence[Labelled], places: Ints) -> tuple[Ints, Ints]:
    """The development clips among some pieces, and the pieces of the packages."""
    is_clip = np.array([labelled[place].piece.source == CLIPS for place in places], np.bool_)
    return places[is_clip], places[~is_clip]


def drawn(clips: Ints, packages: Ints, rng: np.random.Generator) -> Iterator[Asked]:
    """Endless pieces, in a new order each round, each time with other slices."""
    of_clips, of_packages = shuffled(clips, rng), shuffled(packages, rng)
    share = CLIPS_SHARE if len(clips) and len(packages) else float(len(clips) > 0)
    while True:
        place = next(of_clips if rng.random() < share else of_packages)
        yield place, rng.permutation(PIECE_SLICES)[:N_SLICES]


def shuffled(places: Ints, rng: np.random.Generator) -> Iterator[int]:
    """The places endlessly, in a new order each round."""
    while True:
        yield from rng.permutation(places).tolist()


def evenly(places: Ints) -> Iterator[Asked]:
    """Each piece once, with evenly spaced slices."""
    for place in places.tolist():
        yield place, np.arange(0, PIECE_SLICES, PIECE_SLICES // N_SLICES)


def batches(
    pieces: Pieces,
    scales: Mapping[str, Scale],
    asked: Callable[[], Iterator[Asked]],
    kind: Kind,
    size: int,
) -> tf.data.Dataset:
    """Batches of inputs and standardised targets, in the order of ``asked``."""
    import tensorflow as tf

    def generated() -> Iterator[tuple[Arrays, Arrays]]:
        for place, slices in asked():
            inputs = pieces.inputs(place, slices)
            if kind == "whole":
                del inputs[FROZEN]
            yield inputs, pieces.standardised_targets(place, slices, scales)

    inputs, targets = next(iter(generated()))

    def signature(arrays: Arrays) -> dict[str, tf.TensorSpec]:
        return {name: tf.TensorSpec(values.shape, np.float32) for name, values in arrays.items()}

    dataset = tf.data.Dataset.from_generator(
        generated, output_signature=(signature(inputs), signature(targets))
    )
    return dataset.batch(size).prefetch(2)


def callbacks(run: Path) -> list[keras.callbacks.Callback]:
    """The callbacks that make a training resumable and write its log."""
    import keras

    return [
        keras.callbacks.BackupAndRestore(str(run / "backup"), delete_checkpoint=False),
        keras.callbacks.ModelCheckpoint(str(run / STUDENT)),
        keras.callbacks.CSVLogger(str(run / "log.csv"), append=True),
    ]


if __name__ == "__main__":
    main()
