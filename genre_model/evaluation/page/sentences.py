"""What the figures of a report mean, in plain language; text only, nothing is escaped here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from genre_model.core.specs import UNREACHED_THRESHOLD
from genre_model.core.text import aligned, count, decimal, harmless, percent, points, span
from genre_model.evaluation.metrics import FEWEST_ANSWERS
from genre_model.evaluation.page.charts import in_points
from genre_model.evaluation.report import (
    EpochReport,
    LearningPoint,
    ModelFigures,
    ReliabilityBin,
    Report,
)

# Smaller differences are not mentioned: of song accuracy, and of confidence minus accuracy.
SMALL_GAIN = 0.01

SMALL_GAP = 0.02

NOT_IN_TRAINING = {
    "artist": "tracks of artists it was not trained on",
    "album": "tracks of albums it was not trained on",
    "song": "tracks it was not trained on",
}


def out_of(share: float) -> str:
    """A share in words, such as ``about 3 of 4``, by the smallest whole numbers that are close."""
    if not math.isfinite(share):
        return "an unknown number of"
    if share in {0, 1}:
        return "all" if share else "none of the"
    for whole in (2, 3, 4, 5, 10, 20, 100):
        part = round(share * whole)
        if 0 < part < whole and abs(share - part / whole) <= 0.015:
            return f"about {part} of {whole}"
    return "nearly all" if share > 0.5 else "hardly any"


def verdict(report: Report) -> str:
    """The report in one sentence."""
    held_out = NOT_IN_TRAINING.get(report.group_by, NOT_IN_TRAINING["song"])
    right = out_of(report.song_accuracy.value)
    start = f"On {held_out}, it names the right genre for {right} songs"
    if not report.coverage > 0 or report.threshold == UNREACHED_THRESHOLD:
        return f"{start}; at the chosen threshold it answers none of them."
    chosen = (
        "at the chosen threshold"
        if report.n_folds == 1
        else "at thresholds that were chosen on other tracks"
    )
    n_answers = round(report.coverage * report.n_tracks)
    if n_answers < FEWEST_ANSWERS:
        return (
            f"{start}; {chosen} it answers {n_answers} of {report.n_tracks:,} "
            "tracks, too few to say how often it is right."
        )
    return (
        f"{start}; {chosen} it answers {percent(report.coverage)} of tracks, and "
        f"{percent(report.precision.value)} of those answers are right."
    )


def answered(report: Report) -> str:
    """By which threshold the songs of the coverage were answered.

    With several folds, each gets its threshold from the others, and the model's is from all tracks.
    """
    unanswering = report.threshold == UNREACHED_THRESHOLD
    if report.n_folds == 1:
        return (
            "songs answered: there is no threshold"
            if unanswering
            else f"songs answered at the threshold, {decimal(report.threshold)}"
        )
    models = (
        "the model itself answers nothing"
        if unanswering
        else f"the model's is {decimal(report.threshold)}"
    )
    return f"songs answered, each by a threshold from the other folds; {models}"


def summary(report: Report) -> list[str]:
    """The main figures, one line each, for a terminal."""
    accuracy, precision = report.song_accuracy, report.precision
    split = (
        f"{report.n_tracks} tracks of {report.n_artists} artists, {count(report.n_folds, 'fold')}"
    )
    answers = f"{report.coverage:.1%}" if report.coverage else "none of them"
    if report.threshold == UNREACHED_THRESHOLD:
        answering = f"it answers nothing: {unreached(report.target_precision)}"
    elif report.n_folds == 1:  # the threshold was chosen on other tracks
        answering = f"at a threshold of {report.threshold:.2f} it answers {answers}"
    else:
        answering = (
            f"it answers {answers}, by a threshold that each fold gets from the others; the "
            f"model's threshold is {report.threshold:.2f}"
        )
    lines = [
        f"{split}, {report.split_reason}",
        f"right: {accuracy.value:.1%} of songs ({accuracy.bounds()})",
        *without_play_history(report),
        f"always the most frequent genre: {report.majority_baseline:.1%}",
        answering,
    ]
    if math.isfinite(precision.value) and report.threshold != UNREACHED_THRESHOLD:
        lines.append(f"right, of those answers: {right_of_answers(report, share)}")
    return [*lines, *comparison(report)]


def comparison(report: Report) -> list[str]:
    """The new model and the others, one line each, and why a model is missing, if one is."""
    missing = [report.not_compared] if report.not_compared else []
    if not report.models:
        return missing
    rows = [["model", "right", "per genre", "answered", "right of those", "the new one's gain"]]
    rows += [
        [
            harmless(figures.name),
            share(figures.accuracy.value),
            share(figures.balanced_accuracy.value),
            share(figures.coverage),
            right_of_answers(figures, share),
            gain_of(figures),
        ]
        for figures in report.models
    ]
    return [*aligned(rows, "<>>>>"), *compared_on(report), *missing]


def compared_on(report: Report) -> list[str]:
    """On how many tracks the models were compared, if not on all."""
    n = report.models[0].n_tracks
    if n == report.n_tracks:
        return []
    all_tracks = count(report.n_tracks, "track")
    why = "the others are by artists that the model in use was trained on"
    return [f"compared on {n:,} of {all_tracks}: {why}"]


def share(value: float) -> str:
    """A share as percent with one decimal; a dash if it is unknown."""
    return f"{value:.1%}" if math.isfinite(value) else "-"


def right_of_answers(figures: Report | ModelFigures, as_text: Callable[[float], str]) -> str:
    """The share of the answers that are right, as text; their numbers if the answers are few."""
    n_answers = figures.coverage * figures.n_tracks  # NaN if nothing was judged
    if 0 < n_answers < FEWEST_ANSWERS - 0.5:
        return f"{figures.precision.value * n_answers:.0f} of {n_answers:.0f}"
    return as_text(figures.precision.value)


def gain_of(figures: ModelFigures) -> str:
    """The new model's gain over this one in percentage points of songs, with its 95 % interval."""
    return "" if figures.gain is None else in_points(figures.gain)


