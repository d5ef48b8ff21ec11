"""The picture computed in NumPy equals SoX's pixel for pixel, and so do windows of it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sox_files import RATES_HZ, SOX, as_samples, sox_pixels, sox_signals

from genre_model.core.specs import SliceSpec, SoxSpec
from genre_model.features import sox
from genre_model.features.slices import cut, short_slice
from genre_model.features.sox import sox_columns, sox_picture

GOLDENS = Path(__file__).parent / "goldens" / "sox.npz"
SIGNALS = tuple(sox_signals(16_000))
SPEC = SoxSpec()
SECOND = SPEC.sample_rate_hz


def noise(n_samples, seed=0, scale=0.3):
    return (scale * np.random.default_rng(seed).uniform(-1, 1, n_samples)).astype(np.float32)


def sine(hz, seconds=1.0, scale=1.0):
    t = np.arange(int(seconds * SECOND)) / SECOND
    return (scale * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def columns_of(picture):
    """A picture as `sox_columns` returns it: (time, frequency), low to high, without the top."""
    return picture[:0:-1].T.astype(np.float32)


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_the_picture_is_that_of_sox(rate_hz, name):
    with np.load(GOLDENS) as goldens:
        signal, picture = (goldens[f"{rate_hz}/{name}/{part}"] for part in ("signal", "picture"))
    ours = sox_picture(as_samples(signal), rate_hz)
    assert ours.dtype == np.uint8
    np.testing.assert_array_equal(ours, picture)


def test_the_goldens_hold_many_levels_and_silence():
    with np.load(GOLDENS) as goldens:
        pictures = [goldens[name] for name in goldens.files if name.endswith("picture")]
    assert len(pictures) == len(RATES_HZ) * len(SIGNALS)
    values = np.unique(np.concatenate([picture.ravel() for picture in pictures]))
    assert values.min() == 4
    assert values.max() == 254
    assert len(values) > 200


@pytest.mark.skipif(SOX is None, reason="needs the real SoX")
@settings(max_examples=60)
@given(
    rate_hz=st.sampled_from([*RATES_HZ, 8_000, 11_025, 96_000, 192_000]),
    n_columns=st.integers(0, 12),
    extra=st.integers(64, 1_100),
    decibels=st.floats(-95, 6),
    kind=st.sampled_from(["noise", "tone", "square"]),
    seed=st.integers(0, 1_000),
)
def test_the_picture_is_that_of_the_sox_that_is_installed(
    tmp_path_factory, rate_hz, n_columns, extra, decibels, kind, seed
):
    rng = np.random.default_rng(seed)
    n_samples = n_columns * rate_hz // 50 + extra
    phase = 2 * np.pi * rng.uniform(0, 0.5) * np.arange(n_samples) + 0.1
    values = {
        "noise": rng.uniform(-1, 1, n_samples),
        "tone": np.sin(phase),
        "square": np.sign(np.sin(phase)),
    }[kind]
    signal = (
        np.round(32_767 * 10 ** (decibels / 20) * values).clip(-32_768, 32_767).astype(np.int16)
    )
    theirs = sox_pixels(signal, rate_hz, tmp_path_factory.mktemp("sox"))
    np.testing.assert_array_equal(sox_picture(as_samples(signal), rate_hz), theirs)


@pytest.mark.skipif(SOX is None, reason="needs the real SoX")
def test_not_one_of_400_000_pixels_is_rounded_otherwise(tmp_path):
    signal = (8_000 * noise(62 * SECOND, seed=1, scale=1)).astype(np.int16)
    theirs = sox_pixels(signal, SECOND, tmp_path)
    assert theirs.size > 390_000
    np.testing.assert_array_equal(sox_picture(as_samples(signal), SECOND), theirs)


@pytest.mark.parametrize(
    ("rate_hz", "step", "n_blocks"),
    [(44_100, 126, 7), (48_000, 120, 8), (32_000, 128, 5), (22_050, 110, 4), (16_000, 107, 3)],
)
def test_steps_are_those_of_sox(rate_hz, step, n_blocks):
    spec = SoxSpec(sample_rate_hz=rate_hz)
    assert (spec.step, spec.n_blocks, spec.hop) == (step, n_blocks, step * n_blocks)


def test_a_sine_of_full_scale_is_the_last_level_and_half_of_it_6_db_less():
    hz = 40 * SECOND / 256
    for scale, level in ((1, 254), (0.5, 4 + int(1 + (1 - 6.0206 / 120) * 249))):
        column = columns_of(sox_picture(sine(hz, scale=scale), SECOND))[20]
        assert column.argmax() == 40
        assert column[40] == pytest.approx(level, abs=1)


def test_silence_and_what_is_below_120_db_is_4():
    assert np.unique(sox_picture(np.zeros(SECOND, np.float32), SECOND)).tolist() == [4]
    assert np.unique(sox_picture(sine(1_000, scale=5e-7), SECOND)).tolist() == [4]
    assert sox_picture(sine(1_000, scale=2e-6), SECOND).max() > 4


def test_what_is_beyond_full_scale_is_clipped_as_sox_does():
    loud = 3 * sine(440)
    assert np.array_equal(sox_picture(loud, SECOND), sox_picture(loud.clip(-1, 1), SECOND))


@pytest.mark.parametrize("n_samples", [0, 1, 62])
def test_what_sox_makes_no_picture_of_has_no_columns(n_samples):
    assert sox_picture(noise(n_samples), SECOND).shape == (129, 0)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@settings(max_examples=15)
@given(first=st.integers(0, 70), n_columns=st.integers(1, 40), extra=st.integers(0, 800))
def test_columns_of_a_window_are_those_of_the_picture(rate_hz, first, n_columns, extra):
    spec = SoxSpec(sample_rate_hz=rate_hz)
    samples = noise(120 * spec.hop, seed=rate_hz)
    samples[: 30 * spec.hop] *= 1e-4
    start = first * spec.hop
    window = np.pad(samples, (spec.pad, 0))[start:]
    window = window[: (n_columns - 1) * spec.hop + spec.frame_length + extra % spec.hop]
    ours = sox_columns(window, spec, at_start=first == 0)
    assert ours.dtype == np.float32
    assert ours.shape == (n_columns, 128)
    whole = columns_of(sox_picture(samples, rate_hz))
    np.testing.assert_array_equal(ours, whole[first : first + n_columns])


def test_the_first_column_is_another_where_the_song_begins():
    samples = np.pad(noise(2 * SPEC.hop), (SPEC.pad, 0))
    assert not np.array_equal(
        sox_columns(samples, SPEC, at_start=True)[0], sox_columns(samples, SPEC, at_start=False)[0]
    )


def test_fewer_samples_than_a_column_depends_on_are_refused():
    with pytest.raises(ValueError, match="1011 samples do not fill a column of 1012"):
        sox_columns(noise(SPEC.frame_length - 1), SPEC, at_start=False)


@pytest.mark.parametrize("n_samples", [700, 3 * 128 * 882 + 946, 3 * 128 * 882 + 947])
def test_how_much_is_computed_at_a_time_changes_nothing(n_samples, monkeypatch):
    samples = noise(n_samples)
    before = sox_picture(samples, SECOND)
    monkeypatch.setattr(sox, "CHUNK_COLUMNS", 5)
    assert np.array_equal(sox_picture(samples, SECOND), before)


def test_a_picture_is_no_wider_than_sox_makes_it():
    assert sox.max_columns(5_000 * SECOND, SPEC) == 200_000
    assert sox.max_columns(180 * SECOND, SPEC) == 9_000


@pytest.mark.parametrize("n_samples", [128 * 882, 3 * 128 * 882 - 441, 3 * 128 * 882 + 500])
def test_slices_of_a_song_are_crops_of_its_picture(n_samples):
    """Except the last, because SoX calculates its last column from less sound than the others."""
    samples = noise(n_samples)
    blocks = np.split(samples, [10_000, 10_001, 90_000])
    slices = SliceSpec(frames=128, hop_frames=128)
    whole = columns_of(sox_picture(samples, SECOND))
    found = list(cut(blocks, SPEC, slices))
    assert 0 <= len(whole) // 128 - len(found) <= 1
    for index, piece in enumerate(found):
        np.testing.assert_array_equal(piece.values, whole[128 * index : 128 * (index + 1)])
        assert piece.start_s == pytest.approx(2.56 * index)


def test_a_song_shorter_than_a_slice_is_its_picture_again_and_again():
    samples = noise(SECOND)
    whole = columns_of(sox_picture(samples, SECOND))
    piece = short_slice(samples, SPEC, SliceSpec(frames=128, hop_frames=128))
    np.testing.assert_array_equal(piece.values, np.tile(whole, (3, 1))[:128])
