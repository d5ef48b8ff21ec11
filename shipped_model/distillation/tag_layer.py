"""The gain from a linear layer on the frozen network that predicts the teachers' outputs.

    python -m shipped_model.distillation.tag_layer WORK MUSIC --teachers FOLDER [--seeds 10]

WORK has the labels of ``shipped_model.distillation.label``; MUSIC is the labelled development
music.  Uses the protocol of ``protocol.py``.  The first table shows how much of the teachers'
outputs a layer explains on clips of artists that it was not fitted on; the second shows how often
systems are right, with the teachers' own outputs and with the layer's predictions.  Runs for five
minutes with ten seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from tqdm import tqdm

from genre_model.core.arrays import Float64, Ints
from shipped_model.clips import Rows, read_rows
from shipped_model.distillation.groups import (
    audioset_groups,
    class_names,
    group_logits,
    tag_groups,
)
from shipped_model.distillation.linear import RIDGE, explained, fit_layer, sums_of
from shipped_model.distillation.pieces import CLIPS
from shipped_model.distillation.protocol import (
    N_FOLDS,
    Answers,
    Features,
    Task,
    answers_of,
    artist_folds,
    gain,
    log_probabilities,
)
from shipped_model.distillation.store import Labels, open_labels
from shipped_model.distillation.student_features import read_student_features
from shipped_model.distillation.teachers import with_teachers
from shipped_model.groups import EMBEDDING
from shipped_model.settings import read_settings

# Training data of a layer -> weight of a piece of the packages, and of a development clip.
SOURCES = {"clips": (0.0, 1.0), "packages": (1.0, 0.0), "both": (0.3, 1.0)}
MEASURED = ("clips", "both")
MUSIC = 137  # index of AudioSet's class "Music" among mn04's logits
OWN = (EMBEDDING, "tag groups")  # the shipped network's own outputs
# The systems as lists of inputs; each input has its own regression; those joined by "+" share one.
SYSTEMS: tuple[tuple[str, ...], ...] = (
    (EMBEDDING,),
    (EMBEDDING, "tag groups"),
    (EMBEDDING, "mn04 groups+tag groups"),
    (EMBEDDING, "mn04 groups+yamnet groups+tag groups"),
    (EMBEDDING, "mn04 groups+tag groups", "fcn_embedding"),
)


@dataclass(frozen=True, eq=False)
class Material:
    """The labelled pieces of one kind.

    Attributes:
        inputs: (n, 714): a piece's means of the frozen network's pooled layer and embedding,
            followed by a student's features, if there is one.
        outputs: By name, (n, n_outputs): the outputs that a layer may predict.
    """

    inputs: Float64
    outputs: Mapping[str, Float64]


def main() -> None:
    """Print the tables."""
    options = parse()
    rows = read_rows(options.music)
    clips, packages = clips_and_packages(options.work, rows, options.teachers)
    tasks = tasks_of(rows)
    print(f"{len(clips.inputs)} clips, {len(packages.inputs)} pieces of packages\n")
    print("\n".join(explained_table(clips, packages, tasks)), end="\n\n")
    for line in systems_table(clips, packages, tasks, options.seeds):
        print(line, flush=True)


def parse() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("music", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    return with_teachers(parser)


def material_of(labels: Labels, teachers: Path, student: Path | None = None) -> Material:
    """All labelled pieces, in the order of the labels."""
    mn04, yamnet = labels.means("mn04_logits"), labels.means("yamnet_logits")
    audioset, yamnet_classes = (
        audioset_groups(class_names(teachers / f"{name}_labels.csv"))
        for name in ("audioset", "yamnet")
    )
    embedding = labels.means("embedding")
    inputs = [labels.means("pooled"), embedding]
    if student:
        inputs.append(read_student_features(student, len(embedding)))
    return Material(
        np.concatenate(inputs, axis=1),
        {
            EMBEDDING: embedding,
            "mn04 groups": group_logits(mn04, audioset),
            "yamnet groups": group_logits(yamnet, yamnet_classes),
            "tag groups": group_logits(labels.means("tag_logits"), tag_groups(read_settings())),
            "mn04_features": labels.means("mn04_features"),
            "fcn_embedding": labels.whole("fcn_embedding"),
        },
    )


def clips_and_packages(
    work: Path, rows: Rows, teachers: Path, student: Path | None = None
) -> tuple[Material, Material]:
    """The clips, in the order of the manifest, and the packages' music."""
    labels = open_labels(work / "labels")
    everything = material_of(labels, teachers, student)
    clips = chosen(everything, places_of_clips(labels, rows))
    return clips, chosen(everything, places_of_music(labels))


def chosen(material: Material, places: list[int]) -> Material:
    """The material of some of the pieces."""
    outputs = {name: values[places] for name, values in material.outputs.items()}
    return Material(material.inputs[places], outputs)


def places_of_clips(labels: Labels, rows: Rows) -> list[int]:
    """The index among the labels of each clip of the manifest, unchanged.

    Raises:
        KeyError: A clip is not labelled.
    """
    plain = {
        Path(each.piece.path).name: place
        for place, each in enumerate(labels.pieces)
        if each.piece.source == CLIPS and each.round == 0
    }
    return [plain[Path(row["path"]).name] for row in rows]


