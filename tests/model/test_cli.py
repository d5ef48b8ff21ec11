"""The command ``genre-model``: what it prints, and its exit status."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import audio_files
import pytest
from bundle_files import TONES_HZ, put

from genre_model.cli.main import main
from genre_model.core.errors import GenreModelError
from genre_model.model.bundle.store import SHIPPED, load_bundle


@pytest.fixture
def music(tmp_path):
    """A folder of three tones, a silent file, a broken one, and one that is not audio."""
    folder = tmp_path / "music"
    (folder / "deeper").mkdir(parents=True)
    for genre, hz in TONES_HZ.items():
        path = folder / "deeper" / f"{genre}.FLAC"
        audio_files.write_audio(path, audio_files.tone(3, hz), 44_100, "flac")
    audio_files.write_silence(folder / "silent.wav")
    (folder / "broken.mp3").write_bytes(b"nothing of the sort")
    (folder / "cover.jpg").write_bytes(b"")
    return folder


@pytest.fixture
def run(capsys, tiny_bundle):
    """Run ``genre-model classify`` with the tiny bundle: (exit status, output, errors)."""

    def classify(*arguments, model=tiny_bundle):
        status = main(["classify", "--model", str(model), *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return classify


def test_a_folder_is_searched_for_audio_files_and_classified(run, music):
    status, out, err = run(music)
    header, *lines = out.splitlines()
    assert (status, err) == (0, "")
    assert header.split() == ["genre", "conf", "or", "else", "file"]
    names = [line.split()[-1] for line in lines]
    assert names == sorted(names)
    assert [line.split()[0] for line in lines] == ["(failed)", "Bebop", "Dub", "Jazz", "(silent)"]
    assert "cover.jpg" not in out


@pytest.mark.parametrize("form", ["--csv", None])
def test_a_name_that_the_terminal_cannot_write_is_escaped(music, tiny_bundle, form):
    """This happens on Windows, where piped output has the system's legacy encoding."""
    (music / "deeper" / "Dub.FLAC").rename(music / "deeper" / "\u591c\u66f2.FLAC")
    command = [sys.executable, "-m", "genre_model.cli.main", "classify", "--model", tiny_bundle]
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    arguments = [*map(str, command), *filter(None, [form]), str(music)]
    done = subprocess.run(arguments, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u591c\\u66f2.FLAC" in done.stdout
    assert len(done.stdout.splitlines()) == 6


def test_rows_stand_above_the_progress_bar(music, tiny_bundle):
    terminal = pytest.importorskip("terminal", reason="a pseudo-terminal is POSIX")
    (music / "deeper" / "Dub.FLAC").rename(music / "deeper" / "clear\x1b[2J.FLAC")
    command = [sys.executable, "-m", "genre_model.cli.main", "classify", "--model", tiny_bundle]
    lines = terminal.lines_at_terminal([*command, music], dict(os.environ))
    first = [line.split()[0] for line in lines if line.strip()]
    assert first == ["genre", "(failed)", "Bebop", "Jazz", "Dub", "(silent)"]
    rows = terminal.lines_at_terminal([*command, "--csv", music], dict(os.environ))
    assert [row for row in rows if r"clear\x1b[2J.FLAC,Dub" in row]


def test_a_path_in_csv_is_the_path_of_the_file(run, music):
    name = "Who Are You\uf025 \u2013 co\u00adop\r\n.FLAC"  # "?" on a share, a hyphen, a line break
    (music / "deeper" / "Dub.FLAC").rename(music / "deeper" / name)
    _, out, _ = run("--csv", music)
    paths = [Path(row["path"]) for row in csv.DictReader(io.StringIO(out, newline=""))]
    assert len(paths) == 5
    assert all(path.exists() for path in paths)
    (music / "deeper" / name).rename(music / "deeper" / "carriage\rreturn.flac")
    _, out, _ = run("--csv", music / "deeper")
    assert len(list(csv.reader(io.StringIO(out, newline="")))) == 4


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="the system has no full device")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["architectures"], ["classify", "--csv"], ["inspect"]])
def test_a_full_disk_behind_the_output_is_one_sentence(music, tiny_bundle, arguments, unbuffered):
    command = [sys.executable, "-m", "genre_model.cli.main", *arguments]
    if arguments[0] == "classify":
        command += ["--model", str(tiny_bundle), str(music)]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with FULL.open("w") as full:
        done = subprocess.run(
            command, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.stderr == "genre-model: cannot write: No space left on device\n"
    assert done.returncode == 1


def test_a_failure_is_told_if_nobody_reads_the_output(monkeypatch, capsys):
    class Closed(io.StringIO):
        def flush(self):
            raise BrokenPipeError

        def fileno(self):
            return os.open(os.devnull, os.O_WRONLY)

    def fail(_options):
        raise GenreModelError("too few tracks")

    monkeypatch.setattr("genre_model.cli.main.run_inspect", fail)
    monkeypatch.setattr(sys, "stdout", Closed())
    assert main(["inspect"]) == 1
    assert capsys.readouterr().err == "genre-model: too few tracks\n"


def test_json_is_a_list_of_verdicts(run, music):
    status, out, _ = run("--json", music)
    entries = {entry["path"].rsplit("/")[-1]: entry for entry in json.loads(out)}
    assert status == 0
    assert len(entries) == 5
    assert entries["Bebop.FLAC"]["genres"] == ["Bebop"]
    assert entries["Bebop.FLAC"]["error"] is None
    assert set(entries["Bebop.FLAC"]["ranked"]) == set(TONES_HZ)
    assert entries["Bebop.FLAC"]["probability"] == entries["Bebop.FLAC"]["ranked"]["Bebop"]
    assert (entries["silent.wav"]["genres"], entries["silent.wav"]["reason"]) == ([], "silent")
    assert entries["broken.mp3"]["genres"] == []
    assert "not readable as audio" in entries["broken.mp3"]["error"]


def test_csv_has_a_line_for_every_file(run, music):
    status, out, _ = run("--csv", music)
    rows = {row["path"].rsplit("/")[-1]: row for row in csv.DictReader(io.StringIO(out))}
    assert status == 0
    assert rows["Dub.FLAC"]["genres"] == rows["Dub.FLAC"]["best"] == "Dub"
    assert float(rows["Dub.FLAC"]["probability"]) > 0.5
    assert rows["silent.wav"]["best"] == rows["silent.wav"]["error"] == ""
    assert "not readable as audio" in rows["broken.mp3"]["error"]


@pytest.mark.parametrize("threads", [1, 4])
def test_the_output_does_not_depend_on_the_threads(run, music, threads):
    assert run("--threads", threads, music) == run("--threads", 2, music)


def test_a_file_that_is_named_is_tried_whatever_it_is_called(run, music):
    path = music / "song.unknown"
    path.write_bytes((music / "deeper" / "Dub.FLAC").read_bytes())
    status, out, _ = run(path)
    assert status == 0
    assert out.splitlines()[1].startswith("Dub ")


def test_a_missing_file_is_a_row_and_the_others_are_classified(run, music):
    status, out, _ = run(music / "missing.mp3", music / "deeper" / "Jazz.FLAC")
    lines = out.splitlines()[1:]
    assert status == 0
    assert lines[0].startswith("(failed)")
    assert "no such file" in lines[0]
    assert lines[1].startswith("Jazz ")


@pytest.mark.parametrize("style", [[], ["--json"], ["--csv"]], ids=["table", "json", "csv"])
def test_the_exit_status_is_1_where_nothing_could_be_decoded(run, music, style):
    assert run(*style, music / "missing.mp3", music / "broken.mp3")[0] == 1


def test_a_folder_without_audio_is_one_sentence(run, tmp_path):
    (tmp_path / "empty").mkdir()
    status, out, err = run(tmp_path / "empty")
    assert (status, out) == (1, "")
    assert err == "genre-model: no audio files there\n"


def test_a_folder_that_is_called_like_a_song_is_not_a_song(run, music):
    (music / "live.mp3").mkdir()
    assert "live.mp3" not in run(music)[1]


@pytest.mark.parametrize("bundle", ["missing", "a file", "empty"])
def test_a_bad_model_is_one_sentence(run, music, tmp_path, bundle):
    path = tmp_path / "model"
    if bundle == "a file":
        path.write_bytes(b"")
    elif bundle == "empty":
        path.mkdir()
    status, out, err = run(music, model=path)
    assert (status, out) == (1, "")
    assert err.startswith("genre-model: cannot read ")
    assert err.count("\n") == 1


def test_genres_may_be_a_selection_of_the_model(run, music):
    out = json.loads(run("--json", "--genres", "few", music / "deeper")[1])
    assert [entry["genres"] for entry in out] == [["Jazz"], ["Dub"], ["Jazz"]]
    assert all(set(entry["ranked"]) == {"Dub", "Jazz"} for entry in out)


def test_genres_may_be_a_list_in_any_case(run, music):
    out = json.loads(run("--json", "--genres", "dub, BEBOP", music / "deeper")[1])
    assert all(set(entry["ranked"]) == {"Dub", "Bebop"} for entry in out)


@pytest.mark.parametrize("style", [[], ["--json"], ["--csv"]], ids=["table", "json", "csv"])
def test_an_unknown_genre_is_one_sentence_and_no_output(run, music, style):
    status, out, err = run(*style, "--genres", "Polka", music)
    assert status == 1
    assert err == "genre-model: genres: the model has no Polka (it has: Dub, Jazz, Bebop)\n"
    assert out == ""


def test_the_shipped_model_answers_the_seven_genres_of_the_paper(run, tmp_path):
    path = audio_files.write_audio(tmp_path / "a.wav", audio_files.song(4.0), 44_100)
    status, out, _ = run("--json", "--genres", "paper", path, model=SHIPPED)
    (entry,) = json.loads(out)
    assert status == 0
    assert set(entry["ranked"]) == set(load_bundle(SHIPPED).manifest.presets["paper"])
    assert len(entry["ranked"]) == 7
    assert all(0 <= probability <= 1 for probability in entry["ranked"].values())


def test_the_threshold_decides_whether_there_is_an_answer(run, music):
    path = music / "deeper" / "Jazz.FLAC"
    (probability,) = (entry["probability"] for entry in json.loads(run("--json", path)[1]))
    above, below = f"{probability + 0.001}", f"{probability - 0.001}"
    assert json.loads(run("--json", "--threshold", below, path)[1])[0]["genres"] == ["Jazz"]
    assert json.loads(run("--json", "--threshold", above, path)[1])[0]["genres"] == []
    assert "(Jazz?)" in run("--threshold", above, path)[1]


def test_count_allows_more_genres(run, tmp_path):
    both = audio_files.tone(3, TONES_HZ["Dub"]) + audio_files.tone(3, TONES_HZ["Jazz"])
    path = audio_files.write_audio(tmp_path / "a.wav", both * 0.9, 44_100)
    (one,) = json.loads(run("--json", "--threshold", "0.2", path)[1])
    (two,) = json.loads(run("--json", "--threshold", "0.2", "--count", "2", path)[1])
    assert len(one["genres"]) == 1
    assert sorted(two["genres"]) == ["Dub", "Jazz"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--threshold", "1.5"],
        ["--threshold", "nan"],
        ["--threshold", "much"],
        ["--count", "0"],
        ["--threads", "-1"],
        ["--loud"],
    ],
)
def test_bad_options_exit_with_2_and_a_message(run, music, capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        run(*arguments, music)
    assert caught.value.code == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["classify"], ["dance"]])
