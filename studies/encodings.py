"""Is the answer the same for the same recording in another encoding?

    OMP_NUM_THREADS=1 python -m studies.encodings MUSIC --features FILE.npz [--clips N]
        [--seed S] [--bands N] [--jobs N]

Takes a folder with ``manifest.csv`` (path, genre, style, artist, album, title, set), decodes each
clip to 16-bit samples, encodes these as FLAC, MP3, AAC and Opus with PyAV, runs the shipped network
on every file, and prints how the answers differ from those for the FLAC file.  The features are
kept in ``--features``.  The clips are ordered so that the first N are a random part of all, with
the same mix of genres and with whole artists.  ``--bands N`` also takes the first N clips, in fewer
encodings, with the top mel bands changed.  docs/encodings.md explains the tables.
"""

from __future__ import annotations

import argparse
import csv
import functools
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from genre_model.core.arrays import Bools, Float32, Float64, Ints, UInt8
from genre_model.core.specs import NotesSpec, reaches
from genre_model.data.folds import split_tracks
from genre_model.data.tracks import LabelledTrack
from genre_model.evaluation.metrics import Interval, exact_interval, ratio_interval
from genre_model.extraction.cache import front_end_hash
from genre_model.features.log_mel import hz_to_mel, mel_to_hz
from genre_model.features.slices import read_slices
from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.model.classifier import Classifier
from genre_model.model.head import Head
from genre_model.model.song_features import SongFeatures
from genre_model.model.vocabulary import Policy, judge, make_vocabulary
from genre_model.training.calibration import Calibration, Songs
from genre_model.training.head.fit import fit_from_nothing
from genre_model.training.training_set import HeadOptions, TrainingSet, is_right, make_training_set
from shipped_model.clips import fitted_half, without_features
from shipped_model.settings import read_settings

FLAC = "FLAC"
# Name -> codec of PyAV's FFmpeg, file ending, bit/s.
ENCODINGS = {
    FLAC: ("flac", ".flac", 0),
    "MP3 320": ("libmp3lame", ".mp3", 320_000),
    "MP3 128": ("libmp3lame", ".mp3", 128_000),
    "AAC 128": ("aac", ".m4a", 128_000),
    "Opus 96": ("libopus", ".opus", 96_000),
    "Opus 48": ("libopus", ".opus", 48_000),
}
BAND_ENCODINGS = (FLAC, "MP3 128", "Opus 48")  # changed bands are tried on these
N_SEEDS = 3
SAVE_EVERY = 40

Rows = list[dict[str, str]]
Features = dict[str, Float32]  # "path|encoding" or "path|encoding|change" -> (n_slices, n_features)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("music", type=Path)
    parser.add_argument("--features", type=Path, help="where features are kept (.npz)")
    parser.add_argument("--clips", type=int, help="so many clips instead of all")
    parser.add_argument("--bands", type=int, default=0, help="clips to try changed bands on")
    parser.add_argument("--seed", type=int, default=0, help="of the order and of the splits")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    rows = list(csv.DictReader((options.music / "manifest.csv").open(encoding="utf-8")))
    chosen = in_even_order(rows, options.seed)[: options.clips]
    classifier = Classifier(load_bundle(SHIPPED))
    features = extract_all(options, chosen, classifier)
    print(f"{len(chosen)} clips, bundle {classifier.manifest.bundle_id}\n")
    for name in sorted({row["set"] for row in chosen}):
        report_set(name, [row for row in chosen if row["set"] == name], features, options.seed)
    report_shipped(rows, chosen, features, classifier)
    if options.bands:
        report_bands(chosen[: options.bands], features, options.seed)


def in_even_order(rows: Rows, seed: int) -> Rows:
    """A random order of artists; its beginning has the same mix of sets and genres as the whole."""
    rng = np.random.default_rng(seed)
    artists: dict[str, Rows] = defaultdict(list)
    for row in rows:
        artists[row["artist"].casefold()].append(row)
    strata: dict[str, list[Rows]] = defaultdict(list)
    for clips in artists.values():
        strata[f"{clips[0]['set']}/{clips[0]['genre']}"].append(clips)
    ranked: list[tuple[float, float, Rows]] = []
    for groups in strata.values():
        size, reached = sum(map(len, groups)), 0
        for index in rng.permutation(len(groups)):
            reached += len(groups[index])
            ranked.append((reached / size, rng.random(), groups[index]))
    return [row for _, _, clips in sorted(ranked, key=lambda r: r[:2]) for row in clips]


# Encoding and extraction


