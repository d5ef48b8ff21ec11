"""The commands ``genre-model train`` and ``genre-model evaluate``, on folders of tones."""

import csv
import json
import re
import shutil
import struct

import audio_files
import av
import mediafile
import numpy as np
import pytest
from bundle_files import GENRES, TONES_HZ, write_tiny_bundle
from mutagen import id3
from mutagen.wave import WAVE

from genre_model.cli.main import main
from genre_model.core.specs import ContextSpec
from genre_model.data.folder import Tags, folder_tracks, moment, read_tags, split_genres
from genre_model.model.bundle.store import SHIPPED, load_bundle

HZ = {"Deep": 110, "Middle": 900, "High": 4_000}
N_TRACKS = 8


@pytest.fixture(scope="module", autouse=True)
def short_reports():
    """Use few resamples and no learning curves: neither is tested here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genre_model.evaluation.metrics.N_RESAMPLES", 50)
        patch.setattr("genre_model.training.head.report.LEARNING_SHARES", ())
        yield


def write_tone(path, hz, seed=0, **tags):
    noise = np.random.default_rng(seed).standard_normal((49_600, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = audio_files.tone(3.1, hz * (1 + 0.02 * seed), 16_000, 1)
    audio_files.write_audio(path, tone * 0.9 + 0.01 * noise, 16_000, "flac")
    if tags:
        file = mediafile.MediaFile(path)
        file.update(tags)
        file.save()
    return path


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """A folder of three genre folders of eight tones by four artists; some are in subfolders."""
    folder = tmp_path_factory.mktemp("music")
    for genre, hz in HZ.items():
        for n in range(N_TRACKS):
            artist = f"{genre} artist {n // 2}"
            path = folder / genre / (f"album {n}" if n % 2 else ".") / f"{n}.flac"
            write_tone(path, hz, n, artist=artist, album="Album", title=f"{n}", genres=["Other"])
    return folder


def run(capsys, *arguments):
    """Run ``genre-model``; return its status, output and errors."""
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture(scope="module")
def trained(music, tmp_path_factory):
    """The folder of a bundle trained by the command, its feature cache, and what was printed."""
    folder = tmp_path_factory.mktemp("trained")
    lines = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout.write", lines.append)
        patch.chdir(folder)
        status = main(["train", str(music), "--min-tracks", "4", "--cache", str(folder / "c.db")])
    assert status == 0
    [bundle] = (folder / "models").iterdir()
    return bundle, folder / "c.db", "".join(lines)


def test_a_tree_says_which_shipped_genre_a_label_is_a_subgenre_of(music, trained, tmp_path, capsys):
    tree = tmp_path / "tree.yaml"
    tree.write_text("- jazz:\n    - deep\n    - blues:\n        - high\n")
    options = (music, "--cache", trained[1], "-o", tmp_path / "out")
    status, _, _ = run(capsys, "train", *options, "--tree", tree)
    assert status == 0
    [folder] = (tmp_path / "out").iterdir()
    bundle = load_bundle(folder)
    shares = bundle.head().start.shares
    own = load_bundle(SHIPPED).manifest.genres
    column = bundle.manifest.genres.index
    # The other half stays with the shipped genre.
    assert shares[own.index("Jazz"), column("Deep")] == 0.5
    assert shares[own.index("Blues"), column("High")] == 0.5
    assert shares[-1, column("Middle")] == 0.5  # Middle is not in the tree
    for content, why in (("- jazz: [", "not valid YAML"), ("jazz", "no genre within another")):
        tree.write_text(content)
        status, _, errors = run(capsys, "train", *options, "--tree", tree)
        assert status == 1
        assert why in errors
        assert len(errors.splitlines()) == 1
    status, _, errors = run(capsys, "train", *options, "--tree", tmp_path / "none.yaml")
    assert "cannot read the genre tree" in errors


def test_training_says_what_it_learned_from_and_what_that_is_worth(trained):
    bundle, _, out = trained
    lines = out.splitlines()
    assert lines[0].split() == ["genre", "tracks", "artists"]
    assert sorted(line.split() for line in lines[1:4]) == [
        [genre, "8", "4"] for genre in sorted(HZ)
    ]
    assert "24 tracks of 12 artists, 5 folds, split by artist" in out
    assert re.search(r"right: (9|10)\d\.\d% of songs", out)
    assert "always the most frequent genre: 33.3%" in out
    assert f"report: {(bundle / 'report.html').as_uri()}" in out
    assert lines[-1] == f"bundle: models/{bundle.name}"


def test_the_bundle_is_whole_and_has_its_report(trained, capsys):
    bundle, *_ = trained
    status, out, _ = run(capsys, "inspect", bundle)
    assert status == 0
    assert "Deep, High, Middle" in out
    manifest = load_bundle(bundle).manifest
    assert manifest.genres == ("Deep", "High", "Middle")
    assert manifest.target == "genres"
    report = json.loads((bundle / "report.json").read_bytes())
    assert report["n_tracks"] == 24
    assert bundle.name == manifest.bundle_id == report["bundle_id"]
    assert "<html" in (bundle / "report.html").read_text()


def test_the_bundle_classifies(trained, music, capsys):
    bundle, *_ = trained
    status, out, _ = run(capsys, "classify", "--json", "--model", bundle, music / "High")
    assert status == 0
    assert {entry["best"] for entry in json.loads(out)} == {"High"}


def test_json_and_nothing_else_is_printed_and_the_cache_saves_the_extraction(
    trained, music, capsys, tmp_path, monkeypatch
):
    _, cache, _ = trained
    monkeypatch.setattr(
        "genre_model.model.classifier.Classifier.extract", None
    )  # extracting again would fail
    status, out, err = run(
        capsys, "train", music, "--min-tracks", "4", "--cache", cache, "--json", "-o", tmp_path
    )  # fmt: skip
    result = json.loads(out)
    assert (status, err) == (0, "")
    assert result["report"]["n_tracks"] == 24
    assert result["not_extracted"] == []
    assert load_bundle(tmp_path / result["report"]["bundle_id"]).manifest.genres
    first = load_bundle(trained[0])
    second = load_bundle(tmp_path / result["report"]["bundle_id"])
    assert (first.head().correction.weights == second.head().correction.weights).all()


def small(folder, n=4, **genres):
    """Write ``n`` tones of each genre, each by another artist; return the folder."""
    for index, (genre, hz) in enumerate((genres or {"Deep": 110, "High": 4_000}).items()):
        for k in range(n):
            write_tone(folder / genre / f"{k}.flac", hz, k + 10 * index, artist=f"{genre} {k}")
    return folder


def test_genres_may_be_restricted_and_the_others_are_told_of(music, trained, capsys, tmp_path):
    few = ("--genres", "deep, HIGH", "--min-tracks", "99")  # ignored for chosen genres
    status, out, _ = run(capsys, "train", music, *few, "--cache", trained[1], "-o", tmp_path)
    assert status == 0
    assert re.search(r"^Middle +8  not used: not wanted$", out, re.MULTILINE)
    [bundle] = tmp_path.iterdir()
    assert load_bundle(bundle).manifest.genres == ("HIGH", "deep")


def test_files_that_cannot_be_decoded_are_named_and_the_others_teach(tmp_path, capsys):
    folder = small(tmp_path / "music")
    (folder / "Deep" / "broken\x1b.mp3").write_bytes(b"nothing")
    audio_files.write_silence(folder / "Deep" / "silent.wav")
    (folder / "loose.mp3").write_bytes(b"nothing")
    (folder / "Deep" / "cover.jpg").write_bytes(b"")
    status, out, err = run(
        capsys, "train", folder, "--min-tracks", "3", "-o", tmp_path / "models"
    )  # fmt: skip
    assert status == 0
    assert re.search(r"^Deep +6 +4$", out, re.MULTILINE)
    assert "not in one of a genre: 1 track\n" in out
    assert "8 tracks of 8 artists" in out
    lines = err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("not used: ")
    assert r"broken\x1b.mp3: not readable as audio" in lines[0]
    assert lines[1].endswith("silent.wav: silent")


def test_labels_may_come_from_tags(tmp_path, capsys):
    for k in range(4):
        genres = ["Hip-Hop"] if k % 2 else ["Rap", "Polka"]
        write_tone(tmp_path / "music" / f"a{k}.flac", 110, k, genres=genres, artist=f"a{k}")
        write_tone(tmp_path / "music" / "x" / f"b{k}.flac", 4_000, k, genres=["Ska"], artist="b")
    write_tone(tmp_path / "music" / "none.flac", 900)
    status, out, _ = run(
        capsys, "train", tmp_path / "music", "--labels", "tags", "--min-tracks", "2", "--json",
        "-o", tmp_path / "models",
    )  # fmt: skip
    report = json.loads(out)["report"]
    assert status == 0
    assert report["genres"] == ["Hip-Hop", "Ska"]
    assert [figures["n_tracks"] for figures in report["per_genre"]] == [4, 4]
    assert report["group_by"] == "song"


def test_folders_are_taken_as_they_are_called(tmp_path, capsys):
    folder = small(tmp_path / "music", Rap=110, **{"Hip Hop": 4_000})
    status, out, _ = run(capsys, "train", folder, "--min-tracks", "3", "--json", "-o", tmp_path)
    assert status == 0
    assert json.loads(out)["report"]["genres"] == ["Hip Hop", "Rap"]


# --- What goes wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing"], "missing: no such folder"),
        (["file.txt"], "file.txt: not a folder"),
        (["empty"], "empty: no audio files there"),
        (["one"], "only Deep has 2 tracks or more: nothing to tell apart"),
        (["one", "--min-tracks", "99"], "no genre has 99 tracks or more: nothing to tell apart"),
        (["one", "--epochs", "3"], "--epochs and --fast are for networks from scratch"),
        (
            ["one", "--architecture", "despois2016", "--cache", "c.db"],
            "despois2016 keeps slices in the output folder: no --cache",
        ),
        (["one", "--consolidate", "roots"], "--consolidate roots needs a --tree"),
        (["one", "--genres", "Deep,Polka"], "no tracks are labelled Polka"),
        (["broken", "--min-tracks", "1"], "not one of 2 tracks could be used: "),
        (["broken", "--labels", "tags"], "no genre has 2 tracks or more"),
        (["one", "-o", "file.txt/models"], "cannot write to file.txt/models: "),
        (["one", "-o", "file.txt"], "cannot write to file.txt: "),
        (["broken", "--min-tracks", "1", "--cache", "file.txt"], "the cache file.txt cannot be"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(
    tmp_path, capsys, monkeypatch, music, arguments, sentence
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_bytes(b"text " * 1_000)
    (tmp_path / "empty").mkdir()
    for n in range(10):
        path = tmp_path / "one" / "Deep" / f"{n}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(music / "Deep" / "0.flac")
    for name in ("A", "B"):
        (tmp_path / "broken" / name).mkdir(parents=True)
        (tmp_path / "broken" / name / "x.mp3").write_bytes(b"nothing")
    status, out, err = run(capsys, "train", *arguments)
    assert status == 1
    assert err.startswith(f"genre-model: {sentence}")
    assert err.count("\n") == 1
    assert not list(tmp_path.glob("models/*"))
    assert "Traceback" not in out


def test_a_folder_without_permission_is_noticed_before_the_extraction(
    tmp_path, capsys, monkeypatch, music
):
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)  # root may do anything
    monkeypatch.setattr("genre_model.model.classifier.Classifier.extract", None)
    status, _, err = run(capsys, "train", music, "-o", tmp_path / "new" / "models")
    assert (status, err) == (
        1,
        f"genre-model: cannot write to {tmp_path}/new/models: no permission\n",
    )


def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    tmp_path, capsys, monkeypatch, music, trained
):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("genre_model.model.bundle.store.write_file", full)
    status, _, err = run(
        capsys, "train", music, "--min-tracks", "4", "--cache", trained[1], "-o", tmp_path / "m"
    )  # fmt: skip
    assert status == 1
    assert "No space left on device" in err
    assert err.count("\n") == 1
    assert list((tmp_path / "m").iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [["--seed", "-1"], ["--min-tracks", "0"], ["--target-precision", "2"], ["--labels", "names"],
     ["--select-instances", "0"], ["--band", "highest"],
     ["--threads", "0"], ["--genres", ","]],
)  # fmt: skip
def test_bad_options_exit_with_2(music, capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        main(["train", str(music), *arguments])
    assert caught.value.code == 2
    assert "error: " in capsys.readouterr().err


# --- Tags ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["mp3", "flac", "aac", "vorbis", "opus", "wav16", "aiff", "wma"])
def test_tags_are_read_from_every_format(tmp_path, kind):
    path, _ = audio_files.write_song(tmp_path, kind, seconds=1)
    file = mediafile.MediaFile(path)
    file.update({"artist": "Ärtist", "album": "Album", "title": "Title", "genres": ["Rock"]})
    file.save()
    assert read_tags(path) == Tags("Ärtist", "Album", "Title", ("Rock",))


@pytest.mark.parametrize("kind", ["mp3", "flac", "aac", "vorbis", "wav16", "wma", "wavpack"])
def test_several_genres_are_several_and_those_with_numbers_are_themselves(tmp_path, kind):
    """FFmpeg takes a genre that begins with a number for one of ID3v1: 8 is Jazz, 80 is Folk."""
    path, _ = audio_files.write_song(tmp_path, kind, seconds=1)
    file = mediafile.MediaFile(path)
    file.genres = ["8-Bit", "80s", "Drum & Bass"]
    file.save()
    assert read_tags(path).genres == ("8-Bit", "80s", "Drum & Bass")
    assert split_genres("A; B\0C;;") == ("A", "B", "C")


def test_a_file_whose_boxes_are_nested_without_end_is_still_audio(tmp_path):
    path, _ = audio_files.write_song(tmp_path, "aac", seconds=1)
    boxes = b""
    for _ in range(3_000):
        boxes = struct.pack(">I4s", 8 + len(boxes), b"moov") + boxes
    with path.open("ab") as file:
        file.write(boxes)
    assert read_tags(path).genres == ()


def test_a_number_of_id3v1_is_read_as_its_name_and_an_artist_is_the_first(tmp_path):
    path, _ = audio_files.write_song(tmp_path, "mp3", seconds=1)
    tag = id3.ID3()
    tag.add(id3.TCON(encoding=3, text=["17", "(8)"]))
    tag.add(id3.TPE1(encoding=3, text=["One", "Two"]))
    tag.save(path)
    assert read_tags(path) == Tags("One", genres=("Rock", "Jazz"))


def test_tags_that_mutagen_does_not_know_are_read_by_ffmpeg(tmp_path):
    """A WAV's own list, here in Latin-1, and Matroska."""
    path, _ = audio_files.write_song(tmp_path, seconds=1)
    content = path.read_bytes()
    names = struct.pack("<4sI4s4sI8s", b"LIST", 20, b"INFO", b"IART", 8, b"Beyonc\xe9\0")
    path.write_bytes(content[:36] + names + content[content.index(b"data") :])
    assert read_tags(path).artist == "Beyoncé"
    file = WAVE(path)
    file.add_tags()
    file.tags.add(id3.TIT2(text="Halo"))
    file.save()
    assert read_tags(path) == Tags("Beyoncé", title="Halo")
    with av.open(str(tmp_path / "a.mka"), "w") as file:
        file.metadata.update({"artist": "Beyoncé", "genre": "Rock;Pop"})
        stream = file.add_stream("pcm_s16le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.ones((1, 16_000), np.int16), "s16", "mono")
        frame.sample_rate = 16_000
        file.mux([*stream.encode(frame), *stream.encode(None)])
    assert read_tags(tmp_path / "a.mka") == Tags("Beyoncé", genres=("Rock", "Pop"))


def test_tags_that_cannot_be_read_are_empty(tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(b"nothing")
    assert read_tags(path) == read_tags(tmp_path / "missing.mp3") == Tags()
    content = audio_files.write_song(tmp_path, "mp3", seconds=1)[0].read_bytes()
    path.write_bytes(audio_files.with_broken_id3v2(content))
    read_tags(path)
    path.write_bytes(audio_files.with_latin1_id3v1(content))
    read_tags(path)


def test_folders_below_those_of_the_genres_are_searched(music):
    tracks = folder_tracks(music, "folder", 2)
    assert len(tracks) == 24
    assert {track.labels for track in tracks} == {(genre,) for genre in HZ}
    assert tracks[0].artist == "Deep artist 0"


# --- evaluate ------------------------------------------------------------------------------------


def test_a_bundle_is_right_about_what_it_has_learned(trained, music, capsys):
    bundle, cache, _ = trained
    status, out, err = run(capsys, "evaluate", bundle, music, "--cache", cache, "--json")
    result = json.loads(out)
    assert status == 0
    assert err == "24 of the 24 songs were learned from: the figures are too good\n"
    assert (result["songs"], result["artists"]) == (24, 12)
    assert result["accuracy"]["value"] == result["balanced_accuracy"] == result["macro_f1"] == 1
    assert result["majority_baseline"] == pytest.approx(1 / 3)
    assert result["confusion"] == {genre: {genre: N_TRACKS} for genre in sorted(HZ)}


@pytest.fixture
def tones(tmp_path):
    """Tones for the tiny bundle: three of each genre; one of the nine is in the wrong folder."""
    folder = tmp_path / "tones"
    for genre, hz in TONES_HZ.items():
        for n in range(3):
            write_tone(folder / genre / f"{n}.flac", hz, n, artist=f"{genre} {n}", album="Album")
    shutil.move(folder / "Dub" / "2.flac", folder / "Bebop" / "dub.flac")
    return folder


def evaluate(capsys, *arguments):
    status, out, err = run(capsys, "evaluate", *arguments, "--json")
    assert status == 0
    assert err == "" or "were learned from" in err
    return json.loads(out)


def test_every_figure_of_a_small_example(tiny_bundle, tones, capsys):
    result = evaluate(capsys, tiny_bundle, tones)
    assert result["songs"] == 9
    assert result["accuracy"]["value"] == pytest.approx(8 / 9)
    assert result["accuracy"]["low"] < 8 / 9 < result["accuracy"]["high"]
    assert result["slice_accuracy"] == pytest.approx(8 / 9)
    assert result["balanced_accuracy"] == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert result["majority_baseline"] == pytest.approx(4 / 9)
    assert result["per_genre"]["Dub"]["precision"] == pytest.approx(2 / 3)
    assert result["per_genre"]["Dub"]["recall"] == 1
    assert result["per_genre"]["Bebop"] == {
        "tracks": 4, "precision": 1.0, "recall": 0.75, "f1": pytest.approx(6 / 7)
    }  # fmt: skip
    assert result["macro_f1"] == pytest.approx((0.8 + 1 + 6 / 7) / 3)
    assert result["confusion"] == {
        "Bebop": {"Bebop": 3, "Dub": 1}, "Dub": {"Dub": 2}, "Jazz": {"Jazz": 3}
    }  # fmt: skip
    assert 0 <= result["calibration_error"] < 0.5
    assert result["threshold"] == 0.5
    assert result["context"] is False


def test_the_same_as_text(tiny_bundle, tones, capsys):
    status, out, _ = run(capsys, "evaluate", tiny_bundle, tones)
    assert status == 0
    assert "bundle tiny-1: 9 songs of 9 artists, each track is judged by itself" in out
    assert re.search(r"right: 88\.9% of songs \(95 % interval .*; resampled: artists\)", out)
    assert re.search(r"at a threshold of 0\.50 it answers \d+", out)
    assert re.search(r"^Bebop +4 +100\.0% +75\.0%  Bebop 3, Dub 1$", out, re.MULTILINE)


def test_a_kind_of_the_label_is_right(tiny_bundle, tones, capsys):
    for path in (tones / "Bebop").glob("[0-9].flac"):
        path.rename(tones / "Jazz" / f"bebop {path.name}")
    (tones / "Bebop" / "dub.flac").unlink()
    result = evaluate(capsys, tiny_bundle, tones)
    assert result["confusion"] == {"Dub": {"Dub": 2}, "Jazz": {"Jazz": 6}}
    assert result["accuracy"]["value"] == 1


def test_labels_in_another_spelling_are_found_and_unknown_ones_are_left_out(
    tiny_bundle, tones, capsys
):
    (tones / "Jazz").rename(tones / "jazz")
    write_tone(tones / "Polka" / "a.flac", 300)
    write_tone(tones / "loose.flac", 300)
    result = evaluate(capsys, tiny_bundle, tones)
    assert result["songs"] == 9
    assert result["unknown_labels"] == {"Polka": 1, "": 1}
    out = run(capsys, "evaluate", tiny_bundle, tones)[1]
    assert "left out, as the bundle lacks their label: 2 (" in out
    assert "Polka 1" in out


def test_the_answers_can_be_restricted(tiny_bundle, tones, capsys):
    result = evaluate(capsys, tiny_bundle, tones, "--genres", "few")
    assert result["unknown_labels"] == {"Bebop": 4}
    assert result["songs"] == 5


def test_what_cannot_be_decoded_is_left_out_and_counted(tiny_bundle, tones, capsys):
    (tones / "Dub" / "broken.flac").write_bytes(b"nothing")
    status, out, err = run(capsys, "evaluate", tiny_bundle, tones)
    assert status == 0
    assert "left out, as they could not be used: 1" in out
    assert err.startswith("not used: ")


def test_tracks_of_one_artist_inform_each_other_where_the_bundle_says_so(tmp_path, tones, capsys):
    bundle = write_tiny_bundle(tmp_path / "context", context=ContextSpec(0.9, 1.0, 0.4))
    wrong = tones / "Bebop" / "dub.flac"
    file = mediafile.MediaFile(wrong)
    file.artist = "Bebop 0"
    file.save()
    for n in range(3, 9):
        write_tone(tones / "Bebop" / f"{n}.flac", TONES_HZ["Bebop"], n, artist="bebop 0 ")
    result = evaluate(capsys, bundle, tones)
    assert result["context"] is True
    assert result["threshold"] == 0.4
    assert result["confusion"]["Bebop"] == {"Bebop": 10}
    assert "inform each other, as tagged" in run(capsys, "evaluate", bundle, tones)[1]


def test_without_artists_songs_are_resampled_and_that_is_said(tiny_bundle, tmp_path, capsys):
    for genre, hz in TONES_HZ.items():
        write_tone(tmp_path / "tones" / genre / "a.flac", hz)
    out = run(capsys, "evaluate", tiny_bundle, tmp_path / "tones")[1]
    assert "3 songs of 0 artists" in out
    assert "resampled: songs, as no artists are tagged" in out


def write_csv(path, *rows):
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows(rows)
    return path


def test_a_list_says_what_the_genres_are(tiny_bundle, tones, capsys):
    rows = [
        ("Path", " Genre ", "artist"),
        ("Dub/0.flac", "dub", "Somebody"),
        ("Bebop/dub.flac", "Jazz;Dub", "Somebody"),
        (str(tones / "Jazz" / "0.flac"), "Jazz", ""),
        ("Jazz/1.flac",),
        ("", "", ""),
        ("missing.flac", "Jazz"),
    ]
    path = write_csv(tones / "labels.csv", *rows)
    status, out, err = run(capsys, "evaluate", tiny_bundle, path, "--json")
    result = json.loads(out)
    assert status == 0
    assert result["songs"] == 3
    assert result["artists"] == 2
    assert result["confusion"] == {"Dub": {"Dub": 2}, "Jazz": {"Jazz": 1}}
    assert result["unknown_labels"] == {"": 1}
    assert "missing.flac: no such file" in err


def test_of_several_labels_each_counts_and_one_artist_gives_no_interval(tiny_bundle, tones, capsys):
    rows = [(f"Jazz/{n}.flac", f"{genre};Jazz", "One") for n, genre in enumerate(TONES_HZ)]
    rows.append(("Dub/0.flac", "Jazz", "One"))
    path = write_csv(tones / "labels.csv", ("path", "genre", "artist"), *rows)
    out = run(capsys, "evaluate", tiny_bundle, path)[1]
    assert "right: 75.0% of songs (no interval: all are of one artist; resampled" in out
    assert "always the most frequent genre: 100.0%" in out


def test_a_tree_helps_a_genre_by_its_other_name(music, tmp_path, capsys):
    """A list's Rap is not renamed Hip Hop, but being rare it joins Hip Hop's parent in the tree."""
    rows = [(path, path.parent.name) for path in sorted(music.rglob("*.flac"))]
    path = write_csv(tmp_path / "labels.csv", ("path", "genre"), *rows[:-1], (rows[-1][0], "Rap"))
    tree = tmp_path / "tree.yaml"
    tree.write_text(f"- {rows[0][1]}:\n  - hip hop\n")
    status, out, _ = run(capsys, "train", path, "--tree", tree, "-o", tmp_path / "models")
    assert status == 0
    assert "Rap" not in out


def test_of_one_artist_no_other_is_left_to_test_on(music, tmp_path, capsys):
    rows = [(path, path.parent.name, "One") for path in sorted(music.rglob("*.flac"))]
    path = write_csv(tmp_path / "labels.csv", ("path", "genre", "artist"), *rows)
    status, _, err = run(capsys, "train", path, "--split", "artist", "-o", tmp_path / "models")
    assert status == 1
    assert "all tracks are of one artist: nothing is left to test on" in err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"path,label\na,b\n", "labels.csv has no column genre (it has: path, label)"),
        (b"a;b\n", "labels.csv has no column path and no column genre (it has: a;b)"),
        (b"", "labels.csv: no tracks there"),
        (b"path,genre\n", "labels.csv: no tracks there"),
        (b"path,genre\n,\n", "labels.csv: no tracks there"),
        (b"path,genre\na.flac,A\nb.flac,B\na.flac,A\n", "labels.csv: a.flac is there 2 times"),
        (b"path,genre\n\xff\xfe,x\n", "labels.csv cannot be read as CSV: "),
        (b"path,genre\na.flac,Polka\n", "no track has a label that the bundle knows: Polka (it "),
        (b"path,genre\na.flac,Jazz\n", "not one of 1 tracks could be used: a.flac: no such file"),
        (None, "labels.csv cannot be read as CSV: No such file or directory"),
    ],
)
def test_a_bad_list_is_one_sentence(
    tiny_bundle, tmp_path, capsys, monkeypatch, content, sentence
):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "labels.csv").write_bytes(content)
    status, out, err = run(capsys, "evaluate", tiny_bundle, "labels.csv")
    assert (status, out) == (1, "")
    assert err.startswith(f"genre-model: {sentence}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("bundle", "music", "sentence"),
    [
        ("nowhere", "tones", "cannot read nowhere"),
        ("bundle", "nowhere", "nowhere: no such folder"),
        ("bundle", "empty", "empty: no audio files there"),
        ("bundle", "others", "no track has a label that the bundle knows: Polka (it has: "),
        ("shipped", "others", "no track has a label that the bundle knows: Polka (it has: "),
    ],
)
def test_what_cannot_be_evaluated_is_one_sentence(
    tiny_bundle, tmp_path, capsys, monkeypatch, bundle, music, sentence
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    write_tone(tmp_path / "others" / "Polka" / "a.flac", 300)
    status, out, err = run(capsys, "evaluate", bundle, music)
    assert (status, out) == (1, "")
    assert err.startswith(f"genre-model: {sentence}")
    assert err.count("\n") == 1
    assert GENRES[0] in err or bundle != "bundle" or music != "others"


# --- Training from a list ------------------------------------------------------------------------


PLAYS = {"Deep": (300, "", ""), "Middle": (2, 0.9, "2019-05-01"), "High": (2, 0.1, "1556668800")}


def playlist(path, music, columns=("play_count", "rating", "added"), plays=PLAYS):
    """Write a list of the tones whose genres follow from their plays, not from their audio."""
    rows = [("path", "genre", "artist", *columns)]
    for n in range(N_TRACKS):
        for k, genre in enumerate(PLAYS):
            extracted = list(HZ)[(k + n) % 3]  # each genre sounds like all three
            [file] = (music / extracted).rglob(f"{n}.flac")
            rows.append((file, genre, f"{genre} {n}", *plays[genre][: len(columns)]))
    return write_csv(path, *rows)


def test_a_list_may_say_what_to_learn(trained, music, capsys, tmp_path):
    rows = [("path", "genre", "artist")]
    for k, (genre, hz) in enumerate({"Lo": "Deep", "Hi-Fi": "High"}.items()):
        rows += [(p, genre, f"{k} {p.stem}") for p in sorted((music / hz).rglob("*.flac"))]
    rows.append((music / "Middle" / "0.flac", "", ""))
    labels = write_csv(tmp_path / "labels.CSV", *rows)
    status, out, err = run(
        capsys, "train", labels, "--min-tracks", "4", "--cache", trained[1], "-o", tmp_path
    )
    assert (status, err) == (0, "")
    assert "not used, as the list has no genre for them: 1 track" in out
    assert "16 tracks of 16 artists, 5 folds, split by artist" in out
    bundle = load_bundle(tmp_path / out.splitlines()[-1].rpartition("/")[2])
    assert bundle.manifest.genres == ("Hi-Fi", "Lo")
    assert bundle.manifest.play_history is None


def test_a_play_history_counts_where_the_list_says_it(trained, music, capsys, tmp_path):
    labels = playlist(tmp_path / "labels.csv", music)
    arguments = ("train", labels, "--min-tracks", "4", "--cache", trained[1], "-o", tmp_path / "m")
    status, out, _ = run(capsys, *arguments, "--play-history", "--json")
    assert status == 0
    report = json.loads(out)["report"]
    assert report["accuracy_without_play_history"] < 0.6
    assert report["song_accuracy"]["value"] > 0.9
    assert report["settings"]["play history is a feature"] == "yes"
    bundle = tmp_path / "m" / report["bundle_id"]
    manifest = load_bundle(bundle).manifest
    spec = manifest.play_history
    assert spec.threshold == report["threshold"]
    assert spec.now_s > 1.7e9

    known = evaluate(capsys, bundle, labels, "--cache", trained[1])
    assert known["play_history"] is True
    assert known["accuracy"]["value"] > 0.9
    assert known["threshold"] == spec.threshold
    assert "with the play history" in run(capsys, "evaluate", bundle, labels)[1]
    unknown = evaluate(capsys, bundle, playlist(tmp_path / "sound.csv", music, ()))
    assert unknown["play_history"] is False
    assert unknown["threshold"] == (manifest.context or manifest.aggregation).threshold
    others = dict(zip(PLAYS, [*list(PLAYS.values())[1:], PLAYS["Deep"]], strict=True))
    swapped = playlist(tmp_path / "swapped.csv", music, plays=others)
    misled = evaluate(capsys, bundle, swapped, "--cache", trained[1])
    assert misled["accuracy"]["value"] < 0.5


def test_without_the_option_a_play_history_does_not_count(trained, music, capsys, tmp_path):
    """The results are the same bit for bit."""
    reports = []
    for columns in ((), ("play_count", "rating", "added")):
        labels = playlist(tmp_path / "labels.csv", music, columns)
        _, out, _ = run(
            capsys, "train", labels, "--min-tracks", "4", "--cache", trained[1], "--json",
            "-o", tmp_path / "m",
        )  # fmt: skip
        reports.append(json.loads(out)["report"])
    manifests = [load_bundle(tmp_path / "m" / r["bundle_id"]).manifest for r in reports]
    assert manifests[0].files["head.npz"] == manifests[1].files["head.npz"]
    assert manifests[0].aggregation == manifests[1].aggregation
    for report in reports:
        del report["bundle_id"], report["created_utc"]
    assert reports[0] == reports[1]


@pytest.mark.parametrize(
    ("content", "arguments", "sentence"),
    [
        ("path,genre\na.flac,A\n", [], "only A has 1 tracks or more: nothing to tell apart"),
        ("path,label\na.flac,A\n", [], "labels.csv has no column genre (it has: path, label)"),
        (None, [], "labels.csv cannot be read as CSV: No such file or directory"),
        ("path,genre\n", ["--labels", "tags"], "labels.csv is a list, which has the genres"),
        (
            "path,genre\na,A\nb,B\n",
            ["--play-history"],
            "no track says how often it was played, how",
        ),
        ("path,genre,rating\na,A,good\n", [], "labels.csv: a: rating good is no number"),
        ("path,genre,added\na,A,May 2019\n", [], "labels.csv: a: added May 2019 is no date"),
    ],
)
def test_a_list_that_cannot_be_learned_from_is_one_sentence(
    tmp_path, capsys, monkeypatch, content, arguments, sentence
):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "labels.csv").write_text(content)
    status, out, err = run(capsys, "train", "labels.csv", "--min-tracks", "1", *arguments)
    assert (status, out) == (1, "")
    assert err.startswith(f"genre-model: {sentence}")
    assert err.count("\n") == 1


def test_a_folder_has_no_play_history(music, capsys, tmp_path):
    status, out, err = run(
        capsys, "train", music, "--play-history", "--min-tracks", "4", "-o", tmp_path
    )
    assert (status, out) == (1, "")
    assert err.startswith("genre-model: no track says how often it was played")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", None),
        ("soon", None),
        ("1556668800.5", 1556668800.5),
        ("2019-05-01", 1556668800),
        ("2019-05-01T02:00:00+02:00", 1556668800),
        ("2019-05-01 00:00:00Z", 1556668800),
    ],
)
def test_dates_in_a_list(text, seconds):
    assert moment(text) == seconds
