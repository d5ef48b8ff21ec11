"""How many labels a training needs: the shipped model, the former training and the present one.

    python -m studies.learning_curve MUSIC

MUSIC is the labelled development music, of which the study uses the artists that the shipped head
was not fitted on (``shipped_model.clips.fitted_half``).  In each of twelve draws, n tracks of
random artists are labelled, and the tracks of all other artists are the test; *all* is five folds
by artist, divided in twelve ways.  A draw that leaves fewer than a quarter of the tracks for the
test is skipped. A song counts as right if the leading genre among those of the set is its label; a
genre without a label in the draw is predicted by the shipped model's genres that belong to it.

*Former* is the training before it started from the shipped model: three classifiers fitted without
a prior, with genres of fewer than ten tracks left out.  Tracks of one artist do not inform each
other here.  Intervals are of the difference to the shipped model, and resample artists.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genre_model.core.specs import AggregationSpec
from genre_model.data.folds import split_tracks
from genre_model.evaluation.metrics import balanced_accuracy, one_hot, ratio_interval
from genre_model.model.aggregation import calibrated
from genre_model.model.bundle.store import SHIPPED, Bundle, load_bundle
from genre_model.model.head import Head, StartingModel
from genre_model.model.song_features import SongFeatures
from genre_model.training.head.correspondence import correspond
from genre_model.training.head.cross_validation import (
    TOLERATED,
    choose_strength,
    fit,
    out_of_fold_logits,
)
from genre_model.training.head.fit import fit_from_nothing
from genre_model.training.head.start import starting_from
from genre_model.training.training_set import HeadOptions, TrainingSet, make_training_set
from shipped_model.clips import fitted_half, read_rows, without_features
from shipped_model.settings import read_settings
from studies.training import material_of

LABELS = (10, 20, 40, 80, 160)
LEAST_TEST = 0.25
FORMER_MIN_TRACKS = 10
SYSTEMS = ("shipped", "former", "now")


@dataclass(frozen=True)
class Draw:
    """Indices of the labelled tracks, and of the test tracks by all other artists."""

    labelled: np.ndarray
    test: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("music", type=Path)
    parser.add_argument("--draws", type=int, default=12)
    parser.add_argument("--cache", type=Path, default=Path("features.db"))
    options = parser.parse_args()
    rows = read_rows(options.music)
    fitted = fitted_half(without_features(rows, read_settings()))
    rows = [row for row, used in zip(rows, fitted, strict=True) if not used]
    print(
        "| music | labels | tests | " + " | ".join(f"{s}, songs / balanced" for s in SYSTEMS),
        end="",
    )
    print(" | now against shipped, songs | balanced |\n|---|---|---|---|---|---|---|---|")
    for name in sorted({row["set"] for row in rows}):
        chosen = [row for row in rows if row["set"] == name]
        report(name, material_of(options.music, chosen, options.cache), options.draws)


def report(name: str, everything: TrainingSet, n_draws: int) -> None:
    shipped = load_bundle(SHIPPED)
    for n_labels in (*LABELS, None):
        answers: dict[str, list[np.ndarray]] = defaultdict(list)
        tested: list[np.ndarray] = []
        for draw in draws_of(everything, n_labels, n_draws):
            if n_labels and len(draw.test) < LEAST_TEST * len(everything.tracks):
                continue
            tested.append(draw.test)
            for system, probabilities in probabilities_of(everything, draw, shipped).items():
                answers[system].append(probabilities.argmax(axis=1))
        if tested:
            print(line(name, n_labels or "all", everything, tested, answers), flush=True)


def draws_of(everything: TrainingSet, n_labels: int | None, n_draws: int) -> list[Draw]:
    found = []
    for seed in range(n_draws):
        if n_labels is None:
            fold = split_tracks(everything.tracks, seed, group_by="artist").fold
            found += [
                Draw(np.flatnonzero(fold != one), np.flatnonzero(fold == one))
                for one in np.unique(fold)
            ]
            continue
        rng = np.random.default_rng([seed, n_labels])
        artists = np.array([track.artist for track in everything.tracks])
        order: list[int] = []
        names = rng.permutation(np.unique(artists))
        for artist in names:
            order += rng.permutation(np.flatnonzero(artists == artist)).tolist()
        labelled = np.array(order[:n_labels])
        test = np.flatnonzero(~np.isin(artists, artists[labelled]))
        found.append(Draw(labelled, test))
    return found


def probabilities_of(everything: TrainingSet, draw: Draw, shipped: Bundle) -> dict[str, np.ndarray]:
    """Probabilities or logits of each system, (n_test, n_genres of the set)."""
    test = [everything.extracted[index] for index in draw.test]
    truths = [everything.tracks[index] for index in draw.labelled]
    part = make_training_set(truths, [everything.extracted[index] for index in draw.labelled])
    own = correspond(
        everything.genres, shipped.manifest.genres, shipped.manifest.parents, {}, others=True
    )
    head = shipped.head()
    assert isinstance(head, Head)
    whole = StartingModel(head, shipped.manifest.aggregation.other_logit, own.shares)
    means = everything.means[draw.test].astype(np.float32)
    found = {"shipped": whole.logits(means)[:, : len(everything.genres)]}
    counts = Counter(track.label for track in truths)
    enough = [i for i, track in enumerate(truths) if counts[track.label] >= FORMER_MIN_TRACKS]
    if len({truths[i].label for i in enough}) > 1:
        teach = make_training_set(
            [truths[i] for i in enough], [part.extracted[i] for i in enough], everything.genres
        )
        found["former"] = fit_from_nothing(teach.means, teach.candidates, teach.truth).logits(means)
    if len(part.genres) > 1:
        found["now"] = present(part, everything, own.shares, shipped, test)
    else:
        found["now"] = found["shipped"]
    return found


def present(
    part: TrainingSet,
    everything: TrainingSet,
    shares: np.ndarray,
    shipped: Bundle,
    test: Sequence[SongFeatures],
) -> np.ndarray:
    """Probabilities by the present training, (n_test, n_genres of the set)."""
    options = HeadOptions()
    ready = starting_from(part, shipped, {}, others=True)
    split = split_tracks(ready.tracks, 0, tolerated=TOLERATED)
    logits = out_of_fold_logits(ready, split, options)
    strength = options.strengths[choose_strength(logits, np.ones(len(ready.tracks), np.bool_))]
    head = fit(ready, np.arange(len(ready.tracks)), options, strength)
    songs = np.array([head.song_logits(h.features) for h in test])
    probabilities = calibrated(songs, AggregationSpec("product", 1.0, 0.0))
    owned = shares[:-1].argmax(axis=1)
    total = np.zeros((len(test), len(everything.genres)))
    for column, genre in enumerate(ready.genres):
        if genre in part.genres:
            place = everything.genres.index(genre)
        else:
            place = int(owned[shipped.manifest.genres.index(genre)])
        if place < len(everything.genres):
            total[:, place] += probabilities[:, column]
    return total


def line(
    name: str,
    n_labels: object,
    everything: TrainingSet,
    tested: Sequence[np.ndarray],
    answers: Mapping[str, Sequence[np.ndarray]],
) -> str:
    """A row of the table."""
    where = np.concatenate(tested)
    truth = everything.truth[where]
    labels = [everything.genres[index] for index in truth]
    artists = [everything.tracks[index].artist for index in where]
    right = {
        system: np.concatenate(found) == truth
        for system, found in answers.items()
        if len(found) == len(tested)
    }
    cells = [
        f"{r.mean():.3f} / {balanced_accuracy(r, labels):.3f}"
        if (r := right.get(system)) is not None
        else "-"
        for system in SYSTEMS
    ]
    gain = right["now"].astype(float) - right["shipped"]
    columns = one_hot(labels)
    intervals = (
        ratio_interval(gain, np.ones(len(gain)), artists),
        ratio_interval(gain[:, None] * columns, columns, artists),
    )
    spans = [f"{one.value:+.3f} [{one.low:+.3f}, {one.high:+.3f}]" for one in intervals]
    return f"| {name} | {n_labels} | {len(where):,} | " + " | ".join(cells + spans) + " |"


if __name__ == "__main__":
    main()
