"""Convert the MSD_musicnn checkpoint (ISC licence, Music Technology Group, UPF) to ONNX.

    pip download --no-deps musicnn==0.1.0
    python -m venv convert && convert/bin/pip install tensorflow-cpu tf_keras onnx onnxruntime
    convert/bin/python -m shipped_model.conversion.convert \
        musicnn-0.1.0-py3-none-any.whl network.onnx --golden tests/golden/musicnn.npz

TensorFlow reads the checkpoint and runs the original graph, from the wheel's own ``models.py``,
as the reference; the network that we ship is written by ``graph.py`` after ``pruning.py`` has
merged the constant filters.  The command fails if the two differ by more than 1e-5 on the 50 tag
probabilities.

Network: Pons & Serra, *musicnn: pre-trained convolutional neural networks for music audio
tagging*, ISMIR 2019 late-breaking demo.  Input ``log_mel`` (n, 187, 96); outputs ``tags``
(n, 50) probabilities and ``embedding`` (n, 200), the batch-normalised penultimate layer.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from shipped_model.conversion.checkpoint import (
    MODEL,
    N_MELS,
    SLICE_FRAMES,
    Array,
    read_checkpoint,
    run_original,
)
from shipped_model.conversion.graph import build_graph
from shipped_model.conversion.pruning import without_dead

TOLERANCE = 1e-5


def main() -> None:
    parser = argparse.ArgumentParser(description="Convert MSD_musicnn to ONNX and compare the two.")
    parser.add_argument("wheel", type=Path, help="musicnn-0.1.0-py3-none-any.whl")
    parser.add_argument("output", type=Path, help="where to write the .onnx file")
    parser.add_argument(
        "--golden", type=Path, help="write slices and the original's answers (.npz)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(options.wheel).extractall(folder)
        graph = build_graph(without_dead(read_checkpoint(Path(folder) / "musicnn" / MODEL)))
        onnx.checker.check_model(graph)
        options.output.write_bytes(graph.SerializeToString())
        slices = probe_slices()
        tags, embedding = run_original(Path(folder), slices)
    ours = onnxruntime.InferenceSession(str(options.output)).run(None, {"log_mel": slices})
    difference = float(np.abs(ours[0] - tags).max())
    print(f"{options.output}: {options.output.stat().st_size} bytes")
    print(f"largest difference to the original graph on tags: {difference:.2e}")
    print(f"largest difference on the embedding: {float(np.abs(ours[1] - embedding).max()):.2e}")
    if difference > TOLERANCE:
        sys.exit(f"the converted network differs by more than {TOLERANCE}")
    if options.golden:
        np.savez_compressed(options.golden, tags=tags, embedding=embedding)


def probe_slices() -> Array:
    """Eight synthetic log-mel slices, (8, 187, 96): noise, ramps, beats and silence."""
    rng = np.random.default_rng(20190811)
    slices = rng.gamma(2.0, 0.6, size=(8, SLICE_FRAMES, N_MELS))
    slices[1] *= np.linspace(2.0, 0.1, N_MELS)
    slices[2, ::23] += 2.5
    slices[3] *= 0.2
    slices[4] = 0.0
    slices[5] = np.linspace(0, 4, SLICE_FRAMES)[:, None]
    slices[6, :, 20:24] += 3.0
    slices[7] *= np.linspace(0.1, 1.6, N_MELS) * (1 + np.sin(np.arange(SLICE_FRAMES) / 3))[:, None]
    return slices.astype(np.float32)


if __name__ == "__main__":
    main()
