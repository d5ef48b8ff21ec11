"""Make untrusted text (tags, file names, a model's texts) and numbers fit for terminal or page."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import accumulate, takewhile
from unicodedata import category, east_asian_width


def clock(seconds: float) -> str:
    """A time as minutes and seconds, rounded to the nearest second."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def harmless(text: str) -> str:
    """Text on one line: control and bidirectional characters and undecodable bytes are escaped."""
    if text.isprintable():
        return text
    return "".join(
        c if may_be_seen(c) else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


def first_and_rest(lines: Sequence[str], n: int) -> list[str]:
    """The first ``n`` lines, and how many more there are."""
    return [*lines[:n], *([f"and {len(lines) - n} more"] if len(lines) > n else [])]


JOINERS = "\u200c\u200d"  # Persian words and many emoji need them


def may_be_seen(character: str) -> bool:
    """Whether a character is printable, a joiner or a space: Japanese and French have their own."""
    return character.isprintable() or character in JOINERS or category(character) == "Zs"


def visible(text: str) -> str:
    """Text for a page: control characters and direction overrides as a symbol or a code point."""
    return text if text.isprintable() else "".join(map(shown_character, text))


def shown_character(character: str) -> str:
    """A character, or a replacement for one that cannot be seen."""
    code = ord(character)
    if may_be_seen(character):
        return character
    if code < 0x20:
        return chr(0x2400 + code)
    return f"\u27e8U+{code:04X}\u27e9"


def writable(text: str) -> str:
    """Text that UTF-8 can encode: the undecodable bytes of a file name are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


UNKNOWN = "n/a"

PERCENT = "\u00a0%"  # with a space that does not break the line


def percent(share: float | None) -> str:
    """A share as a whole percentage; never "100 %" for less than all, nor "0 %" for a few."""
    if share is None or not math.isfinite(share):
        return UNKNOWN
    if 0 < share <= 0.005:  # Python rounds a half to even
        return "<1\u00a0%"
    if 0.995 <= share < 1:
        return ">99\u00a0%"
    return f"{float(f'{share:.2f}') * 100:.0f}\u00a0%"  # the digits that ``decimal`` shows


def decimal(figure: float, places: int = 2) -> str:
    """A figure with ``places`` decimal places."""
    return f"{figure:.{places}f}" if math.isfinite(figure) else UNKNOWN


def span(low: float, high: float) -> str:
    """An interval of shares as percentages."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return UNKNOWN
    return f"{percent(low).removesuffix(PERCENT)}\u2013{percent(high)}"


def points(change: float) -> str:
    """A change of a share in percentage points, without its sign."""
    size = decimal(abs(change) * 100, 1)
    return f"{size} percentage point{'' if size == '1.0' else 's'}"


def count(number: int, noun: str) -> str:
    """A number of things: ``1 track``, ``1,204 tracks``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def moment(created_utc: str) -> str:
    """A time stamp in a readable form, or unchanged if it is not ISO 8601."""
    match = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)", created_utc)
    return f"{match[1]} {match[2]} UTC" if match else created_utc


def aligned(rows: Sequence[Sequence[str]], alignment: str) -> list[str]:
    """Rows of cells as lines of text, the heading first.

    ``alignment`` has "<" or ">" for each aligned column; further cells follow unchanged.
    """
    widths = [max(n_columns(row[i]) for row in rows if i < len(row)) for i in range(len(alignment))]
    lines = []
    for row in rows:
        cells = [
            padded(cell, width, way)
            for cell, way, width in zip(row, alignment, widths, strict=False)
        ]
        lines.append("  ".join([*cells, *row[len(alignment) :]]).rstrip())
    return lines


def padded(text: str, width: int, way: str = "<") -> str:
    """A text with spaces behind it (``way`` is "<") or before it, ``width`` columns wide."""
    spaces = " " * (width - n_columns(text))
    return text + spaces if way == "<" else spaces + text


def n_columns(text: str) -> int:
    """How many columns of a terminal a text takes.

    Chinese, Japanese and Korean characters take two, accents that follow their letter none.
    """
    return sum(
        0 if c in JOINERS or category(c) in {"Mn", "Me"} else 1 + (east_asian_width(c) in "FW")
        for c in text
    )


def clipped(text: str, width: int) -> str:
    """A text, cut off with an ellipsis if it is wider than ``width`` columns."""
    if n_columns(text) <= width:
        return text
    so_far = accumulate(n_columns(c) for c in text)
    n_kept = sum(1 for _ in takewhile(lambda n: n < width, so_far))
    return f"{text[:n_kept]}\u2026"
