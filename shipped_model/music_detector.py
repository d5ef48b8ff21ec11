"""Fit the detector of music and put it beside the shipped bundle's head.

    apt-get download klettres-data hedgewars-data      # speech; dpkg -x PACKAGE FOLDER unpacks
    apt-get download freedroidrpg-data supertux-data   # sound effects, for the test
    python -m shipped_model.music_detector MUSIC genre_model/shipped \
        --speech klettres-data --speech hedgewars-data \
        --test freedroidrpg-data --test supertux-data

The detector is a logistic regression on the mean embedding of a file: the labelled clips of MUSIC
against noise, tones and clicks that are made here, and speech.  Files whose path has "music" in it
are left out of the folders of speech and tests.  The table says how often the model answers other
sound without and with the detector.
"""

from __future__ import annotations

import argparse
import csv
import random
import shutil
import tempfile
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from genre_model.core.errors import AudioError
from genre_model.model.aggregation import aggregate
from genre_model.model.bundle.arrays import npz
from genre_model.model.bundle.store import HEAD, Bundle, load_bundle, write_bundle
from genre_model.model.classifier import Classifier, SongFeatures
from genre_model.model.music_detector import MusicDetector
from genre_model.model.vocabulary import Policy, judge, make_vocabulary

Floats = NDArray[np.float64]

RATE_HZ = 16_000
N_NOISES, NOISE_S = 150, 12.0
MAX_FILES = 120  # of a folder, drawn at random
C = 0.01  # the inverse strength of the ridge; 0.003 and 0.1 give much the same
# A music library has more music than other sound: of these odds the first by which at most so many
# of the labelled clips that are answered are lost, out of fold.
PRIOR_ODDS = (1, 2, 4, 8)
MAX_LOST = 1 / 200
N_FOLDS = 5
SUFFIXES = {".ogg", ".oga", ".opus", ".mp3", ".wav", ".flac"}


