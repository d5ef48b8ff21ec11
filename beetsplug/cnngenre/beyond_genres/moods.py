"""Moods, voices and decades of tracks, by the tags of the shipped network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from beets.library import Item

from beetsplug.cnngenre.beyond_genres.shipped_features import ShippedExtractor
from beetsplug.cnngenre.library import Tracks, current, flexible
from beetsplug.cnngenre.models.bundles import backbone_bundle
from beetsplug.cnngenre.session import Session
from beetsplug.cnngenre.tagging.fields import own_field
from beetsplug.cnngenre.tagging.file.safe_write import NotWrittenError
from beetsplug.cnngenre.tagging.file_state import OutsideError
from beetsplug.cnngenre.tagging.journal import Journal
from beetsplug.cnngenre.tagging.mood_tag import (
    MOOD_TAG,
    MOODS,
    has_users_value,
    mood_tag_of,
    moods_left_in_file,
    parsed_mood_tag,
    set_moods,
    take_back,
    would_set,
)
from beetsplug.cnngenre.tagging.plan import MEANWHILE, Action, TagPlan
from beetsplug.cnngenre.tagging.run import Run, Step
from genre_model.model.tags import moods, song_tags

if TYPE_CHECKING:
    from beetsplug.cnngenre.console import Bar


class Moods(Run):
    """Give tracks their moods."""

    words: Mapping[Action, str] = {
        Action.WRITE: "changed",
        Action.KEEP: "kept",
        Action.FAIL: "failed",
    }
    nothing = "none"

    def run(self, items: Tracks) -> None:
        """Go over the tracks."""
        self.n_files = len(items)
        self.with_moods = items.only(())  # only their tags are left to change
        super().run(items)

    def pass_over(self, items: Tracks, journal: Journal | None, bar: Bar) -> Tracks:
        """Count tracks that have their moods, without loading them; return the others."""
        if self.options.force:
            return items
        tag = self.options.moods_tag
        value = "NULL" if tag is None else tag if tag in Item._fields else flexible(tag)
        noted, done = set[int](), set[int]()
        write = self.options.write
        for rows in items.rows(f"id, {flexible(MOODS)}, {flexible(MOOD_TAG)}, {value}"):
            for key, words, given, now in rows:
                if words is None:
                    continue
                noted.add(key)
                if tag is None or has_moods(tag, words, given, now or "", write=write):
                    done.add(key)
        self.counts[Action.KEEP] += len(done)
        bar.update(len(done))
        self.n_files = len(items) - len(noted)
        self.with_moods = items.only(noted - done)
        return items.without(noted)

    def steps(self, items: Iterable[Item]) -> Iterator[Step]:
        """A step for each track."""
        for item in self.with_moods:
            yield self.step(item, planned(item, moods_of(item)))
        if not self.n_files:
            return
        names = backbone_bundle().manifest.network.tag_names
        with closing(ShippedExtractor(self.session, self.n_files)) as extractor:
            for item, extracted in extractor.features(items):
                if isinstance(extracted, str):
                    plan = planned(item, moods_of(item), Action.FAIL, extracted)
                else:
                    plan = planned(item, moods(song_tags(extracted, names)))
                yield self.step(item, plan)
            extractor.warn_if_full()

    def step(self, item: Item, plan: TagPlan) -> Step:
        """The step of a plan; only the tag that the user wants for the moods is in the file."""
        has_tag = self.options.moods_tag is not None and plan.action is not Action.FAIL
        return Step(partial(self.carry_out, item, plan), self.options.write and has_tag)

    def carry_out(self, item: Item, plan: TagPlan) -> tuple[Item, TagPlan]:
        """Set the moods of a track as it is now."""
        if plan.action is Action.FAIL:
            return item, plan
        pretend, tag = self.options.pretend, self.options.moods_tag
        now = item if pretend else current(item)
        if now is None:
            return item, planned(item, plan.before, Action.KEEP, MEANWHILE)
        do = would_set if pretend else set_moods
        try:
            tag_changes = do(now, plan.after, tag, write=self.options.write)
        except (NotWrittenError, OutsideError) as error:
            return now, planned(now, plan.before, Action.FAIL, str(error))
        if tag is not None and has_users_value(now, tag):
            return now, replace(plan, reason=f"{tag} has a value of yours")
        if tag_changes and plan.action is Action.KEEP:
            return now, replace(plan, action=Action.WRITE, reason=f"to {tag}")
        return now, plan


class UndoMoods(Moods):
    """Remove the moods of tracks; tags get back their earlier values."""

    words: Mapping[Action, str] = {Action.WRITE: "removed", Action.FAIL: "failed"}

    def pass_over(self, items: Tracks, _journal: Journal | None, bar: Bar) -> Tracks:
        """Skip tracks that have no moods, without loading them; return the others."""
        has = " OR ".join(f"{flexible(name)} IS NOT NULL" for name in (MOODS, MOOD_TAG))
        found = {key for rows in items.rows(f"id, {has}") for key, holds in rows if holds}
        bar.update(len(items) - len(found))
        return items.only(found)

    def steps(self, items: Iterable[Item]) -> Iterator[Step]:
        """A step for each track; a track that has no moods by then is skipped."""
        for item in items:
            in_file = mood_tag_of(item) is not None
            yield Step(partial(self.remove, item), self.options.write and in_file)

    def remove(self, item: Item) -> tuple[Item, TagPlan | None]:
        """Remove the moods of a track as it is now."""
        now = current(item)
        if now is None or all(own_field(now, name) is None for name in (MOODS, MOOD_TAG)):
            return item, None
        before = moods_of(now) or (moods_left_in_file(now) if self.options.write else ())
        if not self.options.pretend:
            try:
                take_back(now, write=self.options.write)
            except (NotWrittenError, OutsideError) as error:
                return now, planned(now, before, Action.FAIL, str(error))
        return now, TagPlan(Action.WRITE, before, (), "undo") if before else None


def has_moods(tag: str, words: str, given: str | None, now: str, *, write: bool) -> bool:
    """Whether a tag needs no change: it has the track's moods or a value of the user.

    A track without moods needs no tag.  The values are those of the library's columns.  With
    ``write``, the file must have the moods too.
    """
    ours = parsed_mood_tag(given)
    if ours is None or ours.field != tag or not ours.has_given(now):
        return bool(now or not words)
    return (ours.in_file or not write) and now == "; ".join(Item._type(MOODS).from_sql(words))


def moods_of(item: Item) -> tuple[str, ...]:
    """The moods that a track has."""
    return tuple(own_field(item, MOODS) or ())


def planned(
    item: Item, after: tuple[str, ...], action: Action | None = None, reason: str = "moods"
) -> TagPlan:
    """The plan for a track's moods."""
    before = moods_of(item)
    return TagPlan(
        action or (Action.KEEP if before == after else Action.WRITE), before, after, reason
    )


def give_moods(session: Session, extractor: ShippedExtractor, items: Iterable[Item]) -> None:
    """Set the moods of an import's tracks in the library; the importer writes the tag.

    Raises:
        GenreModelError: The network cannot be used.
    """
    names = backbone_bundle().manifest.network.tag_names
    for item, extracted in extractor.features(items):
        if isinstance(extracted, str):
            continue  # the classification has reported the reason
        found = moods(song_tags(extracted, names))
        try:
            set_moods(item, found, session.options.moods_tag, write=False, in_import=True)
        except NotWrittenError as error:  # the file's tag cannot be read
            session.warn(f"{item}: {error}")
