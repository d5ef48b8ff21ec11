"""How many slices a song needs: the stop rule against fixed numbers of slices.

    python -m studies.sampling MUSIC --cache whole.db [--each 4] [--rules] [--halves]

MUSIC has a folder of full-length music for each of several packages (Debian's games; unpack music
in ``.pk3`` and other archives first).  With ``--halves``, parameters are chosen on the packages
whose name has an even hash (:func:`is_chosen_on`) and checked on the others.  Every song is
extracted whole once, into the cache.  For the rows with CPU seconds, songs are extracted again, by
seeking, on one thread; all variants run on one song before the next.  With ``--rules``, rules and
fixed numbers are computed from the whole songs instead.  Runs for two minutes with ``--each 3``,
twelve with all songs.

*Same answer*: the genre that would be written, or none, is that of the whole song.  *Margin*: the
distance from the threshold of the nearest probability that decides on the answer.  *Error*: the
mean absolute difference of the stored probabilities from the whole song's.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

# Timings are of one thread.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from tqdm import tqdm

from benchmarks.measuring import LONGEST_S, SHORTEST_S, parser_of, publish, seconds, turned
from genre_model.core.errors import AudioError
from genre_model.core.specs import NotesSpec, SamplingSpec
from genre_model.data.folder import find_audio
from genre_model.extraction.cache import Cache
from genre_model.extraction.extractor import Effort, Extractor
from genre_model.features.slices import order
from genre_model.model.aggregation import aggregate
from genre_model.model.classifier import Classifier, load_classifier
from genre_model.model.song_features import SongFeatures
from genre_model.model.stop_rule import StopRule
from genre_model.model.vocabulary import Policy, Vocabulary, judge, make_vocabulary

MARGIN = 0.05
MIN_LOUD = 8  # slices that are not silent
FIXED = (4, 8, 16, 24, 32, 48)
SHIPPED, WHOLE = "until the answer is stable (shipped)", "whole song"
RULES = [
    SamplingSpec(min_slices, max_slices, z, min_gain)
    for min_slices in (6, 8, 10)
    for max_slices in (40, 48, 64)
    for z in (1.0, 2.0, 2.5)
    for min_gain in (0.001, 0.0013, 0.0016)
]


@dataclass(frozen=True, eq=False)
class Song:
    """A song that was extracted whole: logits (n_available, n_genres), NaN for silent slices."""

    path: Path
    package: str
    logits: np.ndarray
    whole: np.ndarray
    answer: tuple[str, ...]
    margin: float


@dataclass(frozen=True)
class Result:
    """The answer from a part of a song, compared with the whole song's, and its cost."""

    n_slices: int
    same: bool
    error: float
    cpu_s: float = float("nan")


