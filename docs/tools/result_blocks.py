"""The blocks of a page that hold results: from ``<!-- results: NAME -->`` to ``<!-- end -->``."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PICTURES = DOCS / "pictures"
BLOCK = re.compile(r"(<!-- results: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill(page: Path, folder: Path, below: Callable[[str], str]) -> None:
    """Put the tables ``NAME.md`` of a folder into a page, and what belongs below each of them.

    A block whose table is not in the folder stays as it is.
    """

    def filled(match: re.Match[str]) -> str:
        begin, name, end = match.groups()
        table = folder / f"{name}.md"
        if not table.exists():
            print(f"no results of {name}")
            return match[0]
        return f"{begin}{table.read_text(encoding='utf-8')}{below(name)}{end}"

    page.write_text(BLOCK.sub(filled, page.read_text(encoding="utf-8")), encoding="utf-8")
