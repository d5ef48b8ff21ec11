"""How a track's file is written: a changed copy replaces it."""

import errno
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

import mediafile
import pytest
from aftermath import KINDS, audio_of, make_scene
from audio_files import FORMATS
from plugin_files import file_genres

from beetsplug.cnngenre.tagging.file.copying import kept_copy

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX files")
WRITING = ["cnngenre/tagging/file/safe_write.py"]  # and whatever it calls


def test_files_of_every_format_are_replaced_by_copies_with_the_same_audio(library, tone, tmp_path):
    for kind in KINDS:
        tone("Jazz", f"Jazz_{kind}", kind=kind, comments="kept")
    beet = library(Rock=None)
    before = {title: (path, number(path), audio_of(path)) for title, path in beet.paths().items()}
    beet("cnngenre")
    assert {path.suffix for path, _, _ in before.values()} == {FORMATS[k].suffix for k in KINDS}
    for title, (path, old_number, audio) in before.items():
        assert file_genres(path) == ["Rock" if title == "Rock" else "Jazz"]
        assert number(path) != old_number
        assert audio_of(path) == audio
    assert mediafile.MediaFile(before["Jazz_mp3"][0]).comments == "kept"
    assert hidden(tmp_path) == []
    assert beet("update", "-p") == ""  # the library knows the times of the new files


def number(path):
    """A number that differs between a file and another one that replaces it."""
    return path.stat().st_ino


def hidden(folder):
    return [path.name for path in folder.rglob(".*")]


