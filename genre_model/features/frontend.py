"""Read a network's input from a file: slices of a spectrogram, transformed or not, or of notes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genre_model.audio.fingerprint import audio_fingerprint
from genre_model.core.arrays import Float32
from genre_model.core.errors import AudioError, reason
from genre_model.core.specs import FrontEndSpec, NotesSpec, SliceSpec, SoxSpec, Transform
from genre_model.features.png_songs import is_picture, read_picture_slices, song_files
from genre_model.features.slices import Slice, read_slices


def slices_of(
    path: Path, spec: FrontEndSpec, slices: SliceSpec, *, thorough: bool = False
) -> list[Slice]:
    """The slices of a song on disk, by time, transformed by ``slices.transform``.

    All of them if ``thorough``, else at most ``slices.max_slices``.  If the network takes SoX's
    pictures, ``path`` may be a PNG file: one slice, which stands for all slices of its song.

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


def song_fingerprint(path: Path, spec: FrontEndSpec) -> bytes:
    """16 bytes that identify what :func:`slices_of` reads of a song: audio, notes or pictures.

    Raises:
        AudioError: The file cannot be read.
    """
    if not (isinstance(spec, NotesSpec) or (isinstance(spec, SoxSpec) and is_picture(path))):
        return audio_fingerprint(path)
    content = hashlib.sha256()
    try:
        for file in song_files(path):
            content.update(hashlib.sha256(file.read_bytes()).digest())
    except OSError as error:
        raise AudioError(reason(error)) from error
    return content.digest()[:16]


def slice_shape(spec: FrontEndSpec, slices: SliceSpec) -> tuple[int, ...]:
    """The shape of what a network gets for one slice."""
    shape: tuple[int, ...] = (slices.frames, spec.n_bins)
    if slices.transform != "spectrogram":
        ramp = np.add.outer(np.arange(slices.frames), np.arange(spec.n_bins)).astype(np.float32)
        shape = transform_of(slices.transform)(4 + ramp % 250).shape
    return shape


def transform_of(name: Transform) -> Callable[[Float32], NDArray[Any]]:
    """The function from a slice (frames, n_bins) to an array; its shape depends on the slice's.

    A "spectrogram" is the slice itself and has none.

    Raises (the returned function):
        GenreModelError: A library that it needs is not installed.
    """
    if name == "constellation":
        from genre_model.features.peaks import constellation

        return constellation
    from genre_model.features import textures as texture

    transforms = {
        "glcm": texture.glcm,
        "lbp": texture.lbp,
        "picture_and_lbp": texture.picture_and_lbp,
    }
    return transforms[name]
