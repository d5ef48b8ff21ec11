"""From a file to what a network takes: slices of a spectrogram, a view of them, or of notes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from genre_model.picture_folder import is_picture, read_picture_slices
from genre_model.slicing import Slice, read_slices
from genre_model.specs import FrontEndSpec, NotesSpec, SliceSpec, SoxSpec
from genre_model.views import view_of


def slices_of(
    path: Path, spec: FrontEndSpec, slices: SliceSpec, *, thorough: bool = False
) -> list[Slice]:
    """The slices of a song that is on disk, by time, each as ``slices.view`` has it.

    All of them where ``thorough``, else at most ``slices.max_slices``.  Where the network takes
    SoX's pictures, one of a song's slices as a PNG file stands for the song.

    Raises:
        TooShortError: Less than ``slices.min_seconds`` of audio.
        AudioError: The file cannot be read.
    """
    if isinstance(spec, NotesSpec):
        from genre_model.midi import read_note_slices

        return read_note_slices(path, spec, slices, thorough=thorough)
    if isinstance(spec, SoxSpec) and is_picture(path):
        found = read_picture_slices(path, spec, slices, thorough=thorough)
    else:
        found = read_slices(path, spec, slices, thorough=thorough)
    if slices.view == "spectrogram":
        return found
    view = view_of(slices.view)
    return [piece if piece.silent else replace(piece, values=view(piece.values)) for piece in found]


def slice_shape(spec: FrontEndSpec, slices: SliceSpec) -> tuple[int, ...]:
    """The shape of what a network gets for one slice."""
    shape: tuple[int, ...] = (slices.frames, spec.n_bins)
    if slices.view != "spectrogram":
        ramp = np.add.outer(np.arange(slices.frames), np.arange(spec.n_bins)).astype(np.float32)
        shape = view_of(slices.view)(4 + ramp % 250).shape
    return shape
