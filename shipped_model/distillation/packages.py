"""Fetch the packages of ``packages.yaml`` and unpack their sound files.

    python -m shipped_model.distillation.packages WORK [--only NAME ...]

Needs ``apt-get`` and ``dpkg-deb`` of Debian 12, and 6 GB.  A package whose folder exists is not
fetched again.  Each package becomes a folder of its name in ``WORK/music``; its archive is removed.
Takes ten minutes, most of them for the downloads.
"""

from __future__ import annotations

import argparse
import subprocess
import tarfile
import zipfile
from pathlib import Path

import msgspec
from tqdm import tqdm

PACKAGES_FILE = Path(__file__).with_name("packages.yaml")
SOUND = {".ogg", ".oga", ".opus", ".mp3", ".flac", ".wav", ".mid", ".midi"}
ARCHIVES = {".pk3", ".zip"}


def main() -> None:
    """Fetch and unpack the packages, and remove their archives."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--only", nargs="*", help="these packages alone")
    options = parser.parse_args()
    names = options.only or package_names()
    for name in tqdm(names, unit="package"):
        folder = options.work / "music" / name
        if not folder.exists():
            archive = fetch(name, options.work / "packages")
            print(f"{name}: {unpack(archive, folder)} files")
            archive.unlink()


def package_names() -> list[str]:
    """The names of all packages in ``packages.yaml``."""
    kinds = msgspec.yaml.decode(PACKAGES_FILE.read_bytes(), type=dict[str, list[str]])
    return [name for names in kinds.values() for name in names]


def fetch(name: str, folder: Path) -> Path:
    """The archive of a package, which is downloaded if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (found := sorted(folder.glob(f"{name}_*.deb"))):
        command = ["apt-get", "--quiet", "download", name]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        found = sorted(folder.glob(f"{name}_*.deb"))
    return found[-1]


def unpack(archive: Path, folder: Path) -> int:
    """Write the sound files of a package into one folder; returns how many there are.

    Paths are flattened: ``usr/share/game/music/one.ogg`` becomes ``usr-share-game-music-one.ogg``.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    command = ["dpkg-deb", "--fsys-tarfile", str(archive)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        with tarfile.open(fileobj=process.stdout, mode="r|") as package:
            for member in package:
                content = package.extractfile(member) if member.isfile() else None
                if content and Path(member.name).suffix.lower() in SOUND | ARCHIVES:
                    (partial / flat(member.name)).write_bytes(content.read())
        if process.wait():
            raise SystemExit(f"{archive} cannot be unpacked")
    for inner in [path for path in partial.iterdir() if path.suffix.lower() in ARCHIVES]:
        unpack_inner(inner, partial)
        inner.unlink()
    partial.rename(folder)
    return len(list(folder.iterdir()))


def unpack_inner(archive: Path, folder: Path) -> None:
    """Write the sound files of a game's own archive, a zip file whose suffix may differ."""
    with zipfile.ZipFile(archive) as inner:
        for name in inner.namelist():
            if Path(name).suffix.lower() in SOUND:
                (folder / f"{archive.stem}-{flat(name)}").write_bytes(inner.read(name))


def flat(name: str) -> str:
    """A path as a single file name."""
    return "-".join(part for part in Path(name).parts if part not in (".", "..", "/"))


if __name__ == "__main__":
    main()
