"""Arrays as the bytes of an ``.npz`` file, which may come from a stranger when it is read."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_ARRAY_BYTES = 2**28  # out-of-fold answers: 100,000 tracks of 1,300 genres

MAX_ARRAYS = 64

UNREADABLE = (
    *(ValueError, OSError, EOFError, NotImplementedError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)


def npz(**arrays: NDArray[Any]) -> bytes:
    """Arrays as the bytes of an ``.npz`` file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpacked(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    """The names and contents of an archive's files, if they are within the limits.

    Raises:
        ValueError: The files are too large or too many, or one is not packed as NumPy does it.
    """
    entries = archive.infolist()
    if len(entries) > MAX_ARRAYS or sum(entry.file_size for entry in entries) > MAX_ARRAY_BYTES:
        raise ValueError("too large")
    for entry in entries:
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("packed otherwise than NumPy does")
        yield entry.filename, archive.read(entry)  # reads no more than `file_size`


def array_in(content: bytes) -> NDArray[Any]:
    """The array in the content of an ``.npy`` file, if it holds real numbers and is whole.

    Raises:
        ValueError: The content is not a plain array, is not whole, or holds something other than
            real numbers.
    """
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):  # other versions are for longer headers
        raise ValueError("not as NumPy writes plain arrays")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    n_bytes = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or n_bytes != len(content) - stream.tell():
        raise ValueError("not as many numbers as it claims")
    return real_numbers(np.load(io.BytesIO(content), allow_pickle=False))


def real_numbers(array: NDArray[Any]) -> NDArray[Any]:
    """The array, if it holds real numbers.

    Raises:
        ValueError: The array holds something other than real numbers.
    """
    if array.dtype.kind not in "fiu":
        raise ValueError(f"an array of {array.dtype}")
    return array


def arrays_in(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an ``.npz`` file.

    Raises:
        ValueError: The file has no arrays, they would need unpickling, or they are too large.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name.removesuffix(".npy"): array_in(found) for name, found in unpacked(archive)}
    except UNREADABLE as error:
        raise ValueError("holds no plain arrays") from error
