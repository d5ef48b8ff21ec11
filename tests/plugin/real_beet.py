"""A real ``beet`` on a temporary library, and a model whose answers are known in advance.

The model goes by pitch: a low tone is Rock, a middle one Jazz, a high one Electronic, and noise is
none of them.  Ambient is a kind of Electronic, for the highest tones.
"""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import beet_server
import numpy as np
import onnx
import yaml
from audio_files import FORMATS, write_audio
from onnx import TensorProto, helper
from plugin_files import tag

from genre_model.core.specs import AggregationSpec, NetworkSpec, SliceSpec, SpectrogramSpec
from genre_model.model.bundle.arrays import npz
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.bundle.store import HEAD, PROBE, write_bundle

HERE = Path(__file__).parent
HZ = {"Rock": 200, "Jazz": 900, "Electronic": 1800, "Ambient": 5500, "Unsure": 0}
BANDS = {"Rock": (0, 16), "Jazz": (16, 40), "Electronic": (40, 62), "Ambient": (62, 96)}


def write_pitch_bundle(folder):
    """Write the bundle that names tones by their pitch; returns its folder."""
    n_mels, frames = SpectrogramSpec().n_mels, SliceSpec().frames
    node = helper.make_node("ReduceMean", ["log_mel"], ["embedding"], axes=[1], keepdims=0)
    graph = helper.make_graph(
        [node],
        "pitch",
        [helper.make_tensor_value_info("log_mel", TensorProto.FLOAT, ["n", frames, n_mels])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", n_mels])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    weights = np.zeros((n_mels, len(BANDS)), np.float32)
    for column, (low, high) in enumerate(BANDS.values()):
        weights[low:high, column] = 4 / (high - low)
    weights -= weights.mean(axis=1, keepdims=True)
    bias = np.zeros(len(BANDS), np.float32)
    probe = np.random.default_rng(0).random((1, frames, n_mels), np.float32)
    manifest = Manifest(
        bundle_id="pitch-1",
        genres=tuple(BANDS),
        spectrogram=SpectrogramSpec(),
        slices=SliceSpec(),
        network=NetworkSpec(),
        aggregation=AggregationSpec(inverse_temperature=3.0, other_logit=1.0, threshold=0.6),
        parents={"Ambient": "Electronic"},
    )
    contents = {
        "network.onnx": model.SerializeToString(),
        HEAD: npz(weights=weights, bias=bias),
        PROBE: npz(slices=probe, logits=probe.mean(axis=1) @ weights + bias),
    }
    write_bundle(folder, manifest, contents)
    return folder


def write_tone(
    folder, genre, name=None, kind="wav16", seconds=3.2, title=None, genres=None, **tags
):
    """Write a tagged file whose genre the pitch model knows; returns its path."""
    rate = 48_000 if kind == "opus" else 44_100
    time_s = np.arange(int(seconds * rate)) / rate
    if HZ[genre]:
        wave = 0.5 * np.sin(2 * np.pi * HZ[genre] * time_s)
    else:
        wave = 0.1 * np.random.default_rng(0).standard_normal(len(time_s))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name or genre}{FORMATS[kind].suffix}"
    write_audio(path, np.stack([wave, wave], axis=1), rate, kind)
    tag(path, title=title or name or genre, genres=genres, **tags)
    return path


LIMIT_S = 300


def of_interpreter(environment):
    """The variables that Python reads only when it starts, so that a fork would ignore them."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith("PYTHON") and name != "PYTHONUNBUFFERED"
    }


AT_START = of_interpreter(os.environ)


def may_be_forked(environment):
    return sys.platform == "linux" and of_interpreter(environment) == AT_START


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended: its exit status, negative if it was killed, and what it printed.

    ``effects`` is the number of effects; None if it was killed.
    """

    status: int
    output: str
    seconds: float
    effects: int | None

    @property
    def killed(self):
        return self.status == -signal.SIGKILL


@dataclass
class Beet:
    """A library in a temporary folder; ``beet("ls")`` runs the real command, returns its output."""

    home: Path
    config: dict = field(default_factory=dict)
    status: int = 0
    errors: str = ""

    def command(self):
        (self.home / "config.yaml").write_text(yaml.safe_dump(self.config))
        return [sys.executable, "-m", "beets"]

    def environment(self):
        return {**os.environ, "BEETSDIR": str(self.home), "HOME": str(self.home)}

    def stand_in(self, environment):
        """A command that starts faster than ``command``, and passes on only Ctrl-C and SIGKILL."""
        if not may_be_forked(environment):
            return self.command()
        self.command()
        return beet_server.stand_in("beets.ui")

    def start(self, *arguments, variables=None, really=True, **options):
        """Start the command as a process, with unbuffered output; ``options`` are for ``Popen``."""
        environment = self.environment() | {"PYTHONUNBUFFERED": "1"} | (variables or {})
        command = self.command() if really else self.stand_in(environment)
        return subprocess.Popen(
            [*command, *map(str, arguments)],
            env=environment,
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
            }
            | options,
        )

    def __call__(self, *arguments, status=0, stdin=""):
        text = partial(tempfile.TemporaryFile, "w+", encoding="utf-8", errors="replace")
        with text() as given, text() as out, text() as err:
            given.write(stdin)
            given.seek(0)
            self.status = self.run(arguments, given, out, err)
            out.seek(0)
            err.seek(0)
            printed = [out.read(), err.read()]
        self.errors = clean(printed[1])
        assert "error loading plugin" not in printed[1], printed[1]
        assert "Traceback" not in "".join(printed), printed
        assert self.status == status, printed
        return clean(printed[0])

    def run(self, arguments, *files):
        """Run a command with files as its stdin, stdout and stderr; returns its exit status."""
        command, environment = [*self.command(), *map(str, arguments)], self.environment()
        if not may_be_forked(environment):
            named = dict(zip(("stdin", "stdout", "stderr"), files, strict=True))
            return subprocess.run(command, env=environment, timeout=LIMIT_S, **named).returncode
        reply, _ = self.ask(arguments, [file.fileno() for file in files], LIMIT_S)
        return reply["status"]

    def ask(self, arguments, files, limit_s, variables=None, **how):
        """Have the server run a command, killed after ``limit_s``; its reply and the seconds."""
        self.command()
        environment = self.environment() | (variables or {})
        request = beet_server.request("beets.ui", arguments, environment, **how)
        start_s, killers = time.monotonic(), []

        def begin(pid):
            killers.append(threading.Timer(limit_s, os.kill, (pid, signal.SIGKILL)))
            killers[0].start()

        reply = beet_server.ask(beet_server.address(), request, files, begin)
        killers[0].cancel()
        killers[0].join()
        return reply, time.monotonic() - start_s

    def fork(self, *arguments, after_s=LIMIT_S, **how):
        """Run a command, killed after ``after_s`` or as ``how`` tells ``Effects``; POSIX only."""
        reading, writing = os.pipe()
        with (
            Path(os.devnull).open("rb") as nothing,
            os.fdopen(reading, "rb") as pipe,
            ThreadPoolExecutor() as reader,
        ):
            printed = reader.submit(pipe.read)  # ends when all workers have ended
            try:
                files = [nothing.fileno(), writing, writing]
                reply, seconds = self.ask(arguments, files, after_s, **how)
            finally:
                os.close(writing)
            output = printed.result().decode(errors="replace")
        return Done(reply["status"], output, seconds, reply.get("effects"))

    def fields(self, *names, query=()):
        """The title and other fields of all tracks, sorted by title."""
        template = "\x1f".join(f"${name}" for name in ("title", *names))
        lines = self("ls", "-f", template, *query).splitlines()
        rows = sorted(line.split("\x1f") for line in lines)
        return [tuple(row) if names else row[0] for row in rows]

    def genres(self):
        """Title -> genres in the database, as beets prints them."""
        return dict(self.fields("genres"))

    def orphans(self):
        """Fields of removed tracks, whose ids beets gives to new tracks."""
        with closing(sqlite3.connect(self.config["library"])) as connection:
            found = connection.execute(
                "SELECT key FROM item_attributes WHERE entity_id NOT IN (SELECT id FROM items)"
            )
            return [key for (key,) in found]

    def paths(self):
        """Title -> path of the file in the library."""
        return {title: Path(path) for title, path in self.fields("path")}


def clean(text):
    """A text without beets' lines about its migrations."""
    own = re.compile("Created database backup|Migrating|migration")
    return "".join(line for line in text.splitlines(keepends=True) if not own.search(line))


def beet_in(home, model):
    """A ``beet`` with the plugin and this model, which matches albums with themselves."""
    home.mkdir()
    return Beet(
        home,
        {
            "directory": str(home.parent / "library"),
            "library": str(home / "library.db"),
            "plugins": ["cnngenre", "selfmatch"],
            "pluginpath": [str(HERE / "beetsplug_for_tests")],
            "import": {"copy": True, "write": True, "timid": False, "quiet": True},
            "match": {"strong_rec_thresh": 0.5},
            "cnngenre": {"model": str(model), "threads": 1},
        },
    )


def only_import(beet):
    """An additional configuration file that keeps the plugin out of an import."""
    beet.command()
    path = beet.home / "only_import.yaml"
    path.write_text(yaml.safe_dump(beet.config | {"cnngenre": {"auto": False}}))
    return path
