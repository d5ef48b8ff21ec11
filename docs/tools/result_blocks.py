"""The blocks of a page that hold results: from ``<!-- results: NAME -->`` to ``<!-- end -->``."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PICTURES = DOCS / "pictures"
BLOCK = re.compile(r"(<!-- results: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill(page: Path, block: Callable[[str], str | None]) -> None:
    """Replace a page's blocks by name; if ``block`` returns None, the block stays as it is."""

    def filled(match: re.Match[str]) -> str:
        begin, name, end = match.groups()
        content = block(name)
        if content is None:
            print(f"no results of {name}")
            return match[0]
        return f"{begin}{content}{end}"

    page.write_text(BLOCK.sub(filled, page.read_text(encoding="utf-8")), encoding="utf-8")
