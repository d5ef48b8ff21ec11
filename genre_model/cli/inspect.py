"""``genre-model inspect``: print facts about a bundle and check that its files are intact."""

from __future__ import annotations

import argparse

from genre_model.core.text import harmless
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.bundle.store import load_bundle
from genre_model.model.stop_rule import is_sampled


def how_many(manifest: Manifest) -> str:
    """How many slices of a song are used."""
    sampling = manifest.sampling
    if sampling is None or not is_sampled(manifest):
        return f"up to {manifest.slices.most}"
    return f"{sampling.min_slices} to {sampling.max_slices}"


def run_inspect(options: argparse.Namespace) -> int:
    """Print facts from a bundle's manifest, after checking its files and its probe."""
    from genre_model.model.classifier import Classifier

    bundle = load_bundle(options.bundle)
    bundle.check_files()
    Classifier(bundle)
    manifest = bundle.manifest
    facts = {
        "bundle": manifest.bundle_id,
        "description": manifest.description,
        "genres": ", ".join(manifest.genres),
        "selections": ", ".join(manifest.presets),
        "threshold": manifest.threshold,
        "slices": f"{manifest.slices.frames} frames, {how_many(manifest)} a song",
        "made": f"{manifest.created_utc} by {manifest.package_version}",
        "licence": manifest.licence,
        "files": ", ".join(bundle.files),
        "checks": "hashes and probe are as they were when it was made",
    }
    for name, value in facts.items():
        print(f"{name:<12} {harmless(str(value))}")
    return 0
