"""Answers to clips, and whether they are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genre_model.core.arrays import Bools, Float32, Float64, Ints
from genre_model.core.specs import AggregationSpec
from genre_model.evaluation.metrics import Interval, share_interval
from genre_model.model.aggregation import calibrated
from genre_model.model.vocabulary import Policy, Vocabulary, judge
from shipped_model.choice import THRESHOLD
from shipped_model.clips import Clips


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Answers to some clips, one each.

    Attributes:
        answers: The leading genre.
        confidence: Its probability.
        right: Whether the label or the style allows it.
        right_strict: Whether the label allows it, without the style.
        labels: The clips' labels.
        sets: The clips' sets.
        artists: The clips' artists.
    """

    answers: list[str]
    confidence: Float64
    right: Bools
    right_strict: Bools
    labels: np.ndarray
    sets: np.ndarray
    artists: np.ndarray

    @property
    def accepted(self) -> Bools:
        """Whether the confidence reaches the threshold."""
        return self.confidence >= THRESHOLD

    def inside(self, name: str) -> Ints:
        """The indices of the clips of a set; of all sets for ``all``."""
        return np.flatnonzero((self.sets == name) | (name == "all"))

    def precision(self, tracks: Ints, threshold: float) -> Interval:
        """The share of right answers among some clips' accepted ones, resampled by artist."""
        accepted, right = self.confidence[tracks] >= threshold, self.right[tracks]
        if not accepted.any():
            return Interval(np.nan, np.nan, np.nan)
        return share_interval(right, accepted, self.artists[tracks].tolist())


def score(
    clips: Clips, tracks: Ints, logits: Float32, spec: AggregationSpec, vocabulary: Vocabulary
) -> Scored:
    """Score answers to clips, or to slices of them: ``tracks`` has the clip of each row."""
    return score_probabilities(clips, tracks, calibrated(logits, spec), vocabulary)


def score_probabilities(
    clips: Clips, tracks: Ints, probabilities: Float64, vocabulary: Vocabulary
) -> Scored:
    """Score answers from probabilities, (n_tracks, n_genres), as in :func:`score`."""
    policy = Policy(THRESHOLD)
    verdicts = [
        judge(dict(zip(clips.genres, row.tolist(), strict=True)), vocabulary, policy).best
        for row in probabilities
    ]
    answers = [verdict.genre for verdict in verdicts if verdict]
    return Scored(
        answers,
        np.array([verdict.probability for verdict in verdicts if verdict]),
        is_right(answers, clips.genres, clips.candidates[tracks], vocabulary),
        is_right(answers, clips.genres, clips.strict[tracks], vocabulary),
        np.array(clips.labels)[tracks],
        clips.sets[tracks],
        np.array(clips.artists)[tracks],
    )


def is_right(
    answers: list[str], genres: list[str], candidates: Bools, vocabulary: Vocabulary
) -> Bools:
    """Whether each answer is a genre that the label allows, or an ancestor of one."""
    return np.array(
        [
            any(answer in vocabulary.ancestry(genres[i]) for i in np.flatnonzero(row))
            for answer, row in zip(answers, candidates, strict=True)
        ],
        np.bool_,
    )
