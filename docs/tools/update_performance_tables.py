"""Put the results of ``benchmarks/run.py`` into docs/performance.md, between its marks.

    python docs/tools/update_performance_tables.py bench

The plot of what hearing a part of a song costs goes to docs/pictures.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from result_blocks import DOCS, PICTURES, fill

WIDTH, HEIGHT = 760, 300
PANEL = 270  # width of one of the two
TOP, BOTTOM = 40, 244
LEFTS = {"error": 70, "cpu_s": 450}
TITLES = {
    "error": "mean error of the stored probabilities",
    "cpu_s": "seconds of CPU a song",
}
BLUE, RED = "#0072b2", "#d55e00"


def main(folder: Path) -> None:
    fill(DOCS / "performance.md", folder, lambda name: circumstances(folder, name))
    points = result(folder, "sampling").get("points")
    if points:
        (PICTURES / "slices.svg").write_text(plot(points), encoding="utf-8")


def result(folder: Path, name: str) -> dict[str, Any]:
    """What a benchmark wrote beside its table."""
    file = folder / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def circumstances(folder: Path, name: str) -> str:
    """A line on what was measured on."""
    machine = result(folder, name).get("machine")
    if machine is None:
        return ""
    versions = ", ".join(f"{package} {version}" for package, version in machine["versions"].items())
    load = f"load {machine['load'][0]} at the end, " if machine["load"] else ""
    return (
        f"\n*{machine['time'].split()[0]}: {machine['processor']}, {machine['cores']} cores, "
        f"{load}Python {machine['python']}, {versions}.*\n"
    )


# The plot


def plot(points: list[dict[str, Any]]) -> str:
    """Error and CPU over the number of slices; the shipped rule as a diamond."""
    title = "What hearing a part of a song costs, and how far its answer is from the whole song's"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        "<style>text { font: 12px sans-serif }</style>",
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        *(panel(points, of) for of in LEFTS),
        f'<circle cx="80" cy="{HEIGHT - 10}" r="4" fill="{BLUE}"/>'
        f'<text x="90" y="{HEIGHT - 6}">so many slices; the last, all</text>'
        f"{diamond(290, HEIGHT - 10)}"
        f'<text x="302" y="{HEIGHT - 6}">until the answer is settled, as shipped</text>',
        "</svg>\n",
    ]
    return "\n".join(parts)


def panel(points: list[dict[str, Any]], of: str) -> str:
    """One of the figures over the number of slices."""
    left = LEFTS[of]
    x_step = nice_step(max(point["slices"] for point in points))
    y_step = nice_step(max(point[of] for point in points))
    x_top = x_step * math.ceil(max(point["slices"] for point in points) / x_step)
    y_top = y_step * math.ceil(max(point[of] for point in points) / y_step)

    def x(value: float) -> float:
        return round(left + PANEL * value / x_top, 1)

    def y(value: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * value / y_top, 1)

    parts = [f'<text x="{left}" y="{TOP - 18}">{escape(TITLES[of])}</text>']
    parts += [
        f'<line x1="{left}" x2="{left + PANEL}" y1="{y(mark)}" y2="{y(mark)}" stroke="#ddd"/>'
        f'<text x="{left - 8}" y="{y(mark) + 4}" text-anchor="end" fill="#555">{mark:g}</text>'
        for mark in marks(y_step, y_top)
    ]
    parts += [
        f'<text x="{x(mark)}" y="{BOTTOM + 16}" text-anchor="middle" fill="#555">{mark:g}</text>'
        for mark in marks(x_step, x_top)
    ]
    parts.append(
        f'<text x="{left + PANEL}" y="{BOTTOM + 32}" text-anchor="end">slices of three seconds</text>'
    )
    fixed = sorted(
        (p for p in points if "shipped" not in p["heard"]), key=lambda point: point["slices"]
    )
    line = " ".join(f"{x(p['slices'])},{y(p[of])}" for p in fixed)
    parts.append(f'<polyline points="{line}" fill="none" stroke="{BLUE}" stroke-width="2"/>')
    for point in points:
        at = x(point["slices"]), y(point[of])
        said = f"{point['heard']}: {point[of]:.4g}, {point['same']:.1%} the same answer"
        if "shipped" in point["heard"]:
            parts.append(diamond(*at, said))
        else:
            parts.append(
                f'<circle cx="{at[0]}" cy="{at[1]}" r="4" fill="{BLUE}">'
                f"<title>{escape(said)}</title></circle>"
            )
    return "\n".join(parts)


def nice_step(most: float) -> float:
    """A round step of which three to eight make ``most``."""
    rough = most / 5
    power = 10 ** math.floor(math.log10(rough))
    return power * min((1, 2, 5, 10), key=lambda factor: abs(factor * power - rough))


def marks(step: float, top: float) -> list[float]:
    return [index * step for index in range(round(top / step) + 1)]


def diamond(x: float, y: float, said: str = "") -> str:
    corners = f"{x},{y - 7} {x + 7},{y} {x},{y + 7} {x - 7},{y}"
    return f'<polygon points="{corners}" fill="{RED}"><title>{escape(said)}</title></polygon>'


if __name__ == "__main__":
    main(Path(sys.argv[1]))
