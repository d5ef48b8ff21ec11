"""Extract the features of files, and a description of how, which can be sent to another process.

An :class:`ExtractionSpec` names the model, how much of a file it gets, and the cache.  Whatever
process it is called in loads the model first, once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import msgspec

from genre_model.audio.fingerprint import audio_fingerprint
from genre_model.core.deadline import TIME_LIMIT_S, time_limit
from genre_model.core.errors import AudioError, GenreModelError
from genre_model.extraction.cache import (
    Cache,
    CacheSpec,
    front_end_hash,
    pack,
    unpack,
)
from genre_model.extraction.tasks import Failure, attempt
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.bundle.store import HEAD, PROBE, Bundle
from genre_model.model.classifier import Classifier, SongFeatures

# The folders of models that came from another machine, by their manifests.
_received: dict[bytes, Path] = {}


@dataclass(frozen=True, slots=True)
class Effort:
    """How much of each file is decoded, and how long that may take.

    ``thorough``: all slices, not ``max_slices``.  ``until_stable``: as many slices as it takes to
    know the answer, where a genre is accepted from ``threshold`` on (None: the model's own).
    """

    thorough: bool = False
    until_stable: bool = False
    threshold: float | None = None
    time_limit_s: float | None = TIME_LIMIT_S


class Extractor:
    """A model that extracts the features of one file after the other, by way of the cache.

    New features are rounded as if they came from the cache, so that a second run says the same as
    the first.  Of a long song the cache may have fewer slices than are needed now, or more: those
    that lack are added, those that are too many are left out.
    """

    def __init__(self, classifier: Classifier, cache: Cache | None, effort: Effort) -> None:
        self._classifier = classifier
        self._cache = cache
        self._effort = effort
        self._front_end = front_end_hash(classifier.manifest, thorough=effort.thorough)

    def extract(self, path: Path) -> SongFeatures:
        """The features of a file.

        Raises:
            AudioError: As ``Classifier.extract``, or it took too long.
        """
        with time_limit(self._effort.time_limit_s):
            if self._cache is None:
                return self._extract(path, None)
            fingerprint = audio_fingerprint(path)
            extracted = self._by_way_of(self._cache, path, self._front_end + fingerprint)
            return replace(extracted, fingerprint=fingerprint)

    def fingerprint(self, path: Path) -> bytes | None:
        """The fingerprint of a file, if it serves to find its features in the cache.

        Raises:
            AudioError: The file cannot be opened.
        """
        if self._cache is None:
            return None
        with time_limit(self._effort.time_limit_s):
            return audio_fingerprint(path)

    def recall(self, fingerprint: bytes | None) -> SongFeatures | None:
        """The features of a file, if enough of them are known; the network is not needed."""
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
        """Keep a file's features that were extracted elsewhere; they are rounded.

        Args:
            path: The file.
            before: Its fingerprint before that.  Where it is another one now, nobody knows which
                of the two the features are of.
            extracted: Its features.
        """
        if self._cache is None:
            return extracted
        try:
            fingerprint = self.fingerprint(path)
        except AudioError:  # the file was changed or removed meanwhile
            fingerprint = None
        if fingerprint != before:
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


def is_more(extracted: SongFeatures, known: SongFeatures) -> bool:
    """Whether there are more slices of a song than were known."""
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
        """Of the model, whose manifest has the hashes of its files."""
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
    """How features are extracted with a bundle."""
    manifest = msgspec.json.encode(bundle.manifest)
    return ExtractionSpec(bundle.directory.absolute(), manifest, cache, effort)


@lru_cache(maxsize=2)  # a cluster's worker may serve two runs at once
def loaded(extraction: ExtractionSpec) -> Extractor:
    """The model of a specification, loaded once in a process.

    Raises:
        BundleError: The model is missing or damaged, or its network cannot be used.
    """
    # Whoever asks has tried it; and if it ends a worker, nothing is lost but the file.
    classifier = Classifier(bundle_of(extraction), tried=True)
    cache = None
    if extraction.cache is not None:
        with suppress(GenreModelError):  # whoever asked for it has found that out before
            cache = extraction.cache.open()
    return Extractor(classifier, cache, extraction.effort)


def bundle_of(extraction: ExtractionSpec) -> Bundle:
    """The bundle of a specification: what this process was sent, or what lies where it says."""
    manifest = msgspec.json.decode(extraction.manifest, type=Manifest)
    return Bundle(_received.get(extraction.manifest, extraction.directory), manifest)


def files_of(bundle: Bundle) -> dict[str, bytes]:
    """The files of a bundle that extraction takes.

    Raises:
        BundleError: A file of the bundle is missing, or was changed.
    """
    names = {bundle.manifest.network.file, HEAD, PROBE} & set(bundle.manifest.files)
    return {name: bundle.read(name) for name in sorted(names)}


def receive(extraction: ExtractionSpec, files: Mapping[str, bytes], place: Path) -> None:
    """Keep a model's files that come from another machine, unless they are there already.

    Args:
        extraction: What they are for.
        files: Their contents by their names.
        place: A folder of this process that lasts as long as it does.

    Raises:
        OSError: There is no room for them.
    """
    if extraction.manifest in _received:
        return
    folder = place / f"cnngenre-{extraction.digest}"
    folder.mkdir(exist_ok=True)  # there may have been too little room before
    for name, content in files.items():
        (folder / name).write_bytes(content)
    _received[extraction.manifest] = folder
