"""Our speed against musicnn 0.1.0 and Essentia, with the same weights on the same songs.

    python -m benchmarks.peers TRACKS --peers FOLDER [--songs 3] [--rounds 5]

TRACKS is a folder of full-length music.  The first run installs the peers from the package registry
into separate environments in FOLDER, which takes two gigabytes; later runs, and ``make bench``, use
these.  Runs for four minutes, and five more the first time.

musicnn's extractor is patched in one place: it casts to float16, which overflows under NumPy 2.
Essentia gets the same checkpoint, frozen.  Before the measurement every process loads the model and
classifies one song; in each round all processes get the same songs.  "ours" extracts whole songs,
as the peers do; "ours, default" extracts a part of each.  A song's tags are the mean over its
slices.  The exit status is 1 if our tags differ from the original network's by more than 1e-4.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from benchmarks.measuring import (
    Cost,
    full_length,
    in_turn,
    median,
    parser_of,
    publish,
    ratio,
    run,
    three_minutes,
)
from benchmarks.peers_worker import GRAPH, KINDS

WORKER = Path(__file__).with_name("peers_worker.py")
REQUIREMENTS = {
    "musicnn": ["tensorflow-cpu", "tf_keras", "librosa"],
    "essentia": ["essentia-tensorflow"],
}
RELEASE = "musicnn-0.1.0"
CAST, MENDED = "audio_rep.astype(np.float16)", "audio_rep.astype(np.float32)"
TOLERANCE = 1e-4
GOALS = {  # upper limits for our CPU time as a share of theirs
    ("ours", "musicnn"): 0.09,
    ("ours", "essentia"): 0.45,
    ("ours, default", "musicnn"): 0.035,
    ("ours, default", "essentia"): 1 / 10,
}


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--peers", type=Path, required=True, help="where they are installed")
    parser.add_argument("--songs", type=int, default=3, help="beside one MP3 of three minutes")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    options.peers.mkdir(parents=True, exist_ok=True)
    install(options.peers.absolute())
    workers = {kind: Worker.start(kind, options.peers.absolute()) for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder:
        tracks = full_length(options.tracks, options.songs)
        songs = [three_minutes(tracks[0], Path(folder) / "song.mp3"), *tracks]
        for worker in workers.values():
            worker.extract(songs[0])
        ways = {kind: worker.extract_all(songs) for kind, worker in workers.items()}
        costs = in_turn(ways, options.rounds)
    for worker in workers.values():
        worker.stop()
    rows = [row(kind, workers, costs, len(songs)) for kind in KINDS]
    difference = workers["ours"].difference(workers["musicnn"])
    columns = [
        "program",
        "slices a song",
        "CPU seconds a song",
        "seconds a song",
        "CPU, times musicnn's",
        "times Essentia's",
        "largest difference of a tag from musicnn's",
        "goal",
    ]
    publish(options, columns, rows, difference=difference)
    sys.exit(0 if difference <= TOLERANCE else 1)


def row(
    kind: str, workers: dict[str, Worker], costs: dict[str, list[Cost]], n_songs: int
) -> list[object]:
    worker = workers[kind]
    goals = [f"{goal:.3f} of {peer}'s" for (which, peer), goal in GOALS.items() if which == kind]
    return [
        kind,
        f"{sum(worker.slices.values()) / n_songs:.1f}",
        f"{median(costs[kind]) / n_songs:.3f}",
        f"{median(costs[kind], 'wall_s') / n_songs:.3f}",
        f"{ratio(costs[kind], costs['musicnn']):.3f}",
        f"{ratio(costs[kind], costs['essentia']):.3f}",
        f"{worker.difference(workers['musicnn']):.1e}",
        "; ".join(goals),
    ]


@dataclass
class Worker:
    """A process that classifies songs, and its last answer for each song."""

    process: subprocess.Popen[str]
    tags: dict[Path, list[float]]
    slices: dict[Path, int]

    @classmethod
    def start(cls, kind: str, folder: Path) -> Worker:
        """Start a process and wait until it is ready."""
        with (folder / "log.txt").open("a") as log:
            process = subprocess.Popen(
                [python_of(kind, folder), WORKER, kind, folder],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        worker = cls(process, {}, {})
        worker.read(kind)
        return worker

    def read(self, what: object) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{what}: the process has ended; log.txt in the folder of the peers says why")
        return cast("dict[str, Any]", json.loads(line))

    def extract(self, song: Path) -> Cost:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{song}\n")
        self.process.stdin.flush()
        said = self.read(song)
        self.tags[song], self.slices[song] = said["tags"], said["slices"]
        return Cost(said["wall_s"], said["cpu_s"], 0)

    def extract_all(self, songs: list[Path]) -> Callable[[], Cost]:
        def work() -> Cost:
            costs = [self.extract(song) for song in songs]
            return Cost(sum(c.wall_s for c in costs), sum(c.cpu_s for c in costs), 0)

        return work

    def stop(self) -> None:
        self.process.communicate()

    def difference(self, other: Worker) -> float:
        """The largest difference of any tag of any song."""
        return max(
            abs(mine - theirs)
            for song, tags in self.tags.items()
            for mine, theirs in zip(tags, other.tags[song], strict=True)
        )


# Installing


def python_of(kind: str, folder: Path) -> Path:
    name = kind.split(",")[0]
    return Path(sys.executable) if name == "ours" else environment_python(folder / name)


def environment_python(environment: Path) -> Path:
    return environment / ("Scripts" if sys.platform == "win32" else "bin") / "python"


def install(folder: Path) -> None:
    """Install both peers in their environments, and write Essentia's graph, if they are missing."""
    for name, requirements in REQUIREMENTS.items():
        if not (folder / name / "ready").exists():
            print(f"installing {' '.join(requirements)} into {folder / name}", file=sys.stderr)
            venv.create(folder / name, clear=True, with_pip=True)
            run([*pip(folder / name), "install", "--quiet", *requirements])
            (folder / name / "ready").touch()
    if not (folder / RELEASE).exists():
        unpack_release(folder)
    if not (folder / GRAPH).exists():
        run([environment_python(folder / "musicnn"), WORKER, "freeze", folder])


def pip(environment: Path) -> list[str | Path]:
    return [environment_python(environment), "-m", "pip", "--disable-pip-version-check"]


def unpack_release(folder: Path) -> None:
    """Unpack and patch musicnn's wheel; it cannot be installed together with a current NumPy."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        part = Path(name)
        run(
            [
                *pip(folder / "musicnn"),
                "download",
                "--quiet",
                "--no-deps",
                "musicnn==0.1.0",
                "-d",
                part,
            ]
        )
        [wheel] = part.glob("*.whl")
        unpacked = part / "unpacked"
        zipfile.ZipFile(wheel).extractall(unpacked)
        extractor = unpacked / "musicnn" / "extractor.py"
        text = extractor.read_text(encoding="utf-8")
        if text.count(CAST) != 1:
            sys.exit(f"{wheel.name} is not the musicnn that this was written for")
        extractor.write_text(text.replace(CAST, MENDED), encoding="utf-8")
        shutil.move(unpacked, folder / RELEASE)


if __name__ == "__main__":
    main()
