"""Check everything in an untrusted bundle against bounds before it is used.

The checks cover the manifest's values (:func:`find_fault`), plain arrays (:func:`arrays_in`), the
head (:func:`find_head_fault`), and the network: its format, operators and names
(:func:`audit_network`, most of which is :mod:`genre_model.model.onnx.check`).  Arrays that pass are
loaded by NumPy.  A network that passes is loaded by ONNX Runtime, the first time in a worker
process (:mod:`genre_model.model.bundle.trial`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genre_model.core.specs import (
    MOST_SLICES,
    FrontEndSpec,
    NetworkSpec,
    NotesSpec,
    SliceSpec,
    SoxSpec,
)
from genre_model.model import music_detector
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.head import OTHER, SHARES, START, TRUST, is_correction

if TYPE_CHECKING:
    from genre_model.model.onnx.graph import Model

MAX_GENRES = 2_000

MAX_NAME = 1_000  # characters

MAX_NUMBER = 1e6  # for fitted values such as the inverse temperature

MAX_GAIN = 1e12

# Limits on a slice's memory: its samples, and the samples of all its frames, which overlap.
MAX_SAMPLES, MAX_FRAME_SAMPLES = 2**26, 2**25

# Limits on the values of a slice, and on those of all slices of a song.
MAX_VALUES, MAX_SONG_VALUES = 2**24, 2**28

# Length of the song for which the memory of a model that uses all slices is checked: long slices
# without overlap have to pass.
SONG_S = 20 * 60

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

# Names of devices on Windows, with or without an extension.
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)

ROUNDING = 1e-3  # tolerance for shares that sum to 1


def find_head_fault(arrays: Mapping[str, NDArray[Any]], n_genres: int) -> str | None:
    """What is wrong with the arrays of a head of either kind, or None."""
    fits = is_linear_layer(arrays, "", n_genres) and (
        not is_correction(arrays) or corrects(arrays, n_genres)
    )
    return None if fits else f"does not fit {n_genres} genres"


def is_linear_layer(arrays: Mapping[str, NDArray[Any]], prefix: str, n_outputs: int) -> bool:
    """Whether there are finite weights and biases for ``n_outputs`` outputs."""
    weights, bias = arrays.get(prefix + "weights"), arrays.get(prefix + "bias")
    return (
        weights is not None
        and bias is not None
        and weights.ndim == 2
        and weights.shape[1] == n_outputs
        and bias.shape == (n_outputs,)
        and bool(np.isfinite(weights).all() and np.isfinite(bias).all())
    )


def corrects(arrays: Mapping[str, NDArray[Any]], n_genres: int) -> bool:
    """Whether the arrays of the starting model are complete and fit the correction."""
    shares, other, trust = (arrays.get(name) for name in (SHARES, OTHER, TRUST))
    if shares is None or other is None or trust is None:
        return False
    if shares.ndim != 2 or not len(shares) or other.size > 1 or trust.shape != (1,):
        return False
    return (
        shares.shape[1] == n_genres
        and is_linear_layer(arrays, START, len(shares) - 1)
        and len(arrays[START + "weights"]) == len(arrays["weights"])
        and bool((shares >= 0).all() and (shares.sum(axis=1) <= 1 + ROUNDING).all())
        and bool((np.abs(other) <= MAX_NUMBER).all() and 0 <= trust[0] <= MAX_NUMBER)
    )


def find_music_fault(arrays: Mapping[str, NDArray[Any]]) -> str | None:
    """What is wrong with the music detector in a head's file; None also if there is no detector."""
    shapes = {
        music_detector.MEAN: arrays["weights"].shape[:1],
        music_detector.SPREAD: arrays["weights"].shape[:1],
        music_detector.TYPICAL: arrays["weights"].shape[:1],
        music_detector.BIAS: (1,),
    }
    found = {name: arrays[name] for name in shapes if name in arrays}
    if not found:
        return None
    fits = len(found) == len(shapes) and all(
        array.shape == shapes[name] and bool(np.isfinite(array).all())
        for name, array in found.items()
    )
    return None if fits else "has a detector of music that does not fit"


def audit_network(content: bytes, network: NetworkSpec) -> Model:
    """The network, if it has only known operators and the input and outputs that a manifest names.

    Raises:
        ValueError: The network has something that is not allowed, or lacks the input or an output.
    """
    from genre_model.model.onnx.check import checked_model

    model = checked_model(content)
    missing = missing_names(model, network)
    if missing:
        raise ValueError(f"has no {', '.join(missing)}")
    return model


def missing_names(model: Model, network: NetworkSpec) -> list[str]:
    """Inputs and outputs that the manifest names but the network lacks."""
    weights = {weight.name for weight in model.graph.weights}
    inputs = [value.name for value in model.graph.inputs if value.name not in weights]
    outputs = {value.name for value in model.graph.outputs}
    wanted = [network.features] + ([network.tags] if network.tags else [])
    has_input = inputs == [network.input]
    return ([] if has_input else [network.input]) + [name for name in wanted if name not in outputs]


