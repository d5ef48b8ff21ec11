"""The first time that a stranger's network is used on a machine, a process of its own tries it.

ONNX Runtime is a large program in C++: a network that nothing speaks against may still end the
process that loads it, take hours to load, or fill the memory.  Such a trial has limits of time and
memory, and ends with a sentence.  How it went is noted, for the network, the probe, and the version
of ONNX Runtime; the network that is shipped needs no trial.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

from genre_model.core.deadline import time_limit
from genre_model.core.errors import AudioError, BundleError
from genre_model.core.text import harmless
from genre_model.model.bundle.audit import audit_network
from genre_model.model.bundle.store import PROBE, SHIPPED, Bundle, read_bundle

# For all of it, on a slow and busy machine; of the processor; and for each of the runs.
LIMIT_S, PROCESSOR_LIMIT_S, RUN_LIMIT_S = 60.0, 30, 10.0


# Of addresses, beside those for the network's own weights.
MEMORY_BYTES = 4 * 2**30


WEIGHT_COPIES = 4


# Run with the parent's own search path, which may have been changed since Python began.
PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from genre_model.model.trial import main; main(sys.argv[2])"
)


DIED = "the process that tried its network died"


TOO_LONG = "its network takes too long to load or to run"


def try_out(bundle: Bundle, notes: Path | None) -> None:
    """Make sure that a bundle's network can be loaded and run, without doing so here.

    Args:
        bundle: The model.
        notes: The folder where it is noted how trials went; None: it is not.

    Raises:
        BundleError: Something speaks against the network, or its trial went wrong.
    """
    network = bundle.manifest.network
    if bundle.manifest.files.get(network.file) == shipped_network():
        return
    content = bundle.read(network.file)
    try:
        audit_network(content, network)
    except ValueError as error:
        raise BundleError(f"{bundle.directory}: the network {error}") from error
    note = None if notes is None else notes / f"{digest_of(bundle)}.json"
    fault = None if note is None else noted(note)
    if fault is None:
        fault = in_own_process(bundle.directory)
        if note is not None:
            keep(note, fault)
    if fault:
        hint = f" ({note} remembers that)" if note is not None and note.exists() else ""
        raise BundleError(f"{bundle.directory}: {fault}{hint}")


@cache
def shipped_network() -> str:
    """The hash of the network that is installed with this package.

    Raises:
        BundleError: The installation is broken.
    """
    manifest = read_bundle(SHIPPED).manifest
    return manifest.files[manifest.network.file]


def digest_of(bundle: Bundle) -> str:
    """What a trial depends on."""
    manifest = bundle.manifest
    parts = (
        *(manifest.files.get(manifest.network.file), manifest.files.get(PROBE)),
        *(repr(manifest.network), version("onnxruntime"), platform.machine()),
    )
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:32]


def noted(note: Path) -> str | None:
    """The fault that a trial has found before, empty for none; None where there was no trial."""
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    fault = found.get("fault") if isinstance(found, dict) else None
    return harmless(fault) if isinstance(fault, str) else None


def keep(note: Path, fault: str) -> None:
    """Note how a trial went; where that cannot be written, it is done again the next time."""
    with suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        part = note.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps({"fault": fault}) + "\n", encoding="utf-8")
        part.replace(note)


def in_own_process(directory: Path) -> str:
    """What is wrong with a bundle's network, if anything, found out where nothing can be lost.

    Raises:
        BundleError: No process can be started.
    """
    command = [sys.executable, "-c", PROGRAM, json.dumps(sys.path), str(directory.absolute())]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=LIMIT_S,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired:
        return TOO_LONG
    except OSError as error:
        raise BundleError(f"{directory}: cannot start a process to try it: {error}") from error
    lines = done.stdout.decode(errors="replace").splitlines()
    try:
        fault = json.loads(lines[-1])["fault"]
    except (IndexError, ValueError, KeyError, TypeError):
        return DIED
    return str(fault)


def main(directory: str) -> None:
    """In the process of its own: try a bundle and print what is wrong with it, as JSON."""
    import numpy as np

    from genre_model.model.classifier import Classifier

    bundle = read_bundle(Path(directory))
    limit_resources(len(bundle.read(bundle.manifest.network.file)))
    fault = ""
    try:
        with time_limit(RUN_LIMIT_S):
            classifier = Classifier(bundle, tried=True)
        probe = bundle.arrays(PROBE)["slices"].astype(np.float32)
        noise = np.random.default_rng(0).standard_normal(probe.shape).astype(np.float32)
        for values in (np.zeros_like(probe), 1e3 * noise, np.concatenate([probe, noise, probe])):
            # That it cannot work with one of these is a matter of the track's, if it comes to it.
            with suppress(AudioError), time_limit(RUN_LIMIT_S):
                classifier.features(values)
    except (BundleError, MemoryError) as error:
        fault = (
            str(error).removeprefix(f"{bundle.directory}: ") or "its network needs too much memory"
        )
    sys.stdout.write(json.dumps({"fault": fault}) + "\n")
    sys.stdout.flush()
    os._exit(0)  # whatever its libraries still would do


def limit_resources(n_bytes: int) -> None:
    """Give this process no more memory and time than a network of so many bytes needs."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.kernel32.SetErrorMode(0x8007)  # no window says that it has died
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
