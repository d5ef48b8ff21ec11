"""Odd names and places of files, and files truncated anywhere, from import to undo."""

import os
import re
import shutil
import sys

import broken_files
import pytest
from plugin_files import file_genres
from test_command import summary

GOOD = (
    "-rf.wav",
    "--help.wav",
    "two\nlines.wav",
    " spaces .wav",
    "concat:a|b.wav",
    "%s{0}$title.wav",
    "\u202egnp.wav",
    "e\u0301\u200f.wav",
    "n" * 240 + ".wav",
    "wrong suffix.mp3",
    "CAPITALS.WAV",
    os.fsdecode(b"caf\xe9\xff.wav"),
)


def make_places(folder, tone):
    """Make good files with odd names, and entries that are not good; returns the good paths.

    Half of the good files are in a folder named like a song.
    """
    (folder / "song.mp3").mkdir(parents=True)
    made = []
    source = tone("Rock", folder="tones")
    for number, name in enumerate(GOOD):
        where = folder / "song.mp3" if number % 2 else folder
        try:
            made.append(shutil.copy(source, where / name))
        except OSError:  # this file system does not take the name
            continue
    # At some of the other places, beets would wait.
    for name in ("folder", "link in a circle", "link to nothing"):
        broken_files.PLACES[name](folder / f"{name}.mp3")
    (folder / "empty.flac").write_bytes(b"")
    return made


@pytest.mark.skipif(sys.platform != "linux", reason="other file systems take fewer names")
def test_odd_names_and_places_from_import_to_undo(beet, tone, tmp_path):
    paths = make_places(tmp_path / "music", tone)
    assert len(paths) == len(GOOD)
    before = {path: path.read_bytes() for path in paths}
    beet.config["directory"] = str(tmp_path / "music")
    beet.config["import"] |= {"copy": False, "duplicate_action": "keep"}
    beet.config["cnngenre"]["write_asis"] = True
    beet("import", "-A", tmp_path / "music")
    for command in ("ls", "-f", "x"), ("cnngenre", "-w"):
        said = beet(*command)
        assert said.count("x") == len(paths) or f"tagged {len(paths)}, kept 0, unsure 0" in said
        assert [path.name for path in paths if file_genres(path) != ["Rock"]] == []
        beet("cnnundo")
        assert [path.name for path in paths if file_genres(path)] == []
    assert all(len(path.read_bytes()) >= len(before[path]) for path in paths)


def test_files_cut_at_each_tenth_are_one_line_each_or_tagged(beet, tone, tmp_path):
    contents = broken_files.good_contents(tmp_path)
    music = tmp_path / "music"
    tone("Rock", "good")
    for number, (kind, content) in enumerate(contents.items()):
        for tenth in range(number % 2, 10, 2):  # the soak test has them all
            path = music / f"{kind} {tenth}{broken_files.suffix_of(kind)}"
            path.write_bytes(content[: len(content) * tenth // 10])
    before = {path: path.read_bytes() for path in music.iterdir()}
    beet.config["directory"] = str(music)
    beet.config["import"] |= {"copy": False, "duplicate_action": "keep"}
    beet.config["cnngenre"] |= {"auto": False, "threshold": 0}
    beet("import", "-A", "-s", music)
    counted = summary(beet("cnngenre"))
    n_failed = int(counted.split("failed ")[1])
    assert "internal error" not in beet.errors
    assert len(re.findall("^cnngenre: ", beet.errors, re.MULTILINE)) == n_failed
    untouched = {path for path, content in before.items() if path.read_bytes() == content}
    tagged = {path for path, genres in of_files(before).items() if genres}
    assert tagged.isdisjoint(untouched)
    assert len(tagged) + len(untouched) == len(before)
    beet("cnnundo")
    assert not [path for path, genres in of_files(before).items() if genres]


def of_files(paths):
    """Path -> genres of the files that can be read."""
    from mediafile import UnreadableFileError

    found = {}
    for path in paths:
        try:
            found[path] = file_genres(path)
        except UnreadableFileError:
            continue
    return found
