"""``genre-model classify``: print the genre of files."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from genre_model.cli.common import (
    add_answer_options,
    add_dask,
    positive,
    wished_policy,
    wished_vocabulary,
)
from genre_model.core.processor import n_cores
from genre_model.core.text import harmless, writable
from genre_model.data.folder import find_audio

if TYPE_CHECKING:
    from genre_model.extraction.classify import Classified

N_RUNNERS_UP = 2


def add_classify(parser: argparse.ArgumentParser) -> None:
    """Give the subcommand its options."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="FILE|DIR")
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="print JSON")
    formats.add_argument("--csv", action="store_true", help="print CSV")
    add_answer_options(parser)
    add_dask(parser)
    parser.add_argument(
        "--threads", type=positive, default=n_cores(), help="how many files at once"
    )
    parser.set_defaults(run=run_classify)


def run_classify(options: argparse.Namespace) -> int:
    """Classify files; the exit status is 1 if none could be classified."""
    from tqdm import tqdm

    from genre_model.extraction.classify import classify
    from genre_model.extraction.extractor import Effort
    from genre_model.model.bundle.store import load_bundle
    from genre_model.model.classifier import Classifier

    classifier = Classifier(load_bundle(options.model), lazily=True)
    paths = list(find_audio(options.paths))
    rows = classify(
        paths,
        classifier,
        vocabulary=wished_vocabulary(classifier.manifest, options.genres),
        policy=wished_policy(classifier.manifest, options.threshold, options.count),
        effort=Effort(options.thorough, until_stable=True, time_limit_s=options.time_limit),
        n_workers=options.threads,
        dask=options.dask,
    )
    write = write_json if options.json else write_csv if options.csv else write_table
    with tqdm(total=len(paths), unit="track", disable=None, leave=False) as bar:
        n_classified = write(counted(rows, bar.update), sys.stdout)
    return 0 if n_classified else 1


def counted(rows: Iterable[Classified], count: Callable[[], object]) -> Iterator[Classified]:
    """The rows; ``count`` is called as each arrives."""
    for row in rows:
        count()
        yield row


def write_table(rows: Iterable[Classified], out: TextIO) -> int:
    """Write one line per file: genres, confidence, runners-up, name."""
    n_classified = 0
    out.write(f"{'genre':<20} {'conf':>4}  {'or else':<34} file\n")
    for row in rows:
        name = harmless(str(row.path))
        if row.song is None:
            out.write(f"{'(failed)':<20} {'':>4}  {row.error or '':<34} {name}\n")
            continue
        n_classified += 1
        best = row.song.best
        others = [s for s in row.song.ranked if not best or s.genre != best.genre][:N_RUNNERS_UP]
        rest = ", ".join(f"{score.genre} {score.probability:.2f}" for score in others)
        genre = "; ".join(row.song.genres) or (f"({best.genre}?)" if best else "(silent)")
        confidence = f"{best.probability:.2f}" if best else ""
        out.write(f"{genre:<20} {confidence:>4}  {rest:<34} {name}\n")
    return n_classified


def write_json(rows: Iterable[Classified], out: TextIO) -> int:
    """Write a JSON list with one object per file."""
    entries = [as_dict(row) for row in rows]
    json.dump(entries, out, indent=2, ensure_ascii=True)
    out.write("\n")
    return sum(entry["error"] is None for entry in entries)


def write_csv(rows: Iterable[Classified], out: TextIO) -> int:
    """Write a CSV header, then one line per file."""
    n_classified = 0
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["path", "genres", "best", "probability", "error"])
    for row in rows:
        entry = as_dict(row)
        n_classified += row.error is None
        genres = "; ".join(row.song.genres) if row.song else ""
        writer.writerow(
            [harmless(str(row.path)), genres, entry["best"], entry["probability"], row.error or ""]
        )
    return n_classified


def as_dict(row: Classified) -> dict[str, object]:
    """A row as an object for JSON."""
    song = row.song
    best = song.best if song else None
    return {
        "path": writable(str(row.path)),
        "genres": list(song.genres) if song else [],
        "best": best.genre if best else None,
        "probability": round(best.probability, 4) if best else None,
        "ranked": {s.genre: round(s.probability, 4) for s in song.ranked} if song else {},
        "reason": song.reason if song else None,
        "error": row.error,
    }
