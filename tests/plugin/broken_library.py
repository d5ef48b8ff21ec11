"""A library of good and broken tracks, and a real ``beet cnngenre`` on it."""

import hashlib
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import broken_files
import plugin_files
from beets.library import Item, Library
from peak_memory import run_measured
from real_beet import HZ, beet_in, write_tone

GOOD = ("wav16", "mp3", "flac", "aac", "vorbis")
# Limit on a process's address space, of which it reserves about 2 GB that it does not use.
MEMORY_BYTES = 6 * 2**30
SUMMARY = re.compile(r"tagged (\d+), kept (\d+), unsure (\d+), failed (\d+)")


@dataclass(frozen=True)
class Outcome:
    """The results of a run on a library; ``lines`` has messages about failed tracks, by name."""

    output: str
    errors: str
    seconds: float
    peak_mb: int
    tagged: int
    unsure: int
    failed: int
    lines: dict


def fill(beet, names_and_paths):
    """Put tracks into the library of a ``beet``, even if their files are broken."""
    beet("ls")  # creates the database
    library = Library(beet.config["library"], beet.config["directory"])
    with library.transaction():
        for name, path in names_and_paths.items():
            library.add(Item(path=os.fsencode(path), title=name, artist="x", album="y"))
    library._close()


def run_limited(beet, *arguments, seconds=600):
    """Run a ``beet`` with limited memory; its output, errors, seconds and peak memory in MB."""
    import resource

    start = time.monotonic()
    done, peak_mb = run_measured(
        [*beet.command(), *arguments],
        env=beet.environment(),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES)),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout, done.stderr, time.monotonic() - start, peak_mb


def tag_all(beet, *arguments):
    """Run ``beet genre`` on everything, so that it prints only failures and the summary."""
    output, errors, seconds, peak_mb = run_limited(beet, "genre", "-q", *arguments)
    lines = {}
    for line in errors.splitlines():
        if found := re.match(r"cnngenre: x - y - ([^:]+): (.+)$", line):
            lines.setdefault(found[1], []).append(found[2])
    tagged, _, unsure, failed = map(int, SUMMARY.search(output).groups())
    return Outcome(output, errors, seconds, peak_mb, tagged, unsure, failed, lines)


def losses(folder, model, seed=0, *, large, every=1):
    """What went wrong in a run on good and broken tracks: (number of tracks, sentences, outcome).

    With ``every``, only every second or third broken file, and so on, is used.

    A file that fails must be unchanged, and a good one must have its genre.
    """
    (folder / "scratch").mkdir(parents=True)
    contents = broken_files.good_contents(folder / "scratch")
    broken = broken_files.write_all(folder / "broken", contents, seed, large=large, every=every)
    genres = list(HZ)[:4]
    good = {
        f"{kind} of {genre}": write_tone(folder / "music", genre, f"{genre}-{kind}", kind)
        for kind in GOOD
        for genre in genres
    }
    beet = beet_in(folder / "home", model)
    mixed = sorted(
        {**good, **broken}.items(), key=lambda pair: hashlib.md5(pair[0].encode()).digest()
    )
    fill(beet, dict(mixed))
    before = {name: fingerprint(path) for name, path in broken.items()}
    outcome = tag_all(beet)
    return len(mixed), [*complaints(outcome, good, broken, before)], outcome


def complaints(outcome, good, broken, before):
    """What is wrong after a run, as sentences."""
    total = outcome.tagged + outcome.unsure + outcome.failed
    if total != len(good) + len(broken):
        yield f"{total} of {len(good) + len(broken)} tracks are in the summary"
    bug = re.search(r".*((?<!Mutagen )internal error|Traceback)[\s\S]{,2000}", outcome.errors)
    if bug:
        yield f"a bug: {bug[0]}"
    if outcome.failed != sum(map(len, outcome.lines.values())):
        yield f"{outcome.failed} failed, and there are lines of {len(outcome.lines)}"
    for name, path in good.items():
        if plugin_files.file_genres(path) != [name.split(" of ")[1]]:
            yield f"{name}: the file says {plugin_files.file_genres(path)}"
    yield from complaints_of_broken(outcome, broken, before)


def complaints_of_broken(outcome, broken, before):
    for name, path in broken.items():
        if name in broken_files.UNDECODABLE and name not in outcome.lines:
            yield f"{name}: was decoded"
        if name in outcome.lines and fingerprint(path) != before[name]:
            yield f"{name}: failed, and was changed"


def fingerprint(path):
    """Values that change when a file does; None if it is not a regular file."""
    if path.is_symlink() or not path.is_file():
        return None
    status = path.stat()
    large = status.st_size > 10**7
    return status.st_size, status.st_mtime_ns, None if large else sha(path)


def sha(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
