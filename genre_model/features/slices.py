"""Cut a song into slices of spectrogram: all of them, or some spread over the song or a part of it.

All slices lie on one grid, whichever way they are reached, so that a slice found by seeking equals
the same slice of the song decoded from its start.  The exception is a song whose channels have
inverted polarity in some parts only: whether they cancel each other out is decided block by block,
and the blocks are not the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np

from genre_model.audio.decode import AudioFile, open_audio
from genre_model.core.arrays import Float32, Float64
from genre_model.core.errors import AudioError, SeekError, TooShortError
from genre_model.core.specs import BANDS_HZ, AudioSpec, Band, SliceSpec, SoxSpec
from genre_model.features.log_mel import log_mel, mel_centres_hz

GOLDEN = (math.sqrt(5) - 1) / 2


def order(n_available: int) -> Iterator[int]:
    """The indices of all slices of a song in the sampling order, which begins in its middle.

    The order follows the multiples of the golden ratio: any number of first slices is spread over
    the song almost as evenly as possible (cf. Niederreiter, *Random number generation and
    quasi-Monte Carlo methods*, 1992).  So sampling can stop anywhere, and continue later.
    """
    seen: set[int] = set()
    place = 0.5
    while len(seen) < n_available:
        index = int(place * n_available)
        if index not in seen:
            seen.add(index)
            yield index
        place = (place + GOLDEN) % 1


# As a share of full scale.  The mean of three seconds of music is less; a larger mean is a DC
# offset, which the window spreads over the lowest mel bands, as if it were bass.
DC_OFFSET = 0.003

# A slice whose peak is below this (-80 dB of full scale) counts as silent.
SILENCE_PEAK = 1e-4

# `thin` keeps up to four times this many slices even if fewer are needed, to find thirds and ends.
MIN_KEPT = 8


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """One slice: ``values`` (frames, n_bins), or a transform of them; ``start_s`` is in seconds."""

    values: Float32
    start_s: float
    silent: bool


def read_slices(
    path: Path, spectrogram: AudioSpec, slices: SliceSpec, *, thorough: bool = False
) -> list[Slice]:
    """The slices of a song on disk, by time.

    A song with more than ``slices.max_slices`` slices is sampled by seeking, unless ``thorough``.
    If a file cannot be sought, or is shorter than its header states, it is decoded from its start.

    Raises:
        TooShortError: Less than ``slices.min_seconds`` of audio.
        AudioError: The file cannot be read as audio.
    """
    with open_audio(path, spectrogram.sample_rate_hz) as audio:
        if not thorough:
            sampled = sample(audio, spectrogram, slices)
            if sampled is not None:
                return sampled
    with open_audio(path, spectrogram.sample_rate_hz) as audio:
        everything = cut(audio.blocks(), spectrogram, slices)
        return list(everything) if thorough else thin(everything, slices)


def sample(audio: AudioFile, spectrogram: AudioSpec, slices: SliceSpec) -> list[Slice] | None:
    """Slices spread over a long song; None if it is short or cannot be sampled."""
    n_available = count_slices(audio, spectrogram, slices)
    indices = choose(n_available, slices)
    if not 0 < len(indices) < n_available:
        return None
    found: list[Slice] = []
    for index in indices:
        start, stop = slice_span(index, spectrogram, slices)
        samples = audio.window(start, stop)
        if samples is None:
            return None
        found.append(make_slice(samples, index, spectrogram, slices))
    return found


@contextmanager
def open_in_order(
    path: Path, spectrogram: AudioSpec, slices: SliceSpec, n_known: int = 0
) -> Iterator[tuple[int, Iterator[Slice]]]:
    """The number of a song's slices, and the slices in the sampling order from ``n_known`` on.

    Each slice is decoded when it is requested.

    Raises:
        AudioError: The file cannot be read as audio.
        SeekError: When a slice is requested that cannot be reached.
    """
    with open_audio(path, spectrogram.sample_rate_hz) as audio:
        n_available = count_slices(audio, spectrogram, slices)
        indices = islice(order(n_available), n_known, None)
        yield n_available, (seek_slice(audio, path, i, spectrogram, slices) for i in indices)


def count_slices(audio: AudioFile, spectrogram: AudioSpec, slices: SliceSpec) -> int:
    """Number of slices in a song of the length that its header states; 0 if it states none."""
    n_frames = spectrogram.n_frames(int((audio.duration_s or 0) * spectrogram.sample_rate_hz))
    return slices.n_slices(n_frames)


def seek_slice(
    audio: AudioFile, path: Path, index: int, spectrogram: AudioSpec, slices: SliceSpec
) -> Slice:
    """Slice ``index`` of a song, reached by seeking.

    Raises:
        SeekError: The slice cannot be reached.
    """
    span = slice_span(index, spectrogram, slices)
    samples = audio.window(*span)
    if samples is None:  # the very start can only be read from a newly opened file
        with open_audio(path, spectrogram.sample_rate_hz) as again:
            samples = again.window(*span)
    if samples is None:
        raise SeekError(f"slice {index} cannot be reached")
    return make_slice(samples, index, spectrogram, slices)


def choose(n_available: int, slices: SliceSpec) -> list[int]:
    """Indices of the slices that are used out of ``n_available``, by ``slices.position``."""
    n_wanted = min(n_available, slices.most)
    if slices.position in ("spread", "all"):
        return spread(n_available, n_wanted)
    if slices.position == "ends":
        return [part * (n_available - 1) // max(1, n_wanted - 1) for part in range(n_wanted)]
    third = ("beginning", "middle", "end").index(slices.position)
    first, stop = third * n_available // 3, (third + 1) * n_available // 3
    part = max(1, stop - first)
    inside = spread(part, min(part, slices.max_slices))
    return [min(first + index, n_available - 1) for index in inside if n_available]


def spread(n_available: int, n_wanted: int) -> list[int]:
    """Indices of ``n_wanted`` of ``n_available`` slices, in the middles of equal parts."""
    return [(2 * part + 1) * n_available // (2 * n_wanted) for part in range(n_wanted)]


def thin(pieces: Iterable[Slice], slices: SliceSpec) -> list[Slice]:
    """The slices of :func:`choose`, from a stream of unknown length, in bounded memory.

    Every second slice is dropped whenever more than four times the needed number are kept.
    """
    kept: list[Slice] = []
    step = 1
    for index, piece in enumerate(pieces):
        if index % step == 0:
            kept.append(piece)
        if len(kept) > 4 * max(slices.most, MIN_KEPT):
            kept, step = kept[::2], 2 * step
    return [kept[index] for index in choose(len(kept), slices)]


def cut(blocks: Iterable[Float32], spectrogram: AudioSpec, slices: SliceSpec) -> Iterator[Slice]:
    """All slices of a song given as blocks of samples; memory is bounded by the size of a block.

    Raises:
        TooShortError: Less than ``slices.min_seconds`` of audio.
    """
    buffer = np.zeros(spectrogram.pad, np.float32)
    consumed = index = 0
    for block in chain(blocks, [np.zeros(spectrogram.pad_end, np.float32)]):
        buffer = np.concatenate([buffer, block])
        while True:
            start, stop = slice_span(index, spectrogram, slices)
            first, last = (edge + spectrogram.pad - consumed for edge in (start, stop))
            if last > len(buffer):
                break
            yield make_slice(buffer[first:last], index, spectrogram, slices)
            index += 1
        keep = slice_span(index, spectrogram, slices)[0] + spectrogram.pad - consumed
        dropped = min(keep, len(buffer))
        buffer, consumed = buffer[dropped:], consumed + dropped
    if index == 0:
        song = buffer[spectrogram.pad : len(buffer) - spectrogram.pad_end]
        yield short_slice(song, spectrogram, slices)


def short_slice(samples: Float32, spectrogram: AudioSpec, slices: SliceSpec) -> Slice:
    """The only slice of a song that is shorter than a slice: its spectrogram, repeated to fill it.

    Raises:
        TooShortError: Less than ``slices.min_seconds`` of audio.
    """
    seconds = len(samples) / spectrogram.sample_rate_hz
    if seconds == 0:
        raise AudioError("no audio could be decoded")
    if seconds < slices.min_seconds:
        raise TooShortError(f"too short: {seconds:.2f} s, at least {slices.min_seconds} s needed")
    if isinstance(spectrogram, SoxSpec):
        from genre_model.features.sox import sox_picture

        picture = sox_picture(samples, spectrogram.sample_rate_hz)
        frames = picture[:0:-1].T.astype(np.float32)
    else:
        samples = without_offset(samples)
        frames = log_mel(np.pad(samples, spectrogram.pad), spectrogram)
    repeats = -(-slices.frames // len(frames))
    values = np.tile(frames, (repeats, 1))[: slices.frames]
    return Slice(in_band(values, spectrogram, slices.band), 0.0, is_silent(samples))


def slice_span(index: int, spectrogram: AudioSpec, slices: SliceSpec) -> tuple[int, int]:
    """First sample and the one after the last that slice ``index`` depends on; may be negative."""
    start = index * slices.hop_frames * spectrogram.hop - spectrogram.pad
    return start, start + (slices.frames - 1) * spectrogram.hop + spectrogram.frame_length


def make_slice(samples: Float32, index: int, spectrogram: AudioSpec, slices: SliceSpec) -> Slice:
    """Slice ``index``, from the samples in its :func:`slice_span`."""
    start_s = index * slices.hop_frames * spectrogram.hop / spectrogram.sample_rate_hz
    if isinstance(spectrogram, SoxSpec):
        from genre_model.features.sox import sox_columns

        values = sox_columns(samples, spectrogram, at_start=index == 0)
    else:
        samples = without_offset(samples)
        values = log_mel(samples, spectrogram)
    return Slice(in_band(values, spectrogram, slices.band), start_s, is_silent(samples))


def in_band(values: Float32, spectrogram: AudioSpec, band: Band) -> Float32:
    """(frames, n_bins) with zeros outside a band of frequencies, or inside for a ``no-`` band."""
    if band == "all":
        return values
    low, high = BANDS_HZ[band.removeprefix("no-")]
    bins_hz = centres_hz(spectrogram)
    inside = (bins_hz >= low) & (bins_hz < high)
    wanted = inside != band.startswith("no-")
    return np.where(wanted, values, np.float32(0))


def centres_hz(spectrogram: AudioSpec) -> Float64:
    """The frequency in Hz that each bin stands for, (n_bins,)."""
    if isinstance(spectrogram, SoxSpec):
        return np.arange(spectrogram.n_bins) * spectrogram.sample_rate_hz / spectrogram.n_fft
    return mel_centres_hz(spectrogram)


def without_offset(samples: Float32) -> Float32:
    """The samples without their DC offset, if it is more than ``DC_OFFSET``.

    Zeros at either end are padding and stay.
    """
    if abs(samples.mean()) <= DC_OFFSET:
        return samples
    places = np.flatnonzero(samples)
    recorded = slice(places[0], places[-1] + 1)
    centred: Float32 = samples.copy()
    centred[recorded] -= samples[recorded].mean()
    return centred


def is_silent(samples: Float32) -> bool:
    """Whether the samples stay below ``SILENCE_PEAK``."""
    return float(np.abs(samples).max(initial=0.0)) < SILENCE_PEAK
