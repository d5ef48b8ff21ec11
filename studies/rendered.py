"""Is a score that soundfonts play classified as Classical?

    python -m studies.rendered CHECKED [--bundle FOLDER]

CHECKED is a folder that ``shipped_model.renderings`` has written, with composers and a soundfont
that the shipped head was not fitted on.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.model.classifier import Classifier
from genre_model.model.vocabulary import Policy, judge, make_vocabulary
from shipped_model.clips import read_rows
from shipped_model.renderings import GENRE


def main() -> None:
    """Print a row."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("checked", type=Path)
    parser.add_argument("--bundle", type=Path, default=SHIPPED)
    options = parser.parse_args()
    found = answers(options.checked, options.bundle)
    accepted = [genre for genre, is_accepted in found if is_accepted]
    leading = np.mean([genre == GENRE for genre, _ in found])
    right = accepted.count(GENRE) / max(len(accepted), 1)
    given = ", ".join(f"{genre} {n}" for genre, n in Counter(accepted).most_common())
    print(
        "| files | Classical leads | answered | right, of those | answers |\n|---|---|---|---|---|"
    )
    answered = len(accepted) / len(found)
    print(f"| {len(found)} | {leading:.3f} | {answered:.3f} | {right:.3f} | {given} |")


def answers(folder: Path, bundle: Path) -> list[tuple[str, bool]]:
    """The leading genre of each file, and whether it is accepted."""
    classifier = Classifier(load_bundle(bundle))
    manifest = classifier.manifest
    vocabulary = make_vocabulary(manifest.genres, manifest.parents, manifest.presets, None)
    found = []
    for row in read_rows(folder):
        probabilities = classifier.probabilities(classifier.extract(folder / row["path"]))
        judged = judge(probabilities, vocabulary, Policy(manifest.threshold))
        found.append((judged.best.genre if judged.best else "", judged.accepted))
    return found


if __name__ == "__main__":
    main()
