"""Put the results of ``genre-model experiment`` into docs/paper.md, between its marks.

    python docs/tools/update_paper_tables.py experiments

The pictures go to docs/pictures, as experiment-NAME.svg.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from result_blocks import DOCS, PICTURES, fill


def main(folder: Path) -> None:
    def picture_of(name: str) -> str:
        picture = f"experiment-{name}.svg"
        shutil.copy(folder / f"{name}.svg", PICTURES / picture)
        return f"\n![{name}](pictures/{picture})\n"

    fill(DOCS / "paper.md", folder, picture_of)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