def decode(path: Path) -> tuple[NDArray[np.int16], int]:
    """16-bit samples, (n_channels, n_samples), and their rate."""
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    samples = np.clip(np.concatenate(frames, axis=1), -1, 1)
    return np.round(samples * 32767).astype(np.int16), rate


def encode(samples: NDArray[np.int16], rate: int, encoding: str, path: Path) -> None:
    codec, _, bit_rate = ENCODINGS[encoding]
    layout = "stereo" if len(samples) == 2 else "mono"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        if bit_rate:
            stream.codec_context.bit_rate = bit_rate
        packed = np.ascontiguousarray(samples.T.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(packed, format="s16", layout=layout)
        frame.rate, frame.pts = rate, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def first_band_above(hz: float, n_mels: int) -> int:
    """The first mel band of the network's input whose centre lies above a frequency."""
    top = float(hz_to_mel(np.array([8_000.0]))[0])
    return int(np.searchsorted(mel_to_hz(np.linspace(0, top, n_mels + 2))[1:-1], hz))


def silenced(values: Float32) -> Float32:
    """Slices (n, frames, n_mels) with nothing above 7 kHz."""
    changed = values.copy()
    changed[..., first_band_above(7_000, values.shape[-1]) :] = 0
    return changed


def levelled(values: Float32) -> Float32:
    """Slices (n, frames, n_mels) whose bands above 6 kHz all repeat the last one below."""
    changed, first = values.copy(), first_band_above(6_000, values.shape[-1])
    changed[..., first:] = values[..., first - 1 : first]
    return changed


CHANGES: dict[str, Callable[[Float32], Float32]] = {
    "nothing above 7 kHz": silenced,
    "level from 6 kHz": levelled,
}


def extract_clip(classifier: Classifier, music: Path, path: str, keys: Iterable[str]) -> Features:
    """The network's features of one clip, in the encodings and with the changes of ``keys``."""
    samples, rate = decode(music / path)
    wanted: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        wanted[key.split("|")[1]].append(key)
    extracted: Features = {}
    with tempfile.TemporaryDirectory() as folder:
        for encoding, its_keys in wanted.items():
            file = Path(folder) / f"clip{ENCODINGS[encoding][1]}"
            encode(samples, rate, encoding, file)
            extracted.update((key, extract_file(classifier, file, key)) for key in its_keys)
            file.unlink()
    return extracted


def extract_file(classifier: Classifier, file: Path, key: str) -> Float32:
    change = key.split("|")[2:]
    if not change:
        return classifier.extract(file).features
    manifest = classifier.manifest
    assert not isinstance(manifest.spectrogram, NotesSpec)
    slices = read_slices(file, manifest.spectrogram, manifest.slices)
    values = np.stack([piece.values for piece in slices if not piece.silent])
    return classifier.features(CHANGES[change[0]](values))


def key_of(path: str, encoding: str, change: str = "") -> str:
    return "|".join(filter(None, (path, encoding, change)))


def extract_all(options: argparse.Namespace, rows: Rows, classifier: Classifier) -> Features:
    """The features of every clip in every encoding; those in ``options.features`` are reused."""
    network = np.frombuffer(front_end_hash(classifier.manifest, thorough=False), np.uint8)
    features = load(options.features, network)
    wanted = [(row["path"], encoding, "") for row in rows for encoding in ENCODINGS]
    wanted += [
        (row["path"], encoding, change)
        for row in rows[: options.bands]
        for encoding in BAND_ENCODINGS
        for change in CHANGES
    ]
    lacking: dict[str, list[str]] = defaultdict(list)
    for parts in wanted:
        if key_of(*parts) not in features:
            lacking[parts[0]].append(key_of(*parts))
    with ThreadPoolExecutor(options.jobs) as pool:
        tasks = [
            pool.submit(extract_clip, classifier, options.music, *item) for item in lacking.items()
        ]
        for count, task in enumerate(tqdm(as_completed(tasks), total=len(tasks)), start=1):
            features.update(task.result())
            if options.features and (count % SAVE_EVERY == 0 or count == len(tasks)):
                save(options.features, features, network)
    return features


def load(path: Path | None, network: UInt8) -> Features:
    if path is None or not path.exists():
        return {}
    with np.load(path) as stored:
        if not np.array_equal(stored["network"], network):
            sys.exit(f"{path} was made with another network")
        ends = stored["ends"][:-1]
        return dict(zip(stored["keys"].tolist(), np.split(stored["values"], ends), strict=True))


def save(path: Path, features: Features, network: UInt8) -> None:
    pieces = list(features.values())
    ends = np.cumsum([len(piece) for piece in pieces])
    partial = path.with_suffix(".part.npz")
    keys, values = np.array(list(features)), np.concatenate(pieces)
    np.savez(partial, network=network, keys=keys, ends=ends, values=values)
    partial.replace(path)


# Answers


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Answers to songs in one encoding, (n_seeds, n_tracks); ``probabilities`` with n_genres.

    ``answer`` is the genre that would be written if the song is accepted, and otherwise the leading
    genre; ``leading`` is its root, which differs from it if a model has sub-genres.
    """

    answer: NDArray[np.str_]
    leading: NDArray[np.str_]
    accepted: Bools
    right: Bools
    probabilities: Float64


@dataclass(frozen=True, slots=True)
class Condition:
    """The training data of the heads, and whether tracks of one artist inform each other."""

    name: str
    mixed: bool
    context: bool


CONDITIONS = (
    Condition("original", mixed=False, context=True),
    Condition("mixed", mixed=True, context=True),
    Condition("original, without context", mixed=False, context=False),
    Condition("mixed, without context", mixed=True, context=False),
)


def materials_of(
    rows: Rows, features: Features, encodings: Iterable[str], change: str = ""
) -> dict[str, TrainingSet]:
    """A training set of the same tracks for each encoding."""
    tracks = [
        LabelledTrack(Path(row["path"]), (row["genre"],), row["artist"], row["album"], row["title"])
        for row in rows
    ]

    def extracted(row: dict[str, str], encoding: str) -> SongFeatures:
        return as_features(features[key_of(row["path"], encoding, change)])

    return {
        encoding: make_training_set(tracks, [extracted(row, encoding) for row in rows])
        for encoding in encodings
    }


def as_features(values: Float32) -> SongFeatures:
    return SongFeatures(values, np.zeros(len(values)), np.zeros((len(values), 0), np.float32))


def answer_by_seed(
    materials: dict[str, TrainingSet], condition: Condition, seed: int
) -> dict[str, Answers]:
    """Out-of-fold answers to every encoding, for ``N_SEEDS`` splits."""
    runs = [answer(materials, condition, seed + index) for index in range(N_SEEDS)]
    flac = materials[FLAC]
    results: dict[str, Answers] = {}
    for encoding in materials:
        probabilities = np.stack([run[encoding][0] for run in runs])
        accepted = np.stack([run[encoding][1] for run in runs])
        right = np.stack([is_right(rows, flac.candidates) for rows in probabilities])
        names = np.array(flac.genres)[probabilities.argmax(axis=2)]
        results[encoding] = Answers(names, names, accepted, right, probabilities)
    return results


def answer(
    materials: dict[str, TrainingSet], condition: Condition, seed: int
) -> dict[str, tuple[Float64, Bools]]:
    """Probabilities and acceptance, calibrated on the FLAC files' out-of-fold logits."""
    flac, settings = materials[FLAC], HeadOptions(seed=seed, context=condition.context)
    split = split_tracks(flac.tracks, seed)
    heads = [
        fit_on(materials, condition, np.flatnonzero(split.fold != fold), settings)
        for fold in range(split.n_folds)
    ]
    songs = {
        encoding: Songs(
            list(out_of_fold(heads, split.fold, training_set)[:, None]), training_set, split.groups
        )
        for encoding, training_set in materials.items()
    }
    results = {
        encoding: (np.zeros(flac.candidates.shape), np.zeros(len(flac.tracks), np.bool_))
        for encoding in materials
    }
    with_context = condition.context and split.group_by == "artist"
    for fold in range(split.n_folds):
        inside = split.fold == fold
        calibration = Calibration.choose(songs[FLAC], settings, ~inside, with_context=with_context)
        for encoding, (probabilities, accepted) in results.items():
            probabilities[inside] = calibration.apply(songs[encoding])[inside]
            accepted[inside] = reaches(probabilities[inside].max(axis=1), calibration.threshold)
    return results


def fit_on(
    materials: dict[str, TrainingSet],
    condition: Condition,
    tracks: Ints,
    settings: HeadOptions,
) -> Head:
    """Fit a head without a prior, on some of the tracks in FLAC or in every encoding."""
    encodings = list(materials) if condition.mixed else [FLAC]
    parts = [materials[encoding].part(tracks) for encoding in encodings]
    return fit_from_nothing(
        np.concatenate([part.means for part in parts]),
        np.concatenate([part.candidates for part in parts]),
        np.concatenate([part.truth for part in parts]),
    )


def out_of_fold(heads: Sequence[Head], folds: Ints, training_set: TrainingSet) -> Float64:
    logits = np.zeros(training_set.candidates.shape)
    for fold, head in enumerate(heads):
        inside = folds == fold
        logits[inside] = head.logits(training_set.means[inside].astype(np.float32))
    return logits


def answer_shipped(
    rows: Rows, features: Features, classifier: Classifier, encoding: str, right_of: Bools
) -> Answers:
    """The shipped bundle's answers, with its own threshold and vocabulary."""
    manifest = classifier.manifest
    vocabulary = make_vocabulary(manifest.genres, manifest.parents, manifest.presets, None)
    songs = []
    for row in rows:
        extracted = as_features(features[key_of(row["path"], encoding)])
        songs.append(classifier.probabilities(extracted))
    verdicts = [judge(song, vocabulary, Policy(manifest.aggregation.threshold)) for song in songs]
    names = [verdict.best.genre for verdict in verdicts if verdict.best]
    right = [
        any(name in vocabulary.ancestry(manifest.genres[g]) for g in np.flatnonzero(candidates))
        for name, candidates in zip(names, right_of, strict=True)
    ]
    leading = [vocabulary.ancestry(name)[-1] for name in names]
    return Answers(
        np.array([names]),
        np.array([leading]),
        np.array([[verdict.accepted for verdict in verdicts]]),
        np.array([right]),
        np.array([[[song[genre] for genre in manifest.genres] for song in songs]]),
    )


# Tables


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Answers to one encoding compared with those to the FLAC files, (n_seeds, n_tracks) each."""

    accepted: Bools  # of the FLAC files
    same_answer: Bools
    same_genre: Bools
    same_and_accepted: Bools
    accepted_here: Bools
    moved: Float64


def compare(flac: Answers, other: Answers) -> Comparison:
    """Compare two encodings' answers; one that is not accepted is only compared by its family."""
    both = flac.accepted & other.accepted
    same_leading = flac.leading == other.leading
    same_written = flac.answer == other.answer
    first = flac.probabilities.argmax(axis=2)[..., None]
    difference = np.take_along_axis(flac.probabilities - other.probabilities, first, axis=2)
    return Comparison(
        flac.accepted,
        same_leading,
        np.where(both, same_written, same_leading),
        same_written & both,
        other.accepted,
        np.abs(difference[..., 0]),
    )


def portion(hits: NDArray[np.generic], of: Bools) -> str:
    """Mean of ``hits`` over ``of``."""
    return f"{hits[of].mean():.3f}" if of.any() else "-"


def share(hits: NDArray[np.generic], of: Bools, artists: Sequence[str]) -> Interval | str:
    """Mean of ``hits`` over ``of``, both (n_seeds, n_tracks), with its interval."""
    if not of.any():
        return "-"
    within, total = np.where(of, hits, 0).sum(axis=0), of.sum(axis=0)

    if within.sum() in {0, total.sum()}:
        n_artists = len(set(np.array(artists)[total > 0].tolist()))
        return exact_interval(float(within.sum() > 0), n_artists)
    return ratio_interval(within, total, artists)


def balanced(right: Bools, labels: Sequence[str]) -> float:
    names = np.array(labels)
    return float(np.mean([right[:, names == name].mean() for name in sorted(set(labels))]))


HEADER = (
    "| encoding | right | balanced | accepted | right, of those | same answer "
    "| same genre, of FLAC's accepted | accepted and same | both accepted: same "
    "| FLAC only | this only | moved |\n|" + "---|" * 12
)


def table(answers: dict[str, Answers], artists: Sequence[str], labels: Sequence[str]) -> str:
    lines = [HEADER]
    for encoding, here in answers.items():
        seen = compare(answers[FLAC], here)
        everything = np.ones_like(seen.accepted)
        own = [
            str(share(here.right, everything, artists)),
            f"{balanced(here.right, labels):.3f}",
            f"{here.accepted.mean():.3f}",
            portion(here.right, here.accepted),
        ]
        lines.append(f"| {encoding} | {' | '.join(own + agreement(seen, artists, encoding))} |")
    return "\n".join(lines)


def agreement(seen: Comparison, artists: Sequence[str], encoding: str) -> list[str]:
    if encoding == FLAC:
        return ["-"] * 7
    both = seen.accepted & seen.accepted_here
    return [
        f"{seen.same_answer.mean():.3f}",
        str(share(seen.same_genre, seen.accepted, artists)),
        portion(seen.same_and_accepted, seen.accepted),
        portion(seen.same_and_accepted, both),
        f"{(seen.accepted & ~seen.accepted_here).mean():.3f}",
        f"{(~seen.accepted & seen.accepted_here).mean():.3f}",
        f"{seen.moved.mean():.3f}",
    ]


SUMMARY_HEADER = (
    "| heads | right, FLAC | right, lossy | FLAC accepted | same genre, worst | all lossy "
    "| accepted and same, worst | all lossy | moved |\n|" + "---|" * 9
)


def summary(name: str, answers: dict[str, Answers], artists: Sequence[str]) -> str:
    """A row on all lossy encodings together."""
    seen = {
        encoding: compare(answers[FLAC], here)
        for encoding, here in answers.items()
        if encoding != FLAC
    }
    accepted = answers[FLAC].accepted
    same = np.concatenate([c.same_genre for c in seen.values()])
    same_and_accepted = np.concatenate([c.same_and_accepted for c in seen.values()])
    of = np.concatenate([accepted] * len(seen))
    cells = [
        f"{answers[FLAC].right.mean():.3f}",
        f"{np.mean([answers[encoding].right for encoding in seen]):.3f}",
        f"{accepted.mean():.3f}",
        worst({encoding: portion(c.same_genre, accepted) for encoding, c in seen.items()}),
        str(share(same, of, artists)),
        worst({encoding: portion(c.same_and_accepted, accepted) for encoding, c in seen.items()}),
        str(share(same_and_accepted, of, artists)),
        f"{np.mean([c.moved for c in seen.values()]):.3f}",
    ]
    return f"| {name} | {' | '.join(cells)} |"


def worst(figures: dict[str, str]) -> str:
    name = min(figures, key=lambda encoding: figures[encoding])
    return f"{figures[name]} ({name})"


def gain(
    first: dict[str, Answers],
    second: dict[str, Answers],
    encodings: Iterable[str],
    artists: Sequence[str],
) -> Interval | str:
    """The gain in accuracy of the second over the first, paired by track."""
    more = [second[name].right.astype(int) - first[name].right for name in encodings]
    changes = np.concatenate(more)
    return share(changes, np.ones(changes.shape, np.bool_), artists)


def report_set(name: str, rows: Rows, features: Features, seed: int) -> None:
    materials = materials_of(rows, features, ENCODINGS)
    artists, labels = [row["artist"].casefold() for row in rows], [row["genre"] for row in rows]
    majority = max(map(labels.count, labels)) / len(labels)
    print(f"## {name}: {len(rows)} clips, {len(set(artists))} artists, majority {majority:.3f}\n")
    found = {c.name: answer_by_seed(materials, c, seed) for c in CONDITIONS}
    print(SUMMARY_HEADER)
    for condition, answers in found.items():
        print(summary(condition, answers, artists))
    for encodings in ([FLAC], [encoding for encoding in ENCODINGS if encoding != FLAC]):
        more = gain(found["original"], found["mixed"], encodings, artists)
        print(f"\nmixed less original, right, {', '.join(encodings)}: {more}")
    for condition in ("original", "mixed"):
        print(f"\n### {name}, trained on {condition}\n")
        print(table(found[condition], artists, labels))
    print(flush=True)


def report_shipped(rows: Rows, chosen: Rows, features: Features, classifier: Classifier) -> None:
    clips = without_features(rows, read_settings())
    kept_out = ~fitted_half(clips)
    paths = {row["path"] for row in chosen}
    inside = [i for i in np.flatnonzero(kept_out) if rows[i]["path"] in paths]
    extracted = [rows[i] for i in inside]
    artists = [row["artist"].casefold() for row in extracted]
    answer_to = functools.partial(
        answer_shipped, extracted, features, classifier, right_of=clips.candidates[inside]
    )
    answers = {encoding: answer_to(encoding) for encoding in ENCODINGS}
    print(f"## shipped bundle, {len(extracted)} clips of {len(set(artists))} kept-out artists\n")
    print(SUMMARY_HEADER)
    print(summary("shipped", answers, artists) + "\n")
    print(table(answers, artists, [clips.labels[i] for i in inside]), flush=True)


def report_bands(rows: Rows, features: Features, seed: int) -> None:
    for name in sorted({row["set"] for row in rows}):
        local = [row for row in rows if row["set"] == name]
        artists = [row["artist"].casefold() for row in local]
        print(f"\n## bands changed: {name}, {len(local)} clips, {len(set(artists))} artists\n")
        print(SUMMARY_HEADER)
        for condition, change in [(c, b) for c in CONDITIONS for b in ("", *CHANGES)]:
            materials = materials_of(local, features, BAND_ENCODINGS, change)
            answers = answer_by_seed(materials, condition, seed)
            label = f"{condition.name}; {change or 'as it is'}"
            print(summary(label, answers, artists), flush=True)


if __name__ == "__main__":
    main()
