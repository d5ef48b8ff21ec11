"""A real ``beet`` on a temporary library of clips, for benchmarks through the front door."""

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
    """One of the labelled clips, and what its copy is called."""

    source: Path
    genre: str
    artist: str
    set: str
    name: str


@dataclass(frozen=True, slots=True)
class TemporaryLibrary:
    """A real ``beet`` with its library, its configuration and its music in one folder.

    ``code`` is another checkout whose plugin it loads, if it is not to be this one's; that takes
    Python 3.11.
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
        """Write ``config.yaml``; ``options`` are the plugin's, ``extracted`` a cache, if any."""
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
        """So that ``beet`` finds its configuration here."""
        code = {}
        if self.code is not None:  # and not this folder, which Python would look into first
            code = {"PYTHONPATH": str(self.code), "PYTHONSAFEPATH": "1"}
        return {"BEETSDIR": str(self.folder), "HOME": str(self.folder), **code}

    def beet(self, *arguments: str) -> Cost:
        """Run the real command; that a track fails is the end."""
        cost = run([sys.executable, "-m", "beets", *arguments], self.env)
        if FAILED.search(cost.output):
            sys.exit(f"beet {' '.join(arguments)}:\n{cost.output}")
        return cost

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

    def add_files(self, paths: Sequence[Path]) -> None:
        """Import copies of any files, the same one as a link to its first copy."""
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
    """The first genre that is in a file, "" where there is none."""
    return (mutagen.File(file).get("genre") or [""])[0]
