"""What a student adds, measured on clips of artists that it was not trained on.

    python -m shipped_model.distillation.student_study WORK RUN MUSIC --teachers FOLDER [--seeds 10]

Uses the protocol of ``protocol.py`` inside the kept-out half of MUSIC's artists, on whose clips the
student in RUN was not trained.  The first table shows how much of each teacher's output the student
explains, against a linear layer on the frozen network that was fitted on the same pieces; the
second shows how often systems are right.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genre_model.core.arrays import Float64, Ints
from genre_model.training.keras_export import require_tensorflow
from shipped_model.clips import Rows, kept_out_artists, read_rows
from shipped_model.distillation.groups import audioset_groups, class_names
from shipped_model.distillation.linear import explained
from shipped_model.distillation.protocol import (
    Answers,
    Features,
    Task,
    answers_of,
    gain,
    log_probabilities,
)
from shipped_model.distillation.store import open_labels
from shipped_model.distillation.student import N_SLICES
from shipped_model.distillation.tag_layer import places_of_clips, tasks_of
from shipped_model.distillation.teachers import N_SLICES as PIECE_SLICES
from shipped_model.distillation.teachers import with_teachers
from shipped_model.distillation.training_data import (
    Pieces,
    divided,
    layers_of,
    mean_of_piece,
    open_pieces,
    read_scales,
)

BATCH = 8
HALVES = np.arange(PIECE_SLICES).reshape(N_SLICES, -1).T  # a piece's slices in two parts
SYSTEMS: tuple[tuple[str, ...], ...] = (
    ("embedding",),
    ("embedding", "mn04_features of the student"),
    ("embedding", "fcn_embedding of the student"),
    ("embedding", "mn04_features of the student", "fcn_embedding of the student"),
    ("embedding", "all logits of the student"),
    ("embedding", "mn04_features of the layer", "fcn_embedding of the layer"),
    ("embedding", "all logits of the layer"),
    ("embedding", "mn04_features of the teacher", "fcn_embedding of the teacher"),
    ("embedding", "all logits of the teacher"),
)
LOGITS = ("mn04_logits", "yamnet_groups", "fcn_logits")


@dataclass(frozen=True, eq=False)
class Said:
    """Outputs of the teachers, the student and a linear layer for the clips, by target's name."""

    teacher: Mapping[str, Float64]
    student: Mapping[str, Float64]
    layer: Mapping[str, Float64]

    def of(self, name: str) -> Float64:
        """The values of a name in ``SYSTEMS``."""
        what, who = name.split(" of the ")
        said: Mapping[str, Float64] = getattr(self, who)
        if what == "all logits":
            return np.concatenate([said[part] for part in LOGITS], axis=1)
        return said[what]


def main() -> None:
    """Print the tables."""
    options = parse()
    require_tensorflow("a student")
    labels, rows = open_labels(options.work / "labels"), read_rows(options.music)
    yamnet = audioset_groups(class_names(options.teachers / "yamnet_labels.csv"))
    pieces, clips = open_pieces(labels, yamnet), np.array(places_of_clips(labels, rows))
    kept_out = kept_out_artists(options.music)
    said = Said(
        of_teacher(pieces, clips), of_student(pieces, clips, options.run),
        of_layer(pieces, clips, kept_out),
    )  # fmt: skip
    embedding = pieces.frozen[clips][..., 514:].astype(np.float64).mean(axis=1)
    print("\n".join(explained_table(said, rows, kept_out)), end="\n\n")
    print("\n".join(systems_table(said, embedding, kept_out_tasks(rows, kept_out), options.seeds)))


def parse() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    for name in ("work", "run", "music"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    return with_teachers(parser)


def of_teacher(pieces: Pieces, clips: Ints) -> dict[str, Float64]:
    """The teachers' outputs, which are the targets."""
    return {name: mean_of_piece(values[clips]) for name, values in pieces.targets.items()}


def of_student(pieces: Pieces, clips: Ints, run: Path) -> dict[str, Float64]:
    """The outputs of a run's student."""
    import keras

    model, scales = keras.models.load_model(run / "student.keras"), read_scales(run / "scales.npz")
    names = {tensor.name for tensor in model.inputs}
    found: dict[str, list[Float64]] = {name: [] for name in pieces.targets}
    for part in np.array_split(clips, -(-len(clips) // BATCH)):
        inputs = [pieces.inputs(place, slices) for place in part.tolist() for slices in HALVES]
        batch = {name: np.stack([each[name] for each in inputs]) for name in names}
        for name, values in model.predict_on_batch(batch).items():
            halves = mean_of_piece(scales[name].original(values))
            found[name].append(halves.reshape(len(part), len(HALVES), -1).mean(axis=1))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def of_layer(pieces: Pieces, clips: Ints, kept_out: frozenset[str]) -> dict[str, Float64]:
    """Outputs of a linear layer on the frozen network, fitted on the student's training pieces."""
    training, _ = divided(pieces.labelled, kept_out)
    asked = mean_of_piece(pieces.frozen[clips])
    return {name: layer(asked) for name, layer in layers_of(pieces, training).items()}


def kept_out_tasks(rows: Rows, kept_out: frozenset[str]) -> dict[str, Task]:
    """The tasks with the clips of the kept-out artists."""
    return {
        name: task.part(np.flatnonzero(np.isin(task.artists, sorted(kept_out))))
        for name, task in tasks_of(rows).items()
    }


def explained_table(said: Said, rows: Rows, kept_out: frozenset[str]) -> Iterator[str]:
    """R squared of each target on the clips of kept-out artists."""
    tested = np.array([row["artist"] in kept_out for row in rows])
    yield "| target | student | linear layer |\n|---|---|---|"
    for name, truth in said.teacher.items():
        shares = [
            explained(truth[tested], values[tested]).mean()
            for values in (said.student[name], said.layer[name])
        ]
        yield f"| {name} | {shares[0]:.2f} | {shares[1]:.2f} |"


def constant(values: Float64) -> Features:
    """Features that are the same in all folds, because no clip of the study was used for them."""
    return lambda usable: values


def systems_table(
    said: Said, embedding: Float64, tasks: Mapping[str, Task], n_seeds: int
) -> Iterator[str]:
    """Accuracy and balanced accuracy of each system, and the gain over the first."""
    names = list(tasks)
    yield "| inputs | " + " | ".join(names) + " | gain, all sets | balanced |"
    yield "|---|" + "---|" * (len(names) + 2)
    seeds = range(n_seeds)
    parts: dict[tuple[str, str], Float64] = {}
    base: list[Answers] = []
    for system in SYSTEMS:
        found = []
        for task in names:
            for name in system:
                values = embedding if name == "embedding" else said.of(name)
                if (task, name) not in parts:
                    parts[task, name] = log_probabilities(tasks[task], constant(values), seeds)
            found.append(answers_of(tasks[task], [parts[task, name] for name in system]))
        base = base or found
        pairs = list(zip(base, found, strict=True))
        cells = [f"{each.accuracy:.3f} / {each.balanced:.3f}" for each in found]
        for balanced in (False, True):
            change = gain(pairs, balanced=balanced)
            cells.append(f"{change.value:+.3f} [{change.low:+.3f}, {change.high:+.3f}]")
        yield f"| {' & '.join(system)} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
