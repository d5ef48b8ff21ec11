"""A network and a play history are tested on artists that they were not trained on."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from audio_files import tone, write_audio
from bundle_files import TONES_HZ, tiny_manifest, tiny_network, tiny_probe

from genre_model.core.specs import NetworkSpec
from genre_model.data.folds import split_tracks
from genre_model.data.play_history import PlayHistory
from genre_model.data.tracks import LabelledTrack
from genre_model.model.bundle.arrays import npz
from genre_model.model.bundle.store import PROBE, write_bundle
from genre_model.training.job import TrainingJob
from genre_model.training.networks.registry import ARCHITECTURES
from genre_model.training.scratch.assess import assess_network
from genre_model.training.scratch.bundle import manifest_of
from genre_model.training.scratch.parts import Parts
from genre_model.training.training_set import HeadOptions, is_right

N_ARTISTS = 20
PLAYS = {"Bebop": PlayHistory(2, 0.1), "Dub": PlayHistory(300, 0.5), "Jazz": PlayHistory(2, 0.9)}


@pytest.fixture(scope="module")
def tracks(tmp_path_factory):
    """Tones whose labels follow from the play history only."""
    folder = tmp_path_factory.mktemp("tones")
    found = []
    for n in range(N_ARTISTS):
        for k, (genre, play_history) in enumerate(PLAYS.items()):
            path = folder / f"{genre} {n}.wav"
            hz = list(TONES_HZ.values())[(k + n) % 3]
            write_audio(path, tone(3.1, hz * (1 + n / 100), 16_000, 1), 16_000)
            found.append(LabelledTrack(path, (genre,), f"{genre} {n}", play_history=play_history))
    return found


def assess(tracks, **options):
    """Assess a network that classifies tones by pitch; return the assessment and the split."""
    slices = tiny_probe()["slices"]
    bands = slices.mean(axis=1).reshape(1, 3, -1).sum(axis=2)
    manifest = tiny_manifest(
        network=NetworkSpec(),
        created_utc="2026-05-01T12:00:00+00:00",
        genres=tuple(sorted(PLAYS)),
        parents={},
        presets={},
    )
    contents = {"network.onnx": tiny_network(tags=False), PROBE: npz(slices=slices, logits=bands)}
    split = split_tracks(tracks, 0)
    with TemporaryDirectory() as folder:
        draft = write_bundle(Path(folder) / "draft", manifest, contents)
        return (
            assess_network(TrainingJob(tracks, {}, HeadOptions(**options)), Parts(split), draft),
            split,
        )


def accuracy(probabilities, training_set):
    return is_right(probabilities, training_set.candidates).mean()


def test_a_play_history_is_learned_on_the_validation_and_applied_to_the_test(tracks):
    (training_set, cross_validated), split = assess(tracks, play_history=True)
    assert [t.path for t in training_set.tracks] == [
        t.path for t, fold in zip(tracks, split.fold, strict=True) if fold == 0
    ]
    assert accuracy(cross_validated.without_play_history, training_set) < 0.6
    assert accuracy(cross_validated.probabilities, training_set) > 0.8
    assert cross_validated.play_history.now_s == training_set.now_s == 1777636800
    confidence = cross_validated.probabilities.max(axis=1)
    assert (
        cross_validated.accepted == (confidence >= cross_validated.play_history.threshold)
    ).all()
    assert cross_validated.threshold == cross_validated.play_history.threshold

    (_, without), _ = assess(tracks)
    assert without.play_history is without.without_play_history is None
    assert without.aggregation == cross_validated.aggregation
    assert without.context == cross_validated.context
    assert (without.probabilities == cross_validated.without_play_history).all()


def test_a_validation_of_one_artist_is_no_crash(tracks):
    few = [t for t in tracks if t.artist.endswith((" 0", " 1", " 2"))]
    training_set, cross_validated = assess(few, play_history=True)[0]
    assert np.isfinite(cross_validated.probabilities).all()
    assert len(training_set.tracks) < len(few)


@pytest.mark.parametrize("rule", ["mean", "majority"])
def test_the_manifest_has_the_slices_and_the_rule_of_the_training(tracks, rule):
    architecture = ARCHITECTURES["crnn"]
    job = TrainingJob(tracks, {}, HeadOptions(rule=rule))
    manifest = manifest_of(job, architecture, b"network")
    assert manifest.aggregation.rule == rule
    assert manifest.slices == architecture.slices
