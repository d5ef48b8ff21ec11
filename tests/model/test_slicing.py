"""Slices lie on the same grid, however the song is read."""

import weakref

import audio_files
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genre_model.audio.decode import open_audio
from genre_model.core.errors import AudioError, TooShortError
from genre_model.core.specs import BANDS_HZ, SliceSpec, SoxSpec, SpectrogramSpec
from genre_model.features.log_mel import log_mel
from genre_model.features.slices import (
    MIN_KEPT,
    Slice,
    centres_hz,
    choose,
    cut,
    in_band,
    is_silent,
    read_slices,
    sample,
    short_slice,
    slice_span,
    spread,
    thin,
)

SPECTROGRAM = SpectrogramSpec()
RATE_HZ = SPECTROGRAM.sample_rate_hz
NOISE = np.random.default_rng(0).uniform(-1, 1, 3 * RATE_HZ).astype(np.float32)
SMALL = SliceSpec(frames=20, hop_frames=15, max_slices=5)

slice_specs = st.builds(
    lambda frames, overlap, max_slices: SliceSpec(frames, max(5, frames - overlap), max_slices),
    st.integers(5, 60),
    st.integers(0, 55),
    st.integers(1, 12),
)
quick = settings(max_examples=25)


@pytest.fixture(scope="module", params=["wav16", "flac", "mp3", "vorbis"])
def song(request, tmp_path_factory):
    path, _ = audio_files.write_song(tmp_path_factory.mktemp("songs"), request.param, 4.0)
    return path


def assert_same(pieces, expected, atol=0.0):
    assert [piece.start_s for piece in pieces] == [piece.start_s for piece in expected]
    assert [piece.silent for piece in pieces] == [piece.silent for piece in expected]
    for piece, other in zip(pieces, expected, strict=True):
        np.testing.assert_allclose(piece.values, other.values, rtol=0, atol=atol)


@given(spec=slice_specs)
@settings(max_examples=12)
def test_slices_found_by_seeking_are_those_of_the_whole_song(song, spec):
    found = read_slices(song, SPECTROGRAM, spec)
    everything = read_slices(song, SPECTROGRAM, spec, thorough=True)
    n_wanted = min(len(everything), spec.max_slices)
    expected = [everything[index] for index in spread(len(everything), n_wanted)]
    if song.suffix == ".ogg":  # FFmpeg's time stamps are wrong on an Ogg file's last page
        n_sure = sum(piece.start_s < 2 for piece in expected)
        found, expected = found[:n_sure], expected[:n_sure]
    assert_same(found, expected, 0.02)


