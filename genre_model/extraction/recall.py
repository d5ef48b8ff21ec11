"""Look up a song in the cache without extracting anything, for use in a worker process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genre_model.audio.fingerprint import audio_fingerprint
from genre_model.core.arrays import Float16
from genre_model.core.deadline import time_limit
from genre_model.extraction.cache import Cache, front_end_hash
from genre_model.extraction.tasks import Failure, attempt
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.song_features import SongFeatures

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class CacheKeys:
    """Finds the key of a file in the cache, for one network; can be sent to another process."""

    front_end: bytes
    time_limit_s: float | None

    def __call__(self, path: Path) -> bytes | Failure:
        """The key, ``KEY_BYTES`` long, or why there is none."""
        return attempt(self._key, path)

    def _key(self, path: Path) -> bytes:
        with time_limit(self.time_limit_s):
            return self.front_end + audio_fingerprint(path)


def key_finder(
    manifest: Manifest, time_limit_s: float | None, *, thorough: bool = False
) -> CacheKeys:
    """Finds keys for the network of a model, for features that were extracted thoroughly or not."""
    return CacheKeys(front_end_hash(manifest, thorough=thorough), time_limit_s)


def mean_embedding(features: SongFeatures | None) -> Float16 | None:
    """The mean embedding of a song's slices, (n_features,); None if there are no slices."""
    if features is None or not len(features.features):
        return None
    mean: Float16 = features.features.mean(axis=0).astype(np.float16)
    return mean


def recall_embedding(cache: Cache, key: bytes) -> Float16 | None:
    """The mean embedding of a song in the cache; None if it is not there."""
    return mean_embedding(cache.get(key))
