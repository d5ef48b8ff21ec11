"""The labelled clips: their features, the genres that their labels allow, the two halves."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from genre_model.core.arrays import Bools, Float32, Float64, Ints
from genre_model.core.specs import SliceSpec, SpectrogramSpec
from genre_model.features.slices import read_slices
from shipped_model.groups import WITH_GROUPS
from shipped_model.settings import Settings, read_settings, vocabulary_of

# The set of the rendered scores; every head is fitted on them in addition to its clips.
RENDERINGS = "renderings"

Rows = list[dict[str, str]]  # of ``manifest.csv``: path, genre, style, artist, set


@dataclass(frozen=True, slots=True, eq=False)
class Clips:
    """The labelled clips, one row each.

    Attributes:
        genres: The model's genres.
        tree: (n_genres, n_genres): 1 if the column's genre is the row's genre or its ancestor.
        features: For each clip the features of its slices, (n_slices, n_features).
        candidates: (n_clips, n_genres): the genres that the label or the style allows.
        strict: Like ``candidates``, but without the style.
        labels: ``set/genre`` of each clip.
        artists: The artist of each clip.
    """

    genres: list[str]
    tree: Float64
    features: Sequence[Float32]
    candidates: Bools
    strict: Bools
    labels: list[str]
    artists: list[str]

    @property
    def families(self) -> Float64:
        """(n_genres, n_families): 1 if a genre belongs to the family of a root genre."""
        roots = self.tree.sum(axis=1) == 1
        return self.tree[:, roots]

    @property
    def means(self) -> Float64:
        """(n_clips, n_features): the mean features of each clip."""
        return np.array([slices.mean(axis=0) for slices in self.features], dtype=np.float64)

    @property
    def sets(self) -> NDArray[np.str_]:
        """The set of each clip, (n_clips,)."""
        return np.array([label.split("/")[0] for label in self.labels])

    @property
    def renderings(self) -> Ints:
        """Indices of the rendered scores whose label allows any of the model's genres."""
        return np.flatnonzero((self.sets == RENDERINGS) & self.candidates.any(axis=1))


def read_rows(music: Path) -> Rows:
    """The rows of a folder's ``manifest.csv``."""
    with (music / "manifest.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_features(music: Path, rows: Rows, network: Path, cache: Path | None) -> list[Float32]:
    """Each clip's features, (n_slices, n_features); kept in ``cache`` (.npz) if it is given."""
    if cache and cache.exists():
        with np.load(cache) as stored:
            return np.split(stored["features"], stored["ends"][:-1])
    session = onnxruntime.InferenceSession(str(network))
    features = []
    for row in rows:
        slices = read_slices(music / row["path"], SpectrogramSpec(), SliceSpec())
        outputs = [session.run([WITH_GROUPS], {"log_mel": s.values[None]})[0] for s in slices]
        features.append(np.concatenate(outputs))
    if cache:
        ends = np.cumsum([len(piece) for piece in features])
        np.savez(cache, features=np.concatenate(features), ends=ends)
    return features


def label_clips(rows: Rows, features: Sequence[Float32], settings: Settings) -> Clips:
    """Find the genres that each clip's label allows.

    Raises:
        KeyError: A label is not in the settings.
    """
    genres = list(settings.genres)
    labels = [f"{row['set']}/{row['genre']}" for row in rows]
    by_genre = [settings.labels[label] for label in labels]
    by_style = [settings.styles.get(row["style"], []) for row in rows]
    vocabulary = vocabulary_of(genres, settings.parents)
    ancestries = [vocabulary.ancestry(genre) for genre in genres]

    def mask(names: list[list[str]]) -> Bools:
        return np.array([[genre in candidates for genre in genres] for candidates in names])

    return Clips(
        genres,
        np.array([[float(node in ancestry) for node in genres] for ancestry in ancestries]),
        features,
        mask([genre + style for genre, style in zip(by_genre, by_style, strict=True)]),
        mask(by_genre),
        labels,
        [row["artist"] for row in rows],
    )


def without_features(rows: Rows, settings: Settings) -> Clips:
    """The clips with their labels only."""
    return label_clips(rows, [np.zeros((1, 1), np.float32)] * len(rows), settings)


def fitted_half(clips: Clips) -> Bools:
    """Which clips the head is fitted on, (n_clips,).

    They are those of every second artist of each label, in the order of the hashes of their names.
    """
    half: dict[str, bool] = {}
    for label in sorted(set(clips.labels)):
        artists = {
            a for a, other in zip(clips.artists, clips.labels, strict=True) if other == label
        }
        fresh = sorted(artists - half.keys(), key=lambda a: hashlib.sha256(a.encode()).hexdigest())
        half.update((artist, position % 2 == 0) for position, artist in enumerate(fresh))
    return np.array([half[artist] for artist in clips.artists])


def kept_out_artists(music: Path) -> frozenset[str]:
    """The artists that the head was not fitted on; the shipped model's report covers these."""
    rows = read_rows(music)
    half = fitted_half(without_features(rows, read_settings()))
    return frozenset(row["artist"] for row, fitted in zip(rows, half, strict=True) if not fitted)
