"""A model is a folder, a *bundle*: a JSON manifest, plain arrays, an ``.onnx`` network, a probe.

Nothing in it is code and nothing is unpickled.  Every file is named in the manifest with its
SHA-256, and the probe holds a slice with the answer that the bundle gave when it was made.  A
bundle may come from a stranger: whatever it states is held against the bounds below before it is
believed, and nothing outside its folder is read.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import re
import shutil
import stat
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from genre_model.errors import BundleError
from genre_model.head import Head
from genre_model.listening import ListeningSpec
from genre_model.plain_text import harmless
from genre_model.specs import (
    UNREACHED_THRESHOLD,
    AggregationSpec,
    ContextSpec,
    FrontEndSpec,
    NetworkSpec,
    NotesSpec,
    SamplingSpec,
    SliceSpec,
    SoxSpec,
)

SCHEMA = 1
MANIFEST = "manifest.json"
HEAD = "head.npz"
PROBE = "probe.npz"
SHIPPED = Path(__file__).parent / "shipped"

# A bundle that is being written is a hidden folder of this name.  One that sudden death left behind
# is removed by the next that is written, but not before it is certain that nobody is at it.
UNFINISHED = ".unfinished"
ABANDONED_S = 24 * 60 * 60.0

MAX_MANIFEST_BYTES = 4 * 2**20
MAX_FILE_BYTES = 2**30
MAX_ARRAY_BYTES = 2**26
MAX_ARRAYS = 64
MAX_GENRES = 2_000
MAX_NAME = 1_000  # letters
MAX_COMPLAINT = 150
MAX_NUMBER = 1e6  # of what is fitted: sharpness and the like
MAX_GAIN = 1e12
# What a slice takes in memory: its samples, its frames' samples, the values that it comes to, and
# those of all slices of a song.
MAX_SAMPLES, MAX_FRAME_SAMPLES = 2**26, 2**25
MAX_VALUES, MAX_SONG_VALUES = 2**24, 2**28

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# Names that mean devices on Windows, whatever comes after a full stop.
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the bundle is.  ``genres`` are in the order of the logits."""

    bundle_id: str
    genres: tuple[str, ...]
    spectrogram: FrontEndSpec
    slices: SliceSpec
    network: NetworkSpec
    aggregation: AggregationSpec
    context: ContextSpec | None = None
    listening: ListeningSpec | None = None
    sampling: SamplingSpec | None = None
    target: str = "genres"
    schema: int = SCHEMA
    parents: dict[str, str] = field(default_factory=dict)
    presets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    description: str = ""
    licence: str = ""
    created_utc: str = ""
    package_version: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def threshold(self) -> float:
        """The confidence from which an answer is given."""
        return (self.listening or self.context or self.aggregation).threshold

    @property
    def answers(self) -> bool:
        """Whether there is a confidence from which on its answers are good enough."""
        return self.threshold != UNREACHED_THRESHOLD


@dataclass(frozen=True, slots=True)
class Origin:
    """What manifests of all schemas have."""

    schema: int = SCHEMA


