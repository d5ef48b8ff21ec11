"""Textures of a picture follow their definitions, zone by zone."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from genre_model.core.errors import GenreModelError
from genre_model.features import textures as texture
from genre_model.features.textures import N_ZONES, glcm, lbp, picture_and_lbp, thumbnail

feature = pytest.importorskip("skimage.feature")

N_DESCRIPTORS, N_ANGLES = 7, 4
ENTROPY, CORRELATION, HOMOGENEITY, THIRD_MOMENT, MAXIMUM, CONTRAST, ENERGY = range(N_DESCRIPTORS)
FORWARD, RISING, UP, FALLING = range(N_ANGLES)

PICTURES = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(N_ZONES, 32)),
    elements=st.integers(0, 255).map(float),
)


def noise(n_frames=60, n_bins=40, seed=0):
    values = np.random.default_rng(seed).integers(4, 255, (n_frames, n_bins))
    return values.astype(np.float32)


def described(picture):
    """The GLCM descriptors of a picture, (zones, descriptors, angles)."""
    return glcm(picture).reshape(N_ZONES, N_DESCRIPTORS, N_ANGLES)


def bins_of_zones(n_bins):
    return np.array_split(np.arange(n_bins), N_ZONES)


@given(PICTURES)
@settings(max_examples=30)
def test_every_picture_has_a_texture(picture):
    levels, patterns = glcm(picture), lbp(picture)
    assert (levels.shape, levels.dtype) == ((10, 28), np.float32)
    assert (patterns.shape, patterns.dtype) == ((10, 59), np.float32)
    assert np.isfinite(levels).all()
    assert (patterns >= 0).all()
    np.testing.assert_allclose(patterns.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("grey", [0, 4, 100, 254])
def test_a_constant_picture_has_one_pair_and_one_pattern(grey):
    picture = np.full((30, 128), grey, np.float32)
    expected = np.zeros((N_DESCRIPTORS, N_ANGLES))
    expected[[HOMOGENEITY, MAXIMUM, ENERGY]] = 1
    np.testing.assert_array_equal(described(picture), np.tile(expected, (N_ZONES, 1, 1)))
    np.testing.assert_array_equal(np.sort(lbp(picture), axis=1)[:, -2:], [[0, 1]] * N_ZONES)


def test_descriptors_are_their_formulas_on_pairs_counted_one_by_one():
    picture = noise(9, 30)
    levels = ((picture - 4) * 64 // 251).astype(int)
    steps = {FORWARD: (1, 0), RISING: (1, 1), UP: (0, 1), FALLING: (-1, 1)}
    for zone, bins in enumerate(bins_of_zones(30)):
        for angle, (later, higher) in steps.items():
            pairs = [
                (levels[frame, b], levels[frame + later, b + higher])
                for frame in range(9)
                for b in bins
                if 0 <= frame + later < 9 and b + higher in bins
            ]
            shares = np.zeros((64, 64))
            for pair in pairs:
                shares[pair] += 1 / len(pairs)
            first, second = np.array(pairs).T
            some = shares[shares > 0]
            expected = [
                -(some * np.log2(some)).sum(),
                np.corrcoef(first, second)[0, 1],
                (1 / (1 + (first - second) ** 2)).mean(),
                ((first - second) ** 3.0).mean(),
                some.max(),
                ((first - second) ** 2).mean(),
                (some**2).sum(),
            ]
            np.testing.assert_allclose(described(picture)[zone, :, angle], expected, rtol=1e-5)


def test_descriptors_that_scikit_image_has_too_are_the_same():
    picture = noise(50, 20)
    levels = ((picture - 4) * 64 // 251).astype(np.uint8)
    for zone, bins in enumerate(bins_of_zones(20)):
        counts = feature.graycomatrix(levels[:, bins].T, [1], texture.ANGLES, 64, normed=True)
        names = {CORRELATION: "correlation", HOMOGENEITY: "homogeneity", CONTRAST: "contrast"}
        for row, name in {**names, ENERGY: "ASM"}.items():
            theirs = feature.graycoprops(counts, name)[0]
            np.testing.assert_allclose(described(picture)[zone, row], theirs, rtol=1e-4, atol=1e-6)


def test_a_pulse_changes_in_time_and_not_in_frequency():
    picture = np.full((40, 20), 4, np.float32)
    picture[::2] = 254
    contrast = described(picture)[:, CONTRAST]
    np.testing.assert_allclose(contrast, np.tile([63**2, 63**2, 0, 63**2], (N_ZONES, 1)))


def test_a_glide_upwards_is_no_glide_downwards():
    frames, bins = np.indices((60, 40))
    up = (4 + 50 * ((frames - bins) % 6)).astype(np.float32)
    rises, falls = described(up), described(up[::-1])
    assert (rises[:, CONTRAST, RISING] == 0).all()
    assert (rises[:, CONTRAST, FALLING] > 100).all()
    np.testing.assert_allclose(falls[:, CONTRAST, FALLING], 0)


def test_backwards_an_attack_is_a_decay():
    """Only the third moment depends on the direction of time."""
    sawtooth = 254 - 50 * (np.arange(60) % 5)
    picture = np.tile(sawtooth[:, None], (1, 20)).astype(np.float32)
    ahead, back = described(picture)[:, :, FORWARD], described(picture[::-1])[:, :, FORWARD]
    assert (np.abs(ahead[:, THIRD_MOMENT]) > 1_000).all()
    np.testing.assert_allclose(back[:, THIRD_MOMENT], -ahead[:, THIRD_MOMENT], rtol=1e-6)
    np.testing.assert_allclose(back[:, CONTRAST], ahead[:, CONTRAST], rtol=1e-6)


@pytest.mark.parametrize("transform", [glcm, lbp])
def test_zones_go_from_low_to_high_and_mind_their_own_bins(transform):
    picture = noise(60, 128)
    changed = picture.copy()
    low = bins_of_zones(128)[0][:-2]  # a pattern reaches two bins into the next zone
    changed[:, low] = noise(60, len(low), seed=1)
    same = (transform(picture) == transform(changed)).all(axis=1)
    assert same.tolist() == [False] + [True] * 9


@given(st.integers(1, 100))
@settings(max_examples=10)
def test_patterns_do_not_depend_on_loudness(louder):
    quiet = np.minimum(noise(), 150)
    np.testing.assert_array_equal(lbp(quiet), lbp(quiet + louder))


def test_patterns_are_the_signs_of_eight_neighbours_two_pixels_away():
    """A dark pixel is a neighbour of other pixels in each of the eight directions."""
    picture = np.full((11, 110), 100, np.float32)
    picture[5, 60] = 50  # in the middle of zone 5
    counts = np.round(lbp(picture)[5] * 11 * 11)
    # Diagonal neighbours lie between four pixels, any of which can be the dark one.
    assert sorted(counts[counts > 0]) == [1, 1, 1, 1, 4, 4, 4, 4, 121 - 20]
    assert (np.delete(lbp(picture), 5, axis=0)[:, counts.argmax()] == 1).all()


def test_a_thumbnail_is_the_mean_of_two_by_two_pixels():
    picture = np.arange(7 * 12, dtype=np.float32).reshape(7, 12)
    small = thumbnail(picture)
    assert small.shape == (3, 6)
    assert small[1, 2] == picture[2:4, 4:6].mean()


def test_picture_and_patterns_come_as_one_vector():
    picture = noise(1500, 128)
    vector = picture_and_lbp(picture)
    assert (vector.shape, vector.dtype) == ((750 * 64 + 590,), np.float32)
    np.testing.assert_array_equal(vector[:-590].reshape(750, 64), thumbnail(picture))
    np.testing.assert_array_equal(vector[-590:].reshape(10, 59), lbp(picture))


@pytest.mark.parametrize("transform", [glcm, lbp])
def test_fewer_bins_than_zones_are_refused(transform):
    with pytest.raises(ValueError, match="9 bins do not make 10 zones"):
        transform(noise(20, 9))


@pytest.mark.parametrize("transform", [glcm, lbp, picture_and_lbp])
def test_missing_scikit_image_is_a_sentence(transform, monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.feature", None)
    monkeypatch.delattr("skimage.feature", raising=False)
    with pytest.raises(GenreModelError) as caught:
        transform(noise())
    sentence = "textures of a picture need scikit-image: pip install 'beets-cnngenre[train]'"
    assert str(caught.value) == sentence
