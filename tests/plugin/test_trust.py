"""``beet cnnexplain``, ``cnnerrors``, ``cnncompare`` and ``cnnstats``, which change nothing."""

import json
import os
import re
import stat
import time

import numpy as np
import pytest
from audio_files import write_audio
from labelled_library import bundles
from PIL import Image
from plugin_files import file_genres, tag

from genre_model.evaluation.out_of_fold import fingerprint_of, read_out_of_fold
from genre_model.model.bundle.store import OUT_OF_FOLD, load_bundle


def pictures(beet):
    return sorted((beet.home / "cnngenre" / "pictures").glob("*"))


def nothing_changed(beet, query=()):
    return beet.fields("genres", "mtime", "cnngenre_model", query=query)


# --- Explain --------------------------------------------------------------------------------------


def test_explain_shows_genres_votes_reason_and_a_picture_and_changes_nothing(library):
    beet = library(Rock=["Polka"], Jazz=None)
    before = nothing_changed(beet)
    output = beet("cnnexplain", "title:Rock")
    assert "Artist - Rock\n  Rock 100 %\n" in output
    assert "Rock has 1.00, which" in output
    assert "which reaches the threshold of 0.60." in output
    assert "Most like Rock at 0:00, of 1 slice analysed." in output
    assert "|\u2588|" in output or "|\u2587|" in output
    assert "explained 1, failed 0" in output
    [picture] = pictures(beet)
    assert str(picture) in output
    with Image.open(picture) as image:
        assert (image.format, image.size) == ("PNG", (1280, 860))
    assert nothing_changed(beet) == before


def test_explain_says_why_it_is_unsure(library):
    beet = library(Unsure=None)
    output = beet("cnnexplain", "title::.")
    assert "  unsure: " in output
    assert ", below the threshold of 0.60." in output


def test_pictures_go_where_they_are_wanted_and_over_those_of_an_earlier_run(library, tmp_path):
    beet = library(Rock=None)
    for _ in range(2):
        beet("cnnexplain", "-o", tmp_path / "new" / "folder", "title::.")
    assert [p.name for p in (tmp_path / "new" / "folder").iterdir()] == ["00001 Artist - Rock.png"]
    assert pictures(beet) == []


@pytest.mark.skipif(os.name == "nt", reason="needs a shell script")
def test_open_shows_the_picture(library, tmp_path, monkeypatch):
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text(
        f'#!/bin/sh\necho "$1" > {tmp_path}/part && mv {tmp_path}/part {tmp_path}/opened\n'
    )
    opener.chmod(opener.stat().st_mode | stat.S_IXUSR)
    (opener.parent / "open").symlink_to(opener)
    monkeypatch.setenv("PATH", f"{opener.parent}{os.pathsep}{os.environ['PATH']}")
    beet = library(Rock=None)
    beet("cnnexplain", "--open", "title::.")
    for _ in range(100):
        if (tmp_path / "opened").exists():
            break
        time.sleep(0.05)
    assert (tmp_path / "opened").read_text().strip() == str(pictures(beet)[0])


