"""Manifest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from genre_model.core.specs import (
    UNREACHED_THRESHOLD,
    AggregationSpec,
    ContextSpec,
    FrontEndSpec,
    NetworkSpec,
    NotesSpec,
    SamplingSpec,
    SliceSpec,
    SoxSpec,
)
from genre_model.model.play_history import PlayHistorySpec

SCHEMA = 1


MAX_GENRES = 2_000


MAX_NAME = 1_000  # letters


MAX_NUMBER = 1e6  # of what is fitted: sharpness and the like


MAX_GAIN = 1e12


# What a slice takes in memory: its samples, its frames' samples, the values that it comes to, and
# those of all slices of a song.
MAX_SAMPLES, MAX_FRAME_SAMPLES = 2**26, 2**25


MAX_VALUES, MAX_SONG_VALUES = 2**24, 2**28


FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


# Names that mean devices on Windows, whatever comes after a full stop.
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the bundle is.  ``genres`` are in the order of the logits."""

    bundle_id: str
    genres: tuple[str, ...]
    spectrogram: FrontEndSpec
    slices: SliceSpec
    network: NetworkSpec
    aggregation: AggregationSpec
    context: ContextSpec | None = None
    play_history: PlayHistorySpec | None = None
    sampling: SamplingSpec | None = None
    target: str = "genres"
    schema: int = SCHEMA
    parents: dict[str, str] = field(default_factory=dict)
    presets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    description: str = ""
    licence: str = ""
    created_utc: str = ""
    package_version: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def threshold(self) -> float:
        """The confidence from which an answer is given."""
        return (self.play_history or self.context or self.aggregation).threshold

    @property
    def answers(self) -> bool:
        """Whether there is a confidence from which on its answers are good enough."""
        return self.threshold != UNREACHED_THRESHOLD


@dataclass(frozen=True, slots=True)
class Origin:
    """What manifests of all schemas have."""

    schema: int = SCHEMA


def find_fault(manifest: Manifest) -> str | None:
    """What is wrong with a manifest's values, if anything."""
    spectrogram, slices, genres = manifest.spectrogram, manifest.slices, manifest.genres
    aggregation, context = manifest.aggregation, manifest.context
    if len(genres) > MAX_GENRES:
        return f"more than {MAX_GENRES} genres"
    selections = {*manifest.parents, *manifest.parents.values()}.union(*manifest.presets.values())
    faults = {
        "a file name is not plain": not all(map(is_file_name, manifest.files)),
        "fewer than two genres": len(genres) < 2,
        "a genre is named twice or not at all": len(set(genres)) < len(genres) or "" in genres,
        "a genre holds a separator or control character": not all(map(is_plain, genres)),
        "its own name is not plain": not manifest.bundle_id or not is_plain(manifest.bundle_id),
        "the name of a selection is not plain": not all(map(is_plain, manifest.presets)),
        "a name in the network is not plain": not all(map(is_plain, names_in(manifest.network))),
        "its target is no name of a field": not (
            manifest.target.isidentifier() and len(manifest.target) <= MAX_NAME
        ),
        "parents or presets name unknown genres": not selections <= set(genres),
        "the genre tree has a loop": has_loop(manifest.parents),
        "impossible spectrogram settings": not is_possible(spectrogram),
        "impossible slice settings": not (
            1 <= slices.hop_frames <= slices.frames <= 100_000
            and 1 <= slices.max_slices <= 10_000
            and 0 < slices.min_seconds <= 24 * 3600
        ),
        "slices too large for memory": is_possible(spectrogram) and too_large(spectrogram, slices),
        "impossible sampling settings": manifest.sampling is not None
        and not (
            2 <= manifest.sampling.min_slices <= manifest.sampling.max_slices <= 10_000
            and 0 <= manifest.sampling.z <= MAX_NUMBER
        ),
        "impossible aggregation settings": not (
            0 < aggregation.inverse_temperature <= MAX_NUMBER
            and abs(aggregation.other_logit or 0) <= MAX_NUMBER
            and 0 <= aggregation.threshold <= 1
        ),
        "impossible context settings": context is not None
        and not (
            0 <= context.weight <= MAX_NUMBER
            and 0 < context.inverse_temperature <= MAX_NUMBER
            and 0 <= context.threshold <= 1
        ),
        "impossible play_history settings": manifest.play_history is not None
        and manifest.play_history.fault(len(genres)),
    }
    return next((fault for fault, found in faults.items() if found), None)


def is_possible(spec: FrontEndSpec) -> bool:
    """Whether a front end can work with its settings."""
    if isinstance(spec, NotesSpec):
        return 1 <= spec.n_features <= 4_096
    if not 1_000 <= spec.sample_rate_hz <= 192_000:
        return False
    if isinstance(spec, SoxSpec):
        return 1 <= spec.pixels_per_s <= 200
    return (
        2 <= spec.n_fft <= 16_384
        and spec.n_fft % 2 == 0
        and 1 <= spec.hop <= spec.n_fft
        and 1 <= spec.n_mels <= 1_024
        and 0 <= spec.fmin_hz < spec.fmax_hz <= spec.sample_rate_hz / 2
        and 0 < spec.gain <= MAX_GAIN
    )


def too_large(spec: FrontEndSpec, slices: SliceSpec) -> bool:
    """Whether slices take more memory than a network of music needs."""
    n_values = slices.frames * spec.n_bins
    if n_values > MAX_VALUES or n_values * slices.max_slices > MAX_SONG_VALUES:
        return True
    return not isinstance(spec, NotesSpec) and (
        slices.frames * spec.hop > MAX_SAMPLES
        or slices.frames * spec.frame_length > MAX_FRAME_SAMPLES
    )


def is_plain(name: str) -> bool:
    """Whether a genre name survives beets' list separator and a terminal."""
    return (
        name.isprintable() and "; " not in name and name == name.strip() and len(name) <= MAX_NAME
    )


def names_in(network: NetworkSpec) -> tuple[str, ...]:
    """Whatever a network's description names."""
    names = (network.file, network.input, network.features, network.tags or "")
    return (*names, *network.tag_names)


def is_file_name(name: str) -> bool:
    """Whether a name is that of a file in the folder itself, on any system."""
    return FILE_NAME.fullmatch(name) is not None and DEVICE.fullmatch(name) is None


def has_loop(parents: Mapping[str, str]) -> bool:
    """Whether following parents ever comes back."""
    sound: set[str] = set()
    for start in parents:
        line: set[str] = set()
        node = start
        while node in parents and node not in sound:
            if node in line:
                return True
            line.add(node)
            node = parents[node]
        sound |= line
    return False
