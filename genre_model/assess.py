"""From out-of-fold verdicts to a :class:`Report`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from genre_model.dataset import lead_artist
from genre_model.evaluation import (
    N_BINS,
    Interval,
    accuracy,
    artist_interval,
    balanced_accuracy,
    calibration_error,
)
from genre_model.report import (
    CoveragePoint,
    Dropped,
    GenreFigures,
    LearningPoint,
    ReliabilityBin,
    Report,
    TrackResult,
)
from genre_model.training import Evaluated, HeadOptions, Material, evaluate_out_of_fold, is_right

Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]
Float64 = NDArray[np.float64]

HEAD_ARCHITECTURE = "embeddings"
N_MISTAKES = 50
N_RANKED = 4
LEARNING_SHARES = (0.25, 0.5, 0.75, 1.0)
MIN_LEARNING_TRACKS = 8


def make_report(
    material: Material,
    evaluated: Evaluated,
    options: HeadOptions,
    *,
    bundle_id: str,
    created_utc: str,
    dropped: Mapping[str, tuple[int, str]],
    architecture: str = HEAD_ARCHITECTURE,
) -> Report:
    """The report of a training; only a head's is repeated with fewer tracks."""
    probabilities, allowed = evaluated.probabilities, material.allowed
    right = is_right(probabilities, allowed)
    confidence = probabilities.max(axis=1)
    labels = [material.genres[index] for index in counted_as(material, probabilities)]
    groups = evaluated.split.groups
    names = {lead_artist(track.artist) for track in material.tracks} - {""}
    per_genre = genre_figures(material, probabilities)
    accepted = evaluated.accepted
    context = evaluated.context
    return Report(
        bundle_id=bundle_id,
        created_utc=created_utc,
        architecture=architecture,
        genres=material.genres,
        n_tracks=len(labels),
        n_artists=len(names),
        n_folds=evaluated.split.n_folds,
        group_by=evaluated.split.group_by,
        split_reason=evaluated.split.reason,
        majority_baseline=float(allowed.mean(axis=0).max()),
        slice_accuracy=evaluated.slice_accuracy,
        song_accuracy=accuracy_interval(right, groups),
        balanced_accuracy=artist_interval(
            lambda i: balanced_accuracy(right[i], [labels[k] for k in i]), groups
        ),
        macro_f1=float(np.mean([figures.f1 for figures in per_genre])),
        calibration_error=calibration_error(confidence, right),
        threshold=evaluated.threshold,
        target_precision=options.target_precision,
        coverage=float(accepted.mean()),
        precision=artist_interval(lambda i: accuracy(right[i][accepted[i]]), groups)
        if accepted.any()
        else Interval(float("nan"), float("nan"), float("nan")),
        per_genre=per_genre,
        confusion=confusion_matrix(material, probabilities),
        reliability=reliability(confidence, right),
        coverage_curve=coverage_curve(confidence, right),
        learning_curve=learning_curve(material, options)
        if architecture == HEAD_ARCHITECTURE
        else (),
        mistakes=mistakes(material, evaluated, right),
        dropped=tuple(Dropped(label, n, why) for label, (n, why) in sorted(dropped.items())),
        settings={
            "ridge": str(options.ridge),
            "balance": str(options.balance),
            "seed": str(options.seed),
            "tracks of one artist inform each other": "yes, as heard" if context else "no",
            "what a listener did with tracks counts": "yes" if evaluated.listening else "no",
            **several_genres(material),
        },
        accuracy_without_listening=accuracy_without_listening(material, evaluated),
    )


def accuracy_without_listening(material: Material, evaluated: Evaluated) -> float | None:
    """The share of songs right before it counted what a listener did; None where it does not."""
    if evaluated.without_listening is None:
        return None
    return float(is_right(evaluated.without_listening, material.allowed).mean())


def several_genres(material: Material) -> dict[str, str]:
    """How tracks that may be several genres are counted, where there are such."""
    n = sum(len(track.labels) > 1 for track in material.tracks)
    how = "each counts under the one answered, if that is one of its own, else under its first"
    return {"tracks of several genres": f"{n}; {how}"} if n else {}


def accuracy_interval(right: Bools, groups: Sequence[str]) -> Interval:
    """Song accuracy with its interval."""
    return artist_interval(lambda i: accuracy(right[i]), groups)


def counted_as(material: Material, probabilities: Float64) -> Indices:
    """(n_tracks,) the genre under which each track is counted: its first.

    A track that may be several counts under the one that was answered, if that is one of them.
    """
    answers = probabilities.argmax(axis=1)
    return np.where(is_right(probabilities, material.allowed), answers, material.truth)


