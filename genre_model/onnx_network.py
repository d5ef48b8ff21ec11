"""ONNX networks, loaded and asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnxruntime

Float32 = NDArray[np.float32]

# Weights of larger networks are not kept a second time, in the order that suits the processor.
LARGE_BYTES = 2**26


def open_network(content: bytes) -> onnxruntime.InferenceSession:
    """An ONNX Runtime session on one thread: songs, not operators, run in parallel."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # refusals come back as exceptions
    if len(content) > LARGE_BYTES:
        options.enable_cpu_mem_arena = False
        options.add_session_config_entry("session.disable_prepacking", "1")
    return onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])


def onnx_logits(session: onnxruntime.InferenceSession, slices: NDArray[np.floating]) -> Float32:
    """What an ONNX network makes of the slices of one song."""
    logits: Float32 = session.run(["logits"], {"slices": slices.astype(np.float32)})[0]
    return logits