@dataclass(frozen=True, slots=True)
class Bundle:
    """A folder whose manifest has been read and whose files have the hashes that it states."""

    directory: Path
    manifest: Manifest

    def read(self, name: str) -> bytes:
        """The bytes of one of the bundle's files, checked against their hash.

        Raises:
            BundleError: The manifest does not name the file, or it was changed.
        """
        expected = self.manifest.files.get(name)
        if expected is None:
            raise BundleError(f"{self.directory}: the manifest does not name {name}")
        content = read_file(self.directory, name, MAX_FILE_BYTES)
        if hashlib.sha256(content).hexdigest() != expected:
            raise BundleError(f"{self.directory}: {name} is damaged or was changed")
        return content

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """The arrays of one of the bundle's ``.npz`` files.

        Raises:
            BundleError: There are none, they would need unpickling, or they are too large.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(self.read(name))) as archive:
                return {
                    entry.removesuffix(".npy"): array_in(content)
                    for entry, content in unpacked(archive)
                }
        except UNREADABLE as error:
            raise BundleError(f"{self.directory}: {name} holds no plain arrays") from error

    def head(self) -> Head | None:
        """The head, or None where the network answers with genre logits itself."""
        if HEAD not in self.manifest.files:
            return None
        arrays = self.arrays(HEAD)
        weights, bias = arrays.get("weights"), arrays.get("bias")
        n_genres = len(self.manifest.genres)
        if weights is None or bias is None or weights.ndim != 2 or bias.shape != (n_genres,):
            raise BundleError(f"{self.directory}: {HEAD} does not fit {n_genres} genres")
        if weights.shape[1] != n_genres or not (
            np.isfinite(weights).all() and np.isfinite(bias).all()
        ):
            raise BundleError(f"{self.directory}: {HEAD} does not fit {n_genres} genres")
        return Head(weights.astype(np.float32), bias.astype(np.float32))


def read_bundle(directory: Path) -> Bundle:
    """Read a bundle's manifest; its other files are read, and checked, when they are used.

    Raises:
        BundleError: There is no bundle, or its manifest is broken or from a newer version.
    """
    content = read_file(directory, MANIFEST, MAX_MANIFEST_BYTES)
    check_schema(directory, content)
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        quoting = harmless(str(error))[:MAX_COMPLAINT]  # it quotes what it complains of
        raise BundleError(f"{directory / MANIFEST}: {quoting}") from error
    complaint = find_fault(manifest)
    if complaint:
        raise BundleError(f"{directory / MANIFEST}: {complaint}")
    return Bundle(directory, manifest)


def check_schema(directory: Path, content: bytes) -> None:
    """Make sure that a manifest is of the schema that is read here, before all of it is.

    Raises:
        BundleError: It is of another one.
    """
    try:
        origin = msgspec.json.decode(content, type=Origin)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return  # it is no manifest of any schema, and reading it says why
    if origin.schema > SCHEMA:
        raise BundleError(
            f"{directory} was made by a newer version of this program: update it, or name another "
            "model"
        )
    if origin.schema < SCHEMA:
        raise BundleError(
            f"{directory} was made by an older version, whose models are no longer read: train anew"
        )


def find_fault(manifest: Manifest) -> str | None:
    """What is wrong with a manifest's values, if anything."""
    spectrogram, slices, genres = manifest.spectrogram, manifest.slices, manifest.genres
    aggregation, context = manifest.aggregation, manifest.context
    if len(genres) > MAX_GENRES:
        return f"more than {MAX_GENRES} genres"
    selections = {*manifest.parents, *manifest.parents.values()}.union(*manifest.presets.values())
    faults = {
        "a file name is not plain": not all(map(is_file_name, manifest.files)),
        "fewer than two genres": len(genres) < 2,
        "a genre is named twice or not at all": len(set(genres)) < len(genres) or "" in genres,
        "a genre holds a separator or control character": not all(map(is_plain, genres)),
        "its own name is not plain": not manifest.bundle_id or not is_plain(manifest.bundle_id),
        "the name of a selection is not plain": not all(map(is_plain, manifest.presets)),
        "a name in the network is not plain": not all(map(is_plain, names_in(manifest.network))),
        "its target is no name of a field": not (
            manifest.target.isidentifier() and len(manifest.target) <= MAX_NAME
        ),
        "parents or presets name unknown genres": not selections <= set(genres),
        "the genre tree has a loop": has_loop(manifest.parents),
        "impossible spectrogram settings": not is_possible(spectrogram),
        "impossible slice settings": not (
            1 <= slices.hop_frames <= slices.frames <= 100_000
            and 1 <= slices.max_slices <= 10_000
            and 0 < slices.min_seconds <= 24 * 3600
        ),
        "slices too large for memory": is_possible(spectrogram) and too_large(spectrogram, slices),
        "impossible sampling settings": manifest.sampling is not None
        and not (
            2 <= manifest.sampling.min_slices <= manifest.sampling.max_slices <= 10_000
            and 0 <= manifest.sampling.z <= MAX_NUMBER
        ),
        "impossible aggregation settings": not (
            0 < aggregation.sharpness <= MAX_NUMBER
            and abs(aggregation.background or 0) <= MAX_NUMBER
            and 0 <= aggregation.threshold <= 1
        ),
        "impossible context settings": context is not None
        and not (
            0 <= context.weight <= MAX_NUMBER
            and 0 < context.sharpness <= MAX_NUMBER
            and 0 <= context.threshold <= 1
        ),
        "impossible listening settings": manifest.listening is not None
        and manifest.listening.fault(len(genres)),
    }
    return next((fault for fault, found in faults.items() if found), None)


def is_possible(spec: FrontEndSpec) -> bool:
    """Whether a front end can work with its settings."""
    if isinstance(spec, NotesSpec):
        return 1 <= spec.n_features <= 4_096
    if not 1_000 <= spec.sample_rate_hz <= 192_000:
        return False
    if isinstance(spec, SoxSpec):
        return 1 <= spec.pixels_per_s <= 200
    return (
        2 <= spec.n_fft <= 16_384
        and spec.n_fft % 2 == 0
        and 1 <= spec.hop <= spec.n_fft
        and 1 <= spec.n_mels <= 1_024
        and 0 <= spec.fmin_hz < spec.fmax_hz <= spec.sample_rate_hz / 2
        and 0 < spec.gain <= MAX_GAIN
    )


def too_large(spec: FrontEndSpec, slices: SliceSpec) -> bool:
    """Whether slices take more memory than a network of music needs."""
    n_values = slices.frames * spec.n_bins
    if n_values > MAX_VALUES or n_values * slices.max_slices > MAX_SONG_VALUES:
        return True
    return not isinstance(spec, NotesSpec) and (
        slices.frames * spec.hop > MAX_SAMPLES
        or slices.frames * spec.frame_length > MAX_FRAME_SAMPLES
    )


