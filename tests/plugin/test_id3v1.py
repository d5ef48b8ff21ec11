"""ID3v1: beets writes our genre to it, too, and undo restores what was there."""

import json
import sqlite3
from contextlib import closing

import mutagen
import pytest
from odd_audio import ape_tag
from plugin_files import file_genres
from real_beet import write_tone

NONE, TRIP_HOP = 255, 27
V1 = b"Artist".ljust(30, b"\0") + b"Album".ljust(30, b"\0") + b"1999"  # the fields after the title
V1 += b"ripped by me".ljust(28, b"\0") + b"\0\5"


@pytest.fixture
def behind(tmp_path):
    """Makes an MP3 with an ID3v1 tag of a given genre, with or without an ID3v2 tag."""

    def make(number, *, id3v2=True):
        title = f"{number} {id3v2}"
        path = write_tone(tmp_path / "music", "Rock", title, "mp3")
        if not id3v2:
            mutagen.File(path).delete()
        old_tag = b"TAG" + title.encode().ljust(30, b"\0") + V1 + bytes([number])
        path.write_bytes(path.read_bytes() + old_tag)
        return path

    return make


@pytest.mark.parametrize("written", [["modify", "-y", "year=2001"], ["cnngenre", "-f"], None])
def test_undo_after_a_write_of_beets_gives_its_genre_back(behind, in_place, written):
    files = {
        behind(number, id3v2=id3v2): number
        for number in (NONE, TRIP_HOP, 200)
        for id3v2 in (True, False)
    }
    before = {path: file_genres(path) for path in files}
    beet = in_place()
    known = beet.genres()
    beet("cnngenre")
    if written:
        beet(*written)
    assert {*map(str, map(file_genres, files))} == {"['Rock']"}
    rest = {path: path.read_bytes()[-128:-1] for path in files}
    assert "restored 6, kept 0, failed 0" in beet("cnnundo")
    assert {path: file_genres(path) for path in files} == before
    assert {path: path.read_bytes()[-128:-1] for path in files} == rest
    assert {path: path.read_bytes()[-1] for path in files} == files
    assert beet.genres() == known
    assert beet("update", "-p") == beet("write", "-p") == ""


@pytest.mark.parametrize("number", [NONE, TRIP_HOP])
def test_undo_after_an_import_that_writes(beet, behind, number):
    source = behind(number)
    before = file_genres(source)
    beet.config["cnngenre"]["force"] = True
    beet("import", source.parent)
    [path] = beet.paths().values()
    assert path.read_bytes()[-1] == 17  # Rock
    beet("cnnundo", "-w")
    assert path.read_bytes()[-1] == number
    assert file_genres(path) == before


def test_undo_after_beets_has_made_another_version_of_the_other_tag(behind, in_place):
    path = behind(NONE)
    tags = mutagen.File(path).tags
    tags.update_to_v23()
    tags.save(path, v1=1, v2_version=3)
    beet = in_place()
    beet("cnngenre")
    beet("modify", "-y", "year=2001")
    assert path.read_bytes()[3] == 4
    assert "restored 1" in beet("cnnundo")
    assert file_genres(path) == []
    assert path.read_bytes()[-1] == NONE


def test_what_was_noted_without_it_can_be_undone(behind, in_place):
    path = behind(NONE)
    beet = in_place()
    beet("cnngenre")
    with closing(sqlite3.connect(beet.config["library"])) as connection, connection:
        query = "SELECT value FROM item_attributes WHERE key = 'cnngenre_file'"
        [text] = connection.execute(query).fetchone()
        memory = json.loads(text)
        del memory["before"]["id3v1"]
        connection.execute(
            "UPDATE item_attributes SET value = ? WHERE key = 'cnngenre_file'",
            [json.dumps(memory)],
        )
    beet("modify", "-y", "year=2001")
    assert "restored 1" in beet("cnnundo")
    assert file_genres(path) == []


def test_tags_of_apev2_that_look_like_it(tmp_path, in_place):
    """In a tag of 131 bytes, the letters TAG of its "APETAGEX" are where ID3v1 begins."""
    sound = write_tone(tmp_path / "music", "Rock", kind="wavpack")
    mutagen.File(sound).delete()
    before = {}
    for n_bytes in range(127, 136):  # some have 131 bytes before Rock is written, some after
        for genres in ({}, {"Genre": "Polka"}, {"Genre": "Synthpop"}):
            tag = ape_tag(Title="", Artist="Artist", **genres)
            tag = ape_tag(Title="x" * (n_bytes - len(tag)), Artist="Artist", **genres)
            before[sound.with_stem(f"{n_bytes} {len(genres.get('Genre', ''))}")] = tag
    value = ape_tag(Title="Title", Artist="Artist", Genre="Polka", Subtitle="MONTAG" + 93 * "!")
    assert value[-128:].startswith(b"TAG")
    before[sound.with_stem("value")] = value
    for path, tag in before.items():
        path.write_bytes(sound.read_bytes() + tag)
    genres = {path: file_genres(path) for path in before}
    audio = sound.read_bytes() + b"APETAGEX"
    sound.unlink()
    beet = in_place()
    assert "tagged 28, kept 0, unsure 0, failed 0" in beet("cnngenre")
    assert all(path.read_bytes().startswith(audio) for path in before)
    assert "restored 28, kept 0, failed 0" in beet("cnnundo")
    assert all(path.read_bytes().startswith(audio) for path in before)
    assert {path: file_genres(path) for path in before} == genres
    assert {path.name: path.stat().st_size - len(audio) + 8 for path in before} == {
        path.name: len(tag) for path, tag in before.items()
    }
