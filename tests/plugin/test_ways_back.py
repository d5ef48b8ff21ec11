"""Undo after a track was imported again, moved, or removed in between."""

import os

import mutagen
import pytest
from odd_genres import dump
from plugin_files import file_genres


@pytest.fixture
def tagged(beet, tone, tmp_path):
    """A ``beet`` whose only file was imported in place and tagged, and the file's earlier tags."""
    tone("Rock", kind="mp3", genres=["Ska", "(18)Techno"])
    music = tmp_path / "music"
    beet.config["directory"] = str(music)
    beet.config["import"] = {"copy": False, "write": True, "quiet": True}
    beet.config["cnngenre"] |= {"auto": False, "force": True}
    beet.config["paths"] = {"default": "$genres/$title", "singleton": "$genres/$title"}
    beet("import", "-A", "-s", music)
    [path] = beet.paths().values()
    before = dump(path)
    beet("cnngenre")
    assert file_genres(path) == ["Rock"]
    return beet, before


@pytest.mark.parametrize(
    "commands",
    [
        [("move",)],
        [("import", "-A", "-q", "-L", "-s")],
        [("import", "-A", "-q", "-s", "-I", "{path}")],
        [("modify", "-y", "title=Another")],
        [("update",), ("write",)],
    ],
    ids=["move", "import -L", "import again", "modify", "write"],
)
def test_the_genre_comes_back(tagged, commands):
    beet, before = tagged
    for command in commands:
        [path] = beet.paths().values()
        beet(*(word.format(path=path) for word in command))
    beet("cnnundo")
    [path] = beet.paths().values()
    assert beet.genres().popitem()[1] == "Ska; Techno"
    assert file_genres(path) == ["Ska", "Techno"]
    if "modify" not in str(commands) and "write" not in str(commands):
        assert dump(path) == before  # beets itself writes more than the genre


def test_removed_and_added_again_it_is_the_users(tagged):
    """The library forgets a removed track; then the genres in its file count as the user's."""
    beet, _ = tagged
    [path] = beet.paths().values()
    beet("remove", "-f", "title:Rock")
    beet("import", "-A", "-s", path)
    assert "restored 0" in beet("cnnundo")
    assert file_genres(path) == ["Rock"]


@pytest.mark.parametrize("kind", ["mp3", "flac", "aac", "wma", "wavpack"])
def test_a_file_that_has_its_old_tag_already_is_restored(beet, tone, kind):
    """As after an undo that was killed between the file and the library."""
    path = tone("Rock", kind=kind, genres=["Ska"])
    beet.config["import"] = {"copy": False, "write": True, "quiet": True}
    beet.config["cnngenre"] |= {"auto": False, "force": True}
    beet("import", "-A", "-s", path)
    content = path.read_bytes()
    beet("cnngenre")
    path.write_bytes(content)
    os.utime(path, (path.stat().st_mtime + 60,) * 2)
    assert "restored 1, kept 0, failed 0" in beet("cnnundo")
    assert beet.genres() == {"Rock": "Ska"}
    assert path.read_bytes() == content


@pytest.mark.parametrize("kind", ["mp3", "flac", "aac"])
def test_what_a_file_had_is_remembered_where_only_the_library_was_restored(beet, tone, kind):
    path = tone("Rock", kind=kind, genres=[])
    beet.config["import"] = {"copy": False, "write": True, "quiet": True}
    beet.config["cnngenre"] |= {"auto": False}
    beet("import", "-A", "-s", path)
    beet("cnngenre")
    beet("cnnundo", "-W")
    assert (beet.genres(), file_genres(path)) == ({"Rock": ""}, ["Rock"])
    beet("cnngenre")
    beet("cnnundo")
    assert (beet.genres(), file_genres(path)) == ({"Rock": ""}, [])
    beet("cnngenre")
    beet("cnnundo", "-W")
    assert "Rock: no genre (undo, in the file)" in beet("cnnundo", "-w")


def test_an_album_keeps_its_genre_while_one_of_its_tracks_does(beet, tone, tmp_path):
    for title in ("Rock_1", "Rock_2", "Rock_3"):
        tone("Rock", title, albumartist="A", album="B")
    beet.config["cnngenre"] |= {"auto": False}
    beet("import", "-A", tmp_path / "music")
    beet("cnngenre")
    assert beet("ls", "-a", "-f", "$genres") == "Rock\n"
    beet("modify", "-y", "title:Rock_1", "genres=Ska")
    beet("cnnundo", "title:Rock_1")
    beet("cnnundo", "title:Rock_2")
    assert beet("ls", "-a", "-f", "$genres") == "Rock\n"
    beet("cnnundo")
    assert beet("ls", "-a", "-f", "[$genres]") == "[]\n"
    assert beet.genres() == {"Rock_1": "Ska", "Rock_2": "", "Rock_3": ""}


