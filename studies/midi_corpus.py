"""Scores of the package music21 as MIDI files with genres, for ``genre-model experiment midi``.

    pip install music21 mido
    python -m studies.midi_corpus FOLDER

writes the files and ``midi.csv``.  The genres are four dances of *Ryan's Mammoth Collection*
(1883), named by the last word of a tune's title and played three times through, as usual;
chorales of Bach; movements of Palestrina's masses; songs of the Italian Trecento; and movements for
strings or piano.  The column *artist* groups movements of one mass or one composer.  The scores are
not ours and are not stored in the project.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

DANCES = ("Reel", "Jig", "Hornpipe", "Clog")
COMPOSERS = ("mozart", "haydn", "beethoven", "schumann_robert", "schumann_clara")

TIMES_THROUGH = 3

LARGE = 50_000  # most bytes of a compressed score: a whole quartet takes ten minutes to read

AT_MOST = 80  # scores of a genre, drawn with a fixed seed


@dataclass(frozen=True, slots=True)
class Score:
    """A score of the corpus: its file, its genre, and the group it belongs to."""

    path: Path
    genre: str
    group: str


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    scores = chosen(scores_in(corpus()))
    rows = []
    for number, score in enumerate(scores):
        target = folder / f"{number:04d} {score.path.stem}.mid"
        if target.exists() or converted(score, target):
            rows.append((target, score.genre, score.group))
        print(f"\r{number + 1} of {len(scores)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    with (folder / "midi.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "genre", "artist"), *rows])


def corpus() -> Path:
    """The folder of music21's scores."""
    from music21 import common

    return Path(common.getCorpusFilePath())


def scores_in(corpus: Path) -> list[Score]:
    """All scores that have one of the genres."""
    return [
        *dances(corpus / "ryansMammoth"),
        *(Score(path, "Chorale", path.stem) for path in sorted(corpus.glob("bach/*.mxl"))),
        *masses(corpus / "palestrina"),
        *(Score(path, "Trecento", path.stem) for path in sorted(corpus.glob("trecento/*.xml"))),
        *(Score(path, "Movement", name) for name in COMPOSERS for path in movements(corpus / name)),
    ]


def dances(folder: Path) -> Iterator[Score]:
    """The tunes whose title ends with a dance."""
    for path in sorted(folder.glob("*.abc")):
        for dance in DANCES:
            if path.stem.endswith(dance):
                yield Score(path, dance, path.stem)


def masses(folder: Path) -> Iterator[Score]:
    """The movements of masses, which have the mass's number in their names."""
    for path in sorted(folder.glob("*.krn")):
        number = re.search(r"_(\d+)", path.stem)
        if number is not None:
            yield Score(path, "Mass", f"Mass {number[1]}")


def movements(folder: Path) -> list[Path]:
    """The movements of a composer, which are in folders of works or beside them."""
    return sorted(path for path in folder.rglob("*.mxl") if path.stat().st_size < LARGE)


def chosen(scores: list[Score]) -> list[Score]:
    """At most ``AT_MOST`` of each genre."""
    rng = np.random.default_rng(0)
    found = []
    for genre in dict.fromkeys(score.genre for score in scores):
        of_genre = [score for score in scores if score.genre == genre]
        drawn = sorted(rng.permutation(len(of_genre))[:AT_MOST])
        found += [of_genre[index] for index in drawn]
    return found


def converted(score: Score, target: Path) -> bool:
    """Write a score as a MIDI file, a dance three times over; returns whether music21 can."""
    import mido
    from music21 import converter, exceptions21

    begun = target.with_suffix(".part")  # so that a file with the final name is complete
    try:
        music: Any = converter.parse(score.path)
        music.write("midi", fp=begun)
    except exceptions21.Music21Exception as error:
        print(f"\r{score.path.name}: {error}", file=sys.stderr)
        return False
    if score.genre in DANCES:
        file = mido.MidiFile(begun)
        for track in file.tracks:
            *notes, end = track
            track[:] = [*(notes * TIMES_THROUGH), end]
        file.save(begun)
    begun.replace(target)
    return True


if __name__ == "__main__":
    main()
