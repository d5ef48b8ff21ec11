"""Give tracks back the genres that they had before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from beets.library import Item, Library

from beetsplug.cnngenre.library import Tracks, current, flexible
from beetsplug.cnngenre.session import Session
from beetsplug.cnngenre.tagging.apply import undo
from beetsplug.cnngenre.tagging.fields import is_from_here, is_reviewed, own_field
from beetsplug.cnngenre.tagging.journal import Journal, begin
from beetsplug.cnngenre.tagging.plan import Action, TagPlan, kept_meanwhile, plan_undo
from beetsplug.cnngenre.tagging.run import Run, Step

if TYPE_CHECKING:
    from beetsplug.cnngenre.console import Bar


class Undo(Run):
    """Give tracks back what they had, unless somebody has edited their genres since."""

    words: Mapping[Action, str] = {
        Action.WRITE: "restored",
        Action.KEEP: "kept",
        Action.FAIL: "failed",
    }

    def __init__(self, session: Session, lib: Library) -> None:
        super().__init__(session, lib)
        self.n_reviewed = 0  # kept, as the user decided on them in a review
        self.restored: set[int | None] = set()
        self.n_in_files = 0  # tracks with their former genres whose files still have ours

    def note(self, item: Item, plan: TagPlan | None, journal: Journal | None) -> None:
        """Also remember the restored tracks: with ``pretend`` they still have our genres."""
        super().note(item, plan, journal)
        if plan is not None and plan.action is Action.WRITE:
            self.restored.add(item.id)

    def journal(self) -> Journal:
        """The journal of the run."""
        return begin(self.session, "cnnundo", self.words)

    def pass_over(self, items: Tracks, _journal: Journal | None, bar: Bar) -> Tracks:
        """Skip tracks that we never changed, without loading them."""
        touched = set[int]()
        names = ["cnngenre_previous", *(["cnngenre_file"] if self.options.write else [])]
        noted = " OR ".join(f"{flexible(name)} IS NOT NULL" for name in names)
        for rows in items.rows(f"id, {noted}"):
            touched.update(key for key, is_noted in rows if is_noted)
        bar.update(len(items) - len(touched))
        return items.only(touched)

    def steps(self, items: Iterable[Item]) -> Iterator[Step]:
        """A step for each track; there is no plan for one that we never changed."""
        for loaded in items:
            plan = self.plan(loaded)
            restores = plan is not None and plan.action is Action.WRITE
            yield Step(partial(self.take_back, loaded), self.options.write and restores)

    def take_back(self, loaded: Item) -> tuple[Item, TagPlan | None]:
        """Undo what was done to the track, in its current state in the library."""
        plan = self.plan(loaded)
        if plan is None:
            return loaded, None
        item = loaded if self.options.pretend else current(loaded)
        if item is None:
            return loaded, kept_meanwhile(plan)
        plan = self.plan(item)
        if plan is not None and plan.action is Action.KEEP and is_reviewed(item):
            self.n_reviewed += 1
        elif plan is not None and not self.options.pretend:
            done = undo(item, plan, write=self.options.write)
            self.n_in_files += done == plan and is_left_in_file(item)
            return item, done
        return item, plan

    def plan(self, item: Item) -> TagPlan | None:
        """The plan for the track; None if we never changed it."""
        options = self.options
        return plan_undo(item, include_reviewed=options.include_reviewed, write=options.write)

    def what_next(self) -> str:
        """How to undo more."""
        found = ""
        if not self.options.write and self.n_in_files:
            found = f"; {self.n_in_files} in the library only: cnnundo -w restores the files"
        if self.n_reviewed:
            found += f"; {self.n_reviewed} decided in a review: cnnundo --reviewed takes those back"
        return found

    def finish(self) -> None:
        """Undo changes to the albums in which no track has genres from here any more."""
        from beetsplug.cnngenre.tagging.albums import PREVIOUS, plan_undo_album, undo_album

        for album in self.albums(f"{flexible(PREVIOUS, 'album')} IS NOT NULL"):
            plan = plan_undo_album(album)
            left = (item for item in album.items() if item.id not in self.restored)
            if plan is None or any(map(is_from_here, left)):
                continue
            if not self.options.pretend:
                undo_album(album, plan)
            if plan.action is Action.WRITE:
                self.show_album(album, plan)


def is_left_in_file(item: Item) -> bool:
    """Whether only the file is left to undo."""
    previous, in_file = own_field(item, "cnngenre_previous"), own_field(item, "cnngenre_file")
    return previous is None and in_file is not None
