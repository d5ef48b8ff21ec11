"""Each run of ``beet cnngenre`` and each import keeps a journal, counted by ``cnnstats --run``."""

import json
import os
import re
import signal
from pathlib import Path

import pytest


def runs(beet):
    """The journals of all runs, oldest first, each as a list of its lines."""
    found = sorted(
        (beet.home / "cnngenre" / "runs").glob("*.jsonl"), key=lambda p: p.stat().st_ctime
    )
    return [[json.loads(line) for line in path.read_text().splitlines()] for path in found]


def stats(beet, run="last"):
    return json.loads(beet("cnnstats", "--run", run, "--json"))


def test_a_run_keeps_what_became_of_each_track(library):
    beet = library(Rock=None, Jazz=["Polka"], Unsure=None)
    paths = beet.paths()
    assert beet("genre", "--threshold", "0.7").endswith("cnngenre: threshold: 0.7\n")
    [[header, *entries, end]] = runs(beet)
    assert header["command"] == "cnngenre"
    assert header["model"] == "pitch-1"
    assert header["options"]["threshold"] == 0.7
    assert end["whole"] is True
    by_path = {entry.pop("path"): entry for entry in entries}
    rock = by_path[str(paths["Rock"])]
    assert (rock["action"], rock["before"], rock["after"]) == ("tagged", [], ["Rock"])
    assert rock["probability"] > 0.9
    jazz = by_path[str(paths["Jazz"])]
    assert (jazz["action"], jazz["after"], jazz["probability"]) == ("kept", ["Polka"], None)
    unsure = by_path[str(paths["Unsure"])]
    assert (unsure["action"], unsure["after"]) == ("unsure", [])
    assert unsure["probability"] < 0.7


def test_the_last_run_can_be_counted(library):
    beet = library(Rock=None, Jazz=["Polka"], Unsure=None, Electronic=None)
    beet("genre", "title:Electronic")
    beet.paths()["Rock"].write_bytes(b"nothing")
    beet("genre", "-f")
    found = stats(beet)
    assert found["tracks"] == 4
    assert found["with_genres"] == 2
    assert found["actions"] == {"kept": 1, "tagged": 1, "unsure": 1, "failed": 1}
    assert found["before"] == {"(none)": 2, "Polka": 1, "Electronic": 1}
    assert found["after"] == {"(none)": 2, "Jazz": 1, "Electronic": 1}
    assert sum(found["confidence"]) == found["models"]["pitch-1"]["classified"] == 3
    assert found["state"] == "finished"
    assert found["options"]["force"] is True
    output = beet("cnnstats", "--run", "last")
    for line in (
        ": cnngenre, finished after 0:0",
        "tagged                               1   25%",
        "Polka            1       0",
        "confidence  tracks",
        "pitch-1           3        1",
    ):
        assert line in output


def test_runs_are_listed_and_found_by_the_beginning_of_their_name(library):
    beet = library(Rock=None, Jazz=None)
    beet("genre", "title:Rock")
    beet("cnnundo", "title:Rock")
    first, second = beet("cnnstats", "--runs").splitlines()
    assert first.split()[1:] == ["cnngenre", "1", "tracks", "pitch-1"]
    assert second.split()[1:] == ["cnnundo", "1", "tracks"]
    assert stats(beet, first.split()[0])["actions"] == {"tagged": 1}
    undone = stats(beet, second.split()[0])
    assert (undone["before"], undone["after"], undone["models"]) == ({"Rock": 1}, {"(none)": 1}, {})
    beet("cnnstats", "--run", "2", status=1)
    assert "2 runs' names begin with 2; cnnstats --runs lists them" in beet.errors
    beet("cnnstats", "--run", "Monday", status=1)
    assert "no run's name begins with Monday" in beet.errors


