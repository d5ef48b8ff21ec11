"""Write Emotify's clips as a list of music for the commands in docs/paper.md.

    python -m studies.emotify MUSIC > emotify.csv

MUSIC has a ``manifest.csv`` with the columns path, genre, style, artist and set.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from shipped_model.clips import read_rows

COLUMNS = ("path", "genre", "style", "artist")


def main(music: Path) -> None:
    writer = csv.DictWriter(sys.stdout, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in read_rows(music):
        if row["set"] == "emotify":
            writer.writerow({**row, "path": music.absolute() / row["path"]})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
