"""Textures of a song's picture by zones: co-occurrences of grey levels, local binary patterns.

After Y. Costa, L. Oliveira, A. Koerich, F. Gouyon: *Music genre recognition using spectrograms*
(IWSSIP 2011), and Y. Costa, L. Oliveira, C. Silla: *An evaluation of convolutional neural networks
for music classification using spectrograms* (Applied Soft Computing 52, 2017).  The number of grey
levels of the co-occurrences and the sense of their directions are our choice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Float32, Float64, UInt8
from genre_model.core.errors import GenreModelError

if TYPE_CHECKING:
    from types import ModuleType


# Pixel values of SoX's pictures.
DARKEST, BRIGHTEST = 4, 254

N_ZONES = 10

LEVELS = 64

DISTANCE = 1

# Forward in time; forward in time and up in frequency; up; backward in time and up.
ANGLES = tuple(np.deg2rad([0, 45, 90, 135]))

NEIGHBOURS, RADIUS = 8, 2

# One code for each pattern with at most two changes around the circle, and one for all others.
N_PATTERNS = NEIGHBOURS * (NEIGHBOURS - 1) + 3

# A pixel of the thumbnail is the mean of a square with sides of this many pixels.
SHRINK = 2


def glcm(picture: Float32) -> Float32:
    """Descriptors of the co-occurrences of grey levels, in ten zones of frequency.

    Args:
        picture: (n_frames, n_bins) pixel values from 4 to 254, at least ten bins.

    Returns:
        (10, 28), zones from low to high; for each zone the seven :func:`descriptors` in four
        directions.

    Raises:
        GenreModelError: scikit-image is missing.
    """
    feature = skimage_feature()
    grey = (pixels(picture).astype(np.int32) - DARKEST) * LEVELS // (BRIGHTEST - DARKEST + 1)
    levels = np.clip(grey, 0, LEVELS - 1).astype(np.uint8)
    rows = []
    for zone in zones(levels):
        # Not symmetric: a note's attack differs from its decay, which the third moment measures.
        counts = feature.graycomatrix(
            zone.T, [DISTANCE], ANGLES, levels=LEVELS, symmetric=False, normed=True
        )
        rows.append(descriptors(np.moveaxis(counts[:, :, 0], -1, 0)))
    return np.stack(rows)


def descriptors(shares: Float64) -> Float32:
    """Descriptors of co-occurrences, after Haralick, Shanmugam & Dinstein (IEEE Trans. SMC, 1973).

    p(i, j) is the share of pairs of level i followed by level j.  The descriptors are the entropy
    -sum p log2 p (their f9), the correlation (f3; 0 if there is only one level), the homogeneity
    sum p / (1 + (i - j)^2) (f5), the third-order moment sum (i - j)^3 p, the maximum of p, the
    contrast sum (i - j)^2 p (f2) and the energy sum p^2 (f1).  Haralick, *Statistical and
    structural approaches to texture* (Proc. IEEE, 1979), has difference moments of any order.

    Args:
        shares: (n_angles, levels, levels) that sum to 1 for each angle, or are 0 without pairs.

    Returns:
        (7 * n_angles,), by descriptor, then by angle.
    """
    first = np.arange(shares.shape[-1], dtype=np.float64)[:, None]  # i
    second = first.T  # j
    difference = first - second

    def expect(values: Float64) -> Float64:
        mean: Float64 = (shares * values).sum(axis=(1, 2))
        return mean

    means = [expect(level)[:, None, None] for level in (first, second)]
    spread = np.sqrt(expect((first - means[0]) ** 2) * expect((second - means[1]) ** 2))
    together = expect((first - means[0]) * (second - means[1]))
    found = [
        -expect(np.log2(shares, out=np.zeros_like(shares), where=shares > 0)),
        np.divide(together, spread, out=np.zeros_like(spread), where=spread > 1e-12),
        expect(1 / (1 + difference**2)),
        expect(difference**3),
        shares.max(axis=(1, 2)),
        expect(difference**2),
        expect(shares),
    ]
    return np.concatenate(found).astype(np.float32)


def lbp(picture: Float32) -> Float32:
    """Histograms of uniform local binary patterns, in ten zones of frequency.

    Eight neighbours at a distance of two (Ojala, Pietikäinen & Mäenpää, PAMI 2002); of the 256
    patterns 58 are uniform, and the others share one bin.  Beyond the picture's edge, the pixels at
    the edge are repeated; at the border of a zone, pixels of the neighbouring zone are used.

    Args:
        picture: (n_frames, n_bins) pixel values from 4 to 254, at least ten bins.

    Returns:
        (10, 59), zones from low to high, each of which sums to 1.

    Raises:
        GenreModelError: scikit-image is missing.
    """
    feature = skimage_feature()
    framed = np.pad(pixels(picture), RADIUS, mode="edge")
    codes = feature.local_binary_pattern(framed, NEIGHBOURS, RADIUS, method="nri_uniform")
    inside = codes[RADIUS:-RADIUS, RADIUS:-RADIUS].astype(np.intp)
    counts = [np.bincount(zone.ravel(), minlength=N_PATTERNS) for zone in zones(inside)]
    return np.stack([count / count.sum() for count in counts]).astype(np.float32)


def picture_and_lbp(picture: Float32) -> Float32:
    """The :func:`thumbnail` followed by :func:`lbp` as one vector, for two classifiers at once.

    Raises:
        GenreModelError: scikit-image is missing.
    """
    return np.concatenate([thumbnail(picture).ravel(), lbp(picture).ravel()])


def thumbnail(picture: Float32) -> Float32:
    """(n_frames // 2, n_bins // 2): each value is the mean of two by two pixels."""
    n_frames, n_bins = (size // SHRINK for size in picture.shape)
    squares = picture[: n_frames * SHRINK, : n_bins * SHRINK]
    small: Float32 = squares.reshape(n_frames, SHRINK, n_bins, SHRINK).mean(axis=(1, 3))
    return small


def pixels(picture: Float32) -> UInt8:
    """The values as bytes: patterns must not depend on rounding errors."""
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def zones(values: NDArray[np.generic]) -> list[NDArray[np.generic]]:
    """Ten bands from low to high; their numbers of bins differ by one at most.

    Raises:
        ValueError: There are fewer than ten bins.
    """
    if values.shape[1] < N_ZONES:
        raise ValueError(f"{values.shape[1]} bins do not make {N_ZONES} zones")
    return np.array_split(values, N_ZONES, axis=1)


def skimage_feature() -> ModuleType:
    """The module ``skimage.feature``.

    Raises:
        GenreModelError: scikit-image is missing.
    """
    try:
        import skimage.feature
    except ImportError as error:
        raise GenreModelError(
            "textures of a picture need scikit-image: pip install 'beets-cnngenre[train]'"
        ) from error
    module: ModuleType = skimage.feature
    return module
