"""Random networks, made of the allowed operators or of all ONNX operators.

    python tests/soak/networks.py 20000     this many of each kind, with their outcomes

A network that passes the check is tried like any network from elsewhere, in a process with limits.
A network that passes the trial is loaded and run as in ``beet``; that process must survive, and
finish within half a minute.  The only difference from real use is that the processes are forked
from one that has loaded ONNX Runtime: starting each anew would take most of the time.
"""

import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

if __name__ == "__main__":
    TESTS = Path(__file__).resolve().parents[1]
    sys.path[:0] = [str(TESTS / folder) for folder in ("soak", "", "plugin", "model")]

import onnxruntime  # noqa: F401  # before the processes are forked
from bundle_files import replace_file, write_tiny_bundle
from random_networks import allowed_network, any_network
from run import Row

from genre_model.core.deadline import time_limit
from genre_model.core.errors import AudioError, BundleError
from genre_model.model import trial_process
from genre_model.model.bundle import trial
from genre_model.model.bundle.store import PROBE, load_bundle
from genre_model.model.classifier import Classifier
from genre_model.model.onnx.check import checked_model

KINDS = {"allowed": allowed_network, "any": any_network}
LIMIT_S = 30.0


def rows(seconds):
    end = time.monotonic() + seconds
    rng = random.Random()
    found = {kind: Counter() for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            for kind in KINDS:
                found[kind][outcome(kind, rng.randrange(2**32), Path(folder))] += 1
    print(*found.items(), sep="\n", file=sys.stderr)
    for kind, words in (("allowed", "allowed operators"), ("any", "any of ONNX' operators")):
        yield Row(
            f"a random network of {words} neither ends nor holds up `beet`",
            found[kind].total(),
            sum(n for what, n in found[kind].items() if what.startswith("LOST")),
        )


def outcome(kind, seed, folder):
    """The outcome for a network, in a few words that start with LOST if a promise was broken."""
    content = KINDS[kind](random.Random(seed))
    begin = time.monotonic()
    try:
        checked_model(content)
    except ValueError:
        if time.monotonic() - begin > 1:
            return lost(kind, seed, "the check takes long")
        return "refused by the check"
    directory = write_tiny_bundle(folder / f"{kind}-{seed}")
    replace_file(directory, "network.onnx", content)
    bundle = load_bundle(directory)
    fault = in_child(lambda: quietly(trial_process.main, str(directory)), trial.LIMIT_S)
    if fault in ("died", "hung"):
        return f"refused: its trial {fault}"
    fault = in_child(lambda: as_beet_does(bundle), LIMIT_S)
    if fault in ("died", "hung"):
        return lost(kind, seed, f"beet {fault}")
    return fault


def lost(kind, seed, what):
    print(f"{kind} {seed}: {what}", file=sys.stderr, flush=True)
    return f"LOST: {what}"


def quietly(main, directory):
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        main(directory)


def as_beet_does(bundle):
    """Load a network as ``beet`` does after a successful trial, and run it once."""
    try:
        with time_limit(10):
            classifier = Classifier(bundle, tried=True)
            classifier.features(bundle.arrays(PROBE)["slices"])
    except BundleError as error:
        return "refused: " + " ".join(str(error).split(": ", 1)[-1].split()[:6])
    except AudioError:
        return "refused by the track"
    return "used"


def in_child(work, limit_s):
    """What a function returns in a forked process, or ``died`` or ``hung``."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        with contextlib.suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
        said = work()
        os.write(writer, json.dumps(said).encode())
        os._exit(0)
    os.close(writer)
    end = time.monotonic() + limit_s
    pause = 0.001
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(reader)
            return "hung"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    if status != 0:
        return "died"
    return json.loads(said) if said else None


def main(n_each):
    found = {kind: Counter() for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(n_each):
            for kind in KINDS:
                found[kind][outcome(kind, seed, Path(folder))] += 1
            if seed % 500 == 499:
                print(seed + 1, json.dumps(found), flush=True)
                for old in Path(folder).iterdir():
                    for file in old.iterdir():
                        file.unlink()
                    old.rmdir()
    for kind, counts in found.items():
        print(kind, *(f"  {n:>7,} {what}" for what, n in counts.most_common()), sep="\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
