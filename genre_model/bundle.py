"""A model is a folder, a *bundle*: a JSON manifest, plain arrays, an ``.onnx`` network, a probe.

Nothing in it is code and nothing is unpickled.  Every file is named in the manifest with its
SHA-256, and the probe holds a slice with the answer that the bundle gave when it was made.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
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
from genre_model.specs import (
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
        content = read_file(self.directory / name, MAX_FILE_BYTES)
        if hashlib.sha256(content).hexdigest() != expected:
            raise BundleError(f"{self.directory}: {name} is damaged or was changed")
        return content

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """The arrays of one of the bundle's ``.npz`` files.

        Raises:
            BundleError: There are none, or they would need unpickling.
        """
        import io
        import zipfile

        try:
            with zipfile.ZipFile(io.BytesIO(self.read(name))) as archive:
                entries = {entry: archive.read(entry) for entry in archive.namelist()}
            return {
                entry.removesuffix(".npy"): real_numbers(
                    np.load(io.BytesIO(content), allow_pickle=False)
                )
                for entry, content in entries.items()
            }
        except (ValueError, OSError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
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
    content = read_file(directory / MANIFEST, MAX_MANIFEST_BYTES)
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{directory / MANIFEST}: {error}") from error
    if manifest.schema != SCHEMA:
        raise BundleError(
            f"{directory}: made for schema {manifest.schema}, this program reads {SCHEMA}"
        )
    complaint = find_fault(manifest)
    if complaint:
        raise BundleError(f"{directory / MANIFEST}: {complaint}")
    return Bundle(directory, manifest)


def find_fault(manifest: Manifest) -> str | None:
    """What is wrong with a manifest's values, if anything."""
    spectrogram, slices, genres = manifest.spectrogram, manifest.slices, manifest.genres
    selections = {*manifest.parents, *manifest.parents.values()}.union(*manifest.presets.values())
    faults = {
        "a file name is not plain": any(
            Path(name).name != name or not name.isprintable() for name in manifest.files
        ),
        "fewer than two genres": len(genres) < 2,
        "a genre is named twice or not at all": len(set(genres)) < len(genres) or "" in genres,
        "a genre holds a separator or control character": not all(map(is_plain, genres)),
        "parents or presets name unknown genres": not selections <= set(genres),
        "the genre tree has a loop": has_loop(manifest.parents),
        "impossible spectrogram settings": not is_possible(spectrogram),
        "impossible slice settings": not (
            1 <= slices.hop_frames <= slices.frames <= 100_000
            and 1 <= slices.max_slices <= 10_000
            and slices.min_seconds > 0
        ),
        "impossible sampling settings": manifest.sampling is not None
        and not (
            2 <= manifest.sampling.min_slices <= manifest.sampling.max_slices <= 10_000
            and 0 <= manifest.sampling.z < math.inf
        ),
        "impossible aggregation settings": not (
            manifest.aggregation.sharpness > 0 and 0 <= manifest.aggregation.threshold <= 1
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
        2 <= spec.n_fft <= 65_536
        and spec.n_fft % 2 == 0
        and 1 <= spec.hop <= spec.n_fft
        and 1 <= spec.n_mels <= 4_096
        and 0 <= spec.fmin_hz < spec.fmax_hz <= spec.sample_rate_hz / 2
        and spec.gain > 0
    )


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
    return name.isprintable() and "; " not in name and name == name.strip()


def has_loop(parents: Mapping[str, str]) -> bool:
    """Whether following parents ever comes back."""
    for start in parents:
        node: str | None = start
        for _ in range(len(parents) + 1):
            node = parents.get(node) if node is not None else None
        if node is not None:
            return True
    return False


def read_file(path: Path, max_bytes: int) -> bytes:
    """The bytes of a file of a bundle.

    Raises:
        BundleError: It is missing, unreadable or absurdly large.
    """
    try:
        if path.stat().st_size > max_bytes:
            raise BundleError(f"{path} is larger than {max_bytes} bytes")
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}") from error


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
    import io

    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
