"""Read and write PNG files: SoX's pictures, and the slices of them that the paper trains on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np

from genre_model.core.arrays import Float32, UInt8
from genre_model.core.errors import GenreModelError, reason
from genre_model.core.files import is_folder
from genre_model.features.sox import FIRST_LEVEL

SLICE_PIXELS = 128

SUFFIX = ".png"

SIGNATURE = b"\x89PNG\r\n\x1a\n"

# SoX's palette: the colours of background, text, labels and grid, then 251 levels of grey.
GREYS = np.floor(255 * np.arange(251) / 250 + 0.5).astype(np.uint8)

PALETTE = np.concatenate([np.array([0, 255, 191, 127], np.uint8), GREYS]).repeat(3).tobytes()

# Pillow's modes for grey pictures with at most one byte per channel, however they were packed.
GREY_MODES = ("1", "L", "P", "RGB")


def save_picture(picture: UInt8, file: Path) -> None:
    """Write palette indices (height, width) as SoX does.

    Raises:
        GenreModelError: Pillow is missing, or the file cannot be written.
    """
    image = pillow().frombytes("P", picture.shape[::-1], picture.tobytes())
    image.putpalette(PALETTE)
    try:
        image.save(file, format="PNG")
    except OSError as error:
        raise GenreModelError(f"cannot write {file}: {reason(error)}") from error


def cut_slices(picture: UInt8) -> Iterator[UInt8]:
    """The slices of a whole picture (129, width), (128, 128) each, as Despois cuts them.

    The highest frequency is left out, and so is the incomplete slice at the end.
    """
    for left in range(0, picture.shape[1] - SLICE_PIXELS + 1, SLICE_PIXELS):
        yield picture[1 : 1 + SLICE_PIXELS, left : left + SLICE_PIXELS]


def save_slices(picture: UInt8, folder: Path) -> int:
    """Write the slices of a song's picture into its folder, and delete slices already there.

    Returns:
        Their number.

    Raises:
        GenreModelError: Pillow is missing, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in slice_files(folder):
            old.unlink()
    except OSError as error:
        raise GenreModelError(f"cannot write to {folder}: {reason(error)}") from error
    pieces = list(cut_slices(picture))
    for number, piece in enumerate(pieces):
        save_picture(piece, folder / f"{number:04d}{SUFFIX}")
    return len(pieces)


def slice_files(folder: Path) -> list[Path]:
    """The files that :func:`save_slices` has written into a folder."""
    found = folder.glob(f"*{SUFFIX}") if is_folder(folder) else ()
    return [path for path in found if path.stem.isdecimal()]


def read_frames(file: Path) -> Float32 | str:
    """A slice's pixel values 4..254, (128 frames, 128 bins), lowest bin first; or what is wrong.

    Pixels are read by their grey value, as tools that shrink PNG files renumber the palette.

    Raises:
        GenreModelError: Pillow is missing.
    """
    image_module = pillow()
    try:
        size = png_size(file)
        if size is None:
            return "not a PNG file"
        if size != (SLICE_PIXELS, SLICE_PIXELS):
            return f"{size[0]} x {size[1]} pixels, not {SLICE_PIXELS} x {SLICE_PIXELS}"
        with image_module.open(file, formats=["PNG"]) as image:
            if image.mode not in GREY_MODES:
                return f"not a grey picture (mode {image.mode})"
            red, green, blue = np.moveaxis(np.asarray(image.convert("RGB")), -1, 0)
    except image_module.UnidentifiedImageError:
        return "a broken PNG file"
    except (OSError, SyntaxError, ValueError) as error:
        return f"not readable as PNG ({reason(error)})"
    if not (np.array_equal(red, green) and np.array_equal(green, blue)):
        return "a colour picture (SoX makes grey ones with -m)"
    if not np.isin(red, GREYS).all():
        return "has greys that SoX's pictures do not have"
    frames: Float32 = (FIRST_LEVEL + np.searchsorted(GREYS, red))[::-1].T.astype(np.float32)
    return frames


def png_size(file: Path) -> tuple[int, int] | None:
    """Width and height from the first bytes of a PNG file; None if it is not a PNG file.

    Pillow would warn of a huge picture, or refuse it.

    Raises:
        OSError: The file cannot be read.
    """
    with file.open("rb") as content:
        header = content.read(24)
    if len(header) < 24 or not header.startswith(SIGNATURE):
        return None
    return int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:], "big")


def pillow() -> ModuleType:
    """The module ``PIL.Image``.

    Raises:
        GenreModelError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise GenreModelError("pictures need Pillow: pip install pillow") from error
    return Image