def without_play_history(report: Report) -> list[str]:
    """The accuracy without the play history, if that is a feature."""
    accuracy = report.accuracy_without_play_history
    return [] if accuracy is None else [f"right, without the play history: {accuracy:.1%}"]


def warnings(report: Report) -> list[str]:
    """Reasons for a reader not to trust the verdict too much."""
    baseline = report.majority_baseline
    found = {
        "The same artists may be in training and in testing, so these figures flatter the model: "
        "expect less on artists that are new to it.": report.group_by != "artist",
        "This is not clearly better than always answering with the commonest genre, which is right "
        f"for {percent(baseline)} of songs.": report.song_accuracy.low <= baseline,
        f"The target, {percent(report.target_precision)} of answers right, was not reached on "
        "these tracks.": report.precision.value < report.target_precision,
    }
    return [sentence for sentence, holds in found.items() if holds]


def would_more_labels_help(curve: Sequence[LearningPoint]) -> str:
    """Whether more labels would help, by the last two points of the learning curve."""
    known = [point for point in curve if math.isfinite(point.accuracy)]
    if len(known) < 2:
        return (
            "Cannot say: there are too few tracks to compare with fewer, or the labels do not "
            "correct the shipped model yet."
        )
    before, after = known[-2:]
    gain = after.accuracy - before.accuracy
    went = f"From {before.n_tracks:,} to {count(after.n_tracks, 'track')}, song accuracy " + (
        f"{'rose' if gain > 0 else 'fell'} by {points(gain)}" if gain else "did not change"
    )
    if not all(map(math.isfinite, (before.low, before.high, after.low, after.high))):
        return f"Cannot say: {went[0].lower()}{went[1:]}, but no interval says how surely."
    if after.low > before.high:
        return f"Yes, very likely. {went}, more than chance explains, and may rise further."
    if gain > SMALL_GAIN:
        return f"Perhaps. {went}, but the intervals overlap, so it could be chance."
    if gain >= -SMALL_GAIN:
        return (
            f"Probably not much. {went}, which is next to nothing. Checking doubtful labels, or "
            "adding artists to the weakest genres, is likely to do more than more of the same."
        )
    return f"There is no sign of it. {went}; where the intervals overlap, that could be chance."


def trust(bins: Sequence[ReliabilityBin], calibration_error: float) -> str:
    """Whether the stated confidence can be trusted."""
    total = sum(entry.n_tracks for entry in bins)
    if not total or not math.isfinite(calibration_error):
        return "There are too few answers to say whether its confidence can be trusted."
    gap = sum((entry.mean_confidence - entry.accuracy) * entry.n_tracks for entry in bins) / total
    if abs(gap) < SMALL_GAP:
        lean = "with no lean to either side"
    else:
        lean = f"it is too {'sure of itself' if gap > 0 else 'modest'} more often than not"
    return f"Its confidence is off by {points(calibration_error)} on average; {lean}."


def unreached(target: float) -> str:
    """Why there is no threshold."""
    return f"there is no confidence from which {target:.0%} of its answers are right"


def choice_of_threshold(report: Report) -> str:
    """How the threshold was chosen, and the precision that such a threshold gives."""
    target, precision = report.target_precision, report.precision
    if report.threshold == UNREACHED_THRESHOLD:
        return f"It answers nothing: {unreached(target)}."
    chosen = (
        f"The threshold, a confidence of {decimal(report.threshold)}, was chosen so that "
        f"{percent(target)} of the answers should be right"
    )
    here = "here" if report.n_folds == 1 else "with thresholds chosen so on the other folds,"
    if not math.isfinite(precision.value):
        return f"{chosen}; {here} no track is answered."
    return (
        f"{chosen}; {here} {percent(precision.value)} are (95\u00a0% interval "
        f"{span(precision.low, precision.high)}). Tracks below it are left as they are."
    )


def mix_ups(
    genres: Sequence[str], confusion: Sequence[Sequence[int]]
) -> list[tuple[str, str, str]]:
    """The three commonest mistakes: true genre, answer, and how often of how many."""
    found = [
        (n, truth, answer, sum(row))
        for truth, row in zip(genres, confusion, strict=True)
        for answer, n in zip(genres, row, strict=True)
        if n and truth != answer
    ]
    found.sort(key=lambda entry: -entry[0])
    return [(truth, answer, f"{n:,} of {total:,}") for n, truth, answer, total in found[:3]]


def epoch_line(report: EpochReport) -> str:
    """One epoch of a training from scratch, in words."""
    return (
        f"epoch {report.epoch}: loss {report.loss:.3f}, of the validation "
        f"{report.slice_accuracy:.1%} of slices and {report.song_accuracy:.1%} of songs right"
    )
