"""Draw ``docs/data.svg``: how a music file is processed, and what is stored where.

python docs/tools/make_figure.py
"""

from __future__ import annotations

from html import escape
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "data.svg"
WIDTH, HEIGHT = 1000, 470
BOX_W, BOX_H = 160, 58

# name: (x, y, title, what it is, kind); "step" is code, "kept" is on the disk
BOXES = {
    "file": (20, 60, "music file", "any format, any length", "kept"),
    "audio": (212, 60, "audio", "decode, seek, slices of 3 s", "step"),
    "front": (404, 60, "features", "log-mel; SoX; notes", "step"),
    "network": (596, 60, "model/onnx", "224 numbers a slice", "step"),
    "cache": (596, 170, "features.db", "by audio content", "kept"),
    "head": (788, 60, "model/head", "linear: logits of genres", "step"),
    "bundle": (788, 170, "bundle", "manifest, arrays, ONNX", "kept"),
    "aggregate": (788, 300, "model/aggregation", "slices to a song", "step"),
    "vocabulary": (596, 300, "model/vocabulary", "your names, threshold", "step"),
    "plan": (404, 300, "tagging/plan", "write, keep, unsure, failed", "step"),
    "apply": (212, 300, "tagging/apply", "file first, then database", "step"),
    "library": (20, 300, "tags, library", "with what was before", "kept"),
    "journal": (212, 395, "runs/*.jsonl", "what each run did", "kept"),
    "train": (404, 170, "training", "your labels, by artist", "step"),
}
ARROWS = [
    *[("file", "audio"), ("audio", "front"), ("front", "network"), ("network", "head")],
    *[("network", "cache"), ("cache", "train"), ("train", "bundle"), ("bundle", "head")],
    *[("head", "aggregate"), ("aggregate", "vocabulary"), ("vocabulary", "plan")],
    *[("plan", "apply"), ("apply", "library"), ("apply", "journal"), ("library", "train")],
]
ROUTES = {  # arrows that would otherwise cross a box
    ("train", "bundle"): "M484 228 V252 H868 V233",
    ("head", "aggregate"): "M948 89 H972 V329 H953",
    ("library", "train"): "M100 300 V199 H399",
}
COLOURS = {"step": ("#e8f1f8", "#0072b2"), "kept": ("#fdf3e0", "#b06f00")}
LEGEND = {"step": "a package or module", "kept": "on the disk"}
FONT = 'font-family="system-ui, sans-serif"'


def main() -> None:
    PAGE.write_text(figure(), encoding="utf-8")


def figure() -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-labelledby="title">',
            '<title id="title">From a music file to its genre</title>',
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#444"/></marker></defs>',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
            text(20, 35, "extracting: 0.2 s, once a file", 15, "#444"),
            text(112, 285, "classifying: microseconds, as often as you like", 15, "#444"),
            *(arrow(start, end) for start, end in ARROWS),
            *(box(*parts) for parts in BOXES.values()),
            *legend(),
            "</svg>\n",
        ]
    )


def text(x: float, y: float, words: str, size: int, colour: str, anchor: str = "start") -> str:
    return (
        f'<text x="{x}" y="{y}" {FONT} font-size="{size}" fill="{colour}" '
        f'text-anchor="{anchor}">{escape(words)}</text>'
    )


def box(x: int, y: int, title: str, words: str, kind: str) -> str:
    fill, edge = COLOURS[kind]
    radius = 4 if kind == "step" else 16
    middle = x + BOX_W / 2
    return (
        f'<rect x="{x}" y="{y}" width="{BOX_W}" height="{BOX_H}" rx="{radius}" fill="{fill}" '
        f'stroke="{edge}" stroke-width="1.5"/>'
        + text(middle, y + 25, title, 15, "#111", "middle")
        + text(middle, y + 44, words, 11, "#444", "middle")
    )


def arrow(start: str, end: str) -> str:
    return f'<path d="{route(start, end)}" fill="none" stroke="#444" stroke-width="1.5" marker-end="url(#tip)"/>'


def route(start: str, end: str) -> str:
    """The path of an arrow: straight from edge to edge, or the one in ``ROUTES``."""
    if (start, end) in ROUTES:
        return ROUTES[start, end]
    (x, y, *_), (to_x, to_y, *_) = BOXES[start], BOXES[end]
    if y == to_y:
        right = to_x > x
        a, b = (x + BOX_W, to_x - 5) if right else (x, to_x + BOX_W + 5)
        return f"M{a} {y + BOX_H / 2:g} H{b}"
    down = to_y > y
    c, d = (y + BOX_H, to_y - 5) if down else (y, to_y + BOX_H + 5)
    return f"M{x + BOX_W / 2:g} {c} V{d}"


def legend() -> list[str]:
    parts = []
    for index, (kind, words) in enumerate(LEGEND.items()):
        fill, edge = COLOURS[kind]
        x, radius = 600 + 190 * index, 3 if kind == "step" else 9
        parts.append(
            f'<rect x="{x}" y="425" width="28" height="18" rx="{radius}" fill="{fill}" stroke="{edge}"/>'
        )
        parts.append(text(x + 36, 439, words, 13, "#444"))
    return parts


if __name__ == "__main__":
    main()
