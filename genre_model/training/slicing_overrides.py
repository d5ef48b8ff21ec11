"""Slices other than those that a system was made for, as the user wishes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from genre_model.core.errors import GenreModelError
from genre_model.core.specs import Band, FrontEndSpec, NotesSpec, Position, SliceSpec
from genre_model.model.bundle.store import Bundle
from genre_model.training.networks.base import Architecture

MIN_FRAMES, MAX_FRAMES = 16, 6_000


MAX_SLICES = 10_000  # as many as a bundle may say


@dataclass(frozen=True, slots=True)
class SlicingWish:
    """How songs are to be cut; None where the system's own way will do."""

    band: Band | None = None
    position: Position | None = None
    slice_seconds: float | None = None
    slices_per_song: int | None = None


def with_slices(architecture: Architecture, wish: SlicingWish) -> Architecture:
    """An architecture with its slices as wished.

    Raises:
        GenreModelError: As :func:`adjusted`.
    """
    slices = adjusted(architecture.slices, architecture.spectrogram, wish)
    return replace(architecture, slices=slices)


def with_other_slices(bundle: Bundle, wish: SlicingWish) -> Bundle:
    """A bundle with its slices as wished; their length is what its network was made for.

    Raises:
        GenreModelError: As :func:`adjusted`, or another length is wished for.
    """
    manifest = bundle.manifest
    if wish.slice_seconds is not None:
        raise GenreModelError(f"the slices of {manifest.bundle_id} cannot have another length")
    slices = adjusted(manifest.slices, manifest.spectrogram, wish)
    sampling = manifest.sampling if wish.slices_per_song is None else None
    return replace(bundle, manifest=replace(manifest, slices=slices, sampling=sampling))


def adjusted(slices: SliceSpec, spec: FrontEndSpec, wish: SlicingWish) -> SliceSpec:
    """The slices as wished; their overlap keeps its share of them.

    Raises:
        GenreModelError: What is wished for makes no sense for the front end.
    """
    if wish.band is not None and wish.band != "all":
        if isinstance(spec, NotesSpec):
            raise GenreModelError("notes have no frequency bands")
        slices = replace(slices, band=wish.band)
    if wish.position is not None:
        slices = replace(slices, position=wish.position)
    if wish.slices_per_song is not None:
        if wish.slices_per_song > MAX_SLICES:
            raise GenreModelError(f"at most {MAX_SLICES} slices can be heard of a song")
        slices = replace(slices, max_slices=wish.slices_per_song)
    if wish.slice_seconds is None:
        return slices
    frames = frames_of(wish.slice_seconds, spec)
    hop_frames = max(1, round(frames * slices.hop_frames / slices.frames))
    return replace(slices, frames=frames, hop_frames=hop_frames)


def frames_of(seconds: float, spec: FrontEndSpec) -> int:
    """The frames of a slice of so many seconds.

    Raises:
        GenreModelError: No slice can be so long or so short.
    """
    if isinstance(spec, NotesSpec):
        raise GenreModelError("slices of notes are counted in notes, not in seconds")
    frames = seconds * spec.sample_rate_hz / spec.hop
    if not MIN_FRAMES - 0.5 <= frames <= MAX_FRAMES:  # which is false of what is not a number
        low, high = (edge * spec.hop / spec.sample_rate_hz for edge in (MIN_FRAMES, MAX_FRAMES))
        raise GenreModelError(f"slices must be from {low:.2f} to {high:.0f} seconds long")
    return round(frames)
