"""The report on the clips that were kept out of the fit, as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from genre_model.core.arrays import Ints
from genre_model.core.specs import AggregationSpec
from genre_model.evaluation.metrics import accuracy, balanced_accuracy, calibration_error
from genre_model.model.head import Head
from shipped_model.choice import LEFT_OUT, THRESHOLD
from shipped_model.clips import Clips
from shipped_model.head import HeadSettings, LeftOut, Prior, leave_out
from shipped_model.scoring import Scored, score
from shipped_model.settings import Settings, vocabulary_of

THRESHOLDS = (0.5, 0.6, 0.65, 0.7, 0.8, 0.9)


def make_report(
    clips: Clips,
    fit: Ints,
    kept_out: Ints,
    head: Head,
    spec: AggregationSpec,
    settings: Settings,
    prior: Prior,
    chosen: HeadSettings,
) -> str:
    """The whole report; ``spec`` and ``chosen`` were chosen on the fitted half."""
    vocabulary = vocabulary_of(clips.genres, settings.parents)
    logits = head.logits(clips.means[kept_out].astype(np.float32))
    scored = score(clips, kept_out, logits, spec, vocabulary)
    of_slices = np.repeat(kept_out, [len(clips.features[index]) for index in kept_out])
    slice_logits = head.logits(np.concatenate([clips.features[index] for index in kept_out]))
    slices = score(clips, of_slices, slice_logits, spec, vocabulary)
    foreign = [leave_out(clips, fit, kept_out, prior, genre, chosen) for genre in LEFT_OUT]
    answers = {
        each.genre: score(
            each.clips,
            each.tracks,
            each.logits,
            spec,
            vocabulary_of(each.clips.genres, settings.parents),
        )
        for each in foreign
    }
    sections = [
        introduction(clips, fit, kept_out, spec, chosen),
        coverage_table(scored),
        figures(scored, slices),
        calibration_table(scored),
        label_table(scored),
        answer_table(clips.genres, scored),
        left_out_table(foreign, answers),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def introduction(
    clips: Clips, fit: Ints, kept_out: Ints, spec: AggregationSpec, chosen: HeadSettings
) -> list[str]:
    """The data of the measurement, the settings, and what "right" means."""
    n_fit = len({clips.artists[index] for index in fit})
    n_kept_out = len({clips.artists[index] for index in kept_out})
    return [
        f"Fitted on {len(fit)} clips of {n_fit} artists and {len(clips.renderings)} rendered scores, "
        f"measured on {len(kept_out)} clips of "
        f"{n_kept_out} other artists. Intervals: 95 %, artists resampled. "
        f"Ridge {chosen.ridge}, balance {chosen.balance}, weight of the tag groups "
        f"{chosen.group_weight}, inverse temperature "
        f"{spec.inverse_temperature} and the logit of something else, {spec.other_logit}, were "
        "chosen by folds inside the fitted half.",
        "",
        "*Right* is an answer that the clip's label leaves open (`shipped_model/genres.yaml`): "
        "rock, pop, metal, punk or alternative for AllMusic's Pop/Rock; the folder's genre or the "
        "label's own style for Magnatune. *Strictly right* counts the folder's genre alone.",
    ]


def names_of(sets: Iterable[str]) -> list[str]:
    """The name "all", then the name of each set."""
    return ["all", *sorted(set(sets))]


def coverage_table(scored: Scored) -> list[str]:
    """How much is answered at several thresholds, and how much of that is right."""
    lines = [
        "## Accepted answers",
        "",
        "| music | threshold | coverage | right, of those accepted | strictly right |",
        "|---|---|---|---|---|",
    ]
    for name in names_of(scored.sets):
        inside = scored.inside(name)
        for threshold in THRESHOLDS if name == "all" else (THRESHOLD,):
            accepted = scored.confidence[inside] >= threshold
            strict = accuracy(scored.right_strict[inside[accepted]])
            mark = " (default)" if threshold == THRESHOLD else ""
            lines.append(
                f"| {name} | {threshold:.2f}{mark} | {accepted.mean():.3f} "
                f"| {scored.precision(inside, threshold)} | {strict:.3f} |"
            )
    return lines


def figures(scored: Scored, slices: Scored) -> list[str]:
    """Accuracy of songs and of slices, and of the most frequent label as a constant answer."""
    lines = [
        "## All answers, accepted or not",
        "",
        "| music | songs right | balanced | slices right | most frequent label | calibration error |",
        "|---|---|---|---|---|---|",
    ]
    for name in names_of(scored.sets):
        inside = scored.inside(name)
        labels = scored.labels[inside].tolist()
        lines.append(
            f"| {name} | {accuracy(scored.right[inside]):.3f} "
            f"| {balanced_accuracy(scored.right[inside], labels):.3f} "
            f"| {accuracy(slices.right[slices.inside(name)]):.3f} "
            f"| {Counter(labels).most_common(1)[0][1] / len(labels):.3f} "
            f"| {calibration_error(scored.confidence[inside], scored.right[inside]):.3f} |"
        )
    return lines


def calibration_table(scored: Scored) -> list[str]:
    """Accuracy by confidence, in steps of a tenth."""
    lines = [
        "## Confidence against being right",
        "",
        "| confidence | clips | right |",
        "|---|---|---|",
    ]
    for low in np.arange(0.2, 1.0, 0.1):
        inside = (scored.confidence >= low) & (scored.confidence < low + 0.1 + 1e-9)
        if inside.any():
            lines.append(
                f"| {low:.1f}-{low + 0.1:.1f} | {inside.sum()} | {scored.right[inside].mean():.2f} |"
            )
    return lines


def label_table(scored: Scored) -> list[str]:
    """Coverage, precision and recall of each label's clips."""
    lines = [
        "## By label, at the default threshold",
        "",
        "Coverage: accepted of the clips. Precision: right of the accepted. Recall: right of the clips.",
        "",
        "| label | clips | accepted | right, of those | coverage | precision | recall | wrong answers |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for label in sorted(set(scored.labels)):
        accepted = (scored.labels == label) & scored.accepted
        wrong = np.array(scored.answers)[accepted & ~scored.right].tolist()
        n_clips, n_right = (scored.labels == label).sum(), scored.right[accepted].sum()
        lines.append(
            f"| {label} | {n_clips} | {accepted.sum()} | {n_right} | {accepted.sum() / n_clips:.2f} "
            f"| {n_right / max(accepted.sum(), 1):.2f} | {n_right / n_clips:.2f} "
            f"| {counted(wrong)} |"
        )
    return lines


def answer_table(genres: Sequence[str], scored: Scored) -> list[str]:
    """The precision of the answers, for each genre."""
    lines = [
        "## By answer, at the default threshold",
        "",
        "A genre without a row was not answered once.",
        "",
        "| answer | given | right, of those | wrongly to |",
        "|---|---|---|---|",
    ]
    for genre in genres:
        given = np.flatnonzero(scored.accepted & (np.array(scored.answers) == genre))
        if len(given):
            wrong = scored.labels[given][~scored.right[given]].tolist()
            precision = scored.precision(given, THRESHOLD)
            lines.append(f"| {genre} | {len(given)} | {precision} | {counted(wrong)} |")
    return lines


def left_out_table(foreign: Sequence[LeftOut], answers: dict[str, Scored]) -> list[str]:
    """How clips are answered whose genre is not in the list."""
    lines = [
        "## A genre that the list lacks",
        "",
        "Each genre in turn is taken out of the list and of the fit; then its kept-out clips are "
        "classified. Whatever is accepted of them is wrong.",
        "",
        "| genre | clips | left alone | given another genre |",
        "|---|---|---|---|",
    ]
    n_clips = n_alone = 0
    for each in foreign:
        scored = answers[each.genre]
        alone = int((~scored.accepted).sum())
        given = np.array(scored.answers)[scored.accepted].tolist()
        n_clips, n_alone = n_clips + len(each.tracks), n_alone + alone
        lines.append(f"| {each.genre} | {len(each.tracks)} | {alone} | {counted(given)} |")
    return [*lines, f"| all | {n_clips} | {n_alone} | |"]


def counted(names: Sequence[str]) -> str:
    """Names and how often each occurs, the most frequent first."""
    return ", ".join(f"{name} {n}" for name, n in Counter(names).most_common()) or "-"
