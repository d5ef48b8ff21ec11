"""The slices of labelled tracks, computed once, kept on disk and streamed from there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Bools, Ints
from genre_model.core.deadline import TIME_LIMIT_S, time_limit
from genre_model.core.errors import AudioError, GenreModelError
from genre_model.core.files import digest, whole_file
from genre_model.core.ordered import results_in_order
from genre_model.core.processor import n_cores
from genre_model.core.specs import FrontEndSpec, SliceSpec, SoxSpec
from genre_model.data.tracks import LabelledTrack
from genre_model.features.frontend import slices_of, song_fingerprint
from genre_model.training.events import OnStep, ignore_step
from genre_model.training.networks.base import Architecture, Estimator


@dataclass(frozen=True, slots=True)
class SkippedTrack:
    """A track that was not used, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class StoredTrack:
    """A track whose slices are in ``file``, (n_slices, *shape) uint8, float16 or float32.

    ``indices`` (n,) are those of the used slices, in order; ``candidates`` (n_genres,) are the
    genres that the track's label leaves open.
    """

    track: LabelledTrack
    file: Path
    indices: Ints
    candidates: Bools
    validation: bool = False

    def slices(self) -> NDArray[np.floating]:
        """The slices that are used, (n, *shape)."""
        values: NDArray[np.floating] = np.load(self.file, mmap_mode="r")[self.indices]
        return values


def candidate_genres(tracks: Sequence[LabelledTrack], genres: Sequence[str]) -> Bools:
    """The genres that the tracks' labels leave open, (n_tracks, n_genres).

    Raises:
        ValueError: None of a track's labels is among the genres.
    """
    rows = [[genre in track.labels for genre in genres] for track in tracks]
    candidates = np.array(rows, dtype=bool).reshape(len(tracks), len(genres))
    for track, row in zip(tracks, candidates, strict=True):
        if not row.any():
            raise ValueError(f"{track.path}: {', '.join(track.labels)} is not among the genres")
    return candidates


def store_tracks(
    architecture: Architecture,
    tracks: Sequence[LabelledTrack],
    candidates: Bools,
    validation: Bools,
    folder: Path,
    on_step: OnStep = ignore_step,
) -> tuple[list[StoredTrack], tuple[SkippedTrack, ...]]:
    """Store the slices of all tracks; compute only those that are not in the folder yet."""
    paths = list(dict.fromkeys(track.path for track in tracks))
    outcomes = {}
    form = SliceForm.of(architecture)
    store = partial(store_song, form, folder)
    with closing(results_in_order(n_cores(), store, paths, lambda path: path)) as found:
        for number, (path, outcome) in enumerate(found, start=1):
            outcomes[path] = str(outcome) if isinstance(outcome, AudioError) else outcome
            on_step("songs cut into slices", number, len(paths))
    stored: list[StoredTrack] = []
    skipped: list[SkippedTrack] = []
    for track, genres, held_out in zip(tracks, candidates, validation, strict=True):
        outcome = outcomes[track.path]
        if isinstance(outcome, str):
            skipped.append(SkippedTrack(track.path, outcome))
        else:
            file, n_slices = outcome
            stored.append(StoredTrack(track, file, np.arange(n_slices), genres, bool(held_out)))
    return stored, tuple(skipped)


def check_parts(tracks: Sequence[StoredTrack], *, with_validation: bool = True) -> None:
    """Check that there are training tracks and, if needed, validation tracks.

    Raises:
        GenreModelError: There are none.
    """
    for part in (False, True)[: 1 + with_validation]:
        if not any(track.validation is part for track in tracks):
            raise GenreModelError(f"no {'validation' if part else 'training'} track can be used")


@dataclass(frozen=True, slots=True)
class SliceForm:
    """The format of an architecture's slices.

    Unlike the architecture, it can be sent to a worker process.  ``exact`` slices are stored as
    float32; grey levels, which are whole numbers, as uint8; others as float16.
    """

    spectrogram: FrontEndSpec
    slices: SliceSpec
    exact: bool

    @classmethod
    def of(cls, architecture: Architecture) -> SliceForm:
        """The form of an architecture's slices."""
        exact = isinstance(architecture.learner, Estimator)
        return cls(architecture.spectrogram, architecture.slices, exact)

    @property
    def dtype(self) -> type[np.float32 | np.float16 | np.uint8]:
        """The type of the stored slices: precise enough for gradients, and faster from disk."""
        if self.exact:
            return np.float32
        grey = isinstance(self.spectrogram, SoxSpec) and self.slices.transform == "spectrogram"
        return np.uint8 if grey else np.float16


def store_song(form: SliceForm, folder: Path, path: Path) -> tuple[Path, int] | str:
    """The file of a track's slices, computed if missing, and their number; or why there is none.

    Silent slices are left out.  The file is named by the track's music and by the settings of the
    slices, so that it is found again after the track was tagged or moved.  Its time is when it was
    used last.
    """
    specs = msgspec.json.encode((form.spectrogram, form.slices, form.dtype.__name__))
    try:
        with time_limit(TIME_LIMIT_S):
            file = folder / f"{digest(specs, song_fingerprint(path, form.spectrogram))}.npy"
            if file.exists():
                os.utime(file)
            else:
                slices = slices_of(path, form.spectrogram, form.slices)
                extracted = [
                    piece.values.astype(form.dtype) for piece in slices if not piece.silent
                ]
                if not extracted:
                    return "silent"
                with whole_file(file) as target:
                    np.save(target, np.stack(extracted))
    except AudioError as error:
        return str(error)
    return file, len(np.load(file, mmap_mode="r"))


def song_microbatches(
    tracks: Sequence[StoredTrack], seed: int, epoch: int, batch_size: int
) -> Iterator[tuple[NDArray[np.floating], Bools, bool]]:
    """One song at a time, its slices in order; a batch is ``batch_size`` songs.

    Yields:
        As :func:`.slice_pack.slice_microbatches`; n is the song's number of slices.
    """
    order = np.random.default_rng([seed, epoch]).permutation(len(tracks))
    for number, place in enumerate(order.tolist(), start=1):
        track = tracks[place]
        candidates = np.tile(track.candidates, (len(track.indices), 1))
        yield track.slices(), candidates, number % batch_size == 0 or number == len(order)