@posix
def test_permissions_and_extended_attributes_stay(library):
    beet = library(Rock=None)
    [path] = beet.paths().values()
    path.chmod(0o640)
    try:
        os.setxattr(path, "user.note", b"mine")
        attributes = {"user.note": b"mine"}
    except (OSError, AttributeError):
        attributes = {}
    beet("cnngenre")
    assert file_genres(path) == ["Rock"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert {name: os.getxattr(path, name) for name in attributes} == attributes


@posix
def test_a_link_stays_a_link_and_what_it_leads_to_is_replaced(library, tmp_path):
    beet = library(Rock=None)
    [path] = beet.paths().values()
    target = tmp_path / "elsewhere" / "real.wav"
    target.parent.mkdir()
    path.rename(target)
    path.symlink_to(target)
    old_number = number(target)
    beet("cnngenre")
    assert path.is_symlink()
    assert file_genres(target) == ["Rock"]
    assert number(target) != old_number


@posix
def test_a_file_of_two_names_stays_one_file(library, tmp_path):
    beet = library(Rock=None)
    [path] = beet.paths().values()
    os.link(path, tmp_path / "other.wav")
    beet("-vv", "cnngenre")
    assert file_genres(tmp_path / "other.wav") == ["Rock"]
    assert number(tmp_path / "other.wav") == number(path)
    assert "written in place: it has hard links" in beet.errors


def test_in_place_where_the_configuration_says_so(library):
    beet = library(Rock=None)
    [path] = beet.paths().values()
    beet.config["cnngenre"]["write_in_place"] = True
    old_number = number(path)
    beet("cnngenre")
    assert file_genres(path) == ["Rock"]
    assert number(path) == old_number


def test_other_plugins_see_a_write_of_the_file_itself_and_may_change_it(library):
    beet = library(Rock=None)
    beet.config["plugins"].append("witness")
    beet.config["witness"] = "change"
    [path] = beet.paths().values()
    lines = [line for line in beet("cnngenre").splitlines() if " step: " in line]
    assert lines == [f"before: {path}: -, in step: False", f"after: {path}: Rock, in step: True"]
    assert mediafile.MediaFile(path).title == "changed"


def test_another_plugin_may_choose_the_genre(library):
    beet = library(Rock=None)
    beet.config["plugins"].append("witness")
    beet.config["witness"] = "genre"
    [path] = beet.paths().values()
    beet("cnngenre")
    assert file_genres(path) == ["Polka"]
    beet.config["plugins"].remove("witness")
    beet("cnnundo")
    assert file_genres(path) == []


@pytest.mark.parametrize("way", ["meddle", "meddle quietly"])
def test_what_somebody_else_writes_meanwhile_is_not_lost(library, tmp_path, way):
    beet = library(Rock=None)
    beet.config["plugins"].append("witness")
    beet.config["witness"] = way
    [path] = beet.paths().values()
    assert "failed 1" in beet("cnngenre")
    assert "cannot be written: something else has written it meanwhile" in beet.errors
    assert path.read_bytes().endswith(b"somebody else's")
    assert beet.genres() == {"Rock": ""}
    assert hidden(tmp_path) == []


def test_an_as_is_import_writes_in_the_same_way(beet, tone, tmp_path):
    path = tone("Rock")
    beet.config["import"] = {"copy": False, "write": True, "quiet": True}
    beet.config["cnngenre"]["write_asis"] = True
    old_number = number(path)
    beet("import", "-A", tmp_path / "music")
    assert file_genres(path) == ["Rock"]
    assert number(path) != old_number


@posix
def test_copies_of_dead_runs_are_removed_and_those_of_living_ones_are_not(library, tone, tmp_path):
    import fcntl

    tone("Jazz", ".cnngenre-0-dead")
    beet = library(Rock=None)
    assert beet.genres() == {"Rock": ""}  # the import did not take the copy for music
    folder = beet.paths()["Rock"].parent
    dead, alive = folder / ".cnngenre-dead.wav", folder / ".cnngenre-alive.wav"
    dead.write_bytes(b"half a file")
    with alive.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        beet("cnngenre")
    assert not dead.exists()
    assert alive.exists()
    assert beet.genres() == {"Rock": "Rock"}


@posix
def test_whatever_step_fails_the_file_is_whole_and_there_is_one_sentence(pitch_bundle, tmp_path):
    """The disk is full at one call of each run, and the files are the only copy."""
    scene = make_scene(tmp_path / "work", pitch_bundle, kinds=("mp3",))
    beet = scene.beet
    full = os.strerror(errno.ENOSPC)
    refused = set()
    n_steps = beet.fork("cnngenre", where=WRITING).effects
    for step in range(1, n_steps + 1, max(1, n_steps // 9)):
        scene.restore()
        done = beet.fork("cnngenre", fault=step, where=WRITING)
        assert "Traceback" not in done.output
        failed = "failed 1" in done.output or "the library cannot be used" in done.output
        assert done.status == 0 or failed, done
        refused.add(failed)
        assert scene.faults("old" if failed else "new") == [], step
        assert done.output.count("full") + done.output.count(full) == failed, done
        assert scene.leftovers() == [], step
    assert refused == {True, False}  # a folder that cannot be synced is no failure


@posix
def test_a_full_database_is_one_sentence(pitch_bundle, tmp_path):
    scene = make_scene(tmp_path / "work", pitch_bundle, kinds=("mp3", "flac"))
    beet = scene.beet
    n_steps = beet.fork("cnngenre", where=["beets/dbcore"]).effects
    for step in range(n_steps // 3, n_steps, max(1, n_steps // 4)):
        scene.restore()
        done = beet.fork("cnngenre", fault=step, where=["beets/dbcore"])
        assert "Traceback" not in done.output, step
        assert scene.faults() == [], step
        assert beet.fork("cnngenre").status == 0
        assert scene.faults("new") == [], step
        assert beet.fork("cnnundo").status == 0
        assert scene.faults("old") == [], step


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may write everywhere")
def test_where_the_folder_takes_no_file_it_is_written_in_place(library):
    beet = library(Rock=None)
    [path] = beet.paths().values()
    path.parent.chmod(0o555)
    old_number = number(path)
    try:
        beet("cnngenre")
    finally:
        path.parent.chmod(0o755)
    assert file_genres(path) == ["Rock"]
    assert number(path) == old_number


def test_a_file_that_has_gone_is_one_sentence(library):
    beet = library(Rock=None, Jazz=None)
    beet("cnngenre")
    Path(beet.paths()["Jazz"]).unlink()
    assert "failed 1" in beet("cnnundo")
    assert "the file cannot be written: No such file or directory" in beet.errors
    assert beet.genres() == {"Rock": "", "Jazz": "Jazz"}


def test_only_where_no_copy_is_permitted_it_is_written_in_place(library):
    beet = library(Rock=None)
    [path] = beet.paths().values()
    before = path.read_bytes()
    beet.config["plugins"].append("nocopy")
    for number in (errno.EIO, errno.EMFILE, errno.ENOSPC, errno.ENOMEM):
        beet.config["nocopy"] = number
        assert "failed 1" in beet("cnngenre")
        assert f"{path.name}: " in beet.errors or "the file cannot be written: " in beet.errors
        assert os.strerror(number) in beet.errors
        assert path.read_bytes() == before
    beet.config["nocopy"] = errno.EROFS
    beet("cnngenre")
    assert file_genres(path) == ["Rock"]


@pytest.mark.parametrize(
    ("refused", "code"),
    [
        ("chmod", errno.EPERM),
        ("chmod", errno.ENOSYS),
        ("utime", errno.EPERM),
        ("replace", errno.EXDEV),
        ("replace", errno.EBUSY),
    ],
)
def test_on_a_share_that_refuses_a_copy_it_is_written_in_place(library, tmp_path, refused, code):
    beet = library(Rock=None)
    [path] = beet.paths().values()
    beet.config["plugins"].append("nocopy")
    beet.config |= {"refused": refused, "nocopy": code}
    old_number = number(path)
    beet("cnngenre")
    assert file_genres(path) == ["Rock"]
    assert number(path) == old_number
    assert hidden(tmp_path) == []
    beet("cnnundo")
    assert file_genres(path) == []


@pytest.mark.parametrize("refused", ["chmod", "replace"])
def test_a_disk_that_fails_at_the_copy_is_not_written_to_in_place(library, refused):
    beet = library(Rock=None)
    [path] = beet.paths().values()
    before = path.read_bytes()
    beet.config["plugins"].append("nocopy")
    beet.config |= {"refused": refused, "nocopy": errno.EIO}
    assert "failed 1" in beet("cnngenre")
    assert path.read_bytes() == before


@posix
def test_locks_that_are_always_refused_have_an_end(library, tmp_path):
    beet = library(Rock=None)
    beet.config["plugins"].append("nocopy")
    beet.config["nocopy"] = "locked"
    assert "failed 1" in beet("cnngenre")
    assert "no copy of it can be locked" in beet.errors
    assert hidden(tmp_path) == []


def test_a_file_that_cannot_be_restored_is_kept_in_a_copy_that_the_message_names(library):
    beet = library(Rock=None)
    [path] = beet.paths().values()
    before = path.read_bytes()
    beet.config["cnngenre"]["write_in_place"] = True
    beet.config["plugins"].append("gonedisk")
    assert "failed 1" in beet("cnngenre")
    assert "cannot be written: it may be damaged and cannot be restored (" in beet.errors
    [name] = re.findall(r"its former content is in (.+)$", beet.errors, re.MULTILINE)
    assert Path(name).read_bytes() == before
    assert (path.parent.with_name("away") / path.name).read_bytes() != before
    shutil.rmtree(Path(name).parent)


@pytest.mark.parametrize("fails", [False, True])
def test_the_copy_goes_once_the_file_is_whole(tmp_path, monkeypatch, fails):
    file, temporary = tmp_path / "song.mp3", tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    file.write_bytes(b"old")
    try:
        with kept_copy(file) as copy:
            assert copy.read_bytes() == b"old"
            file.write_bytes(b"new")
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert fails
    assert file.read_bytes() == (b"old" if fails else b"new")
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_file_of_another_time_is_written_if_beets_would_find_no_change(library, seconds):
    """A tag holds a gain with two decimals, the library with all of them."""
    beet = library("flac", Rock=None)
    beet("modify", "-y", "rg_track_gain=-6.503421")
    [path] = beet.paths().values()
    assert mediafile.MediaFile(path).rg_track_gain == -6.5
    os.utime(path, (path.stat().st_mtime + seconds,) * 2)
    assert "tagged 1" in beet("cnngenre")
    assert file_genres(path) == ["Rock"]
    assert beet("ls", "mtime:..2000") == ""  # the library has the file's time
