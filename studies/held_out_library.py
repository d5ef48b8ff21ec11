"""Does the report of a training hold for the real commands, from the import to the files' tags?

    python -m studies.held_out_library MUSIC [--set allmusic] [--parts 4] [--cache features.db]

The artists are divided into parts.  Each part in turn is imported by a real ``beet import``,
without genres, together with the labelled others.  ``beet cnntrain`` trains on the others;
``beet cnngenre`` classifies the part, first with the report's threshold, then all of it
(``-f --threshold 0``).  The genres that mutagen then reads in the files are compared with the
labels, and the result with the report.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.temporary_library import Clip, TemporaryLibrary, clips_of, genre_in
from genre_model.data.artists import lead_artist
from genre_model.evaluation.metrics import accuracy
from studies.intervals import artist_interval

MIN_TRACKS = "5"  # the smallest genre has ten clips, and a part of them is held out


@dataclass(frozen=True, slots=True)
class Part:
    """The results in one part's files, and the report of the model that wrote them."""

    clips: list[Clip]
    answered: np.ndarray
    right_answers: np.ndarray
    right: np.ndarray
    report: dict


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("music", type=Path)
    parser.add_argument("--set", default="allmusic")
    parser.add_argument("--parts", type=int, default=4)
    parser.add_argument("--cache", type=Path, help="cached features; the file is copied")
    options = parser.parse_args()
    print(
        "| held out | tracks | right in the files | the report | within its interval "
        "| answered | the report | right, of those | the report |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    parts: list[Part] = []
    for number, held_out, others in deal(clips_of(options.music, options.set), options.parts):
        parts.append(try_part(held_out, others, options.cache))
        print(line(f"part {number + 1}", parts[-1:]), flush=True)
    print(line("all", parts))


def deal(clips: list[Clip], parts: int) -> Iterator[tuple[int, list[Clip], list[Clip]]]:
    """Each part's number, its clips and the other clips; no artist is in both."""
    place = {
        clip: hashlib.sha256(lead_artist(clip.artist).encode()).digest()[0] % parts
        for clip in clips
    }
    for number in range(parts):
        yield (
            number,
            [clip for clip in clips if place[clip] == number],
            [clip for clip in clips if place[clip] != number],
        )


def try_part(held_out: list[Clip], others: list[Clip], cache: Path | None) -> Part:
    """Train on the others and classify the held-out clips."""
    with tempfile.TemporaryDirectory() as folder:
        library = TemporaryLibrary(Path(folder))
        library.configure(cache)
        library.add(others, "labelled")
        files = library.add(held_out, "held_out", labelled=False)
        query = f"path:{library.folder / 'music' / 'held_out'}"
        library.beet("cnntrain", "-q", "--min-tracks", MIN_TRACKS)
        library.beet("cnngenre", "-q", query)
        answers = [genre_in(files[clip.name]) for clip in held_out]
        library.beet("cnngenre", "-q", "-f", "--threshold", "0", query)
        leading = [genre_in(files[clip.name]) for clip in held_out]
        in_database = library.beet("ls", "-f", "$genres", "path+", query).output.splitlines()
        if in_database != leading:
            raise SystemExit("the database says otherwise than the files")
        [report] = (library.own / "models").glob("*/report.json")
        return Part(
            held_out,
            np.array([bool(answer) for answer in answers]),
            np.array([a == clip.genre for a, clip in zip(answers, held_out, strict=True)]),
            np.array([a == clip.genre for a, clip in zip(leading, held_out, strict=True)]),
            json.loads(report.read_bytes()),
        )


def line(name: str, parts: list[Part]) -> str:
    """A row of the table; over several parts the report's figures are means."""
    right, answered, right_answers = (
        np.concatenate([getattr(part, field) for part in parts])
        for field in ("right", "answered", "right_answers")
    )
    artists = [lead_artist(clip.artist) for part in parts for clip in part.clips]
    found = artist_interval(lambda i: accuracy(right[i]), artists)
    precise = artist_interval(lambda i: accuracy(right_answers[i][answered[i]]), artists)
    told, coverage, precision = (
        np.array([figures(part.report[key]) for part in parts]).mean(axis=0)
        for key in ("song_accuracy", "coverage", "precision")
    )
    within = "yes" if told[1] <= found.value <= told[2] else "no"
    return (
        f"| {name} | {len(right)} | {found} | {told[0]:.3f} [{told[1]:.3f}, {told[2]:.3f}] "
        f"| {within} | {answered.mean():.3f} | {coverage[0]:.3f} "
        f"| {precise} | {precision[0]:.3f} [{precision[1]:.3f}, {precision[2]:.3f}] |"
    )


def figures(entry: dict | float) -> tuple[float, float, float]:
    """A figure of a report with its interval, if it has one."""
    if isinstance(entry, dict):
        return entry["value"], entry["low"], entry["high"]
    return entry, entry, entry


if __name__ == "__main__":
    main()
