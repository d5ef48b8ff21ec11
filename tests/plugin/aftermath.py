"""A library in place, the only copy of its music, and what is wrong after a command was killed."""

import hashlib
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import av
import mutagen
from plugin_files import file_genres
from real_beet import Beet, beet_in, write_tone

from genre_model.core.errors import GenreModelError
from genre_model.extraction.cache import Cache
from genre_model.model.bundle.store import load_bundle
from genre_model.model.classifier import Classifier

KINDS = ("mp3", "flac", "aac", "vorbis", "opus", "wav16", "alac", "aiff", "wavpack", "wma")
SOUNDS = ("Rock", "Jazz", "Electronic")
LONG = "tags that outgrow their room " * 1_000


@dataclass(frozen=True, slots=True)
class Track:
    """A file, the digest of its audio, and its genres before and after."""

    path: Path
    audio: str
    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """A ``beet``, its tracks by title, and a copy of everything to start again from."""

    beet: Beet
    tracks: dict[str, Track]
    folder: Path

    def keep(self):
        """Make the present state the one that ``restore`` restores."""
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.folder, self.copy, symlinks=True)

    def restore(self):
        """Restore the state that was kept."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.copy, self.folder, symlinks=True)

    @property
    def copy(self):
        return self.folder.with_name(f"{self.folder.name}-kept")

    def faults(self, state="old or new"):
        """What is wrong with audio, files, genres (``old``, ``new``, or either) and databases."""
        found = [fault for track in self.tracks.values() for fault in file_faults(track, state)]
        for database in (
            self.beet.home / "library.db",
            self.beet.home / "cnngenre" / "features.db",
        ):
            found += database_faults(database)
        return found + self.library_faults(state)

    def library_faults(self, state):
        rows = dict(query(self.beet.home / "library.db", "SELECT title, genres FROM items"))
        missing = [f"{title} is not in the library" for title in self.tracks.keys() - rows.keys()]
        return missing + [
            f"{title} is {genres!r} in the library, not {state}"
            for title, genres in rows.items()
            if tuple(filter(None, genres.split("\\␀"))) not in candidates(self.tracks[title], state)
        ]

    def leftovers(self):
        """Copies that killed runs have left."""
        return sorted(self.folder.rglob(".cnngenre-*"))


def make_scene(folder, model, kinds=KINDS):
    """Import tones in place; every other one has a genre; the library gives each a long comment."""
    folder.mkdir()
    beet, tracks = beet_in(folder / "home", model), {}
    for number, kind in enumerate(kinds):
        sound = SOUNDS[number % len(SOUNDS)]
        old = ["Polka"] if number % 2 else []
        path = write_tone(folder / "music", sound, f"{sound} {kind}", kind, genres=old)
        tracks[path.stem] = Track(path, audio_of(path), tuple(old), (sound,))
    beet.config["import"] = {"copy": False, "write": True, "quiet": True}
    beet.config["cnngenre"] |= {"auto": False, "force": True}
    beet("import", "-A", folder / "music")
    beet("modify", "-W", "-y", f"comments={LONG}")
    scene = Scene(beet, tracks, folder)
    assert (found := scene.faults("old")) == [], found
    scene.keep()
    return scene


def file_faults(track, state):
    """What is wrong with a file."""
    try:
        if audio_of(track.path) != track.audio:
            return [f"{track.path.name}: the audio is another"]
        if mutagen.File(track.path) is None:
            return [f"{track.path.name}: mutagen does not know it"]
    except (OSError, mutagen.MutagenError, av.FFmpegError) as error:
        return [f"{track.path.name}: {error}"]
    genres = tuple(filter(None, file_genres(track.path)))
    return (
        []
        if genres in candidates(track, state)
        else [f"{track.path.name} is {genres}, not {state}"]
    )


def candidates(track, state):
    """The genres that a track may have."""
    return {"old": [track.old], "new": [track.new]}.get(state, [track.old, track.new])


def audio_of(path):
    """A digest of the packets of a file's audio, without its tags."""
    digest = hashlib.sha256()
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.audio[0]):
            digest.update(bytes(packet))
    return digest.hexdigest()


def database_faults(path):
    """What SQLite finds wrong with a database."""
    if not path.exists():
        return []
    [(verdict,)] = query(path, "PRAGMA integrity_check")
    return [] if verdict == "ok" else [f"{path.name}: {verdict}"]


def model_faults(folder):
    """What is wrong with models, by the hashes of their files and the answer to their probe."""
    found = []
    for path in folder.glob("[!.]*"):
        try:
            bundle = load_bundle(path)
            for name in bundle.manifest.files:
                bundle.read(name)
            Classifier(bundle)
        except GenreModelError as error:
            found.append(str(error))
    return found


def cache_faults(folder):
    """What is wrong with the cache, by SQLite's check and the checksum of every entry."""
    path = folder / "features.db"
    found = database_faults(path)
    if path.exists():
        cache = Cache(path)
        keys = [key for (key,) in query(path, "SELECT key FROM features")]
        found += ["a broken entry" for key in keys if cache.get(key) is None]
        found += ["the cache was set aside"] * path.with_name(f"{path.name}.damaged").exists()
        cache.close()
    return found


def query(path, statement):
    """The rows that a statement returns from a database."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()
