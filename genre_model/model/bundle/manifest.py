"""The contents of a bundle's ``manifest.json``."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from genre_model.core.specs import (
    UNREACHED_THRESHOLD,
    AggregationSpec,
    ContextSpec,
    FrontEndSpec,
    NetworkSpec,
    SamplingSpec,
    SliceSpec,
)
from genre_model.model.play_history import PlayHistorySpec

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """The description of a bundle.  ``genres`` are in the order of the logits."""

    bundle_id: str
    genres: tuple[str, ...]
    spectrogram: FrontEndSpec
    slices: SliceSpec
    network: NetworkSpec
    aggregation: AggregationSpec
    context: ContextSpec | None = None
    play_history: PlayHistorySpec | None = None
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
        """The lowest confidence with which an answer is given."""
        return (self.play_history or self.context or self.aggregation).threshold

    @property
    def answers(self) -> bool:
        """Whether there is a threshold from which the model's answers are good enough."""
        return self.threshold != UNREACHED_THRESHOLD


@dataclass(frozen=True, slots=True)
class Origin:
    """The part that manifests of all schemas have in common."""

    schema: int = SCHEMA


def new_bundle_id(created: datetime, *contents: bytes) -> str:
    """``YYYYMMDD-HHMMSS-`` and eight hexadecimal digits of a hash of the contents and the time."""
    parts = b"".join(contents) + created.isoformat().encode()
    return f"{created:%Y%m%d-%H%M%S}-{hashlib.sha256(parts).hexdigest()[:8]}"
