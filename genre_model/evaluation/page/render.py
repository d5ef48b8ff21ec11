"""A report as one page of HTML that needs nothing else: no network, no script, no other file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from genre_model.core.text import count, decimal, moment, percent, span, visible
from genre_model.evaluation.metrics import Interval
from genre_model.evaluation.page import sentences
from genre_model.evaluation.page.charts import (
    coverage_chart,
    gain_strip,
    in_points,
    learning_chart,
    reliability_chart,
    strip,
)
from genre_model.evaluation.report import GenreFigures, ModelFigures, Report, TrackResult
from genre_model.model.bundle.store import REPORT_HTML, REPORT_JSON

if TYPE_CHECKING:
    from jinja2 import Environment

MAX_MISTAKES = 50
MAX_ROWS = 12
MAX_RUNNERS_UP = 3
LEAST_REACH = 0.01  # of the scale of gains, if all gains are 0
MAX_CONFUSED = 100  # genres in the confusion table

T = TypeVar("T")


def report_files(report: Report) -> Mapping[str, bytes]:
    """``report.json`` and ``report.html``, by name."""
    return {
        REPORT_JSON: msgspec.json.format(msgspec.json.encode(report), indent=2),
        REPORT_HTML: render_html(report).encode(),
    }


def render_html(report: Report) -> str:
    """The report as an HTML page; its contents are shown as text and never as markup."""
    from markupsafe import Markup

    charts = {name: Markup(svg) for name, svg in draw_charts(report).items()}
    shown = report.mistakes[:MAX_MISTAKES]
    return (
        templates()
        .get_template("report.html")
        .render(
            report=report,
            charts=charts,
            verdict=sentences.verdict(report),
            warnings=sentences.warnings(report),
            gains=gains_of(report),
            best_first=best_first(report.per_genre),
            confusion=confusion_of(report),
            mix_ups=sentences.mix_ups(report.genres, report.confusion),
            trust=sentences.trust(report.reliability, report.calibration_error),
            answered=sentences.answered(report),
            choice_of_threshold=sentences.choice_of_threshold(report),
            would_more_labels_help=sentences.would_more_labels_help(report.learning_curve),
            mistakes=[mistake_of(track) for track in shown],
            n_more=len(report.mistakes) - len(shown),
        )
    )


@cache
def templates() -> Environment:
    """The templates' environment; printed values are escaped, invisible characters made visible."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("genre_model.evaluation", "page/templates"),
        autoescape=True,
        finalize=printed,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    functions: dict[str, Any] = {
        "percent": percent,
        "decimal": decimal,
        "span": span,
        "count": count,
        "moment": moment,
        "interval": interval,
        "in_points": in_points,
        "right_of_answers": sentences.right_of_answers,
        "compared_on": sentences.compared_on,
        "thousands": "{:,}".format,
        "thinned": thinned,
        "bar_width": bar_width,
    }
    environment.globals.update(functions)
    return environment


def printed(value: object) -> object:
    """A value as a template prints it; markup of the page itself (macros, charts) is unchanged."""
    return value if hasattr(value, "__html__") else visible(str(value))


def draw_charts(report: Report) -> dict[str, str]:
    """Every drawing of the page as SVG, by its name in the template."""
    nan = math.nan
    coverage = Interval(report.coverage, nan, nan)
    return {
        "accuracy": strip(
            "accuracy-strip",
            "Song accuracy",
            report.song_accuracy,
            report.majority_baseline,
            "baseline",
        ),
        "coverage": strip("coverage-strip", "Coverage", coverage, nan, ""),
        "precision": strip(
            "precision-strip", "Precision", report.precision, report.target_precision, "target"
        ),
        "reliability": reliability_chart(report.reliability),
        "coverage_curve": coverage_chart(
            report.coverage_curve, report.threshold, report.target_precision
        ),
        "learning": learning_chart(report.learning_curve),
    }


def gains_of(report: Report) -> list[tuple[ModelFigures, str]]:
    """The models, each with a drawing of the new model's gain over it, all on one scale."""
    from markupsafe import Markup

    gains = [figures.gain for figures in report.models if figures.gain is not None]
    ends = [abs(end) for gain in gains for end in (gain.low, gain.value, gain.high)]
    reach = max([end for end in ends if math.isfinite(end)], default=0.0) or LEAST_REACH
    return [
        (
            figures,
            Markup("")
            if figures.gain is None
            else Markup(gain_strip(f"gain-{place}", "Gain", figures.gain, reach)),
        )
        for place, figures in enumerate(report.models)
    ]


def interval(figure: Interval) -> str:
    """The 95 % interval of a figure as text."""
    return f"95\u00a0% interval {span(figure.low, figure.high)}"


@dataclass(frozen=True, slots=True)
class Confusion:
    """The confusion table; ``n_left_out`` genres are in ``report.json`` alone.

    Each of the ``rows`` has a true genre, the counts of its answers in the order of ``genres``, and
    the number of its songs.
    """

    genres: tuple[str, ...]
    rows: list[tuple[str, list[int], int]]
    n_left_out: int


def confusion_of(report: Report) -> Confusion:
    """The confusion table of all genres, or of the ``MAX_CONFUSED`` genres with the most songs."""
    totals = [sum(row) for row in report.confusion]
    most = sorted(range(len(totals)), key=lambda index: -totals[index])[:MAX_CONFUSED]
    shown = sorted(most)
    rows = [
        (report.genres[truth], [report.confusion[truth][answer] for answer in shown], totals[truth])
        for truth in shown
    ]
    genres = tuple(report.genres[index] for index in shown)
    return Confusion(genres, rows, len(totals) - len(shown))


def best_first(per_genre: Sequence[GenreFigures]) -> list[GenreFigures]:
    """Genres by descending F1, those without one last."""
    ordered = sorted(per_genre, key=lambda genre: genre.f1 if math.isfinite(genre.f1) else -1)
    return ordered[::-1]


def bar_width(share: float | None) -> int:
    """A share as whole percent of a bar's width; 0 if it is unknown."""
    known = share is not None and math.isfinite(share)
    return round(min(100.0, max(0.0, share * 100))) if share is not None and known else 0


def thinned(points: Sequence[T]) -> list[T]:
    """At most ``MAX_ROWS`` evenly spaced points, with the first and the last."""
    if len(points) <= MAX_ROWS:
        return list(points)
    step = (len(points) - 1) / (MAX_ROWS - 1)
    return [points[round(index * step)] for index in range(MAX_ROWS)]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong answer as the page shows it; ``uri`` is empty if the path has no file URI."""

    artist: str
    title: str
    path: str
    uri: str
    truth: str
    answer: str
    confidence: float
    others: list[tuple[str, float]]


def mistake_of(track: TrackResult) -> Mistake:
    """A track as a mistake, with replacements for missing tags, and the other leading genres."""
    others = [(genre, p) for genre, p in track.ranked.items() if genre != track.answer]
    return Mistake(
        artist=track.artist or "unknown artist",
        title=track.title or Path(track.path).name,
        path=track.path,
        uri=file_uri(track.path),
        truth=track.truth,
        answer=track.answer,
        confidence=track.confidence,
        others=others[:MAX_RUNNERS_UP],
    )


def file_uri(path: str) -> str:
    """The file URI of a path; empty if the path is relative or cannot be encoded."""
    try:
        return Path(path).as_uri()
    except ValueError:
        return ""
