"""A system that learned from slices in PNG files classifies music."""

import json

import numpy as np
import pytest
from audio_files import tone, write_audio

from genre_model.cli.main import main
from genre_model.core.specs import SliceSpec, SoxSpec
from genre_model.features.png import save_slices
from genre_model.features.sox import sox_picture
from genre_model.model.bundle.store import load_bundle
from genre_model.model.classifier import Classifier
from genre_model.training.networks.base import Architecture, Network, TrainingSpec
from genre_model.training.networks.registry import ARCHITECTURES
from genre_model.training.scratch import loop

pytestmark = pytest.mark.tensorflow

HZ = {"Low": 200, "Middle": 2_000, "High": 9_000}
N_SONGS = 10
SECONDS = 5.5
SPEC = SoxSpec()


def build_tiny(shape, n_genres):
    import keras

    layers = keras.layers
    slices = keras.Input(shape, name="slices")
    values = layers.GlobalAveragePooling1D()(layers.Rescaling(1 / 255)(slices))
    return keras.Model(slices, layers.Dense(n_genres, name="logits")(values))


TINY = Architecture(
    name="tiny",
    summary="A weight for each frequency.",
    source="this test",
    spectrogram=SPEC,
    slices=SliceSpec(frames=128, hop_frames=128, max_slices=6),
    learner=Network(
        build_tiny, TrainingSpec(optimizer="adam", learning_rate=0.05, batch_size=10, epochs=15)
    ),
)


def noisy_tone(hz, seed):
    rng = np.random.default_rng(seed)
    samples = tone(SECONDS, hz * rng.uniform(0.9, 1.1), SPEC.sample_rate_hz, 1)
    return 0.5 * samples + 0.003 * rng.standard_normal(samples.shape)


@pytest.fixture(scope="module")
def slices_folder(tmp_path_factory):
    """Ten songs of each genre as slices; one slice is broken."""
    folder = tmp_path_factory.mktemp("slices")
    for genre, hz in HZ.items():
        for number in range(N_SONGS):
            samples = noisy_tone(hz, number)[:, 0].astype(np.float32)
            picture = sox_picture(samples, SPEC.sample_rate_hz)
            assert save_slices(picture, folder / genre / f"{number}") == 2
    (folder / "Low" / "3" / "0001.png").write_bytes(b"broken")
    return folder


def test_a_system_learns_from_pictures_and_judges_music(
    slices_folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(ARCHITECTURES, "tiny", TINY)
    monkeypatch.setattr("genre_model.evaluation.metrics.N_RESAMPLES", 50)
    arguments = ["train", str(slices_folder), "--architecture", "tiny", "-o", str(tmp_path / "m")]
    assert main([*arguments, "--json"]) == 0
    captured = capsys.readouterr()
    assert f"{slices_folder / 'Low' / '3' / '0001.png'}: not a PNG file" in captured.err
    result = json.loads(captured.out)
    report = result["report"]
    assert report["group_by"] == "song"
    assert "too few artists" in report["split_reason"]
    assert report["song_accuracy"]["value"] > 0.9

    bundle = load_bundle(tmp_path / "m" / report["bundle_id"])
    assert bundle.manifest.spectrogram == SPEC
    classifier = Classifier(bundle)
    for genre, hz in HZ.items():
        music = write_audio(tmp_path / "a.flac", noisy_tone(hz, 100), SPEC.sample_rate_hz, "flac")
        probabilities = classifier.probabilities(classifier.extract(music))
        assert max(probabilities, key=probabilities.get) == genre


def test_what_cannot_be_decoded_is_named_in_a_training_that_may_be_inexact(
    tmp_path, monkeypatch, capsys
):
    precisions = {True: "float32", False: "mixed_bfloat16"}  # as on a GPU
    monkeypatch.setattr(loop, "precision_of", lambda spec: precisions[spec.exact])
    kept, exportable = [], loop.Trainer.exportable
    monkeypatch.setattr(
        loop.Trainer, "exportable", lambda self: kept.append(self.precision) or exportable(self)
    )
    for number in range(24):
        genre, hz = [("Low", 200), ("High", 3_000)][number % 2]
        (tmp_path / "music" / genre).mkdir(parents=True, exist_ok=True)
        path = tmp_path / "music" / genre / f"{number}.wav"
        write_audio(path, tone(3.0, hz * (1 + number / 90), 16_000, 1), 16_000)
    (tmp_path / "music" / "Low" / "bad.mp3").write_bytes(b"not music at all" * 100)
    arguments = ["--architecture", "pelchat2019-strided", "--epochs", "1", "--fast"]
    arguments += ["-o", tmp_path / "m"]
    assert main(["train", *map(str, [tmp_path / "music", *arguments])]) == 0
    [line] = [line for line in capsys.readouterr().err.splitlines() if "not used: " in line]
    assert "bad.mp3: not readable as audio" in line
    assert kept == ["mixed_bfloat16"] * 2  # the tested training, then the final one
