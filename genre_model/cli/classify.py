"""``genre-model classify``: print the genre of files."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from genre_model.cli.common import (
    add_answer_options,
    add_dask,
    positive,
    wished_policy,
    wished_vocabulary,
)
from genre_model.core.processor import n_cores
from genre_model.core.text import harmless, padded, writable
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
    n_classified = 0
    with tqdm(total=len(paths), unit="track", disable=None, leave=False) as bar:

        def arrived() -> Iterator[Classified]:
            nonlocal n_classified
            for row in rows:
                bar.update()
                n_classified += row.error is None
                yield row

        as_text = as_json if options.json else as_csv if options.csv else as_table
        for text in as_text(arrived()):
            with bar.external_write_mode(sys.stdout):
                sys.stdout.write(text)
    return 0 if n_classified else 1


def as_table(rows: Iterable[Classified]) -> Iterator[str]:
    """A heading, then one line per file: genres, confidence, runners-up, name."""
    yield f"{'genre':<20} {'conf':>4}  {'or else':<34} file\n"
    for row in rows:
        name = harmless(str(row.path))
        if row.song is None:
            yield f"{'(failed)':<20} {'':>4}  {row.error or '':<34} {name}\n"
            continue
        best = row.song.best
        others = [s for s in row.song.ranked if not best or s.genre != best.genre][:N_RUNNERS_UP]
        rest = ", ".join(f"{score.genre} {score.probability:.2f}" for score in others)
        genre = "; ".join(row.song.genres) or (f"({best.genre}?)" if best else "(silent)")
        confidence = f"{best.probability:.2f}" if best else ""
        yield f"{padded(genre, 20)} {confidence:>4}  {padded(rest, 34)} {name}\n"


def as_json(rows: Iterable[Classified]) -> Iterator[str]:
    """A JSON list with one object per file, as one text."""
    yield json.dumps([as_dict(row) for row in rows], indent=2, ensure_ascii=True) + "\n"


def as_csv(rows: Iterable[Classified]) -> Iterator[str]:
    """A CSV header, then one row per file; paths as they are, except on a terminal."""
    shown = harmless if sys.stdout.isatty() else writable
    yield csv_row("path", "genres", "best", "probability", "error")
    for row in rows:
        entry = as_dict(row)
        genres = "; ".join(row.song.genres) if row.song else ""
        found = (genres, entry["best"], entry["probability"], row.error or "")
        yield csv_row(shown(str(row.path)), *found)


def csv_row(*cells: object) -> str:
    """A row of CSV; cells with any kind of line break are quoted."""
    out = StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue().removesuffix("\r\n") + "\n"


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
