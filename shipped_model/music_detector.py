"""Fit the music detector and add it to the shipped bundle's head.

    apt-get download klettres-data hedgewars-data      # speech; dpkg -x PACKAGE FOLDER unpacks
    apt-get download freedroidrpg-data supertux-data   # sound effects, for the test
    python -m shipped_model.music_detector MUSIC genre_model/shipped \
        --speech klettres-data --speech hedgewars-data \
        --test freedroidrpg-data --test supertux-data

The detector is a logistic regression on the mean embedding of a file and its spread over the
slices.  It separates the labelled clips of MUSIC from speech and from synthetic noise, tones and
clicks (``other_sound.py``).  In the folders of speech and tests, files with "music" in their path
are skipped.  The table shows how often the model answers to other sound without and with the
detector; the synthetic sound in it is of kinds that the detector was not fitted on.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import random
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from genre_model.core.arrays import Bools, Float32, Float64
from genre_model.core.errors import AudioError
from genre_model.model.aggregation import aggregate
from genre_model.model.bundle.arrays import npz
from genre_model.model.bundle.store import HEAD, Bundle, load_bundle, write_bundle
from genre_model.model.classifier import Classifier
from genre_model.model.music_detector import MusicDetector, log_spread
from genre_model.model.song_features import SongFeatures
from genre_model.model.vocabulary import Policy, judge, make_vocabulary
from shipped_model.other_sound import fitted_sounds, unknown_sounds

N_SOUNDS, N_UNKNOWN = 600, 100
MAX_FILES = 120  # of each folder, drawn at random
STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3)  # C, the inverse of the ridge
N_LONG_SPEECH, FEWEST_PIECES, MOST_PIECES = 60, 3, 12
SHORT_SLICES = (2, 5)  # a short piece of music has 2 to 4 slices
# A music library has far more music than other sound.  The prior odds of music are the first of
# these that lose at most MAX_LOST of the answered labelled clips, out of fold.
PRIOR_ODDS = (8, 16, 32)
MAX_LOST = 1 / 200
N_FOLDS = 5
MARK = "-m"
SUFFIXES = {".ogg", ".oga", ".opus", ".mp3", ".wav", ".flac"}


def main() -> None:
    """Fit the detector, print the table and replace the bundle."""
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
    speech = extract_all(classifier, [p for folder in options.speech for p in other_sound(folder)])
    with tempfile.TemporaryDirectory() as folder:
        made = extract_all(classifier, list(fitted_sounds(Path(folder), N_SOUNDS)))
        unknown = extract_all(classifier, list(unknown_sounds(Path(folder), N_UNKNOWN)))

    examples = gather(clips, [row["artist"] for row in rows], speech, made)
    strength, log_odds = choose_strength(examples)
    answered = np.array([answers(classifier, song) for song in clips])
    prior = choose_prior(log_odds[examples.is_whole_clip], answered)
    detector = fit(examples, strength, prior)

    tests = {folder.name: extract_all(classifier, other_sound(folder)) for folder in options.test}
    print_table(classifier, detector, tests | {"made, of other kinds": unknown})
    replace_head(bundle, detector)


def other_sound(folder: Path) -> list[Path]:
    """Up to ``MAX_FILES`` audio files of a folder; those with "music" in their path are skipped."""
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
            continue  # sound effects of a few milliseconds
        if len(song.features):
            found.append(song)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """The examples that the detector is fitted on, one row each.

    Attributes:
        means: (n, n_features), the mean embedding.
        spreads: (n, n_features), the log-spread over the slices; for one slice that of music.
        is_music: (n,).
        is_whole_clip: (n,), for a labelled clip that is not cut short.
        artists: Rows of one artist are never in two folds.
    """

    means: Float64
    spreads: Float64
    is_music: Bools
    is_whole_clip: Bools
    artists: list[str]

    @property
    def typical_spread(self) -> Float64:
        """(n_features,), the median spread over the labelled clips."""
        typical: Float64 = np.median(self.spreads[self.is_whole_clip], axis=0)
        return typical

    @property
    def x(self) -> Float64:
        """(n, 2 * n_features)."""
        return np.concatenate([self.means, self.spreads], axis=1)


def gather(
    clips: Sequence[SongFeatures],
    artists: Sequence[str],
    speech: Sequence[SongFeatures],
    made: Sequence[SongFeatures],
) -> Examples:
    """All rows: clips, clips cut short, speech, joined speech, and synthetic sound."""
    rng = np.random.default_rng(0)
    music = [song.features for song in clips]
    short = [cut_short(rng, features) for features in music]
    spoken = [song.features for song in speech]
    other = [*spoken, *long_speech(rng, spoken), *(song.features for song in made)]
    typical = np.median([log_spread(features) for features in music], axis=0)
    rows = [*music, *short, *other]
    n_other = len(other)
    return Examples(
        np.array([features.mean(axis=0, dtype=np.float64) for features in rows]),
        np.array([log_spread(row) if len(row) > 1 else typical for row in rows], np.float64),
        np.repeat([True, False], [2 * len(music), n_other]),
        np.repeat([True, False], [len(music), len(short) + n_other]),
        [*artists, *artists, *(f"other {number}" for number in range(n_other))],
    )


def cut_short(rng: np.random.Generator, features: Float32) -> Float32:
    """A few consecutive slices of a clip, as if it were a jingle."""
    n_slices = int(rng.integers(*SHORT_SLICES))
    start = int(rng.integers(0, max(1, len(features) - n_slices + 1)))
    return features[start : start + n_slices]


def long_speech(rng: np.random.Generator, spoken: Sequence[Float32]) -> list[Float32]:
    """Short recordings of speech joined to longer ones, as if they were audiobooks."""
    return [
        np.concatenate([spoken[i] for i in rng.choice(len(spoken), n_pieces, replace=False)])
        for n_pieces in rng.integers(FEWEST_PIECES, MOST_PIECES, N_LONG_SPEECH)
    ]


def pipeline(strength: float) -> Pipeline:
    """Logistic regression on standardised features; music and other sound have equal weight."""
    return make_pipeline(
        StandardScaler(), LogisticRegression(C=strength, class_weight="balanced", max_iter=3000)
    )


def choose_strength(examples: Examples) -> tuple[float, Float64]:
    """The strength with the least log-loss out of fold, and its log-odds of each row."""
    results = []
    for strength in STRENGTHS:
        log_odds = out_of_fold(examples, strength)
        losses = np.logaddexp(0, np.where(examples.is_music, -log_odds, log_odds))
        loss = (losses[examples.is_music].mean() + losses[~examples.is_music].mean()) / 2
        print(f"strength {strength}: log-loss {loss:.4f}")
        results.append((float(loss), strength, log_odds))
    _, strength, log_odds = min(results, key=lambda result: result[0])
    return strength, log_odds


def out_of_fold(examples: Examples, strength: float) -> Float64:
    """The log-odds of music of each row, by a detector that did not see its artist."""
    found: Float64 = cross_val_predict(
        pipeline(strength),
        examples.x,
        examples.is_music,
        groups=examples.artists,
        cv=GroupKFold(N_FOLDS),
        method="decision_function",
    )
    return found


def choose_prior(log_odds: Float64, answered: Bools) -> float:
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


def fit(examples: Examples, strength: float, prior: float) -> MusicDetector:
    """Fit the detector on all rows, and fold the standardisation into its weights."""
    fitted = pipeline(strength).fit(examples.x, examples.is_music)
    scaler, regression = fitted[0], fitted[1]
    weights = regression.coef_[0] / scaler.scale_
    bias = regression.intercept_[0] - weights @ scaler.mean_ + prior
    mean, spread = np.split(weights.astype(np.float32), 2)
    typical = examples.typical_spread.astype(np.float32)
    return MusicDetector(mean, spread, typical, float(np.float32(bias)))


def print_table(
    classifier: Classifier, detector: MusicDetector, tests: dict[str, list[SongFeatures]]
) -> None:
    """Print how often other sound is answered, without and with the detector."""
    print("\n| other sound | files | answered without | with the detector |\n|---|---|---|---|")
    for name, songs in tests.items():
        before = np.array([answers(classifier, song) for song in songs])
        after = before & [detector.share(song.features) == 1.0 for song in songs]
        print(f"| {name} | {len(songs)} | {before.mean():.2f} | {after.mean():.2f} |")


def answers(classifier: Classifier, song: SongFeatures) -> bool:
    """Whether a song's genre is accepted without a detector."""
    manifest = classifier.manifest
    vocabulary = make_vocabulary(manifest.genres, manifest.parents, manifest.presets, None)
    shares = aggregate(classifier.slice_logits(song), manifest.aggregation).tolist()
    song_genre = judge(
        dict(zip(manifest.genres, shares, strict=True)), vocabulary, Policy(manifest.threshold)
    )
    return song_genre.accepted


def replace_head(bundle: Bundle, detector: MusicDetector) -> None:
    """Write the bundle again with the detector added to its head."""
    manifest, folder = bundle.manifest, bundle.directory
    head = npz(**(bundle.arrays(HEAD) | detector.arrays()))
    contents = {name: bundle.read(name) for name in manifest.files} | {HEAD: head}
    bundle_id = marked_id(manifest.bundle_id, head)
    with tempfile.TemporaryDirectory() as place:
        written = write_bundle(
            Path(place) / "bundle", replace(manifest, bundle_id=bundle_id), contents
        )
        for path in written.directory.iterdir():
            shutil.copyfile(path, folder / path.name)
    Classifier(load_bundle(folder))


def marked_id(bundle_id: str, head: bytes) -> str:
    """The id with a hash of the head's file, because a model's answers are stored under its id."""
    base, _, _ = bundle_id.partition(MARK)
    return f"{base}{MARK}{hashlib.sha256(head).hexdigest()[:4]}"


if __name__ == "__main__":
    main()
