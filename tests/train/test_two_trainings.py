"""Trainings from scratch into one folder do not affect each other, and each can resume."""

from dataclasses import replace

import pytest
from test_scratch import TINY, stop_after, tracks  # noqa: F401 a fixture

from genre_model.core.errors import GenreModelError
from genre_model.model.bundle.store import PROBE
from genre_model.training.events import TrainingEvents
from genre_model.training.flow import TrainingOptions, plan_training, run_training
from genre_model.training.networks.registry import ARCHITECTURES

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def train(tracks, tmp_path, monkeypatch):  # noqa: F811
    """A function that trains, and returns the network's logits for the probe, and the notes."""
    monkeypatch.setitem(ARCHITECTURES, "tiny", TINY)
    monkeypatch.setattr("genre_model.evaluation.metrics.N_RESAMPLES", 50)
    plan = plan_training(tracks, TrainingOptions(architecture="tiny", epochs=3))

    def run(seed, on_epoch=lambda report: None, models=tmp_path / "models"):
        notes = []
        options = replace(plan.job.options, seed=seed)
        seeded = replace(plan, job=replace(plan.job, options=options))
        events = TrainingEvents(on_epoch=on_epoch, on_note=notes.append)
        bundle = run_training(seeded, models, pytest.fail, events).bundle
        return bundle.arrays(PROBE)["logits"].tolist(), notes

    return run


def test_another_training_meanwhile_changes_nothing(train, tmp_path):
    alone = train(1, models=tmp_path / "alone")
    found = []

    def meanwhile(report):
        if report.epoch == 2:
            found.append(train(2))

    assert train(1, meanwhile) == alone
    assert found[0] == train(2, models=tmp_path / "other")
    assert {path.name for path in (tmp_path / "models" / ".work" / "tiny").iterdir()} == {"slices"}


def test_an_interrupted_training_goes_on_after_another_one(train, tmp_path):
    whole, _ = train(1, models=tmp_path / "alone")
    with pytest.raises(KeyboardInterrupt):
        train(1, stop_after(2))
    train(2)
    assert train(1) == (whole, ["the training goes on after epoch 2"])


def test_the_same_training_meanwhile_is_refused(train):
    def meanwhile(report):
        with pytest.raises(GenreModelError, match="the same training is in progress there"):
            train(1)

    train(1, meanwhile)
