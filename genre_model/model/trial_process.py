"""The worker process that tries a bundle; see :mod:`genre_model.model.bundle.trial`."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from genre_model.core.deadline import time_limit
from genre_model.core.errors import AudioError, BundleError
from genre_model.model.bundle.store import PROBE, load_bundle
from genre_model.model.classifier import Classifier

# Limit on this process's CPU time, in case its parent dies, and on each load or run of the network.
PROCESSOR_LIMIT_S, RUN_LIMIT_S = 30, 10.0

# Limit on the address space: this much, and ``WEIGHT_COPIES`` times the size of the network file.
MEMORY_BYTES = 4 * 2**30

WEIGHT_COPIES = 4


def main(directory: str) -> None:
    """Try a bundle in this process, print its fault (empty: none) as JSON, and exit."""
    bundle = load_bundle(Path(directory))
    limit_resources(len(bundle.read(bundle.manifest.network.file)))
    fault = ""
    try:
        with time_limit(RUN_LIMIT_S):
            classifier = Classifier(bundle, tried=True)
        probe = bundle.arrays(PROBE)["slices"].astype(np.float32)
        noise = np.random.default_rng(0).standard_normal(probe.shape).astype(np.float32)
        for values in (np.zeros_like(probe), 1e3 * noise, np.concatenate([probe, noise, probe])):
            # An input that the network cannot process is no fault: only such a track would fail.
            with suppress(AudioError), time_limit(RUN_LIMIT_S):
                classifier.features(values)
    except (BundleError, MemoryError) as error:
        fault = (
            str(error).removeprefix(f"{bundle.directory}: ") or "its network needs too much memory"
        )
    sys.stdout.write(json.dumps({"fault": fault}) + "\n")
    sys.stdout.flush()
    os._exit(0)  # skip what the libraries would do at exit


def limit_resources(n_bytes: int) -> None:
    """Limit this process to the memory and time that a network of ``n_bytes`` bytes needs."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.kernel32.SetErrorMode(0x8007)  # no error dialog if this process crashes
        return
    import resource

    memory = MEMORY_BYTES + WEIGHT_COPIES * n_bytes
    for name, wanted in (
        ("RLIMIT_AS", memory),
        ("RLIMIT_CPU", PROCESSOR_LIMIT_S),
        ("RLIMIT_CORE", 0),
    ):
        with suppress(ValueError, OSError):  # a system that has no such limit
            hard = resource.getrlimit(getattr(resource, name))[1]
            lower = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(getattr(resource, name), (lower, lower))
