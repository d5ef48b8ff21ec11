"""SIGKILL at random moments of ``beet cnngenre``, ``cnnundo``, ``import`` and ``cnntrain``.

Half of the kills are at random times, half just before or after random *effects*: calls that
change a file or a database.  Afterwards every audio stream must have its old packets, every file
must open, every genre must be the old or the new one, and SQLite must find the databases sound.
After one kill in three the same command runs again, half of the time after a ``cnnundo``; it must
finish, and ``cnnundo`` must then restore the old state.  The music is tones in ten formats,
imported in place: there is no other copy.  The tags outgrow their padding, so that audio has to
move.

The importer's writes are beets' own, in place.  With ``copy: yes``, its default, the imported
originals must not change by a byte; with ``-A`` and ``write_asis`` the plugin writes.

At the end, standard error says how many kills broke a file with ``write_in_place: yes``, while
mutagen was writing.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from aftermath import (
    KINDS,
    Scene,
    Track,
    audio_of,
    cache_faults,
    database_faults,
    file_faults,
    make_scene,
    model_faults,
    query,
)
from labelled_library import configured, write_music
from real_beet import Done, beet_in, write_pitch_bundle
from run import Row

WRITING = ["safe_write.py", "mutagen", "beets/dbcore", "beets/util", "genre_model"]


@dataclass(frozen=True)
class Campaign:
    """A command that is killed many times.

    ``check`` returns the faults right after a kill, ``finish`` the faults after another run.
    """

    promise: str
    arguments: tuple[str, ...]
    scene: Scene
    check: Callable[[], list[str]]
    finish: Callable[[bool], list[str]]


def rows(seconds: float) -> Iterator[Row]:
    rng = random.Random()
    end = time.monotonic() + seconds * 0.9
    with tempfile.TemporaryDirectory() as folder:
        model = write_pitch_bundle(Path(folder) / "pitch")
        campaigns = [make(Path(folder), model) for make in CAMPAIGNS]
        cases, losses = Counter[str](), Counter[str]()
        sizes = [measured(campaign) for campaign in campaigns]
        number = 0
        while time.monotonic() < end:
            which = number % len(campaigns)
            campaign = campaigns[which]
            done, found = one_kill(campaign, sizes[which], rng, number)
            number += 1
            if done.killed:
                cases[campaign.promise] += 1
                losses[campaign.promise] += bool(found)
            for fault in found:
                print(f"{campaign.promise}: {fault}", file=sys.stderr, flush=True)
        for campaign in campaigns:
            yield Row(campaign.promise, cases[campaign.promise], losses[campaign.promise])
        n_kills, n_broken = in_place(campaigns[0], rng, end + seconds * 0.1)
        print(f"written in place: {n_kills} kills, {n_broken} broke a file", file=sys.stderr)


def measured(campaign: Campaign) -> Done:
    """Run the command undisturbed, to measure how long it takes and how many effects it has."""
    campaign.scene.restore()
    done = campaign.scene.beet.fork(*campaign.arguments, where=WRITING)
    if done.status:
        sys.exit(f"{campaign.promise}: {done.output}")
    return done


def one_kill(
    campaign: Campaign, size: Done, rng: random.Random, number: int
) -> tuple[Done, list[str]]:
    """Kill the command once; returns how it ended, and the faults then and after further runs."""
    campaign.scene.restore()
    by_time = {"after_s": size.seconds * rng.random()}
    at_effect = {"effect": rng.randint(1, size.effects), "where": WRITING}
    how = rng.choice([by_time, at_effect])
    done = campaign.scene.beet.fork(*campaign.arguments, **how)
    found = campaign.check()
    if found or number // len(CAMPAIGNS) % FINISHED == 0:
        found += campaign.finish(number % 2 == 0)
    return done, [f"{how}: {fault}" for fault in found]


def commands(scene: Scene, *lines: tuple[str, ...]) -> list[str]:
    """Run commands that must succeed; returns the faults."""
    ended = [(line, scene.beet.fork(*line)) for line in lines]
    return [f"{line}: {done.output[-500:]}" for line, done in ended if done.status]


def tagging(folder: Path, model: Path) -> Campaign:
    scene = make_scene(folder / "tag", model)

    def finish(undo_first: bool) -> list[str]:
        found = commands(scene, ("cnnundo",)) if undo_first else []
        found += scene.faults()
        found += commands(scene, ("cnngenre",)) + scene.faults("new")
        found += commands(scene, ("cnnundo",)) + scene.faults("old")
        return found + [f"left: {path.name}" for path in scene.leftovers()]

    promise = "`beet cnngenre` is killed"
    return Campaign(promise, ("cnngenre",), scene, scene.faults, finish)


def undoing(folder: Path, model: Path) -> Campaign:
    scene = make_scene(folder / "undo", model, KINDS[:5])
    commands(scene, ("cnngenre",))
    scene.keep()

    def finish(_: bool) -> list[str]:
        found = commands(scene, ("cnnundo",)) + scene.faults("old")
        return found + [f"left: {path.name}" for path in scene.leftovers()]

    promise = "`beet cnnundo` is killed"
    return Campaign(promise, ("cnnundo",), scene, scene.faults, finish)


def importing_as_is(folder: Path, model: Path) -> Campaign:
    """The plugin writes the genres of files that are imported in place."""
    scene = make_scene(folder / "asis", model, KINDS[5:])
    shutil.rmtree(scene.beet.home / "cnngenre", ignore_errors=True)
    (scene.beet.home / "library.db").unlink()
    scene.beet.config["cnngenre"] |= {"auto": True, "write_asis": True}
    scene.beet("ls")
    scene.keep()
    command = ("import", "-A", str(scene.folder / "music"))

    def check() -> list[str]:
        return [fault for fault in scene.faults() if "is not in the library" not in fault]

    def finish(_: bool) -> list[str]:
        found = commands(scene, command) + scene.faults("new")
        found += commands(scene, ("cnnundo",)) + scene.faults()
        return found + [f"left: {path.name}" for path in scene.leftovers()]

    return Campaign("`beet import -A` is killed, `write_asis: yes`", command, scene, check, finish)


def importing(folder: Path, model: Path) -> Campaign:
    """The originals are copied; beets writes the copies with its own code."""
    made = make_scene(folder / "source", model, KINDS[:4])
    work = folder / "import"
    work.mkdir()
    beet = beet_in(work / "home", model)
    beet.config["import"] |= {"duplicate_action": "remove"}
    beet.config["cnngenre"] |= {"force": True}
    shutil.copytree(made.folder / "music", work / "music")
    tracks = {
        title: replace(track, path=work / "music" / track.path.name)
        for title, track in made.tracks.items()
    }
    contents = {track.path: track.path.read_bytes() for track in tracks.values()}
    beet("ls")
    scene = Scene(beet, tracks, work)
    scene.keep()
    command = ("import", str(work / "music"))

    def check() -> list[str]:
        found = database_faults(beet.home / "library.db")
        found += [
            f"{path} has changed" for path, was in contents.items() if path.read_bytes() != was
        ]
        return found

    def finish(_: bool) -> list[str]:
        found = commands(scene, command) + check()
        rows = query(beet.home / "library.db", "SELECT title, path FROM items")
        found += [f"{title} is missing" for title in tracks.keys() - {title for title, _ in rows}]
        for title, name in rows:
            path = work / "library" / Path(name.decode())
            found += copies_faults(tracks[title], path)
        found += commands(scene, ("cnnundo",))
        return found + check()

    return Campaign("`beet import` is killed", command, scene, check, finish)


def copies_faults(track: Track, path: Path) -> list[str]:
    """The faults of the library's file of a track after a complete import."""
    return file_faults(replace(track, path=path), "new")