class Judge:
    """The shipped model and its answers."""

    def __init__(self, classifier: Classifier) -> None:
        manifest = classifier.manifest
        self.classifier = classifier
        self.spec = manifest.aggregation
        self.genres = manifest.genres
        self.vocabulary: Vocabulary = make_vocabulary(
            manifest.genres, manifest.parents, manifest.presets, None
        )
        self.policy = Policy(self.spec.threshold)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """A song's probabilities from the logits of some slices, rounded as they are stored."""
        return aggregate(logits[np.isfinite(logits[:, 0])], self.spec).round(4)

    def answer(self, probabilities: np.ndarray) -> tuple[str, ...]:
        """The genres that are written."""
        named = dict(zip(self.genres, probabilities.tolist(), strict=True))
        return judge(named, self.vocabulary, self.policy).genres

    def song(self, path: Path, package: str, extracted: SongFeatures) -> Song | None:
        """A song, or None if it has too few slices to choose from."""
        slices = self.classifier.manifest.slices
        rate = self.classifier.manifest.spectrogram
        assert not isinstance(rate, NotesSpec)
        slice_s = slices.hop_frames * rate.hop / rate.sample_rate_hz
        places = np.rint(extracted.starts_s / slice_s).astype(int)
        n_available = int(places.max(initial=0)) + 1
        if n_available <= slices.max_slices or len(extracted.features) < MIN_LOUD:
            return None
        logits = np.full((n_available, len(self.genres)), np.nan)
        logits[places] = self.classifier.slice_logits(extracted)
        whole = self.probabilities(logits)
        named = dict(zip(self.genres, whole.tolist(), strict=True))
        scores = np.array(list(self.vocabulary.scores(named).values()))
        margin = float(np.abs(scores - self.spec.threshold).min())
        return Song(path, package, logits, whole, self.answer(whole), margin)

    def result(self, song: Song, n_slices: int, probabilities: np.ndarray, cpu_s: float) -> Result:
        """Compare probabilities with the whole song's."""
        same = self.answer(probabilities) == song.answer
        return Result(n_slices, same, float(np.abs(probabilities - song.whole).mean()), cpu_s)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("music", type=Path)
    parser.add_argument("--halves", action="store_true", help="of the packages, by their names")
    parser.add_argument("--cache", type=Path, default=Path("whole.db"))
    parser.add_argument("--rules", action="store_true", help="other rules, not timed")
    parser.add_argument("--each", type=int, default=26, help="songs of a package at most")
    options = parser.parse_args()
    by = Judge(load_classifier())
    songs = list(read_songs(options, by))
    halves = {"all": songs}
    if options.halves:
        halves = {
            "chosen on": [song for song in songs if is_chosen_on(song.package)],
            "checked on": [song for song in songs if not is_chosen_on(song.package)],
        }
    for name, half in halves.items():
        near = sum(song.margin <= MARGIN for song in half)
        packages = ", ".join(sorted({song.package for song in half}))
        mean = np.mean([len(song.logits) for song in half])
        print(
            f"{name}: {len(half)} songs, {mean:.0f} slices, {near} near ({packages})",
            file=sys.stderr,
        )
    ways = computed(by) if options.rules else extracted_again(by)
    results: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for name, half in halves.items():
        for index, song in enumerate(tqdm(half, unit="song")):
            for what in turned([*ways], index):
                results[what, name].append(ways[what](song))
    found = [
        (what, name, half, results[what, name]) for what in ways for name, half in halves.items()
    ]
    columns = [
        "extracted",
        "of",
        "slices",
        "same answer",
        "margin over .05",
        "error",
        "CPU s a song",
    ]
    publish(options, columns, [row(*entry) for entry in found], points=points(found))


def is_chosen_on(package: str) -> bool:
    """Whether parameters are chosen on a package; this rule was fixed before any result."""
    return hashlib.sha256(package.encode()).digest()[-1] % 2 == 0


def extracted_again(by: Judge) -> dict[str, Callable[[Song], Result]]:
    """Variants that extract again, by seeking: the shipped rule and fixed numbers of slices."""
    ways: dict[str, Callable[[Song], Result]] = {SHIPPED: partial(really, by)}
    ways |= {f"{n} slices": partial(really, by, n_slices=n) for n in FIXED}
    ways[WHOLE] = lambda song: really(by, song, len(song.logits))
    return ways


def computed(by: Judge) -> dict[str, Callable[[Song], Result]]:
    """Variants computed from the whole songs: rules and fixed numbers of slices."""
    shipped = by.classifier.rule.sampling
    ways: dict[str, Callable[[Song], Result]] = {
        describe(rule): partial(stopped, by, rule) for rule in [shipped, *RULES]
    }
    return ways | {f"{n} slices": partial(fixed, by=by, n_slices=n) for n in FIXED}