def main() -> None:
    """Fit, print the table, replace the bundle."""
    parser = argparse.ArgumentParser(description="Fit the shipped model's detector of music.")
    parser.add_argument("music", type=Path, help="the labelled clips, with their manifest.csv")
    parser.add_argument("bundle", type=Path, help="the bundle that gets the detector")
    parser.add_argument("--speech", type=Path, action="append", required=True)
    parser.add_argument("--test", type=Path, action="append", default=[])
    options = parser.parse_args()
    bundle = load_bundle(options.bundle)
    classifier = Classifier(bundle)
    with (options.music / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    clips = extract_all(classifier, [options.music / row["path"] for row in rows])
    other = extract_all(classifier, [p for folder in options.speech for p in other_sound(folder)])
    with tempfile.TemporaryDirectory() as folder:
        other += extract_all(classifier, list(write_noises(Path(folder))))
    x = np.array([mean_embedding(song) for song in other + clips])
    is_music = np.repeat([False, True], [len(other), len(clips)])
    artists = [f"other {n}" for n in range(len(other))] + [row["artist"] for row in rows]
    log_odds = out_of_fold(x, is_music, artists)[is_music]
    answered = np.array([answers(classifier, song) for song in clips])
    prior = choose_prior(log_odds, answered)
    detector = fit(x, is_music, prior)
    print_table(classifier, detector, options.test)
    replace_head(bundle, detector)


def other_sound(folder: Path) -> list[Path]:
    """Up to ``MAX_FILES`` audio files of a folder without those that are music by their paths."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    files = [path for path in files if "music" not in str(path.relative_to(folder)).lower()]
    return random.Random(0).sample(files, min(MAX_FILES, len(files)))


def extract_all(classifier: Classifier, paths: list[Path]) -> list[SongFeatures]:
    """The features of each file that has sound."""
    found = []
    for path in paths:
        try:
            song = classifier.extract(path)
        except AudioError:
            continue  # effects of some milliseconds
        if len(song.features):
            found.append(song)
    return found


def mean_embedding(song: SongFeatures) -> Floats:
    """(n_features,)."""
    mean: Floats = song.features.mean(axis=0, dtype=np.float64)
    return mean


def write_noises(folder: Path) -> Iterator[Path]:
    """Files with noise of every colour and band, hum, tones, sweeps and clicks."""
    rng = np.random.default_rng(0)
    for number in range(N_NOISES):
        samples = KINDS[number % len(KINDS)](rng)
        samples *= 10 ** rng.uniform(-2.5, -0.05) / np.abs(samples).max()
        path = folder / f"{number}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes((samples * 32767).astype("<i2").tobytes())
        yield path


def times_s() -> Floats:
    """(n_samples,)."""
    return np.arange(int(NOISE_S * RATE_HZ)) / RATE_HZ


def coloured(rng: np.random.Generator) -> Floats:
    """Noise with a power spectrum of f^-a, a from 0 (white) to 2.5 (deeper than brown)."""
    spectrum = np.fft.rfft(rng.standard_normal(len(times_s())))
    frequencies = np.maximum(np.arange(len(spectrum)), 1)
    return np.fft.irfft(spectrum / frequencies ** (rng.uniform(0, 2.5) / 2), len(times_s()))


def swelling(rng: np.random.Generator) -> Floats:
    """Coloured noise that comes and goes, as wind and waves do."""
    knots = np.abs(rng.standard_normal(24))
    return coloured(rng) * (0.2 + np.interp(times_s(), np.linspace(0, NOISE_S, 24), knots))


def banded(rng: np.random.Generator) -> Floats:
    """Coloured noise of one band of frequencies."""
    spectrum = np.fft.rfft(coloured(rng))
    low, high = sorted(rng.integers(0, len(spectrum) - 100, 2))
    spectrum[:low] = spectrum[high + 100 :] = 0
    return np.fft.irfft(spectrum, len(times_s()))


def hum(rng: np.random.Generator) -> Floats:
    """Mains hum with its harmonics, in a little noise."""
    mains_hz = rng.choice([50, 60])
    tones = [np.sin(2 * np.pi * mains_hz * k * times_s()) / k for k in range(1, 9)]
    total: Floats = np.sum(tones, axis=0) + 0.02 * rng.standard_normal(len(times_s()))
    return total


def sweep(rng: np.random.Generator) -> Floats:
    """A sine tone that goes from one frequency to another; half of them stay where they are."""
    first, last = 10 ** rng.uniform(1.7, 3.8, 2)
    hz = np.linspace(first, last if rng.random() < 0.5 else first, len(times_s()))
    tone: Floats = np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ)
    return tone


def clicks(rng: np.random.Generator) -> Floats:
    """Clicks at random times, one or so to a hundred a second."""
    samples: Floats = rng.standard_normal(len(times_s()))
    samples *= rng.random(len(samples)) < 10 ** rng.uniform(-4.5, -2.5)
    samples[0] = 1.0
    return samples


KINDS = (coloured, coloured, swelling, banded, hum, sweep, clicks)


def pipeline() -> Pipeline:
    """Standardised features, music and other sound with the same weight."""
    return make_pipeline(
        StandardScaler(), LogisticRegression(C=C, class_weight="balanced", max_iter=2000)
    )


def out_of_fold(x: Floats, is_music: NDArray[np.bool_], artists: list[str]) -> Floats:
    """The log-odds of music of each file, by a detector that did not see its artist."""
    folds = GroupKFold(N_FOLDS)
    found: Floats = cross_val_predict(
        pipeline(), x, is_music, groups=artists, cv=folds, method="decision_function"
    )
    return found


def choose_prior(log_odds: Floats, answered: NDArray[np.bool_]) -> float:
    """The first of ``PRIOR_ODDS`` that loses few enough of the answered clips, as log-odds."""
    for odds in PRIOR_ODDS:
        prior = float(np.log(odds))
        rejected = log_odds + prior < 0  # a probability below MUSIC_THRESHOLD
        lost = int((answered & rejected).sum())
        print(f"odds {odds} to 1: {rejected.sum()} of {len(log_odds)} labelled clips rejected,")
        print(f"  {lost} of the {answered.sum()} that are answered")
        if lost <= MAX_LOST * answered.sum():
            return prior
    raise SystemExit("no odds lose few enough of the labelled clips")


def fit(x: Floats, is_music: NDArray[np.bool_], prior: float) -> MusicDetector:
    """The detector of all files, with the standardisation folded into its weights."""
    fitted = pipeline().fit(x, is_music)
    scaler, regression = fitted[0], fitted[1]
    weights = regression.coef_[0] / scaler.scale_
    bias = regression.intercept_[0] - weights @ scaler.mean_ + prior
    return MusicDetector(weights.astype(np.float32), float(np.float32(bias)))


def print_table(classifier: Classifier, detector: MusicDetector, folders: list[Path]) -> None:
    """How often other sound is answered, without and with the detector."""
    print("\n| other sound | files | answered without | with the detector |\n|---|---|---|---|")
    for folder in folders:
        songs = extract_all(classifier, other_sound(folder))
        before = np.array([answers(classifier, song) for song in songs])
        after = before & [detector.share(song.features) == 1.0 for song in songs]
        print(f"| {folder.name} | {len(songs)} | {before.mean():.2f} | {after.mean():.2f} |")


def answers(classifier: Classifier, song: SongFeatures) -> bool:
    """Whether the genres alone, without a detector, are accepted."""
    manifest = classifier.manifest
    vocabulary = make_vocabulary(manifest.genres, manifest.parents, manifest.presets, None)
    shares = aggregate(classifier.slice_logits(song), manifest.aggregation).tolist()
    song_genre = judge(
        dict(zip(manifest.genres, shares, strict=True)), vocabulary, Policy(manifest.threshold)
    )
    return song_genre.accepted


def replace_head(bundle: Bundle, detector: MusicDetector) -> None:
    """Write the bundle again with the detector beside its head."""
    manifest, folder = bundle.manifest, bundle.directory
    arrays = bundle.arrays(HEAD)
    arrays |= {
        "music_weights": detector.weights,
        "music_bias": np.array([detector.bias], np.float32),
    }
    contents = {name: bundle.read(name) for name in manifest.files} | {HEAD: npz(**arrays)}
    with tempfile.TemporaryDirectory() as place:
        written = write_bundle(
            Path(place) / "bundle",
            replace(manifest, bundle_id=f"{base_id(manifest.bundle_id)}-m"),
            contents,
        )
        for path in written.directory.iterdir():
            shutil.copyfile(path, folder / path.name)
    Classifier(load_bundle(folder))


def base_id(bundle_id: str) -> str:
    """The id without the mark of the detector: the stored answers of a model go by its id."""
    return bundle_id.removesuffix("-m")


if __name__ == "__main__":
    main()
