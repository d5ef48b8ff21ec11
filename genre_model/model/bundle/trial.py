"""The first time that a stranger's network is used on a machine, a process of its own tries it.

ONNX Runtime is a large program in C++: a network that passes the audit may still end the
process that loads it, take hours to load, or fill the memory.  Such a trial has limits of time and
memory, and ends with a sentence.  How it went is noted, for the network, the probe, and the version
of ONNX Runtime; the network that is shipped needs no trial.
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from genre_model.core.errors import BundleError
from genre_model.core.files import whole_file
from genre_model.core.text import harmless
from genre_model.model.bundle.audit import audit_network
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.bundle.store import PROBE, SHIPPED, Bundle, load_bundle

LIMIT_S = 60.0  # for all of it, on a slow and busy machine

# Run with the parent's own search path, which may have been changed since Python began.
PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from genre_model.model.trial_process import main; main(sys.argv[2])"
)

DIED = "the process that tried its network died"

TOO_LONG = "its network takes too long to load or to run"


def try_out(bundle: Bundle, notes: Path | None) -> None:
    """Make sure that a bundle's network can be loaded and run, without doing so here.

    Args:
        bundle: The model.
        notes: The folder where it is noted how trials went; None: it is not.

    Raises:
        BundleError: The network has what it may not have, or its trial went wrong.
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
    """Whether a bundle's network is the one that is installed, and is used in the same way.

    Raises:
        BundleError: The installation is broken.
    """
    network = bundle.manifest.network
    known = shipped_manifest()
    return network == known.network and bundle.manifest.files.get(network.file) == shipped_network()


@cache
def shipped_manifest() -> Manifest:
    """What the bundle that is installed with this package says of itself.

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
    """What a trial depends on."""
    from importlib.metadata import version

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
        with whole_file(note) as file:
            file.write(json.dumps({"fault": fault}).encode() + b"\n")


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
