"""The model's genres, their tags and families, and the genres that each label allows.

All of this is data in ``genres.yaml``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from genre_model.model.vocabulary import Vocabulary, make_vocabulary

GENRES_FILE = Path(__file__).with_name("genres.yaml")


@dataclass(frozen=True, slots=True)
class GenreSettings:
    """A genre: the network's tags that indicate it, the leading one first, and its parent."""

    tags: list[str]
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The content of ``genres.yaml``, whose first comment explains each part."""

    msd_tags: list[str]
    genres: dict[str, GenreSettings]
    presets: dict[str, list[str]]
    labels: dict[str, list[str]]
    styles: dict[str, list[str]]

    @property
    def parents(self) -> dict[str, str]:
        """Genre -> parent, for those that have one."""
        return {
            name: genre.parent for name, genre in self.genres.items() if genre.parent is not None
        }

    @property
    def tags(self) -> dict[str, list[str]]:
        """Genre -> its tags."""
        return {name: genre.tags for name, genre in self.genres.items()}


def read_settings(path: Path = GENRES_FILE) -> Settings:
    """Read a file of settings.

    Raises:
        msgspec.ValidationError: A part is missing or has another type.
    """
    return msgspec.yaml.decode(path.read_bytes(), type=Settings)


def vocabulary_of(genres: Sequence[str], parents: Mapping[str, str]) -> Vocabulary:
    """A vocabulary that may answer each of the genres."""
    return make_vocabulary(genres, parents, {}, None)