def test_what_shows_and_changes_nothing_keeps_no_journal(library):
    beet = library(Rock=None)
    for line in ("genre -p", "cnnstats", "cnnexplain title::.", "cnnerrors", "cnnundo -p"):
        beet(*line.split())
    beet("genre", "title:Nothing")
    assert runs(beet) == []
    assert beet("cnnstats", "--runs") == ""
    beet("cnnstats", "--run", "last", status=1)
    assert "no run has been kept yet" in beet.errors


def test_runs_with_nothing_to_do_do_not_push_out_the_journals_of_others(library):
    beet = library(Rock=None, Unsure=None, Jazz=["Polka"])
    beet("genre")
    for _ in range(3):
        assert "tagged 0, kept 2, unsure 1" in beet("genre")
        beet("cnnspelling")
    runs = [line.split() for line in beet("cnnstats", "--runs").splitlines()]
    assert [run[1] for run in runs] == ["cnngenre", "cnnspelling"]
    assert stats(beet, runs[0][0])["actions"] == {"kept": 1, "tagged": 1, "unsure": 1}


def test_the_first_run_is_told_once_if_it_had_nothing_to_do(beet, tone, tmp_path):
    tone("Jazz", genres=["Polka"])
    beet("import", "-A", tmp_path / "music")
    assert "1 track has genres" in beet("genre")
    assert "1 track has genres" not in beet("genre")


def test_an_import_keeps_one_journal(beet, tone, tmp_path):
    tone("Rock")
    tone("Jazz", folder="music/other", album="Other", genres=["Polka"])
    beet("import", "-A", tmp_path / "music")
    [[header, *entries, end]] = runs(beet)
    assert (header["command"], header["model"], end["whole"]) == ("import", "pitch-1", True)
    assert sorted(entry["action"] for entry in entries) == ["kept", "tagged"]
    [extracted] = [entry for entry in entries if entry["action"] == "tagged"]
    assert (extracted["after"], extracted["probability"] > 0.9) == (["Rock"], True)
    assert stats(beet)["command"] == "import"


def test_a_model_of_another_field_has_its_own_confidence(library, pitch_bundle, tmp_path):
    beet = library(Rock=["Polka"])
    manifest = json.loads((pitch_bundle / "manifest.json").read_text()) | {"target": "mood"}
    (tmp_path / "mood").mkdir()
    for path in pitch_bundle.iterdir():
        (tmp_path / "mood" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "mood" / "manifest.json").write_text(json.dumps(manifest))
    beet("genre", "--model", tmp_path / "mood")
    [[header, entry, _]] = runs(beet)
    assert (header["target"], entry["after"]) == ("mood", ["Rock"])
    assert entry["probability"] > 0.9


@pytest.mark.skipif(os.name == "nt", reason="needs SIGINT and SIGKILL")
@pytest.mark.parametrize(("sign", "state"), [("SIGINT", "interrupted"), ("SIGKILL", "unfinished")])
def test_an_interrupted_run_has_what_was_done(library, sign, state):
    beet = library(**{f"Rock_{index}": None for index in range(8)})
    beet.config["plugins"] = ["cnngenre", "slow"]
    beet.config["cnngenre"]["threads"] = 1
    process = beet.start("genre")
    assert "-> Rock" in process.stdout.readline()
    process.send_signal(getattr(signal, sign))
    process.communicate(timeout=30)
    beet.config["plugins"] = ["cnngenre"]
    found = stats(beet)
    assert found["state"] == state
    assert 0 < found["tracks"] < 8
    assert found["actions"] == {"tagged": found["tracks"]}


@pytest.mark.parametrize("n_bytes", [1, 5, 60, 200])
def test_a_cut_last_line_is_passed_over(library, n_bytes):
    beet = library(Rock=None, Jazz=None)
    beet("genre")
    [path] = (beet.home / "cnngenre" / "runs").iterdir()
    path.write_bytes(path.read_bytes()[:-n_bytes])
    found = stats(beet)
    assert found["state"] == ("unfinished" if n_bytes > 1 else "finished")
    assert found["tracks"] == (2 if n_bytes < 60 else 1)


