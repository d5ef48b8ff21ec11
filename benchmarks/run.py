"""Run the short benchmarks and put their tables, and a plot, into docs/performance.md.

    python -m benchmarks.run --tracks TRACKS --music MUSIC [--work bench] [--again NAME ...]
        [--only NAME ...] [--long] [--peers FOLDER] [--train-python PYTHON] [--against CHECKOUT]

or ``make bench TRACKS=... MUSIC=...``.  TRACKS is a folder of full-length music with a subfolder
for each source (Debian's game packages, unpacked); MUSIC has labelled clips and a ``manifest.csv``.
A benchmark whose folder is not given is skipped with a message.  Results stay in the work folder: a
benchmark with a result there runs again only if ``--again`` names it or is ``all``. ``--long`` runs
everything at full size.  Takes 7 to 11 minutes on two cores, 3 more with peers, half an hour with
``--long``; each module's docstring says what it does.  Results are also copied to
``benchmarks/results``, which has a folder for each machine; docs/performance.md shows all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
WRITER = ROOT / "docs" / "tools" / "update_performance_tables.py"
NEEDS = {
    "tracks": "a folder of full-length music: --tracks, or make bench TRACKS=",
    "music": "labelled clips: --music, or make bench MUSIC=",
    "peers": "the peers: python -m benchmarks.peers TRACKS --peers FOLDER installs them",
    "train_python": "TensorFlow: pip install '.[train]', or name a Python that has it",
}


@dataclass(frozen=True)
class Benchmark:
    """A module, its arguments with the folders that they need in braces, and its minutes.

    ``long`` has arguments that ``--long`` adds; they may override earlier ones.  A ``long_only``
    benchmark runs only with ``--long``.
    """

    name: str
    module: str
    arguments: Sequence[str]
    minutes: float
    long: Sequence[str] = ()
    long_only: bool = False

    def needs(self) -> list[str]:
        text = " ".join([self.module, *self.arguments])
        return [need for need in NEEDS if f"{{{need}}}" in text]


BENCHMARKS = (
    Benchmark("tax", "benchmarks.tax", (), 0.5),
    Benchmark("single_song", "benchmarks.single_song", ("{tracks}",), 0.5),
    Benchmark("parts", "benchmarks.parts", ("{tracks}",), 0.3),
    Benchmark("decoding", "benchmarks.decoding", ("{tracks}", "--rounds", "3"), 0.4),
    Benchmark("throughput", "benchmarks.throughput", ("{tracks}",), 1.5, ("--rounds", "5")),
    Benchmark(
        "memory",
        "benchmarks.memory",
        ("{tracks}", "--songs", "100", "200"),
        1.1,
        ("--songs", "100", "1000"),
    ),
    Benchmark(
        "sampling",
        "studies.sampling",
        ("{tracks}", "--cache", "{work}/whole.db", "--each", "3"),
        1.5,
        ("--each", "26"),
    ),
    Benchmark(
        "training",
        "benchmarks.training_again",
        ("{music}", "--clips", "200"),
        0.7,
        ("--clips", "1000000"),
    ),
    Benchmark(
        "training_cost",
        "benchmarks.training_cost",
        ("{music}", "--cache", "{work}/clips.db"),
        1.1,
    ),
    Benchmark(
        "retag",  # uses the features that training_cost has extracted
        "benchmarks.retag",
        ("{music}", "--cache", "{work}/clips.db", "--rounds", "2"),
        0.9,
        ("--rounds", "5"),
    ),
    Benchmark(
        "load",
        "benchmarks.load",
        ("--rows", "10000", "--tracks", "{tracks}"),
        0.5,
        ("--rows", "10000", "100000"),
    ),
    Benchmark(
        "scaling",
        "benchmarks.scaling",
        ("{tracks}", "--songs", "30", "--rounds", "2", "--dask"),
        3,
        long_only=True,
    ),
    Benchmark(
        "paper_training",
        "benchmarks.paper_training",
        ("--slices", "128", "--epochs", "2", "--rounds", "1"),
        1.4,
        ("--slices", "256", "--epochs", "5", "--rounds", "5"),
    ),
    Benchmark("fit_memory", "benchmarks.fit_memory", (), 3, long_only=True),
    Benchmark(
        "peers", "benchmarks.peers", ("{tracks}", "--peers", "{peers}", "--rounds", "2"), 3.5
    ),
)
OTHER_PYTHON = dict.fromkeys(("paper_training", "fit_memory"), "{train_python}")


def main() -> None:
    options = parse()
    options.work.mkdir(parents=True, exist_ok=True)
    names = {
        need: str(Path(value).expanduser()) if (value := vars(options)[need]) else None
        for need in NEEDS
    } | {"work": str(options.work)}
    start = time.monotonic()
    for benchmark in BENCHMARKS:
        if options.only and benchmark.name not in options.only:
            continue
        if benchmark.long_only and not options.long:
            continue
        needs = [*benchmark.needs(), *(["train_python"] if benchmark.name in OTHER_PYTHON else [])]
        lacking = [NEEDS[need] for need in needs if not names[need]]
        result = options.work / f"{benchmark.name}.json"
        if benchmark.name == "throughput" and options.against:
            benchmark = replace(
                benchmark, arguments=[*benchmark.arguments, "--against", options.against]
            )
        if lacking:
            print(f"{benchmark.name} is left out, it needs {lacking[0]}", flush=True)
        elif result.exists() and not {"all", benchmark.name} & set(options.again):
            print(f"{benchmark.name} has a result: --again {benchmark.name} measures anew")
        else:
            run(benchmark, names, result, long=options.long)
    print(f"{(time.monotonic() - start) / 60:.1f} minutes in all")
    subprocess.run([sys.executable, WRITER], check=True)


def run(benchmark: Benchmark, names: Mapping[str, object], result: Path, *, long: bool) -> None:
    """Run a benchmark, print its table and keep its result."""
    python = OTHER_PYTHON.get(benchmark.name, sys.executable).format(**names)
    arguments = [argument.format(**names) for argument in benchmark.arguments]
    if long:
        arguments += benchmark.long
    arguments += ["--json", str(result)]
    print(f"{benchmark.name}: about {benchmark.minutes:g} min", flush=True)
    start = time.monotonic()
    done = subprocess.run(
        [python, "-m", benchmark.module, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{benchmark.name} failed, exit status {done.returncode}\n{done.stdout}")
    print(f"{done.stdout}{benchmark.name}: {(time.monotonic() - start) / 60:.1f} min\n", flush=True)
    keep(result)


def keep(file: Path) -> None:
    """Copy a result into the folder of this machine."""
    result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    result.pop("command", None)  # it names folders of this machine
    folder = RESULTS / machine_name(result["machine"])
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1) + "\n"
    (folder / file.name).write_text(text, encoding="utf-8")


def machine_name(machine: Mapping[str, Any]) -> str:
    """A folder name made of the processor and its number of cores."""
    words = re.findall(r"[a-z0-9]+", re.sub(r"\((R|TM)\)", "", machine["processor"]).lower())
    return "-".join([*words, f"{machine['cores']}-cores"])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    environ = os.environ
    parser.add_argument("--tracks", default=environ.get("TRACKS"))
    parser.add_argument("--music", default=environ.get("MUSIC"))
    parser.add_argument("--peers", default=environ.get("PEERS"))
    parser.add_argument("--train-python", default=environ.get("TRAIN_PYTHON"))
    parser.add_argument("--against", default=environ.get("AGAINST"))
    parser.add_argument("--work", type=Path, default=Path(environ.get("BENCH_WORK") or "bench"))
    parser.add_argument("--again", nargs="+", default=environ.get("AGAIN", "").split())
    parser.add_argument("--only", nargs="+", default=environ.get("ONLY", "").split())
    parser.add_argument("--long", action="store_true", default=bool(environ.get("LONG")))
    return parser.parse_args()


if __name__ == "__main__":
    main()
