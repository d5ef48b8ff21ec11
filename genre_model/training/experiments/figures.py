"""What the answers of an experiment are worth: figures with intervals, pooled over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genre_model.core.errors import GenreModelError
from genre_model.core.specs import AggregationRule, AggregationSpec
from genre_model.evaluation.metrics import (
    Interval,
    artist_interval,
    calibration_error,
    label_figures,
    macro_f1,
)
from genre_model.model.aggregation import aggregate
from genre_model.training.experiments.protocol import Answers, Outcome

Float64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

INVERSE_TEMPERATURES = np.geomspace(0.2, 5.0, 33)


@dataclass(frozen=True, slots=True)
class Figures:
    """A condition over all its seeds; intervals are of 95 %, by artists drawn anew.

    ``song`` and ``macro_f1`` are by the mean of all slices' probabilities.  ``songs_by_seed`` are
    the song accuracies of the single seeds.
    """

    slices: Interval
    song: Interval
    macro_f1: float
    baseline: float
    calibration_error: float
    songs_by_seed: tuple[float, ...]
    n_songs: int
    n_weights: int | None
    n_training_songs: float
    n_training_slices: float
    epochs: float
    training_s: float
    answering_ms: float


def figures_of(outcomes: Sequence[Outcome]) -> Figures:
    """The figures of one condition; an outcome a seed."""
    tests = [outcome.test for outcome in outcomes]
    facts = [outcome.facts for outcome in outcomes]
    songs = [song_probabilities(test) for test in tests]
    right = [p.argmax(axis=1) == test.truth for p, test in zip(songs, tests, strict=True)]
    groups = [group for test in tests for group in test.group]
    truth = np.concatenate([test.truth for test in tests])
    answers = np.concatenate([p.argmax(axis=1) for p in songs])
    confidence = np.concatenate([p.max(axis=1) for p in songs])
    all_right = np.concatenate(right)
    n_right, n_votes = np.concatenate([slice_counts(test) for test in tests], axis=1)
    n_songs = len(truth)
    return Figures(
        slices=artist_interval(lambda i: float(n_right[i].sum() / n_votes[i].sum()), groups),
        song=artist_interval(lambda i: float(all_right[i].mean()), groups),
        macro_f1=macro_f1(label_figures(truth.tolist(), answers.tolist())),
        baseline=float(np.bincount(truth).max() / n_songs),
        calibration_error=calibration_error(confidence, all_right),
        songs_by_seed=tuple(float(r.mean()) for r in right),
        n_songs=n_songs,
        n_weights=facts[0].n_weights,
        n_training_songs=float(np.mean([f.n_training_songs for f in facts])),
        n_training_slices=float(np.mean([f.n_training_slices for f in facts])),
        epochs=float(np.mean([f.epochs for f in facts])),
        training_s=float(np.mean([f.training_s for f in facts])),
        answering_ms=1000 * sum(f.answering_s for f in facts) / n_songs,
    )


def song_probabilities(
    answers: Answers, rule: AggregationRule = "mean", inverse_temperature: float = 1.0
) -> Float64:
    """(n_songs, n_genres)."""
    spec = AggregationSpec(rule, inverse_temperature)
    return np.array([aggregate(answers.of_song(n), spec) for n in range(len(answers.truth))])


def slice_counts(answers: Answers) -> NDArray[np.intp]:
    """(2, n_songs): how many votes of each song are right, and how many there are."""
    n_songs = len(answers.truth)
    right = answers.logits.argmax(axis=1) == answers.truth[answers.song]
    return np.array(
        [
            np.bincount(answers.song[right], minlength=n_songs),
            np.bincount(answers.song, minlength=n_songs),
        ]
    )


def paired_difference(first: Sequence[Outcome], second: Sequence[Outcome]) -> Interval:
    """Song accuracy of the second less that of the first, on the songs that both were tested on."""
    pairs: list[tuple[bool, bool, str]] = []
    for one, other in zip(first, second, strict=True):
        a, b = one.test, other.test
        if a.group != b.group or not np.array_equal(a.truth, b.truth):
            raise GenreModelError(
                "a song can be used under one condition and not under another (is it silent in "
                "places?): they cannot be compared"
            )
        for right_a, right_b, group in zip(songs_right(a), songs_right(b), a.group, strict=True):
            pairs.append((bool(right_a), bool(right_b), group))
    gains = np.array([int(b) - int(a) for a, b, _ in pairs], dtype=np.float64)
    return artist_interval(lambda i: float(gains[i].mean()), [group for _, _, group in pairs])


def songs_right(answers: Answers) -> Bools:
    """(n_songs,): whether the mean of the slices leads with the truth."""
    right: Bools = song_probabilities(answers).argmax(axis=1) == answers.truth
    return right


def negative_log_likelihood(probabilities: Float64, truth: NDArray[np.intp]) -> float:
    """The mean of -log of what the truth was given."""
    given = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(given, 1e-12)).mean())


def fitted_inverse_temperature(validation: Answers, rule: AggregationRule = "mean") -> float:
    """The inverse temperature under which the validation's songs are likeliest."""
    candidates: list[float] = INVERSE_TEMPERATURES.tolist()
    return min(
        candidates,
        key=lambda s: negative_log_likelihood(
            song_probabilities(validation, rule, s), validation.truth
        ),
    )


def brier_score(probabilities: Float64, truth: NDArray[np.intp]) -> float:
    """The mean squared distance from certainty of the truth (Brier 1950), 0 to 2."""
    certain = np.eye(probabilities.shape[1])[truth]
    return float(((probabilities - certain) ** 2).sum(axis=1).mean())


def top_two(probabilities: Float64, truth: NDArray[np.intp]) -> float:
    """How often the truth is among the two that lead."""
    leading = np.argsort(-probabilities, axis=1)[:, :2]
    return float((leading == truth[:, None]).any(axis=1).mean())


def area_under_curve(scores: Float64, positive: Bools) -> float:
    """How often something positive is scored above something that is not (ROC AUC, ties half)."""
    above = scores[positive][:, None] - scores[~positive][None, :]
    return float(((above > 0) + 0.5 * (above == 0)).mean())
