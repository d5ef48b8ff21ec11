"""Put the results of ``genre-model experiment`` into docs/paper.md, between its marks.

    python scripts/update_paper_tables.py experiments

A block begins with ``<!-- results: NAME -->`` and ends with ``<!-- end -->``; what has no results
in the folder stays as it is.  Pictures go to docs/pictures, as experiment-NAME.svg.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "paper.md"
BLOCK = re.compile(r"(<!-- results: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main(folder: Path) -> None:
    def replaced(match: re.Match[str]) -> str:
        begin, name, end = match.groups()
        result = folder / f"{name}.md"
        if not result.exists():
            print(f"no results of {name}")
            return match[0]
        picture = PAGE.parent / "pictures" / f"experiment-{name}.svg"
        picture.parent.mkdir(exist_ok=True)
        shutil.copy(folder / f"{name}.svg", picture)
        return f"{begin}{result.read_text(encoding='utf-8')}\n![{name}](pictures/experiment-{name}.svg)\n{end}"

    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(BLOCK.sub(replaced, page), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
