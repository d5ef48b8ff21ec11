"""Change the genres of tracks to one spelling each."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from beets.library import Item, Library

from beetsplug.cnngenre.classify.trees import genre_parents
from beetsplug.cnngenre.library import Tracks, count_genres, named, stored_genres, unedited
from beetsplug.cnngenre.rows import absolute_path, chosen, genres_in_row
from beetsplug.cnngenre.session import Session
from beetsplug.cnngenre.tagging.albums import respell_album
from beetsplug.cnngenre.tagging.apply import apply, set_respelled
from beetsplug.cnngenre.tagging.fields import genres_of
from beetsplug.cnngenre.tagging.journal import Journal, PassedOver, begin
from beetsplug.cnngenre.tagging.plan import Action, TagPlan, kept_meanwhile
from beetsplug.cnngenre.tagging.run import Run, Step
from genre_model.data.spelling import preferred_spellings, respelled

if TYPE_CHECKING:
    from beetsplug.cnngenre.console import Bar


class Spell(Run):
    """Give tracks the spelling of their genres that the library, or the tree, prefers."""

    words: Mapping[Action, str] = {
        Action.WRITE: "respelled",
        Action.KEEP: "kept",
        Action.FAIL: "failed",
    }

    def __init__(self, session: Session, lib: Library, *, by_tree: bool) -> None:
        super().__init__(session, lib)
        parents = genre_parents()
        tree = [*parents, *parents.values()]
        self.spellings = preferred_spellings(count_genres(lib), tree, by_tree=by_tree)

    def journal(self) -> Journal:
        """The journal of this run."""
        return begin(self.session, "cnnspelling", self.words)

    def pass_over(self, items: Tracks, journal: Journal | None, bar: Bar) -> Tracks:
        """Count and note tracks that are spelled right, without loading them; return the others."""
        if self.log.isEnabledFor(logging.DEBUG):  # there is a line for each
            return items
        left = self.to_respell(items)
        others = items.without(set(left.ids))
        for rows in others.rows("id, path, genres"):
            kept = [
                PassedOver(key, absolute_path(path), genres_in_row(g), None, None)
                for key, path, g in rows
            ]
            self.pass_over_all(Action.KEEP, kept, journal, bar)
        return left

    def to_respell(self, items: Tracks) -> Tracks:
        """The tracks whose genres do not have the preferred spelling."""
        spellings = self.spellings
        return chosen(items, None, lambda now, _: respelled(now, spellings) != now)

    def is_misspelled(self, genres: str | None) -> bool:
        """Whether the genres of a row do not have the preferred spelling."""
        now = genres_in_row(genres)
        return respelled(now, self.spellings) != now

    def steps(self, items: Iterable[Item]) -> Iterator[Step]:
        """A step for each track."""
        for item in items:
            before = genres_of(item)
            after = respelled(before, self.spellings)
            action = Action.KEEP if before == after else Action.WRITE
            plan = TagPlan(action, before, after, "spelling")
            writes_file = self.options.write and action is Action.WRITE
            yield Step(partial(self.carry_out, item, plan), writes_file)

    def carry_out(self, item: Item, plan: TagPlan) -> tuple[Item, TagPlan]:
        """Respell the genres of a track as it is now."""
        if self.options.pretend or plan.action is not Action.WRITE:
            return item, plan
        now = unedited(item, plan.before)
        if now is None:
            return item, kept_meanwhile(plan)
        return now, apply(now, plan, write=self.options.write, set_on=set_respelled)

    def finish(self) -> None:
        """Respell the genres of the tracks' albums."""
        for album in self.albums("genres", self.is_misspelled):
            before = tuple(named(stored_genres(album)))
            after = respelled(before, self.spellings)
            if after != before:
                plan = TagPlan(Action.WRITE, before, after, "spelling")
                if not self.options.pretend:
                    respell_album(album, plan)
                self.show_album(album, plan)
