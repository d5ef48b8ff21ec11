"""Several ``beet`` processes on one library at once: no changes are lost."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
from labelled_library import bundles, models
from plugin_files import file_genres

from beetsplug.cnngenre.models.bundles import is_whole
from genre_model.model.bundle.store import load_bundle

EDIT = ("modify", "-y")
MEANWHILE = {
    "Rock_edited": (*EDIT, "title:Rock_edited", "genres=Polka"),
    "Rock_renamed": (*EDIT, "title:Rock_renamed", "title=Roll", "year=1999"),  # beets moves it, too
    "Rock_removed": ("remove", "-f", "title:Rock_removed"),
    "Rock_deleted": ("remove", "-f", "-d", "title:Rock_deleted"),
    "Rock_again": ("genre", "title:Rock_again"),
    "Jazz": (*EDIT, "-a", "-I", "album:Album", "genres=Tango"),
}


def with_others(beet, at, commands, *arguments):
    """Run a ``beet``, and others when its tracks reach a certain point; returns its output."""
    config = beet.config
    beet.config = config | {"plugins": [*config["plugins"], "meanwhile"]}
    environment = beet.environment()
    wish = json.dumps({"at": at, "commands": commands, "program": beet.stand_in(environment)})
    beet.environment = lambda: environment | {"MEANWHILE": wish}
    output = beet(*arguments)
    beet.config = config
    beet.environment = lambda: environment
    for title in commands:
        assert f"meanwhile {title}: 0" in output
    return output


def rows(beet, sql):
    connection = sqlite3.connect(beet.config["library"])
    found = connection.execute(sql).fetchall()
    connection.close()
    return found


def library_and_files(beet):
    """Title -> genres in the library and in the file; also checks the database."""
    assert rows(beet, "PRAGMA integrity_check") == [("ok",)]
    orphans = "SELECT * FROM item_attributes WHERE entity_id NOT IN (SELECT id FROM items)"
    assert rows(beet, orphans) == []
    folder = Path(beet.config["directory"])
    return {
        title: (genres or "", "; ".join(file_genres(folder / os.fsdecode(path))))
        for title, genres, path in rows(beet, "SELECT title, genres, path FROM items")
    }


@pytest.mark.parametrize("at", ["extracted", "written"])
def test_what_others_do_to_a_track_meanwhile_stays(library, at):
    beet = library(**dict.fromkeys(MEANWHILE))
    beet.config["plugins"] = ["cnngenre"]
    beet.config["cnngenre"]["cache"] = False  # the Rock tones are the same audio
    paths = {path.stem.partition(" ")[2]: path for path in beet.paths().values()}
    output = with_others(beet, at, MEANWHILE, "genre")
    if at == "extracted":
        assert re.search(r"^tagged 2, kept 4, unsure 0, failed 0", output, re.MULTILINE)
    assert library_and_files(beet) == {
        "Rock_edited": ("Polka", "Polka"),
        "Roll": ("Rock", "Rock"),
        "Rock_again": ("Rock", "Rock"),
        "Jazz": ("Jazz", "Jazz"),
    }
    assert beet("write", "-p") == ""  # every file has everything that the library has
    assert [path.exists() for name, path in sorted(paths.items())] == [
        *(name not in ("Rock_deleted", "Rock_renamed") for name in sorted(paths))
    ]
    assert rows(beet, "SELECT genres FROM albums") == [("Tango",)]
    with_others(beet, "written", {"Roll": (*EDIT, "title:Roll", "genres=Ska")}, "cnnundo")
    assert library_and_files(beet) == {
        "Rock_edited": ("Polka", "Polka"),
        "Roll": ("Ska", "Ska"),
        "Rock_again": ("", ""),
        "Jazz": ("", ""),
    }


@pytest.mark.parametrize("question", [["--force"], ["--force", "--model", "mood"]])
def test_a_track_that_is_removed_while_it_is_extracted_leaves_nothing(
    library, pitch_bundle, tmp_path, question
):
    beet = library(Unsure=None, Rock=None)
    mood = tmp_path / "mood"
    shutil.copytree(pitch_bundle, mood)
    manifest = json.loads((mood / "manifest.json").read_bytes()) | {"target": "mood"}
    (mood / "manifest.json").write_text(json.dumps(manifest))
    arguments = [str(mood) if word == "mood" else word for word in question]
    others = {"Unsure": ("remove", "-f", "title:Unsure")}
    with_others(beet, "extracted", others, "genre", "-W", *arguments)
    assert beet("ls", "-f", "$title") == "Rock\n"
    assert beet.orphans() == []


@pytest.mark.parametrize(
    ("genres", "why"),
    [("", "without genres"), ("Polka", "of genres that the model does not know")],
)
def test_a_track_whose_genre_is_edited_meanwhile_is_left_out(library, genres, why):
    beet = library(**{f"Rock_{number}": ["Rock"] for number in range(6)})
    beet.config["plugins"] = ["cnngenre", "fewloaded"]
    beet.config["cnngenre"]["cache"] = False  # the Rock tones are the same audio
    edit = {"Rock_0": (*EDIT, "-W", "title:Rock_5", f"genres={genres}")}
    output = with_others(beet, "extracted", edit, "cnncompare")
    assert "5 tracks compared: the model is sure of 5 and agrees on 5, 100%" in output
    assert f"left out: 1 {why}" in output
    beet(*EDIT, "-W", "title:Rock_5", "genres=Rock")
    output = with_others(beet, "extracted", edit, "cnnerrors")
    assert f"0 probable errors in 5 tracks, 1 {why}" in output


def test_a_track_that_gets_a_genre_meanwhile_is_no_question_and_no_failure(library):
    beet = library(**{f"Rock_{number}": None for number in range(6)})
    beet.config["plugins"] = ["cnngenre", "fewloaded"]
    beet.config["cnngenre"]["cache"] = False
    edit = {"Rock_0": (*EDIT, "-W", "title:Rock_5", "genres=Polka")}
    output = with_others(beet, "extracted", edit, "cnnreview", "-p")
    assert "left 0, failed 0" in output
    assert beet.errors == ""


def test_undo_leaves_the_file_of_a_track_alone_that_is_removed_meanwhile(library):
    beet = library(Rock=None, Rock_2=None)
    beet("genre")
    [first, second] = sorted(beet.paths().values())
    others = {"Rock": ("remove", "-f", "title::Rock")}
    output = with_others(beet, "written", others, "cnnundo")
    assert "restored 0, kept 2" in output
    assert sorted(file_genres(path) for path in (first, second)) == [[], ["Rock"]]


def test_what_is_edited_during_an_import_stays(beet, tone, tmp_path):
    tone("Rock")
    command = (*EDIT, "title:Rock", "genres=Polka", "year=1999")
    with_others(beet, "extracted", {"Rock": command}, "import", tmp_path / "music")
    assert library_and_files(beet) == {"Rock": ("Polka", "Polka")}
    assert beet("write", "-p") == ""


def test_a_library_that_stays_locked_is_one_sentence(library):
    beet = library(Rock=None, Jazz=None)
    beet.config["timeout"] = 0.2
    lock = sqlite3.connect(beet.config["library"], isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    beet("genre", status=1)
    lock.close()
    assert beet.errors.strip().splitlines() == [
        "error: cnngenre: the library cannot be used: database is locked"
    ]
    beet("genre")
    assert library_and_files(beet) == {"Rock": ("Rock", "Rock"), "Jazz": ("Jazz", "Jazz")}


def test_an_import_and_a_training_at_once(labelled, tone, tmp_path):
    """Both use the cache and the models' folder."""
    for number in range(6):
        tone("Rock", f"Rock_{number}", folder="new", album="New", seconds=3.2 + number / 10)
    labelled.config["cnngenre"]["auto"] = True
    commands = [["cnntrain"], ["import", "-A", str(tmp_path / "new")]]
    processes = [
        labelled.start(*command, really=False, stderr=subprocess.STDOUT) for command in commands
    ]
    for process in processes:
        printed, _ = process.communicate(timeout=200)
        assert process.returncode == 0, printed
        assert "Traceback" not in printed
    assert len(bundles(labelled)) == 1
    assert is_whole(load_bundle(bundles(labelled)[0]), print)
    assert rows(labelled, "PRAGMA integrity_check") == [("ok",)]
    extracted = "SELECT * FROM item_attributes WHERE key = 'cnngenre_model'"
    assert len(rows(labelled, extracted)) == 6, printed
    assert not list(models(labelled).parent.glob("*.damaged"))
