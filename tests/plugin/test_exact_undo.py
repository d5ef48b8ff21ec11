"""Writing a genre changes only the genre, and ``cnnundo`` restores exactly what the file had."""

import os
import shutil
from importlib.metadata import version

import mutagen
import pytest
from audio_files import FORMATS
from odd_genres import KINDS, VALUES, dump, put_genres, put_id3
from plugin_files import file_genres, make_newer, tag
from real_beet import write_tone

from beetsplug.cnngenre.tagging.file.genre_tag import read_tags

BEETS = tuple(map(int, version("beets").split(".")[:2]))


def all_files(tmp_path, kinds):
    """Yield a file of each format with each genre tag; each format's tone is encoded once."""
    for kind in kinds:
        suffix = FORMATS[kind].suffix
        tone = write_tone(tmp_path / "tones", "Rock", kind, kind)
        for number, (name, values) in enumerate(VALUES.items()):
            path = tmp_path / "music" / f"{kind} {number:02d} {name.replace('/', '')}{suffix}"
            path.parent.mkdir(exist_ok=True)
            shutil.copy(tone, path)
            tag(path, title=path.stem)
            put_genres(path, values)
            yield path


@pytest.mark.parametrize("part", range(4))
def test_undo_gives_every_format_every_odd_genre_back(in_place, tmp_path, part):
    paths = list(all_files(tmp_path, KINDS[part::4]))
    before = {path: dump(path) for path in paths}
    others = {path: read_tags(path).others for path in paths}
    beet = in_place(genres={"Rock": "Rumba"})  # Rock would not replace its own subgenres
    output = beet("cnngenre")
    assert f"tagged {len(paths)}," in output.splitlines()[-1], beet.errors
    for path in paths:
        assert file_genres(path) == ["Rumba"], path
        assert read_tags(path).others == others[path], path
    assert beet("update", "-p") == ""
    beet("cnnundo")
    assert [path.name for path in paths if dump(path) != before[path]] == []
    if BEETS >= (2, 9):  # older ones read "Rock; Pop" differently from file and library
        assert beet("update", "-p") == ""


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("id3v23", [False, True])
def test_a_tag_keeps_its_version_of_id3(in_place, tone, version, id3v23):
    path = tone("Rock", kind="mp3")
    put_id3(path, mutagen.File(path).tags, ["(17)(17)Rock", "Pop"], version)
    v1 = b"TAG" + b"another title".ljust(30, b"\0") + b"\0" * 94 + bytes([9])
    with path.open("ab") as file:
        file.write(v1)
    before = path.read_bytes()
    beet = in_place(genres={"Rock": "Музыка"})
    beet.config["id3v23"] = id3v23
    beet("cnngenre")
    assert file_genres(path) == ["Музыка"]
    assert path.read_bytes()[3] == version
    assert path.read_bytes().endswith(v1)
    assert beet("update", "-p") == ""
    beet("cnnundo")
    assert path.read_bytes()[:300] == before[:300]


@pytest.mark.parametrize("id3v23", [False, True])
def test_a_first_tag_has_the_version_of_the_configuration(in_place, tone, id3v23):
    path = tone("Rock", kind="mp3")
    mutagen.File(path).delete()
    beet = in_place(count=2, second_threshold=0)
    beet.config["id3v23"] = id3v23
    beet("cnngenre")
    assert mutagen.File(path).tags.version == (2, 3 if id3v23 else 4, 0)
    assert len(file_genres(path)) == 2
    assert beet("update", "-p") == ""
    beet("cnnundo")
    assert not mutagen.File(path).tags


def test_a_genre_that_the_file_alone_has_comes_back(in_place, tone):
    path = tone("Rock", kind="flac")
    beet = in_place()
    times = path.stat()
    file = mutagen.File(path)
    file["GENRE"] = ["Polka"]
    file.save()
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # as some taggers do
    beet("cnngenre")
    assert file_genres(path) == ["Rock"]
    beet("cnnundo")
    assert file_genres(path) == ["Polka"]


@pytest.mark.parametrize("command", [["cnngenre"], ["cnnundo"]])
def test_a_file_that_was_changed_outside_is_left_alone(in_place, tone, command):
    path = tone("Rock", kind="flac", genres=["Ska"])
    beet = in_place()
    if "cnnundo" in command:
        beet("cnngenre")
    file = mutagen.File(path)
    file["GENRE"] = ["Polka"]
    file["TITLE"] = ["Another"]
    file.save()
    make_newer(path)
    before = path.read_bytes()
    assert "failed 1" in beet(*command)
    assert "changed outside beets: run `beet update` first" in beet.errors
    assert path.read_bytes() == before
    beet("update")
    assert beet.genres() == {"Another": "Polka"}
    beet(*command)
    assert file_genres(path) == (["Polka"] if "cnnundo" in command else ["Rock"])


