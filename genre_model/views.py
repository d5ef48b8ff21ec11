"""What is made of a slice before the network gets it, by the name in ``SliceSpec.view``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genre_model.specs import View

Float32 = NDArray[np.float32]


def view_of(name: View) -> Callable[[Float32], NDArray[Any]]:
    """The function from a slice (frames, n_bins) to an array whose shape depends on the slice's.

    Raises (the returned function):
        GenreModelError: A library that it needs is not installed.
    """
    if name == "constellation":
        from genre_model.constellation import constellation

        return constellation
    if name == "spectrogram":
        return as_it_is
    from genre_model import texture

    views = {
        "glcm": texture.glcm,
        "lbp": texture.lbp,
        "picture_and_lbp": texture.picture_and_lbp,
    }
    return views[name]


def as_it_is(frames: Float32) -> Float32:
    """The slice itself."""
    return frames
