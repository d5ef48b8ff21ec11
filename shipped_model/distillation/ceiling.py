"""What the shipped protocol could reach if the teachers' outputs were inputs of the head.

    python -m shipped_model.distillation.ceiling WORK MUSIC network.onnx --teachers FOLDER \
        [--student RUN]

Heads of the shipped kind are fitted on the shipped half of the artists, with the ridge, balance and
group weight chosen by folds inside it, and are tested on the other half.  *Precision at a coverage*
takes the most confident answers of a set.  Its threshold is chosen on the clips that are reported,
so no threshold can do better.  If a system has several heads, their logits are averaged.  With a
student, the layer also has its features as inputs.  Runs for ten minutes.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from genre_model.core.arrays import Float32, Float64, Ints
from genre_model.core.specs import AggregationSpec
from genre_model.evaluation.metrics import accuracy
from shipped_model.choice import (
    BALANCES,
    GROUP_WEIGHTS,
    INVERSE_TEMPERATURES,
    RIDGES,
    THRESHOLD,
    label_loss,
)
from shipped_model.clips import Clips, Rows, fitted_half, label_clips, read_rows
from shipped_model.distillation.add_groups import TEACHERS_GROUPS, joined, layer_of
from shipped_model.distillation.tag_layer import Material, clips_and_packages
from shipped_model.distillation.teachers import with_teachers
from shipped_model.groups import EMBEDDING
from shipped_model.head import HeadSettings, Prior, fit_on, out_of_fold, tag_prior
from shipped_model.scoring import Scored, score
from shipped_model.settings import read_settings, vocabulary_of

NOTHING_ELSE = -1.25  # the shipped logit of something else; it hardly affects which are surest
COVERAGES = (0.4, 0.5, 0.56, 0.6, 0.7, 0.8)
GOAL = 0.9

# The inputs of each head; "layer" is the shipped layer's prediction of the teachers' groups.
SYSTEMS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "the network alone": ((EMBEDDING,),),
    "with the layer (shipped)": ((EMBEDDING, "layer"),),
    "teachers' groups": ((EMBEDDING, "true"),),
    "teachers' groups & mn04": ((EMBEDDING, "true"), ("mn04_features", "true")),
    "teachers' groups & msd-fcn": ((EMBEDDING, "true"), ("fcn_embedding", "true")),
    "teachers' groups & mn04 & msd-fcn": (
        (EMBEDDING, "true"),
        ("mn04_features", "true"),
        ("fcn_embedding", "true"),
    ),
}


@dataclass(frozen=True, eq=False)
class Study:
    """The data that all heads share.

    Attributes:
        clips: The clips with their labels.
        inputs: By name, (n_clips, n), scaled to the embedding's spread.
        prior: Prior of the embedding and the groups.
        fit: Indices of the clips that heads are fitted on.
        asked: Indices of the other clips.
    """

    clips: Clips
    inputs: Mapping[str, Float64]
    prior: Prior
    fit: Ints
    asked: Ints

    def with_inputs(self, names: Sequence[str]) -> tuple[Clips, Prior]:
        """The clips with the named inputs as their features, and the prior of these features."""
        values = np.concatenate([self.inputs[name] for name in names], axis=1).astype(np.float32)
        n_embedding, n_groups = self.inputs[EMBEDDING].shape[1], self.inputs["true"].shape[1]
        rows = [
            np.arange(n_embedding)
            if name == EMBEDDING
            else n_embedding + np.arange(n_groups)
            if name in ("layer", "true")
            else np.full(self.inputs[name].shape[1], -1)
            for name in names
        ]
        places = np.concatenate([*rows, [n_embedding + n_groups]])

        def part(layer: Float64) -> Float64:
            return np.where(places[:, None] < 0, 0.0, layer[places])

        prior = Prior(
            *(part(p) for p in (self.prior.all_tags, self.prior.leading_tag, self.prior.groups))
        )
        return replace(self.clips, features=[row[None] for row in values]), prior


@dataclass(frozen=True, eq=False)
class Answered:
    """The logits of one head: out of fold on the fitted clips, and on the others."""

    fit: Float32
    asked: Float32


def main() -> None:
    """Print the tables."""
    options = parse()
    rows = read_rows(options.music)
    pieces = clips_and_packages(options.work, rows, options.teachers, options.student)
    study = study_of(rows, *pieces, tag_prior(options.network, read_settings()))
    vocabulary = vocabulary_of(study.clips.genres, read_settings().parents)

    @cache
    def head(names: tuple[str, ...]) -> Answered:
        return answered(study, names)

    print(
        "| inputs | music | right | answered at .65 | right, of those | "
        + " | ".join(f"of the surest {each:.2f}" for each in COVERAGES)
        + f" | most with {GOAL} |"
    )
    print("|" + "---|" * (6 + len(COVERAGES)))
    for name, heads in SYSTEMS.items():
        found = [head(inputs) for inputs in heads]
        fit = np.mean([each.fit for each in found], axis=0)
        asked = np.mean([each.asked for each in found], axis=0)
        scored = score(study.clips, study.asked, asked, fitted_spec(study, fit), vocabulary)
        for music in sorted(set(scored.sets)):
            print(f"| {name} | {music} | {row(scored, scored.inside(music))} |", flush=True)


def parse() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    for name in ("work", "music", "network"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--student", type=Path, help="the RUN of student_features")
    return with_teachers(parser)


def study_of(rows: Rows, material: Material, packages: Material, prior: Prior) -> Study:
    """The clips with all inputs that the systems use."""
    embedding = material.outputs[EMBEDDING]
    features = [row[None].astype(np.float32) for row in embedding]
    clips = label_clips(rows, features, read_settings())
    half = fitted_half(clips)
    fit = np.flatnonzero(half)
    spread = float(np.median(embedding[fit].std(axis=0)))
    layer = joined([layer_of(name, material, packages, fit) for name in TEACHERS_GROUPS])
    raw = {
        "layer": layer(material.inputs),
        "true": np.concatenate([material.outputs[name] for name in TEACHERS_GROUPS], axis=1),
        **{name: material.outputs[name] for name in ("mn04_features", "fcn_embedding")},
    }
    inputs = {name: scaled(values, fit, spread) for name, values in raw.items()}
    return Study(
        clips,
        {EMBEDDING: embedding, **inputs},
        prior,
        fit,
        np.flatnonzero(~half),
    )


def scaled(values: Float64, fit: Ints, spread: float) -> Float64:
    """Inputs with mean 0 and standard deviation ``spread`` over the fitted clips."""
    deviation = np.maximum(values[fit].std(axis=0), 1e-6)
    standard: Float64 = (values - values[fit].mean(axis=0)) / deviation * spread
    return standard


def answered(study: Study, names: tuple[str, ...]) -> Answered:
    """Logits of a head of the shipped kind, with the settings of least loss on the fitted half."""
    clips, prior = study.with_inputs(names)
    ridges = RIDGES if EMBEDDING in names else (*RIDGES, 0.1)
    weights = GROUP_WEIGHTS if {"layer", "true"} & {*names} else (0.0,)
    candidates = [HeadSettings(*v) for v in itertools.product(ridges, BALANCES, weights)]
    results = []
    for settings in candidates:
        logits = out_of_fold(clips, study.fit, prior, settings)
        losses = [label_loss(clips, study.fit, logits, spec(t)) for t in INVERSE_TEMPERATURES]
        results.append((min(losses), settings, logits))
    _, best, of_fit = min(results, key=lambda result: result[0])
    head = fit_on(clips, study.fit, prior, best)
    return Answered(of_fit, head.logits(clips.means[study.asked].astype(np.float32)))


def spec(inverse_temperature: float) -> AggregationSpec:
    """The aggregation that turns logits into probabilities."""
    return AggregationSpec("product", float(inverse_temperature), NOTHING_ELSE, THRESHOLD)


def fitted_spec(study: Study, logits: Float32) -> AggregationSpec:
    """The aggregation whose temperature has the least loss on the fitted half."""
    return min(
        map(spec, INVERSE_TEMPERATURES), key=lambda s: label_loss(study.clips, study.fit, logits, s)
    )


def row(scored: Scored, inside: Ints) -> str:
    """The cells of one set's clips."""
    order = inside[np.argsort(-scored.confidence[inside], kind="stable")]
    right = scored.right[order]
    accepted = scored.confidence[inside] >= THRESHOLD
    cells = [
        f"{accuracy(right):.3f}",
        f"{accepted.mean():.3f}",
        str(scored.precision(inside, THRESHOLD)),
    ]
    cells += [at_coverage(scored, inside, each) for each in COVERAGES]
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    enough = np.flatnonzero(precision >= GOAL)
    cells.append(f"{(enough[-1] + 1) / len(right) if len(enough) else 0:.3f}")
    return " | ".join(cells)


def at_coverage(scored: Scored, inside: Ints, coverage: float) -> str:
    """The share of right answers among the most confident; with its interval at 0.6."""
    confidence = scored.confidence[inside]
    threshold = np.sort(confidence)[::-1][round(coverage * len(inside)) - 1]
    if coverage == 0.6:
        return str(scored.precision(inside, float(threshold)))
    return f"{accuracy(scored.right[inside[confidence >= threshold]]):.3f}"


if __name__ == "__main__":
    main()
