"""Train a system from scratch on the slices of labelled tracks.

The slices of all tracks are computed once and kept on disk; a network's memory does not grow with
the library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from genre_model.core.arrays import Bools, Float64
from genre_model.core.errors import GenreModelError
from genre_model.core.files import writing
from genre_model.data.folds import split_tracks
from genre_model.data.tracks import LabelledTrack
from genre_model.training.events import SILENT, TrainingEvents
from genre_model.training.instance_selection import SELECTION_FOLDS, ease_of, easiest
from genre_model.training.networks.base import Architecture, require_learner, with_training
from genre_model.training.scratch.learn import TrainedNetwork, learn
from genre_model.training.scratch.parts import Parts
from genre_model.training.scratch.slice_store import (
    StoredTrack,
    candidate_genres,
    check_parts,
    store_tracks,
)

MOST_EPOCHS = 1_000_000


def train_system(
    architecture: Architecture,
    tracks: Sequence[LabelledTrack],
    genres: Sequence[str],
    validation: Bools | None,
    work: Path,
    *,
    seed: int,
    events: TrainingEvents = SILENT,
    epochs: int | None = None,
    slices_folder: Path | None = None,
    select: float | None = None,
    parts: Parts | None = None,
) -> TrainedNetwork:
    """Train a system on slices of the tracks.

    Args:
        architecture: The system to train.
        tracks: Tracks with labels among ``genres``; a track with several labels may be any of them.
        genres: In the order of the logits.
        validation: (n_tracks,), the tracks that are not trained on but select the best epoch.  If
            None, all tracks are trained on and the last epoch is kept.
        work: Folder of the slices and the checkpoint.
        seed: As in :func:`learn`.
        events: Callbacks during the training.
        epochs: Maximum number of epochs; the architecture's number if None.
        slices_folder: Folder of the slices, which trainings can share; ``work/slices`` if None.
        select: The share of slices to train on, by :func:`select_slices`; all if None.
        parts: Says which slices are for training and validation, if the split is by slice.

    Raises:
        GenreModelError: A library is missing, no track can be used, the folder cannot be written,
            or the loss is not finite any more.
        ValueError: ``epochs`` is below 1, ``validation`` has the wrong shape, or a track has no
            label among ``genres``.
    """
    if epochs is not None and epochs < 1:
        raise ValueError(f"nothing to train in {epochs} epochs")
    candidates = candidate_genres(tracks, genres)
    held_out = np.zeros(len(tracks), dtype=np.bool_) if validation is None else validation
    if held_out.shape != (len(tracks),):
        raise ValueError(f"validation has shape {held_out.shape} for {len(tracks)} tracks")
    if validation is None:
        architecture = with_training(architecture, keep="last", patience=MOST_EPOCHS)
    require_learner(architecture)
    folder = slices_folder or work / "slices"
    with writing(folder):
        stored, skipped = store_tracks(
            architecture, tracks, candidates, held_out, folder, events.on_step
        )
    if parts is not None:
        stored = parts.learners(stored)
    check_parts(stored, with_validation=validation is not None)
    if select is not None:
        stored = select_slices(architecture, stored, select, work, seed=seed, epochs=epochs)
    trained = learn(architecture, stored, work, seed=seed, events=events, epochs=epochs)
    return replace(trained, skipped=skipped)


def select_slices(
    architecture: Architecture,
    tracks: Sequence[StoredTrack],
    share: float,
    work: Path,
    *,
    seed: int,
    epochs: int | None = None,
) -> list[StoredTrack]:
    """Keep the ``share`` of each genre's training slices that are the easiest to classify.

    A system that was trained on other artists rates the slices: by the probability of the genres
    that the label leaves open.  Validation tracks keep all their slices.

    Raises:
        GenreModelError: There are too few tracks to select slices from.
    """
    training = [track for track in tracks if not track.validation]
    validation = [track for track in tracks if track.validation]
    split = split_tracks([track.track for track in training], seed, SELECTION_FOLDS)
    ease: list[Float64] = [np.zeros(0)] * len(training)
    for fold in range(split.n_folds):
        others = [track for track, f in zip(training, split.fold, strict=True) if f != fold]
        if not others:
            raise GenreModelError(f"too few tracks to select slices from ({split.reason})")
        folder = work / f"selection-{fold}"
        learned = learn(architecture, others + validation, folder, seed=seed, epochs=epochs)
        for index in np.flatnonzero(split.fold == fold).tolist():
            track = training[index]
            ease[index] = ease_of(
                learned.logits(track.slices()), track.candidates, len(track.indices)
            )
        learned.forget()
    kept = easiest(ease, [track.track.label for track in training], share)
    chosen = [
        replace(track, indices=track.indices[keep])
        for track, keep in zip(training, kept, strict=True)
        if keep.any()
    ]
    return chosen + validation
