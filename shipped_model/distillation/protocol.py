"""The protocol for comparing networks: folds by artist, several seeds, pairs of systems.

A system is a list of features.  Each gets its own standardised, balanced logistic regression, whose
strength is chosen by folds inside the training artists; a system's answer is the mean of its
regressions' log-probabilities.  Two systems are compared on the same folds, by resampling artists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.preprocessing import StandardScaler

from genre_model.core.arrays import Bools, Float64, Ints
from genre_model.evaluation.metrics import Interval, one_hot, ratio_interval

# Indices of the clips that may be used -> features of all clips, (n_clips, n), made without the
# clips of the tested artists.
Features = Callable[[Ints], Float64]

N_FOLDS, N_INNER_FOLDS = 5, 3
STRENGTHS = (0.003, 0.01, 0.03, 0.1)


@dataclass(frozen=True, eq=False)
class Task:
    """Clips of one set with their labels.

    Attributes:
        clips: Their indices among all clips, (n,).
        labels: Their labels, (n,).
        artists: Their artists, (n,).
    """

    clips: Ints
    labels: NDArray[np.str_]
    artists: NDArray[np.str_]

    def part(self, places: Ints) -> Task:
        """The task with some of its clips."""
        return Task(self.clips[places], self.labels[places], self.artists[places])


def artist_folds(task: Task, seed: int, n_folds: int) -> Iterator[tuple[Ints, Ints]]:
    """Training and test indices of each fold; no artist is in two folds, and labels are spread."""
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    yield from folds.split(task.labels, task.labels, task.artists)


def log_probabilities(task: Task, features: Features, seeds: Sequence[int]) -> Float64:
    """(n_seeds, n_clips of the task, n_labels), each clip by a regression without its artist."""
    classes = np.unique(task.labels)
    found = np.zeros((len(seeds), len(task.clips), len(classes)))
    for place, seed in enumerate(seeds):
        for train, tested in artist_folds(task, seed, N_FOLDS):
            values, part = features(task.clips[train]), task.part(train)
            strength = chosen_strength(values[part.clips], part, seed)
            found[place, tested] = fitted(
                values[part.clips], part.labels, strength, values[task.clips[tested]], classes
            )
    return found


def chosen_strength(x: Float64, task: Task, seed: int) -> float:
    """The inverse ridge with the best accuracy in inner folds; all labels have the same weight."""
    classes, columns = np.unique(task.labels), one_hot(task.labels.tolist())
    weight = columns @ (1 / columns.sum(axis=0))
    right = dict.fromkeys(STRENGTHS, 0.0)
    for train, tested in artist_folds(task, seed, N_INNER_FOLDS):
        for strength in STRENGTHS:
            found = fitted(x[train], task.labels[train], strength, x[tested], classes)
            answers = classes[found.argmax(axis=1)]
            right[strength] += float(weight[tested] @ (answers == task.labels[tested]))
    return max(right, key=lambda strength: right[strength])


def fitted(
    x: Float64, labels: NDArray[np.str_], strength: float, asked: Float64, classes: NDArray[np.str_]
) -> Float64:
    """Log-probabilities of ``classes`` for the rows of ``asked``; very low for unknown classes."""
    scaler = StandardScaler().fit(x)
    regression = LogisticRegression(C=strength, class_weight="balanced", max_iter=1000, tol=1e-3)
    regression.fit(scaler.transform(x), labels)
    found = np.full((len(asked), len(classes)), -20.0)
    columns = np.searchsorted(classes, regression.classes_)
    found[:, columns] = regression.predict_log_proba(scaler.transform(asked))
    return found


@dataclass(frozen=True, eq=False)
class Answers:
    """A system's answers to one task.

    Attributes:
        task: The task.
        right: (n_seeds, n_clips).
    """

    task: Task
    right: Bools

    @property
    def accuracy(self) -> float:
        """The share of right clips."""
        return float(self.right.mean())

    @property
    def balanced(self) -> float:
        """The mean over the labels of the share of right clips."""
        of_clips = self.right.mean(axis=0)
        return float(
            np.mean([of_clips[self.task.labels == label].mean() for label in set(self.task.labels)])
        )


def answers_of(task: Task, parts: Sequence[Float64]) -> Answers:
    """A system's answers from the log-probabilities of its parts."""
    classes = np.unique(task.labels)
    return Answers(task, classes[np.mean(parts, axis=0).argmax(axis=2)] == task.labels)


def gain(pairs: Sequence[tuple[Answers, Answers]], *, balanced: bool = False) -> Interval:
    """How much more often the second of two systems is right, over one or several tasks.

    If ``balanced``, each label of each task has the same weight.
    """
    difference = np.concatenate([b.right.mean(axis=0) - a.right.mean(axis=0) for a, b in pairs])
    artists = [name for a, _ in pairs for name in a.task.artists.tolist()]
    if not balanced:
        return ratio_interval(difference, np.ones(len(difference)), artists)
    labels = [
        f"{place} {label}" for place, (a, _) in enumerate(pairs) for label in a.task.labels.tolist()
    ]
    columns = one_hot(labels)
    return ratio_interval(difference[:, None] * columns, columns, artists)
