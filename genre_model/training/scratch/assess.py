"""Calibrate a network that was trained from scratch, and test it on other artists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from genre_model.core.arrays import Float64
from genre_model.core.errors import GenreModelError
from genre_model.core.specs import reaches
from genre_model.data.folds import Split, context_group, split_tracks
from genre_model.data.tracks import LabelledTrack
from genre_model.extraction.pools import extract_locally
from genre_model.model.bundle.store import Bundle
from genre_model.model.classifier import Classifier
from genre_model.model.play_history import PlayHistorySpec, with_play_history
from genre_model.training.calibration import Calibration, Songs
from genre_model.training.head.play_history import final_play_history, play_history_out_of_fold
from genre_model.training.job import TrainingJob
from genre_model.training.scratch.parts import TEST_FOLD, VALIDATION_FOLD, Parts
from genre_model.training.training_set import (
    CrossValidated,
    TrainingSet,
    accuracy_of_slices,
    make_training_set,
)


def assess_network(
    job: TrainingJob,
    parts: Parts,
    draft: Bundle,
    on_failure: Callable[[str], None] = lambda _: None,
) -> tuple[TrainingSet, CrossValidated]:
    """Calibrate on the validation tracks, and classify the test tracks.

    Returns:
        The test tracks, and their calibrated probabilities.

    Raises:
        GenreModelError: No validation track, or no test track, can be decoded.
    """
    classifier = Classifier(draft, tried=True)
    known = extract_fold(job.tracks, parts, VALIDATION_FOLD, classifier)
    unknown = extract_fold(job.tracks, parts, TEST_FOLD, classifier, on_failure)
    by_artist = parts.slice_seed is None and parts.split.group_by == "artist"
    with_context = job.options.context and by_artist
    known_songs = songs_of(known)
    every = np.ones(len(known.tracks), dtype=np.bool_)
    calibration = Calibration.choose(known_songs, job.options, every, with_context=with_context)
    unknown_songs = songs_of(unknown)
    probabilities = calibration.apply(unknown_songs)
    groups = tuple(unknown_songs.groups)
    tested = Split(
        np.zeros(len(groups), dtype=np.intp), groups, parts.split.group_by, one_split(parts.reason)
    )
    cross_validated = CrossValidated(
        tested,
        probabilities,
        reaches(probabilities.max(axis=1), calibration.threshold),
        accuracy_of_slices([song.features for song in unknown.extracted], unknown.candidates),
        calibration.alone,
        calibration.context,
    )
    if job.options.play_history:
        before = calibration.apply(known_songs)
        cross_validated = apply_play_history(
            unknown, cross_validated, learn_play_history(job, known, before)
        )
    return unknown, cross_validated


def songs_of(training_set: TrainingSet) -> Songs:
    """The tracks with the network's logits of their slices."""
    groups = [context_group(track) for track in training_set.tracks]
    return Songs([song.features for song in training_set.extracted], training_set, groups)


def learn_play_history(
    job: TrainingJob, known: TrainingSet, probabilities: Float64
) -> PlayHistorySpec:
    """The play history's addition, fitted on the validation tracks and their probabilities."""
    groups = [context_group(track) for track in known.tracks]
    n = len(groups)
    fold = split_tracks(known.tracks, job.options.seed).fold if n > 1 else np.zeros(n, np.intp)
    after = play_history_out_of_fold(known, probabilities, fold)
    return final_play_history(known, probabilities, after, groups, job.options)


def apply_play_history(
    training_set: TrainingSet, cross_validated: CrossValidated, spec: PlayHistorySpec
) -> CrossValidated:
    """Add the tracks' play history to the probabilities, with the threshold that belongs to it."""
    before = cross_validated.probabilities
    after = with_play_history(before, training_set.play_history, spec)
    return replace(
        cross_validated,
        probabilities=after,
        accepted=reaches(after.max(axis=1), spec.threshold),
        play_history=spec,
        without_play_history=before,
    )


def one_split(reason: str) -> str:
    """The reason for the split, and how the parts of this single split are used."""
    return f"{reason}; a fifth tested, a fifth for choosing the epoch, the rest trained on"


def extract_fold(
    tracks: Sequence[LabelledTrack],
    parts: Parts,
    fold: int,
    classifier: Classifier,
    on_failure: Callable[[str], None] = lambda _: None,
) -> TrainingSet:
    """The features of a fold's tracks; those that cannot be decoded are left out.

    Raises:
        GenreModelError: None of the fold's tracks can be decoded.
    """
    asked = parts.tracks(tracks, fold)
    extracted = [
        (track, parts.features(track.path, found, fold))
        for track, found in extract_locally(asked, classifier, on_failure)
    ]
    if not any(len(sound.features) for _, sound in extracted):
        part = "validation" if fold == VALIDATION_FOLD else "test"
        raise GenreModelError(f"no {part} track can be decoded")
    manifest = classifier.manifest
    now_s = datetime.fromisoformat(manifest.created_utc).timestamp()
    decoded, sounds = [track for track, _ in extracted], [sound for _, sound in extracted]
    return make_training_set(decoded, sounds, manifest.genres, now_s)
