"""The teachers' and the shipped network's outputs for a piece of music, on the CPU.

The folder of the teachers has ``mn04_as.onnx`` and ``mn04_mel_bank.npy`` (EfficientAT, Florian
Schmid, MIT), ``msd-fcn.onnx`` (sota-music-tagging-models, Minz Won, MIT) and ``yamnet.onnx``
(Google, Apache 2.0), which
``python -m tf2onnx.convert --tflite yamnet.tflite --output yamnet.onnx`` makes.  Their weights are
never part of the project.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import soxr

from genre_model.core.arrays import Float32
from genre_model.core.specs import SpectrogramSpec
from genre_model.features.log_mel import log_mel
from shipped_model.distillation.front_ends import (
    FCN_RATE_HZ,
    MN04_HOP,
    MN04_RATE_HZ,
    fcn_decibels,
    mn04_log_mel,
)

Answers = dict[str, Float32]

TEACHERS_VARIABLE = "CNNGENRE_TEACHERS"

RATE_HZ = MN04_RATE_HZ  # of a piece; the other networks get half this rate
SPECTROGRAM = SpectrogramSpec()
SLICE_FRAMES, N_SLICES = 187, 10
PIECE_SAMPLES = N_SLICES * SLICE_FRAMES * SPECTROGRAM.hop * RATE_HZ // FCN_RATE_HZ  # 29.92 s

MN04_FRAMES = 300  # of a slice: 3 s
YAMNET_SAMPLES = 15_600
# Starts of two windows in a slice of 47,872 samples, one at each end.
YAMNET_STARTS = (0, 32_000)
LEAST_SCORE = 1e-7


def teachers_folder() -> Path | None:
    """The folder that the environment variable names, or None if it does not exist."""
    named = os.environ.get(TEACHERS_VARIABLE)
    return Path(named) if named and Path(named).is_dir() else None


def with_teachers(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse a command's options with the folder of the teachers; exits if none is given."""
    parser.add_argument("--teachers", type=Path, default=teachers_folder())
    options = parser.parse_args()
    if options.teachers is None:
        parser.error(f"name the folder of the teachers: --teachers, or {TEACHERS_VARIABLE}")
    return options


def open_network(network: Path | bytes) -> onnxruntime.InferenceSession:
    """Open a session of one thread.

    Denormal numbers are treated as 0: some weights are denormal, and they make a processor tens of
    times slower.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    source = network if isinstance(network, bytes) else str(network)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def with_outputs(network: Path, names: tuple[str, ...]) -> bytes:
    """The network with some inner tensors as additional outputs."""
    model = onnx.load(str(network))
    for name in names:
        model.graph.output.append(
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        )
    return bytes(model.SerializeToString())


@dataclass(frozen=True)
class Teachers:
    """All networks that label a piece.

    Attributes:
        folder: The folder of the teachers.
        shipped: The shipped network's file.
    """

    folder: Path
    shipped: Path

    @cached_property
    def mel_bank(self) -> Float32:
        bank: Float32 = np.load(self.folder / "mn04_mel_bank.npy").astype(np.float32)
        return bank

    @cached_property
    def mn04(self) -> onnxruntime.InferenceSession:
        return open_network(self.folder / "mn04_as.onnx")

    @cached_property
    def fcn(self) -> onnxruntime.InferenceSession:
        return open_network(self.folder / "msd-fcn.onnx")

    @cached_property
    def yamnet(self) -> onnxruntime.InferenceSession:
        return open_network(self.folder / "yamnet.onnx")

    @cached_property
    def network(self) -> onnxruntime.InferenceSession:
        return open_network(with_outputs(self.shipped, ("pooled", "tag_logits")))

    def answers(self, samples: Float32) -> Answers:
        """The outputs of all networks for a piece.

        Args:
            samples: (PIECE_SAMPLES,) at 32 kHz.

        Returns:
            For each slice, (10, n): ``log_mel`` (187, 96), ``pooled`` 514, ``embedding`` 200 and
            ``tag_logits`` 50 of the shipped network; ``mn04_features`` 384, ``mn04_logits`` 527,
            ``yamnet_logits`` 521.  For the piece: ``fcn_embedding`` 64, ``fcn_logits`` 50.
        """
        # Teachers get only what our network can hear: nothing above 8 kHz.  This costs mn04 nothing
        # measurable, and its outputs then depend on no sound that a student does not get.
        halved = soxr.resample(samples, RATE_HZ, FCN_RATE_HZ, "HQ").astype(np.float32)
        return {
            **self.of_network(halved),
            **self.of_mn04(soxr.resample(halved, FCN_RATE_HZ, MN04_RATE_HZ, "HQ")),
            **self.of_fcn(halved),
            **self.of_yamnet(halved),
        }

    def of_network(self, samples: Float32) -> Answers:
        """The shipped network's outputs, from samples at 16 kHz."""
        frames = log_mel(np.pad(samples, SPECTROGRAM.pad), SPECTROGRAM)
        slices = frames[: N_SLICES * SLICE_FRAMES].reshape(N_SLICES, SLICE_FRAMES, -1)
        names = ["pooled", "embedding", "tag_logits"]
        found = self.network.run(names, {"log_mel": slices})
        return {"log_mel": slices, **dict(zip(names, found, strict=True))}

    def of_mn04(self, samples: Float32) -> Answers:
        """mn04's outputs, from samples at 32 kHz."""
        frames = mn04_log_mel(samples, self.mel_bank)
        hop = PIECE_SAMPLES / MN04_HOP / N_SLICES
        starts = [min(round(i * hop), frames.shape[1] - MN04_FRAMES) for i in range(N_SLICES)]
        slices = np.stack([frames[:, start : start + MN04_FRAMES] for start in starts])[:, None]
        features, logits = self.mn04.run(["feat", "logit"], {"x": slices})
        return {"mn04_features": features, "mn04_logits": logits}

    def of_fcn(self, samples: Float32) -> Answers:
        """msd-fcn's outputs, from samples at 16 kHz."""
        frames = fcn_decibels(samples)[None, :, : N_SLICES * SLICE_FRAMES]
        embedding, logits = self.fcn.run(["emb", "logit"], {"x": frames})
        return {"fcn_embedding": embedding[0], "fcn_logits": logits[0]}

    def of_yamnet(self, samples: Float32) -> Answers:
        """YAMNet's outputs, from samples at 16 kHz: the mean logits of two windows a slice."""
        slice_samples = SLICE_FRAMES * SPECTROGRAM.hop
        logits = []
        for start in range(0, N_SLICES * slice_samples, slice_samples):
            windows = [samples[start + at : start + at + YAMNET_SAMPLES] for at in YAMNET_STARTS]
            scores = np.concatenate([self.yamnet.run(None, {"waveform": w})[0] for w in windows])
            odds = np.clip(scores, LEAST_SCORE, 1 - LEAST_SCORE)
            logits.append(np.log(odds / (1 - odds)).mean(axis=0))
        return {"yamnet_logits": np.array(logits, np.float32)}
