"""Evaluate a bundle on labelled music that it was not trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from genre_model.core.arrays import Float64
from genre_model.core.errors import GenreModelError
from genre_model.data.artists import named_artists
from genre_model.data.folds import group_of
from genre_model.data.genre_names import canonical, cleaned, plain
from genre_model.data.tracks import LabelledTrack
from genre_model.evaluation.in_use import probabilities_in_use
from genre_model.evaluation.metrics import (
    Interval,
    LabelFigures,
    accuracy,
    balanced_accuracy,
    calibration_error,
    label_figures,
    macro_f1,
    share_interval,
)
from genre_model.model.vocabulary import Policy, Vocabulary, judge

if TYPE_CHECKING:
    from genre_model.model.bundle.manifest import Manifest
    from genre_model.model.classifier import Classifier
    from genre_model.model.play_history import PlayHistorySpec
    from genre_model.model.song_features import SongFeatures


@dataclass(frozen=True, slots=True)
class Answer:
    """The leading genre of a song or slice, its confidence, and whether it would be written."""

    genre: str
    confidence: float
    accepted: bool
    right: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A bundle's figures on some music.  ``confusion``: label -> answer -> number of tracks."""

    bundle: str
    songs: int
    artists: int
    not_extracted: tuple[str, ...]
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
    play_history: bool
    per_genre: dict[str, LabelFigures]
    confusion: dict[str, dict[str, int]]


def with_known_labels(
    found: Sequence[LabelledTrack], genres: Sequence[str]
) -> tuple[list[LabelledTrack], dict[str, int]]:
    """The tracks with the bundle's spelling of their labels, and the counts of unknown labels.

    Raises:
        GenreModelError: No track has a label that the bundle knows.
    """
    known = {canonical(genre): genre for genre in genres} | {
        plain(genre): genre for genre in genres
    }
    unknown: Counter[str] = Counter()
    tracks: list[LabelledTrack] = []
    for track in found:
        written = map(cleaned, track.labels)
        names = [known.get(plain(name)) or known.get(canonical(name)) for name in written]
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
    classifier: Classifier,
    vocabulary: Vocabulary,
    extracted: Sequence[tuple[LabelledTrack, SongFeatures]],
) -> Evaluation:
    """The figures of a bundle on tracks that have sound."""
    tracks = [track for track, _ in extracted]
    groups = [group_of(track, "artist") for track in tracks]
    labels = [track.labels for track in tracks]
    known = set(chain(*labels))
    play_history = known_play_history(classifier.manifest, tracks)
    manifest = replace(classifier.manifest, play_history=play_history)

    def answer(track: LabelledTrack, row: Float64) -> Answer:
        probabilities = dict(zip(manifest.genres, row.tolist(), strict=True))
        song = judge(probabilities, vocabulary, Policy(manifest.threshold))
        assert song.best is not None
        names = ancestry(song.best.genre, vocabulary)
        right = next((name for name in names if name in track.labels), None)
        shown = right or next((name for name in names if name in known), names[0])
        return Answer(shown, song.best.probability, song.accepted, right is not None)

    alone = np.array([list(classifier.probabilities(sound).values()) for _, sound in extracted])
    rows = probabilities_in_use(alone, tracks, manifest, vocabulary)
    songs = [answer(track, row) for track, row in zip(tracks, rows, strict=True)]
    slices = [
        answer(track, row).right
        for track, sound in extracted
        for row in classifier.slice_probabilities(sound)
    ]
    right = np.array([song.right for song in songs])
    accepted = np.array([song.accepted for song in songs])
    # A track with several labels counts under the one that was answered, if the answer is right.
    truths = [s.genre if s.right else t.label for s, t in zip(songs, tracks, strict=True)]
    per_genre = label_figures(truths, [song.genre for song in songs])
    confusion = {label: Counter[str]() for label in per_genre}
    for truth, song in zip(truths, songs, strict=True):
        confusion[truth][song.genre] += 1
    return Evaluation(
        bundle=manifest.bundle_id,
        songs=len(songs),
        artists=len(named_artists(track.artist for track in tracks)),
        not_extracted=(),
        unknown_labels={},
        accuracy=share_interval(right, np.ones_like(right), groups),
        balanced_accuracy=balanced_accuracy(right, truths),
        slice_accuracy=float(np.mean(slices)),
        macro_f1=macro_f1(per_genre),
        majority_baseline=max(Counter(chain(*labels)).values()) / len(tracks),
        calibration_error=calibration_error(np.array([s.confidence for s in songs]), right),
        threshold=manifest.threshold,
        coverage=float(accepted.mean()),
        precision=accuracy(right[accepted]) if accepted.any() else None,
        context=manifest.context is not None,
        play_history=play_history is not None,
        per_genre=per_genre,
        confusion={label: dict(row.most_common()) for label, row in confusion.items()},
    )


def known_play_history(
    manifest: Manifest, tracks: Sequence[LabelledTrack]
) -> PlayHistorySpec | None:
    """The bundle's settings of the play history; None if no track has a play history."""
    return manifest.play_history if any(track.play_history.is_known for track in tracks) else None


def ancestry(name: str, vocabulary: Vocabulary) -> list[str]:
    """A written name and its written ancestors."""
    genre = next(genre for genre, written in vocabulary.names.items() if written == name)
    return vocabulary.ancestry(genre)
