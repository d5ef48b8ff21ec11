"""Several ``beet`` processes at once on one library, after which every genre must be right.

In each round two ``beet cnngenre``, a ``beet cnngenre`` of a few tracks, an import of a new track
and several ``beet modify`` start at random moments on a library of twelve tracks without genres,
each in its own process.  Each genre that the user sets is unique, so that nothing else can have
set it.

beets itself writes a file before it updates its database, and writes all that it knew of the track
when it started.  So a file may end up without what the library has.  Such files are counted, and
then ``beet write`` repairs them.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from plugin_files import file_genres
from real_beet import beet_in, write_pitch_bundle, write_tone
from run import Row

N_TRACKS = 12
N_EDITS = 4
SPREAD_S = 3.0  # all processes start within this time
NO_WORKERS_S = 300.0


def rows(seconds: float) -> Iterator[Row]:
    end = time.monotonic() + seconds
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    print(f"together: seed {seed}", file=sys.stderr)
    counts = {"edits": 0, "commands": 0, "tracks": 0, "rounds": 0}
    losses = dict.fromkeys(counts, 0)
    behind = 0
    with tempfile.TemporaryDirectory() as folder:
        beet = library(Path(folder))
        while not counts["rounds"] or time.monotonic() < end:
            counts["rounds"] += 1
            edits, failed = play(beet, rng, counts["rounds"])
            counts["edits"] += len(edits)
            counts["commands"] += N_EDITS + 5
            losses["commands"] += count(failed, "a command failed")
            genres = genres_in_library(beet)
            counts["tracks"] += len(genres)
            lost = [f"{title}: {genres[title]} for {own}" for title, own in edits.items()
                    if genres[title] != own]  # fmt: skip
            losses["edits"] += count(lost, "lost")
            behind += sum(genres[title] != in_file for title, in_file in files(beet).items())
            beet("write")
            wrong = [title for title, in_file in files(beet).items() if genres[title] != in_file]
            wrong += [t for t, genre in genres.items() if t not in edits and genre != "Rock"]
            losses["tracks"] += count(wrong, "wrong")
            losses["rounds"] += count(unsound(beet), "unsound")
    print(f"together: {behind} files were behind the library", file=sys.stderr)
    yield Row(
        "a genre that the user gives while others run stays", counts["edits"], losses["edits"]
    )
    yield Row("no command fails because of the others", counts["commands"], losses["commands"])
    yield Row("library and files agree afterwards", counts["tracks"], losses["tracks"])
    yield Row("library and cache are sound", counts["rounds"], losses["rounds"])


def library(folder: Path):
    """A library of tones that all sound like Rock, but not the same."""
    beet = beet_in(folder / "home", write_pitch_bundle(folder / "pitch"))
    beet.config["plugins"] = ["cnngenre", "slow"]
    beet.config["cnngenre"] |= {"auto": False}
    for number in range(N_TRACKS):
        write_tone(folder / "music", "Rock", f"Track {number}", seconds=3.2 + number / 10)
    beet("import", "-A", folder / "music")
    return beet


def play(beet, rng: random.Random, number: int) -> tuple[dict[str, str], list[str]]:
    """Play one round; returns the user's genres by title, and the messages of failed commands."""
    beet("modify", "-y", "genres=", "cnngenre_model!")
    for path in (beet.home / "cnngenre").glob("features.db*"):
        path.unlink()
    new = write_tone(
        beet.home.parent / f"new {number}", "Rock", f"New {number}", seconds=3.2, album=f"{number}"
    )
    titles = rng.sample([f"Track {n}" for n in range(N_TRACKS)], N_EDITS)
    edits = {title: f"User {number} {n}" for n, title in enumerate(titles)}
    commands = [
        ["genre"],
        ["genre"],
        ["genre", f"title:Track {rng.randrange(N_TRACKS)}"],
        ["import", "-A", str(new.parent)],
        *(["modify", "-y", f"title:={title}", f"genres={own}"] for title, own in edits.items()),
        ["modify", "-y", f"title:=Track {rng.randrange(N_TRACKS)}", f"year={1900 + number}"],
    ]
    rng.shuffle(commands)
    moments = sorted(rng.uniform(0, SPREAD_S) for _ in commands)
    start = time.monotonic()
    running = []
    for moment, command in zip(moments, commands, strict=True):
        time.sleep(max(0.0, start + moment - time.monotonic()))
        running.append((command, begin(beet, command)))
    failed = [said for command, process in running if (said := failure(command, process))]
    beet("genre")  # tags tracks that were new, or were taken for edited
    return edits, failed


def begin(beet, command: list[str]) -> subprocess.Popen[str]:
    return beet.start(*command, stderr=subprocess.STDOUT)


def failure(command: list[str], process: subprocess.Popen[str]) -> str:
    """The output of a command that failed or took too long; otherwise an empty string."""
    try:
        printed, _ = process.communicate(timeout=NO_WORKERS_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return f"{command}: no end"
    bad = process.returncode or "Traceback" in printed
    return f"{command}: {process.returncode}\n{printed}" if bad else ""


def genres_in_library(beet) -> dict[str, str]:
    return {title: genres or "" for title, genres, _ in query(beet)}


def files(beet) -> dict[str, str]:
    folder = Path(beet.config["directory"])
    return {
        title: "; ".join(file_genres(folder / os.fsdecode(path))) for title, _, path in query(beet)
    }


def query(beet, sql: str = "SELECT title, genres, path FROM items") -> list[tuple]:
    connection = sqlite3.connect(beet.config["library"], timeout=60)
    found = connection.execute(sql).fetchall()
    connection.close()
    return found


def unsound(beet) -> list[str]:
    """What is wrong with the databases."""
    orphans = "SELECT key FROM item_attributes WHERE entity_id NOT IN (SELECT id FROM items)"
    wrong = [f"no track's: {key}" for (key,) in query(beet, orphans)]
    wrong += [said for (said,) in query(beet, "PRAGMA integrity_check") if said != "ok"]
    cache = beet.home / "cnngenre" / "features.db"
    connection = sqlite3.connect(cache)
    wrong += [s for (s,) in connection.execute("PRAGMA integrity_check").fetchall() if s != "ok"]
    connection.close()
    return wrong + [str(path) for path in cache.parent.glob("*.damaged")]


def count(what: list[str], word: str) -> int:
    """Print each entry; returns how many there are."""
    for one in what:
        print(f"together: {word}: {one}", file=sys.stderr)
    return len(what)