def training(folder: Path, model: Path) -> Campaign:
    work = folder / "train"
    home = work / "home"
    home.mkdir(parents=True)
    write_music(work / "music")
    beet = configured(beet_in(folder / "unused", model), home)
    beet("import", "-A", work / "music")
    tracks = {
        path.stem: Track(path, audio_of(path), (path.stem.split()[0],), (path.stem.split()[0],))
        for path in (work / "music").iterdir()
    }
    contents = {track.path: track.path.read_bytes() for track in tracks.values()}
    scene = Scene(beet, tracks, work)
    scene.keep()

    def check() -> list[str]:
        found = database_faults(home / "library.db")
        found += [
            f"{path} has changed" for path, was in contents.items() if path.read_bytes() != was
        ]
        return found + model_faults(home / "cnngenre" / "models") + cache_faults(home / "cnngenre")

    def finish(_: bool) -> list[str]:
        found = commands(scene, ("cnntrain",)) + check()
        made = list((home / "cnngenre" / "models").glob("[!.]*"))
        return found + ([] if made else ["there is no model"])

    return Campaign("`beet cnntrain` is killed", ("cnntrain", "-q"), scene, check, finish)


FINISHED = 3  # one kill in this many is followed by ``finish``
CAMPAIGNS = (tagging, undoing, importing_as_is, importing, training)


def in_place(campaign: Campaign, rng: random.Random, end: float) -> tuple[int, int]:
    """The number of kills of a command that writes in place, and how many broke a file."""
    beet = campaign.scene.beet
    beet.config["cnngenre"]["write_in_place"] = True
    campaign.scene.restore()
    n_effects = beet.fork(*campaign.arguments, where=["mutagen"]).effects
    n_kills = n_broken = 0
    while time.monotonic() < end or n_kills < 20:
        campaign.scene.restore()
        effect = rng.randint(1, n_effects)
        n_kills += beet.fork(*campaign.arguments, effect=effect, where=["mutagen"]).killed
        n_broken += bool(campaign.scene.faults())
    return n_kills, n_broken
