"""The charts of a report as inline SVG: no script, no style of their own, text that scales."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from genre_model.core.text import UNKNOWN, count, decimal, percent, span
from genre_model.evaluation.metrics import Interval
from genre_model.evaluation.page.svg import Axes, Scale, drawing, element, titled, words
from genre_model.evaluation.report import CoveragePoint, LearningPoint, ReliabilityBin

WIDTH, HEIGHT = 360, 262
LEFT, RIGHT, TOP, BOTTOM = 42, 340, 26, 220
AFTER_TITLE = 130  # x from which there is room beside the title "answers that are right"
HISTOGRAM_HEIGHT = 36
STRIP = (240, 22)  # width and height
EMPTY = '<p class="muted">There are no figures to draw.</p>\n'
FIFTHS = tuple(index / 5 for index in range(6))


def axes_of(x_ticks: Sequence[float], y_ticks: Sequence[float]) -> Axes:
    """The axes of a chart, each from its first to its last tick."""
    return Axes(
        Scale(x_ticks[0], x_ticks[-1], LEFT, RIGHT),
        Scale(y_ticks[0], y_ticks[-1], BOTTOM, TOP),
        x_ticks,
        y_ticks,
    )


def chart(ident: str, title: str, description: str, *parts: str) -> str:
    """A chart of parts, later ones drawn over earlier ones."""
    body = "\n".join(parts)
    size = (WIDTH, HEIGHT)
    return drawing(size, title, body, ident=ident, description=description, class_="chart")


def dot(axes: Axes, x: float, y: float, said: str) -> str:
    """A point of a line, with its figures as a tooltip."""
    return titled("circle", said, class_="dot", cx=axes.x(x), cy=axes.y(y), r=4.5)


def finite(*figures: float) -> bool:
    """Whether all figures can be drawn."""
    return all(map(math.isfinite, figures))


def share_ticks(lowest: float) -> list[float]:
    """The ticks of an axis of shares that ends at 100 % and begins at or below the lowest share."""
    start = min(8, max(0, math.floor(lowest * 10)))
    step = 1 if start >= 5 else 2
    start -= (10 - start) % step
    return [tenth / 10 for tenth in range(start, 11, step)]


def count_ticks(highest: int) -> list[float]:
    """Up to six ticks at round numbers from zero to at least the highest count."""
    rough = max(highest, 1) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    step = max(1.0, step)
    return [index * step for index in range(math.ceil(max(highest, 1) / step) + 1)]


def strip(ident: str, title: str, interval: Interval, mark: float, mark_name: str) -> str:
    """A figure and its interval on a scale from 0 to 100 %, with a mark to compare it with."""
    width, height = STRIP
    x = Scale(0, 1, 4, width - 4).inside
    parts = [element("rect", class_="track", x=0, y=8, width=width, height=6, rx=3)]
    said = f"{percent(interval.value)}, interval {span(interval.low, interval.high)}"
    if finite(interval.low, interval.high):
        low, high = x(interval.low), x(interval.high)
        parts.append(
            element("rect", class_="band", x=low, y=4, width=round(high - low, 1), height=14)
        )
    if finite(mark):
        parts.append(element("line", class_="axis", x1=x(mark), x2=x(mark), y1=0, y2=height))
        said += f"; {mark_name} {percent(mark)}"
    if finite(interval.value):
        parts.append(element("circle", class_="dot", cx=x(interval.value), cy=11, r=4.5))
    return drawing(STRIP, title, "".join(parts), ident=ident, description=said, class_="strip")


def gain_strip(ident: str, title: str, gain: Interval, reach: float) -> str:
    """A difference and its interval on a scale from ``-reach`` to ``reach``, with a mark at 0."""
    width, height = STRIP
    x = Scale(-reach, reach, 4, width - 4).inside
    parts = [element("rect", class_="track", x=0, y=8, width=width, height=6, rx=3)]
    if finite(gain.low, gain.high):
        low, high = x(gain.low), x(gain.high)
        parts.append(
            element("rect", class_="band", x=low, y=4, width=round(high - low, 1), height=14)
        )
    parts.append(element("line", class_="axis", x1=x(0), x2=x(0), y1=0, y2=height))
    if finite(gain.value):
        parts.append(element("circle", class_="dot", cx=x(gain.value), cy=11, r=4.5))
    said = f"{in_points(gain)}; the line is no difference"
    return drawing(STRIP, title, "".join(parts), ident=ident, description=said, class_="strip")


def in_points(gain: Interval) -> str:
    """A difference of shares, with its interval, in percentage points."""
    if not finite(gain.value, gain.low, gain.high):
        return UNKNOWN
    return f"{100 * gain.value:+.1f} [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"


def reliability_chart(bins: Sequence[ReliabilityBin]) -> str:
    """How often the model is right over its confidence; both are equal on the dashed line."""
    drawn = [entry for entry in bins if entry.n_tracks and finite(entry.mean_confidence)]
    if not drawn:
        return EMPTY
    axes, most = axes_of(FIFTHS, FIFTHS), max(entry.n_tracks for entry in drawn)
    line = axes.points((entry.mean_confidence, entry.accuracy) for entry in drawn)
    return chart(
        "reliability-chart",
        "Reliability: how often it is right, by how sure it is",
        f"{count(len(drawn), 'bin')} of confidence. Bars: number of tracks in each.",
        axes.frame("how sure it is", "how often it is right"),
        *(histogram_bar(axes, entry, most) for entry in drawn),
        element("polyline", class_="guide", points=axes.points([(0, 0), (1, 1)])),
        words(axes.x(0.05), axes.y(0.9), "\u2196 too modest"),
        words(axes.x(0.97), axes.y(0.34), "too sure \u2198", text_anchor="end"),
        element("polyline", class_="line", points=line),
        *(dot(axes, entry.mean_confidence, entry.accuracy, bin_figures(entry)) for entry in drawn),
    )


def bin_figures(entry: ReliabilityBin) -> str:
    """The figures of the tracks in one bin of confidence, in words."""
    return (
        f"{count(entry.n_tracks, 'track')} at {span(entry.low, entry.high)} confidence: "
        f"{percent(entry.accuracy)} right"
    )


def histogram_bar(axes: Axes, entry: ReliabilityBin, most: int) -> str:
    """The bar of one bin of confidence: its number of tracks relative to the largest bin."""
    left, height = axes.x(entry.low) + 1, round(HISTOGRAM_HEIGHT * entry.n_tracks / most, 1)
    width = round(axes.x(entry.high) - left - 1, 1)
    box = {"x": left, "y": BOTTOM - height, "width": width, "height": height}
    return titled("rect", bin_figures(entry), class_="band", **box)


def coverage_chart(
    curve: Sequence[CoveragePoint],
    threshold: float,
    target: float,
) -> str:
    """Share of answers that are right, over share of tracks answered.

    Args:
        curve: The effect of each threshold.
        threshold: The chosen threshold, which is marked on the curve.
        target: Share of answers that should be right.
    """
    spots = sorted((p.coverage, p.precision) for p in curve if finite(p.coverage, p.precision))
    if not spots:
        return EMPTY
    lowest = min(precision for _, precision in spots)
    axes = axes_of(FIFTHS, share_ticks(lowest))
    parts = [axes.frame("tracks answered", "answers that are right")]
    if finite(target) and axes.y_ticks[0] <= target <= 1:
        y = axes.y(target)
        parts.append(element("line", class_="guide", x1=LEFT, x2=RIGHT, y1=y, y2=y))
        parts.append(words(RIGHT, y - 5, f"target {percent(target)}", text_anchor="end"))
    parts.append(element("polyline", class_="line", points=axes.points(spots)))
    chosen = at_threshold(curve, threshold)
    if chosen is not None:
        parts.append(marked(axes, chosen, f"threshold {decimal(threshold)}"))
    return chart(
        "coverage-chart",
        "Share of answers that are right, by share of tracks answered",
        "No threshold is marked."
        if chosen is None
        else f"The chosen threshold, {decimal(threshold)}, is marked.",
        *parts,
    )


def at_threshold(curve: Sequence[CoveragePoint], threshold: float) -> tuple[float, float] | None:
    """Coverage and precision at a threshold, interpolated; None beyond the ends of the curve."""
    points = [p for p in curve if finite(p.coverage, p.precision)]
    thresholds = [point.threshold for point in points]
    if not points or not thresholds[0] <= threshold <= thresholds[-1]:
        return None
    coverage = np.interp(threshold, thresholds, [point.coverage for point in points])
    precision = np.interp(threshold, thresholds, [point.precision for point in points])
    return float(coverage), float(precision)


def marked(axes: Axes, spot: tuple[float, float], label: str) -> str:
    """The chosen point, with its label where a falling curve leaves room."""
    x, y = axes.x(spot[0]), axes.y(spot[1])
    left = x - LEFT > 120
    anchor, shift = ("end", -8) if left else ("start", 8)
    below = left and BOTTOM - y > 48
    place = x + shift, y + 20 if below else y - 10
    if not left and y - 10 < TOP:  # beside the axis's title, not on it
        place = max(place[0], AFTER_TITLE), place[1]
    return (
        element("line", class_="drop", x1=x, x2=x, y1=y, y2=BOTTOM)
        + element("circle", class_="chosen", cx=x, cy=y, r=6)
        + words(*place, label, class_="label", text_anchor=anchor)
    )


def learning_chart(curve: Sequence[LearningPoint]) -> str:
    """Song accuracy over the number of tracks to learn from, with its interval."""
    drawn = [point for point in curve if finite(point.accuracy)]
    if not drawn:
        return EMPTY
    sure = [point for point in drawn if finite(point.low, point.high)]
    lowest = min([p.accuracy for p in drawn] + [p.low for p in sure])
    axes = axes_of(count_ticks(max(p.n_tracks for p in drawn)), share_ticks(lowest))
    around = [(p.n_tracks, p.high) for p in sure] + [(p.n_tracks, p.low) for p in reversed(sure)]
    last, line = drawn[-1], axes.points((p.n_tracks, p.accuracy) for p in drawn)
    top = axes.y(last.high if finite(last.high) else last.accuracy + 0.01)
    label = axes.x(last.n_tracks), top - 7, percent(last.accuracy)
    return chart(
        "learning-chart",
        "Song accuracy by number of tracks",
        f"From {percent(drawn[0].accuracy)} with {count(drawn[0].n_tracks, 'track')} to "
        f"{percent(last.accuracy)} with {count(last.n_tracks, 'track')}. Band: 95\u00a0% interval.",
        axes.frame("tracks to learn from", "songs named right", "{:,.0f}".format),
        element("polygon", class_="band", points=axes.points(around)),
        element("polyline", class_="line", points=line),
        *(dot(axes, p.n_tracks, p.accuracy, learned(p)) for p in drawn),
        words(*label, class_="label", text_anchor="end"),
    )


def learned(point: LearningPoint) -> str:
    """The figures of one point of the learning curve, in words."""
    return f"{count(point.n_tracks, 'track')}: {percent(point.accuracy)}"
