"""The default training on the development music, against the simplest baseline on the same folds.

    pip install scikit-learn
    python -m studies.training MUSIC --seeds 10

Both get the same slices (the shipped network's embeddings) and the same folds by artist, of artists
that the shipped head was not fitted on (``shipped_model.clips.fitted_half``).  The baseline is a
logistic regression (C=0.01, balanced) on the standardised mean embedding of a song.  *If perfect*
is the calibration error that perfect confidences would have, with one random draw for all tracks of
an artist: the error that is due to chance with so few artists, with the range of nine tenths of the
draws.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from genre_model.data.folds import Split
from genre_model.data.tracks import LabelledTrack
from genre_model.evaluation.metrics import (
    Interval,
    accuracy,
    balanced_accuracy,
    calibration_error,
)
from genre_model.extraction.cache import Cache
from genre_model.extraction.pools import extract_tracks
from genre_model.model.aggregation import softmax
from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.model.classifier import Classifier
from genre_model.training.head.cross_validation import evaluate_out_of_fold
from genre_model.training.head.fit import fit_from_nothing
from genre_model.training.head.start import starting_from
from genre_model.training.training_set import HeadOptions, TrainingSet, is_right, make_training_set
from shipped_model.clips import fitted_half, read_rows, without_features
from shipped_model.settings import read_settings
from studies.intervals import artist_interval


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("music", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--cache", type=Path, default=Path("features.db"))
    options = parser.parse_args()
    rows = read_rows(options.music)
    fitted = fitted_half(without_features(rows, read_settings()))
    rows = [row for row, used in zip(rows, fitted, strict=True) if not used]
    print(
        "| music | what | songs right | balanced | against the baseline | slices right "
        "| calibration error | if perfect | answered | right, of those |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    answers: dict[str, list[Answers]] = defaultdict(list)
    for name in sorted({row["set"] for row in rows}):
        chosen = [row for row in rows if row["set"] == name]
        training_set = material_of(options.music, chosen, options.cache)
        for what, found in report(name, training_set, options.seeds).items():
            answers[what].append(found)
    for what, parts in answers.items():
        together = Answers(
            np.concatenate([part.confidence for part in parts], axis=1),
            np.concatenate([part.right for part in parts], axis=1),
            np.concatenate([part.accepted for part in parts], axis=1),
            [artist for part in parts for artist in part.artists],
        )
        print(f"| all, each by its own model | {what} | | | | | {together.calibration()} |")


@dataclass(frozen=True)
class Answers:
    """The answers of all seeds, (n_seeds, n_tracks) each, and the tracks' artists."""

    confidence: np.ndarray
    right: np.ndarray
    accepted: np.ndarray
    artists: list[str]

    def calibration(self) -> str:
        """Four cells: calibration error, error by chance, share answered, precision."""
        error = calibration_error(self.confidence.ravel(), self.right.ravel())
        chance = self.errors_if_perfect()
        low, high = np.percentile(chance, [5, 95])
        precision = artist_interval(
            lambda i: accuracy(self.right[:, i][self.accepted[:, i]]), self.artists
        )
        return (
            f"{error:.3f} | {chance.mean():.3f} [{low:.3f}, {high:.3f}] "
            f"| {self.accepted.mean():.3f} | {precision}"
        )

    def errors_if_perfect(self, n_draws: int = 200) -> np.ndarray:
        """Calibration errors of perfect confidences, with one random draw for each artist."""
        rng = np.random.default_rng(0)
        members = np.unique(self.artists, return_inverse=True)[1]
        luck = (rng.random(members.max() + 1)[members] for _ in range(n_draws))
        return np.array(
            [
                calibration_error(self.confidence.ravel(), (one < self.confidence).ravel())
                for one in luck
            ]
        )


def material_of(music: Path, rows: list[dict[str, str]], cache: Path) -> TrainingSet:
    tracks = [
        LabelledTrack(music / r["path"], (r["genre"],), r["artist"], r["album"], r["title"])
        for r in rows
    ]
    classifier = Classifier(load_bundle(SHIPPED), lazily=True)
    extracted = extract_tracks(tracks, classifier, lambda *_: None, cache=Cache(cache))
    return make_training_set([track for track, _ in extracted], [sound for _, sound in extracted])


def report(name: str, training_set: TrainingSet, seeds: int) -> dict[str, Answers]:
    found: dict[str, Answers] = {}
    labels = [track.label for track in training_set.tracks]
    artists = [track.artist for track in training_set.tracks]
    runs: dict[str, list] = {
        "baseline": [],
        "from nothing": [],
        "sound alone": [],
        "with its artist's tracks": [],
    }
    training_set = starting_from(training_set, load_bundle(SHIPPED), {}, others=True)
    for seed in range(seeds):
        options = HeadOptions(seed=seed)
        context = evaluate_out_of_fold(training_set, options)
        runs["baseline"].append((baseline(training_set, context.split), None))
        runs["from nothing"].append((from_nothing(training_set, context.split), None))
        alone = evaluate_out_of_fold(training_set, replace(options, context=False))
        runs["sound alone"].append((training_set.by_root(alone.probabilities), alone))
        runs["with its artist's tracks"].append(
            (training_set.by_root(context.probabilities), context)
        )
    right = {
        what: np.array([is_right(p, training_set.candidates) for p, _ in results])
        for what, results in runs.items()
    }
    for what, results in runs.items():
        correct = right[what]
        balanced = np.mean([balanced_accuracy(row, labels) for row in correct])
        confidence = np.array([p.max(axis=1) for p, _ in results])
        line = f"| {name} | {what} | {correct.mean():.3f} | {balanced:.3f} |"
        gain = (correct.astype(float) - right["baseline"]).mean(axis=0)
        interval = artist_interval(partial(mean_of, gain), artists)
        if not results[0][1]:
            print(
                f"{line} {interval.value:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]", end=""
            )
            print(" | | | | | |", flush=True)
            continue
        accepted = np.array([cross_validated.accepted for _, cross_validated in results])
        slices = np.mean([cross_validated.slice_accuracy for _, cross_validated in results])
        found[what] = Answers(confidence, correct, accepted, artists)
        print(
            f"{line} {signed(interval)} | {slices:.3f} | {found[what].calibration()} |",
            flush=True,
        )
    return found


def signed(interval: Interval) -> str:
    """A difference with its interval."""
    return f"{interval.value:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def mean_of(values: np.ndarray, tracks: np.ndarray) -> float:
    """The mean over some tracks."""
    return float(values[tracks].mean())


def from_nothing(training_set: TrainingSet, split: Split) -> np.ndarray:
    """Probabilities by three classifiers that are fitted without the shipped model."""
    probabilities = np.zeros(training_set.candidates.shape)
    for fold in range(split.n_folds):
        inside = split.fold == fold
        head = fit_from_nothing(
            training_set.means[~inside],
            training_set.candidates[~inside],
            training_set.truth[~inside],
        )
        probabilities[inside] = softmax(head.logits(training_set.means[inside].astype(np.float32)))
    return probabilities


def baseline(training_set: TrainingSet, split: Split) -> np.ndarray:
    probabilities = np.zeros(training_set.candidates.shape)
    for fold in range(split.n_folds):
        inside = split.fold == fold
        scaler = StandardScaler().fit(training_set.means[~inside])
        model = LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000)
        model.fit(scaler.transform(training_set.means[~inside]), training_set.truth[~inside])
        answers = model.predict_proba(scaler.transform(training_set.means[inside]))
        probabilities[np.ix_(inside, model.classes_)] = answers
    return probabilities


if __name__ == "__main__":
    main()
