"""A model is a folder, a *bundle*: a JSON manifest, plain arrays, an ``.onnx`` network, a probe.

Nothing in it is code and nothing is unpickled.  Every file is named in the manifest with its
SHA-256, and the probe holds a slice with the answer that the bundle gave when it was made.  A
bundle may come from a stranger: everything in it is checked against the bounds in :mod:`audit`
before it is used, and nothing outside its folder is read.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from numpy.typing import NDArray

from genre_model.core.errors import BundleError
from genre_model.core.text import harmless
from genre_model.model.bundle.arrays import arrays_in
from genre_model.model.bundle.audit import find_fault, find_head_fault, find_music_fault
from genre_model.model.bundle.manifest import SCHEMA, Manifest, Origin
from genre_model.model.head import AnyHead, head_of
from genre_model.model.music_detector import MusicDetector, detector_of

MANIFEST = "manifest.json"

HEAD = "head.npz"

PROBE = "probe.npz"

# A training's reports on its tracks.  They can be left out of a model that is shared.
REPORT_JSON, REPORT_HTML, OUT_OF_FOLD = "report.json", "report.html", "out_of_fold.npz"

SHIPPED = Path(__file__).parents[2] / "shipped"

# A bundle is written to a hidden folder whose name ends like this.  If a killed process left one
# behind, the next write removes it once it is too old (``ABANDONED_S``) to be still in use.
UNFINISHED = ".unfinished"

ABANDONED_S = 24 * 60 * 60.0

MAX_MANIFEST_BYTES = 4 * 2**20

MAX_FILE_BYTES = 2**30

MAX_COMPLAINT = 150


@dataclass(frozen=True, slots=True)
class Bundle:
    """A folder whose manifest has been read; its files are checked when they are read."""

    directory: Path
    manifest: Manifest

    @property
    def files(self) -> list[str]:
        """The files that the manifest names, without optional ones that are missing."""
        left_out = {REPORT_JSON, REPORT_HTML, OUT_OF_FOLD}
        return [
            name
            for name in self.manifest.files
            if name not in left_out or (self.directory / name).exists()
        ]

    def check_files(self) -> None:
        """Make sure that the files are there and have the hashes that the manifest states.

        Raises:
            BundleError: A file is missing, or was changed.
        """
        for name in self.files:
            self.read(name)

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
            BundleError: The file has no arrays, they would need unpickling, or they are too large.
        """
        try:
            return arrays_in(self.read(name))
        except ValueError as error:
            raise BundleError(f"{self.directory}: {name} {error}") from error

    def head(self) -> AnyHead | None:
        """The head, or None if the network itself outputs genre logits.

        Raises:
            BundleError: The head is damaged, or does not fit the manifest's genres.
        """
        if HEAD not in self.manifest.files:
            return None
        arrays = self.arrays(HEAD)
        fault = find_head_fault(arrays, len(self.manifest.genres))
        if fault:
            raise BundleError(f"{self.directory}: {HEAD} {fault}")
        return head_of(arrays)

    def music_detector(self) -> MusicDetector | None:
        """The music detector in the head's file, or None.

        Raises:
            BundleError: The head's file is damaged, or the detector does not fit the head.
        """
        if HEAD not in self.manifest.files:
            return None
        arrays = self.arrays(HEAD)
        fault = find_music_fault(arrays)
        if fault:
            raise BundleError(f"{self.directory}: {HEAD} {fault}")
        return detector_of(arrays)


def load_bundle(directory: Path) -> Bundle:
    """Read a bundle's manifest; its other files are read, and checked, when they are used.

    Raises:
        BundleError: There is no bundle, or its manifest is broken or from a newer version.
    """
    content = read_file(directory, MANIFEST, MAX_MANIFEST_BYTES)
    check_schema(directory, content)
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        quoting = harmless(str(error))[:MAX_COMPLAINT]  # it may quote the manifest
        raise BundleError(f"{directory / MANIFEST}: {quoting}") from error
    complaint = find_fault(manifest)
    if complaint:
        raise BundleError(f"{directory / MANIFEST}: {complaint}")
    return Bundle(directory, manifest)


def check_schema(directory: Path, content: bytes) -> None:
    """Make sure that a manifest has the current schema, before all of it is decoded.

    Raises:
        BundleError: The manifest has another schema.
    """
    try:
        origin = msgspec.json.decode(content, type=Origin)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return  # not a manifest of any schema: decoding it will say why
    if origin.schema > SCHEMA:
        raise BundleError(
            f"{directory} was made by a newer version of this program: update it, or name another "
            "model"
        )
    if origin.schema < SCHEMA:
        raise BundleError(
            f"{directory} was made by an older version, whose models are no longer read: train anew"
        )


def read_file(directory: Path, name: str, max_bytes: int) -> bytes:
    """The bytes of a file of a bundle.

    Raises:
        BundleError: The file is missing, unreadable, too large, not regular, or outside the bundle.
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
    except (RuntimeError, ValueError) as error:  # a loop of links; a null byte
        raise BundleError(f"cannot read {path}") from error


def write_bundle(directory: Path, manifest: Manifest, contents: Mapping[str, bytes]) -> Bundle:
    """Write a bundle to a temporary folder and rename that when it is complete.

    Old temporary folders of runs that were killed are removed.

    Args:
        directory: The bundle's folder; it must not exist.
        manifest: The manifest without the hashes, which are filled in.
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
        with suppress(OSError):  # another process has removed it
            age_s = time.time() - path.lstat().st_mtime
            if age_s > ABANDONED_S and path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)


def write_file(path: Path, content: bytes) -> None:
    """Write a file and flush it to the disk, so that the rename never precedes the content."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
