"""Splitting songs by slice, and sampling slices before any are read."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from genre_model.data.tracks import LabelledTrack
from genre_model.training.experiments.embeddings import EMBEDDINGS_SYSTEM
from genre_model.training.job import TrainingJob
from genre_model.training.networks.base import Estimator
from genre_model.training.scratch import learn
from genre_model.training.scratch.parts import TEST_FOLD, slice_folds, three_parts
from genre_model.training.scratch.slice_store import StoredTrack
from genre_model.training.training_set import HeadOptions


@given(n=st.integers(1, 60), seed=st.integers(0, 9), name=st.text("abc", min_size=1))
@settings(max_examples=50, deadline=None)
def test_a_song_has_its_slices_on_all_sides_the_same_every_time(n, seed, name):
    folds = slice_folds(Path(name), n, seed)
    counts = np.bincount(folds, minlength=5)
    assert counts.sum() == n
    assert counts.max() - counts.min() <= 1
    np.testing.assert_array_equal(folds, slice_folds(Path(name), n, seed))


def test_a_song_has_the_same_parts_however_its_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folds = [slice_folds(path, 40, 0).tolist() for path in (Path("a.wav"), tmp_path / "a.wav")]
    assert folds[0] == folds[1]


def test_slices_of_the_test_are_never_learned_from():
    tracks = [LabelledTrack(Path(f"{n}.flac"), ("Rock", "Jazz")[n % 2 :][:1]) for n in range(6)]
    parts = three_parts(TrainingJob(tracks, {}, HeadOptions(split_by="slice")))
    assert "flatters" in parts.reason
    used, held_out = parts.not_in_test(tracks)
    assert (used, any(held_out)) == (tracks, False)
    stored = [StoredTrack(t, t.path, np.arange(10), np.array([True, False])) for t in tracks]
    learners = parts.learners(stored)
    assert sum(len(t.indices) for t in learners if t.validation) == 12
    for track in tracks:
        mine = np.concatenate([t.indices for t in learners if t.track is track])
        tested = np.flatnonzero(slice_folds(track.path, 10, 0) == TEST_FOLD)
        assert sorted([*mine, *tested]) == list(range(10))


def test_an_estimator_gets_a_sample_and_nothing_else_is_read(tmp_path, monkeypatch):
    read = []
    tracks = []
    for number in range(8):
        file = tmp_path / f"{number}.npy"
        np.save(file, np.full((5, 3), number, np.float32) + np.arange(5)[:, None] / 10)
        track = LabelledTrack(file, ("A",))
        tracks.append(StoredTrack(track, file, np.arange(5), np.eye(8, dtype=bool)[number]))
    slices = StoredTrack.slices
    monkeypatch.setattr(StoredTrack, "slices", lambda t: read.append(len(t.indices)) or slices(t))
    monkeypatch.setattr(learn, "open_network", lambda content: content)
    given_ = []

    def fit(*arguments):
        given_.extend(arguments)
        return b""

    learn.fit_at_once(Estimator(fit, max_slices=16), tracks, 3)
    values, candidates, songs, seed = given_
    assert (sum(read), len(values), seed) == (16, 16, 3)
    np.testing.assert_array_equal(np.bincount(songs), np.full(8, 2))
    np.testing.assert_array_equal(values[:, 0].astype(int), songs)
    np.testing.assert_array_equal(candidates.argmax(axis=1), songs)


def test_embeddings_are_computed_song_by_song_and_slices_not_kept(tmp_path, monkeypatch):
    slices = np.random.default_rng(0).random((6, 187, 96), np.float32)
    tracks = []
    for number, part in enumerate((slices[:4], slices[4:])):
        np.save(tmp_path / f"{number}.npy", part)
        stored = LabelledTrack(tmp_path / f"{number}.wav", ("A",)), tmp_path / f"{number}.npy"
        tracks.append(StoredTrack(*stored, np.arange(len(part)), np.array([True, False])))
    given_ = []
    monkeypatch.setattr(learn, "open_network", lambda content: content)
    learner = replace(EMBEDDINGS_SYSTEM.learner, fit=lambda *given: given_.extend(given) or b"")
    learn.fit_at_once(learner, tracks, 0)
    embeddings, _, songs, _ = given_
    assert songs.tolist() == [0, 0, 0, 0, 1, 1]
    assert embeddings.nbytes < slices.nbytes / 10
    np.testing.assert_array_equal(embeddings, learner.prepare(slices))