def test_a_command_that_is_incomplete_exits_with_2(arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("clear\x1b[2Jscreen", r"clear\x1b[2Jscreen"),
        ("line\nbreak", r"line\nbreak"),
        ("\u202egnp.3pm", r"\u202egnp.3pm"),
        (os.fsdecode(b"caf\xe9"), "caf"),
    ],
    ids=["escape", "newline", "right to left", "Latin-1"],
)
def test_control_characters_in_file_names_are_escaped(run, music, name, escaped):
    path = music / f"{name}.flac"
    (music / "deeper" / "Dub.FLAC").rename(path)
    status, out, _ = run(path)
    assert status == 0
    assert escaped in out
    assert name not in out
    out.encode()  # everything can be encoded as UTF-8


@pytest.mark.parametrize("name", ["clear\x1b[2Jscreen", "a\u00a0b", os.fsdecode(b"caf\xe9")])
def test_json_has_paths_as_they_are_as_far_as_it_can_say_them(run, music, name):
    path = music / f"{name}.flac"
    (music / "deeper" / "Dub.FLAC").rename(path)
    _, out, _ = run("--json", path)
    assert "\x1b" not in out
    assert json.loads(out)[0]["path"] == str(path).encode("utf-8", "backslashreplace").decode()


# Asking the system about a file with such a long name fails, as it does without permission.
LONG = "x" * 300


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["classify", LONG], "not readable as audio"),
        (["train", LONG, "-o", "models"], f"{LONG}: "),
        (["evaluate", "shipped", LONG], f"{LONG}: "),
        (["explain", "song.wav", "-o", f"{LONG}.png"], f"cannot write {LONG}.png: "),
        (["spectrogram", "song.wav", "-o", f"{LONG}.png"], f"cannot write {LONG}.png: "),
        (["slices", "song.wav", "-o", LONG], f"cannot write to {LONG}"),
    ],
)
def test_a_path_that_cannot_be_asked_about_is_a_sentence(
    tmp_path, capsys, monkeypatch, arguments, printed
):
    monkeypatch.chdir(tmp_path)
    song = str(audio_files.write_audio(tmp_path / "song.wav", audio_files.tone(4, 440), 44_100))
    status = main([song if one == "song.wav" else one for one in arguments])
    output = capsys.readouterr()
    assert status == 1
    assert printed in output.out + output.err


