"""A real ``beet`` on a temporary library of clips, for benchmarks of whole commands."""

from __future__ import annotations

import csv
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mutagen
import yaml

from benchmarks.measuring import Cost, run

FAILED = re.compile(r"^tagged .* failed [1-9]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Clip:
    """A labelled clip; ``name`` is the name of its copy."""

    source: Path
    genre: str
    artist: str
    set: str
    name: str


@dataclass(frozen=True, slots=True)
class TemporaryLibrary:
    """A real ``beet`` with its library, its configuration and its music in one folder.

    ``code`` is another checkout whose plugin is loaded instead of this one's; it needs Python 3.11.
    """

    folder: Path
    code: Path | None = None

    @property
    def own(self) -> Path:
        """The plugin's folder."""
        return self.folder / "cnngenre"

    def configure(
        self, extracted: Path | None = None, *, singletons: bool = True, **options: object
    ) -> None:
        """Write ``config.yaml`` with the plugin's ``options``; ``extracted`` is a cache to copy."""
        config = {
            "directory": str(self.folder / "library"),
            "library": str(self.folder / "library.db"),
            "plugins": ["cnngenre"],
            "import": {
                "copy": False,
                "write": True,
                "autotag": False,
                "singletons": singletons,
                "duplicate_action": "keep",
            },
            "cnngenre": {"auto": False, **options},
        }
        self.own.mkdir(parents=True)
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))
        if extracted is not None and extracted.exists():
            shutil.copyfile(extracted, self.own / "features.db")

    @property
    def env(self) -> dict[str, str]:
        """Environment variables that make ``beet`` use this folder's configuration."""
        code = {}
        if self.code is not None:  # Python would otherwise look into this folder first
            code = {"PYTHONPATH": str(self.code), "PYTHONSAFEPATH": "1"}
        return {"BEETSDIR": str(self.folder), "HOME": str(self.folder), **code}

    def beet(self, *arguments: str) -> Cost:
        """Run ``beet``; exits if a track fails."""
        cost = run([sys.executable, "-m", "beets", *arguments], self.env)
        if FAILED.search(cost.output):
            sys.exit(f"beet {' '.join(arguments)}:\n{cost.output}")
        return cost

    def add(self, clips: list[Clip], where: str, *, labelled: bool = True) -> dict[str, Path]:
        """Import copies of clips; returns name -> file."""
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

    def add_files(self, paths: Sequence[Path]) -> None:
        """Import copies of files; a repeated file becomes a hard link to its first copy."""
        folder = self.folder / "music" / "files"
        folder.mkdir(parents=True)
        copies: dict[Path, Path] = {}
        for number, path in enumerate(paths):
            file = folder / f"{number:05d}{path.suffix}"
            if path in copies:
                file.hardlink_to(copies[path])
            else:
                copies[path] = file
                shutil.copyfile(path, file)
        self.beet("import", "-q", "-W", str(folder))


def clips_of(music: Path, name: str | None = None) -> list[Clip]:
    """The labelled clips, or those of one set."""
    rows = csv.DictReader((music / "manifest.csv").open(encoding="utf-8"))
    return [
        Clip(music / row["path"], row["genre"], row["artist"], row["set"], f"{index:04d}")
        for index, row in enumerate(rows)
        if name in (None, row["set"])
    ]


def genre_in(file: Path) -> str:
    """The first genre in a file's tags; "" if there is none."""
    return (mutagen.File(file).get("genre") or [""])[0]
