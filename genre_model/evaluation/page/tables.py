"""The figures of a report: the key figures, genre by genre, and genre against genre."""

from __future__ import annotations

import math

from genre_model.core.text import decimal, percent, span
from genre_model.evaluation.metrics import Interval
from genre_model.evaluation.page.charts import strip
from genre_model.evaluation.page.sentences import mix_ups
from genre_model.evaluation.page.shell import name, section, table, text
from genre_model.evaluation.report import Report

MAX_ROOMY = 12


def key_figures(report: Report) -> str:
    """The figures that sum up the model: three large, the others small."""
    baseline, nan = report.majority_baseline, math.nan
    large = [
        large_figure(
            "accuracy",
            "Song accuracy",
            report.song_accuracy,
            "right answers, of all songs",
            baseline,
        ),
        large_figure(
            "coverage",
            "Coverage",
            Interval(report.coverage, nan, nan),
            f"songs answered at the threshold, {decimal(report.threshold)}",
            nan,
        ),
        large_figure(
            "precision",
            "Precision",
            report.precision,
            "right answers, of those at the threshold",
            report.target_precision,
        ),
    ]
    balanced = report.balanced_accuracy
    small = [
        (
            "Balanced accuracy",
            percent(balanced.value),
            f"every genre counts the same; {span(balanced.low, balanced.high)}",
        ),
        ("Macro F1", decimal(report.macro_f1), "precision and recall, mean over genres"),
        ("Slice accuracy", percent(report.slice_accuracy), "for a few seconds by themselves"),
        ("Majority baseline", percent(baseline), "always answering the commonest genre"),
        ("Calibration error", decimal(report.calibration_error, 3), "how far confidence is off"),
    ]
    return section(
        "figures",
        "Key figures",
        f'<dl class="large">\n{"".join(large)}</dl>\n<dl class="small">\n',
        *(
            f'<div><dt>{label}</dt><dd class="figure">{text(figure)}</dd>'
            f'<dd class="note">{text(meaning)}</dd></div>\n'
            for label, figure, meaning in small
        ),
        "</dl>\n",
    )


def large_figure(ident: str, label: str, figure: Interval, meaning: str, mark: float) -> str:
    """One of the large figures, with its interval drawn; ``mark`` is what to compare it with."""
    mark_name = {"accuracy": "baseline", "precision": "target"}.get(ident, "")
    notes = [f"95\u00a0% interval {span(figure.low, figure.high)}"] if mark_name else []
    notes += [f"{mark_name} {percent(mark)}"] if mark_name else []
    return (
        f'<div><dt>{label}</dt><dd class="figure">{text(percent(figure.value))}</dd>'
        f"<dd>{strip(f'{ident}-strip', label, figure, mark, mark_name)}</dd>"
        f'<dd>{text(meaning)}</dd><dd class="note">{text(", ".join(notes))}</dd></div>\n'
    )


def genre_table(report: Report) -> str:
    """What each genre is worth, the best first."""
    best_first = sorted(
        report.per_genre, key=lambda figures: figures.f1 if math.isfinite(figures.f1) else -1
    )[::-1]
    rows = [
        (
            name(figures.genre),
            f"{figures.n_tracks:,}",
            f"{figures.n_artists:,}",
            barred(figures.precision),
            barred(figures.recall),
            barred(figures.f1, decimal(figures.f1)),
        )
        for figures in best_first
    ]
    heads = ("Genre", "Tracks", "Artists", "Precision", "Recall", "F1")
    return section(
        "genres",
        "Genre by genre",
        "<p>Precision: of the songs it gave this genre, how many have it. Recall: of the songs "
        "that have this genre, how many it found. F1 joins the two.</p>\n",
        table("All songs, also those below the threshold; the best first", heads, rows, "genres"),
    )


def barred(share: float | None, figure: str | None = None) -> str:
    """A share as a number and a bar."""
    known = share is not None and math.isfinite(share)
    width = min(100.0, max(0.0, share * 100)) if share is not None and known else 0.0
    return (
        f'<span class="pc">{text(figure or percent(share))}</span>'
        f'<span class="bar" aria-hidden="true"><i style="width:{width:.0f}%"></i></span>'
    )


def confusion_table(report: Report) -> str:
    """Which genres are taken for which."""
    heads = ["true genre \u2193"] + [
        f'<span class="turned" title="{text(genre)}">{name(genre)}</span>'
        for genre in report.genres
    ]
    rows = [
        (name(genre), *(heat_cell(n, sum(row), index == place) for place, n in enumerate(row)))
        for index, (genre, row) in enumerate(zip(report.genres, report.confusion, strict=True))
    ]
    worst = [
        f"{name(truth)} taken for {name(answer)} ({text(often)})"
        for truth, answer, often in mix_ups(report.genres, report.confusion)
    ]
    sentence = f"Most often: {'; '.join(worst)}." if worst else "It never takes one for another."
    kind = "heat roomy" if len(report.genres) <= MAX_ROOMY else "heat"
    caption = "Number of songs: true genre down, answer across; the deeper, the more of its row"
    return section(
        "confusion",
        "What it takes for what",
        f"<p>{sentence}</p>\n",
        table(caption, heads, rows, kind),
    )


def heat_cell(n: int, total: int, is_right: bool) -> str:
    """A cell of the confusion table, shaded by its share of the row."""
    kinds = " ".join(kind for kind, holds in (("right", is_right), ("none", not n)) if holds)
    share = n / total if total else 0.0
    return f'<td class="{kinds}" style="--v:{share:.3f}">{n:,}</td>'
