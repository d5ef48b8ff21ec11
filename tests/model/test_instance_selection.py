"""Which slices are easy to classify."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_model.training.instance_selection import ease_of, easiest

eases = st.lists(
    st.lists(st.floats(0, 1), min_size=1, max_size=6).map(np.array), min_size=1, max_size=8
)


def test_ease_is_what_the_allowed_genres_are_given_together():
    logits = np.log([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    candidates = np.array([True, False, True])
    np.testing.assert_allclose(ease_of(logits, candidates, 2), [0.7, 0.9])


def test_the_votes_of_a_slice_are_averaged():
    logits = np.log([[0.5, 0.5], [0.1, 0.9], [0.2, 0.8], [0.4, 0.6]])
    np.testing.assert_allclose(ease_of(logits, np.array([True, False]), 2), [0.3, 0.3])


@given(eases)
def test_all_slices_are_easy_enough_if_all_are_wanted(ease):
    labels = ["a", "b"] * len(ease)
    assert all(keep.all() for keep in easiest(ease, labels[: len(ease)], 1.0))


@given(eases, st.floats(0.05, 0.95))
def test_what_is_kept_is_easier_than_what_is_not(ease, share):
    labels = [("a", "b")[index % 2] for index in range(len(ease))]
    kept = easiest(ease, labels, share)
    for label in set(labels):
        mine = [index for index, other in enumerate(labels) if other == label]
        values = np.concatenate([ease[index] for index in mine])
        keep = np.concatenate([kept[index] for index in mine])
        assert keep.any()
        assert values[keep].min() >= values[~keep].max(initial=0.0)


def test_a_quarter_of_each_label_is_kept():
    rng = np.random.default_rng(0)
    ease = [rng.random(10) * scale for scale in (1.0, 1.0, 0.1, 0.1)]
    kept = easiest(ease, ["easy", "easy", "hard", "hard"], 0.25)
    for pair in (kept[:2], kept[2:]):
        assert np.concatenate(pair).sum() == pytest.approx(5, abs=1)
