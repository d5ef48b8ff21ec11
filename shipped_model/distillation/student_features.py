"""Compute a student's features of all labelled pieces: more inputs for the linear layer.

    python -m shipped_model.distillation.student_features WORK RUN

They go to ``RUN/features.npy``, in the order of the labels, and the student itself to
``RUN/student.onnx``.  ``head_study``, ``ceiling`` and ``add_groups`` read them (``--student RUN``).
Takes fifteen milliseconds of CPU a piece for ``branch``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from genre_model.core.arrays import Float32, Float64
from genre_model.training.keras_export import export_onnx, require_tensorflow
from shipped_model.distillation.store import open_labels
from shipped_model.distillation.teachers import N_SLICES

FEATURES, NETWORK = "features.npy", "student.onnx"


def main() -> None:
    """Compute and write the features."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("run", type=Path)
    options = parser.parse_args()
    require_tensorflow("a student")
    import keras

    student = keras.models.load_model(options.run / "student.keras").get_layer("student")
    shards = list(open_labels(options.work / "labels").arrays("log_mel"))
    found = []
    for log_mel in tqdm(shards, unit="shard"):
        slices = log_mel.astype(np.float32).reshape(-1, *log_mel.shape[2:])
        features: Float32 = student.predict_on_batch(slices)
        found.append(features.reshape(len(log_mel), N_SLICES, -1).mean(axis=1))
    np.save(options.run / FEATURES, np.concatenate(found))
    (options.run / NETWORK).write_bytes(export_onnx(student))


def read_student_features(run: Path, n_pieces: int) -> Float64:
    """The features of a student, (n_pieces, n_features).

    Raises:
        SystemExit: The number of pieces differs, because the labels have changed since.
    """
    features: Float32 = np.load(run / FEATURES)
    if len(features) != n_pieces:
        raise SystemExit(
            f"{run / FEATURES} has {len(features)} pieces, not {n_pieces}: make it again"
        )
    return features.astype(np.float64)


if __name__ == "__main__":
    main()
