"""Malicious bundles, and real bundles that were changed at random places, with matching hashes.

Each bundle is loaded in a process with 4 GB of address space; if that works, it classifies a song.
Within half a minute the bundle must be refused with a ``BundleError`` of one printable line, or
work; an ``AudioError`` for the song is allowed too.  Three of seven changes are to the manifest, as
text; the others are to the network, the head or the probe, whose hashes are then updated.
"""

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import audio_files
from bundle_files import replace_file, write_tiny_bundle
from hostile_bundles import HOSTILE
from run import Row

from genre_model.model.bundle.store import HEAD, MANIFEST, PROBE

LIMIT_S = 30.0
LOADER = """
import json, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
from pathlib import Path
from genre_model.model.onnx import session as onnx_network
from genre_model.model.classifier import load_classifier
from genre_model.core.errors import AudioError, BundleError
onnx_network.RUN_LIMIT_S = 5.0
for line in sys.stdin:
    said = "classified"
    try:
        model = load_classifier(Path(line.rstrip()))
        model.probabilities(model.extract(Path(sys.argv[1])))
    except (AudioError, BundleError) as error:
        said = str(error)
    print(json.dumps(said), flush=True)
"""


class Loader:
    """A process that loads bundles; if it has died, the next call starts it again."""

    def __init__(self, song):
        self.song, self.process = song, None

    def __call__(self, directory):
        """The outcome for a bundle; None if the process died."""
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                [sys.executable, "-c", LOADER, str(self.song)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        self.process.stdin.write(f"{directory}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        while answer and not answer.startswith('"'):  # a message of ONNX Runtime
            print(answer, end="", file=sys.stderr)
            answer = self.process.stdout.readline()
        return json.loads(answer) if answer else None


def rows(seconds):
    end = time.monotonic() + seconds
    rng = random.Random()
    lost = {"made": [], "changed": []}
    n = {"made": 0, "changed": 0}
    with tempfile.TemporaryDirectory() as folder:
        load = Loader(audio_files.write_song(Path(folder), "wav16", 3.5)[0])
        for name, (change, _) in HOSTILE.items():
            n["made"] += 1
            lost["made"] += trial(load, Path(folder) / f"made{n['made']}", change, name)
        while time.monotonic() < end:
            n["changed"] += 1
            seed = rng.randrange(2**32)
            where = Path(folder) / f"changed{n['changed']}"
            lost["changed"] += trial(load, where, change_of(seed), f"seed {seed}")
        load.process.stdin.close()
        load.process.wait()
    print(*lost["made"], *lost["changed"], sep="\n", file=sys.stderr)
    yield Row("a bundle that means harm is refused in a sentence", n["made"], len(lost["made"]))
    yield Row(
        "a bundle changed at random is refused in a sentence, or works",
        n["changed"],
        len(lost["changed"]),
    )
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    yield Row("no bundle takes more than 2.5 GB of memory", sum(n.values()), int(peak_mb > 2_500))


def trial(load, directory, change, name):
    """Yield a sentence for each fault with a bundle."""
    write_tiny_bundle(directory)
    change(directory)
    begin = time.monotonic()
    said = load(directory)
    seconds = time.monotonic() - begin
    if said is None:
        yield f"{name}: the process died: {load.process.stderr.read()[-1000:]}"
    elif not said.isprintable() or len(said) > len(str(directory)) + 300:
        yield f"{name}: said {said!r}"
    elif seconds > LIMIT_S:
        yield f"{name}: took {seconds:.0f} s"
    if said == "classified" and name in HOSTILE:
        yield f"{name}: was used"


def change_of(seed):
    rng = random.Random(seed)

    def change(directory):
        name = rng.choice(
            (MANIFEST, MANIFEST, MANIFEST, "network.onnx", "network.onnx", HEAD, PROBE)
        )
        content = damaged((directory / name).read_bytes(), rng)
        if name == MANIFEST:
            (directory / name).write_bytes(content)
        else:
            replace_file(directory, name, content)

    return change


def damaged(content, rng):
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8, 32))):
        place = rng.randrange(len(content))
        what = rng.random()
        if what < 0.6:
            content[place] = rng.randrange(256)
        elif what < 0.8:
            content[place : place + rng.randrange(1, 40)] = b""
        else:
            content[place:place] = rng.choice(
                (b"9" * 20, b"-", b"e99", b"\x1b[2J", b"\xff" * 5, b"[]")
            )
        content = content or bytearray(b" ")
    return bytes(content)
