"""The confidence interval of any figure of songs, for studies."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genre_model.evaluation.metrics import Interval, accuracy
from studies.intervals import artist_interval

outcomes = st.lists(st.booleans(), min_size=1, max_size=60).map(np.array)


def interval_of(right, artists, seed=0):
    return artist_interval(lambda songs: accuracy(right[songs]), artists, seed)


@given(outcomes, st.integers(1, 10))
@settings(max_examples=5, deadline=None)
def test_an_interval_lies_within_the_figures_range_and_holds_its_value_in_the_whole(
    right, n_artists
):
    interval = interval_of(right, [str(index % n_artists) for index in range(len(right))])
    assert interval.value == pytest.approx(accuracy(right))
    assert 0 <= interval.low <= interval.high <= 1


def test_the_interval_of_independent_songs_is_that_of_the_binomial():
    right = np.array([True] * 70 + [False] * 30)
    interval = interval_of(right, [str(index) for index in range(100)])
    half = 1.96 * math.sqrt(0.7 * 0.3 / 100)
    assert interval.low == pytest.approx(0.7 - half, abs=0.011)
    assert interval.high == pytest.approx(0.7 + half, abs=0.011)


def test_songs_of_one_artist_do_not_count_as_independent():
    right = np.array([True] * 70 + [False] * 30)
    alone = interval_of(right, [str(index) for index in range(100)])
    grouped = interval_of(right, [str(index // 10) for index in range(100)])
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_one_artist_leaves_no_interval():
    right = np.array([True, False, True, True])
    assert interval_of(right, ["the same"] * 4) == Interval(0.75, 0.75, 0.75)


def test_the_seed_decides_the_interval():
    scores = np.random.default_rng(0).random(50)
    artists = [str(index // 2) for index in range(50)]

    def interval(seed):
        return artist_interval(lambda songs: float(scores[songs].mean()), artists, seed)

    assert interval(1) == interval(1)
    assert interval(1) != interval(2)


def test_draws_without_a_figure_are_left_out():
    truths = np.array([True] + [False] * 9)

    def figure(songs):
        return 1.0 if truths[songs].any() else float("nan")

    assert artist_interval(figure, list("abcdefghij")) == Interval(1.0, 1.0, 1.0)
