"""How often each genre is found without any labelled music, by the largest tag group.

    python -m shipped_model.distillation.zero_shot WORK MUSIC --teachers FOLDER

Groups are centred by their means over MUSIC's clips, whose labels are only used for the table. The
layer is fitted like the shipped one (``add_groups``), from WORK's labels, once for each of five
folds of the artists, on the clips of the other artists.  Runs for twenty seconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Float64
from shipped_model.clips import read_rows
from shipped_model.distillation.add_groups import TEACHERS_GROUPS
from shipped_model.distillation.groups import tag_groups
from shipped_model.distillation.protocol import Task
from shipped_model.distillation.tag_layer import Layers, Material, clips_and_packages
from shipped_model.distillation.teachers import with_teachers
from shipped_model.groups import group_classes
from shipped_model.settings import Settings, read_settings

Strings = NDArray[np.str_]

TAG_GROUPS = "tag groups"


def main() -> None:
    """Print the table."""
    options = parse()
    rows, settings = read_rows(options.music), read_settings()
    clips, packages = clips_and_packages(options.work, rows, options.teachers)
    said = groups_of(clips, packages, np.array([row["artist"] for row in rows]))
    labels = [f"{row['set']}/{row['genre']}" for row in rows]
    truth = np.array([root_of(label, settings) for label in labels])
    print("\n".join(table(truth, largest(said, {TAG_GROUPS: list(tag_groups(settings))}))))


def parse() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    for name in ("work", "music"):
        parser.add_argument(name, type=Path)
    return with_teachers(parser)


def root_of(label: str, settings: Settings) -> str:
    """The root genre of a label; "" if it has none or several."""
    roots = {settings.genres[name].parent or name for name in settings.labels.get(label, ())}
    return roots.pop() if len(roots) == 1 else ""


def groups_of(clips: Material, packages: Material, artists: Strings) -> dict[str, Float64]:
    """(n_clips, n_groups) of the network's tags, of each teacher, and of the layer."""
    layers = Layers(clips, packages)
    everyone = Task(np.arange(len(artists)), np.full(len(artists), ""), artists)
    found = {TAG_GROUPS: clips.outputs[TAG_GROUPS]}
    for name in TEACHERS_GROUPS:
        teacher = name.removesuffix(" groups")
        found[f"layer, of {teacher}"] = layers.out_of_fold(name, "both", everyone)
        found[teacher] = clips.outputs[name]
    return found


def largest(said: Mapping[str, Float64], genres: Mapping[str, list[str]]) -> dict[str, Strings]:
    """(n_clips,) for each source: the genre whose group exceeds its mean the most.

    Args:
        said: By source, (n_clips, n_groups).
        genres: The groups' genres, for each source whose groups are not AudioSet's.
    """
    audioset = list(group_classes())
    return {
        name: np.array(genres.get(name, audioset))[(values - values.mean(axis=0)).argmax(axis=1)]
        for name, values in said.items()
    }


def table(truth: Strings, found: Mapping[str, Strings]) -> Iterator[str]:
    """The share of each genre's clips whose largest group is that genre's."""
    yield "| genre | clips | " + " | ".join(found) + " |"
    yield "|---|" + "---|" * (len(found) + 1)
    for genre in group_classes():
        those = truth == genre
        if those.any():
            cells = [f"{(answers[those] == genre).mean():.2f}" for answers in found.values()]
            yield f"| {genre} | {those.sum()} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
