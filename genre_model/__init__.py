"""Listen to music, say its genre: the engine, which has never heard of beets."""

from __future__ import annotations

import os

# From 1.29 on ONNX Runtime reports to its maker unless it is told not to before it is imported; on
# Windows `onnx_network` tells it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