def test_control_characters_in_error_messages_are_escaped(run, music):
    _, _, err = run(music, model=music / "clear\x1b[2Jscreen")
    assert "\x1b" not in err


def test_inspect_prints_the_card_of_a_bundle_that_is_whole(capsys, tiny_bundle):
    assert main(["inspect", str(tiny_bundle)]) == 0
    out = capsys.readouterr().out
    for fact in ("tiny-1", "Dub, Jazz, Bebop", "Three bands of mel.", "MIT", "network.onnx"):
        assert fact in out


def test_inspect_says_how_many_slices_are_used_also_where_all_are(capsys, tiny_bundle):
    put("slices", "position", value="all")(tiny_bundle)
    assert main(["inspect", str(tiny_bundle)]) == 0
    assert "up to 10000 a song" in capsys.readouterr().out


def test_inspect_shows_the_shipped_bundle_by_default(capsys):
    assert main(["inspect"]) == 0
    assert load_bundle(SHIPPED).manifest.bundle_id in capsys.readouterr().out


@pytest.mark.parametrize("name", ["network.onnx", "head.npz", "probe.npz"])
def test_inspect_tells_of_a_changed_file(capsys, tiny_bundle, name):
    (tiny_bundle / name).write_bytes(b"changed")
    assert main(["inspect", str(tiny_bundle)]) == 1
    captured = capsys.readouterr()
    assert f"{name} is damaged or was changed" in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
