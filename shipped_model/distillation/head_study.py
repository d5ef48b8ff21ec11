"""The shipped model's head with tag groups among its inputs, against the head without them.

    python -m shipped_model.distillation.head_study WORK MUSIC NETWORK --teachers FOLDER [--seeds 3]
        [--student RUN]

Uses the five artist folds of ``tag_layer``, and its layer, fitted on the packages and on the clips
of the training artists.  *Right* is as in the model's report: an answer that the label allows.  If
``prior`` is not 0, the head is pulled to this weight of a group for its own genre.  With a student,
the layer also has its features as inputs.  Runs for five minutes with three seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from genre_model.core.arrays import Float64, Ints
from genre_model.core.specs import AggregationSpec
from genre_model.evaluation.metrics import one_hot, ratio_interval
from genre_model.model.vocabulary import Vocabulary
from shipped_model.choice import THRESHOLD
from shipped_model.clips import Clips, label_clips, read_rows
from shipped_model.distillation.groups import audioset_groups, class_names
from shipped_model.distillation.protocol import N_FOLDS, Task, artist_folds
from shipped_model.distillation.tag_layer import (
    Layers,
    clips_and_packages,
)
from shipped_model.distillation.teachers import with_teachers
from shipped_model.groups import EMBEDDING
from shipped_model.head import HeadSettings, Prior, fit_on, tag_prior
from shipped_model.scoring import score
from shipped_model.settings import read_settings, vocabulary_of

SPEC = AggregationSpec("product", 1.0, -1.75, THRESHOLD)  # any will do for the leading genre
BALANCE = 0.5


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant of the head.

    Attributes:
        ridge: Strength of the pull to the prior.
        groups: Outputs of ``tag_layer`` among its inputs.
        source: Where the groups come from: ``true`` for the teachers, or the layer's source.
        prior: Prior weight of a group for its own genre.
    """

    ridge: float
    groups: tuple[str, ...] = ()
    source: str = ""
    prior: float = 0.0


MN04, YAMNET = ("mn04 groups",), ("yamnet groups",)
RIDGES = (0.3, 0.1)
VARIANTS = [
    variant
    for ridge in RIDGES
    for variant in (
        Variant(ridge),
        *(
            Variant(ridge, groups, source, prior)
            for source in ("both", "true")
            for groups, prior in ((MN04, 1.0), (YAMNET, 1.0), (MN04 + YAMNET, 0.5))
        ),
    )
]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    for name in ("work", "music", "network"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--student", type=Path, help="the RUN of student_features")
    options = with_teachers(parser)
    rows, settings = read_rows(options.music), read_settings()
    material, packages = clips_and_packages(options.work, rows, options.teachers, options.student)
    layers = Layers(material, packages)
    embedding = [row[None].astype(np.float32) for row in material.outputs[EMBEDDING]]
    study = Study(
        label_clips(rows, embedding, settings),
        of_embedding(tag_prior(options.network, settings), embedding[0].shape[1]),
        list(audioset_groups(class_names(options.teachers / "audioset_labels.csv"))),
        layers,
    )
    right = partial(study.right, vocabulary_of(study.clips.genres, settings.parents), options.seeds)
    for line in table(study.clips, right):
        print(line, flush=True)


def of_embedding(prior: Prior, n_embedding: int) -> Prior:
    """The prior of the embedding alone, without the groups that follow it."""
    rows = [*range(n_embedding), -1]  # the last has the biases
    return Prior(prior.all_tags[rows], prior.leading_tag[rows], prior.groups[rows])


@dataclass(frozen=True, eq=False)
class Study:
    """The data that all variants share.

    Attributes:
        clips: The clips, with embeddings as their features.
        prior: Prior of the embedding.
        names: The genres of the groups.
        layers: The layers that predict the groups.
    """

    clips: Clips
    prior: Prior
    names: list[str]
    layers: Layers

    def right(self, vocabulary: Vocabulary, n_seeds: int, variant: Variant) -> Float64:
        """The share of seeds in which each clip is right, (n_clips,), without its artist."""
        task = Task(
            np.arange(len(self.clips.labels)),
            np.array(self.clips.labels),
            np.array(self.clips.artists),
        )
        found = np.zeros((n_seeds, len(task.clips)))
        for seed in range(n_seeds):
            for train, tested in artist_folds(task, seed, N_FOLDS):
                clips, prior = self.extended(variant, train)
                head = fit_on(clips, train, prior, HeadSettings(variant.ridge, BALANCE))
                logits = head.logits(clips.means[tested].astype(np.float32))
                found[seed, tested] = score(clips, tested, logits, SPEC, vocabulary).right
        shares: Float64 = found.mean(axis=0)
        return shares

    def extended(self, variant: Variant, train: Ints) -> tuple[Clips, Prior]:
        """The clips with standardised groups among their features, and these features' prior."""
        clips, prior = self.clips, self.prior
        for name in variant.groups:
            values = self.layers.features(name, variant.source)(train)
            values = (values - values[train].mean(axis=0)) / values[train].std(axis=0)
            features = [
                np.concatenate([old, new[None]], axis=1)
                for old, new in zip(clips.features, values.astype(np.float32), strict=True)
            ]
            clips = replace(clips, features=features)
            own = variant.prior * np.stack(
                [clips.tree[:, clips.genres.index(genre)] for genre in self.names]
            )
            none = np.zeros_like(own)
            prior = Prior(
                with_rows(prior.all_tags, own),
                with_rows(prior.leading_tag, none),
                with_rows(prior.groups, none),
            )
        return clips, prior


def with_rows(layer: Float64, rows: Float64) -> Float64:
    """Insert rows of weights before the last row, which has the biases."""
    return np.concatenate([layer[:-1], rows, layer[-1:]])


def table(clips: Clips, right: partial[Float64]) -> Iterator[str]:
    """Accuracy of each variant, and its gain over the head of the same ridge without groups."""
    sets = sorted(set(clips.sets))
    columns = one_hot(clips.labels)
    yield "| ridge | groups | by | prior | " + " | ".join(sets) + " | gain, all | balanced |"
    yield "|---|---|---|---|" + "---|" * (len(sets) + 2)
    plain: dict[float, Float64] = {}
    for variant in VARIANTS:
        share = right(variant)
        change = share - plain.setdefault(variant.ridge, share)
        songs = ratio_interval(change, np.ones(len(change)), clips.artists)
        balanced = ratio_interval(change[:, None] * columns, columns, clips.artists)
        cells = [str(variant.ridge), ", ".join(variant.groups), variant.source, str(variant.prior)]
        cells += [f"{share[clips.sets == name].mean():.3f}" for name in sets]
        cells += [
            f"{each.value:+.3f} [{each.low:+.3f}, {each.high:+.3f}]" for each in (songs, balanced)
        ]
        yield "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
