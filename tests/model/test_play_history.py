"""Plays, ratings and age correct the audio's probabilities, but only if they are informative."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from genre_model.data.play_history import (
    SECONDS_PER_YEAR,
    PlayHistory,
    number_in,
    play_history_features,
)
from genre_model.model.play_history import (
    PlayHistorySpec,
    song_with_play_history,
    with_play_history,
)
from genre_model.training.head.play_history import fit_play_history, slope

N, N_GENRES = 6, 4
SHARES = hnp.arrays(float, (N, N_GENRES), elements=st.floats(0, 1))
VALUES = st.one_of(st.just(np.nan), st.floats(-1e3, 1e3))
FEATURES = hnp.arrays(float, (N, 3), elements=VALUES)
WEIGHTS = hnp.arrays(float, (6, N_GENRES), elements=st.floats(-3, 3))
NO_PLAYS = np.full((N, 3), np.nan)
NOW_S = 1.7e9


def some(shares):
    """Rows that sum to 1, or to less if "something else" has a share."""
    return shares / np.maximum(shares.sum(axis=1, keepdims=True), 1)


def spec_of(weights):
    means, scales = (3.0, 0.5, 2.0, 0.1, 0.2, 0.3), (1.0, 0.2, 2.0, 0.3, 0.4, 0.5)
    return PlayHistorySpec(means, scales, tuple(map(tuple, weights.tolist())))


def library(n, seed=0, weight=1.5):
    """(audio, features, candidates): the audio is partly right; the first genre is played more."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, N_GENRES, n)
    audio = rng.dirichlet(np.ones(N_GENRES), n)
    audio[np.arange(n), truth] += 0.3
    features = rng.normal(size=(n, 3))
    features[:, 0] += weight * (truth == 0)
    return audio / audio.sum(axis=1, keepdims=True), features, np.eye(N_GENRES, dtype=bool)[truth]


def accuracy(probabilities, candidates):
    return candidates[np.arange(len(candidates)), probabilities.argmax(axis=1)].mean()


def log_likelihood(probabilities, candidates):
    return np.log((probabilities * candidates).sum(axis=1)).mean()


@given(SHARES, FEATURES)
def test_without_weights_nothing_changes(shares, features):
    unchanged = with_play_history(some(shares), features, spec_of(np.zeros((6, N_GENRES))))
    assert unchanged == pytest.approx(some(shares))


@given(SHARES, FEATURES, WEIGHTS)
def test_rows_keep_their_sum_and_nothing_impossible_becomes_possible(shares, features, weights):
    before = some(shares)
    after = with_play_history(before, features, spec_of(weights))
    assert after.sum(axis=1) == pytest.approx(before.sum(axis=1))
    assert (after >= 0).all()
    assert (after[before == 0] == 0).all()


@given(SHARES, FEATURES, WEIGHTS, st.permutations(range(N)))
def test_tracks_do_not_inform_each_other(shares, features, weights, order):
    spec = spec_of(weights)
    after = with_play_history(some(shares), features, spec)
    assert with_play_history(some(shares)[order], features[order], spec) == pytest.approx(
        after[order]
    )


@given(SHARES, FEATURES, WEIGHTS, st.floats(-5, 5))
def test_what_all_genres_gain_none_gains(shares, features, weights, constant):
    after = with_play_history(some(shares), features, spec_of(weights))
    assert with_play_history(some(shares), features, spec_of(weights + constant)) == pytest.approx(
        after, abs=1e-9
    )


@settings(max_examples=15)
@given(SHARES, FEATURES)
def test_a_library_without_plays_learns_nothing(shares, features):
    candidates = np.eye(N_GENRES, dtype=bool)[[0, 1, 2, 3, 0, 1]]
    spec = fit_play_history(some(shares), NO_PLAYS, candidates)
    assert not np.array(spec.weights).any()
    assert with_play_history(some(shares), features, spec) == pytest.approx(some(shares))


@settings(max_examples=15)
@given(SHARES)
def test_who_always_played_is_not_moved_by_an_absence(shares):
    audio, features, candidates = library(60)
    spec = fit_play_history(audio, features, candidates)
    assert with_play_history(some(shares), NO_PLAYS, spec) == pytest.approx(some(shares))


