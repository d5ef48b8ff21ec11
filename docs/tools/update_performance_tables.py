"""Put the results of ``benchmarks/run.py`` into their pages, between the marks.

    python docs/tools/update_performance_tables.py

Each block has a table for each machine in ``benchmarks/results``, the latest first.  The plot of
error and time by number of slices goes to docs/pictures.
"""

from __future__ import annotations

import json
import math
from typing import Any

from result_blocks import DOCS, PICTURES, fill

from benchmarks.measuring import table
from benchmarks.run import RESULTS
from genre_model.evaluation.page.svg import (
    BLUE,
    SVG_NAMESPACE,
    Scale,
    drawing,
    element,
    titled,
    words,
)

WIDTH, HEIGHT = 760, 300
PANEL = 270  # width of each of the two panels
TOP, BOTTOM = 40, 244
LEFTS = {"error": 70, "cpu_s": 450}
TITLES = {
    "error": "mean error of the stored probabilities",
    "cpu_s": "seconds of CPU a song",
}
RED = "#d55e00"


def main() -> None:
    for page in ("performance.md", "scaling.md"):
        fill(DOCS / page, block)
    points = next((found["points"] for found in results("sampling") if "points" in found), None)
    if points:
        (PICTURES / "slices.svg").write_text(plot(points), encoding="utf-8")


def results(name: str) -> list[dict[str, Any]]:
    """A benchmark's results on each machine, the latest first."""
    files = RESULTS.glob(f"*/{name}.json")
    found = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(files)]
    return sorted(found, key=lambda result: str(result["machine"]["time"]), reverse=True)


def block(name: str) -> str | None:
    """For each machine a table and a line on the machine; None if there are no results."""
    parts = [
        f"{table(result['columns'], result['rows'])}\n\n{circumstances(result['machine'])}\n"
        for result in results(name)
    ]
    return "\n".join(parts) or None


def circumstances(machine: dict[str, Any]) -> str:
    """A line with the date, machine and versions of a measurement."""
    versions = ", ".join(f"{package} {version}" for package, version in machine["versions"].items())
    load = f"load {machine['load'][0]} at the end, " if machine["load"] else ""
    return (
        f"*{machine['time'].split()[0]}: {machine['processor']}, {machine['cores']} cores, "
        f"{load}Python {machine['python']}, {versions}.*"
    )


# The plot


def plot(points: list[dict[str, Any]]) -> str:
    """Error and CPU over the number of slices; the shipped rule as a diamond."""
    title = (
        "What classifying a part of a song costs, and how far its answer is from the whole song's"
    )
    parts = [
        element("style", "text { font: 12px sans-serif }"),
        element("rect", width=WIDTH, height=HEIGHT, fill="#fff"),
        *(panel(points, of) for of in LEFTS),
        element("circle", cx=80, cy=HEIGHT - 10, r=4, fill=BLUE),
        words(90, HEIGHT - 6, "a fixed number of slices; the last: all of them"),
        diamond(360, HEIGHT - 10),
        words(372, HEIGHT - 6, "until the answer is stable, as shipped"),
    ]
    return drawing((WIDTH, HEIGHT), title, "\n".join(parts), xmlns=SVG_NAMESPACE)


def panel(points: list[dict[str, Any]], of: str) -> str:
    """A panel of the plot: one figure over the number of slices."""
    left, right = LEFTS[of], LEFTS[of] + PANEL
    x_step = nice_step(max(point["slices"] for point in points))
    y_step = nice_step(max(point[of] for point in points))
    x_top = x_step * math.ceil(max(point["slices"] for point in points) / x_step)
    y_top = y_step * math.ceil(max(point[of] for point in points) / y_step)
    x, y = Scale(0, x_top, left, right), Scale(0, y_top, BOTTOM, TOP)
    parts = [words(left, TOP - 18, TITLES[of])]
    for mark in marks(y_step, y_top):
        parts.append(element("line", x1=left, x2=right, y1=y(mark), y2=y(mark), stroke="#ddd"))
        parts.append(words(left - 8, y(mark) + 4, f"{mark:g}", text_anchor="end", fill="#555"))
    parts += [
        words(x(mark), BOTTOM + 16, f"{mark:g}", text_anchor="middle", fill="#555")
        for mark in marks(x_step, x_top)
    ]
    parts.append(words(right, BOTTOM + 32, "slices of three seconds", text_anchor="end"))
    fixed = sorted(
        (p for p in points if "shipped" not in p["extracted"]), key=lambda point: point["slices"]
    )
    line = " ".join(f"{x(p['slices'])},{y(p[of])}" for p in fixed)
    parts.append(element("polyline", points=line, fill="none", stroke=BLUE, stroke_width=2))
    for point in points:
        at = x(point["slices"]), y(point[of])
        said = f"{point['extracted']}: {point[of]:.4g}, {point['same']:.1%} the same answer"
        shipped = "shipped" in point["extracted"]
        circle = {"cx": at[0], "cy": at[1], "r": 4, "fill": BLUE}
        parts.append(diamond(*at, said) if shipped else titled("circle", said, **circle))
    return "\n".join(parts)


def nice_step(most: float) -> float:
    """A round step; three to eight such steps make ``most``."""
    rough = most / 5
    power: float = 10.0 ** math.floor(math.log10(rough))
    return power * min((1, 2, 5, 10), key=lambda factor: abs(factor * power - rough))


def marks(step: float, top: float) -> list[float]:
    return [index * step for index in range(round(top / step) + 1)]


def diamond(x: float, y: float, said: str = "") -> str:
    corners = f"{x},{y - 7} {x + 7},{y} {x},{y + 7} {x - 7},{y}"
    return titled("polygon", said, points=corners, fill=RED)


if __name__ == "__main__":
    main()
