"""The linear layer, and the protocol that compares systems, with made-up numbers."""

import numpy as np
import pytest

from genre_model.model.bundle.store import SHIPPED
from shipped_model.distillation.head_study import of_embedding
from shipped_model.distillation.linear import explained, fit_layer, sums_of
from shipped_model.distillation.protocol import (
    Task,
    answers_of,
    artist_folds,
    gain,
    log_probabilities,
)
from shipped_model.distillation.zero_shot import largest, root_of, table
from shipped_model.groups import group_classes
from shipped_model.head import tag_prior
from shipped_model.settings import read_settings


def test_a_layer_finds_the_weights_and_sums_add_up():
    rng = np.random.default_rng(0)
    x = rng.normal(3, [1, 10, 0.1], (200, 3))
    truth = np.array([[1.0, 0], [0.5, -2], [0, 30]])
    y = x @ truth + [5, -1]
    whole = fit_layer(sums_of(x, y), 1e-6)
    np.testing.assert_allclose(whole.weights, truth, atol=1e-4)
    np.testing.assert_allclose(whole.bias, [5, -1], atol=1e-3)
    np.testing.assert_allclose(explained(y, whole(x)), 1, atol=1e-6)
    parts = fit_layer(sums_of(x[:80], y[:80]) + sums_of(x[80:], y[80:]), 1e-6)
    np.testing.assert_allclose(parts.weights, whole.weights, atol=1e-8)
    twice = fit_layer(sums_of(np.tile(x, (2, 1)), np.tile(y, (2, 1))), 50)
    weighted = fit_layer(sums_of(x, y, 2.0), 50)
    np.testing.assert_allclose(weighted.weights, twice.weights, atol=1e-8)
    assert np.abs(weighted.weights).sum() < np.abs(whole.weights).sum()


@pytest.fixture
def task():
    """Ninety clips of thirty artists and three labels, among a hundred clips."""
    artists = np.repeat([f"artist {n}" for n in range(30)], 3)
    labels = np.repeat(["Jazz", "Pop", "Rock"], 30)
    return Task(np.arange(10, 100), labels, artists)


def test_folds_keep_artists_together_and_cover_every_clip(task):
    tested = []
    for train, test in artist_folds(task, 0, 5):
        assert set(task.artists[train]).isdisjoint(task.artists[test])
        assert set(task.labels[train]) == {"Jazz", "Pop", "Rock"}
        tested += test.tolist()
    assert sorted(tested) == list(range(90))


def test_a_better_system_is_found_better_and_features_know_nothing_of_the_tested(task):
    rng = np.random.default_rng(1)
    truth = np.zeros((100, 3))
    truth[task.clips, np.searchsorted(["Jazz", "Pop", "Rock"], task.labels)] = 1
    good, bad = truth + rng.normal(0, 0.5, truth.shape), rng.normal(0, 1, truth.shape)

    def leaky(usable):
        assert len(usable) < 90
        marked = np.zeros((100, 1))
        marked[usable] = 1  # useless: it is the same for all training clips
        return marked

    seeds = (0,)
    systems = {
        name: log_probabilities(task, features, seeds)
        for name, features in {
            "good": lambda usable: good,
            "bad": lambda usable: bad,
            "leaky": leaky,
        }.items()
    }
    assert systems["good"].shape == (1, 90, 3)
    of = {name: answers_of(task, [found]) for name, found in systems.items()}
    assert of["good"].accuracy > 0.7 > 0.5 > of["bad"].accuracy
    assert of["good"].balanced == pytest.approx(of["good"].accuracy)  # equally many clips per label
    better = gain([(of["bad"], of["good"])])
    assert better.low > 0.1
    assert better.value == pytest.approx(of["good"].accuracy - of["bad"].accuracy)
    balanced = gain([(of["bad"], of["good"])] * 2, balanced=True)
    assert balanced.value == pytest.approx(better.value)
    assert of["leaky"].accuracy < 0.5
    joint = answers_of(task, [systems["good"], systems["bad"]])
    assert joint.accuracy > of["bad"].accuracy


def test_zero_shot_takes_the_group_that_leads_by_most_over_its_mean():
    settings = read_settings()
    assert root_of("emotify/Rock", settings) == "Rock"
    assert root_of("allmusic/R&B", settings) == "R&B"
    assert root_of("allmusic/Pop-Rock", settings) == root_of("nowhere/nothing", settings) == ""

    genres = list(group_classes())
    logits = np.full((len(genres) + 1, len(genres)), 0.0)
    logits[:, 3] = 10  # large for all clips, so it says nothing
    np.fill_diagonal(logits, logits.diagonal() + 1)
    found = largest({"teacher": logits, "tags": logits[:, :2]}, {"tags": ["Pop", "Jazz"]})
    assert found["teacher"][:-1].tolist() == genres
    assert found["tags"][:2].tolist() == ["Pop", "Jazz"]

    truth = np.array(["Rock", "Rock", "Jazz", ""])
    lines = list(table(truth, {"teacher": np.array(["Rock", "Pop", "Jazz", "Rock"])}))
    assert lines[2:] == ["| Rock | 2 | 0.50 |", "| Jazz | 1 | 1.00 |"]


def test_a_network_with_groups_has_the_same_prior_without_them():
    settings = read_settings()
    prior = tag_prior(SHIPPED / "network.onnx", settings)
    alone = of_embedding(prior, 200)
    assert prior.groups.any()
    assert not alone.groups.any()
    assert alone.all_tags.shape == (201, len(settings.genres))
    np.testing.assert_array_equal(alone.all_tags[:200], prior.all_tags[:200])
    np.testing.assert_array_equal(alone.all_tags[-1], prior.all_tags[-1])
