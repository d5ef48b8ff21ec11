"""Label errors: tracks whose genre the model firmly disagrees with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from beets import ui
from beets.library import Item

from beetsplug.cnngenre.existing_genres.labelled_verdicts import LabelledVerdicts
from beetsplug.cnngenre.library import Tracks

if TYPE_CHECKING:
    from genre_model.evaluation.label_errors import Disagreement


# Fields that `cnnerrors --format` may name; they are set for the printing and never stored.
DISAGREEMENT, SUGGESTION = "cnngenre_doubt", "cnngenre_suggestion"


@dataclass(frozen=True, slots=True)
class LabelError:
    """A track with its genres, what speaks against them, and whether that is out of fold."""

    item: Item
    genres: tuple[str, ...]
    disagreement: Disagreement
    out_of_fold: bool


class LabelErrors:
    """Looks for wrong genres; changes nothing."""

    def __init__(self, verdicts: LabelledVerdicts, firm: float | None) -> None:
        """``firm`` is how firmly the model has to disagree, 0 to 1; as measured where None."""
        from genre_model.evaluation.label_errors import FIRM

        self.verdicts = verdicts
        self.firm = FIRM if firm is None else firm

    def find(self, items: Tracks) -> list[LabelError]:
        """The label errors among tracks, those that the model disagrees with most firmly first."""
        from genre_model.evaluation.label_errors import disagreement_of

        found = list[LabelError]()
        for item, labels, song, out_of_fold in self.verdicts.of(items):
            disagreement = disagreement_of(song, labels, self.verdicts.vocabulary)
            if disagreement is not None and disagreement.firmness >= self.firm:
                genres = self.verdicts.labels_of(item)
                found.append(LabelError(item, genres, disagreement, out_of_fold))
        return sorted(
            found, key=lambda s: (s.disagreement.left, -s.disagreement.probability, s.item.id)
        )

    def show(self, label_errors: Sequence[LabelError], template: str | None) -> None:
        """Print label errors, a line each; with a template of beets', nothing else."""
        from genre_model.core.text import count

        for label_error in label_errors:
            ui.print_(
                described(label_error) if template is None else formatted(label_error, template)
            )
        if template is None:
            n_errors = count(len(label_errors), "probable error")
            n_judged = self.verdicts.counts["judged"]
            ui.print_(f"{n_errors} in {n_judged} tracks{self.verdicts.left_out()}")


def described(label_error: LabelError) -> str:
    """A label error as a line."""
    from genre_model.core.text import harmless

    disagreement = label_error.disagreement
    how = ", out of fold" if label_error.out_of_fold else ""
    change = f"{harmless('; '.join(label_error.genres))} -> {disagreement.suggestion}"
    return (
        f"{disagreement.firmness:.3f} {harmless(str(label_error.item))}: {change} "
        f"({disagreement.probability:.2f}{how})"
    )


def formatted(label_error: LabelError, template: str) -> str:
    """A label error by a template of beets', which may name what speaks against its genre."""
    item = label_error.item
    item[DISAGREEMENT] = f"{label_error.disagreement.firmness:.4f}"
    item[SUGGESTION] = label_error.disagreement.suggestion
    return format(item, template)
