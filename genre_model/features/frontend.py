"""From a file to what a network takes: slices of a spectrogram, transformed or not, or of notes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Float32
from genre_model.core.specs import FrontEndSpec, NotesSpec, SliceSpec, SoxSpec, Transform
from genre_model.features.png_songs import is_picture, read_picture_slices
from genre_model.features.slices import Slice, read_slices


def slices_of(
    path: Path, spec: FrontEndSpec, slices: SliceSpec, *, thorough: bool = False
) -> list[Slice]:
    """The slices of a song that is on disk, by time, each as ``slices.transform`` has it.

    All of them where ``thorough``, else at most ``slices.max_slices``.  Where the network takes
    SoX's pictures, one of a song's slices as a PNG file stands for the song.

    Raises:
        TooShortError: Less than ``slices.min_seconds`` of audio.
        AudioError: The file cannot be read.
    """
    if isinstance(spec, NotesSpec):
        from genre_model.features.midi import read_note_slices

        return read_note_slices(path, spec, slices, thorough=thorough)
    if isinstance(spec, SoxSpec) and is_picture(path):
        found = read_picture_slices(path, spec, slices, thorough=thorough)
    else:
        found = read_slices(path, spec, slices, thorough=thorough)
    if slices.transform == "spectrogram":
        return found
    transform = transform_of(slices.transform)
    return [
        piece if piece.silent else replace(piece, values=transform(piece.values)) for piece in found
    ]


def slice_shape(spec: FrontEndSpec, slices: SliceSpec) -> tuple[int, ...]:
    """The shape of what a network gets for one slice."""
    shape: tuple[int, ...] = (slices.frames, spec.n_bins)
    if slices.transform != "spectrogram":
        ramp = np.add.outer(np.arange(slices.frames), np.arange(spec.n_bins)).astype(np.float32)
        shape = transform_of(slices.transform)(4 + ramp % 250).shape
    return shape


def transform_of(name: Transform) -> Callable[[Float32], NDArray[Any]]:
    """The function from a slice (frames, n_bins) to an array whose shape depends on the slice's.

    Raises (the returned function):
        GenreModelError: A library that it needs is not installed.
    """
    if name == "constellation":
        from genre_model.features.peaks import constellation

        return constellation
    if name == "spectrogram":
        return as_it_is
    from genre_model.features import textures as texture

    transforms = {
        "glcm": texture.glcm,
        "lbp": texture.lbp,
        "picture_and_lbp": texture.picture_and_lbp,
    }
    return transforms[name]


def as_it_is(frames: Float32) -> Float32:
    """The slice itself."""
    return frames
