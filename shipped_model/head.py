"""The linear head: a prior from the network's tag layer, corrected by the labels.

The available labels say Rock, not Metal.  So the head learns families from them, and tells the
sub-genres within a family apart by their leading tags alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from genre_model.core.arrays import Float32, Float64, Ints
from genre_model.model.head import Head
from genre_model.training.head.fit import fit_head
from shipped_model.clips import Clips
from shipped_model.groups import GROUPS, group_genres
from shipped_model.settings import Settings

N_FOLDS = 5
RENDERING_WEIGHT = 0.25  # of a rendered score, relative to a clip: docs/measurements.md
SMALLEST_DEVIATION = 1e-6  # some features are the same in all clips


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """How a head is fitted.

    Attributes:
        ridge: Strength of the pull to the prior.
        balance: Each clip of a label with n clips has the weight ``n ** -balance``.
        group_weight: How far a standardised tag group raises its own genre in the prior.
    """

    ridge: float
    balance: float
    group_weight: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """Weights of the network's features for each genre, with the biases in the last row.

    Attributes:
        all_tags: (n_features + 1, n_genres), the mean over a genre's tags in the last layer.
        leading_tag: (n_features + 1, n_genres), the same for the first of a genre's tags alone.
        groups: (n_features + 1, n_genres), 1 if a feature is a tag group of the genre or of its
            parent, over the number of such groups.
    """

    all_tags: Float64
    leading_tag: Float64
    groups: Float64

    def without(self, column: int) -> Prior:
        """The prior without the genre of a column."""
        parts = (self.all_tags, self.leading_tag, self.groups)
        return Prior(*(np.delete(part, column, 1) for part in parts))


def tag_prior(network: Path, settings: Settings) -> Prior:
    """Read the prior from the network's last layer; a genre without tags has tag weights of 0."""
    tensors = {t.name: numpy_helper.to_array(t) for t in onnx.load(str(network)).graph.initializer}
    layer = np.concatenate([tensors["tags_kernel"], tensors["tags_bias"][None]]).astype(np.float64)
    of_groups = group_genres(len(tensors[f"{GROUPS}_bias"]) if f"{GROUPS}_bias" in tensors else 0)
    layer = np.insert(layer, [len(layer) - 1] * len(of_groups), 0, axis=0)
    none = np.zeros(len(layer))

    def column(tags: list[str]) -> Float64:
        places = [settings.msd_tags.index(tag) for tag in tags]
        return layer[:, places].mean(axis=1) if places else none

    of_genres = settings.tags.values()
    return Prior(
        np.stack([column(tags) for tags in of_genres], axis=1),
        np.stack([column(tags[:1]) for tags in of_genres], axis=1),
        group_columns(of_groups, settings, len(layer)),
    )


def group_columns(of_groups: list[str], settings: Settings, n_rows: int) -> Float64:
    """(n_rows, n_genres): the share of each group in its genre and that genre's sub-genres.

    The groups are the last features; the very last row has the biases.
    """
    columns = np.zeros((n_rows, len(settings.genres)))
    first = n_rows - 1 - len(of_groups)
    for place, genre in enumerate(settings.genres):
        root = settings.parents.get(genre, genre)
        own = [first + index for index, name in enumerate(of_groups) if name == root]
        columns[own, place] = 1 / max(len(own), 1)
    return columns


def fit_on(clips: Clips, tracks: Ints, prior: Prior, settings: HeadSettings) -> Head:
    """Fit a head that learns families (Rock, with all its sub-genres) from some clips' labels.

    A sub-genre's logit is its family's, plus its lead over the family's average sub-genre.  The
    rendered scores among the clips are fitted on, too.
    """
    own = tracks
    tracks = np.concatenate([own, clips.renderings])
    counts = Counter(clips.labels[index] for index in tracks)
    weights = np.array([counts[clips.labels[index]] ** -settings.balance for index in tracks])
    weights[len(own) :] *= RENDERING_WEIGHT
    member = clips.families
    deviation = np.maximum(clips.means[tracks].std(axis=0), SMALLEST_DEVIATION)
    groups = settings.group_weight * prior.groups[:-1] / deviation[:, None]
    tags = prior.all_tags[:-1]
    family = fit_head(
        clips.means[tracks],
        clips.candidates[tracks] @ member > 0,
        weights,
        settings.ridge,
        (tags + groups) @ member / member.sum(axis=0),
    )
    lead = prior.leading_tag - (prior.leading_tag @ member / member.sum(axis=0)) @ member.T
    kinds = clips.means[own] @ lead[:-1] + lead[-1]
    excess = np.log(np.exp(kinds) @ member).mean(axis=0)  # what splitting a family would add to it
    return Head(
        (family.weights @ member.T + lead[:-1]).astype(np.float32),
        ((family.bias - excess) @ member.T + lead[-1]).astype(np.float32),
    )


def out_of_fold(
    clips: Clips, tracks: Ints, prior: Prior, settings: HeadSettings, seed: int = 0
) -> Float32:
    """Logits of each clip, (n_tracks, n_genres), by a head that was not fitted on its artist."""
    artists = np.array(clips.artists)[tracks]
    names = np.random.default_rng(seed).permutation(np.unique(artists))
    logits = np.zeros((len(tracks), clips.candidates.shape[1]), np.float32)
    for part in np.array_split(names, N_FOLDS):
        fold = np.isin(artists, part)
        head = fit_on(clips, tracks[~fold], prior, settings)
        logits[fold] = head.logits(clips.means[tracks[fold]].astype(np.float32))
    return logits


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """A genre that is left out of the list and of the fit, and its clips' logits without it.

    Attributes:
        genre: The genre that is left out.
        clips: All clips, with the remaining genres.
        tracks: The indices of the genre's clips.
        logits: (n_tracks, n_genres - 1).
    """

    genre: str
    clips: Clips
    tracks: Ints
    logits: Float32


def leave_out(
    clips: Clips, fit: Ints, asked: Ints, prior: Prior, genre: str, settings: HeadSettings
) -> LeftOut:
    """Fit without a genre, then compute the logits of those of its clips that are in ``asked``."""
    column = clips.genres.index(genre)
    keep = np.arange(len(clips.genres)) != column
    reduced = replace(
        clips,
        genres=[name for name in clips.genres if name != genre],
        tree=clips.tree[np.ix_(keep, keep)],
        candidates=clips.candidates[:, keep],
        strict=clips.strict[:, keep],
    )
    others = fit[~clips.candidates[fit, column]]
    head = fit_on(reduced, others, prior.without(column), settings)
    tracks = asked[clips.candidates[asked, column]]
    return LeftOut(genre, reduced, tracks, head.logits(clips.means[tracks].astype(np.float32)))
