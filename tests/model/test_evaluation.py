"""Metrics of songs, and their confidence intervals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_model.evaluation.metrics import (
    Interval,
    accuracy,
    balanced_accuracy,
    calibration_error,
    ratio_interval,
    share_interval,
)

outcomes = st.lists(st.booleans(), min_size=1, max_size=60).map(np.array)


@given(outcomes)
def test_accuracy_is_the_share_that_is_right(right):
    assert accuracy(right) == pytest.approx(sum(right.tolist()) / len(right))


def test_the_accuracy_of_no_songs_is_not_a_number():
    assert math.isnan(accuracy(np.zeros(0, bool)))


@given(outcomes)
def test_balanced_accuracy_of_one_genre_is_accuracy(right):
    assert balanced_accuracy(right, ["Rock"] * len(right)) == pytest.approx(accuracy(right))


def test_balanced_accuracy_counts_a_rare_genre_as_much_as_a_common_one():
    right = np.array([True] * 98 + [False] * 2)
    assert balanced_accuracy(right, ["Rock"] * 98 + ["Jazz"] * 2) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("confidence", "right", "error"),
    [
        ([1.0] * 4, [True] * 4, 0.0),
        ([1.0] * 4, [False] * 4, 1.0),
        ([0.75] * 4, [True, True, True, False], 0.0),
        ([0.95] * 4, [True, True, False, False], 0.45),
        ([0.05, 0.95], [True, True], 0.5),
        ([0.0, 1.0], [False, True], 0.0),
    ],
)
def test_calibration_error_is_the_mean_gap_of_confidence_and_accuracy(confidence, right, error):
    assert calibration_error(np.array(confidence), np.array(right)) == pytest.approx(error)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40), st.randoms())
def test_calibration_error_is_a_share_and_knows_no_order(songs, random):
    confidence, right = map(np.array, zip(*songs, strict=True))
    order = random.sample(range(len(songs)), len(songs))
    error = calibration_error(confidence, right)
    assert 0 <= error <= 1
    assert calibration_error(confidence[order], right[order]) == pytest.approx(error)


def test_an_interval_is_printed_with_three_places():
    assert str(Interval(0.5, 0.25, 0.75)) == "0.500 [0.250, 0.750]"


@pytest.mark.parametrize(("n_artists", "low"), [(1, 0.025), (2, 0.158), (10, 0.692)])
def test_all_right_of_few_artists_is_no_certainty(n_artists, low):
    artists = [f"artist {index // 3}" for index in range(3 * n_artists)]
    every = np.ones(len(artists), bool)
    found = share_interval(every, every, artists)
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(low, abs=1e-3)
    none = share_interval(~every, every, artists)
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(1 - low, abs=1e-3)


def test_a_share_that_is_neither_resamples_artists():
    hits, among = np.array([1, 0, 1, 1], bool), np.array([1, 1, 1, 0], bool)
    artists = ["a", "b", "c", "d"]
    assert share_interval(hits, among, artists) == ratio_interval(hits & among, among, artists)


def test_answers_of_one_artist_among_others_have_no_interval():
    among = np.arange(52) < 12
    hits = among & (np.arange(52) != 11)
    found = share_interval(hits, among, ["a"] * 12 + [f"b{n}" for n in range(40)])
    assert found.value == pytest.approx(11 / 12)
    assert np.isnan([found.low, found.high]).all()
    assert found.bounds() == "no interval: all are of one artist"


def test_a_share_of_nothing_is_not_a_number():
    nothing = np.zeros(2, bool)
    found = share_interval(nothing, nothing, ["a", "b"])
    assert np.isnan([found.value, found.low, found.high]).all()
