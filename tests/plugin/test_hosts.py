"""Other configurations of beets, and other plugins."""

import importlib.util
import os
import shutil
import sqlite3
from pathlib import Path

import mutagen
import pytest
from plugin_files import file_genres

OTHERS = ["types", "inline", "edit", "convert", "zero", "scrub", "smartplaylist", "lastgenre"]
needs_links = pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")


def rows(beet):
    """Title -> genres, path."""
    connection = sqlite3.connect(beet.config["library"])
    found = connection.execute("SELECT title, genres, path FROM items").fetchall()
    connection.close()
    folder = Path(beet.config["directory"])
    return {title: (genres or "", folder / os.fsdecode(path)) for title, genres, path in found}


@pytest.mark.parametrize(
    ("how", "write"),
    [
        ("copy", True),
        ("move", True),
        pytest.param("link", True, marks=needs_links),
        pytest.param("hardlink", True, marks=needs_links),
        ("reflink", True),
        ("nothing", True),
        pytest.param("link", False, marks=needs_links),
        pytest.param("hardlink", False, marks=needs_links),
        ("copy", False),
    ],
)
def test_ways_of_importing(beet, tone, tmp_path, how, write):
    """The library's file is written; with a link, that is also the original."""
    original = tone("Jazz", kind="mp3")
    before = original.read_bytes()
    wishes = dict.fromkeys(("copy", "move", "link", "hardlink", "reflink"), False)
    wishes[how] = "auto" if how == "reflink" else True
    wishes.pop("nothing", None)
    beet.config["import"] |= {**wishes, "write": write}
    beet.config["threaded"] = False  # so that the single worker can be forked
    beet("import", tmp_path / "music")
    [(genres, path)] = rows(beet).values()
    assert genres == "Jazz"
    assert file_genres(path) == (["Jazz"] if write else [])
    check_original(original, path, before, how, write=write)
    beet("cnnundo")
    assert rows(beet)["Jazz"][0] == ""
    assert file_genres(path) == []
    check_original(original, path, before, how, write=write)


def check_original(original, path, before, how, *, write):
    assert original.exists() == (how != "move")
    assert path.is_symlink() == (how == "link")
    if how == "move":
        return
    assert (path.stat().st_ino == original.stat().st_ino) == (
        how in ("link", "hardlink", "nothing")
    )
    if how in ("copy", "reflink") or not write:
        assert original.read_bytes() == before
    else:
        assert file_genres(original) == file_genres(path)


def test_id3v23(beet, tone, tmp_path):
    beet.config["id3v23"] = True
    beet.config["cnngenre"] |= {"auto": False, "threshold": 0.1, "count": 2}
    beet.config["cnngenre"]["second_threshold"] = 0.001
    tone("Jazz", kind="mp3")
    beet("import", tmp_path / "music")
    beet("genre")
    genres, path = rows(beet)["Jazz"]
    tags = mutagen.File(path).tags
    assert tags.version == (2, 3, 0)
    assert genres.startswith("Jazz")
    assert "Jazz" in str(tags["TCON"])
    beet("cnnundo")
    assert rows(beet)["Jazz"][0] == ""
    assert "TCON" not in mutagen.File(path).tags


@pytest.mark.parametrize("last", [True, False])
def test_with_other_plugins(beet, tone, tmp_path, monkeypatch, last):
    """The stages, events, fields and options of others beside ours; lastgenre has no network."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")
    others = available()
    beet.config["plugins"] = [*others, "cnngenre"] if last else ["cnngenre", *others]
    beet.config["plugins"] += ["selfmatch"]
    beet.config |= {
        "types": {"rating": "int"},
        "item_fields": {"loud": "1 if bitrate > 100000 else 0"},
        "smartplaylist": {"playlist_dir": str(tmp_path), "playlists": []},
        "zero": {"fields": "comments"},
        "scrub": {"auto": True},
        "convert": {"auto": False},
        "replaygain": {"auto": False},
        "chroma": {"auto": False},
    }
    # Two albums, because lastgenre gives the genre of an album's first track to all its tracks.
    tone("Rock", folder="music/One", album="One")
    tone("Jazz", folder="music/Two", album="Two", genres=["Polka"])
    beet("import", tmp_path / "music")
    expected = {"Rock": "Rock", "Jazz": "Polka"}
    assert {title: genres for title, (genres, _) in rows(beet).items()} == expected
    assert {title: file_genres(path) for title, (_, path) in rows(beet).items()} == {
        "Rock": ["Rock"],
        "Jazz": ["Polka"],
    }
    beet("modify", "-y", "Rock", "rating=5")
    beet("genre", "-f", "loud:1", "rating:5..")
    beet("genre", "-f", "Jazz")
    assert rows(beet)["Jazz"][0] == "Jazz"
    beet("cnnundo")
    assert {title: genres for title, (genres, _) in rows(beet).items()} == {
        "Rock": "",
        "Jazz": "Polka",
    }


def available():
    """The other plugins that can be loaded here."""
    needed = {"lastgenre": "pylast", "chroma": "acoustid"}
    loadable = [
        name
        for name in [*OTHERS, "chroma"]
        if name not in needed or importlib.util.find_spec(needed[name])
    ]
    return loadable + ["replaygain"] * bool(shutil.which("mp3gain"))
