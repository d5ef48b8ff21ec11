"""The default training on the development music, against the plainest recipe on the same folds.

    pip install scikit-learn
    python benchmarks/training.py MUSIC --seeds 10
    python benchmarks/training.py MUSIC --seeds 10 --parts    # the classifiers that are averaged

Both hear the same slices (the shipped network's embeddings) and see the same folds by artist. The
baseline is a logistic regression (C=0.01, balanced) on the standardised mean embedding of a song.
*If perfect* is the calibration error that is measured of confidences that are exactly right, where
an artist's tracks are right or wrong as one: what so few artists leave to chance, with the range
that holds nine tenths of it.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from genre_model.bundle import SHIPPED, read_bundle
from genre_model.cache import Cache
from genre_model.classifier import Classifier
from genre_model.dataset import LabelledTrack
from genre_model.evaluation import accuracy, artist_interval, balanced_accuracy, calibration_error
from genre_model.head import Head, fit_discriminant, fit_head, fit_least_squares
from genre_model.hearing import Effort
from genre_model.make_bundle import hear_tracks
from genre_model.split import split_tracks
from genre_model.training import (
    RIDGE,
    SHRINKAGE,
    HeadOptions,
    Material,
    evaluate_out_of_fold,
    fit,
    is_right,
    make_material,
)
from genre_model.workers import local_ears


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("music", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--cache", type=Path, default=Path("heard.db"))
    parser.add_argument("--parts", action="store_true")
    options = parser.parse_args()
    rows = list(csv.DictReader((options.music / "manifest.csv").open(encoding="utf-8")))
    if options.parts:
        print("| music | what | songs right | balanced |\n|---|---|---|---|")
        for name in sorted({row["set"] for row in rows}):
            chosen = [row for row in rows if row["set"] == name]
            report_parts(name, material_of(options.music, chosen, options.cache), options.seeds)
        return
    print(
        "| music | what | songs right | balanced | against the baseline | slices right "
        "| calibration error | if perfect | answered | right, of those |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    answers: dict[str, list[Answers]] = defaultdict(list)
    for name in sorted({row["set"] for row in rows}):
        chosen = [row for row in rows if row["set"] == name]
        material = material_of(options.music, chosen, options.cache)
        for what, found in report(name, material, options.seeds).items():
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
    """(n_seeds, n_tracks) each, and the tracks' artists."""

    confidence: np.ndarray
    right: np.ndarray
    accepted: np.ndarray
    artists: list[str]

    def calibration(self) -> str:
        """Calibration error, that of chance, share answered, share of that right: four cells."""
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
        """Calibration errors where each track is right with its confidence, artists as one."""
        rng = np.random.default_rng(0)
        members = np.unique(self.artists, return_inverse=True)[1]
        luck = (rng.random(members.max() + 1)[members] for _ in range(n_draws))
        return np.array(
            [
                calibration_error(self.confidence.ravel(), (one < self.confidence).ravel())
                for one in luck
            ]
        )


def material_of(music: Path, rows: list[dict[str, str]], cache: Path) -> Material:
    tracks = [
        LabelledTrack(music / r["path"], (r["genre"],), r["artist"], r["album"], r["title"])
        for r in rows
    ]
    classifier = Classifier(read_bundle(SHIPPED), lazily=True)
    ears = local_ears(
        classifier, Cache(cache), Effort(), n_workers=os.cpu_count() or 1, n_files=len(tracks)
    )
    with closing(ears):
        heard = list(hear_tracks(tracks, ears, lambda *_: None))
    return make_material([track for track, _ in heard], [sound for _, sound in heard])


def report(name: str, material: Material, seeds: int) -> dict[str, Answers]:
    found: dict[str, Answers] = {}
    labels = [track.label for track in material.tracks]
    artists = [track.artist for track in material.tracks]
    runs: dict[str, list] = {"baseline": [], "sound alone": [], "with its artist's tracks": []}
    for seed in range(seeds):
        options = HeadOptions(seed=seed)
        context = evaluate_out_of_fold(material, options)
        runs["baseline"].append((baseline(material, context.split), None))
        alone = evaluate_out_of_fold(material, replace(options, context=False))
        runs["sound alone"].append((alone.probabilities, alone))
        runs["with its artist's tracks"].append((context.probabilities, context))
    right = {
        what: np.array([is_right(p, material.allowed) for p, _ in results])
        for what, results in runs.items()
    }
    for what, results in runs.items():
        correct = right[what]
        balanced = np.mean([balanced_accuracy(row, labels) for row in correct])
        confidence = np.array([p.max(axis=1) for p, _ in results])
        line = f"| {name} | {what} | {correct.mean():.3f} | {balanced:.3f} |"
        if what == "baseline":
            print(f"{line} | | | | | |")
            continue
        gain = (correct.astype(float) - right["baseline"]).mean(axis=0)
        interval = artist_interval(lambda i, gain=gain: float(gain[i].mean()), artists)
        accepted = np.array([evaluated.accepted for _, evaluated in results])
        slices = np.mean([evaluated.slice_accuracy for _, evaluated in results])
        found[what] = Answers(confidence, correct, accepted, artists)
        print(
            f"{line} {interval.value:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}] "
            f"| {slices:.3f} | {found[what].calibration()} |",
            flush=True,
        )
    return found


def report_parts(name: str, material: Material, seeds: int) -> None:
    """Each of the classifiers alone, and their mean, on the same folds."""
    labels = [track.label for track in material.tracks]
    options = HeadOptions()
    results: dict[str, list[np.ndarray]] = {}
    for seed in range(seeds):
        split = split_tracks(material.tracks, seed)
        logits = defaultdict(lambda: np.zeros(material.allowed.shape))
        for fold in range(split.n_folds):
            inside = split.fold == fold
            for what, head in parts_and_mean(material, np.flatnonzero(~inside), options).items():
                logits[what][inside] = head.logits(material.means[inside].astype(np.float32))
        for what, values in logits.items():
            results.setdefault(what, []).append(is_right(values, material.allowed))
    for what, right in results.items():
        balanced = np.mean([balanced_accuracy(row, labels) for row in right])
        print(f"| {name} | {what} | {np.mean(right):.3f} | {balanced:.3f} |", flush=True)


def parts_and_mean(material: Material, tracks: np.ndarray, options: HeadOptions) -> dict[str, Head]:
    x, allowed = material.means[tracks], material.allowed[tracks]
    sizes = np.bincount(material.truth[tracks])[material.truth[tracks]].astype(np.float64)
    targets = allowed / allowed.sum(axis=1, keepdims=True)
    return {
        "one-vs-rest": fit_head(x, allowed, sizes**-options.balance, options.ridge),
        "discriminant": fit_discriminant(x, targets, 1 / sizes, SHRINKAGE),
        "ridge regression": fit_least_squares(x, targets, 1 / sizes, RIDGE),
        "the three averaged": fit(material, tracks, options),
    }


def baseline(material: Material, split: object) -> np.ndarray:
    probabilities = np.zeros(material.allowed.shape)
    for fold in range(split.n_folds):
        inside = split.fold == fold
        scaler = StandardScaler().fit(material.means[~inside])
        model = LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000)
        model.fit(scaler.transform(material.means[~inside]), material.truth[~inside])
        answers = model.predict_proba(scaler.transform(material.means[inside]))
        probabilities[np.ix_(inside, model.classes_)] = answers
    return probabilities


if __name__ == "__main__":
    main()
