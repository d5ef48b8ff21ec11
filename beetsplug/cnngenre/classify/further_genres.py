"""More than one genre for a track: parents, finer genres that it has, and genres by its tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from beetsplug.cnngenre.classify.tasks import Task
from beetsplug.cnngenre.config import GENRES, Options
from beetsplug.cnngenre.models.bundles import backbone_bundle
from beetsplug.cnngenre.tagging.fields import as_stored
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.tags import further_genres, has_measured_tags, song_tags
from genre_model.model.vocabulary import SongGenre, Vocabulary

if TYPE_CHECKING:
    from genre_model.data.genre_tree import Arrangement
    from genre_model.model.song_features import SongFeatures


class FurtherGenres:
    """Applies the user's options for further genres to a model's answers."""

    def __init__(
        self,
        manifest: Manifest,
        vocabulary: Vocabulary,
        options: Options,
        spellings: Mapping[str, str],
    ) -> None:
        """``spellings`` has the library's spelling of each genre, by the genre's key."""
        self._manifest, self._vocabulary, self._options = manifest, vocabulary, options
        self._spellings = spellings
        self.of_genres = manifest.target == GENRES
        self.wants_tags = (
            self.of_genres
            and options.count > 1
            and has_measured_tags(manifest, backbone_bundle().manifest)
        )

    def arrange(self, before: Sequence[str], answered: Sequence[str]) -> tuple[str, ...]:
        """The genres to write, from those that a track or album has and those in the answer.

        Raises:
            GenreModelError: The user's genre tree cannot be read.
            UserError: The user's genre list cannot be read.
        """
        if not self.of_genres or not (before or self._options.parents):
            return tuple(answered)  # without reading a tree
        return self._arrangement.genres(before, answered)

    def read_tree(self) -> None:
        """Read the user's genre tree and list now: later, a file may be written already.

        Raises:
            GenreModelError: The user's genre tree cannot be read.
            UserError: The user's genre list cannot be read.
        """
        _ = self._arrangement

    @cached_property
    def _arrangement(self) -> Arrangement:
        from beetsplug.cnngenre.classify.trees import arrangement_of

        names, spellings = self._manifest.genres, [*self._spellings.values()]
        return arrangement_of(self._vocabulary, names, self._options, spellings)

    def unknown_ignored(self) -> list[str]:
        """The names to ignore that are not a genre of the model, the library or the genre tree.

        Raises:
            GenreModelError: The user's genre tree cannot be read.
        """
        if not self.of_genres or not self._options.ignore:
            return []
        from beetsplug.cnngenre.classify.trees import genre_parents
        from genre_model.data.genre_tree import node_of

        tree = genre_parents()
        names = [*self._manifest.genres, *self._vocabulary.names.values()]
        known = {*map(node_of, [*names, *self._spellings.values()]), *tree, *tree.values()}
        return [name for name in self._options.ignore if node_of(name) not in known]

    def with_tags(self, task: Task, extracted: SongFeatures | str | None) -> Task:
        """The task, with the network's tags if they are needed and were extracted."""
        if not self.wants_tags or extracted is None or isinstance(extracted, str):
            return task
        return replace(task, tags=as_stored(song_tags(extracted, self._manifest.network.tag_names)))

    def with_further(self, song: SongGenre, tags: Mapping[str, float]) -> SongGenre:
        """The answer, with further genres by the tags if the user wants several genres."""
        if not self.wants_tags:
            return song
        options, wish = self._options, self._options.genres
        renamed = wish if isinstance(wish, Mapping) else None
        dropped = [name for name, new in (renamed or {}).items() if not new]
        return further_genres(
            song,
            tags,
            self._vocabulary,
            count=options.count,
            may_add=options.only is None and (wish in (None, "default") or renamed is not None),
            ignored=[*options.ignore, *dropped],
            spellings=self._spellings,
        )
