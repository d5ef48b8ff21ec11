"""Are wrong genres found?  Flips labels of the development music and looks for them.

    python -m studies.label_errors MUSIC --seeds 10 --cache features.db

Five per cent of the labels are changed to another genre, drawn evenly: of single tracks, or of all
tracks of an artist.  A head learns from all labels, and the tracks are ranked by the probability of
the label that they have, the lowest first.  ``out of fold`` is what ``beet cnnerrors`` does;
``fitted`` uses the model that has learned the wrong labels; in random order, precision is the share
of wrong labels.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from genre_model.data.artists import lead_artist
from genre_model.data.folds import context_group
from genre_model.data.tracks import LabelledTrack
from genre_model.evaluation.label_errors import FIRM
from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.training.calibration import Calibration, Songs
from genre_model.training.head.cross_validation import evaluate_out_of_fold, fit
from genre_model.training.head.start import starting_from
from genre_model.training.training_set import HeadOptions, TrainingSet, make_training_set
from studies.training import material_of

SHARE = 0.05
LENGTHS = (0.01, 0.025, 0.05, 0.1, 0.2)  # of the list, as a share of all tracks
RANKINGS = ("what is left for the label", "ratio to the leading genre", "lead of another genre")


@dataclass(frozen=True)
class Ranking:
    """One seed: the order of the tracks, (n_tracks,), which are flipped, and how many are firm."""

    order: np.ndarray
    flipped: np.ndarray
    n_firm: int

    def at(self, n: int) -> tuple[float, float, float]:
        """Length, precision and recall of the first ``n``."""
        hits = self.flipped[self.order[:n]].sum()
        return n, hits / n if n else np.nan, hits / self.flipped.sum()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("music", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--cache", type=Path, default=Path("features.db"))
    options = parser.parse_args()
    rows = list(csv.DictReader((options.music / "manifest.csv").open(encoding="utf-8")))
    training_set = material_of(options.music, rows, options.cache)
    heads = "".join(f" {share:.1%} |" for share in LENGTHS)
    print(
        f"{len(training_set.tracks)} tracks, {len(training_set.genres)} genres; "
        "cells: precision, recall"
    )
    print(f"| flipped | verdicts | ranked by |{heads} firm | tracks in that list |")
    print("|---|---|---|" + "---|" * (len(LENGTHS) + 2))
    for what in ("tracks", "artists"):
        found: dict[tuple[str, str], list[Ranking]] = {}
        for seed in range(options.seeds):
            for key, ranking in rankings(training_set, what, seed).items():
                found.setdefault(key, []).append(ranking)
        for (verdicts, by), runs in found.items():
            print(f"| {what} | {verdicts} | {by} | {cells(runs)} |", flush=True)


def cells(runs: Sequence[Ranking]) -> str:
    """The table's cells: means over the seeds."""
    n_tracks = len(runs[0].order)
    lengths = [[run.at(round(share * n_tracks)) for run in runs] for share in LENGTHS]
    shown = [f"{p:.2f}, {r:.2f}" for _, p, r in np.mean(lengths, axis=1)]
    if not any(run.n_firm for run in runs):
        return " | ".join([*shown, "", ""])
    n, p, r = np.nanmean([run.at(run.n_firm) for run in runs], axis=0)
    return " | ".join([*shown, f"{p:.2f}, {r:.2f}", f"{n:.0f}"])


def rankings(training_set: TrainingSet, what: str, seed: int) -> dict[tuple[str, str], Ranking]:
    """The ranking of the tracks by each way to look for flipped labels."""
    rng = np.random.default_rng(seed)
    flipped, tracks = flip(training_set, what, rng)
    wrong = starting_from(
        make_training_set(tracks, training_set.extracted, training_set.genres),
        load_bundle(SHIPPED),
        {},
        others=False,
    )
    options = HeadOptions(seed=seed)
    cross_validated = evaluate_out_of_fold(wrong, options)
    head = fit(wrong, np.arange(len(tracks)), options, cross_validated.strength or np.inf)
    logits = [head.logits(extracted.features) for extracted in wrong.extracted]
    songs = Songs(logits, wrong, [context_group(track) for track in tracks])
    fitted = Calibration(cross_validated.aggregation, cross_validated.context).apply(songs)
    found = {("", "random order"): Ranking(rng.permutation(len(tracks)), flipped, 0)}
    for verdicts, probabilities in (
        ("out of fold", cross_validated.probabilities),
        ("fitted", fitted),
    ):
        left = (probabilities * wrong.candidates).sum(axis=1)
        other = np.where(wrong.candidates, 0, probabilities).max(axis=1)
        n_firm = int(((1 - left >= FIRM) & (other > left)).sum())
        scores = (left, left / other, left - other)
        for by, score in zip(RANKINGS, scores, strict=True):
            firm = n_firm if by == RANKINGS[0] else 0
            found[verdicts, by] = Ranking(np.argsort(score, kind="stable"), flipped, firm)
    return found


def flip(
    training_set: TrainingSet, what: str, rng: np.random.Generator
) -> tuple[np.ndarray, list[LabelledTrack]]:
    """Change labels: which tracks are flipped, (n_tracks,), and all tracks as labelled then."""
    n_wanted = round(SHARE * len(training_set.tracks))
    groups: dict[str, list[int]] = {}
    for index, track in enumerate(training_set.tracks):
        name = lead_artist(track.artist) if what == "artists" else ""
        groups.setdefault(name or str(index), []).append(index)
    tracks = list(training_set.tracks)
    flipped = np.zeros(len(tracks), dtype=bool)
    for group in rng.permutation(np.array(list(groups), dtype=object)):
        members = groups[group]
        others = [genre for genre in training_set.genres if genre != tracks[members[0]].label]
        label = str(rng.choice(others))
        for index in members:
            tracks[index] = replace(tracks[index], labels=(label,))
            flipped[index] = True
        if flipped.sum() >= n_wanted:
            break
    return flipped, tracks


if __name__ == "__main__":
    main()