def test_a_journal_that_cannot_be_written_is_one_warning(library):
    beet = library(Rock=None, Jazz=None)
    (beet.home / "cnngenre").mkdir(exist_ok=True)
    (beet.home / "cnngenre" / "runs").write_text("a file where the folder should be")
    assert "tagged 2" in beet("genre")
    assert beet.errors.count("this run is not kept in") == 1
    assert beet.genres() == {"Rock": "Rock", "Jazz": "Jazz"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_warning(library):
    beet = library(Rock=None, Jazz=None)
    beet.config["plugins"] = ["cnngenre", "fulljournal"]
    assert "tagged 2" in beet("genre")
    assert beet.errors.count("this run is not kept in") == 1
    assert "No space left" in beet.errors


def test_old_journals_give_way(library):
    beet = library(Rock=None)
    folder = beet.home / "cnngenre" / "runs"
    folder.mkdir(parents=True)
    for day in range(60):
        (folder / f"2020-01-01T00-00-{day:02}.jsonl").write_bytes(b"x")
    (folder / "2020-01-01T00-00-58.jsonl").write_bytes(b"x" * 65 * 2**20)
    beet("genre")
    left = sorted(path.stem for path in folder.iterdir())
    assert len(left) == 2
    assert left[0] == "2020-01-01T00-00-59"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is not a run's journal"),
        (b"\xff\xfe\n\n", "is not a run's journal"),
        (b"[1]\n", "is not a run's journal"),
        (b'{"format": 2, "what": "?"}\n', "was written by a newer version of the plugin"),
    ],
)
def test_what_is_no_journal_is_one_sentence(library, content, sentence):
    beet = library(Rock=None)
    folder = beet.home / "cnngenre" / "runs"
    folder.mkdir(parents=True)
    (folder / "2020-01-01T00-00-00.jsonl").write_bytes(content)
    beet("cnnstats", "--run", "last", status=1)
    assert sentence in beet.errors
    beet("cnnstats", "--runs")
    assert sentence in beet.errors


def test_a_run_is_counted_without_a_query(library):
    beet = library(Rock=None)
    beet("cnnstats", "--run", "last", "title:Rock", status=1)
    assert "without QUERY and --album" in beet.errors


def test_a_past_run_is_told_in_the_words_of_its_command(library):
    beet = library(Rock=["Ska"], Jazz_1=["Polka"], Jazz_2=["polka"], Jazz_3=["polka"])
    commands = {
        "cnnspelling": {"kept": 3, "respelled": 1},
        "cnngenre -f": {"tagged": 4},
        "cnnundo": {"restored": 3, "kept": 1},
    }
    for command, actions in commands.items():
        if command == "cnnundo":
            beet("modify", "-y", "title:Rock", "genres=Drone")
        last_line = beet(*command.split()).splitlines()[-1]
        assert stats(beet)["actions"] == actions
        assert stats(beet)["command"] == command.split()[0]
        told = beet("cnnstats", "--run", "last")
        for word, n in actions.items():
            assert f"{word} {n}" in last_line
            assert re.search(rf"(?m)^{word} +{n} ", told)
    names = [line.split()[1] for line in beet("cnnstats", "--runs").splitlines()]
    assert names == [command.split()[0] for command in commands]


def test_a_run_that_classified_nothing_has_no_mean_confidence(library):
    beet = library(Rock=["Ska"])
    beet("genre")
    assert stats(beet)["models"] == {}
    assert "mean confidence" not in beet("cnnstats", "--run", "last")


def test_an_empty_name_is_no_run(library):
    beet = library(Rock=None)
    beet("genre")
    beet("cnnstats", "--run", "", status=1)
    assert beet.errors.endswith("--run needs the name of a run, or last; --runs lists them\n")
