"""The artist context: tracks of one artist influence each other's probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from genre_model.core.specs import ContextSpec
from genre_model.model.artist_context import (
    FEWEST_THAT_DIFFER,
    LEADING_SHARE,
    in_context,
    informed,
    roots_of,
    songs_in_context,
)
from genre_model.model.vocabulary import make_vocabulary

ALONE = ContextSpec(0.0, 1.0, 0.5, evidence=0)
HALF = ContextSpec(0.5, 1.5, 0.5, evidence=0.4)
WEIGHTS = hnp.arrays(float, (6, 4), elements=st.floats(0.01, 1))
GROUPS = st.lists(st.sampled_from("abc"), min_size=6, max_size=6)


def closed(weights):
    return weights / weights.sum(axis=1, keepdims=True)


@given(WEIGHTS, GROUPS)
def test_without_weight_nothing_changes(weights, groups):
    assert in_context(closed(weights), groups, ALONE) == pytest.approx(closed(weights), abs=1e-3)


@given(WEIGHTS)
def test_a_group_of_one_is_sharpened_only(weights):
    rows = closed(weights)
    expected = rows**HALF.inverse_temperature
    assert in_context(rows, list("abcdef"), HALF) == pytest.approx(closed(expected), abs=1e-3)


@given(WEIGHTS, GROUPS, st.permutations(range(6)))
def test_the_order_does_not_matter(weights, groups, order):
    rows = closed(weights)
    mixed = in_context(rows, groups, HALF)
    shuffled = in_context(rows[order], [groups[index] for index in order], HALF)
    assert shuffled == pytest.approx(mixed[order])


@given(WEIGHTS, GROUPS)
def test_rows_of_a_closed_set_keep_their_sum_and_other_groups_do_not_matter(weights, groups):
    rows = closed(weights)
    mixed = in_context(rows, groups, HALF)
    assert mixed.sum(axis=1) == pytest.approx(1)
    changed = rows.copy()
    others = [group != groups[0] for group in groups]
    changed[others] = 0.25
    assert in_context(changed, groups, HALF)[0] == pytest.approx(mixed[0])


def test_one_doubtful_track_follows_the_others():
    rows = np.array([[0.45, 0.55], [0.95, 0.05], [0.95, 0.05]])
    assert in_context(rows, ["a"] * 3, HALF)[0].argmax() == 0
    assert in_context(rows, ["b", "a", "a"], HALF)[0].argmax() == 1


def test_more_tracks_that_agree_say_more_but_ever_less_so():
    alone, two, four, many = (
        in_context(np.array([[0.7, 0.3]] * n), ["a"] * n, HALF)[0, 0] for n in (1, 2, 4, 1000)
    )
    assert alone < two < four < many < 0.98
    assert two - alone > four - two


def test_something_else_keeps_its_share_and_takes_part():
    rows = np.array([[0.5, 0.2], [0.05, 0.05]])
    alone = in_context(rows, ["a", "b"], ALONE)
    assert alone == pytest.approx(rows, abs=1e-3)
    together = in_context(rows, ["a", "a"], ContextSpec(0.5, 1.0, 0.5))
    assert together[0].sum() < alone[0].sum()


def noted(row):
    """A row as the plugin stores it: rounded to four digits, without genres of probability 0."""
    rounded = {f"genre {index}": round(float(p), 4) for index, p in enumerate(row)}
    return {genre: probability for genre, probability in rounded.items() if probability > 0}


@given(hnp.arrays(float, (5, 6), elements=st.floats(1e-7, 1)), st.booleans())
def test_a_song_in_context_is_the_row_of_all_songs_in_context(weights, other_logit):
    rows = closed(weights**3) * (0.8 if other_logit else 1)
    expected = in_context(rows, ["a"] * 5, HALF)[0]
    found = songs_in_context(dict(enumerate(map(noted, rows))), HALF)[0]
    assert [found.get(f"genre {k}", 0.0) for k in range(6)] == pytest.approx(expected, abs=0.02)
    assert sum(found.values()) <= 1 + 1e-9
    if not other_logit:
        assert sum(found.values()) == pytest.approx(1)


def test_a_genre_that_only_the_others_have_is_not_taken_for_something_else():
    songs = {"own": {"Rock": 1.0}} | {n: {"Jazz": 1.0} for n in range(9)}
    found = songs_in_context(songs, ContextSpec(0.9, 1.0, 0.5))["own"]
    assert found["Jazz"] > 0.9
    assert sum(found.values()) == pytest.approx(1)


ROOTS = np.array([[True, False], [True, False], [False, True], [False, False]])


@given(WEIGHTS, GROUPS, st.floats(0.3, 0.9))
def test_sure_songs_keep_their_own_where_a_group_of_three_differs(weights, groups, threshold):
    rows, spec = closed(weights), ContextSpec(0.5, 1.5, threshold)
    found, pooled = informed(rows, groups, spec, ROOTS), in_context(rows, groups, spec)
    by_root = rows @ ROOTS
    for index, group in enumerate(groups):
        inside = [k for k, other in enumerate(groups) if other == group]
        leading = [int(by_root[k].argmax()) for k in inside]
        most = max(map(leading.count, leading))
        keeps = (
            len(inside) >= FEWEST_THAT_DIFFER
            and most < LEADING_SHARE * len(inside)
            and by_root[index].max() >= threshold
        )
        assert found[index] == pytest.approx(rows[index] if keeps else pooled[index])


def test_subgenres_count_as_their_parents_and_what_is_not_answered_for_nothing():
    vocabulary = make_vocabulary(
        ("Rock", "Metal", "Jazz", "Noise"), {"Metal": "Rock"}, {}, {"Noise": None}
    )
    found = roots_of(("Metal", "Rock", "Jazz", "Noise"), vocabulary)
    assert found.tolist() == [[False, True], [False, True], [True, False], [False, False]]