def find_fault(manifest: Manifest) -> str | None:
    """What is wrong with a manifest's values, or None."""
    if len(manifest.genres) > MAX_GENRES:
        return f"more than {MAX_GENRES} genres"
    return fault_of_names(manifest) or fault_of_slices(manifest) or fault_of_answers(manifest)


def fault_of_names(manifest: Manifest) -> str | None:
    """What is wrong with the names in a manifest, or None."""
    genres, target = manifest.genres, manifest.target
    selections = {*manifest.parents, *manifest.parents.values()}.union(*manifest.presets.values())
    faults = {
        "a file name is not plain": not all(map(is_file_name, manifest.files)),
        "fewer than two genres": len(genres) < 2,
        "a genre is named twice or not at all": len(set(genres)) < len(genres) or "" in genres,
        "a genre is too long, or holds a separator or control character": not all(
            map(is_plain, genres)
        ),
        "its own name is not plain": not manifest.bundle_id or not is_plain(manifest.bundle_id),
        "the name of a selection is not plain": not all(map(is_plain, manifest.presets)),
        "a name in the network is not plain": not all(map(is_plain, names_in(manifest.network))),
        "its target is no name of a field": not target.isidentifier() or len(target) > MAX_NAME,
        "parents or presets name unknown genres": not selections <= set(genres),
        "the genre tree has a loop": has_loop(manifest.parents),
    }
    return first_of(faults)


def fault_of_slices(manifest: Manifest) -> str | None:
    """What is wrong with how songs are cut into slices, or None."""
    spectrogram, slices, sampling = manifest.spectrogram, manifest.slices, manifest.sampling
    if not is_possible(spectrogram):
        return "impossible spectrogram settings"
    faults = {
        "impossible slice settings": not (
            1 <= slices.hop_frames <= slices.frames <= 100_000
            and 1 <= slices.max_slices <= MOST_SLICES
            and 0 < slices.min_seconds <= 24 * 3600
        ),
        "slices too large for memory": too_large(spectrogram, slices),
        "impossible sampling settings": sampling is not None
        and not (
            2 <= sampling.min_slices <= sampling.max_slices <= MOST_SLICES
            and 0 <= sampling.z <= MAX_NUMBER
            and 0 <= sampling.min_gain <= MAX_NUMBER
        ),
    }
    return first_of(faults)


def fault_of_answers(manifest: Manifest) -> str | None:
    """What is wrong with how slices' answers become a song's, or None."""
    aggregation, context, history = manifest.aggregation, manifest.context, manifest.play_history
    faults = {
        "impossible aggregation settings": not (
            0 < aggregation.inverse_temperature <= MAX_NUMBER
            and abs(aggregation.other_logit or 0) <= MAX_NUMBER
            and 0 <= aggregation.threshold <= 1
        ),
        "impossible context settings": context is not None
        and not (
            0 <= context.weight <= MAX_NUMBER
            and 0 < context.inverse_temperature <= MAX_NUMBER
            and 0 <= context.evidence <= MAX_NUMBER
            and 0 <= context.threshold <= 1
        ),
        "impossible play_history settings": history is not None
        and not history.fits(len(manifest.genres)),
    }
    return first_of(faults)


def first_of(faults: Mapping[str, bool]) -> str | None:
    """The first fault that was found, or None."""
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
    """Whether slices take more memory than a network for music needs."""
    n_values = slices.frames * spec.n_bins
    if n_values > MAX_VALUES or n_values * n_slices(spec, slices) > MAX_SONG_VALUES:
        return True
    return not isinstance(spec, NotesSpec) and (
        slices.frames * spec.hop > MAX_SAMPLES
        or slices.frames * spec.frame_length > MAX_FRAME_SAMPLES
    )


def n_slices(spec: FrontEndSpec, slices: SliceSpec) -> int:
    """How many slices of a song are used; if all are, the number for a song of ``SONG_S``.

    A longer song takes proportionally more memory, up to ``MOST_SLICES`` slices.
    """
    if slices.position != "all" or isinstance(spec, NotesSpec):
        return slices.most
    found = slices.n_slices(spec.n_frames(SONG_S * spec.sample_rate_hz))
    return min(slices.most, max(slices.max_slices, found))


def is_plain(name: str) -> bool:
    """Whether a genre name survives beets' list separator and a terminal."""
    return (
        name.isprintable() and "; " not in name and name == name.strip() and len(name) <= MAX_NAME
    )


def names_in(network: NetworkSpec) -> tuple[str, ...]:
    """All names in a network's description."""
    names = (network.file, network.input, network.features, network.tags or "")
    return (*names, *network.tag_names)


def is_file_name(name: str) -> bool:
    """Whether a name is that of a file directly in the folder, on any system."""
    return FILE_NAME.fullmatch(name) is not None and DEVICE.fullmatch(name) is None


def has_loop(parents: Mapping[str, str]) -> bool:
    """Whether a tree, child -> parent, has a loop."""
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
