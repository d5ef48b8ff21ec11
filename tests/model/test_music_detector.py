"""Sound that is not music gets no genre, and music keeps exactly the same probabilities."""

import numpy as np
import pytest
from bundle_files import replace_file, write_tiny_bundle

from genre_model.core.errors import BundleError
from genre_model.explain.evidence import evidence_of
from genre_model.model.aggregation import aggregate
from genre_model.model.bundle.arrays import npz
from genre_model.model.bundle.store import HEAD, load_bundle
from genre_model.model.classifier import Classifier, load_classifier
from genre_model.model.music_detector import BIAS, MEAN, SPREAD, TYPICAL, MusicDetector
from genre_model.model.song_features import SongFeatures
from genre_model.model.vocabulary import make_vocabulary


def song(*rows):
    features = np.array(rows, np.float32)
    return SongFeatures(features, np.arange(len(rows)) * 3.0, np.zeros((len(rows), 0), np.float32))


def with_detector(directory, weights, bias):
    """Write a tiny bundle with a detector's arrays in its head's file; return its directory."""
    write_tiny_bundle(directory)
    arrays = load_bundle(directory).arrays(HEAD)
    detector = {
        MEAN: weights,
        SPREAD: np.zeros(3, np.float32),
        TYPICAL: np.zeros(3, np.float32),
        BIAS: bias,
    }
    replace_file(directory, HEAD, npz(**arrays, **detector))
    return directory


def test_the_probability_is_of_the_mean_and_the_spread_of_the_slices():
    zeros = np.zeros(2, np.float32)
    detector = MusicDetector(np.array([1.0, -1.0], np.float32), zeros, zeros, 0.5)
    found = detector.probability(np.array([[1, 0], [0, 3]], np.float32))
    assert found == pytest.approx(1 / (1 + np.exp(0.5)))
    assert detector.share(np.array([[1, 0]], np.float32)) == 1.0
    assert detector.share(np.array([[0, 3]], np.float32)) == pytest.approx(1 / (1 + np.exp(2.5)))

    spread, typical = np.array([1.0, 0.0], np.float32), np.array([-2.0, 9.0], np.float32)
    detector = MusicDetector(zeros, spread, typical, 0.0)
    steady, lively = np.ones((4, 2), np.float32), np.array([[0, 1], [8, 1]], np.float32)
    assert detector.probability(steady) == pytest.approx(0.03 / 1.03)
    assert detector.probability(lively) == pytest.approx(4.03 / 5.03)
    assert detector.probability(steady[:1]) == pytest.approx(1 / (1 + np.exp(2)))


def test_music_keeps_its_probabilities_and_other_sound_loses_them(tmp_path):
    weights = np.array([0.0, 0.0, -100.0], np.float32)
    model = Classifier(load_bundle(with_detector(tmp_path / "b", weights, np.float32([1.0]))))
    plain = Classifier(load_bundle(write_tiny_bundle(tmp_path / "plain")))
    music, noise = song([3.0, 1.0, 0.0]), song([1.0, 1.0, 5.0])
    assert model.probabilities(music) == plain.probabilities(music)
    genres = model.manifest.genres
    vocabulary = make_vocabulary(genres, model.manifest.parents, {}, None)
    explained = [evidence_of(model, each, vocabulary, genres[0]) for each in (music, noise)]
    assert [each.note for each in explained] == ["", "This is probably not music."]
    assert explained[1].votes.sum() < 1e-6 < explained[0].votes.sum()
    assert (
        max(model.probabilities(noise).values()) < 1e-6 < max(plain.probabilities(noise).values())
    )


@pytest.mark.parametrize(
    ("weights", "bias"),
    [([1.0, 2.0], [0.0]), ([1.0, 2.0, 3.0], [0.0, 0.0]), ([np.nan, 1.0, 1.0], [0.0])],
)
def test_a_detector_that_does_not_fit_is_refused(tmp_path, weights, bias):
    directory = with_detector(tmp_path / "b", np.float32(weights), np.float32(bias))
    with pytest.raises(BundleError, match="detector of music"):
        Classifier(load_bundle(directory))


def test_half_a_detector_is_refused(tmp_path):
    directory = write_tiny_bundle(tmp_path / "b")
    arrays = load_bundle(directory).arrays(HEAD)
    replace_file(directory, HEAD, npz(**arrays, **{BIAS: np.float32([0.0])}))
    with pytest.raises(BundleError, match="detector of music"):
        Classifier(load_bundle(directory))


def test_the_shipped_model_scales_the_genres_of_noise_only():
    model = load_classifier()
    rng = np.random.default_rng(0)
    weights = model.bundle.music_detector().weights
    around = rng.normal(0, 0.5, (4, len(weights))).astype(np.float32)
    direction = weights / np.linalg.norm(weights)
    music, noise = around + 20 * direction, around - 20 * direction
    for features, answered in ((music, True), (noise, False)):
        starts = np.arange(4.0)
        found = model.probabilities(SongFeatures(features, starts, np.zeros((4, 0), np.float32)))
        plain = aggregate(model.slice_logits(song(*features)), model.manifest.aggregation)
        assert (list(found.values()) == plain.tolist()) is answered