UNREADABLE = (
    *(ValueError, OSError, EOFError, NotImplementedError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)


def unpacked(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    """The names and contents of an archive's files, if together they are no larger than they may.

    Raises:
        ValueError: They are, or there are too many.
    """
    entries = archive.infolist()
    if len(entries) > MAX_ARRAYS or sum(entry.file_size for entry in entries) > MAX_ARRAY_BYTES:
        raise ValueError("too large")
    for entry in entries:
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("packed otherwise than NumPy does")
        yield entry.filename, archive.read(entry)  # no more than `file_size`


def array_in(content: bytes) -> NDArray[Any]:
    """The array in the content of an ``.npy`` file, if it holds real numbers and is whole.

    Raises:
        ValueError: It holds text, dates, objects or complex numbers, or less than it claims.
    """
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):  # the others are for longer headers
        raise ValueError("not as NumPy writes plain arrays")
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    n_bytes = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or n_bytes != len(content) - stream.tell():
        raise ValueError("not as many numbers as it claims")
    return real_numbers(np.load(io.BytesIO(content), allow_pickle=False))


def real_numbers(array: NDArray[Any]) -> NDArray[Any]:
    """The array, if it holds real numbers.

    Raises:
        ValueError: It holds text, dates, objects or complex numbers.
    """
    if array.dtype.kind not in "fiu":
        raise ValueError(f"an array of {array.dtype}")
    return array


def is_plain(name: str) -> bool:
    """Whether a genre name survives beets' list separator and a terminal."""
    return (
        name.isprintable() and "; " not in name and name == name.strip() and len(name) <= MAX_NAME
    )


def names_in(network: NetworkSpec) -> tuple[str, ...]:
    """Whatever a network's description names."""
    names = (network.file, network.input, network.features, network.tags or "")
    return (*names, *network.tag_names)


def is_file_name(name: str) -> bool:
    """Whether a name is that of a file in the folder itself, on any system."""
    return FILE_NAME.fullmatch(name) is not None and DEVICE.fullmatch(name) is None


def has_loop(parents: Mapping[str, str]) -> bool:
    """Whether following parents ever comes back."""
    sound: set[str] = set()
    for start in parents:
        line: set[str] = set()
        node = start
        while node in parents and node not in sound:
            if node in line:
                return True
            line.add(node)
            node = parents[node]
        sound |= line
    return False


def read_file(directory: Path, name: str, max_bytes: int) -> bytes:
    """The bytes of a file of a bundle.

    Raises:
        BundleError: It is missing, unreadable, absurdly large, no file, or a link to elsewhere.
    """
    path = directory / name
    try:
        if path.resolve().parent != directory.resolve():
            raise BundleError(f"{path} is a link out of the bundle")
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BundleError(f"{path} is not a file")
        if status.st_size > max_bytes:
            raise BundleError(f"{path} is larger than {max_bytes} bytes")
        with path.open("rb") as file:
            return file.read(max_bytes)
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}") from error
    except (RuntimeError, ValueError) as error:  # links in a circle; a null
        raise BundleError(f"cannot read {path}") from error


def write_bundle(directory: Path, manifest: Manifest, contents: Mapping[str, bytes]) -> Bundle:
    """Write a bundle to a temporary folder and rename it when whole.

    What runs that were killed left behind long ago is removed.

    Args:
        directory: Where it will be; it must not exist.
        manifest: Everything but the hashes, which are filled in.
        contents: File name -> bytes.

    Raises:
        BundleError: The folder exists or cannot be written, or the manifest is faulty.
    """
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    manifest = replace(manifest, files=hashes)
    complaint = find_fault(manifest)
    if complaint:
        raise BundleError(f"{directory}: {complaint}")
    if directory.exists():
        raise BundleError(f"{directory} exists already")
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(directory.parent)
        whole = Path(
            tempfile.mkdtemp(UNFINISHED, prefix=f".{directory.name}-", dir=directory.parent)
        )
        try:
            for name, content in {**contents, MANIFEST: text + b"\n"}.items():
                write_file(whole / name, content)
            whole.chmod(0o755)
            whole.rename(directory)
        except BaseException:
            shutil.rmtree(whole, ignore_errors=True)
            raise
    except OSError as error:
        raise BundleError(f"cannot write {directory}: {error.strerror}") from error
    return Bundle(directory, manifest)


def remove_abandoned(folder: Path) -> None:
    """Remove the unfinished bundles that nobody has written to for a day."""
    for path in folder.glob(f".*{UNFINISHED}"):
        with suppress(OSError):  # another process was faster
            age_s = time.time() - path.lstat().st_mtime
            if age_s > ABANDONED_S and path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)


def write_file(path: Path, content: bytes) -> None:
    """Write and flush to the disk, so that the rename never precedes the content."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def npz(**arrays: NDArray[Any]) -> bytes:
    """Arrays as the bytes of an ``.npz`` file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
