"""A full disk, a read-only file system, and folders and files without write permission.

*Full*: music, library and cache are on a tmpfs with so little free space that, depending on a
random number, a copy, the database or the cache does not fit.  Every file and genre must then be
the old or the new one, the exit status must be 0 or 1, and there must be no traceback and no
leftover copy.  With free space again, the same command must finish, and ``cnnundo`` must restore.
*Read-only*: the music is bind-mounted read-only; nothing may change, and each track must be counted
as failed.  Both need ``unshare`` (Linux).  *No permission*: the folder may not be written, so files
are written in place; or neither the folder nor the files may be written (as root this needs
``setpriv``).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":  # ``elsewhere`` starts this file with other rights
    import run

    sys.path[:0] = [str(folder) for folder in run.HELPERS]

from aftermath import Scene, make_scene
from real_beet import Done, write_pitch_bundle
from run import Row

KINDS = ("mp3", "flac", "vorbis", "aac", "wav16")
NAMES = {
    "full": "the disk is full",
    "read_only": "the file system is read-only",
    "folder": "the folder may not be written",
    "files": "neither folder nor files may be written",
}


def rows(seconds: float) -> Iterator[Row]:
    yield from elsewhere("mounted", seconds * 0.6, ["unshare", "-rm"])
    prefix = [
        "setpriv",
        "--bounding-set",
        "-all",
        "--inh-caps",
        "-all",
    ]  # root ignores permissions
    yield from elsewhere("forbidding", seconds * 0.3, prefix if os.getuid() == 0 else [])


def elsewhere(what: str, seconds: float, prefix: list[str]) -> Iterator[Row]:
    """Run a function of this module in a process that the command ``prefix`` starts."""
    if prefix and shutil.which(prefix[0]) is None:
        print(f"there is no {prefix[0]}, so nothing {what} was tried", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [*prefix, sys.executable, __file__, what, folder, str(seconds)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    for name, (cases, losses) in json.loads(done.stdout).items():
        yield Row(NAMES[name], cases, losses)


def note(what: str, faults: list[str]) -> bool:
    """Print faults to standard error; returns whether there are any."""
    for fault in faults:
        print(f"{NAMES[what]}: {fault}", file=sys.stderr, flush=True)
    return bool(faults)


Found = dict[str, list[bool]]


def mounted(folder: Path, seconds: float) -> Found:
    """Run the cases that need their own file system; returns whether each had faults."""
    end = time.monotonic() + seconds
    model = write_pitch_bundle(folder / "pitch")
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "none", disk], check=True)
    found: Found = {"full": [], "read_only": []}
    rng = random.Random()
    scene = make_scene(disk / "work", model, KINDS)
    while time.monotonic() < end or not found["full"]:
        found["full"].append(note("full", full(scene, rng)))
        if len(found["full"]) % 8 == 1:
            found["read_only"].append(note("read_only", read_only(scene)))
    return found


def forbidding(folder: Path, seconds: float) -> Found:
    """Run the cases without write permission; returns whether each had faults."""
    end = time.monotonic() + seconds
    scene = make_scene(folder / "work", write_pitch_bundle(folder / "pitch"), KINDS)
    found: Found = {"folder": [], "files": []}
    while time.monotonic() < end or not found["files"]:
        for what, results in found.items():
            results.append(note(what, forbidden(scene, files=what == "files")))
    return found


def full(scene: Scene, rng: random.Random) -> list[str]:
    """The faults after a run on a nearly full disk, and after a run with free space."""
    scene.restore()
    largest = max(track.path.stat().st_size for track in scene.tracks.values())
    free = rng.choice([rng.randrange(20_000), rng.randrange(2 * largest)])
    filler = scene.folder.parent / "filler"
    space = os.statvfs(scene.folder)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(4096, space.f_bavail * space.f_frsize - free))
    done = scene.beet.fork("cnngenre", after_s=120)
    filler.unlink()  # SQLite needs free space to read the cache
    found = complaints(done) + scene.faults()
    found += [f"left: {path}" for path in scene.leftovers()]
    return [f"{free} bytes free: {fault}" for fault in found + finished(scene)]


def complaints(done: Done) -> list[str]:
    """The faults in how a command ended."""
    wrong = done.status not in (0, 1) or "Traceback" in done.output
    return [f"ended with {done.status}: {done.output[-2000:]}"] if wrong else []


def finished(scene: Scene) -> list[str]:
    """The faults after the command has run again, undisturbed, and then after ``cnnundo``."""
    found = complaints(scene.beet.fork("cnngenre")) + scene.faults("new")
    return found + complaints(scene.beet.fork("cnnundo")) + scene.faults("old")


def read_only(scene: Scene) -> list[str]:
    """The faults after a run on a read-only file system, and after a run on a writable one."""
    scene.restore()
    music = scene.folder / "music"
    subprocess.run(["mount", "--bind", music, music], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", music], check=True)
    done = scene.beet.fork("cnngenre")
    subprocess.run(["umount", music], check=True)
    found = complaints(done) + scene.faults("old")
    if f"failed {len(KINDS)}" not in done.output:
        found.append(f"not all tracks have failed: {done.output}")
    return found + finished(scene)


def forbidden(scene: Scene, *, files: bool) -> list[str]:
    """The faults after a run without permission to write the folder, or the files either."""
    scene.restore()
    for path in (scene.folder / "music").iterdir():
        path.chmod(0o444 if files else 0o644)
    (scene.folder / "music").chmod(0o555)
    done = scene.beet.fork("cnngenre")
    (scene.folder / "music").chmod(0o755)
    found = complaints(done) + scene.faults("old" if files else "new")
    expected = f"failed {len(KINDS) if files else 0} in"
    return found if expected in done.output else [*found, f"not {expected}: {done.output}"]


if __name__ == "__main__":
    results = {"mounted": mounted, "forbidding": forbidding}[sys.argv[1]](
        Path(sys.argv[2]), float(sys.argv[3])
    )
    print(json.dumps({what: (len(ones), sum(ones)) for what, ones in results.items()}))
