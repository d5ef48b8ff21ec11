"""The features of a song: what the network computes for each of its slices."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Float32, Float64


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Which slices of a song were extracted: the first ``n_extracted`` in the sampling order.

    ``places`` (n_slices,) are the places of the feature rows in that order.  ``n_available`` is the
    number of all slices of the song.
    """

    places: NDArray[np.int32]
    n_extracted: int
    n_available: int


@dataclass(frozen=True, slots=True, eq=False)
class SongFeatures:
    """The network's outputs for a song's slices.

    ``features`` (n_slices, n_features), the slices' ``starts_s`` (n_slices,) in seconds, and
    ``tags`` (n_slices, n_tags), which has no columns if the network has no tags.  A slice with
    several votes has as many rows.  ``sample`` is None if the slices were not taken one by one in
    the sampling order.  ``fingerprint`` is that of the file's audio, if it was needed: a cache
    needs it.
    """

    features: Float32
    starts_s: Float64
    tags: Float32
    sample: Sample | None = None
    fingerprint: bytes | None = None


def half(values: Float32) -> NDArray[np.float16]:
    """The values in half precision, those beyond its range as its largest."""
    most = float(np.finfo(np.float16).max)
    return np.clip(values, -most, most).astype(np.float16)


def as_half(values: Float32) -> Float32:
    """The values in the half precision of the cache."""
    return half(values).astype(np.float32)


def by_place(extracted: SongFeatures) -> list[SongFeatures]:
    """The features slice by slice in the sampling order; a silent slice has no rows."""
    assert extracted.sample is not None
    places = extracted.sample.places
    found = []
    for place in range(extracted.sample.n_extracted):
        rows = places == place
        found.append(
            SongFeatures(extracted.features[rows], extracted.starts_s[rows], extracted.tags[rows])
        )
    return found


def in_order_of_time(in_order: list[SongFeatures], n_available: int) -> SongFeatures:
    """The features of slices in the sampling order, joined by time; inverse of :func:`by_place`."""
    sample = Sample(
        np.repeat(np.arange(len(in_order), dtype=np.int32), [len(v.features) for v in in_order]),
        len(in_order),
        n_available,
    )
    with_sound = [one_slice for one_slice in in_order if len(one_slice.features)] or in_order[:1]
    starts_s = np.concatenate([one_slice.starts_s for one_slice in with_sound])
    rows = np.argsort(starts_s, kind="stable")
    return SongFeatures(
        np.concatenate([one_slice.features for one_slice in with_sound])[rows],
        starts_s[rows],
        np.concatenate([one_slice.tags for one_slice in with_sound])[rows],
        replace(sample, places=sample.places[rows]),
    )
