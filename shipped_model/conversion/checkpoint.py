"""The original checkpoint: its variables, and its graph run by TensorFlow as the reference."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from genre_model.core.arrays import Float32

MODEL = "MSD_musicnn"
SLICE_FRAMES, N_MELS, N_TAGS = 187, 96, 50
BN_EPSILON = 1e-3  # tf.layers.batch_normalization's default

Array = Float32
Variables = dict[str, Array]  # by their names in the checkpoint


def read_checkpoint(directory: Path) -> Variables:
    import tensorflow as tf

    # The checkpoint's prefix has an empty base name, hence the trailing separator.
    reader = tf.compat.v1.train.NewCheckpointReader(f"{directory}{os.sep}")
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def run_original(folder: Path, slices: Array) -> tuple[Array, Array]:
    """Tags and penultimate layer of the original TensorFlow 1 graph, from the wheel's own code."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    sys.path.insert(0, str(folder))
    import tensorflow as tf

    # musicnn/__init__.py imports its extractor and with it librosa: register the bare package.
    package = type(sys)("musicnn")
    package.__path__ = [str(folder / "musicnn")]
    sys.modules["musicnn"] = package
    from musicnn import models

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, (None, SLICE_FRAMES, N_MELS))
        outputs = models.define_model(x, tf.constant(False), MODEL, N_TAGS)
        tf.compat.v1.train.Saver().restore(session, f"{folder / 'musicnn' / MODEL}{os.sep}")
        tags, embedding = session.run([tf.sigmoid(outputs[0]), outputs[-1]], {x: slices})
    return tags, embedding


def batch_norm(variables: Variables, index: int) -> tuple[Array, Array]:
    """A batch normalisation at inference as (scale, shift)."""
    name = "batch_normalization" + (f"_{index}" if index else "")
    scale = variables[f"{name}/gamma"] / np.sqrt(variables[f"{name}/moving_variance"] + BN_EPSILON)
    return scale, variables[f"{name}/beta"] - scale * variables[f"{name}/moving_mean"]


def layer(variables: Variables, kind: str, index: int) -> tuple[Array, Array]:
    name = kind + (f"_{index}" if index else "")
    return variables[f"{name}/kernel"], variables[f"{name}/bias"]
