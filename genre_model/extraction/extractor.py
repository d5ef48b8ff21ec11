"""How files are heard, small enough to be sent to whoever is to hear them.

A :class:`Hearing` says which model hears, how much, and where what was heard is kept.  It can be
called in a worker process and on another machine; whoever is called with it first loads the model,
once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec

from genre_model.audio.fingerprint import audio_fingerprint
from genre_model.core.deadline import TIME_LIMIT_S, time_limit
from genre_model.core.errors import AudioError, GenreModelError
from genre_model.extraction.cache import (
    Cache,
    CacheSpec,
    cached_extract,
    front_end_hash,
    pack,
    unpack,
)
from genre_model.extraction.tasks import Failure, attempted
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.bundle.store import HEAD, PROBE, Bundle
from genre_model.model.classifier import Classifier, SongFeatures

# The folders of models that came from another machine, by their manifests.
_received: dict[bytes, Path] = {}


@dataclass(frozen=True, slots=True)
class Effort:
    """How much of each file is heard, and how long that may take; see ``cached_extract``."""

    thorough: bool = False
    until_stable: bool = False
    time_limit_s: float | None = TIME_LIMIT_S


class Extractor:
    """A loaded model that hears one file after the other, by way of the cache."""

    def __init__(self, classifier: Classifier, cache: Cache | None, effort: Effort) -> None:
        self._attempt = attempted(
            cached_extract(
                classifier,
                cache,
                thorough=effort.thorough,
                until_stable=effort.until_stable,
                time_limit_s=effort.time_limit_s,
            )
        )

    def __call__(self, path: Path) -> SongFeatures | Failure:
        """What is heard of a file, or why it cannot be heard."""
        return self._attempt(path)


class CachedFeatures:
    """What was heard before, which needs no network: nobody is asked to hear it again."""

    def __init__(self, classifier: Classifier, cache: Cache | None, effort: Effort) -> None:
        self._classifier = classifier
        self._cache = cache
        self._effort = effort
        self._front_end = front_end_hash(classifier.manifest, thorough=effort.thorough)

    def recall(self, path: Path) -> SongFeatures | Failure | None:
        """What is known of a file, if that is enough, or why it cannot be opened."""
        cache = self._cache
        return None if cache is None else attempted(lambda p: self._known(cache, p))(path)

    def keep(self, path: Path, extracted: SongFeatures) -> SongFeatures:
        """Keep what was heard of a file; it is rounded as if it came from here."""
        if self._cache is None:
            return extracted
        content = pack(extracted)
        with suppress(AudioError):  # the file was changed or removed meanwhile
            self._cache.put(self._key(path), content)
        return unpack(content) or extracted

    def _known(self, cache: Cache, path: Path) -> SongFeatures | None:
        effort = self._effort
        with time_limit(effort.time_limit_s):
            known = cache.get(self._key(path))
        return self._classifier.recall(
            known, thorough=effort.thorough, until_stable=effort.until_stable
        )

    def _key(self, path: Path) -> bytes:
        return self._front_end + audio_fingerprint(path)


@dataclass(frozen=True, slots=True)
class ExtractionSpec:
    """How files are heard.  ``manifest`` is that of the bundle in ``directory``, as JSON."""

    directory: Path
    manifest: bytes
    cache: CacheSpec | None
    effort: Effort

    @property
    def digest(self) -> str:
        """Of the model, whose manifest has the hashes of its files."""
        return hashlib.sha256(self.manifest).hexdigest()

    def __call__(self, path: Path) -> SongFeatures | Failure:
        """What is heard of a file, or why it cannot be heard.

        Raises:
            BundleError: The model cannot be used.
        """
        return loaded(self)(path)

    def check(self) -> None:
        """Load the model.

        Raises:
            BundleError: It cannot be used.
        """
        loaded(self)


def extraction_spec(bundle: Bundle, cache: CacheSpec | None, effort: Effort) -> ExtractionSpec:
    """How files are heard with a bundle."""
    manifest = msgspec.json.encode(bundle.manifest)
    return ExtractionSpec(bundle.directory.absolute(), manifest, cache, effort)


@lru_cache(maxsize=2)  # a cluster's worker may hear for two runs at once
def loaded(extraction: ExtractionSpec) -> Extractor:
    """The model of a hearing, loaded once in a process.

    Raises:
        BundleError: It cannot be used.
    """
    # Whoever asks has tried it; and if it ends a worker, nothing is lost but the file.
    classifier = Classifier(bundle_of(extraction), tried=True)
    cache = None
    if extraction.cache is not None:
        with suppress(GenreModelError):  # whoever asked for it has found that out before
            cache = extraction.cache.open()
    return Extractor(classifier, cache, extraction.effort)


def bundle_of(extraction: ExtractionSpec) -> Bundle:
    """The bundle of a hearing: what this process was sent, or what lies where it says."""
    manifest = msgspec.json.decode(extraction.manifest, type=Manifest)
    return Bundle(_received.get(extraction.manifest, extraction.directory), manifest)


def files_of(bundle: Bundle) -> dict[str, bytes]:
    """The files of a bundle that hearing takes.

    Raises:
        BundleError: One is missing or was changed.
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
