"""Hostile tags, names and models do not affect the terminal."""

import json
import re

import pytest
from bundle_files import write_tiny_bundle
from hostile_bundles import edit_manifest
from plugin_files import file_genres, make_newer, tag
from test_command import summary

EVIL = "a\x1b[2J\x1b]0;owned\x07\u202eb\x9bc"
CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


COMMANDS = (
    ("genre", "-p"),
    ("cnnerrors",),
    ("cnntrain", "-p", "--min-tracks", "1"),
    ("cnnexplain", "genres::Polka"),
    ("cnnreview", "-p"),
    ("-v", "genre", "-f", "-k"),
    ("cnnstats",),
)


def test_no_tag_and_no_file_name_gets_control_of_the_terminal(beet, tone, tmp_path):
    beet.config["import"]["copy"] = False
    for genre, name in (("Rock", "one"), ("Unsure", "two")):
        tone(genre, name, title=EVIL, artist=EVIL, album=EVIL)
    for name, label in (("three", EVIL), ("four", "Polka"), ("five", "Polka")):
        tone("Jazz", name, title=EVIL, artist=EVIL, genres=[label])
    beet("import", "-A", tmp_path / "music")
    (tmp_path / "music" / "five.wav").write_bytes(b"")
    named = 0
    for arguments in COMMANDS:
        printed = beet(*arguments)
        said = "\n".join(line for line in beet.errors.splitlines() if "cnngenre" in line)
        assert not CONTROLS.search(printed), (arguments, printed)
        assert not CONTROLS.search(said), (arguments, said)
        named += "owned" in printed + said
    assert named >= len(COMMANDS) - 2  # the name was printed


def test_a_track_that_fails_is_one_line_whatever_it_is_called(library):
    beet = library(Rock=None, Jazz=None)
    path = beet.paths()["Jazz"]
    tag(path, title="two\nlines\x1b[2J")
    make_newer(path)
    beet("update", "-M")
    path.write_bytes(b"")
    assert summary(beet("genre")) == "tagged 1, kept 0, unsure 0, failed 1"
    [line] = [line for line in beet.errors.splitlines() if "not readable" in line]
    assert "two" in line
    assert "lines" in line
    assert not CONTROLS.search(line)


@pytest.mark.parametrize("target", ["previous", "written"])
def test_a_model_cannot_write_what_is_kept_for_undo(library, tmp_path, target):
    beet = library(Rock=["Polka"])
    beet("genre", "-f")
    assert beet.genres() == {"Rock": "Rock"}
    model = write_tiny_bundle(tmp_path / "evil", target=target)
    beet("genre", "-f", "--model", model, status=1)
    assert "a field of the plugin's own" in beet.errors
    beet("cnnundo")
    assert beet.genres() == {"Rock": "Polka"}


def test_a_hostile_model_is_one_sentence_and_status_1(library, tmp_path):
    beet = library(Rock=None)
    model = write_tiny_bundle(tmp_path / "evil")
    edit_manifest(model, lambda m: m["aggregation"].update(rule="\x1b[2J\x07" * 9))
    beet("genre", "--model", model, status=1)
    assert beet.errors.count("\n") == 1
    assert not CONTROLS.search(beet.errors)
    assert file_genres(beet.paths()["Rock"]) == []


def test_a_hostile_model_in_the_folder_of_models_is_passed_over(library):
    beet = library(Rock=None)
    del beet.config["cnngenre"]["model"]
    models = beet.home / "cnngenre" / "models"
    evil = write_tiny_bundle(models / "evil", bundle_id="evil", created_utc="2999-01-01")
    edit_manifest(evil, lambda m: m["files"].update({"../../config.yaml": "0" * 64}))
    beet("genre", "-p")
    assert "passed over" in beet.errors
    assert "not plain" in beet.errors
    assert json.loads((evil / "manifest.json").read_text())["bundle_id"] == "evil"


@pytest.mark.parametrize("date", ["2999-01-01", "2999-01-01T00:00:00+00:00", "soon", "9" * 40])
def test_a_model_dated_in_the_future_does_not_hide_later_ones(library, date):
    beet = library(Rock=None)
    del beet.config["cnngenre"]["model"]
    models = beet.home / "cnngenre" / "models"
    write_tiny_bundle(models / "dated", bundle_id="dated", created_utc=date)
    write_tiny_bundle(models / "later", bundle_id="later", created_utc="2026-01-01T00:00:00+00:00")
    beet("genre", "-W", "-f")
    assert beet("ls", "-f", "$cnngenre_model").strip() == "later"
    (models / "later" / "manifest.json").unlink()
    beet("genre", "-W", "-f")
    assert beet("ls", "-f", "$cnngenre_model").strip() == "dated"
