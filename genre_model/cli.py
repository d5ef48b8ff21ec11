"""``genre-model``: the engine without beets."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from genre_model.bundle import SHIPPED, read_bundle
from genre_model.errors import AudioError, GenreModelError
from genre_model.vocabulary import Policy, SongGenre, Vocabulary, judge, make_vocabulary

if TYPE_CHECKING:
    from genre_model.classifier import Classifier

# What is picked out of a folder; a file that is named is tried whatever it is called.
AUDIO_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("aac", "aif", "aiff", "ape", "asf", "dsf", "flac", "m4a", "m4b", "mp3", "mp4"),
        *("mpc", "oga", "ogg", "opus", "wav", "wma", "wv"),
    )
)
N_RUNNERS_UP = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One file's outcome: a verdict or an error."""

    path: Path
    song: SongGenre | None
    error: str | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    options = make_parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except GenreModelError as error:
        print(printable(f"genre-model: {error}"), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, `head` say, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def make_parser() -> argparse.ArgumentParser:
    """The parser of all subcommands; each sets ``run``."""
    parser = argparse.ArgumentParser(
        prog="genre-model", description="Listen to music, say its genre."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    classify = commands.add_parser("classify", help="say the genre of files and folders")
    classify.add_argument("paths", nargs="+", type=Path, metavar="FILE|DIR")
    classify.add_argument("--json", action="store_true", help="print JSON")
    classify.add_argument("--csv", action="store_true", help="print CSV")
    classify.add_argument("--model", type=Path, default=SHIPPED, help="the folder of a bundle")
    classify.add_argument("--threshold", type=fraction, help="answer from this confidence on")
    classify.add_argument("--count", type=positive, default=1, help="how many genres at most")
    classify.add_argument("--genres", help="a selection, or genres separated by commas")
    classify.add_argument("--thorough", action="store_true", help="hear all of each file")
    classify.add_argument("--threads", type=positive, default=os.cpu_count() or 1)
    classify.set_defaults(run=run_classify)
    inspect = commands.add_parser("inspect", help="print a bundle's card and check its files")
    inspect.add_argument("bundle", nargs="?", type=Path, default=SHIPPED, metavar="BUNDLE")
    inspect.set_defaults(run=run_inspect)
    return parser


def fraction(text: str) -> float:
    """A number from 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return value


def positive(text: str) -> int:
    """A whole number from 1 up."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def run_classify(options: argparse.Namespace) -> int:
    """Classify files; 1 where there was not one that could be heard."""
    from genre_model.classifier import load_classifier

    classifier = load_classifier(options.model)
    paths = list(find_audio(options.paths))
    if not paths:
        raise GenreModelError("no audio files there")
    wish: str | list[str] | None = options.genres
    manifest = classifier.manifest
    if isinstance(wish, str) and wish not in manifest.presets:
        wish = wish.split(",")
    vocabulary = make_vocabulary(manifest.genres, manifest.parents, manifest.presets, wish)
    rows = classify(paths, classifier, vocabulary, options)
    write = write_json if options.json else write_csv if options.csv else write_table
    n_heard = write(rows, sys.stdout)
    return 0 if n_heard else 1


def find_audio(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as they are named, and the audio files below folders, sorted."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if is_audio(p))
        else:
            yield path


def is_audio(path: Path) -> bool:
    """Whether a path is a file that is called like audio."""
    return path.suffix.lower() in AUDIO_SUFFIXES and path.is_file()


def classify(
    paths: Sequence[Path],
    classifier: Classifier,
    vocabulary: Vocabulary,
    options: argparse.Namespace,
) -> Iterator[Row]:
    """The verdict on each file, in order, heard in parallel."""
    from tqdm import tqdm

    from genre_model.pool import map_bounded

    own = classifier.manifest.aggregation.threshold
    policy = Policy(own if options.threshold is None else options.threshold, options.count)

    def hear(path: Path) -> Row:
        try:
            heard = classifier.hear(path, thorough=options.thorough)
        except AudioError as error:
            return Row(path, None, str(error))
        return Row(path, judge(classifier.probabilities(heard), vocabulary, policy), None)

    with (
        ThreadPoolExecutor(options.threads) as executor,
        tqdm(total=len(paths), unit="track", disable=None, leave=False) as bar,
    ):
        for _, row in map_bounded(executor, hear, paths, in_flight=2 * options.threads):
            bar.update()
            yield row


def write_table(rows: Iterable[Row], out: TextIO) -> int:
    """One line a file: genres, confidence, runners-up, name."""
    n_heard = 0
    out.write(f"{'genre':<20} {'conf':>4}  {'or else':<34} file\n")
    for row in rows:
        name = printable(str(row.path))
        if row.song is None:
            out.write(f"{'(failed)':<20} {'':>4}  {row.error or '':<34} {name}\n")
            continue
        n_heard += 1
        best = row.song.best
        others = [s for s in row.song.ranked if not best or s.genre != best.genre][:N_RUNNERS_UP]
        rest = ", ".join(f"{score.genre} {score.probability:.2f}" for score in others)
        genre = "; ".join(row.song.genres) or (f"({best.genre}?)" if best else "(silent)")
        confidence = f"{best.probability:.2f}" if best else ""
        out.write(f"{genre:<20} {confidence:>4}  {rest:<34} {name}\n")
    return n_heard


def write_json(rows: Iterable[Row], out: TextIO) -> int:
    """A list of objects."""
    entries = [as_dict(row) for row in rows]
    json.dump(entries, out, indent=2, ensure_ascii=True)
    out.write("\n")
    return sum(entry["error"] is None for entry in entries)


def write_csv(rows: Iterable[Row], out: TextIO) -> int:
    """A header, then one line a file."""
    n_heard = 0
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["path", "genres", "best", "probability", "error"])
    for row in rows:
        entry = as_dict(row)
        n_heard += row.error is None
        genres = "; ".join(row.song.genres) if row.song else ""
        writer.writerow(
            [entry["path"], genres, entry["best"], entry["probability"], row.error or ""]
        )
    return n_heard


def as_dict(row: Row) -> dict[str, object]:
    """A row as JSON has it."""
    song = row.song
    best = song.best if song else None
    return {
        "path": printable(str(row.path)),
        "genres": list(song.genres) if song else [],
        "best": best.genre if best else None,
        "probability": round(best.probability, 4) if best else None,
        "ranked": {s.genre: round(s.probability, 4) for s in song.ranked} if song else {},
        "reason": song.reason if song else None,
        "error": row.error,
    }


def printable(text: str) -> str:
    """Text for a terminal: control characters and undecodable bytes are escaped."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


def run_inspect(options: argparse.Namespace) -> int:
    """Print what a bundle says of itself, after checking its files and its probe."""
    from genre_model.classifier import Classifier

    bundle = read_bundle(options.bundle)
    for name in bundle.manifest.files:
        bundle.read(name)
    Classifier(bundle)
    manifest = bundle.manifest
    facts = {
        "bundle": manifest.bundle_id,
        "description": manifest.description,
        "genres": ", ".join(manifest.genres),
        "selections": ", ".join(manifest.presets),
        "threshold": manifest.aggregation.threshold,
        "slices": f"{manifest.slices.frames} frames, up to {manifest.slices.max_slices} a song",
        "made": f"{manifest.created_utc} by {manifest.package_version}",
        "licence": manifest.licence,
        "files": ", ".join(manifest.files),
        "checks": "hashes and probe are as they were when it was made",
    }
    for name, value in facts.items():
        print(f"{name:<12} {printable(str(value))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
