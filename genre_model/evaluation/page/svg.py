"""SVG drawings as text: elements whose attributes and words are escaped, scales and axes."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from genre_model.core.text import percent, visible

BLUE = "#0072b2"  # Okabe & Ito's; every kind of colour vision tells it from their orange
SVG_NAMESPACE = "http://www.w3.org/2000/svg"  # the xmlns of a drawing in a file of its own


def escaped(words: object) -> str:
    """Untrusted text, escaped for an element or an attribute; invisible characters are shown."""
    return html.escape(visible(str(words)))


def element(tag: str, content: str = "", /, **attributes: object) -> str:
    """An element.

    Args:
        tag: Its name.
        content: Markup inside it.
        attributes: ``class_`` is written ``class``, ``text_anchor`` is written ``text-anchor``.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for key, value in attributes.items()
    )
    return f"<{tag}{written}>{content}</{tag}>" if content else f"<{tag}{written}/>"


def words(x: float, y: float, text: str, /, **attributes: object) -> str:
    """A text element at a position."""
    return element("text", escaped(text), x=x, y=y, **attributes)


def titled(tag: str, title: str, **attributes: object) -> str:
    """An element with a tooltip."""
    return element(tag, element("title", escaped(title)), **attributes)


def drawing(
    size: tuple[float, float],
    title: str,
    body: str,
    *,
    ident: str = "",
    description: str = "",
    **attributes: object,
) -> str:
    """A whole drawing, with a title and a description for screen readers.

    Args:
        size: Width and height in the drawing's own units; a page scales it to its place.
        title: What it shows.
        body: Markup of its elements.
        ident: Prefix of the ids of title and description, unique in a page; without it, there is
            no description.
        description: What can be seen in it.
        attributes: More attributes of the ``svg`` element.
    """
    if not ident:
        labels = element("title", escaped(title))
    else:
        attributes["aria_labelledby"] = f"{ident}-title {ident}-desc"
        labels = element("title", escaped(title), id=f"{ident}-title")
        labels += element("desc", escaped(description), id=f"{ident}-desc")
    box = f"0 0 {size[0]} {size[1]}"
    return element("svg", f"{labels}\n{body}", viewBox=box, role="img", **attributes) + "\n"


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from figures to positions: ``low`` is at ``start``, ``high`` at ``end``."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, figure: float) -> float:
        """The position of a figure, to a tenth of a unit."""
        share = (figure - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def inside(self, figure: float) -> float:
        """The position of a figure, or of the nearer end if it is outside."""
        return self(min(self.high, max(self.low, figure)))


@dataclass(frozen=True, slots=True)
class Axes:
    """A plot area with ticks along its left and its lower edge."""

    x: Scale
    y: Scale
    x_ticks: Sequence[float]
    y_ticks: Sequence[float]

    def frame(self, x_title: str, y_title: str, mark: Callable[[float], str] = percent) -> str:
        """Grid, tick labels and titles; ``mark`` formats the tick labels of the x axis."""
        left, right, bottom = self.x.start, self.x.end, self.y.start
        rows = [
            element("line", class_="grid", x1=left, x2=right, y1=self.y(tick), y2=self.y(tick))
            + words(left - 6, self.y(tick) + 4, percent(tick), text_anchor="end")
            for tick in self.y_ticks
        ]
        columns = [
            words(self.x(tick), bottom + 16, mark(tick), text_anchor="middle")
            for tick in self.x_ticks
        ]
        titles = [
            words(0, 11, y_title),
            words(right, bottom + 34, x_title, text_anchor="end"),
            element("line", class_="axis", x1=left, x2=right, y1=bottom, y2=bottom),
        ]
        return "\n".join([*rows, *columns, *titles]) + "\n"

    def points(self, figures: Iterable[tuple[float, float]]) -> str:
        """Figures as the ``points`` of a polyline or polygon."""
        return " ".join(f"{self.x(x)},{self.y(y)}" for x, y in figures)
