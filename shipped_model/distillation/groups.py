"""Tag groups: for each genre the largest logit among the tags that indicate it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from genre_model.core.arrays import Float64
from shipped_model.groups import group_classes
from shipped_model.settings import Settings

Groups = Mapping[str, Sequence[int]]  # genre -> indices of its tags


def class_names(file: Path) -> list[str]:
    """The names of a teacher's outputs, in order, from its table of labels."""
    with file.open(encoding="utf-8", newline="") as rows:
        return [row["display_name"] for row in csv.DictReader(rows)]


def audioset_groups(names: Sequence[str]) -> Groups:
    """The groups of ``groups.yaml`` for a network with these outputs; unknown classes are skipped.

    Raises:
        ValueError: The network has no class for a genre.
    """
    return placed(group_classes(), names)


def tag_groups(settings: Settings) -> Groups:
    """Groups of the fifty MSD tags for each root genre with tags, its sub-genres' tags included."""
    roots: dict[str, list[str]] = {}
    for name, genre in settings.genres.items():
        if genre.tags:
            roots.setdefault(genre.parent or name, []).extend(genre.tags)
    return placed(roots, settings.msd_tags)


def placed(classes: Mapping[str, Iterable[str]], names: Sequence[str]) -> Groups:
    """Replace the class names of each genre by their indices in ``names``."""
    where = {name: place for place, name in enumerate(names)}
    groups = {
        genre: [where[name] for name in members if name in where]
        for genre, members in classes.items()
    }
    if empty := [genre for genre, places in groups.items() if not places]:
        raise ValueError(f"no class for {', '.join(empty)}")
    return groups


def group_logits(logits: Float64, groups: Groups) -> Float64:
    """(n, n_groups) from logits (n, n_classes): the largest logit of each group."""
    return np.stack([logits[:, places].max(axis=1) for places in groups.values()], axis=1)