def genre_figures(material: Material, probabilities: Float64) -> tuple[GenreFigures, ...]:
    """Precision, recall and F1 of each genre."""
    answers, truths = probabilities.argmax(axis=1), counted_as(material, probabilities)
    figures: list[GenreFigures] = []
    for index, genre in enumerate(material.genres):
        truly, answered = truths == index, answers == index
        hits = int((truly & answered).sum())
        precision = hits / int(answered.sum()) if answered.any() else None
        recall = hits / int(truly.sum()) if truly.any() else 0.0
        artists = {lead_artist(material.tracks[k].artist) for k in np.flatnonzero(truly).tolist()}
        f1 = 2 * precision * recall / (precision + recall) if precision else 0.0
        n_artists = len(artists - {""})
        figures.append(GenreFigures(genre, int(truly.sum()), n_artists, precision, recall, f1))
    return tuple(figures)


def confusion_matrix(material: Material, probabilities: Float64) -> tuple[tuple[int, ...], ...]:
    """Counts, truth by answer."""
    n = len(material.genres)
    counts = np.zeros((n, n), dtype=int)
    np.add.at(counts, (counted_as(material, probabilities), probabilities.argmax(axis=1)), 1)
    return tuple(tuple(row) for row in counts.tolist())


def reliability(confidence: Float64, right: Bools) -> tuple[ReliabilityBin, ...]:
    """Confidence against being right, in ten bins; empty ones are left out."""
    bins = np.clip((confidence * N_BINS).astype(int), 0, N_BINS - 1)
    return tuple(
        ReliabilityBin(
            index / N_BINS,
            (index + 1) / N_BINS,
            int((bins == index).sum()),
            float(confidence[bins == index].mean()),
            float(right[bins == index].mean()),
        )
        for index in np.unique(bins).tolist()
    )


def coverage_curve(confidence: Float64, right: Bools) -> tuple[CoveragePoint, ...]:
    """What thresholds from 0 up would do, as far as they accept anything."""
    points: list[CoveragePoint] = []
    for threshold in np.linspace(0, 1, 51).tolist():
        accepted = confidence >= threshold
        if accepted.any():
            points.append(
                CoveragePoint(threshold, float(accepted.mean()), float(right[accepted].mean()))
            )
    return tuple(points)


def learning_curve(material: Material, options: HeadOptions) -> tuple[LearningPoint, ...]:
    """Out-of-fold accuracy with fewer tracks, evenly thinned within each genre."""
    points: list[LearningPoint] = []
    plain = replace(options, context=False, listening=False)
    rng = np.random.default_rng(abs(options.seed))
    order = rng.permutation(len(material.tracks))
    rank = np.zeros(len(order))
    for index in range(len(material.genres)):
        members = order[material.truth[order] == index]
        rank[members] = (np.arange(len(members)) + 0.5) / len(members)
    for share in LEARNING_SHARES:
        kept = np.flatnonzero(rank < share)
        part = material.part(kept)
        if len(kept) < MIN_LEARNING_TRACKS or not part.allowed.any(axis=0).all():
            continue
        evaluated = evaluate_out_of_fold(part, plain)
        right = is_right(evaluated.probabilities, part.allowed)
        interval = accuracy_interval(right, evaluated.split.groups)
        points.append(LearningPoint(len(kept), interval.value, interval.low, interval.high))
    return tuple(points)


def mistakes(material: Material, evaluated: Evaluated, right: Bools) -> tuple[TrackResult, ...]:
    """The most confident wrong answers."""
    probabilities = evaluated.probabilities
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(~right)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:N_MISTAKES]
    results: list[TrackResult] = []
    for index in worst.tolist():
        track, row = material.tracks[index], probabilities[index]
        ranked = np.argsort(-row)[:N_RANKED].tolist()
        results.append(
            TrackResult(
                path=writable(str(track.path)),
                artist=writable(track.artist),
                title=writable(track.title or track.path.stem),
                truth=" or ".join(track.labels),
                answer=material.genres[ranked[0]],
                confidence=float(row[ranked[0]]),
                ranked={material.genres[k]: float(row[k]) for k in ranked},
                fold=int(evaluated.split.fold[index]),
            )
        )
    return tuple(results)


def writable(text: str) -> str:
    """Text that UTF-8 can write: the bytes of a file name that are no text are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()
