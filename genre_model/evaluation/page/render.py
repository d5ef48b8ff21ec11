"""A report as one page of HTML that needs nothing else: no network, no script, no other file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from genre_model.core.text import count, decimal, moment, percent, span
from genre_model.evaluation.page.charts import coverage_chart, learning_chart, reliability_chart
from genre_model.evaluation.page.sentences import (
    choice_of_threshold,
    trust,
    verdict,
    warnings,
    would_more_labels_help,
)
from genre_model.evaluation.page.shell import details, document, name, section, table, text
from genre_model.evaluation.page.tables import confusion_table, genre_table, key_figures
from genre_model.evaluation.report import Report, TrackResult

MAX_MISTAKES = 50


MAX_ROWS = 12


MAX_RUNNERS_UP = 3


NUMBERS = "The numbers behind this chart"


T = TypeVar("T")


def render_html(report: Report) -> str:
    """The report as a page; whatever it holds is shown as text and never as markup."""
    parts = (
        opening,
        key_figures,
        genre_table,
        confusion_table,
        confidence,
        learning,
        method,
        dropped_labels,
        mistakes,
    )
    body = "".join(part(report) for part in parts)
    closing = (
        '<footer class="note">Drawn from <code>report.json</code>, which lies beside this page and '
        "holds every figure. Intervals are 95\u00a0% intervals from resampling whole artists."
        "</footer>\n"
    )
    return document(f"Genre model {report.bundle_id}: training report", body + closing)


def paragraph(sentence: str, kind: str = "") -> str:
    """A sentence, escaped, on its own."""
    return f'<p class="{kind}">{text(sentence)}</p>\n' if kind else f"<p>{text(sentence)}</p>\n"


def opening(report: Report) -> str:
    """Title, verdict, and what was trained on what."""
    facts = [
        name(report.bundle_id),
        text(moment(report.created_utc)),
        name(report.architecture),
        text(count(report.n_tracks, "track")),
        text(count(report.n_artists, "artist")),
        text(count(len(report.genres), "genre")),
    ]
    return (
        '<header>\n<h1>Training report of a genre model</h1>\n<p class="lead">'
        f'{text(verdict(report))}</p>\n<ul class="facts">'
        + "".join(f"<li>{fact}</li>" for fact in facts)
        + "</ul>\n</header>\n"
        + "".join(paragraph(sentence, "warning") for sentence in warnings(report))
    )


def confidence(report: Report) -> str:
    """Whether its confidence can be trusted, and what a threshold on it does."""
    bins = [
        (
            text(span(entry.low, entry.high)),
            f"{entry.n_tracks:,}",
            text(percent(entry.mean_confidence)),
            text(percent(entry.accuracy)),
        )
        for entry in report.reliability
    ]
    curve = [
        (decimal(point.threshold), text(percent(point.coverage)), text(percent(point.precision)))
        for point in thinned(report.coverage_curve)
    ]
    left = (
        "<div><h3>Is it as sure as it should be?</h3>\n"
        + reliability_chart(report.reliability)
        + paragraph(trust(report.reliability, report.calibration_error))
        + numbers("Reliability", ("Confidence", "Tracks", "Mean confidence", "Right"), bins)
        + "</div>\n"
    )
    right = (
        "<div><h3>What the threshold does</h3>\n"
        + coverage_chart(
            report.coverage_curve,
            report.threshold,
            report.target_precision,
            (report.coverage, report.precision.value),
        )
        + paragraph(
            choice_of_threshold(report.threshold, report.target_precision, report.precision)
        )
        + numbers("Thresholds", ("Threshold", "Answered", "Right of those"), curve)
        + "</div>\n"
    )
    return section("confidence", "Its confidence", f'<div class="pair">\n{left}{right}</div>\n')


def numbers(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """What a chart was drawn from, folded away."""
    return details(NUMBERS, table(caption, heads, rows)) if rows else ""


def thinned(points: Sequence[T]) -> list[T]:
    """At most ``MAX_ROWS`` of many points, evenly, with the first and the last."""
    if len(points) <= MAX_ROWS:
        return list(points)
    step = (len(points) - 1) / (MAX_ROWS - 1)
    return [points[round(index * step)] for index in range(MAX_ROWS)]


def learning(report: Report) -> str:
    """Whether more labels would help."""
    rows = [
        (f"{point.n_tracks:,}", text(percent(point.accuracy)), text(span(point.low, point.high)))
        for point in report.learning_curve
    ]
    return section(
        "learning",
        "Would more labels help?",
        '<div class="pair">\n<div>',
        paragraph(would_more_labels_help(report.learning_curve), "answer"),
        numbers("Song accuracy", ("Tracks", "Accuracy", "95\u00a0% interval"), rows),
        f"</div>\n<div>{learning_chart(report.learning_curve)}</div></div>\n",
    )


def method(report: Report) -> str:
    """How this was measured."""
    facts = {
        "Folds": f"{report.n_folds}; every song was judged by a model that was trained without it",
        "Kept together": "nothing; every song stands alone"
        if report.group_by == "song"
        else f"songs of one {report.group_by}, in training or in testing, never in both",
        "Why": report.split_reason,
    }
    settings = [(name(key), f"{name(value)}") for key, value in report.settings.items()]
    return section(
        "method",
        "How this was measured",
        '<dl class="plain">\n',
        *(f"<dt>{label}</dt><dd>{name(fact)}</dd>\n" for label, fact in facts.items()),
        "</dl>\n",
        table("Settings of this training", ("Setting", "Value"), settings, "words")
        if settings
        else "",
    )


def dropped_labels(report: Report) -> str:
    """Labels that were not used."""
    rows = [
        (name(entry.label), f"{entry.n_tracks:,}", name(entry.reason)) for entry in report.dropped
    ]
    if not rows:
        return section("dropped", "Labels left out", "<p>All labels were used.</p>\n")
    heads = ("Label", "Tracks", "Reason")
    return section("dropped", "Labels left out", table("Not trained on", heads, rows, "words"))


def mistakes(report: Report) -> str:
    """The surest of its wrong answers: where to look for wrong labels."""
    if not report.mistakes:
        return section("mistakes", "Its surest mistakes", "<p>It made none.</p>\n")
    shown = report.mistakes[:MAX_MISTAKES]
    more = len(report.mistakes) - len(shown)
    return section(
        "mistakes",
        "Its surest mistakes",
        paragraph(
            "Worth a listen: where it is very sure and disagrees with the label, it is often the "
            "label that is wrong."
        ),
        '<ol class="mistakes">\n',
        *map(mistake, shown),
        "</ol>\n",
        paragraph(f"{count(more, 'more mistake')} in report.json.", "note") if more else "",
    )


def mistake(track: TrackResult) -> str:
    """One wrong answer."""
    title = name(track.title or Path(track.path).name)
    uri = file_uri(track.path)
    linked = f'<a href="{text(uri)}">{title}</a>' if uri else title
    others = [genre for genre in track.ranked if genre != track.answer][:MAX_RUNNERS_UP]
    then = ", ".join(f"{name(genre)} {text(percent(track.ranked[genre]))}" for genre in others)
    return (
        f"<li><div>{name(track.artist or 'unknown artist')} \u2013 {linked}"
        f'<div class="path">{name(track.path)}</div></div>\n'
        f"<div>labelled <strong>{name(track.truth)}</strong>, heard as "
        f"<strong>{name(track.answer)}</strong> {text(percent(track.confidence))}"
        + (f'<div class="note">then {then}</div>' if then else "")
        + "</div></li>\n"
    )


def file_uri(path: str) -> str | None:
    """Where a browser finds the file; None for a path that is relative or cannot be encoded."""
    try:
        return Path(path).as_uri()
    except ValueError:
        return None