def test_an_undo_leaves_the_genres_of_an_album_deleted_that_the_user_has_deleted(beet, tone):
    path = tone("Rock", "Rock_1", albumartist="A", album="B", genres=["Ska"])
    beet.config["cnngenre"] |= {"auto": False, "force": True}
    beet("import", "-A", path.parent)
    beet("cnngenre")
    assert beet("ls", "-a", "-f", "$genres") == "Rock\n"
    beet("modify", "-y", "-a", "-I", "album:B", "genres=")
    beet("cnnundo")
    assert beet("ls", "-a", "-f", "[$genres]") == "[]\n"


@pytest.fixture
def replaced(beet, tone):
    """A file whose genre a run has replaced: its path, and its tags before that."""
    path = tone("Rock", kind="flac", genres=["Ska"])
    beet.config["import"] = {"copy": False, "write": True, "quiet": True}
    beet.config["cnngenre"] |= {"auto": False, "force": True}
    beet("import", "-A", "-s", path)
    before = dump(path)
    beet("cnngenre")
    return path, before


def test_an_undo_without_writing_is_completed_by_one_that_writes(beet, replaced):
    path, before = replaced
    output = beet("cnnundo", "-W")
    assert "; 1 in the library only: cnnundo -w restores the files" in output
    assert (beet.genres(), file_genres(path)) == ({"Rock": "Ska"}, ["Rock"])
    assert "restored 1, kept 0, failed 0" in beet("cnnundo", "-w")
    assert (beet.genres(), dump(path)) == ({"Rock": "Ska"}, before)
    assert "restored 0, kept 0, failed 0" in beet("cnnundo", "-w")


def test_a_file_that_was_written_since_an_undo_of_the_library_stays(beet, tone):
    path = tone("Rock", kind="flac", genres=["Ska"])
    beet.config["import"] = {"copy": False, "write": True, "quiet": True}
    beet.config["cnngenre"] |= {"auto": False, "force": True}
    beet("import", "-A", "-s", path)
    beet("cnngenre")
    beet("cnnundo", "-W")
    beet("modify", "-y", "genres=Polka")
    assert "restored 0, kept 1, failed 0" in beet("cnnundo", "-w")
    assert (beet.genres(), file_genres(path)) == ({"Rock": "Polka"}, ["Polka"])


def test_after_an_undo_beets_still_finds_what_another_program_had_written(beet, tone):
    """If tags were changed only in the library, it has no time of the file."""
    path = tone("Rock", kind="flac", genres=["Jazz"])
    beet.config["directory"] = str(path.parent)
    beet.config["import"] = {"copy": False, "write": True, "quiet": True}
    beet.config["cnngenre"] |= {"auto": False, "force": True}
    beet("import", "-A", "-s", path)
    beet("modify", "-y", "-W", "comments=mine")
    file = mutagen.File(path)
    file["genre"] = ["Ska"]
    file.save()
    os.utime(path, (path.stat().st_mtime + 60,) * 2)
    beet("cnngenre")
    assert (beet.genres(), file_genres(path)) == ({"Rock": "Rock"}, ["Rock"])
    beet("cnnundo")
    assert (beet.genres(), file_genres(path)) == ({"Rock": "Jazz"}, ["Ska"])
    beet("update")
    assert (beet.genres(), file_genres(path)) == ({"Rock": "Ska"}, ["Ska"])


def test_an_undo_of_what_was_in_the_library_only_leaves_nothing_to_do(beet, tone):
    path = tone("Rock", kind="flac", genres=[])
    beet.config["import"] = {"copy": False, "write": False, "quiet": True}
    beet("import", "-A", "-s", path)
    assert (beet.genres(), file_genres(path)) == ({"Rock": "Rock"}, [])
    assert "in the library only" not in beet("cnnundo")
    assert "restored 0, kept 0, failed 0" in beet("cnnundo", "-w")


@pytest.fixture
def in_library_only(beet, tone):
    """A ``beet`` whose file has our genre, while the library was undone, and the file's path."""
    path = tone("Rock", kind="flac", genres=[])
    beet.config["directory"] = str(path.parent)
    beet.config["import"] = {"copy": False, "write": True, "quiet": True}
    beet.config["cnngenre"] |= {"auto": False}
    beet("import", "-A", "-s", path)
    beet("cnngenre")
    os.utime(path, (path.stat().st_mtime - 60,) * 2)  # beets compares times in whole seconds
    beet("cnnundo", "-W")
    assert (beet.genres(), file_genres(path)) == ({"Rock": ""}, ["Rock"])
    return beet, path


