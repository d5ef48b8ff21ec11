"""What a training ran on, in a few words."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from genre_model.training.networks.base import Estimator, Network

CPU_LIST = Path("/proc/cpuinfo")


def machine(learner: Network | Estimator) -> str:
    """The processor, the number of cores, and the library that learned."""
    library = "tensorflow" if isinstance(learner, Network) else "scikit-learn"
    try:
        library = f"{library} {version(library)}"
    except PackageNotFoundError:
        library = f"without {library}"
    return f"{processor()}, {os.cpu_count()} cores, {platform.system()}, {library}"


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        lines = CPU_LIST.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
