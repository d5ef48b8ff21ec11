"""Print a kept result of ``genre-model experiment``; needs only Python.

    python -m studies.kept_results [NAME]

Without a name it prints the main table, ``paper``.  The results are in ``studies/results``; each
has the command that makes it again, and ``genre-model experiment`` writes such a file to its
folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from genre_model.training.experiments.results.markdown import as_text

RESULTS = Path(__file__).parent / "results"
MAIN = "paper"


def main(arguments: list[str]) -> int:
    """Print the result, or the names of all results."""
    name = arguments[0] if arguments else MAIN
    kept = sorted(path.stem for path in RESULTS.glob("*.json"))
    if len(arguments) > 1 or name not in kept:
        print(f"usage: python -m studies.kept_results [{'|'.join(kept)}]", file=sys.stderr)
        return 1
    file = RESULTS / f"{name}.json"
    print(as_text(json.loads(file.read_text(encoding="utf-8"))), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
