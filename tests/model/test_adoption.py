"""When a new model may replace the model in use."""

from dataclasses import replace

import pytest
from report_example import MODELS, example_report

from genre_model.evaluation.adoption import fewer_answers, why_not
from genre_model.evaluation.metrics import Interval

GAIN = Interval(0.06, 0.02, 0.10)
DRAW = Interval(-0.01, -0.04, 0.02)
LOSS = Interval(-0.06, -0.10, -0.02)
WORSE = "it is right less often than the shipped model"
NO_BETTER = "it is not right more often than the shipped model, counted by song and by genre"


@pytest.mark.parametrize(
    ("by_music", "in_names", "reason"),
    [
        (GAIN, GAIN, None),
        (DRAW, DRAW, NO_BETTER),  # a draw with the same names: it has to be better
        (DRAW, GAIN, None),  # a draw, but only the new model has the user's names
        (LOSS, GAIN, WORSE),  # the user's names do not make up for wrong answers
        (None, None, WORSE),
    ],
)
def test_a_draw_is_enough_where_only_the_new_one_has_the_users_names(by_music, in_names, reason):
    new, shipped = MODELS
    gains = {"gain": by_music, "balanced_gain": by_music}
    names = {"gain_in_names": in_names, "balanced_gain_in_names": in_names}
    assert why_not(example_report(models=(new, replace(shipped, **gains, **names)))) == reason


@pytest.mark.parametrize("precision", [0.85, 0.88, 0.9, float("nan")])
def test_below_the_target_only_what_is_more_precise_than_the_others_is_used(precision):
    report = example_report(precision=Interval(precision, 0.8, 0.95))
    others = report.models[1].precision.value
    assert 0.85 < others < 0.88
    new, *rest = (
        replace(one, gain_in_names=one.gain, balanced_gain_in_names=one.balanced_gain)
        for one in report.models
    )
    models = (replace(new, precision=report.precision), *rest)
    reason = why_not(replace(report, models=models))
    assert (reason is None) == (precision in {0.88, 0.9})
    assert reason is None or "target precision" in reason


def test_a_model_that_answers_hardly_anything_is_not_used():
    new, shipped = (
        replace(one, gain_in_names=one.gain, balanced_gain_in_names=one.balanced_gain)
        for one in MODELS
    )
    shipped = replace(shipped, coverage=0.58)
    report = example_report(models=(replace(new, coverage=0.05), shipped))
    few = "it would answer 5% of the tracks, the shipped model 58%: more labels may help"
    assert why_not(report) == few
    assert why_not(replace(report, models=(replace(new, coverage=0.2), shipped))) is None


@pytest.mark.parametrize(("coverage", "is_said"), [(0.2, True), (0.59, False), (0.9, False)])
def test_that_fewer_tracks_are_answered_is_said(coverage, is_said):
    new, shipped = MODELS
    models = (replace(new, coverage=coverage), replace(shipped, coverage=0.6))
    said = fewer_answers(example_report(models=models))
    assert (
        said.startswith("; it answers fewer tracks than the shipped model (20%, not 60%;")
        == is_said
    )
    assert bool(said) == is_said
