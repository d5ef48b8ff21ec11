"""A user's changes to the slices that a system was made for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from genre_model.core.errors import GenreModelError
from genre_model.core.specs import MOST_SLICES, Band, FrontEndSpec, NotesSpec, Position, SliceSpec
from genre_model.model.bundle.store import Bundle
from genre_model.training.networks.base import Architecture

MIN_FRAMES, MAX_FRAMES = 16, 6_000


@dataclass(frozen=True, slots=True)
class SlicingOverrides:
    """How songs are cut into slices; None keeps the system's own value."""

    band: Band | None = None
    position: Position | None = None
    slice_seconds: float | None = None
    slices_per_song: int | None = None


def override_slicing(architecture: Architecture, overrides: SlicingOverrides) -> Architecture:
    """An architecture with other slices.

    Raises:
        GenreModelError: As :func:`overridden`, or the length is overridden but is fixed.
    """
    if architecture.fixed_length and overrides.slice_seconds is not None:
        raise GenreModelError(f"the slices of {architecture.name} cannot have another length")
    slices = overridden(architecture.slices, architecture.spectrogram, overrides)
    return replace(architecture, slices=slices)


def override_bundle(bundle: Bundle, overrides: SlicingOverrides) -> Bundle:
    """A bundle with other slices of the same length, which its network was made for.

    Raises:
        GenreModelError: As :func:`overridden`, or the length is overridden.
    """
    manifest = bundle.manifest
    if overrides.slice_seconds is not None:
        raise GenreModelError(f"the slices of {manifest.bundle_id} cannot have another length")
    slices = overridden(manifest.slices, manifest.spectrogram, overrides)
    sampling = manifest.sampling if overrides.slices_per_song is None else None
    return replace(bundle, manifest=replace(manifest, slices=slices, sampling=sampling))


def overridden(slices: SliceSpec, spec: FrontEndSpec, overrides: SlicingOverrides) -> SliceSpec:
    """The slices with the overrides; the overlap stays the same share of a slice.

    Raises:
        GenreModelError: An override makes no sense for the front end.
    """
    if overrides.band is not None and overrides.band != "all":
        if isinstance(spec, NotesSpec):
            raise GenreModelError("notes have no frequency bands")
        slices = replace(slices, band=overrides.band)
    if overrides.position is not None:
        slices = replace(slices, position=overrides.position)
    if overrides.slices_per_song is not None:
        if overrides.slices_per_song > MOST_SLICES:
            raise GenreModelError(f"at most {MOST_SLICES} slices can be used of a song")
        slices = replace(slices, max_slices=overrides.slices_per_song)
    if overrides.slice_seconds is None:
        return slices
    frames = frames_of(overrides.slice_seconds, spec)
    hop_frames = max(1, round(frames * slices.hop_frames / slices.frames))
    return replace(slices, frames=frames, hop_frames=hop_frames)


def frames_of(seconds: float, spec: FrontEndSpec) -> int:
    """The number of frames in a slice of this many seconds.

    Raises:
        GenreModelError: The slice would be too long or too short, or its frames are notes.
    """
    if isinstance(spec, NotesSpec):
        raise GenreModelError("slices of notes are counted in notes, not in seconds")
    frames = seconds * spec.sample_rate_hz / spec.hop
    if not MIN_FRAMES - 0.5 <= frames <= MAX_FRAMES:  # also refuses NaN
        low, high = (edge * spec.hop / spec.sample_rate_hz for edge in (MIN_FRAMES, MAX_FRAMES))
        raise GenreModelError(f"slices must be from {low:.2f} to {high:.0f} seconds long")
    return round(frames)