@given(
    spec=slice_specs,
    n_samples=st.integers(RATE_HZ // 2, len(NOISE)),
    edges=st.lists(st.integers(0, len(NOISE)), max_size=8),
)
@quick
def test_cut_does_not_depend_on_the_sizes_of_blocks(spec, n_samples, edges):
    samples = NOISE[:n_samples]
    blocks = np.split(samples, sorted(min(edge, n_samples) for edge in edges))
    assert_same(list(cut(blocks, SPECTROGRAM, spec)), list(cut([samples], SPECTROGRAM, spec)), 1e-6)


@given(spec=slice_specs, n_samples=st.integers(RATE_HZ // 2, len(NOISE)))
@quick
def test_cut_gives_all_complete_slices_of_the_padded_spectrogram(spec, n_samples):
    samples = NOISE[:n_samples] / 50  # a short piece of louder noise has a DC offset by chance
    frames = log_mel(np.pad(samples, SPECTROGRAM.pad), SPECTROGRAM)
    n_slices = spec.n_slices(len(frames))
    pieces = list(cut([samples], SPECTROGRAM, spec))
    assert len(pieces) == max(1, n_slices)
    if n_slices == 0:
        return
    for index, piece in enumerate(pieces):
        first = index * spec.hop_frames
        np.testing.assert_allclose(
            piece.values, frames[first : first + spec.frames], rtol=0, atol=1e-6
        )
        assert piece.start_s == pytest.approx(first * SPECTROGRAM.hop / RATE_HZ)


@pytest.mark.parametrize("tail_frames", [0, 1, 10, 19])
def test_the_incomplete_slice_at_the_end_is_left_out(tail_frames):
    spec = SliceSpec(frames=20, hop_frames=20)
    n_samples = (3 * 20 + tail_frames - 1) * SPECTROGRAM.hop
    pieces = list(cut([NOISE[:n_samples]], SPECTROGRAM, spec))
    assert [piece.start_s for piece in pieces] == [0.0, 0.32, 0.64]


def test_a_jingle_of_two_seconds_gets_one_slice_that_repeats_it():
    jingle = NOISE[: 2 * RATE_HZ]
    (piece,) = cut([jingle], SPECTROGRAM, SliceSpec())
    frames = log_mel(np.pad(jingle, SPECTROGRAM.pad), SPECTROGRAM)
    assert len(frames) == 126
    expected = np.concatenate([frames, frames[: 187 - 126]])
    np.testing.assert_allclose(piece.values, expected, rtol=0, atol=1e-6)
    assert piece.start_s == 0


@given(n_samples=st.integers(RATE_HZ // 2, 186 * 256 - 1))
@quick
def test_any_song_shorter_than_a_slice_is_repeated_to_fill_one(n_samples):
    piece = short_slice(NOISE[:n_samples], SPECTROGRAM, SliceSpec())
    period = SPECTROGRAM.n_frames(n_samples)
    assert piece.values.shape == (187, 96)
    np.testing.assert_array_equal(piece.values[period:], piece.values[: 187 - period])


@pytest.mark.parametrize(
    ("n_samples", "error"),
    [(0, AudioError), (1, TooShortError), (RATE_HZ // 2 - 1, TooShortError)],
)
def test_too_little_audio_is_refused(n_samples, error):
    with pytest.raises(error):
        list(cut([NOISE[:n_samples]], SPECTROGRAM, SliceSpec()))


def test_no_blocks_at_all_are_refused():
    with pytest.raises(AudioError, match="no audio"):
        list(cut([], SPECTROGRAM, SliceSpec()))


@given(n_available=st.integers(1, 3_000), n_wanted=st.integers(1, 50))
def test_spread_takes_the_middles_of_equal_parts(n_available, n_wanted):
    if n_wanted > n_available:
        return
    indices = spread(n_available, n_wanted)
    assert len(set(indices)) == n_wanted
    for part, index in enumerate(indices):
        assert part * n_available // n_wanted <= index < -(-(part + 1) * n_available // n_wanted)


positions = st.sampled_from(["spread", "beginning", "middle", "end", "ends", "all"])


@given(st.integers(0, 500), st.integers(1, 40), positions)
def test_chosen_slices_are_where_they_are_wanted(n_available, max_slices, position):
    chosen = choose(n_available, SliceSpec(max_slices=max_slices, position=position))
    assert chosen == sorted(set(chosen))
    assert set(chosen) <= set(range(n_available))
    if position == "all":
        assert chosen == list(range(n_available))
        return
    assert 0 < len(chosen) <= max_slices or n_available == 0
    if position in ("spread", "ends"):
        assert len(chosen) == min(n_available, max_slices)
    elif n_available >= 3:
        third = ["beginning", "middle", "end"].index(position)
        assert third * n_available // 3 <= chosen[0]
        assert chosen[-1] < (third + 1) * n_available // 3
        assert len(chosen) >= min(max_slices, n_available // 3)
    if position == "ends" and len(chosen) > 1:
        assert (chosen[0], chosen[-1]) == (0, n_available - 1)


@pytest.mark.parametrize("spectrogram", [SPECTROGRAM, SoxSpec()], ids=["log-mel", "sox"])
@pytest.mark.parametrize("band", ["low", "mid", "high"])
def test_a_band_and_the_rest_make_up_the_whole(spectrogram, band):
    values = 1 + np.random.default_rng(1).random((5, spectrogram.n_bins), np.float32)
    inside = in_band(values, spectrogram, band)
    assert np.array_equal(inside + in_band(values, spectrogram, f"no-{band}"), values)
    low, high = BANDS_HZ[band]
    kept_hz = centres_hz(spectrogram)[inside.any(axis=0)]
    assert (kept_hz >= low).all()
    assert (kept_hz < high).all()
    assert len(kept_hz)
    assert in_band(values, spectrogram, "all") is values


def numbered(n_slices):
    return (
        Slice(np.full((1, 1), index, np.float32), float(index), False) for index in range(n_slices)
    )


@given(n_slices=st.integers(0, 700), max_slices=st.integers(1, 30))
@quick
def test_thin_takes_slices_from_all_over_a_stream_in_order(n_slices, max_slices):
    starts = [piece.start_s for piece in thin(numbered(n_slices), SliceSpec(max_slices=max_slices))]
    assert len(starts) == min(n_slices, max_slices)
    assert starts == sorted(set(starts))
    if n_slices <= 4 * max(max_slices, MIN_KEPT):
        assert starts == spread(n_slices, min(n_slices, max_slices))
    else:
        assert starts[0] < 2 * n_slices / max_slices
        assert n_slices - starts[-1] < 2 * n_slices / max_slices
        gaps = np.diff(starts)
        assert max_slices == 1 or gaps.max() <= 1.5 * gaps.min()


def test_thin_holds_a_bounded_number_of_slices():
    alive, most = [], 0

    def watched():
        nonlocal alive, most
        for piece in numbered(2_000):
            alive = [reference for reference in alive if reference() is not None]
            alive.append(weakref.ref(piece.values))
            most = max(most, len(alive))
            yield piece

    thin(watched(), SliceSpec(max_slices=9))
    assert 9 <= most <= 4 * 9 + 3


def test_cut_takes_no_more_of_a_song_than_its_next_slice_needs():
    taken = 0

    def blocks():
        nonlocal taken
        for start in range(0, len(NOISE), 1_000):
            taken = start + 1_000
            yield NOISE[start : start + 1_000]

    for index, _ in enumerate(cut(blocks(), SPECTROGRAM, SMALL)):
        assert taken <= slice_span(index, SPECTROGRAM, SMALL)[1] + 1_000


@pytest.mark.parametrize(
    ("peak", "silent"), [(0.0, True), (9e-5, True), (-9e-5, True), (2e-4, False), (-0.5, False)]
)
def test_a_slice_is_silent_below_80_db_under_full_scale(peak, silent):
    samples = np.zeros(RATE_HZ, np.float32)
    samples[RATE_HZ // 2] = peak
    assert is_silent(samples) is silent
    assert short_slice(samples, SPECTROGRAM, SliceSpec()).silent is silent


def test_silence_is_told_slice_by_slice():
    samples = np.concatenate([np.zeros(RATE_HZ, np.float32), NOISE[:RATE_HZ]])
    flags = [piece.silent for piece in cut([samples], SPECTROGRAM, SliceSpec(20, 20))]
    assert flags == [True] * 3 + [False] * 3


@pytest.mark.parametrize("offset", [-0.5, -0.01, 0.05, 0.5])
@pytest.mark.parametrize("n_seconds", [2, 3])
def test_a_dc_offset_is_removed(offset, n_seconds):
    music = NOISE[: n_seconds * RATE_HZ] / 50
    music -= music.mean()
    [piece] = cut([music + np.float32(offset)], SPECTROGRAM, SliceSpec())
    [expected] = cut([music], SPECTROGRAM, SliceSpec())
    np.testing.assert_allclose(piece.values, expected.values, rtol=0, atol=0.01)
    [silence] = cut([np.full_like(music, offset)], SPECTROGRAM, SliceSpec())
    assert silence.silent


def test_a_header_that_promises_too_much_leads_to_a_decode_of_the_whole(tmp_path):
    path = audio_files.write_truncated(tmp_path / "song.flac", "flac", 0.6, 6.0)
    with open_audio(path, RATE_HZ) as audio:
        assert audio.duration_s == pytest.approx(6.0)
        assert sample(audio, SPECTROGRAM, SMALL) is None
    with open_audio(path, RATE_HZ) as audio:
        expected = thin(cut(audio.blocks(), SPECTROGRAM, SMALL), SMALL)
    assert max(piece.start_s for piece in expected) < 4
    assert_same(read_slices(path, SPECTROGRAM, SMALL), expected)


def test_a_song_with_few_slices_is_not_sampled(tmp_path):
    path, _ = audio_files.write_song(tmp_path, "flac", 2.0)
    with open_audio(path, RATE_HZ) as audio:
        assert sample(audio, SPECTROGRAM, SliceSpec()) is None


def test_thorough_extracts_more_than_max_slices(tmp_path):
    path, _ = audio_files.write_song(tmp_path, "flac", 3.0)
    n_all = SMALL.n_slices(SPECTROGRAM.n_frames(3 * RATE_HZ))
    assert n_all > SMALL.max_slices
    assert len(read_slices(path, SPECTROGRAM, SMALL)) == SMALL.max_slices
    assert len(read_slices(path, SPECTROGRAM, SMALL, thorough=True)) == n_all


@given(index=st.integers(0, 500), spec=slice_specs)
def test_a_span_holds_exactly_the_samples_of_its_frames(index, spec):
    start, stop = slice_span(index, SPECTROGRAM, spec)
    assert start == index * spec.hop_frames * SPECTROGRAM.hop - SPECTROGRAM.pad
    assert 1 + (stop - start - SPECTROGRAM.n_fft) // SPECTROGRAM.hop == spec.frames
