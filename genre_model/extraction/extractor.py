"""Extract the features of files, by a specification that can be sent to another process.

An :class:`ExtractionSpec` names the model, how much of a file is decoded, and the cache.  Each
process in which it is called loads the model once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import msgspec

from genre_model.core.deadline import TIME_LIMIT_S, time_limit
from genre_model.core.errors import AudioError, GenreModelError
from genre_model.core.processes import call_in_worker
from genre_model.core.specs import FrontEndSpec
from genre_model.extraction.cache import (
    Cache,
    CacheSpec,
    front_end_hash,
    pack,
    unpack,
)
from genre_model.extraction.tasks import Failure, attempt
from genre_model.features.frontend import song_fingerprint
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.bundle.store import HEAD, PROBE, Bundle
from genre_model.model.classifier import Classifier
from genre_model.model.song_features import SongFeatures

# The folders of models that were received from another machine, by their manifests.
_received: dict[bytes, Path] = {}


@dataclass(frozen=True, slots=True)
class Effort:
    """How much of each file is decoded, and how long that may take.

    ``thorough``: all slices, not ``max_slices``.  ``until_stable``: as many slices as are needed to
    know the answer, if genres are accepted from ``threshold`` on (None: the model's own).
    """

    thorough: bool = False
    until_stable: bool = False
    threshold: float | None = None
    time_limit_s: float | None = TIME_LIMIT_S


class Extractor:
    """A model that extracts the features of one file after the other, and uses the cache.

    New features are rounded as if they came from the cache, so that a second run gives the same
    results as the first.  The cache may have fewer slices of a long song than are needed now, or
    more: missing slices are added, and slices that are not needed are left out.
    """

    def __init__(self, classifier: Classifier, cache: Cache | None, effort: Effort) -> None:
        self._classifier = classifier
        self._cache = cache
        self._effort = effort
        self._spectrogram = classifier.manifest.spectrogram
        self._front_end = front_end_hash(classifier.manifest, thorough=effort.thorough)

    def extract(self, path: Path) -> SongFeatures:
        """The features of a file.

        Raises:
            AudioError: As ``Classifier.extract``, or it took too long.
        """
        with time_limit(self._effort.time_limit_s):
            if self._cache is None:
                return self._extract(path, None)
            fingerprint = song_fingerprint(path, self._spectrogram)
            extracted = self._by_way_of(self._cache, path, self._front_end + fingerprint)
            return replace(extracted, fingerprint=fingerprint)

    def fingerprint(self, path: Path) -> bytes | Failure | None:
        """The fingerprint of a file, by which its features are cached; None without a cache.

        The file is opened in a worker process of this machine.

        Raises:
            GenreModelError: No worker can be started.
        """
        if self._cache is None:
            return None
        try:
            return call_in_worker(
                fingerprint_or_failure, path, self._spectrogram, self._effort.time_limit_s
            )
        except AudioError as error:  # opening the file crashed the worker
            return Failure(str(error))

    def recall(self, fingerprint: bytes | None) -> SongFeatures | None:
        """The features of a file if enough are cached, else None; the network is not needed."""
        if self._cache is None or fingerprint is None:
            return None
        effort = self._effort
        known = self._cache.get(self._front_end + fingerprint)
        found = self._classifier.recall(
            known,
            thorough=effort.thorough,
            until_stable=effort.until_stable,
            threshold=effort.threshold,
        )
        return None if found is None else replace(found, fingerprint=fingerprint)

    def keep(self, path: Path, before: bytes, extracted: SongFeatures) -> SongFeatures:
        """Cache a file's features that were extracted elsewhere, and return them rounded.

        Without a cache, they are returned unchanged.

        Args:
            path: The file.
            before: Its fingerprint before the extraction.  If it is another one now, the features
                are not cached: they may belong to either version of the file.
            extracted: Its features.
        """
        if self._cache is None:
            return extracted
        if self.fingerprint(path) != before:
            return unpack(pack(extracted))
        kept = self._keep(self._cache, self._front_end + before, extracted)
        return replace(kept, fingerprint=before)

    def _by_way_of(self, cache: Cache, path: Path, key: bytes) -> SongFeatures:
        known = cache.get(key)
        if known is not None and known.sample is None:
            return known
        extracted = self._extract(path, known)
        if known is None or is_more(extracted, known):
            return self._keep(cache, key, extracted)
        return extracted

    def _extract(self, path: Path, known: SongFeatures | None) -> SongFeatures:
        effort = self._effort
        return self._classifier.extract(
            path,
            thorough=effort.thorough,
            until_stable=effort.until_stable,
            threshold=effort.threshold,
            known=known,
        )

    def _keep(self, cache: Cache, key: bytes, extracted: SongFeatures) -> SongFeatures:
        content = pack(extracted)
        cache.put(key, content)
        return unpack(content)


def fingerprint_or_failure(
    path: Path, spec: FrontEndSpec, time_limit_s: float | None
) -> bytes | Failure:
    """The fingerprint of a file, or why there is none."""
    with time_limit(time_limit_s):
        return attempt(song_fingerprint, path, spec)


def is_more(extracted: SongFeatures, known: SongFeatures) -> bool:
    """Whether more slices of a song were extracted than were known."""
    if extracted.sample is None or known.sample is None:
        return known.sample is not None
    return extracted.sample.n_extracted > known.sample.n_extracted


@dataclass(frozen=True, slots=True)
class ExtractionSpec:
    """How features are extracted.  ``manifest`` is that of the bundle in ``directory``, as JSON."""

    directory: Path
    manifest: bytes
    cache: CacheSpec | None
    effort: Effort

    @property
    def digest(self) -> str:
        """A hash of the model's manifest, which has the hashes of the model's files."""
        return hashlib.sha256(self.manifest).hexdigest()

    def __call__(self, path: Path) -> SongFeatures | Failure:
        """The features of a file, or why there are none.

        Raises:
            BundleError: The model cannot be used.
        """
        return attempt(loaded(self).extract, path)

    def check(self) -> None:
        """Load the model.

        Raises:
            BundleError: The model is missing or damaged, or its network cannot be used.
        """
        loaded(self)


def extraction_spec(bundle: Bundle, cache: CacheSpec | None, effort: Effort) -> ExtractionSpec:
    """The specification for extracting features with a bundle."""
    manifest = msgspec.json.encode(bundle.manifest)
    return ExtractionSpec(bundle.directory.absolute(), manifest, cache, effort)


@lru_cache(maxsize=2)  # a cluster's worker may serve two runs at once
def loaded(extraction: ExtractionSpec) -> Extractor:
    """The extractor of a specification; its model is loaded once per process.

    Raises:
        BundleError: The model is missing or damaged, or its network cannot be used.
    """
    # The parent has tried the network out; and if it ends a worker, only one file is lost.
    classifier = Classifier(bundle_of(extraction), tried=True)
    cache = None
    if extraction.cache is not None:
        with suppress(GenreModelError):  # the parent opened it too, and reports errors
            cache = extraction.cache.open()
    return Extractor(classifier, cache, extraction.effort)


def bundle_of(extraction: ExtractionSpec) -> Bundle:
    """The bundle of a specification: the files sent to this process, or those in its directory."""
    manifest = msgspec.json.decode(extraction.manifest, type=Manifest)
    return Bundle(_received.get(extraction.manifest, extraction.directory), manifest)


def files_of(bundle: Bundle) -> dict[str, bytes]:
    """The files of a bundle that extraction needs.

    Raises:
        BundleError: A file of the bundle is missing, or was changed.
    """
    names = {bundle.manifest.network.file, HEAD, PROBE} & set(bundle.manifest.files)
    return {name: bundle.read(name) for name in sorted(names)}


def receive(extraction: ExtractionSpec, files: Mapping[str, bytes], place: Path) -> None:
    """Store a model's files from another machine, unless they are stored already.

    Args:
        extraction: The specification that needs them.
        files: The contents of the files by name.
        place: A folder that lasts as long as this process.

    Raises:
        OSError: The files cannot be written.
    """
    if extraction.manifest in _received:
        return
    folder = place / f"cnngenre-{extraction.digest}"
    folder.mkdir(exist_ok=True)  # an earlier attempt may have run out of space
    for name, content in files.items():
        (folder / name).write_bytes(content)
    _received[extraction.manifest] = folder
