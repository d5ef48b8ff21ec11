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

from genre_model.audio import TIME_LIMIT_S, audio_fingerprint, time_limit
from genre_model.bundle import HEAD, PROBE, Bundle, Manifest
from genre_model.cache import Cache, CacheSpec, cached_hear, front_end_hash, pack, unpack
from genre_model.classifier import Classifier, Heard
from genre_model.errors import AudioError, GenreModelError
from genre_model.pool import Failure, attempted

# The folders of models that came from another machine, by their manifests.
_received: dict[bytes, Path] = {}


@dataclass(frozen=True, slots=True)
class Effort:
    """How much of each file is heard, and how long that may take; see ``cached_hear``."""

    thorough: bool = False
    until_settled: bool = False
    time_limit_s: float | None = TIME_LIMIT_S


class Ear:
    """A loaded model that hears one file after the other, by way of the cache."""

    def __init__(self, classifier: Classifier, cache: Cache | None, effort: Effort) -> None:
        self._attempt = attempted(
            cached_hear(
                classifier,
                cache,
                thorough=effort.thorough,
                until_settled=effort.until_settled,
                time_limit_s=effort.time_limit_s,
            )
        )

    def __call__(self, path: Path) -> Heard | Failure:
        """What is heard of a file, or why it cannot be heard."""
        return self._attempt(path)


class Memory:
    """What was heard before, which needs no network: nobody is asked to hear it again."""

    def __init__(self, classifier: Classifier, cache: Cache | None, effort: Effort) -> None:
        self._classifier = classifier
        self._cache = cache
        self._effort = effort
        self._front_end = front_end_hash(classifier.manifest, thorough=effort.thorough)

    def recall(self, path: Path) -> Heard | Failure | None:
        """What is known of a file, if that is enough, or why it cannot be opened."""
        cache = self._cache
        return None if cache is None else attempted(lambda p: self._known(cache, p))(path)

    def keep(self, path: Path, heard: Heard) -> Heard:
        """Keep what was heard of a file; it is rounded as if it came from here."""
        if self._cache is None:
            return heard
        content = pack(heard)
        with suppress(AudioError):  # the file was changed or removed meanwhile
            self._cache.put(self._key(path), content)
        return unpack(content) or heard

    def _known(self, cache: Cache, path: Path) -> Heard | None:
        effort = self._effort
        with time_limit(effort.time_limit_s):
            known = cache.get(self._key(path))
        return self._classifier.recall(
            known, thorough=effort.thorough, until_settled=effort.until_settled
        )

    def _key(self, path: Path) -> bytes:
        return self._front_end + audio_fingerprint(path)


@dataclass(frozen=True, slots=True)
class Hearing:
    """How files are heard.  ``manifest`` is that of the bundle in ``directory``, as JSON."""

    directory: Path
    manifest: bytes
    cache: CacheSpec | None
    effort: Effort

    @property
    def digest(self) -> str:
        """Of the model, whose manifest has the hashes of its files."""
        return hashlib.sha256(self.manifest).hexdigest()

    def __call__(self, path: Path) -> Heard | Failure:
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


def hearing_with(bundle: Bundle, cache: CacheSpec | None, effort: Effort) -> Hearing:
    """How files are heard with a bundle."""
    manifest = msgspec.json.encode(bundle.manifest)
    return Hearing(bundle.directory.absolute(), manifest, cache, effort)


@lru_cache(maxsize=2)  # a cluster's worker may hear for two runs at once
def loaded(hearing: Hearing) -> Ear:
    """The model of a hearing, loaded once in a process.

    Raises:
        BundleError: It cannot be used.
    """
    classifier = Classifier(bundle_of(hearing))
    cache = None
    if hearing.cache is not None:
        with suppress(GenreModelError):  # whoever asked for it has found that out before
            cache = hearing.cache.open()
    return Ear(classifier, cache, hearing.effort)


def bundle_of(hearing: Hearing) -> Bundle:
    """The bundle of a hearing: what this process was sent, or what lies where it says."""
    manifest = msgspec.json.decode(hearing.manifest, type=Manifest)
    return Bundle(_received.get(hearing.manifest, hearing.directory), manifest)


def files_of(bundle: Bundle) -> dict[str, bytes]:
    """The files of a bundle that hearing takes.

    Raises:
        BundleError: One is missing or was changed.
    """
    names = {bundle.manifest.network.file, HEAD, PROBE} & set(bundle.manifest.files)
    return {name: bundle.read(name) for name in sorted(names)}


def receive(hearing: Hearing, files: Mapping[str, bytes], place: Path) -> None:
    """Keep a model's files that come from another machine, unless they are there already.

    Args:
        hearing: What they are for.
        files: Their contents by their names.
        place: A folder of this process that lasts as long as it does.

    Raises:
        OSError: There is no room for them.
    """
    if hearing.manifest in _received:
        return
    folder = place / f"cnngenre-{hearing.digest}"
    folder.mkdir(exist_ok=True)  # there may have been too little room before
    for name, content in files.items():
        (folder / name).write_bytes(content)
    _received[hearing.manifest] = folder
