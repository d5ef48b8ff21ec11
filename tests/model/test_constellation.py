"""The prominent peaks of a slice: found where planted, few, and independent of loudness."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_model.features.peaks import (
    BRIGHTEST,
    DARKEST,
    FRAMES_PER_SECOND,
    PEAKS_PER_SECOND,
    REACH,
    constellation,
)

BACKGROUND = 60.0
SHAPE = (128, 128)
FAR_APART = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=76, unique=True
)


def noise(seed=0, shape=SHAPE, low=80, high=200):
    return np.random.default_rng(seed).integers(low, high, shape).astype(np.float32)


# Integer pixel values, as in SoX's pictures; some pictures have many ties.
PICTURES = st.builds(
    noise,
    seed=st.integers(0, 9999),
    shape=st.tuples(st.integers(1, 60), st.integers(1, 40)),
    low=st.integers(4, 160),
    high=st.sampled_from([161, 165, 200, 254]),
)


def plant(places, picture=None):
    """Add one peak to each of these squares of 10 by 10, so that they are over ``REACH`` apart."""
    picture = np.full(SHAPE, BACKGROUND, np.float32) if picture is None else picture.copy()
    for number, (row, column) in enumerate(places):
        picture[row * 10 + 1, column * 10 + 1] = 150 + number
    return picture


def as_picture(amplitudes):
    return DARKEST + amplitudes * np.float32(BRIGHTEST - DARKEST)


@given(FAR_APART)
def test_planted_peaks_are_found_and_nothing_else(places):
    picture = plant(places)
    found = constellation(picture)
    assert np.array_equal(found > 0, picture > BACKGROUND)
    assert found[found > 0] == pytest.approx((picture[found > 0] - 4) / 250)


@given(PICTURES)
def test_peaks_are_the_loudest_of_their_neighbourhood(picture):
    found = constellation(picture)
    assert found.shape == picture.shape
    assert found.dtype == np.float32
    for frame, pixel in np.argwhere(found):
        around = (
            slice(max(0, frame - REACH), frame + REACH + 1),
            slice(max(0, pixel - REACH), pixel + REACH + 1),
        )
        assert picture[frame, pixel] == picture[around].max()
        assert np.count_nonzero(found[around]) == 1


@given(PICTURES)
def test_amplitudes_are_between_0_and_1_and_few(picture):
    found = constellation(picture)
    assert found.min() >= 0
    assert found.max() <= 1
    assert np.count_nonzero(found) <= PEAKS_PER_SECOND * len(picture) / FRAMES_PER_SECOND


@given(PICTURES)
def test_a_constellation_is_its_own(picture):
    once = constellation(picture)
    assert constellation(as_picture(once)) == pytest.approx(once, abs=1e-6)


@given(st.integers(0, 99), st.integers(-10, 50))
def test_louder_music_has_its_peaks_in_the_same_places(seed, levels):
    picture = noise(seed)
    assert np.array_equal(constellation(picture) > 0, constellation(picture + levels) > 0)


@given(st.integers(0, 99), st.integers(0, 30))
def test_later_music_has_its_peaks_later(seed, later):
    """Silence at the end is moved to the beginning, so the slice has as much silence as before."""
    picture = noise(seed)
    picture[-40:] = DARKEST
    moved = np.roll(picture, later, axis=0)
    assert np.array_equal(constellation(moved), np.roll(constellation(picture), later, axis=0))


@given(st.integers(0, 99))
def test_noise_below_the_peaks_does_not_matter(seed):
    places = [(row, column) for row in range(7) for column in range(7)]
    quiet = plant(places, noise(seed, low=60, high=75))
    assert np.array_equal(constellation(quiet), constellation(plant(places)))


def test_of_too_many_the_loudest_stay():
    places = [(row, column) for row in range(10) for column in range(10)]
    found = constellation(plant(places))
    assert np.count_nonzero(found) == 76  # 30 per second for 2.56 s
    assert found[found > 0].min() == pytest.approx((150 + 24 - 4) / 250)


@pytest.mark.parametrize("level", [4, 60, 254])
def test_nothing_stands_out_of_an_even_picture(level):
    assert not constellation(np.full(SHAPE, level, np.float32)).any()


def test_what_is_hardly_audible_is_no_peak():
    picture = np.full(SHAPE, DARKEST, np.float32)
    picture[50, 50] = 60  # -93 dB
    picture[90, 90] = 80
    assert np.argwhere(constellation(picture)).tolist() == [[90, 90]]