def test_another_tag_that_was_changed_outside_stays_and_beets_still_sees_it(in_place, tone):
    path = tone("Rock", kind="flac", genres=["Ska"])
    beet = in_place()
    file = mutagen.File(path)
    file["COMMENT"] = ["edited elsewhere"]
    file.save()
    make_newer(path)
    assert "tagged 1" in beet("cnngenre")
    assert (file_genres(path), mutagen.File(path)["COMMENT"]) == (["Rock"], ["edited elsewhere"])
    assert "edited elsewhere" in beet("update", "-p")
    assert "restored 1" in beet("cnnundo")
    assert (file_genres(path), mutagen.File(path)["COMMENT"]) == (["Ska"], ["edited elsewhere"])
    assert "edited elsewhere" in beet("update", "-p")


def test_a_genre_that_the_library_has_lost_stays_in_the_file(in_place, tone):
    path = tone("Rock", kind="flac", genres=["Ska"])
    beet = in_place()
    beet("modify", "-y", "-W", "-M", "title:Rock", "genres=")
    assert "failed 1" in beet("cnngenre")
    assert "its file has Ska, which the library lacks" in beet.errors
    assert file_genres(path) == ["Ska"]
    beet("write")
    assert "tagged 1" in beet("cnngenre")
    assert file_genres(path) == ["Rock"]


def test_undo_leaves_a_genre_alone_that_was_edited_in_the_file(in_place, tone):
    """Even if the file's modification time is unchanged."""
    path = tone("Rock", kind="mp3")
    beet = in_place()
    beet("cnngenre")
    times = path.stat()
    tags = mutagen.File(path)
    tags["TCON"].text = ["Polka"]
    tags.save()
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert "failed 1" in beet("cnnundo")
    assert file_genres(path) == ["Polka"]


def test_where_only_the_database_had_changed_undo_writes_nothing(in_place, tone):
    path = tone("Rock", kind="mp3", genres=["Ska", "Polka"])
    beet = in_place()
    before = path.stat().st_mtime_ns, path.stat().st_ino
    beet("cnngenre", "-W")
    assert "restored 1" in beet("cnnundo", "-w")
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before
    assert beet.genres() == {"Rock": "Ska; Polka"}


@pytest.mark.skipif(BEETS < (2, 9), reason="beets' rewrite knew no lists before 2.9")
def test_rewritten_genres_are_taken_back(in_place, tone):
    path = tone("Rock", genres=["Polka"])
    beet = in_place()
    beet.config["plugins"] = ["rewrite", "cnngenre"]
    beet.config["rewrite"] = {"genres Rock": "Rock Music"}
    for _ in range(2):
        beet("cnngenre")
        assert beet.fields("genres", "cnngenre_previous") == [("Rock", "Rock Music", "Polka")]
    beet("cnnundo")
    assert beet.genres() == {"Rock": "Polka"}
    assert file_genres(path) == ["Polka"]


@pytest.mark.parametrize("options", [["-w"], ["-f", "-w"], []])
def test_after_an_as_is_import_the_file_is_written(beet, tone, tmp_path, options):
    tone("Rock", kind="mp3")
    beet.config["threaded"] = False  # so that the single worker can be forked
    beet("import", "-A", tmp_path / "music")
    [path] = beet.paths().values()
    assert (beet.genres(), file_genres(path)) == ({"Rock": "Rock"}, [])
    assert "tagged 1" in beet("cnngenre", *options)
    assert file_genres(path) == ["Rock"]
    assert beet("update", "-p") == ""
    assert "kept 1" in beet("cnngenre", *options)
    beet("update")
    assert beet.fields("genres", "cnngenre_written") == [("Rock", "Rock", "Rock")]
    beet("cnnundo")
    assert (beet.genres(), file_genres(path)) == ({"Rock": ""}, [])


def test_an_older_file_in_the_place_of_one_is_named_with_what_helps(library, tmp_path):
    beet = library(Jazz=None)
    path = beet.paths()["Jazz"]
    older = shutil.copy(path, tmp_path / "older.wav")
    tag(older, ["Junk"], title="Jazz")
    os.utime(older, (10**9, 10**9))
    beet("genre")
    shutil.copy2(older, path)
    beet("cnnundo")
    assert "an older file has taken its place: run `beet write`, or touch it and run" in beet.errors
    path.touch()
    make_newer(path)
    beet("update")
    assert "failed 0" in beet("cnnundo")
    assert file_genres(path) == ["Junk"]