def test_our_genre_is_the_users_who_has_set_it_again(in_library_only):
    beet, path = in_library_only
    beet("modify", "-y", "genres=Rock")
    beet("modify", "-y", "-W", "comments=mine")  # now the library has no time of the file
    assert "restored 0, kept 1, failed 0" in beet("cnnundo", "-p")
    assert "restored 0, kept 1, failed 0" in beet("cnnundo")
    assert (beet.genres(), file_genres(path)) == ({"Rock": "Rock"}, ["Rock"])
    assert "restored 0, kept 0, failed 0" in beet("cnnundo")


def test_our_genre_that_the_user_has_set_again_comes_back_after_another_of_ours(in_library_only):
    beet, path = in_library_only
    beet("modify", "-y", "genres=Rock")
    beet("cnngenre", "-f", "--genres", "Jazz", "--threshold", "0")
    assert file_genres(path) == ["Jazz"]
    beet("cnnundo")
    assert (beet.genres(), file_genres(path)) == ({"Rock": "Rock"}, ["Rock"])


def test_our_genre_is_still_ours_where_beets_has_read_it_again(in_library_only):
    beet, path = in_library_only
    beet("update")
    assert beet.genres() == {"Rock": "Rock"}
    assert "restored 1, kept 0, failed 0" in beet("cnnundo")
    assert (beet.genres(), file_genres(path)) == ({"Rock": ""}, [])


@pytest.mark.parametrize("write", [[], ["-W"]])
def test_the_file_is_restored_where_the_user_has_restored_the_library(beet, replaced, write):
    path, before = replaced
    beet("modify", "-y", "-W", "genres=Ska")
    output = beet("cnnundo", *write)
    if write:
        assert "kept 1" in output
        assert "; 1 in the library only: cnnundo -w restores the files" in output
        output = beet("cnnundo", "-w")
    assert "Rock: Ska (undo, in the file)" in output
    assert (beet.genres(), dump(path)) == ({"Rock": "Ska"}, before)
    assert "restored 0, kept 0, failed 0" in beet("cnnundo", "-w")


def test_an_album_keeps_its_genre_while_the_user_has_decided_on_it_for_a_track(library):
    beet = library(Rock_1=None, Rock_2=None)
    beet("cnngenre")
    as_a_review_does = ("cnngenre_reviewed=Rock", "cnngenre_written=Other")
    beet("modify", "-y", "title:Rock_2", *as_a_review_does)
    output = beet("cnnundo", "-p")
    assert "album" not in output
    assert "1 decided in a review" in output
    beet("cnnundo", "title:Rock_1")
    assert beet("ls", "-a", "-f", "$genres") == "Rock\n"
    beet("cnnundo")
    assert beet("ls", "-a", "-f", "$genres") == "Rock\n"
    assert beet.genres() == {"Rock_1": "", "Rock_2": "Rock"}
    assert "album Artist - Album: Rock -> no genre (undo)" in beet("cnnundo", "--reviewed")


@pytest.fixture
def respelled(beet, tone, tmp_path):
    """A ``beet`` with an album B of two tracks and their genre, all spelled like other tracks."""
    for title, album in {"Rock_1": "B", "Rock_2": "B", "Jazz_1": "C", "Jazz_2": "C"}.items():
        genre = "country" if album == "B" else "Country"
        sound, folder = title.partition("_")[0], f"music/{album}"
        tone(sound, title, folder=folder, album=album, genres=[genre])
    tone("Jazz", "Jazz_3", folder="music/C", album="C", genres=["Country"])
    beet.config["cnngenre"] |= {"auto": False}
    beet("import", "-A", tmp_path / "music")
    assert "respelled 2, kept 3" in beet("cnnspelling")
    assert beet("ls", "-a", "-f", "$genres", "album:B") == "Country\n"
    return beet


def test_an_album_keeps_its_spelling_while_one_of_its_tracks_does(respelled):
    beet = respelled
    beet("cnnundo", "title:Rock_1")
    assert beet("ls", "-a", "-f", "$genres", "album:B") == "Country\n"
    beet("cnnundo")
    assert beet("ls", "-a", "-f", "$genres", "album:B") == "country\n"


def test_an_album_that_was_respelled_and_then_tagged_gets_its_spelling_back(respelled):
    beet = respelled
    beet("cnngenre", "-f", "album:B")
    assert beet("ls", "-a", "-f", "$genres", "album:B") == "Rock\n"
    beet("cnnundo")
    assert beet("ls", "-a", "-f", "$genres", "album:B") == "country\n"
    assert set(beet.fields("genres", query=["album:B"])) == {
        ("Rock_1", "country"),
        ("Rock_2", "country"),
    }
