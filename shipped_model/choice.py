"""Choose the fit's settings and the calibration on the fitted half, by folds of whole artists."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from genre_model.core.arrays import Float32, Ints
from genre_model.core.specs import AggregationSpec
from genre_model.model.aggregation import calibrated
from shipped_model.clips import Clips
from shipped_model.head import HeadSettings, LeftOut, Prior, leave_out, out_of_fold

RIDGES = (0.3, 1.0, 3.0)
BALANCES = (0.5, 0.75, 1.0)
GROUP_WEIGHTS = (0.0, 0.5, 1.0, 1.5)
N_REPEATS = 3  # repetitions of the folds that choose among these
INVERSE_TEMPERATURES = np.linspace(0.6, 2.4, 19)
OTHER_LOGITS = np.linspace(-4, 3, 29)
FOREIGN_SHARE = 0.05  # assumed share of music in genres that the model does not know
LEFT_OUT = ("Classical", "Jazz", "Blues", "Country", "Hip Hop", "Reggae", "Latin")
THRESHOLD = 0.65


def choose_head_settings(clips: Clips, fit: Ints, prior: Prior) -> HeadSettings:
    """The settings with the best likelihood of the labels; all sets have the same weight."""
    results = []
    for values in itertools.product(RIDGES, BALANCES, GROUP_WEIGHTS):
        repeats = [
            out_of_fold(clips, fit, prior, HeadSettings(*values), seed) for seed in range(N_REPEATS)
        ]
        for inverse_temperature in INVERSE_TEMPERATURES:
            spec = AggregationSpec("product", inverse_temperature, 0.0)
            losses = [label_loss(clips, fit, logits, spec) for logits in repeats]
            results.append((float(np.mean(losses)), *values))
    _, *best = min(results)
    return HeadSettings(*best)


def label_loss(clips: Clips, tracks: Ints, logits: Float32, spec: AggregationSpec) -> float:
    """The log-loss of the labels, averaged over each set and then over the sets."""
    probability = (calibrated(logits, spec) * clips.candidates[tracks]).sum(axis=1)
    losses = -np.log(probability + 1e-12)
    sets = clips.sets[tracks]
    return float(np.mean([losses[sets == name].mean() for name in sorted(set(sets))]))


def calibrate(clips: Clips, fit: Ints, prior: Prior, settings: HeadSettings) -> AggregationSpec:
    """The temperature and the logit of "something else" that calibrate the confidences best.

    The criterion is a proper score of what the user sees: the log-loss of the leading genre's
    confidence against whether it is right, over known and foreign clips.  Foreign clips are those
    of a genre that was taken out of the list and of the fit, so that no answer to them is right.
    """
    known = out_of_fold(clips, fit, prior, settings)
    foreign = [leave_out(clips, fit, fit, prior, genre, settings) for genre in LEFT_OUT]
    results = [
        (calibration_loss(clips, fit, known, foreign, spec), spec) for spec in possible_specs()
    ]
    return min(results, key=lambda result: result[0])[1]


def possible_specs() -> list[AggregationSpec]:
    """All settings that the calibration chooses from."""
    return [
        AggregationSpec(
            "product", round(float(inverse_temperature), 3), round(float(other), 3), THRESHOLD
        )
        for inverse_temperature, other in itertools.product(INVERSE_TEMPERATURES, OTHER_LOGITS)
    ]


def calibration_loss(
    clips: Clips,
    fit: Ints,
    known: Float32,
    foreign: Sequence[LeftOut],
    spec: AggregationSpec,
) -> float:
    """The loss over known and foreign clips, weighted by ``FOREIGN_SHARE``."""
    of_foreign = [confidence_loss(each.clips, each.tracks, each.logits, spec) for each in foreign]
    of_known = confidence_loss(clips, fit, known, spec)
    return float((1 - FOREIGN_SHARE) * of_known + FOREIGN_SHARE * np.mean(of_foreign))


def confidence_loss(clips: Clips, tracks: Ints, logits: Float32, spec: AggregationSpec) -> float:
    """The log-loss of the leading genre's confidence against whether it is right."""
    nodes = calibrated(logits, spec) @ clips.tree
    leading = nodes.argmax(axis=1)
    right = (clips.candidates[tracks] @ clips.tree)[np.arange(len(tracks)), leading] > 0
    confidence = np.clip(nodes.max(axis=1), 1e-6, 1 - 1e-6)
    return float(-np.log(np.where(right, confidence, 1 - confidence)).mean())
