"""The tag groups among the network's features: what larger networks would say of each genre.

``shipped_model.distillation.add_groups`` adds them to the network.  The names of the outputs and
the order of the groups are here, so that fitting the head needs nothing of the teachers.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

GROUPS_FILE = Path(__file__).with_name("groups.yaml")

# Outputs of the network: the embedding, the groups, and the two side by side.
EMBEDDING, GROUPS, WITH_GROUPS = "embedding", "groups", "embedding_and_groups"


def group_classes() -> dict[str, list[str]]:
    """Genre to AudioSet's classes that speak for it, in the order of a teacher's groups."""
    return msgspec.yaml.decode(GROUPS_FILE.read_bytes(), type=dict[str, list[str]])


def group_genres(n_groups: int) -> list[str]:
    """The genre of each group, where every teacher has one for each genre.

    Raises:
        ValueError: There are not as many for each teacher.
    """
    genres = list(group_classes())
    n_teachers, left = divmod(n_groups, len(genres))
    if left:
        raise ValueError(f"{n_groups} groups are no multiple of {len(genres)} genres")
    return genres * n_teachers
