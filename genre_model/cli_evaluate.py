"""``genre-model evaluate``: measure a bundle on labelled music that it has not learned from."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genre_model.bundle import SHIPPED
from genre_model.cli_common import add_hearing_options, hear_all, say, wished_vocabulary
from genre_model.dataset import LabelledTrack
from genre_model.errors import GenreModelError
from genre_model.evaluation import (
    Interval,
    accuracy,
    artist_interval,
    balanced_accuracy,
    calibration_error,
)
from genre_model.folder import folder_tracks, listed_tracks
from genre_model.labels import cleaned, fold, plain
from genre_model.vocabulary import Policy, Vocabulary, judge

if TYPE_CHECKING:
    from genre_model.bundle import Manifest
    from genre_model.classifier import Classifier, Heard
    from genre_model.listening import ListeningSpec

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answer:
    """The leading genre of a song or slice, its confidence, and whether it would be written."""

    genre: str
    confidence: float
    accepted: bool
    right: bool


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """One label's figures, all answers counted whether accepted or not."""

    tracks: int
    precision: float | None
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a bundle is worth on some music.  ``confusion``: label -> answer -> tracks."""

    bundle: str
    songs: int
    artists: int
    not_heard: tuple[str, ...]
    unknown_labels: dict[str, int]
    accuracy: Interval
    balanced_accuracy: float
    slice_accuracy: float
    macro_f1: float
    majority_baseline: float
    calibration_error: float
    threshold: float
    coverage: float
    precision: float | None
    context: bool
    listening: bool
    per_genre: dict[str, LabelFigures]
    confusion: dict[str, dict[str, int]]


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """Give the subcommand its options."""
    parser.description = (
        "An answer that is a kind of the label, Metal for Rock, is right; its parent is not. "
        "Tracks that the bundle was trained on flatter it."
    )
    parser.add_argument(
        "bundle", type=bundle_folder, metavar="BUNDLE", help="a folder, or: shipped"
    )
    parser.add_argument(
        "music",
        type=Path,
        metavar="FOLDER|FILE.csv",
        help="a folder with one folder a genre, or a list with the columns path and genre, and "
        "perhaps artist, album, play_count, rating and added",
    )
    parser.add_argument("--genres", help="a selection, or genres separated by commas")
    add_hearing_options(parser)
    parser.set_defaults(run=run_evaluate)


def bundle_folder(text: str) -> Path:
    """The folder of a bundle, or of the shipped one."""
    return SHIPPED if text == "shipped" and not Path(text).exists() else Path(text)


def run_evaluate(options: argparse.Namespace) -> int:
    """Classify labelled tracks with a bundle and print what it is worth."""
    import msgspec

    from genre_model.classifier import load_classifier

    classifier = load_classifier(options.bundle)
    vocabulary = wished_vocabulary(classifier.manifest, options.genres)
    if options.music.is_file() or options.music.suffix.lower() == ".csv":
        found = listed_tracks(options.music, options.threads)
    else:
        found = folder_tracks(options.music, "folder", options.threads)
    tracks, unknown = with_known_labels(found, tuple(vocabulary.names.values()))
    hearing = hear_all(tracks, classifier, options.cache, options.threads)
    result = evaluate(classifier, vocabulary, hearing.heard)
    result = replace(result, not_heard=tuple(hearing.failures), unknown_labels=unknown)
    if options.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(result), indent=2).decode() + "\n")
    else:
        say(as_lines(result))
    return 0


def with_known_labels(
    found: Sequence[LabelledTrack], genres: Sequence[str]
) -> tuple[list[LabelledTrack], dict[str, int]]:
    """The tracks with the bundle's spelling of their labels; the other labels, counted.

    Raises:
        GenreModelError: Not one track has a label that the bundle knows.
    """
    known = {fold(genre): genre for genre in genres} | {plain(genre): genre for genre in genres}
    unknown: Counter[str] = Counter()
    tracks: list[LabelledTrack] = []
    for track in found:
        names = [known.get(plain(label)) or known.get(fold(label)) for label in track.labels]
        labels = tuple(dict.fromkeys(name for name in names if name))
        if labels:
            tracks.append(replace(track, labels=labels))
        else:
            unknown[cleaned(track.labels[0]) if track.labels else ""] += 1
    if not tracks:
        labels = tuple(sorted(label for label in unknown if label))
        rest = f": {', '.join(labels)}" if labels else ""
        raise GenreModelError(
            f"no track has a label that the bundle knows{rest} (it has: {', '.join(genres)})"
        )
    return tracks, dict(unknown.most_common())


def evaluate(
    classifier: Classifier, vocabulary: Vocabulary, heard: Sequence[tuple[LabelledTrack, Heard]]
) -> Evaluation:
    """The figures of a bundle on tracks that have sound."""
    from genre_model.aggregate import aggregate
    from genre_model.context import in_context
    from genre_model.listening import with_listening
    from genre_model.split import context_group, group_of

    manifest, tracks = classifier.manifest, [track for track, _ in heard]
    groups = [group_of(track, "artist") for track in tracks]
    known = {label for track in tracks for label in track.labels}
    listening = known_listening(manifest, tracks)
    threshold = (listening or manifest.context or manifest.aggregation).threshold

    def answer(track: LabelledTrack, row: Float64) -> Answer:
        probabilities = dict(zip(manifest.genres, row.tolist(), strict=True))
        song = judge(probabilities, vocabulary, Policy(threshold))
        assert song.best is not None
        line = line_of(song.best.genre, vocabulary)
        right = next((name for name in line if name in track.labels), None)
        shown = right or next((name for name in line if name in known), line[0])
        return Answer(shown, song.best.probability, song.accepted, right is not None)

    rows = np.array([list(classifier.probabilities(sound).values()) for _, sound in heard])
    if manifest.context:
        rows = in_context(rows, [context_group(track) for track in tracks], manifest.context)
    if listening:
        features = np.array([track.listening.features(listening.now_s) for track in tracks])
        rows = with_listening(rows, features, listening)
    songs = [answer(track, row) for track, row in zip(tracks, rows, strict=True)]
    slices = [
        answer(track, aggregate(logits[None], manifest.aggregation)).right
        for track, sound in heard
        for logits in classifier.slice_logits(sound)
    ]
    right = np.array([song.right for song in songs])
    accepted = np.array([song.accepted for song in songs])
    # Where several labels leave it open, a right answer is the label that counts.
    truths = [s.genre if s.right else t.label for s, t in zip(songs, tracks, strict=True)]
    per_genre = label_figures(truths, [song.genre for song in songs])
    confusion = {label: Counter[str]() for label in per_genre}
    for truth, song in zip(truths, songs, strict=True):
        confusion[truth][song.genre] += 1
    return Evaluation(
        bundle=manifest.bundle_id,
        songs=len(songs),
        artists=len({group for group in groups if group.startswith("artist:")}),
        not_heard=(),
        unknown_labels={},
        accuracy=artist_interval(lambda i: accuracy(right[i]), groups),
        balanced_accuracy=balanced_accuracy(right, truths),
        slice_accuracy=float(np.mean(slices)),
        macro_f1=float(np.mean([figures.f1 for figures in per_genre.values()])),
        majority_baseline=max(Counter(truths).values()) / len(truths),
        calibration_error=calibration_error(np.array([s.confidence for s in songs]), right),
        threshold=threshold,
        coverage=float(accepted.mean()),
        precision=accuracy(right[accepted]) if accepted.any() else None,
        context=manifest.context is not None,
        listening=listening is not None,
        per_genre=per_genre,
        confusion={label: dict(row.most_common()) for label, row in confusion.items()},
    )


def known_listening(manifest: Manifest, tracks: Sequence[LabelledTrack]) -> ListeningSpec | None:
    """What a listener did adds this; None where that is not known of any track."""
    return manifest.listening if any(track.listening.is_known for track in tracks) else None


def line_of(name: str, vocabulary: Vocabulary) -> list[str]:
    """A written name and its written ancestors."""
    genre = next(genre for genre, written in vocabulary.names.items() if written == name)
    return vocabulary.line(genre)


def label_figures(truths: Sequence[str], answers: Sequence[str]) -> dict[str, LabelFigures]:
    """Precision, recall and F1 of each label."""
    n_truly, n_answered = Counter(truths), Counter(answers)
    hits = Counter(t for t, answer in zip(truths, answers, strict=True) if t == answer)
    return {
        label: LabelFigures(
            n,
            hits[label] / n_answered[label] if n_answered[label] else None,
            hits[label] / n,
            2 * hits[label] / (n + n_answered[label]),
        )
        for label, n in sorted(n_truly.items())
    }


def as_lines(result: Evaluation) -> list[str]:
    """The figures as text."""
    interval = result.accuracy
    resampled = "artists" if result.artists else "songs, as no artists are tagged"
    context = (
        "the tracks of one artist inform each other, as tagged"
        if result.context
        else "each track is judged by itself"
    ) + (", what a listener did counts" if result.listening else "")
    spread = f"95 % interval {interval.low:.1%} to {interval.high:.1%}, resampling {resampled}"
    lines = [
        f"bundle {result.bundle}: {result.songs} songs of {result.artists} artists, {context}",
        f"right: {interval.value:.1%} of songs ({spread})",
        f"right, of slices: {result.slice_accuracy:.1%}",
        f"right, mean over genres: {result.balanced_accuracy:.1%} (macro F1 {result.macro_f1:.3f})",
        f"always the most frequent genre: {result.majority_baseline:.1%}",
        f"calibration error: {result.calibration_error:.3f}",
        f"at a threshold of {result.threshold:.2f} it answers {result.coverage:.1%}",
    ]
    if result.precision is not None:
        lines.append(f"right, of those answers: {result.precision:.1%}")
    unknown = result.unknown_labels
    if unknown:
        listed = ", ".join(f"{label or '(none)'} {n}" for label, n in unknown.items())
        lines.append(
            f"left out, as the bundle lacks their label: {sum(unknown.values())} ({listed})"
        )
    if result.not_heard:
        lines.append(f"left out, as they could not be heard: {len(result.not_heard)}")
    return [*lines, "", *genre_table(result.per_genre, result.confusion)]


def genre_table(
    per_genre: Mapping[str, LabelFigures], confusion: Mapping[str, Mapping[str, int]]
) -> list[str]:
    """A line a label: tracks, precision, recall, and what was answered how often."""
    width = max(len(label) for label in (*per_genre, "genre"))
    lines = [f"{'genre':<{width}}  tracks  precision  recall  answers"]
    for label, figures in per_genre.items():
        precision = "-" if figures.precision is None else f"{figures.precision:.1%}"
        answers = ", ".join(f"{answer} {n}" for answer, n in confusion[label].items())
        numbers = f"{figures.tracks:>6}  {precision:>9}  {figures.recall:>6.1%}"
        lines.append(f"{label:<{width}}  {numbers}  {answers}")
    return lines
