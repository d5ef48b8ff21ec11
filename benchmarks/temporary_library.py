"""A real ``beet`` on a temporary library of clips, for benchmarks through the front door."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import mutagen
import yaml


@dataclass(frozen=True, slots=True)
class Clip:
    """One of the labelled clips, and what its copy is called."""

    source: Path
    genre: str
    artist: str
    set: str
    name: str


@dataclass(frozen=True, slots=True)
class Done:
    """What a command printed, and the CPU time that it took."""

    output: str
    cpu_s: float


@dataclass(frozen=True, slots=True)
class TemporaryLibrary:
    """A real ``beet`` with its library, its configuration and its music in one folder."""

    folder: Path

    @property
    def own(self) -> Path:
        """The plugin's folder."""
        return self.folder / "cnngenre"

    def configure(self, cache: Path | None, **options: object) -> None:
        config = {
            "directory": str(self.folder / "library"),
            "library": str(self.folder / "library.db"),
            "plugins": ["cnngenre"],
            "import": {
                "copy": False,
                "write": True,
                "autotag": False,
                "singletons": True,
                "duplicate_action": "keep",
            },
            "cnngenre": {"auto": False, **options},
        }
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))
        self.own.mkdir()
        if cache is not None:
            shutil.copyfile(cache, self.own / "heard.db")

    def beet(self, *arguments: str) -> Done:
        """Run the real command; its CPU time is that of all its threads, its start included."""
        before = os.times()
        done = subprocess.run(
            [sys.executable, "-m", "beets", *arguments],
            env={**os.environ, "BEETSDIR": str(self.folder), "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"beet {' '.join(arguments)}: {done.stderr}")
        after = os.times()
        cpu_s = after.children_user + after.children_system
        return Done(done.stdout, cpu_s - before.children_user - before.children_system)

    def add(self, clips: list[Clip], where: str, *, labelled: bool = True) -> dict[str, Path]:
        """Import copies of clips; name -> file."""
        folder = self.folder / "music" / where
        folder.mkdir(parents=True)
        files = {clip.name: folder / f"{clip.name}{clip.source.suffix}" for clip in clips}
        for clip in clips:
            shutil.copyfile(clip.source, files[clip.name])
            if not labelled:
                tags = mutagen.File(files[clip.name])
                tags.pop("genre", None)
                tags.save()
        self.beet("import", "-q", str(folder))
        return files


def clips_of(music: Path, name: str | None = None) -> list[Clip]:
    """The labelled clips, or those of one set."""
    rows = csv.DictReader((music / "manifest.csv").open(encoding="utf-8"))
    return [
        Clip(music / row["path"], row["genre"], row["artist"], row["set"], f"{index:04d}")
        for index, row in enumerate(rows)
        if name in (None, row["set"])
    ]


def genre_in(file: Path) -> str:
    """The first genre that is in a file, "" where there is none."""
    return (mutagen.File(file).get("genre") or [""])[0]
