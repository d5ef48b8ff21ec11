"""``genre-model evaluate``: measure a bundle on labelled music that it has not learned from."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from genre_model.cli.common import (
    add_extraction_options,
    extract_all,
    print_json,
    say,
    wished_vocabulary,
)
from genre_model.cli.music import add_music, music_for_testing
from genre_model.core.files import is_there
from genre_model.core.text import aligned, count
from genre_model.evaluation.metrics import LabelFigures
from genre_model.evaluation.on_music import Evaluation, evaluate, with_known_labels
from genre_model.evaluation.out_of_fold import fingerprint_of, read_out_of_fold
from genre_model.model.bundle.store import SHIPPED

if TYPE_CHECKING:
    from genre_model.data.tracks import LabelledTrack
    from genre_model.model.classifier import Classifier
    from genre_model.model.song_features import SongFeatures


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """Give the subcommand its options."""
    parser.description = (
        "An answer that is a subgenre of the label, Metal for Rock, is right; its parent is not. "
        "Tracks it was trained on make figures too good."
    )
    parser.add_argument(
        "bundle", type=bundle_folder, metavar="BUNDLE", help="a folder, or: shipped"
    )
    add_music(parser)
    parser.add_argument("--genres", help="a selection, or genres separated by commas")
    add_extraction_options(parser)
    parser.set_defaults(run=run_evaluate)


def bundle_folder(text: str) -> Path:
    """The folder of a bundle, or of the shipped one."""
    return SHIPPED if text == "shipped" and not is_there(Path(text)) else Path(text)


def run_evaluate(options: argparse.Namespace) -> int:
    """Classify labelled tracks with a bundle and print its figures."""
    from genre_model.model.classifier import load_classifier

    classifier = load_classifier(options.bundle)
    vocabulary = wished_vocabulary(classifier.manifest, options.genres)
    found = music_for_testing(options.music, options.threads)
    tracks, unknown = with_known_labels(found, tuple(vocabulary.names.values()))
    extraction = extract_all(tracks, classifier, options.cache, options.threads)
    say_learned(classifier, extraction.extracted)
    result = evaluate(classifier, vocabulary, extraction.extracted)
    result = replace(result, not_extracted=tuple(extraction.failures), unknown_labels=unknown)
    if options.json:
        print_json(result)
    else:
        say(as_lines(result))
    return 0


def say_learned(
    classifier: Classifier, extracted: Sequence[tuple[LabelledTrack, SongFeatures]]
) -> None:
    """Say on standard error how many of the tracks the bundle has learned from."""
    learned = read_out_of_fold(classifier.bundle)
    if learned is None:
        return
    fingerprints = [sound.fingerprint or fingerprint_of(track.path) for track, sound in extracted]
    n_known = sum(f is not None and learned.find_audio(f) is not None for f in fingerprints)
    if n_known:
        of = f"{n_known} of the {count(len(extracted), 'song')}"
        say([f"{of} were learned from: the figures are too good"], error=True)


def as_lines(result: Evaluation) -> list[str]:
    """The figures as text."""
    interval = result.accuracy
    resampled = "artists" if result.artists else "songs, as no artists are tagged"
    context = (
        "the tracks of one artist inform each other, as tagged"
        if result.context
        else "each track is judged by itself"
    ) + (", with the play history" if result.play_history else "")
    spread = f"{interval.bounds()}; resampled: {resampled}"
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
    if result.not_extracted:
        lines.append(f"left out, as they could not be used: {len(result.not_extracted)}")
    return [*lines, "", *genre_table(result.per_genre, result.confusion)]


def genre_table(
    per_genre: Mapping[str, LabelFigures], confusion: Mapping[str, Mapping[str, int]]
) -> list[str]:
    """One line per label: tracks, precision, recall, and the answers with their counts."""
    rows = [["genre", "tracks", "precision", "recall", "answers"]]
    for label, figures in per_genre.items():
        precision = "-" if figures.precision is None else f"{figures.precision:.1%}"
        answers = ", ".join(f"{answer} {n}" for answer, n in confusion[label].items())
        rows.append([label, str(figures.tracks), precision, f"{figures.recall:.1%}", answers])
    return aligned(rows, "<>>>")