def test_a_play_history_helps_where_it_says_something():
    audio, features, candidates = library(600)
    spec = fit_play_history(audio, features, candidates)
    assert np.array(spec.weights)[0].argmax() == 0
    others = library(600, seed=1)
    after = with_play_history(others[0], others[1], spec)
    assert accuracy(after, others[2]) > accuracy(others[0], others[2]) + 0.03
    assert log_likelihood(after, others[2]) > log_likelihood(others[0], others[2]) + 0.05


def test_a_play_history_that_says_nothing_does_no_harm():
    audio, features, candidates = library(600, weight=0)
    spec = fit_play_history(audio, features, candidates)
    others = library(600, seed=1, weight=0)
    after = with_play_history(others[0], others[1], spec)
    # All that could be learned is how far to trust the audio, and there is no weight for that.
    assert log_likelihood(after, others[2]) > log_likelihood(others[0], others[2]) - 0.02


def test_absence_may_say_something():
    audio, features, candidates = library(600, weight=0)
    features[~candidates[:, 2], 1] = np.nan
    spec = fit_play_history(audio, features, candidates)
    after = with_play_history(audio, features, spec)
    assert accuracy(after, candidates) > accuracy(audio, candidates) + 0.1


def test_nothing_is_added_to_audio_that_is_right_already():
    _, features, candidates = library(600)
    sure = np.where(candidates, 0.9999, 0.0001 / 3)
    assert np.abs(fit_play_history(sure, features, candidates).weights).max() < 0.01


def test_a_stronger_pull_makes_smaller_weights():
    found = [
        np.abs(fit_play_history(*library(200), ridge).weights).sum() for ridge in (0.01, 0.1, 1)
    ]
    assert found == sorted(found, reverse=True)


@given(st.integers(0, 20))
def test_the_gradient_is_that_of_the_likelihood(seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(1, N_GENRES))
    candidates = rng.random((1, N_GENRES)) < 0.5
    candidates[0, seed % N_GENRES] = True

    def loss(values):
        powers = np.exp(values)
        return -np.log((powers * candidates).sum() / powers.sum())

    step = 1e-6 * np.eye(N_GENRES)
    expected = [(loss(logits + row) - loss(logits - row)) / 2e-6 for row in step]
    assert slope(logits, candidates)[0] == pytest.approx(expected, abs=1e-6)


def test_features_of_a_track():
    year_ago = NOW_S - SECONDS_PER_YEAR
    found = play_history_features(9, 0.8, year_ago, NOW_S)
    assert found == pytest.approx([np.log(10), 0.8, 1.0])
    assert play_history_features(0, 0.0, NOW_S + 5, NOW_S) == pytest.approx([0, 0, 0])


@pytest.mark.parametrize("nothing", [(None, None, None), (-1, np.nan, 0), (np.inf, np.inf, 0.0)])
def test_what_is_not_there_or_makes_no_sense_is_absent(nothing):
    assert np.isnan(play_history_features(*nothing, NOW_S)).all()


def test_the_settings_can_be_kept():
    spec = fit_play_history(*library(50))
    assert spec.fits(N_GENRES)
    assert not spec.fits(N_GENRES + 1)
    assert msgspec.json.decode(msgspec.json.encode(spec), type=PlayHistorySpec) == spec


def test_one_song_as_one_of_many():
    spec = fit_play_history(*library(50))
    genres = ("A", "B", "C", "D")
    play_history = PlayHistory(3, 0.5, NOW_S)
    row = np.array([[0.25, 0.0, 0.5, 0.125]])
    expected = with_play_history(row, play_history.features(spec.now_s)[None], spec)[0]
    found = song_with_play_history({"C": 0.5, "A": 0.25, "D": 0.125}, play_history, spec, genres)
    assert list(found) == list(genres)
    assert list(found.values()) == pytest.approx(expected.tolist())


def test_what_is_known_of_a_track():
    assert not PlayHistory().is_known
    assert not PlayHistory(-1, None, 0.0).is_known
    assert not PlayHistory(None, 1e300).is_known
    assert PlayHistory(0).is_known
    assert PlayHistory(added_s=NOW_S).is_known


@pytest.mark.parametrize(
    ("value", "number"), [(None, None), ("", None), ("****", None), ("12", 12), (0.5, 0.5)]
)
def test_numbers_may_be_texts(value, number):
    assert number_in(value) == number
