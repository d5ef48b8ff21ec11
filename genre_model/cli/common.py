"""What the subcommands of ``genre-model`` have in common."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from genre_model.core.deadline import TIME_LIMIT_S
from genre_model.core.errors import GenreModelError
from genre_model.core.processor import n_cores
from genre_model.core.text import first_and_rest, harmless
from genre_model.data.tracks import LabelledTrack
from genre_model.model.bundle.store import SHIPPED
from genre_model.model.vocabulary import Policy, Vocabulary, make_vocabulary

if TYPE_CHECKING:
    from genre_model.model.bundle.manifest import Manifest
    from genre_model.model.classifier import Classifier
    from genre_model.model.song_features import SongFeatures

N_FAILURES = 5  # how many failures are listed


@dataclass(frozen=True, slots=True, eq=False)
class Extraction:
    """Tracks with their features, and a line for each that could not be used."""

    extracted: list[tuple[LabelledTrack, SongFeatures]]
    failures: list[str]


def add_extraction_options(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommands that extract the features of many tracks."""
    parser.add_argument(
        "--cache", type=Path, metavar="FILE", help="keep the extracted features in this file"
    )
    parser.add_argument(
        "--threads",
        type=positive,
        default=n_cores(),
        help="how many files to decode at once",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_dask(parser: argparse.ArgumentParser) -> None:
    """The option to extract features on a cluster."""
    parser.add_argument(
        "--dask", metavar="ADDRESS", help="extract features on the Dask cluster of this scheduler"
    )


def add_fast(parser: argparse.ArgumentParser) -> None:
    """The option to give up reproducible results for speed."""
    parser.add_argument(
        "--fast",
        action="store_true",
        help="calculate in bfloat16, where the GPU or processor can, and on a GPU in any order: "
        "no two trainings are equal",
    )


def add_answer_options(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommands that ask a bundle about audio files."""
    parser.add_argument("--model", type=Path, default=SHIPPED, help="the folder of a bundle")
    parser.add_argument(
        "--threshold", type=fraction, help="the confidence from which a genre is accepted"
    )
    parser.add_argument(
        "--count", type=positive, default=1, help="the most genres of a file; default: %(default)s"
    )
    parser.add_argument("--genres", help="a selection, or genres separated by commas")
    parser.add_argument("--thorough", action="store_true", help="use all slices of a file")
    add_time_limit(parser)


def add_time_limit(parser: argparse.ArgumentParser) -> None:
    """The option that limits the time for a file."""
    parser.add_argument(
        "--time-limit",
        type=positive,
        default=TIME_LIMIT_S,
        metavar="S",
        help="give up on a file after so many seconds without much progress",
    )


def fraction(text: str) -> float:
    """A number from 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return value


def share(text: str) -> float:
    """A number above 0 and up to 1."""
    value = fraction(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def positive(text: str) -> int:
    """A whole number from 1 up."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def png_file(text: str) -> Path:
    """The path of a picture to write."""
    if Path(text).suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"{text} does not end in .png")
    return Path(text)


def whole_number(text: str) -> int:
    """A whole number from 0 up."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is not 0 or more")
    return value


def names(text: str) -> tuple[str, ...]:
    """Names separated by commas."""
    found = tuple(name.strip() for name in text.split(",") if name.strip())
    if not found:
        raise argparse.ArgumentTypeError("no names")
    return found


def wished_vocabulary(manifest: Manifest, wish: str | None) -> Vocabulary:
    """The vocabulary of a ``--genres`` option: a selection's name, or comma-separated genres.

    Raises:
        GenreModelError: The bundle lacks one of them.
    """
    chosen: str | list[str] | None = wish
    if wish is not None and wish not in manifest.presets:
        chosen = wish.split(",")
    return make_vocabulary(manifest.genres, manifest.parents, manifest.presets, chosen)


def wished_policy(manifest: Manifest, threshold: float | None, count: int) -> Policy:
    """The policy with the user's threshold, or else the bundle's threshold for the audio alone."""
    return Policy(manifest.aggregation.threshold if threshold is None else threshold, count)


def print_json(record: object) -> None:
    """Print a record as indented JSON."""
    import msgspec

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(record), indent=2).decode() + "\n")


def say(lines: Iterable[str], *, error: bool = False) -> None:
    """Print lines, above a progress bar; characters that may harm a terminal are escaped."""
    from tqdm import tqdm

    stream = sys.stderr if error else sys.stdout
    with tqdm.external_write_mode(stream):
        stream.write("".join(f"{harmless(line)}\n" for line in lines))


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar; its callback gets what is being done, how much is done, and the total."""
    from tqdm import tqdm

    with tqdm(disable=None, leave=False) as bar:
        shown = ""

        def on_step(what: str, done: int, total: int) -> None:
            nonlocal shown
            if what != shown:
                shown = what
                bar.reset(total)
                bar.set_description(what, refresh=False)
            bar.update(done - bar.n)

        yield on_step


def extract_all(
    tracks: Sequence[LabelledTrack],
    classifier: Classifier,
    cache_file: Path | None,
    threads: int,
    dask: str | None = None,
) -> Extraction:
    """Extract features in parallel, with a progress bar; failures are named on standard error.

    Raises:
        GenreModelError: The cache or the cluster cannot be used, or no track could be used.
    """
    from tqdm import tqdm

    from genre_model.extraction.cache import Cache
    from genre_model.extraction.pools import extract_tracks

    failures: list[str] = []
    with ExitStack() as stack:
        cache = stack.enter_context(closing(Cache(cache_file))) if cache_file else None
        bar = stack.enter_context(tqdm(total=len(tracks), unit="track", disable=None, leave=False))

        def on_track(track: LabelledTrack, error: str | None) -> None:
            bar.update()
            if error is not None:
                failures.append(harmless(f"{track.path}: {error}"))

        extracted = extract_tracks(
            tracks, classifier, on_track, cache=cache, n_workers=threads, dask=dask
        )
    found = [(track, sound) for track, sound in extracted if len(sound.features)]
    if not found:
        raise GenreModelError(f"not one of {len(tracks)} tracks could be used: {failures[0]}")
    say(first_and_rest([f"not used: {line}" for line in failures], N_FAILURES), error=True)
    return Extraction(found, failures)
