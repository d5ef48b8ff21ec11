"""The charts of a report as inline SVG: no script, no style of their own, text that scales."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from genre_model.core.text import count, decimal, percent, span
from genre_model.evaluation.metrics import Interval
from genre_model.evaluation.page.shell import text
from genre_model.evaluation.report import CoveragePoint, LearningPoint, ReliabilityBin

WIDTH, HEIGHT = 360, 262


LEFT, RIGHT, TOP, BOTTOM = 42, 340, 26, 220


HISTOGRAM_HEIGHT = 36


STRIP_WIDTH = 240


EMPTY = '<p class="muted">There are no figures to draw.</p>\n'


FIFTHS = tuple(index / 5 for index in range(6))


@dataclass(frozen=True, slots=True)
class Axes:
    """Where figures lie on the drawing, and the marks on the axes."""

    x_ticks: Sequence[float]
    y_ticks: Sequence[float]

    def x(self, value: float) -> float:
        """Distance from the left."""
        low, high = self.x_ticks[0], self.x_ticks[-1]
        return round(LEFT + (value - low) / (high - low) * (RIGHT - LEFT), 1)

    def y(self, value: float) -> float:
        """Distance from the top."""
        low, high = self.y_ticks[0], self.y_ticks[-1]
        return round(BOTTOM - (value - low) / (high - low) * (BOTTOM - TOP), 1)

    def frame(self, x_title: str, y_title: str, mark: Callable[[float], str] = percent) -> str:
        """Grid, marks and titles; ``mark`` writes the figures of the x axis."""
        rows = [
            f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{self.y(value)}" '
            f'y2="{self.y(value)}"/><text x="{LEFT - 6}" y="{self.y(value) + 4}" '
            f'text-anchor="end">{text(percent(value))}</text>\n'
            for value in self.y_ticks
        ]
        columns = [
            f'<text x="{self.x(value)}" y="{BOTTOM + 16}" '
            f'text-anchor="middle">{text(mark(value))}</text>\n'
            for value in self.x_ticks
        ]
        titles = (
            f'<text x="0" y="11">{text(y_title)}</text>'
            f'<text x="{RIGHT}" y="{BOTTOM + 34}" text-anchor="end">{text(x_title)}</text>\n'
            f'<line class="axis" x1="{LEFT}" x2="{RIGHT}" y1="{BOTTOM}" y2="{BOTTOM}"/>\n'
        )
        return "".join([*rows, *columns, titles])

    def path(self, spots: Iterable[tuple[float, float]]) -> str:
        """Figures as the ``points`` of a line."""
        return " ".join(f"{self.x(x)},{self.y(y)}" for x, y in spots)


def svg(ident: str, title: str, description: str, body: str, kind: str = "chart") -> str:
    """A drawing that says what it shows to those who cannot see it."""
    size = f"0 0 {WIDTH} {HEIGHT}" if kind == "chart" else f"0 0 {STRIP_WIDTH} 22"
    return (
        f'<svg class="{kind}" viewBox="{size}" role="img" '
        f'aria-labelledby="{ident}-title {ident}-desc">'
        f'<title id="{ident}-title">{text(title)}</title>'
        f'<desc id="{ident}-desc">{text(description)}</desc>\n{body}</svg>\n'
    )


def finite(*figures: float) -> bool:
    """Whether all figures can be drawn."""
    return all(map(math.isfinite, figures))


def share_ticks(lowest: float) -> list[float]:
    """Marks of an axis of shares that ends at 100 % and begins somewhat below the lowest."""
    start = min(8, max(0, math.floor(lowest * 10)))
    step = 1 if start >= 5 else 2
    start -= (10 - start) % step
    return [tenth / 10 for tenth in range(start, 11, step)]


def count_ticks(highest: int) -> list[float]:
    """Up to six round marks from zero to at least the highest count."""
    rough = max(highest, 1) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    step = max(1.0, step)
    return [index * step for index in range(math.ceil(max(highest, 1) / step) + 1)]


def strip(ident: str, title: str, interval: Interval, mark: float, mark_name: str) -> str:
    """A figure and its interval on a line from 0 to 100 %, beside a figure to compare with."""

    def x(share: float) -> float:
        return round(4 + min(1, max(0, share)) * (STRIP_WIDTH - 8), 1)

    body = f'<rect class="track" x="0" y="8" width="{STRIP_WIDTH}" height="6" rx="3"/>'
    said = f"{percent(interval.value)}, interval {span(interval.low, interval.high)}"
    if finite(interval.low, interval.high):
        width = round(x(interval.high) - x(interval.low), 1)
        body += f'<rect class="band" x="{x(interval.low)}" y="4" width="{width}" height="14"/>'
    if finite(mark):
        body += f'<line class="axis" x1="{x(mark)}" x2="{x(mark)}" y1="0" y2="22"/>'
        said += f"; {mark_name} {percent(mark)}"
    if finite(interval.value):
        body += f'<circle class="dot" cx="{x(interval.value)}" cy="11" r="4.5"/>'
    return svg(ident, title, said, body, "strip")


def reliability_chart(bins: Sequence[ReliabilityBin]) -> str:
    """How often it is right, over how sure it is; the dashed line is being right as often."""
    drawn = [entry for entry in bins if entry.n_tracks and finite(entry.mean_confidence)]
    if not drawn:
        return EMPTY
    axes, most = Axes(FIFTHS, FIFTHS), max(entry.n_tracks for entry in drawn)
    columns, dots = [], []
    for entry in drawn:
        height = round(HISTOGRAM_HEIGHT * entry.n_tracks / most, 1)
        width = round(axes.x(entry.high) - axes.x(entry.low) - 2, 1)
        said = (
            f"{count(entry.n_tracks, 'track')} at {span(entry.low, entry.high)} confidence: "
            f"{percent(entry.accuracy)} right"
        )
        columns.append(
            f'<rect class="band" x="{axes.x(entry.low) + 1}" y="{BOTTOM - height}" '
            f'width="{width}" height="{height}"><title>{text(said)}</title></rect>\n'
        )
        dots.append(dot(axes, entry.mean_confidence, entry.accuracy, said))
    line = axes.path((entry.mean_confidence, entry.accuracy) for entry in drawn)
    body = (
        axes.frame("how sure it is", "how often it is right")
        + "".join(columns)
        + f'<polyline class="guide" points="{axes.path([(0, 0), (1, 1)])}"/>'
        f'<text x="{axes.x(0.05)}" y="{axes.y(0.9)}">\u2196 too modest</text>'
        f'<text x="{axes.x(0.97)}" y="{axes.y(0.34)}" text-anchor="end">too sure \u2198</text>'
        f'<polyline class="line" points="{line}"/>\n' + "".join(dots)
    )
    title = "Reliability: how often it is right, by how sure it is"
    description = f"{count(len(drawn), 'bin')} of confidence. Bars: number of tracks in each."
    return svg("reliability-chart", title, description, body)


def dot(axes: Axes, x: float, y: float, said: str) -> str:
    """A point of a line, with its figures for the pointer."""
    return (
        f'<circle class="dot" cx="{axes.x(x)}" cy="{axes.y(y)}" r="4.5">'
        f"<title>{text(said)}</title></circle>\n"
    )


def coverage_chart(
    curve: Sequence[CoveragePoint],
    threshold: float,
    target: float,
    chosen: tuple[float, float],
) -> str:
    """Share of answers that are right, over share of tracks answered.

    Args:
        curve: What each threshold would do.
        threshold: The one that was chosen.
        target: Share of answers that should be right.
        chosen: Coverage and precision at the threshold.
    """
    spots = sorted((p.coverage, p.precision) for p in curve if finite(p.coverage, p.precision))
    if not spots:
        return EMPTY
    lowest = min([precision for _, precision in spots] + [f for f in chosen[1:] if finite(f)])
    axes = Axes(FIFTHS, share_ticks(lowest))
    body = axes.frame("tracks answered", "answers that are right")
    if finite(target) and axes.y_ticks[0] <= target <= 1:
        y = axes.y(target)
        body += (
            f'<line class="guide" x1="{LEFT}" x2="{RIGHT}" y1="{y}" y2="{y}"/>'
            f'<text x="{RIGHT}" y="{y - 5}" text-anchor="end">target {text(percent(target))}</text>'
        )
    body += f'<polyline class="line" points="{axes.path(spots)}"/>\n'
    if finite(*chosen):
        body += marked(axes, chosen, f"threshold {decimal(threshold)}")
    title = "Share of answers that are right, by share of tracks answered"
    description = (
        f"At the chosen threshold {decimal(threshold)}: {percent(chosen[0])} of tracks answered, "
        f"{percent(chosen[1])} of the answers right."
    )
    return svg("coverage-chart", title, description, body)


def marked(axes: Axes, spot: tuple[float, float], label: str) -> str:
    """The chosen point, its label where a falling curve leaves room."""
    x, y = axes.x(spot[0]), axes.y(spot[1])
    left = x - LEFT > 120
    anchor, shift = ("end", -8) if left else ("start", 8)
    below = left and BOTTOM - y > 48
    text_y = y + 20 if below else y - 24
    figures = f"{percent(spot[0])} answered, {percent(spot[1])} right"
    return (
        f'<line class="drop" x1="{x}" x2="{x}" y1="{y}" y2="{BOTTOM}"/>'
        f'<circle class="chosen" cx="{x}" cy="{y}" r="6"/>'
        f'<text class="label" x="{x + shift}" y="{text_y}" text-anchor="{anchor}">{text(label)}'
        f'<tspan x="{x + shift}" dy="14">{text(figures)}</tspan></text>\n'
    )


def learning_chart(curve: Sequence[LearningPoint]) -> str:
    """Song accuracy over the number of tracks in training, with its interval."""
    drawn = [point for point in curve if finite(point.accuracy)]
    if not drawn:
        return EMPTY
    sure = [point for point in drawn if finite(point.low, point.high)]
    lowest = min([p.accuracy for p in drawn] + [p.low for p in sure])
    axes = Axes(count_ticks(max(p.n_tracks for p in drawn)), share_ticks(lowest))
    around = [(p.n_tracks, p.high) for p in sure] + [(p.n_tracks, p.low) for p in reversed(sure)]
    dots = [
        dot(axes, p.n_tracks, p.accuracy, f"{count(p.n_tracks, 'track')}: {percent(p.accuracy)}")
        for p in drawn
    ]
    last, line = drawn[-1], axes.path((p.n_tracks, p.accuracy) for p in drawn)
    top = axes.y(last.high if finite(last.high) else last.accuracy + 0.01)
    body = (
        axes.frame("tracks to learn from", "songs named right", "{:,.0f}".format)
        + f'<polygon class="band" points="{axes.path(around)}"/>'
        + f'<polyline class="line" points="{line}"/>\n'
        + "".join(dots)
        + f'<text class="label" x="{axes.x(last.n_tracks)}" y="{top - 7}" '
        f'text-anchor="end">{text(percent(last.accuracy))}</text>\n'
    )
    description = (
        f"From {percent(drawn[0].accuracy)} with {count(drawn[0].n_tracks, 'track')} to "
        f"{percent(last.accuracy)} with {count(last.n_tracks, 'track')}. Band: 95\u00a0% interval."
    )
    return svg("learning-chart", "Song accuracy by number of tracks", description, body)