def places_of_music(labels: Labels) -> list[int]:
    """Indices of package pieces that are music by mn04; half of the files are effects or speech."""
    is_music = labels.means("mn04_logits")[:, MUSIC] > 0
    return [
        place
        for place, each in enumerate(labels.pieces)
        if each.piece.source != CLIPS and is_music[place]
    ]


def tasks_of(rows: Rows) -> dict[str, Task]:
    """A task for each set."""
    columns = {key: np.array([row[key] for row in rows]) for key in ("set", "genre", "artist")}
    places = {name: np.flatnonzero(columns["set"] == name) for name in sorted(set(columns["set"]))}
    return {
        name: Task(where, columns["genre"][where], columns["artist"][where])
        for name, where in places.items()
    }


class Layers:
    """Layers that predict outputs, fitted on the packages and on the clips that may be used."""

    def __init__(self, clips: Material, packages: Material) -> None:
        self.clips, self.packages = clips, packages
        self.sums_of_packages = cache(lambda name: sums_of(packages.inputs, packages.outputs[name]))

    def said(self, name: str, source: str, usable: Ints) -> Float64:
        """(n_clips, n_outputs): a layer's predictions of an output."""
        of_packages, of_clips = SOURCES[source]
        x, y = self.clips.inputs[usable], self.clips.outputs[name][usable]
        sums = sums_of(x, y, of_clips)
        if of_packages:
            sums = sums + self.sums_of_packages(name)
        return fit_layer(sums, RIDGE)(self.clips.inputs)

    def out_of_fold(self, name: str, source: str, task: Task) -> Float64:
        """(n_clips, n_outputs): predictions of an output by layers without the clip's artist."""
        found = np.zeros_like(self.clips.outputs[name])
        for others, tested in artist_folds(task, 0, N_FOLDS):
            asked = task.clips[tested]
            found[asked] = self.said(name, source, task.clips[others])[asked]
        return found

    def features(self, names: str, source: str) -> Features:
        """Inputs of a regression: outputs joined by "+", ``true`` ones or a layer's predictions."""

        def of(usable: Ints) -> Float64:
            parts = [
                self.clips.outputs[name]
                if source == "true" or name in OWN
                else self.said(name, source, usable)
                for name in names.split("+")
            ]
            return np.concatenate(parts, axis=1)

        return of


def explained_table(
    clips: Material, packages: Material, tasks: Mapping[str, Task]
) -> Iterator[str]:
    """R squared of each output on clips of left-out artists, by the layer's training data."""
    yield "| output | " + " | ".join(SOURCES) + " |"
    yield "|---|" + "---|" * len(SOURCES)
    layers = Layers(clips, packages)
    everyone = Task(
        np.concatenate([task.clips for task in tasks.values()]),
        np.concatenate([task.labels for task in tasks.values()]),
        np.concatenate([task.artists for task in tasks.values()]),
    )
    for name, truth in clips.outputs.items():
        if name in OWN:
            continue
        cells = []
        for source in SOURCES:
            said = layers.out_of_fold(name, source, everyone)
            cells.append(f"{explained(truth, said).mean():.2f}")
        yield f"| {name} | " + " | ".join(cells) + " |"


def systems_table(
    clips: Material, packages: Material, tasks: Mapping[str, Task], n_seeds: int
) -> Iterator[str]:
    """Accuracy and balanced accuracy of each system on each set, and its gain over the first."""
    layers, seeds = Layers(clips, packages), range(n_seeds)

    @cache
    def part(task: str, names: str, source: str) -> Float64:
        return log_probabilities(tasks[task], layers.features(names, source), seeds)

    def answers(system: tuple[str, ...], source: str) -> list[Answers]:
        return [
            answers_of(
                tasks[task],
                [part(task, names, "true" if names == EMBEDDING else source) for names in system],
            )
            for task in tasks
        ]

    base = answers(SYSTEMS[0], "true")
    names = list(tasks)
    yield "| inputs | by | " + " | ".join(names) + " | gain, all sets | balanced |"
    yield "|---|---|" + "---|" * (len(names) + 2)
    rows = [(SYSTEMS[0], "true")]
    rows += [
        (system, source)
        for system in SYSTEMS[1:]
        for source in ("true", *MEASURED)
        if source == "true" or not set("+".join(system).split("+")) <= set(OWN)
    ]
    for system, source in tqdm(rows, unit="system"):
        found = answers(system, source)
        pairs = list(zip(base, found, strict=True))
        cells = [
            f"{each.accuracy:.3f} / {each.balanced:.3f} ({gain([pair]).value:+.3f})"
            for pair, each in zip(pairs, found, strict=True)
        ]
        cells += [signed(pairs, balanced=False), signed(pairs, balanced=True)]
        yield f"| {' & '.join(system)} | {source} | " + " | ".join(cells) + " |"


def signed(pairs: list[tuple[Answers, Answers]], *, balanced: bool) -> str:
    """A gain with its interval."""
    found = gain(pairs, balanced=balanced)
    return f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"


if __name__ == "__main__":
    main()
