"""A model's probabilities for its training tracks when their artists were left out of training.

A model that has learned a wrong label confirms it, so a bundle stores, next to its report, the
out-of-fold probabilities of its training tracks.  For each track it stores eight bytes, a hash of
the audio and the bundle's id, and a number for each genre: no path, no tag, no label.  The hash is
of the audio, so a moved or re-tagged file is still found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genre_model.audio.fingerprint import audio_fingerprint
from genre_model.core.deadline import TIME_LIMIT_S, time_limit
from genre_model.core.errors import AudioError, BundleError
from genre_model.core.processes import call_in_worker
from genre_model.model.bundle.arrays import npz
from genre_model.model.bundle.store import OUT_OF_FOLD, Bundle


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """``rows``: key of a track -> (n_genres,) out-of-fold probabilities, NaN if it has none."""

    bundle_id: str
    genres: tuple[str, ...]
    rows: Mapping[int, NDArray[np.floating]]

    def find_audio(self, fingerprint: bytes) -> dict[str, float] | None:
        """The out-of-fold probabilities of a training track; None for any other track.

        They are empty if there are none: the track was never left out of the training.

        Args:
            fingerprint: The fingerprint of the track's audio.
        """
        row = self.rows.get(track_key(fingerprint, self.bundle_id))
        if row is None:
            return None
        if not np.isfinite(row).all():
            return {}
        return dict(zip(self.genres, row.astype(np.float64).tolist(), strict=True))


def track_key(fingerprint: bytes, bundle_id: str) -> int:
    """The key in a bundle of a track whose audio has this fingerprint."""
    digest = hashlib.sha256(fingerprint + bundle_id.encode()).digest()
    return int.from_bytes(digest[:8], "little")


def fingerprint_of(path: Path) -> bytes | None:
    """The fingerprint of a file's audio, read in a worker; None if it is missing or not audio."""
    try:
        return call_in_worker(fingerprint_in_time, path)
    except AudioError:
        return None


def fingerprint_in_time(path: Path) -> bytes:
    """The fingerprint of a file's audio.

    Raises:
        AudioError: The file is missing or not audio, or this took too long.
    """
    with time_limit(TIME_LIMIT_S):
        return audio_fingerprint(path)


def pack_out_of_fold(
    fingerprints: Sequence[bytes | None],
    probabilities: NDArray[np.floating],
    bundle_id: str,
    learned: Sequence[bytes | None] = (),
) -> bytes:
    """The content of the bundle's file of out-of-fold probabilities.

    Args:
        fingerprints: The fingerprints of the tracks that have out-of-fold probabilities; None for a
            track whose file is gone.
        probabilities: The out-of-fold probabilities, (n_tracks, n_genres).
        bundle_id: The bundle's id.
        learned: The fingerprints of training tracks without out-of-fold probabilities.
    """
    nothing = np.full((len(learned), probabilities.shape[1]), np.nan)
    rows: dict[int, NDArray[np.floating]] = {}
    all_rows = [*nothing, *probabilities]
    for fingerprint, row in zip([*learned, *fingerprints], all_rows, strict=True):
        if fingerprint is not None:
            rows[track_key(fingerprint, bundle_id)] = row
    keys = np.fromiter(rows, np.uint64, len(rows))
    values = np.array(list(rows.values()), np.float16).reshape(len(rows), probabilities.shape[1])
    return npz(keys=keys, probabilities=values)


def read_out_of_fold(bundle: Bundle) -> OutOfFold | None:
    """A bundle's out-of-fold probabilities; None if it has none.

    Raises:
        BundleError: The file is damaged.
    """
    manifest = bundle.manifest
    if OUT_OF_FOLD not in bundle.files:
        return None
    arrays = bundle.arrays(OUT_OF_FOLD)
    keys, values = arrays.get("keys"), arrays.get("probabilities")
    shape = None if keys is None or keys.ndim != 1 else (keys.size, len(manifest.genres))
    if keys is None or values is None or values.shape != shape:
        raise BundleError(f"{bundle.directory}: {OUT_OF_FOLD} does not fit its genres")
    rows = dict(zip(keys.tolist(), values, strict=True))
    return OutOfFold(manifest.bundle_id, manifest.genres, rows)