def test_without_a_program_that_opens_pictures_there_is_a_sentence(library, tmp_path, monkeypatch):
    beet = library(Rock=None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "explained 1" in beet("cnnexplain", "--open", "title::.")
    assert "cannot open" in beet.errors


def test_silent_short_and_broken_files_are_a_sentence_each(library, beet, tmp_path):
    library(Rock=None)
    for name, seconds in {"silent": 5, "short": 0.2}.items():
        path = tmp_path / "more" / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        write_audio(path, np.zeros((int(16_000 * seconds), 1)), 16_000)
        tag(path, title=name, album=name)
    beet("-c", tmp_path / "home" / "only_import.yaml", "import", "-A", tmp_path / "more")
    beet.paths()["Rock"].write_bytes(b"nothing")
    output = beet("cnnexplain", "title::.")
    assert "explained 1, failed 2" in output
    assert "  silent\n  There is no sound in it." in output
    assert "too short: 0.20 s" in beet.errors
    assert "not readable as audio" in beet.errors
    assert pictures(beet) == []


def test_hostile_names_do_no_harm(beet, tone, tmp_path):
    title = "../<b>&\x1b[31m\u202e$(reboot)" + "long " * 200 + "\u65e5\u672c"
    tone("Rock", title=title)
    beet("import", "-A", tmp_path / "music")
    output = beet("cnnexplain", "title::.")
    assert "explained 1, failed 0" in output
    assert "\x1b" not in output
    assert "\u202e" not in output
    [picture] = pictures(beet)
    assert len(os.fsencode(picture.name)) < 200


def test_explain_decides_with_the_genres_that_the_user_wants(library):
    beet = library(Ambient=None)
    beet.config["cnngenre"]["genres"] = {
        "Rock": "Rock & Roll",
        "Electronic": "Techno",
        "Ambient": None,
    }
    output = beet("cnnexplain", "title::.")
    assert "\n  Techno 83 %" in output
    assert "Ambient" not in output.replace("Artist - Ambient", "").replace("Ambient.png", "")


def test_without_pillow_there_is_the_text_and_a_warning(library, monkeypatch, tmp_path):
    (tmp_path / "PIL").mkdir()
    (tmp_path / "PIL" / "__init__.py").write_text("raise ImportError")
    beet = library(Rock=None)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert "explained 1" in beet("cnnexplain", "title::.")
    assert "pictures need Pillow" in beet.errors
    assert pictures(beet) == []


# --- Label errors ---------------------------------------------------------------------------------


def label_errors(beet, *arguments):
    """Titles of the label errors, in order."""
    return beet("cnnerrors", "--format", "$title", *arguments).splitlines()


def test_label_errors_of_a_model_that_never_saw_them(library):
    beet = library(
        Rock_1=["Jazz"],
        Rock_2=["rock"],
        Ambient=["Rock"],
        Jazz=["Polka"],
        Unsure=["Jazz"],
        Electronic=None,
    )
    before = nothing_changed(beet)
    output = beet("cnnerrors", "--firmness", "0.95")
    lines = output.splitlines()
    assert "Ambient: Rock -> Electronic (" in output
    assert "Rock_1: Jazz -> Rock (" in output
    assert lines[-1] == (
        "2 probable errors in 4 tracks, 1 of genres that the model does not know, 1 without genres"
    )
    firmness = [float(line.split()[0]) for line in lines[:-1]]
    assert firmness == sorted(firmness, reverse=True)
    assert nothing_changed(beet) == before


def test_kinds_and_parents_are_no_label_errors(library):
    beet = library(Ambient=["Electronic"], Electronic=["Ambient"], Rock=["Hard Rock", "Jazz"])
    beet.config["cnngenre"]["genres"] = ["Rock", "Electronic", "Ambient", "Jazz"]
    assert label_errors(beet, "--firmness", "0.5") == []


def test_a_genre_that_the_model_takes_for_another_is_not_a_list_of_errors(library):
    names = [f"Rock_{i}" for i in range(6)]
    beet = library(Ambient=["Rock"], Jazz=["Jazz"], **{name: ["Jazz"] for name in names})
    of_one_artist = beet("cnnerrors").splitlines()
    assert of_one_artist[-1] == "7 probable errors in 8 tracks"  # a mislabelled artist is listed
    for i, name in enumerate(names):
        beet("modify", "-y", "-M", "-W", f"title:{name}", f"artist=Artist {i % 3}")
    [error, left_out, summary] = beet("cnnerrors").splitlines()
    assert "Ambient: Rock -> Electronic (" in error
    assert left_out == (
        "Jazz left out: the model disagrees with 6 of its 7 tracks, so it hardly knows this genre; "
        "to list them: --firmness 0.98"
    )
    assert summary == "1 probable error in 8 tracks"
    assert len(label_errors(beet, "--firmness", "0.98")) == 7
    assert label_errors(beet) == ["Ambient"]
    assert "Jazz left out" in beet.errors


def test_label_errors_can_be_printed_and_made_a_playlist_of(library, tmp_path):
    beet = library(Rock=["Jazz"], Jazz=["Jazz"])
    playlist = tmp_path / "wrong.m3u"
    playlist.write_text("an older one\n")
    lines = beet(
        "cnnerrors",
        "--firmness",
        "0.9",
        "--playlist",
        playlist,
        "--format",
        "$title $cnngenre_suggestion $cnngenre_firmness",
    ).splitlines()
    assert [line.rsplit(" ", 1)[0] for line in lines] == ["Rock Rock"]
    assert float(lines[0].rsplit(" ", 1)[1]) > 0.9
    assert playlist.read_text().splitlines() == [str(beet.paths()["Rock"])]
    assert beet("ls", "cnngenre_firmness::.") == ""


@pytest.mark.parametrize("name", ["song.mp3", "nowhere/wrong.m3u"])
def test_a_playlist_is_never_written_over_something_else(library, tmp_path, name):
    beet = library(Rock=["Jazz"])
    (tmp_path / "song.mp3").write_text("music")
    beet("cnnerrors", "--playlist", tmp_path / name, status=1)
    assert (tmp_path / "song.mp3").read_text() == "music"


def test_a_trained_model_does_not_confirm_what_it_learned_wrongly(labelled):
    beet = labelled
    beet("modify", "-y", "-M", "title:Murk 0", "genres=Glint")
    beet("cnntrain")
    [model] = bundles(beet)
    [line, summary] = beet("cnnerrors", "--model", model.name).splitlines()
    assert "Murk 0: Glint -> Murk (" in line
    assert line.endswith(", out of fold)")
    assert summary == "1 probable error in 24 tracks, 3 without genres"


def test_out_of_fold_verdicts_are_found_again_after_a_move_and_hold_nothing_private(
    trained, tmp_path
):
    beet = trained
    [manifest] = (beet.home / "cnngenre" / "models").glob("*/manifest.json")
    bundle = load_bundle(manifest.parent)
    assert set(bundle.arrays(OUT_OF_FOLD)) == {"keys", "probabilities"}
    learned = read_out_of_fold(bundle)
    moved = tmp_path / "elsewhere.wav"
    path = beet.paths()["Hum 3"]
    moved.write_bytes(path.read_bytes())
    tag(moved, ["Other"], title="Another")
    found = learned.find_audio(fingerprint_of(moved))
    assert found == learned.find_audio(fingerprint_of(path))
    assert max(found, key=found.get) == "Hum"
    assert learned.find_audio(fingerprint_of(beet.paths()["Hum 8"])) is None  # it has no genre


def test_out_of_fold_answers_are_found_by_all_workers_and_the_bar_reaches_its_end(trained):
    beet = trained
    beet.paths()["Hum 3"].write_bytes(b"no audio")
    beet.config["plugins"] = ["cnngenre", "progresswatch"]
    beet.config["cnngenre"]["threads"] = 2
    lines = beet("cnnerrors").splitlines()
    assert lines[-1].startswith("0 probable errors in 24 tracks, 3 without genres, 1 failed")
    assert lines.count("bar") == 24
    assert "workers: 2" in lines[: lines.index("bar")]
    assert lines.count("workers: 1") == 1  # only one file is left to extract
    assert "not readable as audio" in beet.errors


def test_a_model_from_scratch_leaves_out_what_it_has_only_learned(labelled):
    beet = labelled
    beet("cnntrain", "--architecture", "costa2011")
    [model] = bundles(beet)
    output = beet("cnnerrors", "--firmness", "0", "--model", model.name)
    n_judged = int(re.search(r" in (\d+) tracks", output)[1])
    n_learned = int(re.search(r"(\d+) trained on, no out-of-fold answer", output)[1])
    assert n_judged == 24
    assert 12 <= n_learned < 24
    beet.config["plugins"] = ["cnngenre", "progresswatch"]
    assert beet("cnnerrors", "--model", model.name).splitlines().count("bar") == n_judged
    assert all(line.endswith("out of fold)") for line in output.splitlines()[:-1])


def test_a_model_without_out_of_fold_verdicts_says_so(trained):
    beet = trained
    [manifest] = (beet.home / "cnngenre" / "models").glob("*/manifest.json")
    content = json.loads(manifest.read_text())
    del content["files"][OUT_OF_FOLD]
    manifest.write_text(json.dumps(content))
    beet("cnnerrors", "--model", manifest.parent.name)
    assert "may confirm wrong genres that it has learned" in beet.errors


# --- Comparison -----------------------------------------------------------------------------------


def test_comparing_counts_agreement_by_genre_and_names_the_surest_disagreements(library):
    beet = library(
        Rock_1=["Jazz"],
        Rock_2=["rock"],
        Ambient=["Jazz / Electronic"],  # either part agrees, and so does a subgenre
        Jazz=["Polka"],
        Unsure=["Jazz"],
        Electronic=None,
        Rock_3=None,
    )
    beet("genre", "title:Rock_3")
    before = nothing_changed(beet)
    lines = beet("cnncompare").splitlines()
    assert lines[0] == "The surest disagreements:"
    [disagreement] = [line for line in lines if "Artist - Rock_1" in line]
    assert re.fullmatch(r"Artist - Rock_1 +Jazz +rock +1\.00", disagreement)
    genres = [line.split(maxsplit=4) for line in lines[lines.index("") + 4 :] if line]
    assert ["Jazz", "3", "2", "1", "rock 1"] in genres
    assert ["rock", "1", "1", "1"] in genres
    total, left_out, hint = lines[-3:]
    assert total == "4 tracks compared: the model is sure of 3 and agrees on 2, 67%"
    unknown = "1 of genres that the model does not know"
    assert left_out == f"left out: {unknown}, 1 without genres, 1 written by cnngenre"
    assert "cnnerrors" in hint
    every = beet("cnncompare", "--all", "genres:Jazz")
    verdicts = {line.split()[-1] for line in every.splitlines()[1:4]}
    assert verdicts == {"differs", "agrees", "unsure"}
    assert nothing_changed(beet) == before


# --- Stats ----------------------------------------------------------------------------------------


def test_stats_count_what_was_done(library):
    beet = library(Rock=None, Jazz=["Polka"], Unsure=None, Electronic=None)
    beet("genre", "title:Rock")
    beet("genre", "title:Unsure")
    beet("genre", "-f", "title:Jazz")
    found = json.loads(beet("cnnstats", "--json"))
    models = found.pop("models")
    assert found == {
        "tracks": 4,
        "with_genres": 2,
        "written": 2,
        "reviewed": 0,
        "edited_since": 0,
        "unsure": 1,
        "never_classified": 1,
        "before": {"(none)": 3, "Polka": 1},
        "after": {"(none)": 2, "Rock": 1, "Jazz": 1},
        "confidence": found["confidence"],
    }
    assert sum(found["confidence"]) == 3
    assert models["pitch-1"]["classified"] == 3
    assert models["pitch-1"]["written"] == 2
    output = beet("cnnstats")
    for line in (
        "tracks                               4  100%",
        "without, never classified            1   25%",
        "Polka        1       0",
        "(none)       3       2",
        "confidence  tracks",
    ):
        assert line in output
    assert "####" in output


def test_a_genre_that_the_user_removed_is_no_doubt_and_a_query_keeps_it_so(library):
    beet = library(Rock=None, Jazz=None, Unsure=None)
    beet("cnngenre")
    beet("modify", "-y", "title:Rock", "genres=", "nogenre=1")
    found = json.loads(beet("cnnstats", "--json"))
    counts = ("tracks", "with_genres", "edited_since", "unsure", "never_classified")
    assert [found[name] for name in counts] == [3, 1, 1, 1, 0]
    assert "tagged 0, kept 1, unsure 1" in beet("cnngenre", "^nogenre:1")
    assert "tagged 1" in beet("cnngenre")
    assert json.loads(beet("cnnstats", "--json"))["edited_since"] == 0


def test_stats_know_what_was_edited_since(library):
    beet = library(Rock=None)
    beet("genre")
    beet("modify", "-y", "genres=Stoner Rock")
    found = json.loads(beet("cnnstats", "--json"))
    assert (found["written"], found["edited_since"]) == (0, 1)
    assert (found["before"], found["after"]) == ({"(none)": 1}, {"Stoner Rock": 1})


def test_stats_tell_a_review_from_an_edit(trained):
    beet = trained
    beet("genre", "-W", "--threshold", "0")
    as_review_does = ("genres=Hum", "cnngenre_reviewed=Hum", "cnngenre_written=Other")
    beet("modify", "-y", "-M", "title:Hum 8", *as_review_does)
    beet("modify", "-y", "-M", "title:Murk 8", "genres=Drone")
    found = json.loads(beet("cnnstats", "--json"))
    counts = [found[name] for name in ("written", "reviewed", "edited_since")]
    assert counts == [1, 1, 1]
    assert "decided by you in a review           1" in beet("cnnstats")


def test_stats_of_nothing(library):
    beet = library(Rock=None)
    assert beet("cnnstats", "title:Nothing").splitlines()[0].split() == [
        "tracks",
        "0",
        "0%",
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["cnnexplain"], "cnnexplain: say which tracks, as in: beet cnnexplain 'genres::^$'"),
        (["cnnreview", "--open"], "cnnreview: --open goes with --web"),
        (["cnnreview", "--port", "8000"], "cnnreview: --port goes with --web"),
        (["cnnerrors", "--firmness", "2"], "cnnerrors: --firmness 2.0 is not from 0 to 1"),
        (["cnnmodels", "title:Rock"], "cnnmodels: it takes no QUERY"),
        (["cnnstats", "--runs", "title:Rock"], "as a whole, without QUERY and --album"),
        (["cnnstats", "--run", "last", "--album"], "as a whole, without QUERY and --album"),
        (["cnnstats", "--runs", "--json"], "lists the past runs, without --run and --json"),
        (["cnnstats", "--runs", "--run", "2"], "lists the past runs, without --run and --json"),
    ],
)
def test_what_a_command_cannot_do_is_one_sentence(library, arguments, sentence):
    beet = library(Rock=None)
    beet(*arguments, status=1)
    assert sentence in beet.errors


def test_questions_leave_the_files_alone(library):
    beet = library(Rock=["Jazz"])
    beet("cnnerrors")
    beet("cnnexplain", "title::.")
    beet("cnnstats")
    assert file_genres(beet.paths()["Rock"]) == ["Jazz"]
