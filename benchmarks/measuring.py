"""What the benchmarks share: costs of processes, alternating rounds, tables, music.

Each round runs all compared variants in turn.  Figures are medians over the rounds, and ratios are
medians of the rounds' ratios, so that other load on the machine affects all variants alike.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from genre_model.audio.decode import open_audio
from genre_model.core.errors import AudioError
from genre_model.core.processor import n_cores, processor_name
from genre_model.data.folder import find_audio

MB = 2**20 if sys.platform == "darwin" else 2**10  # in the units of ru_maxrss
SHORTEST_S, LONGEST_S = 75.0, 600.0
SONG_S = 180
Row = Sequence[object]
# An installed plugin has compiled bytecode; with this variable, every start would compile it.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a process and its children; ``peak_mb`` is that of the largest single process."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    output: str = ""


def run(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> Cost:
    """Run a command; waits for it and for all processes that it started."""
    adopt_orphans()
    start = time.perf_counter()
    with subprocess.Popen(
        command,
        env={**ENVIRONMENT, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    costs = [used, *left_behind()]
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit status {process.returncode}\n{output}")
    wall_s = time.perf_counter() - start
    cpu_s = sum(used.ru_utime + used.ru_stime for used in costs)
    return Cost(wall_s, cpu_s, max(used.ru_maxrss for used in costs) / MB, output)


def left_behind() -> list[resource.struct_rusage]:
    """Resource usage of processes that outlive their parent for a moment, as workers do."""
    found = []
    with suppress(ChildProcessError):
        while True:
            found.append(os.wait4(-1, 0)[2])
    return found


def adopt_orphans() -> None:
    """Make this process, instead of init, the parent of orphaned descendants (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def here(work: Callable[[], object]) -> Cost:
    """The cost of work in this process and in its children that have ended."""
    start, before = time.perf_counter(), cpu_s()
    work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB
    return Cost(time.perf_counter() - start, cpu_s() - before, peak)


def cpu_s() -> float:
    """CPU seconds of this process and of its children that have ended."""
    used = os.times()  # in steps of 10 ms, which is too coarse for short work in this process
    return time.process_time() + used.children_user + used.children_system


def in_turn(ways: Mapping[str, Callable[[], Cost]], rounds: int) -> dict[str, list[Cost]]:
    """Costs of all variants, each run once a round; their order rotates from round to round."""
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for index in range(rounds):
        for name in turned([*ways], index):
            costs[name].append(ways[name]())
    return costs


def turned(names: Sequence[str], index: int) -> list[str]:
    """The names in the order of round ``index``: each round starts with the next name."""
    first = index % len(names)
    return [*names[first:], *names[:first]]


def median(costs: Sequence[Cost], of: str = "cpu_s") -> float:
    return statistics.median(getattr(cost, of) for cost in costs)


def ratio(costs: Sequence[Cost], to: Sequence[Cost], of: str = "cpu_s") -> float:
    """The median of the rounds' ratios."""
    pairs = zip(costs, to, strict=True)
    return statistics.median(getattr(one, of) / getattr(other, of) for one, other in pairs)


def difference(costs: Sequence[Cost], less: Sequence[Cost], of: str = "cpu_s") -> float:
    """The median of the rounds' differences."""
    pairs = zip(costs, less, strict=True)
    return statistics.median(getattr(one, of) - getattr(other, of) for one, other in pairs)


# Results


def parser_of(doc: str | None) -> argparse.ArgumentParser:
    """A parser with the options that all benchmarks have."""
    parser = argparse.ArgumentParser(description=(doc or "").split("\n")[0])
    parser.add_argument("--json", type=Path, help="write the results there too")
    return parser


def table(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """A table as Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def publish(
    options: argparse.Namespace, columns: Sequence[str], rows: Sequence[Row], **more: Any
) -> None:
    """Print a table; with ``--json``, also write it and ``more`` to a file."""
    print(table(columns, rows), flush=True)
    if options.json is not None:
        result = {
            "command": " ".join(sys.argv),
            "machine": machine(),
            "columns": columns,
            "rows": rows,
            **more,
        }
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def machine() -> dict[str, object]:
    """This machine's processor, software versions and load."""
    load = os.getloadavg() if hasattr(os, "getloadavg") else ()
    return {
        "processor": processor_name(),
        "cores": n_cores(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("beets", "numpy", "av", "onnxruntime")},
        "load": [round(figure, 2) for figure in load],
        "time": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
    }


# Music


def full_length(folder: Path, n: int | None = None) -> list[Path]:
    """Audio files of 75 s to 10 min below a folder: all, or ``n`` of them, spread over it."""
    paths = [path for path in find_audio([folder]) if SHORTEST_S < seconds(path) < LONGEST_S]
    if not paths:
        sys.exit(f"{folder}: no tracks of {SHORTEST_S:.0f} to {LONGEST_S:.0f} s")
    if n is None or len(paths) <= n:
        return paths
    return [paths[index * len(paths) // n] for index in range(n)]


def seconds(path: Path) -> float:
    """The duration in a file's header; 0 if it has none or cannot be read."""
    try:
        with open_audio(path, 16_000) as audio:
            return audio.duration_s or 0.0
    except AudioError:
        return 0.0


def three_minutes(source: Path, target: Path) -> Path:
    """Write the beginning of a track, repeated if it is short, as 180 s of MP3 at 320 kbit/s."""
    import av
    import numpy as np

    with av.open(str(source), metadata_errors="ignore") as container:
        resampler = av.AudioResampler("s16p", "stereo", 44_100)
        blocks, n_samples = [], 0
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                blocks.append(part.to_ndarray())
                n_samples += blocks[-1].shape[1]
            if n_samples >= SONG_S * 44_100:
                break
    samples = np.concatenate(blocks, axis=1)
    repeats = -(-SONG_S * 44_100 // samples.shape[1])
    samples = np.tile(samples, (1, repeats))[:, : SONG_S * 44_100]
    with av.open(str(target), "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=44_100, layout="stereo")
        stream.codec_context.bit_rate = 320_000
        for start in range(0, samples.shape[1], 44_100):
            second = np.ascontiguousarray(samples[:, start : start + 44_100])
            frame = av.AudioFrame.from_ndarray(second, format="s16p", layout="stereo")
            frame.rate, frame.pts = 44_100, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target