def read_songs(options: argparse.Namespace, by: Judge) -> Iterable[Song]:
    """Songs of every package, extracted whole."""
    extract = Extractor(by.classifier, Cache(options.cache), Effort(thorough=True)).extract
    chosen = []
    folders = sorted(path for path in options.music.iterdir() if path.is_dir())
    for folder in folders or [options.music]:
        paths = [path for path in find_audio([folder]) if SHORTEST_S < seconds(path) < LONGEST_S]
        n = min(len(paths), options.each)
        chosen += [(folder.name, paths[index * len(paths) // n]) for index in range(n)]
    for package, path in tqdm(chosen, unit="song"):
        try:
            song = by.song(path, package, extract(path))
        except AudioError:
            continue
        if song is not None:
            yield song


def describe(rule: SamplingSpec) -> str:
    slices = f"{rule.min_slices} to {rule.max_slices}"
    return f"{slices}, z = {rule.z:g}, gain {rule.min_gain:g}"


def really(by: Judge, song: Song, n_slices: int | None = None) -> Result:
    """Extract ``n_slices`` slices, or as many as the shipped rule needs."""
    classifier = by.classifier
    manifest = classifier.manifest
    if n_slices is not None:
        wanted = replace(manifest.slices, max_slices=n_slices)
        classifier.manifest = replace(manifest, slices=wanted)
    start = time.process_time()
    extracted = classifier.extract(song.path, until_stable=n_slices is None)
    probabilities = by.probabilities(classifier.slice_logits(extracted))
    cpu_s = time.process_time() - start
    classifier.manifest = manifest
    n_extracted = extracted.sample.n_extracted if extracted.sample else len(song.logits)
    return by.result(song, n_extracted, probabilities, cpu_s)


def fixed(song: Song, by: Judge, n_slices: int) -> Result:
    """The result of the first ``n_slices`` slices in the sampling order."""
    chosen = list(islice(order(len(song.logits)), n_slices))
    if np.isnan(song.logits[chosen]).all():
        chosen = list(range(len(song.logits)))
    return by.result(song, len(chosen), by.probabilities(song.logits[chosen]), float("nan"))


def stopped(by: Judge, sampling: SamplingSpec, song: Song) -> Result:
    """The result of as many slices as a rule takes."""
    rule: StopRule = replace(by.classifier.rule, sampling=sampling)
    n_available = len(song.logits)
    most = min(n_available, sampling.max_slices)
    chosen = list(islice(order(n_available), most))
    for n_slices in range(1, most + 1):
        places = np.array(chosen[:n_slices])
        places = places[np.isfinite(song.logits[places, 0])]
        if rule.is_stable(song.logits[places], places, n_available):
            return fixed(song, by, n_slices)
    return fixed(song, by, most)


def points(found: list[tuple[str, str, list[Song], list[Result]]]) -> list[dict[str, object]]:
    """The points of the plot: the means over all songs for each variant that was timed."""
    together: dict[str, list[Result]] = {}
    for what, _, _, results in found:
        together.setdefault(what, []).extend(results)
    return [
        {
            "extracted": what,
            "slices": float(np.mean([result.n_slices for result in results])),
            "error": float(np.mean([result.error for result in results])),
            "same": float(np.mean([result.same for result in results])),
            "cpu_s": float(np.mean([result.cpu_s for result in results])),
        }
        for what, results in together.items()
        if not np.isnan(results[0].cpu_s)
    ]


def row(what: str, half: str, songs: list[Song], results: list[Result]) -> list[str]:
    """A row of the table."""
    same = np.array([result.same for result in results])
    sure = np.array([song.margin > MARGIN for song in songs])
    mean = {
        name: np.mean([getattr(result, name) for result in results])
        for name in ("n_slices", "error", "cpu_s")
    }
    return [
        what,
        half,
        f"{mean['n_slices']:.1f}",
        f"{same.sum()}/{len(same)}",
        f"{same[sure].sum()}/{sure.sum()}",
        f"{mean['error']:.4f}",
        "" if np.isnan(mean["cpu_s"]) else f"{mean['cpu_s']:.3f}",
    ]


if __name__ == "__main__":
    main()
