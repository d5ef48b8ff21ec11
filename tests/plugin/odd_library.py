"""A library of odd files, and what ``beet cnngenre`` and ``cnnundo`` lose in it."""

import os
import random
import re

import odd_streams
import odd_tagged
from audio_files import tone
from beets.library import Item, Library
from mediafile import UnreadableFileError
from odd_audio import decoded, odd_files
from odd_genres import dump
from plugin_files import file_genres
from real_beet import HZ, beet_in

from beetsplug.cnngenre.tagging.file.genre_tag import read_tags
from beetsplug.cnngenre.tagging.file.safe_write import WRITE_ERRORS


def rock(rate_hz, seconds):
    return tone(seconds, HZ["Rock"], rate_hz)


def losses(folder, model, seed, in_place=False):
    """Tag and undo the files of ``odd_audio``; returns what ``losses_of`` does."""
    music = folder / "music"
    music.mkdir(parents=True)
    paths = list(odd_files(music, random.Random(seed), sound=rock))
    return losses_of(paths, folder, model, in_place)


def losses_in_streams(folder, model, seed, in_place=False, every=1):
    """Tag and undo the files of ``odd_streams``; returns what ``losses_of`` does."""
    music = folder / "music"
    music.mkdir(parents=True)
    paths = []
    for name, content in odd_streams.odd_streams(folder, random.Random(seed), every=every):
        paths.append(music / name)
        paths[-1].write_bytes(content)
    return losses_of(paths, folder, model, in_place)


def losses_in_tags(folder, model, seed, in_place=False, n_random=30, every=1):
    """Tag and undo the files of ``odd_tagged``; returns what ``losses_of`` does."""
    music = folder / "music"
    music.mkdir(parents=True)
    found = odd_tagged.odd_tagged(music, random.Random(seed), HZ["Rock"], n_random, every)
    return losses_of(list(found), folder, model, in_place)


def readable(path):
    try:
        file_genres(path)
        read_tags(path)
    except (UnreadableFileError, *WRITE_ERRORS):
        return False
    return True


def losses_of(paths, folder, model, in_place):
    """Tag files and undo that: how many there are, how many were tagged, and what was lost.

    Files that beets does not import are put into its library anyway.
    """
    beet = beet_in(folder / "home", model)
    music = folder / "music"
    beet.config["directory"] = str(music)
    beet.config["import"] = {"copy": False, "quiet": True, "duplicate_action": "keep"}
    beet.config["cnngenre"] |= {"auto": False, "force": True, "write_in_place": in_place}
    beet("import", "-A", "-s", music)
    add_others(beet, paths)
    bytes_before = {path: path.read_bytes() for path in paths}
    sound = {path: decoded(path) for path in paths}
    known = of_library(beet)
    readables = [path for path in paths if readable(path)]
    dumps, others = {p: dump(p) for p in readables}, {p: read_tags(p).others for p in readables}
    beet("cnngenre")
    complaints = [*bugs(beet, len(paths))]
    tagged = []
    for path, genres in of_library(beet).items():
        same = path.read_bytes() == bytes_before[path]
        if decoded(path) != sound[path]:
            complaints.append(f"{path.name}: the sound has changed")
        elif genres == known[path]:
            complaints += [] if same else [f"{path.name}: failed, but changed"]
        elif (
            path not in others
            or file_genres(path) != ["Rock"]
            or without_frames(read_tags(path).others) != without_frames(others[path])
        ):
            complaints.append(f"{path.name}: {file_genres(path)}, or other tags have changed")
        else:
            tagged.append(path)
    beet("cnnundo")
    complaints += bugs(beet)
    complaints += [f"{p.name}: not restored" for p in tagged if dump(p) != dumps[p]]
    complaints += [f"{p.name}: the sound has changed" for p in tagged if decoded(p) != sound[p]]
    return len(known), len(tagged), complaints


def bugs(beet, n_tracks=None):
    """Bugs that a command printed, and the number of files in the library if it is wrong."""
    found = re.search(r".*((?<!Mutagen )internal error|Traceback).*", beet.errors)
    if found:
        yield found[0]
    if n_tracks is not None and len(of_library(beet)) != n_tracks:
        yield f"{len(of_library(beet))} of {n_tracks} files are in the library"


def add_others(beet, paths):
    """Put the files that the importer leaves out into a library."""
    known = of_library(beet)
    library = Library(beet.config["library"], beet.config["directory"])
    with library.transaction():
        for path in paths:
            if path not in known:
                library.add(Item(path=os.fsencode(path), title=path.name, artist="x", album="y"))
    library._close()


def without_frames(tags):
    return {key: value for key, value in tags.items() if key != "frames"}


def of_library(beet):
    rows = beet("ls", "-f", "$path\x1f$genres\x1e").split("\x1e\n")
    found = (row.split("\x1f") for row in rows if row)
    return {beet.home.parent / "music" / path.rpartition("/")[2]: genres for path, genres in found}
