"""The experiment command: it trains, writes its results, and does not train twice."""

import json

import numpy as np
import pytest
from audio_files import tone, write_audio

from genre_model.cli import main as cli
from genre_model.cli.experiment import labelled
from genre_model.evaluation.out_of_fold import fingerprint_of, read_out_of_fold
from genre_model.model.bundle.store import PROBE, SHIPPED, load_bundle
from genre_model.model.head import Head
from genre_model.model.onnx.session import onnx_logits, open_network
from genre_model.training.experiments.embeddings import embeddings_of, fit, with_head
from genre_model.training.experiments.fusion import SEGMENTS_S

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def music(tmp_path):
    """Forty songs of two genres, without tags."""
    folder = tmp_path / "music"
    for number in range(40):
        genre, hz = [("Low", 150), ("High", 2_000)][number % 2]
        (folder / genre).mkdir(parents=True, exist_ok=True)
        samples = tone(6.0, hz * (1 + number / 80), 16_000, 1)
        write_audio(folder / genre / f"{number}.wav", samples, 16_000)
    return folder


def run(*arguments):
    return cli.main(["experiment", *map(str, arguments)])


def test_an_experiment_writes_its_results_and_goes_on_where_it_was(music, tmp_path, capsys):
    output = tmp_path / "results"
    wishes = ("--seeds", 1, "-o", output, "--epochs", 9, "--batch", 4, "--split", "song", "--fast")
    assert run("songs", music, *wishes) == 0
    first = capsys.readouterr()
    assert "4 trainings, 0 of them done before" in first.err
    assert first.out.startswith("### F5: Do more songs help?")
    record = json.loads((output / "songs.json").read_text())
    assert record["music"]["n_songs"] == 40
    assert record["command"] == (
        "genre-model experiment songs music --seeds 1 --epochs 9 --batch 4 --split song --fast"
    )
    figures = record["figures"]["100% of the songs"]
    assert figures["song"]["value"] > 0.8
    assert figures["training_accuracy"] > 0.8
    assert figures["epochs"] <= 9
    assert "tensorflow" in record["machines"][0]
    assert {path.name for path in output.glob("songs.*")} == {
        *("songs.json", "songs.csv", "songs.svg", "songs.md")
    }
    assert not (output / "work").exists()
    assert run("songs", music, *wishes) == 0
    again = capsys.readouterr()
    assert "4 trainings, 4 of them done before" in again.err
    assert again.out == first.out


def test_nothing_to_tell_apart_is_a_sentence(music, tmp_path, capsys):
    (tmp_path / "one").mkdir()
    (music / "Low").rename(tmp_path / "one" / "Low")
    assert run("split", tmp_path / "one", "-o", tmp_path / "results") == 1
    assert "fewer than two genres" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_a_network_split_by_slice_has_no_answers_out_of_fold(music, tmp_path):
    options = ["--architecture", "pelchat2019-strided", "--epochs", "1", "--split", "slice"]
    assert cli.main(["train", str(music), "-o", str(tmp_path / "models"), *options]) == 0
    [directory] = [path.parent for path in (tmp_path / "models").rglob("manifest.json")]
    learned = read_out_of_fold(load_bundle(directory))
    found = [learned.find_audio(fingerprint_of(path)) for path in music.rglob("*.wav")]
    assert found == [{}] * 40  # other slices of each song were trained on


def test_three_segments_are_of_songs_that_have_room_for_them(music, tmp_path, capsys):
    for genre, hz in (("Low", 150), ("High", 2_000)):
        write_audio(music / genre / "long.wav", tone(91.0, hz, 16_000, 1), 16_000)
    assert [track.path.name for track in labelled(music, SEGMENTS_S)] == ["long.wav"] * 2
    assert "40 of 42 songs are shorter than 90 s" in capsys.readouterr().err
    (music / "Low" / "long.wav").unlink()
    assert run("fusion", music, "-o", tmp_path / "results") == 1
    assert "fewer than two genres" in capsys.readouterr().err


def test_the_default_joins_in_with_its_own_embeddings():
    shipped = load_bundle(SHIPPED)
    slices = shipped.arrays(PROBE)["slices"]
    network = shipped.read(shipped.manifest.network.file)
    name = shipped.manifest.network.features
    features = open_network(network).run([name], {"log_mel": slices})[0]
    rng = np.random.default_rng(0)
    head = Head(rng.random((features.shape[1], 3), np.float32), rng.random(3, np.float32))
    ours = onnx_logits(open_network(with_head(network, name, head)), slices)
    np.testing.assert_allclose(ours, head.logits(features), rtol=1e-4, atol=1e-4)


def test_the_default_learns():
    rng = np.random.default_rng(0)
    songs = np.repeat(np.arange(8), 2)
    loud = rng.gamma(2.0, 0.6, (16, 187, 96)).astype(np.float32)
    loud[songs % 2 == 0, :, 48:] = 0
    candidates = np.eye(2, dtype=bool)[songs % 2]
    logits = onnx_logits(open_network(fit(embeddings_of(loud), candidates, songs, 0)), loud)
    assert (logits.argmax(axis=1) == songs % 2).all()
