"""A library of odd files, and what was lost when ``beet cnngenre`` and ``--undo`` were over it."""

import random

from audio_files import tone
from mediafile import UnreadableFileError
from odd_audio import decoded, odd_files
from odd_genres import dump
from plugin_files import file_genres
from real_beet import HZ, beet_in

from beetsplug.cnngenre.tagging.file.genre_tag import read_tags


def rock(rate_hz, seconds):
    return tone(seconds, HZ["Rock"], rate_hz)


def readable(path):
    try:
        file_genres(path)
    except UnreadableFileError:
        return False
    return True


def losses(folder, model, seed, in_place=False):
    """How many files there were, how many were tagged, and what was lost."""
    music = folder / "music"
    music.mkdir(parents=True)
    paths = [path for path in odd_files(music, random.Random(seed), sound=rock) if readable(path)]
    bytes_before = {path: path.read_bytes() for path in paths}
    sound = {path: decoded(path) for path in paths}
    dumps, others = {p: dump(p) for p in paths}, {p: read_tags(p).others for p in paths}
    beet = beet_in(folder / "home", model)
    beet.config["directory"] = str(music)
    beet.config["import"] = {
        "copy": False,
        "write": True,
        "quiet": True,
        "duplicate_action": "keep",
    }
    beet.config["cnngenre"] |= {"auto": False, "force": True, "write_in_place": in_place}
    beet("import", "-A", "-s", music)
    known = {path: genres for path, genres in of_library(beet).items() if path in bytes_before}
    beet("cnngenre")
    complaints, tagged = [], []
    for path, genres in of_library(beet).items():
        same = path.read_bytes() == bytes_before[path]
        if decoded(path) != sound[path]:
            complaints.append(f"{path.name}: the sound has changed")
        elif genres == known[path]:
            complaints += [] if same else [f"{path.name}: failed, but changed"]
        elif file_genres(path) != ["Rock"] or without_frames(
            read_tags(path).others
        ) != without_frames(others[path]):
            complaints.append(f"{path.name}: {file_genres(path)}, or other tags have changed")
        else:
            tagged.append(path)
    beet("cnnundo")
    complaints += [f"{p.name}: not restored" for p in tagged if dump(p) != dumps[p]]
    complaints += [f"{p.name}: the sound has changed" for p in tagged if decoded(p) != sound[p]]
    return len(known), len(tagged), complaints


def without_frames(tags):
    return {key: value for key, value in tags.items() if key != "frames"}


def of_library(beet):
    lines = beet("ls", "-f", "$path\x1f$genres").splitlines()
    found = (line.split("\x1f") for line in lines)
    return {beet.home.parent / "music" / path.rpartition("/")[2]: genres for path, genres in found}
