"""Figures of an experiment's answers, with intervals, pooled over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genre_model.core.arrays import Bools, Float64, Ints
from genre_model.core.errors import GenreModelError
from genre_model.core.specs import AggregationSpec
from genre_model.evaluation.metrics import (
    Interval,
    calibration_error,
    label_figures,
    macro_f1,
    two_way_ratio,
)
from genre_model.model.aggregation import aggregate
from genre_model.training.experiments.results.outcome import Answers, Outcome

INVERSE_TEMPERATURES = np.geomspace(0.2, 5.0, 33)


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a condition over all its seeds.

    Intervals are 95 % intervals from resampling artists and seeds.  ``song`` and ``macro_f1`` use
    the mean of a song's slice probabilities.  ``songs_by_seed`` and ``slices_by_seed`` are the
    accuracies of each seed.  ``confusion`` counts songs, with a row for each true genre and a
    column for each answer, in the order of ``genres``.
    """

    slices: Interval
    song: Interval
    training_accuracy: float
    macro_f1: float
    baseline: float
    calibration_error: float
    songs_by_seed: tuple[float, ...]
    slices_by_seed: tuple[float, ...]
    genres: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    n_songs: int
    n_weights: int | None
    n_training_songs: float
    n_training_slices: float
    epochs: float
    best_epoch: float
    kept_epoch: float
    training_s: float
    answering_ms: float
    machines: tuple[str, ...]


def figures_of(outcomes: Sequence[Outcome]) -> Figures:
    """The figures of one condition, from one outcome per seed."""
    tests = [outcome.test for outcome in outcomes]
    facts = [outcome.facts for outcome in outcomes]
    answers = [song_probabilities(test).argmax(axis=1) for test in tests]
    right = [a == test.truth for a, test in zip(answers, tests, strict=True)]
    counts = [slice_counts(test) for test in tests]
    groups, trainings = groups_of(tests)
    truth, answer = np.concatenate([test.truth for test in tests]), np.concatenate(answers)
    confidence = np.concatenate([song_probabilities(test).max(axis=1) for test in tests])
    all_right, (n_right, n_votes) = np.concatenate(right), np.concatenate(counts, axis=1)
    n_songs, genres = len(truth), facts[0].genres
    confusion = np.zeros((len(genres), len(genres)), np.intp)
    np.add.at(confusion, (truth, answer), 1)

    def mean(name: str) -> float:
        return float(np.mean([getattr(fact, name) for fact in facts]))

    return Figures(
        slices=two_way_ratio(n_right, n_votes, groups, trainings),
        song=share_right(all_right, tests),
        training_accuracy=mean("training_accuracy"),
        macro_f1=macro_f1(label_figures(truth.tolist(), answer.tolist())),
        baseline=float(np.bincount(truth).max() / n_songs),
        calibration_error=calibration_error(confidence, all_right),
        songs_by_seed=tuple(float(r.mean()) for r in right),
        slices_by_seed=tuple(float(c[0].sum() / c[1].sum()) for c in counts),
        genres=genres,
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        n_songs=n_songs,
        n_weights=facts[0].n_weights,
        n_training_songs=mean("n_training_songs"),
        n_training_slices=mean("n_training_slices"),
        epochs=mean("epochs"),
        best_epoch=mean("best_epoch"),
        kept_epoch=mean("kept_epoch"),
        training_s=mean("training_s"),
        answering_ms=1000 * sum(fact.answering_s for fact in facts) / n_songs,
        machines=tuple(sorted({fact.machine for fact in facts})),
    )


def share_right(right: Bools | Ints, tests: Sequence[Answers]) -> Interval:
    """The mean of ``right``, (n_songs,) over the songs of all tests, with its interval."""
    return two_way_ratio(right, np.ones(len(right)), *groups_of(tests))


def groups_of(tests: Sequence[Answers]) -> tuple[list[str], list[int]]:
    """The artist, and the number of the training, of each song of all tests."""
    groups = [group for test in tests for group in test.group]
    trainings = [number for number, test in enumerate(tests) for _ in test.group]
    return groups, trainings


def song_probabilities(answers: Answers, inverse_temperature: float = 1.0) -> Float64:
    """The probabilities of songs by the mean of their slices, (n_songs, n_genres)."""
    spec = AggregationSpec("mean", inverse_temperature)
    return np.array([aggregate(answers.of_song(n), spec) for n in range(len(answers.truth))])


def slice_counts(answers: Answers) -> Ints:
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
    """Song accuracy of the second minus that of the first, on the songs that both were tested on.

    Raises:
        GenreModelError: The paired outcomes are of different songs.
    """
    return difference([o.test for o in first], [o.test for o in second])


def difference(first: Sequence[Answers], second: Sequence[Answers]) -> Interval:
    """As :func:`paired_difference`, from the answers of paired trainings."""
    gains: list[Ints] = []
    for a, b in zip(first, second, strict=True):
        if a.group != b.group or not np.array_equal(a.truth, b.truth):
            raise GenreModelError(
                "a song can be used under one condition and not under another (is it silent in "
                "places?): they cannot be compared"
            )
        gains.append(songs_right(b).astype(np.intp) - songs_right(a).astype(np.intp))
    return share_right(np.concatenate(gains), first)


# In standard errors: the effect that a two-sided test at 5 % detects with a power of 80 %
# (1.96 + 0.84), and the width of a 95 % interval.
DETECTABLE, OF_INTERVAL = 2.80, 2 * 1.96


def detectable_effect(interval: Interval) -> float:
    """The smallest true difference that would be detected four times out of five.

    After J. Cohen, *Statistical power analysis for the behavioral sciences*, 1988, with the
    standard error that follows from the width of the interval.
    """
    return DETECTABLE * (interval.high - interval.low) / OF_INTERVAL


def songs_right(answers: Answers) -> Bools:
    """(n_songs,): whether the mean of the slice probabilities is highest for the true genre."""
    right: Bools = song_probabilities(answers).argmax(axis=1) == answers.truth
    return right


def negative_log_likelihood(probabilities: Float64, truth: Ints) -> float:
    """The mean of -log of the probability of the true genre."""
    given = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(given, 1e-12)).mean())


def fitted_inverse_temperature(validation: Answers) -> float:
    """The inverse temperature with the highest likelihood on the validation songs."""
    candidates: list[float] = INVERSE_TEMPERATURES.tolist()
    return min(
        candidates,
        key=lambda s: negative_log_likelihood(song_probabilities(validation, s), validation.truth),
    )


def brier_score(probabilities: Float64, truth: Ints) -> float:
    """The mean squared distance of probabilities from the one-hot truth (Brier 1950), 0 to 2."""
    certain = np.eye(probabilities.shape[1])[truth]
    return float(((probabilities - certain) ** 2).sum(axis=1).mean())


def top_two(probabilities: Float64, truth: Ints) -> float:
    """How often the true genre is among the two most probable ones."""
    leading = np.argsort(-probabilities, axis=1)[:, :2]
    return float((leading == truth[:, None]).any(axis=1).mean())


def area_under_curve(scores: Float64, positive: Bools) -> float:
    """How often a positive scores above a negative (ROC AUC, ties count half).

    From the ranks (Mann & Whitney 1947): the pairs would be as many as the square of the songs.
    """
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(counts) - (counts - 1) / 2
    n_positive, n_negative = np.count_nonzero(positive), np.count_nonzero(~positive)
    above = mean_ranks[place][positive].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * n_negative))
