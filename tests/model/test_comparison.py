"""Another model beside a new one, on the same tracks."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from genre_model.core.specs import AggregationSpec
from genre_model.data.tracks import LabelledTrack
from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.model.classifier import SongFeatures
from genre_model.training.head.comparison import rival_of
from genre_model.training.training_set import make_training_set


def shipped_that_takes_logits(threshold):
    """The shipped model's genres and tree, without a head: a track's features are its logits."""
    aggregation = AggregationSpec("mean", 1.0, None, threshold=threshold)
    manifest = replace(load_bundle(SHIPPED).manifest, aggregation=aggregation, context=None)
    return SimpleNamespace(
        files=[], manifest=manifest, head=lambda: None, music_detector=lambda: None
    )


def test_a_model_with_a_tree_answers_what_tagging_would_write(tmp_path):
    bundle = shipped_that_takes_logits(0.65)
    shares = {"Rock": 0.24, "Metal": 0.26, "Punk Rock": 0.17, "Pop": 0.29}
    logits = np.log([shares.get(genre, 0.04 / 13) for genre in bundle.manifest.genres])
    no_tags = np.zeros((1, 0), np.float32)
    features = SongFeatures(logits[None].astype(np.float32), np.zeros(1), no_tags)
    tracks = [
        LabelledTrack(tmp_path / label, (label,), f"artist of {label}", "", "")
        for label in ("Rock", "Pop", "Metal")
    ]
    training_set = make_training_set(tracks, [features] * 3)
    rival = rival_of("shipped", bundle, training_set, {})
    # No single genre reaches the threshold, and Pop has the most; Rock with its kinds has .67.
    assert rival.accepted.tolist() == [True, True, True]
    assert rival.in_names.tolist() == [True, False, False]
