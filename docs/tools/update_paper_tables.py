"""Put the kept results of ``genre-model experiment`` into docs/paper.md, between its marks.

    python docs/tools/update_paper_tables.py [experiments]

If a folder is given, its results and pictures are kept first: NAME.json in studies/results, and
NAME.svg as docs/pictures/experiment-NAME.svg.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from result_blocks import DOCS, PICTURES, fill

from genre_model.training.experiments.results.markdown import as_markdown

RESULTS = DOCS.parent / "studies" / "results"


def main(folder: Path | None) -> None:
    for file in sorted(folder.glob("*.json")) if folder else ():
        shutil.copy(file, RESULTS / file.name)
        drawn = file.with_suffix(".svg")
        if drawn.read_text(encoding="utf-8").count("<circle") > 1:  # one bar compares nothing
            shutil.copy(drawn, PICTURES / f"experiment-{file.stem}.svg")
    fill(DOCS / "paper.md", block)


def block(name: str) -> str | None:
    """A result as Markdown, with its picture if there is one; None if there is no result."""
    file = RESULTS / f"{name}.json"
    if not file.exists():
        return None
    has_picture = (PICTURES / f"experiment-{name}.svg").exists()
    picture = f"\n![{name}](pictures/experiment-{name}.svg)\n" if has_picture else ""
    return as_markdown(json.loads(file.read_text(encoding="utf-8"))) + picture


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
