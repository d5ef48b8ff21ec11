"""Make a :class:`Report` from out-of-fold predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from genre_model.core.arrays import Bools, Float64, Ints
from genre_model.core.errors import GenreModelError
from genre_model.core.text import writable
from genre_model.data.artists import named_artists
from genre_model.evaluation.metrics import (
    N_BINS,
    Interval,
    calibration_error,
    label_figures,
    one_hot,
    ratio_interval,
    share_interval,
)
from genre_model.evaluation.report import (
    CoveragePoint,
    Dropped,
    GenreFigures,
    LearningPoint,
    ReliabilityBin,
    Report,
    TrackResult,
)
from genre_model.training.head.comparison import Rival, compare
from genre_model.training.head.cross_validation import right_out_of_fold
from genre_model.training.networks.registry import EMBEDDINGS
from genre_model.training.training_set import (
    CrossValidated,
    HeadOptions,
    TrainingSet,
    independent_groups,
    is_right,
)

N_MISTAKES = 50

N_RANKED = 4

LEARNING_SHARES = (0.25, 0.5, 0.75, 1.0)

MIN_LEARNING_TRACKS, N_LEAST_GENRES = 8, 2


def make_report(
    training_set: TrainingSet,
    cross_validated: CrossValidated,
    options: HeadOptions,
    *,
    bundle_id: str,
    created_utc: str,
    dropped: Mapping[str, tuple[int, str]],
    architecture: str = EMBEDDINGS,
    rivals: Sequence[Rival] = (),
    not_compared: str = "",
) -> Report:
    """The report of a training; only that of a head has a learning curve."""
    probabilities = training_set.by_root(cross_validated.probabilities)
    candidates = training_set.candidates
    right = is_right(probabilities, candidates)
    confidence = probabilities.max(axis=1)
    labels = [training_set.genres[index] for index in counted_as(training_set, probabilities)]
    groups = independent_groups(training_set, cross_validated.split)
    per_genre = genre_figures(training_set, probabilities)
    accepted = cross_validated.accepted
    context = cross_validated.context
    columns = one_hot(labels)
    shown = shown_genres(training_set, probabilities)
    models = compare(training_set, cross_validated, rivals) if rivals else ()
    return Report(
        bundle_id=bundle_id,
        created_utc=created_utc,
        architecture=architecture,
        genres=tuple(training_set.genres[index] for index in shown),
        n_tracks=len(labels),
        n_artists=len(named_artists(track.artist for track in training_set.tracks)),
        n_folds=cross_validated.split.n_folds,
        group_by=cross_validated.split.group_by,
        split_reason=cross_validated.split.reason,
        majority_baseline=float(candidates.mean(axis=0).max()),
        slice_accuracy=cross_validated.slice_accuracy,
        song_accuracy=accuracy_interval(right, groups),
        balanced_accuracy=ratio_interval(right[:, None] * columns, columns, groups),
        macro_f1=float(np.mean([figures.f1 for figures in per_genre])),
        calibration_error=calibration_error(confidence, right),
        threshold=cross_validated.threshold,
        target_precision=options.target_precision,
        coverage=float(accepted.mean()),
        precision=share_interval(right, accepted, groups),
        per_genre=per_genre,
        confusion=confusion_matrix(training_set, probabilities, shown),
        reliability=reliability(confidence, right),
        coverage_curve=coverage_curve(confidence, right),
        learning_curve=learning_curve(training_set, options, cross_validated)
        if architecture == EMBEDDINGS
        else (),
        mistakes=mistakes(training_set, cross_validated, probabilities, right),
        dropped=tuple(Dropped(label, n, why) for label, (n, why) in sorted(dropped.items())),
        settings={
            **strength_setting(cross_validated),
            "seed": str(options.seed),
            "tracks of one artist inform each other": "yes, by their audio" if context else "no",
            "play history is a feature": "yes" if cross_validated.play_history else "no",
            **several_genres(training_set),
        },
        accuracy_without_play_history=accuracy_without_play_history(training_set, cross_validated),
        models=models,
        not_compared=not_compared,
    )


def shown_genres(training_set: TrainingSet, probabilities: Float64) -> list[int]:
    """Indices of the genres that some track is labelled with or was predicted as."""
    answered = np.bincount(probabilities.argmax(axis=1), minlength=len(training_set.genres))
    shown: list[int] = np.flatnonzero(training_set.candidates.any(axis=0) | (answered > 0)).tolist()
    return shown


def strength_setting(cross_validated: CrossValidated) -> dict[str, str]:
    """The strength of the pull towards the starting model, if there is one."""
    strength = cross_validated.strength
    if strength is None:
        return {}
    as_it_is = math.isinf(strength)
    pull = "complete: nothing is corrected" if as_it_is else f"{strength:g} tracks"
    return {"pull towards the shipped model": pull}


def accuracy_without_play_history(
    training_set: TrainingSet, cross_validated: CrossValidated
) -> float | None:
    """The accuracy without the play history; None if the play history is not a feature."""
    if cross_validated.without_play_history is None:
        return None
    before = training_set.by_root(cross_validated.without_play_history)
    return float(is_right(before, training_set.candidates).mean())


def several_genres(training_set: TrainingSet) -> dict[str, str]:
    """How tracks with several genres are counted; empty if there are none."""
    n = sum(len(track.labels) > 1 for track in training_set.tracks)
    how = (
        "each counts under the one answered, if that is one of its own, else under its first; "
        "beside the other models, under its first"
    )
    return {"tracks of several genres": f"{n}; {how}"} if n else {}


def accuracy_interval(right: Bools, groups: Sequence[str]) -> Interval:
    """Song accuracy with its interval."""
    return share_interval(right, np.ones_like(right), groups)


def counted_as(training_set: TrainingSet, probabilities: Float64) -> Ints:
    """(n_tracks,) index of the genre that each track is counted under.

    That is the predicted genre if the track has it, else the track's first genre.
    """
    answers = probabilities.argmax(axis=1)
    return np.where(is_right(probabilities, training_set.candidates), answers, training_set.truth)


def genre_figures(training_set: TrainingSet, probabilities: Float64) -> tuple[GenreFigures, ...]:
    """Precision, recall and F1 of each genre that a track is counted under."""
    truths = counted_as(training_set, probabilities).tolist()
    artists: dict[int, set[str]] = {}
    for track, truth in zip(training_set.tracks, truths, strict=True):
        artists.setdefault(truth, set()).add(track.artist)
    return tuple(
        GenreFigures(
            training_set.genres[index],
            of_genre.tracks,
            len(named_artists(artists[index])),
            of_genre.precision,
            of_genre.recall,
            of_genre.f1,
        )
        for index, of_genre in label_figures(truths, probabilities.argmax(axis=1).tolist()).items()
    )


def confusion_matrix(
    training_set: TrainingSet, probabilities: Float64, shown: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    """Counts of the shown genres: a row per true genre, a column per predicted genre."""
    n = len(training_set.genres)
    counts = np.zeros((n, n), dtype=int)
    np.add.at(counts, (counted_as(training_set, probabilities), probabilities.argmax(axis=1)), 1)
    return tuple(tuple(row) for row in counts[np.ix_(shown, shown)].tolist())


def reliability(confidence: Float64, right: Bools) -> tuple[ReliabilityBin, ...]:
    """Confidence against accuracy, in ten bins; empty bins are left out."""
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
    """Coverage and precision for thresholds from 0 to 1, without those that accept no track."""
    points: list[CoveragePoint] = []
    for threshold in np.linspace(0, 1, 51).tolist():
        accepted = confidence >= threshold
        if accepted.any():
            points.append(
                CoveragePoint(threshold, float(accepted.mean()), float(right[accepted].mean()))
            )
    return tuple(points)


def learning_curve(
    training_set: TrainingSet, options: HeadOptions, cross_validated: CrossValidated
) -> tuple[LearningPoint, ...]:
    """Out-of-fold accuracy with fewer tracks, evenly thinned within each genre.

    It uses the strength and the aggregation that were chosen for all tracks, and no context.  It is
    empty if the labels correct nothing: then fewer of them give the same model.
    """
    points: list[LearningPoint] = []
    assert cross_validated.strength is not None
    if math.isinf(cross_validated.strength):
        return ()
    split_by = cross_validated.split.group_by  # also for the fewest tracks
    plain = replace(options, strengths=(cross_validated.strength,), split_by=split_by)
    rng = np.random.default_rng(abs(options.seed))
    order = rng.permutation(len(training_set.tracks))
    rank = np.zeros(len(order))
    for index in range(len(training_set.genres)):
        members = order[training_set.truth[order] == index]
        rank[members] = (np.arange(len(members)) + 0.5) / len(members)
    for share in LEARNING_SHARES:
        kept = np.flatnonzero(rank < share)
        part = training_set.part(kept)
        if len(kept) < MIN_LEARNING_TRACKS or len(set(part.truth.tolist())) < N_LEAST_GENRES:
            continue
        try:
            split, right = right_out_of_fold(part, plain, cross_validated.aggregation)
        except GenreModelError:  # all of one group, or too few to select slices from
            continue
        interval = accuracy_interval(right, independent_groups(part, split))
        points.append(LearningPoint(len(kept), interval.value, interval.low, interval.high))
    return tuple(points)


def mistakes(
    training_set: TrainingSet,
    cross_validated: CrossValidated,
    probabilities: Float64,
    right: Bools,
) -> tuple[TrackResult, ...]:
    """The most confident wrong answers, by the ``probabilities`` of the roots."""
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(~right)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:N_MISTAKES]
    results: list[TrackResult] = []
    for index in worst.tolist():
        track, row = training_set.tracks[index], probabilities[index]
        ranked = np.argsort(-row)[:N_RANKED].tolist()
        results.append(
            TrackResult(
                path=writable(str(track.path)),
                artist=writable(track.artist),
                title=writable(track.title or track.path.stem),
                truth=" or ".join(track.labels),
                answer=training_set.genres[ranked[0]],
                confidence=float(row[ranked[0]]),
                ranked={training_set.genres[k]: float(row[k]) for k in ranked},
                fold=int(cross_validated.split.fold[index]),
            )
        )
    return tuple(results)
