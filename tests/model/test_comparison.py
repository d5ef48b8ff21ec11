"""Another model is compared with a new one on the same tracks."""

from __future__ import annotations

import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from genre_model.core.specs import AggregationSpec
from genre_model.data.folds import split_tracks
from genre_model.data.play_history import SECONDS_PER_YEAR, PlayHistory
from genre_model.data.tracks import LabelledTrack
from genre_model.evaluation.out_of_fold import pack_out_of_fold
from genre_model.model.bundle.store import OUT_OF_FOLD, SHIPPED, load_bundle
from genre_model.model.play_history import PlayHistorySpec
from genre_model.model.song_features import SongFeatures
from genre_model.training.head.comparison import compare, right_by, rival_of
from genre_model.training.training_set import CrossValidated, make_training_set


def shipped_that_takes_logits(threshold):
    """A bundle with the shipped genres and tree, but no head: a track's features are its logits."""
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
    # No single genre reaches the threshold, and Pop has the most; Rock with its subgenres has .67.
    assert rival.accepted.tolist() == [True, True, True]
    assert rival.in_names.tolist() == [True, False, False]
    # The same if none of the tracks is labelled with a kind of Rock.
    others = [
        replace(track, labels=(label,))
        for track, label in zip(tracks, ("Pop", "Jazz", "Folk"), strict=True)
    ]
    training_set = make_training_set(others, [features] * 3)
    rival = rival_of("shipped", bundle, training_set, {})
    assert right_by(rival.probabilities, training_set.candidates).tolist() == [False] * 3


def test_a_model_in_use_reads_the_play_history_as_of_its_own_time(tmp_path):
    """Its answers stay the same, however long ago it was trained."""
    bundle = shipped_that_takes_logits(0.5)
    genres = bundle.manifest.genres
    years = np.zeros((6, len(genres)))
    years[2, genres.index("Rock")], years[2, genres.index("Jazz")] = 1, -1
    then_s, year_s = 1.5e9, SECONDS_PER_YEAR
    spec = PlayHistorySpec((0, 0, 3, 0, 0, 0), (1,) * 6, tuple(map(tuple, years)), then_s)
    bundle.manifest = replace(bundle.manifest, play_history=spec)
    shares = {"Rock": 0.45, "Jazz": 0.45}
    logits = np.log([[shares.get(genre, 0.1 / 15) for genre in genres]]).astype(np.float32)
    sound = SongFeatures(logits, np.zeros(1), np.zeros((1, 0), np.float32))
    tracks = [
        LabelledTrack(tmp_path / label, (label,), label, play_history=PlayHistory(added_s=added_s))
        for label, added_s in (("Rock", then_s - 4 * year_s), ("Jazz", then_s - 2 * year_s))
    ]
    training_set = make_training_set(tracks, [sound, sound], now_s=then_s + 10 * year_s)
    assert rival_of("in use", bundle, training_set, {}).in_names.tolist() == [True, True]


def test_tracks_of_artists_that_a_model_knows_are_left_out_unless_they_are_out_of_fold(tmp_path):
    bundle = shipped_that_takes_logits(0.5)
    genres = bundle.manifest.genres
    jazz = np.array([[float(genre == "Jazz") for genre in genres]])
    content = pack_out_of_fold([b"old"], jazz, bundle.manifest.bundle_id)
    bundle.files = [OUT_OF_FOLD]
    bundle.arrays = lambda _: dict(np.load(io.BytesIO(content)))
    bundle.directory = tmp_path
    logits = np.array([[9.0 * (genre == "Rock") for genre in genres]], np.float32)
    artists = {b"old": "Known", b"new": "Known", b"other": "Another", b"last": "Last"}
    tracks = [LabelledTrack(tmp_path / a.decode(), ("Rock",), artists[a]) for a in artists]
    nothing = np.zeros((1, 0), np.float32)
    sounds = [SongFeatures(logits, np.zeros(1), nothing, fingerprint=audio) for audio in artists]
    training_set = make_training_set(tracks, sounds)
    rival = rival_of("in use", bundle, training_set, {})
    assert rival.fair.tolist() == [True, False, True, True]
    assert rival.in_names.tolist() == [False, True, True, True]
    all_right = CrossValidated(
        split_tracks(tracks, 0), np.ones((4, 1)), np.ones(4, bool), 1.0, AggregationSpec(), None
    )
    new, other = compare(training_set, all_right, [rival])
    assert (new.n_tracks, other.n_tracks) == (3, 3)
    assert other.accuracy.value == pytest.approx(2 / 3)
    assert other.gain.value == pytest.approx(1 / 3)
