"""Properties of a song's aggregated probabilities."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genre_model.core.specs import AggregationSpec
from genre_model.model.aggregation import aggregate, calibrated, softmax

logits = st.tuples(st.integers(1, 8), st.integers(2, 6)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.floats(-30, 30, width=32))
)
rules = st.sampled_from(["mean", "product", "majority", "max", "confidence"])
smooth = st.sampled_from(["mean", "product", "max", "confidence"])
backgrounds = st.none() | st.floats(-20, 20)
specs = st.builds(
    AggregationSpec, rule=rules, inverse_temperature=st.floats(0.1, 4), other_logit=backgrounds
)


@given(logits, specs)
def test_probabilities_sum_to_one_or_leave_room_for_something_else(slice_logits, spec):
    song = aggregate(slice_logits, spec)
    assert song.shape == slice_logits.shape[1:]
    assert (song >= 0).all()
    if spec.other_logit is None:
        assert song.sum() == pytest.approx(1)
    else:
        assert song.sum() <= 1 + 1e-12


@given(logits, specs, st.randoms())
def test_the_order_of_slices_does_not_matter(slice_logits, spec, random):
    order = random.sample(range(len(slice_logits)), len(slice_logits))
    np.testing.assert_allclose(
        aggregate(slice_logits[order], spec), aggregate(slice_logits, spec), atol=1e-4
    )


@given(logits, specs, st.randoms())
def test_permuting_genres_permutes_their_probabilities(slice_logits, spec, random):
    assume(spec.rule != "majority" or has_no_ties(slice_logits, spec))
    order = random.sample(range(slice_logits.shape[1]), slice_logits.shape[1])
    np.testing.assert_allclose(
        aggregate(slice_logits[:, order], spec), aggregate(slice_logits, spec)[order], atol=1e-4
    )


@given(logits, specs)
def test_counting_every_slice_twice_changes_nothing(slice_logits, spec):
    twice = np.concatenate([slice_logits, slice_logits])
    np.testing.assert_allclose(aggregate(twice, spec), aggregate(slice_logits, spec), atol=1e-4)


def has_no_ties(slice_logits, spec):
    ordered = np.sort(calibrated(slice_logits, replace(spec, other_logit=None)), axis=1)
    return (ordered[:, -1] - ordered[:, -2] > 1e-6).all()


@given(logits, smooth, backgrounds, st.floats(0.1, 4))
def test_one_slice_is_the_song_under_all_rules_but_the_vote(
    slice_logits, rule, other_logit, inverse_temperature
):
    spec = AggregationSpec(rule, inverse_temperature, other_logit)
    np.testing.assert_allclose(
        aggregate(slice_logits[:1], spec), calibrated(slice_logits[0], spec), atol=1e-9
    )


@given(logits, st.floats(-20, 20), rules)
def test_something_else_takes_its_share_of_all_genres_alike(slice_logits, other_logit, rule):
    without = aggregate(slice_logits[:1], AggregationSpec(rule))
    with_it = aggregate(slice_logits[:1], AggregationSpec(rule, other_logit=other_logit))
    share = with_it.sum()
    np.testing.assert_allclose(with_it, without * share, atol=1e-9)


def test_sharpness_makes_the_leader_surer_and_keeps_it():
    one = np.array([[1.0, 0.5, -1.0]])
    shares = [aggregate(one, AggregationSpec(inverse_temperature=s)).max() for s in (0.5, 1, 2, 4)]
    assert shares == sorted(shares)
    assert len(set(shares)) == 4


def test_the_rules_are_the_sum_rule_and_the_product_rule():
    slice_logits = np.log([[0.9, 0.1], [0.2, 0.8]])
    mean = aggregate(slice_logits, AggregationSpec("mean"))
    product = aggregate(slice_logits, AggregationSpec("product"))
    np.testing.assert_allclose(mean, [0.55, 0.45])
    roots = np.sqrt([0.9 * 0.2, 0.1 * 0.8])
    np.testing.assert_allclose(product, roots / roots.sum())


def test_logits_far_apart_do_not_overflow():
    np.testing.assert_array_equal(softmax(np.array([1e4, -1e4, 0.0])), [1, 0, 0])


@pytest.mark.parametrize("rule", ["mean", "product"])
def test_no_slices_are_refused(rule):
    with pytest.raises(ValueError, match="no slices"):
        aggregate(np.zeros((0, 3)), AggregationSpec(rule))


# Three slices and two genres; the expected probabilities are calculated by hand.
VOTES = np.log([[0.6, 0.4], [0.6, 0.4], [0.1, 0.9]])


@pytest.mark.parametrize(
    ("rule", "first"),
    [
        ("mean", 1.3 / 3),
        ("product", 0.036 ** (1 / 3) / (0.036 ** (1 / 3) + 0.144 ** (1 / 3))),
        ("majority", 2 / 3),
        ("max", 0.6 / 1.5),
        ("confidence", (0.6 * 0.6 + 0.6 * 0.6 + 0.9 * 0.1) / 2.1),
    ],
)
def test_each_rule_is_the_textbooks(rule, first):
    song = aggregate(VOTES, AggregationSpec(rule))
    np.testing.assert_allclose(song, [first, 1 - first], atol=1e-12)
