"""Try a stranger's network in a process of its own before its first use on a machine.

ONNX Runtime is a large program in C++: a network that passes the audit may still crash the process
that loads it, take hours to load, or fill the memory.  The trial has limits of time and memory, and
a fault that it finds is reported as a message.  Its result is stored for this network, probe,
version of ONNX Runtime and type of machine.  The shipped network needs no trial.
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
from pathlib import Path

from genre_model.core.errors import BundleError
from genre_model.core.files import whole_file
from genre_model.core.safe_path import OWN_FOLDER, SAFE_PATH, full_path
from genre_model.core.text import harmless
from genre_model.model.bundle.audit import audit_network
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.bundle.store import PROBE, SHIPPED, Bundle, load_bundle

LIMIT_S = 60.0  # for the whole trial, on a slow and busy machine

# Runs with the parent's ``sys.path``, which may have changed since Python started.
PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from genre_model.model.trial_process import main; main(sys.argv[2])"
)

DIED = "the process that tried its network died"

TOO_LONG = "its network takes too long to load or to run"


def try_out(bundle: Bundle, notes: Path | None) -> None:
    """Make sure that a bundle's network can be loaded and run, without loading it in this process.

    Args:
        bundle: The model.
        notes: The folder for the results of trials; None: they are not stored.

    Raises:
        BundleError: The network has something that is not allowed, or fails its trial.
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


def is_shipped(bundle: Bundle) -> bool:
    """Whether a bundle has the shipped network, and uses it in the same way.

    Raises:
        BundleError: The installation is broken.
    """
    network = bundle.manifest.network
    known = shipped_manifest()
    return network == known.network and bundle.manifest.files.get(network.file) == shipped_network()


@cache
def shipped_manifest() -> Manifest:
    """The manifest of the bundle that is installed with this package.

    Raises:
        BundleError: The installation is broken.
    """
    return load_bundle(SHIPPED).manifest


def shipped_network() -> str:
    """The hash of the network that is installed with this package.

    Raises:
        BundleError: The installation is broken.
    """
    manifest = shipped_manifest()
    return manifest.files[manifest.network.file]


def digest_of(bundle: Bundle) -> str:
    """A hash of everything that the result of a trial depends on."""
    from importlib.metadata import version

    manifest = bundle.manifest
    parts = (
        *(manifest.files.get(manifest.network.file), manifest.files.get(PROBE)),
        *(repr(manifest.network), version("onnxruntime"), platform.machine()),
    )
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:32]


def noted(note: Path) -> str | None:
    """The fault that an earlier trial found, empty for none; None if there was no trial."""
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    fault = found.get("fault") if isinstance(found, dict) else None
    return harmless(fault) if isinstance(fault, str) else None


def keep(note: Path, fault: str) -> None:
    """Store the result of a trial; if that fails, the trial is repeated the next time."""
    with suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(note) as file:
            file.write(json.dumps({"fault": fault}).encode() + b"\n")


def in_own_process(directory: Path) -> str:
    """What is wrong with a bundle's network, found in a process of its own; empty if nothing is.

    Raises:
        BundleError: The process cannot be started.
    """
    command = [sys.executable, "-c", PROGRAM, json.dumps(full_path()), str(directory.absolute())]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=OWN_FOLDER,
            env={**os.environ, SAFE_PATH: "1"},
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
