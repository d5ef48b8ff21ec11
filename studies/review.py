"""Does a review teach more in the order that ``beet cnnreview`` asks in?

    python -m studies.review MUSIC --seeds 12 --cache features.db

A third of the artists is kept for the test.  Of the others, three tracks of each genre are labelled
at the start; then twenty tracks at a time are reviewed, in some order, and the head is trained
again.  The order is also computed again each time, or only once, as in a single review session.  A
seed gives every order the same test and the same start; after three seeds each artist was in a test
once. Intervals are of the difference from random order, and resample whole artists.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from genre_model.core.specs import AggregationSpec
from genre_model.data.artists import lead_artist
from genre_model.data.folds import context_group, split_tracks
from genre_model.evaluation.active_learning import review_order
from genre_model.model.aggregation import calibrated
from genre_model.training.head.fit import fit_from_nothing
from genre_model.training.training_set import TrainingSet
from studies.intervals import artist_interval
from studies.training import material_of

N_PARTS = 3
N_START = 3  # labelled tracks of each genre
BATCH = 20
N_BATCHES = {"allmusic": 6, "emotify": 8}  # most of the tracks, and enough for any difference

# (n_tracks, n_genres) probabilities -> (n_tracks,); the lowest is reviewed first
Confidence = Callable[[np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Order:
    """An order of review: least ``confidence`` first, artists in ``turns``, computed ``once``."""

    name: str
    confidence: Confidence
    turns: bool
    once: bool = False

    def rank(
        self, probabilities: np.ndarray, artists: Sequence[str], rng: np.random.Generator
    ) -> list[int]:
        """Indices of the tracks in the order of their review."""
        confidence = self.confidence(probabilities, rng).tolist()
        return review_order(confidence, artists if self.turns else [""] * len(artists))


def lead(probabilities: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """The lead of the most likely genre over the next."""
    ranked = np.sort(probabilities, axis=1)
    return ranked[:, -1] - ranked[:, -2]


MEASURES: dict[str, Confidence] = {
    "random order": lambda p, rng: rng.random(len(p)),
    "highest entropy": lambda p, _: (p * np.log(p + 1e-12)).sum(axis=1),
    "least lead over the next genre": lead,
    "least likely leading genre": lambda p, _: p.max(axis=1),
}
ORDERS = [
    Order(f"{name}, artists in turns" if turns else name, confidence, turns)
    for name, confidence in MEASURES.items()
    for turns in (False, True)
]
ORDERS.append(replace(ORDERS[-1], name=f"{ORDERS[-1].name}; found once", once=True))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("music", type=Path)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--cache", type=Path, default=Path("features.db"))
    options = parser.parse_args()
    rows = list(csv.DictReader((options.music / "manifest.csv").open(encoding="utf-8")))
    for name, n_batches in N_BATCHES.items():
        training_set = material_of(
            options.music, [row for row in rows if row["set"] == name], options.cache
        )
        report(name, training_set, options.seeds, n_batches)


def report(name: str, training_set: TrainingSet, seeds: int, n_batches: int) -> None:
    """Print the table of one set of music."""
    artists = [lead_artist(track.artist) for track in training_set.tracks]
    right = {order.name: curves(training_set, order, seeds, n_batches) for order in ORDERS}
    start = np.nanmean(right[ORDERS[0].name][:, 0])
    heads = " | ".join(str(BATCH * n) for n in range(1, n_batches + 1))
    print(f"\n{name}: {len(training_set.tracks)} clips, {start:.3f} right before any review\n")
    print(f"| reviewed in | {heads} | all of these against random order |")
    print("|---|" + "---|" * (n_batches + 1))
    for what, found in right.items():
        # (n_seeds, n_tracks), NaN if a track was not in the seed's test
        gain = (found - right[ORDERS[0].name])[:, 1:].mean(axis=1)
        interval = artist_interval(partial(mean_of, gain), artists)
        shown = " | ".join(f"{np.nanmean(found[:, n]):.3f}" for n in range(1, n_batches + 1))
        against = (
            ""
            if what == ORDERS[0].name
            else f"{interval.value:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"
        )
        print(f"| {what} | {shown} | {against} |", flush=True)


def mean_of(gain: np.ndarray, tracks: np.ndarray) -> float:
    """The mean over some tracks, and over the seeds that had them in their test."""
    return float(np.nanmean(gain[:, tracks]))


def curves(training_set: TrainingSet, order: Order, seeds: int, n_batches: int) -> np.ndarray:
    """(n_seeds, n_batches + 1, n_tracks): 1 if right, 0 if wrong, NaN outside the test."""
    return np.array([curve(training_set, order, seed, n_batches) for seed in range(seeds)])


def curve(training_set: TrainingSet, order: Order, seed: int, n_batches: int) -> np.ndarray:
    """One seed of :func:`curves`."""
    inside = split_tracks(training_set.tracks, seed // N_PARTS, N_PARTS).fold == seed % N_PARTS
    rng = np.random.default_rng(seed)
    others = np.flatnonzero(~inside)
    labelled = np.concatenate(
        [
            rng.permutation(others[training_set.truth[others] == genre])[:N_START]
            for genre in range(len(training_set.genres))
        ]
    )
    pool, queue = np.setdiff1d(others, labelled), np.zeros(0, dtype=np.intp)
    groups = [context_group(track) for track in training_set.tracks]
    means = training_set.means.astype(np.float32)
    found = np.full((n_batches + 1, len(training_set.tracks)), np.nan)
    for step in range(n_batches + 1):
        head = fit_from_nothing(
            training_set.means[labelled],
            training_set.candidates[labelled],
            training_set.truth[labelled],
        )
        logits = head.logits(means)
        found[step, inside] = (logits.argmax(axis=1) == training_set.truth)[inside]
        if not (order.once and len(queue)):
            probabilities = calibrated(logits[pool], AggregationSpec())
            queue = pool[order.rank(probabilities, [groups[index] for index in pool], rng)]
        labelled = np.concatenate([labelled, queue[:BATCH]])
        pool, queue = np.setdiff1d(pool, labelled), queue[BATCH:]
    return found


if __name__ == "__main__":
    main()
