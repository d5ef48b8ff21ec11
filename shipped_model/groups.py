"""The tag groups among the network's features: predictions of larger networks' logits by genre.

``shipped_model.distillation.add_groups`` adds them to the network.  The names of the outputs and
the order of the groups are defined here, so that fitting the head does not need the teachers.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

GROUPS_FILE = Path(__file__).with_name("groups.yaml")

# Outputs of the network: the embedding, the groups, and both concatenated.
EMBEDDING, GROUPS, WITH_GROUPS = "embedding", "groups", "embedding_and_groups"


def group_classes() -> dict[str, list[str]]:
    """Genre -> AudioSet's classes that indicate it, in the order of a teacher's groups."""
    return msgspec.yaml.decode(GROUPS_FILE.read_bytes(), type=dict[str, list[str]])


def group_genres(n_groups: int) -> list[str]:
    """The genre of each group; every teacher has one group for each genre.

    Raises:
        ValueError: The number of groups is not a multiple of the number of genres.
    """
    genres = list(group_classes())
    n_teachers, left = divmod(n_groups, len(genres))
    if left:
        raise ValueError(f"{n_groups} groups are no multiple of {len(genres)} genres")
    return genres * n_teachers
