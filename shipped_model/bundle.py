"""Write the shipped bundle and its model card."""

from __future__ import annotations

import hashlib
import shutil
import textwrap
from collections import Counter
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from genre_model import __version__
from genre_model.core.arrays import Float32, Ints
from genre_model.core.specs import (
    AggregationSpec,
    ContextSpec,
    NetworkSpec,
    SamplingSpec,
    SliceSpec,
    SpectrogramSpec,
)
from genre_model.model.bundle.arrays import npz
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.bundle.store import HEAD, PROBE, Bundle, write_bundle
from genre_model.model.classifier import Classifier
from genre_model.model.head import Head
from shipped_model.clips import Clips
from shipped_model.groups import WITH_GROUPS
from shipped_model.head import N_FOLDS, HeadSettings
from shipped_model.settings import Settings

LINE_LENGTH = 100
CARD = Path(__file__).with_name("model_card.md")
LICENCE = "LICENSE-musicnn.md"
# Weight of the mean of an artist's tracks against a track's own answer; see studies/context.py.
CONTEXT_WEIGHT = 0.75
MODEL_CARD = "MODEL_CARD.md"


def provenance_of(
    clips: Clips, fit: Ints, settings: Settings, chosen: HeadSettings
) -> dict[str, Any]:
    """Where the weights come from, for the manifest and the model card."""
    return {
        "network": (
            "MSD_musicnn of the PyPI wheel musicnn 0.1.0, by shipped_model/conversion/convert.py; "
            "tag groups by shipped_model/distillation/add_groups.py"
        ),
        "tags": settings.tags,
        "fit": {**asdict(chosen), "folds": N_FOLDS},
        "data": dict(Counter(clips.labels[index] for index in fit)),
        "n_tracks": len(fit),
        "n_artists": len({clips.artists[index] for index in fit}),
    }


def model_card(provenance: dict[str, Any], report: str) -> str:
    """The model card, with the data of the fit and the measurements filled in."""
    counts = ", ".join(f"{label} {n}" for label, n in sorted(provenance["data"].items()))
    facts = f"{provenance['n_tracks']} clips of {provenance['n_artists']} artists: {counts}"
    card = CARD.read_text(encoding="utf-8")
    filled = card.replace("{fit_data}", facts)
    return wrapped(filled.replace("{measured}", report.replace("\n## ", "\n### ")))


def wrapped(page: str) -> str:
    """The page with its paragraphs wrapped at ``LINE_LENGTH``; tables and titles stay."""
    blocks = page.rstrip("\n").split("\n\n")
    return "\n\n".join(block if block[0] in "|#<" else fill(block) for block in blocks) + "\n"


def fill(paragraph: str) -> str:
    """The words of a paragraph in lines of at most ``LINE_LENGTH``."""
    return textwrap.fill(
        " ".join(paragraph.split()), LINE_LENGTH, break_long_words=False, break_on_hyphens=False
    )


def write_shipped(
    folder: Path,
    network: bytes,
    licence: bytes,
    settings: Settings,
    head: Head,
    spec: AggregationSpec,
    provenance: dict[str, Any],
    report: str,
) -> Bundle:
    """Write the bundle, which replaces the folder's content, and load it once as a check.

    The bundle's id has a hash of the network and the head.
    """
    weights = npz(weights=head.weights, bias=head.bias)
    slices = probe_slices()
    features = onnxruntime.InferenceSession(network).run([WITH_GROUPS], {"log_mel": slices})[0]
    contents = {
        "network.onnx": network,
        HEAD: weights,
        PROBE: npz(slices=slices, logits=head.logits(features)),
        LICENCE: licence,
        MODEL_CARD: model_card(provenance, report).encode(),
    }
    manifest = manifest_of(settings, spec, provenance, hashlib.sha256(network + weights))
    if folder.exists():
        shutil.rmtree(folder)
    bundle = write_bundle(folder, manifest, contents)
    Classifier(bundle)  # this compares its answers with the probe's
    return bundle


def manifest_of(
    settings: Settings, spec: AggregationSpec, provenance: dict[str, Any], content: Any
) -> Manifest:
    """The manifest of a bundle whose content has this hash."""
    genres = tuple(settings.genres)
    return Manifest(
        bundle_id=f"musicnn-{content.hexdigest()[:8]}",
        genres=genres,
        spectrogram=SpectrogramSpec(),
        slices=SliceSpec(),
        network=NetworkSpec(features=WITH_GROUPS, tags="tags", tag_names=tuple(settings.msd_tags)),
        aggregation=spec,
        context=ContextSpec(CONTEXT_WEIGHT, 1.0, spec.threshold),
        sampling=SamplingSpec(),
        parents=settings.parents,
        presets={"default": genres, "paper": tuple(settings.presets["paper"])},
        description=(
            "MSD_musicnn, a small CNN trained on the Million Song Dataset's tags, with a linear head "
            f"for {len(genres)} genres on its embedding and on tag groups that larger networks taught."
        ),
        licence=f"Network: ISC, Music Technology Group, UPF 2019 ({LICENCE}). Layer and head: MIT.",
        created_utc=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        package_version=__version__,
        provenance=provenance,
    )


def probe_slices() -> Float32:
    """One synthetic slice of log-mel values, (1, 187, 96)."""
    spec, slices = SpectrogramSpec(), SliceSpec()
    rng = np.random.default_rng(7)
    values = rng.gamma(2.0, 0.6, size=(1, slices.frames, spec.n_mels))
    values[:, ::23] += 1.5
    return values.astype(np.float32)
