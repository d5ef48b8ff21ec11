"""How the head is fitted, and what it learns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genre_model.model.head import Head
from genre_model.training.head import fit as head_module
from genre_model.training.head.fit import fit_discriminant, fit_head, slope

N_GENRES, N_FEATURES, N_EACH = 4, 10, 30


@pytest.fixture(scope="module")
def clusters():
    """(features, truths): a distant cluster for each genre; features of very different scales."""
    rng = np.random.default_rng(0)
    truths = np.repeat(np.arange(N_GENRES), N_EACH)
    features = 3 * rng.standard_normal((N_GENRES, N_FEATURES))[truths]
    features += 0.3 * rng.standard_normal(features.shape)
    return features * np.geomspace(0.01, 100, N_FEATURES) + 5, truths


def only(truths):
    return np.eye(N_GENRES, dtype=bool)[truths]


def weights(truths):
    return np.ones(len(truths))


def test_separable_genres_are_learnt(clusters):
    features, truths = clusters
    head = fit_head(features, only(truths), weights(truths), 1e-3)
    assert head.weights.shape == (N_FEATURES, N_GENRES)
    assert head.weights.dtype == head.bias.dtype == np.float32
    logits = head.logits(features.astype(np.float32))
    assert (logits.argmax(axis=1) == truths).all()
    assert ((logits > 0) == only(truths)).mean() > 0.99


def test_music_of_no_known_genre_gets_low_logits_everywhere(clusters):
    features, truths = clusters
    candidates = only(truths)
    candidates[truths == 3] = False
    head = fit_head(features, candidates, weights(truths), 1e-3)
    assert head.logits(features[truths == 3].astype(np.float32)).max() < 0


def test_genres_are_learnt_from_coarse_labels_and_a_few_exact_ones(clusters):
    features, truths = clusters
    candidates = only(truths)
    coarse = (truths < 2) & (np.arange(len(truths)) % N_EACH >= 3)  # three per genre are exact
    candidates[coarse] = [True, True, False, False]
    head = fit_head(features, candidates, weights(truths), 1e-2)
    logits = head.logits(features.astype(np.float32))
    assert (logits[coarse].argmax(axis=1) == truths[coarse]).mean() > 0.9


def test_a_huge_ridge_gives_the_prior(clusters):
    features, truths = clusters
    prior = np.random.default_rng(1).standard_normal((N_FEATURES, N_GENRES))
    head = fit_head(features, only(truths), weights(truths), 1e6, prior)
    np.testing.assert_allclose(head.weights, prior, rtol=1e-3, atol=1e-3)
    free = fit_head(features, only(truths), weights(truths), 1e-3, prior)
    assert np.abs(free.weights - prior).max() > 0.1


def test_a_huge_ridge_without_prior_gives_the_base_rates(clusters):
    features, truths = clusters
    head = fit_head(features, only(truths), weights(truths), 1e6)
    assert np.abs(head.weights).max() < 1e-3


def test_the_sum_of_track_weights_does_not_matter(clusters):
    features, truths = clusters
    one = fit_head(features, only(truths), weights(truths), 0.1)
    other = fit_head(features, only(truths), 1000 * weights(truths), 0.1)
    np.testing.assert_allclose(one.weights, other.weights, rtol=1e-5, atol=1e-7)


def test_a_track_of_weight_zero_is_as_good_as_absent(clusters):
    features, truths = clusters
    kept = truths < 3
    # Standardisation uses all tracks, so these are mislabelled here instead of left out.
    mislabelled = np.where(kept, truths, 0)
    with_them = fit_head(features, only(mislabelled), kept.astype(float), 0.1)
    without = fit_head(features, only(truths), kept.astype(float), 0.1)
    np.testing.assert_allclose(with_them.weights, without.weights, rtol=1e-6, atol=1e-9)


def test_permuting_genres_permutes_the_head(clusters):
    features, truths = clusters
    order = np.array([2, 0, 3, 1])
    plain = fit_head(features, only(truths), weights(truths), 0.1)
    permuted = fit_head(features, only(truths)[:, order], weights(truths), 0.1)
    np.testing.assert_allclose(permuted.weights, plain.weights[:, order], rtol=1e-4, atol=1e-6)


def test_a_feature_that_never_varies_does_no_harm(clusters):
    features, truths = clusters
    features = np.concatenate([features, np.full((len(features), 1), 7.0)], axis=1)
    head = fit_head(features, only(truths), weights(truths), 1e-2)
    assert np.isfinite(head.weights).all()
    assert (head.logits(features.astype(np.float32)).argmax(axis=1) == truths).all()


def loss(logits, candidates):
    """Negative log-likelihood: noisy-or of the allowed genres, absence of the others."""
    log_absent = -np.logaddexp(0, logits)
    none = (log_absent * candidates).sum(axis=1)
    some = np.where(candidates.any(axis=1), -np.log(-np.expm1(np.minimum(none, -1e-12))), 0)
    return some.sum() - (log_absent * ~candidates).sum()


@given(
    arrays(np.float64, (3, 4), elements=st.floats(-5, 5)),
    arrays(np.bool_, (3, 4)),
    st.integers(0, 2),
    st.integers(0, 3),
)
def test_slope_is_the_gradient_of_the_likelihood(logits, candidates, track, genre):
    step = np.zeros_like(logits)
    step[track, genre] = 1e-5
    numeric = (loss(logits + step, candidates) - loss(logits - step, candidates)) / 2e-5
    assert slope(logits, candidates)[track, genre] == pytest.approx(numeric, abs=1e-5)


def test_logits_are_affine():
    head = Head(np.array([[1, 2], [3, 4]], np.float32), np.array([10, 20], np.float32))
    np.testing.assert_array_equal(
        head.logits(np.array([[1, 1], [0, 2]], np.float32)), [[14, 26], [16, 28]]
    )


@pytest.mark.parametrize("n_each", [1, 2])
def test_a_discriminant_of_tracks_that_equal_their_genres_others_tells_them_apart(n_each):
    features = np.repeat(3 * np.eye(N_GENRES, N_FEATURES), n_each, axis=0)
    truths = np.repeat(np.arange(N_GENRES), n_each)
    head = fit_discriminant(features, only(truths).astype(float), weights(truths), 0.5)
    assert (head.logits(features.astype(np.float32)).argmax(axis=1) == truths).all()


def test_a_discriminant_of_one_track_says_nothing():
    head = fit_discriminant(np.ones((1, N_FEATURES)), np.ones((1, 1)), np.ones(1), 0.5)
    assert not head.weights.any()
    assert np.isfinite(head.bias).all()


def test_the_least_variance_changes_nothing_where_tracks_differ(clusters, monkeypatch):
    features, truths = clusters
    rng = np.random.default_rng(0)
    features = features + 30 * rng.standard_normal(features.shape)
    arguments = features, only(truths).astype(float), weights(truths), 0.5
    plain = fit_discriminant(*arguments)
    monkeypatch.setattr(head_module, "MIN_VARIANCE", 0.0)
    assert (fit_discriminant(*arguments).weights == plain.weights).all()
