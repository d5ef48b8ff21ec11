"""Label errors: tracks whose genre the model firmly disagrees with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from beets import ui
from beets.library import Item

from beetsplug.cnngenre.existing_genres.labelled_verdicts import LabelledVerdicts
from beetsplug.cnngenre.library import Tracks, track_name

if TYPE_CHECKING:
    from genre_model.evaluation.label_errors import Disagreement


# Fields that `cnnerrors --format` may name; they are set for the printing and never stored.
DISAGREEMENT, SUGGESTION = "cnngenre_firmness", "cnngenre_suggestion"

# A genre needs this many tracks and artists before we judge whether the model knows it.
ENOUGH_TRACKS, ENOUGH_ARTISTS = 5, 3


@dataclass(frozen=True, slots=True)
class LabelError:
    """A track, its genres, how the model disagrees, and whether its answer is out of fold.

    The track counts under the genre ``family``.
    """

    item: Item
    genres: tuple[str, ...]
    family: str
    disagreement: Disagreement
    out_of_fold: bool


@dataclass(slots=True)
class JudgedGenre:
    """The tracks of one genre that were judged, and how many of them the model disagrees with."""

    n_tracks: int = 0
    n_errors: int = 0
    artists: set[str] = field(default_factory=set)

    def is_unknown(self) -> bool:
        """Whether the model disagrees with most tracks, and so hardly knows the genre."""
        from genre_model.data.artists import named_artists

        n_artists = len(named_artists(self.artists))
        enough = self.n_tracks >= ENOUGH_TRACKS and n_artists >= ENOUGH_ARTISTS
        return enough and 2 * self.n_errors > self.n_tracks


class LabelErrors:
    """Looks for wrong genres; changes nothing."""

    def __init__(self, verdicts: LabelledVerdicts, firm: float | None) -> None:
        """``firm`` is how firmly the model has to disagree, 0 to 1.

        If None, the measured value ``FIRM`` is used, and genres that the model does not know are
        left out.
        """
        from genre_model.evaluation.label_errors import FIRM

        self.verdicts = verdicts
        self.firm = FIRM if firm is None else firm
        self.every_genre = firm is not None
        self.left_out: dict[str, JudgedGenre] = {}

    def find(self, items: Tracks) -> list[LabelError]:
        """The label errors among tracks, the firmest disagreements first."""
        from genre_model.evaluation.label_errors import disagreement_of

        vocabulary = self.verdicts.vocabulary
        found = list[LabelError]()
        judged = dict[str, JudgedGenre]()
        for item, labels, song, out_of_fold in self.verdicts.of(items):
            family = vocabulary.root(labels[0])
            genre = judged.setdefault(family, JudgedGenre())
            genre.n_tracks += 1
            genre.artists.add(item.artist or "")
            disagreement = disagreement_of(song, labels, vocabulary, self.verdicts.related)
            if disagreement is not None and disagreement.firmness >= self.firm:
                genre.n_errors += 1
                genres = self.verdicts.labels_of(item)
                found.append(LabelError(item, genres, family, disagreement, out_of_fold))
        if not self.every_genre:
            self.left_out = {name: one for name, one in judged.items() if one.is_unknown()}
        return sorted(
            (one for one in found if one.family not in self.left_out),
            key=lambda s: (s.disagreement.left, -s.disagreement.probability, s.item.id),
        )

    def show(self, label_errors: Sequence[LabelError], template: str | None) -> None:
        """Print a line for each label error; with a template of beets, nothing else."""
        from genre_model.core.text import count

        for label_error in label_errors:
            ui.print_(
                described(label_error) if template is None else formatted(label_error, template)
            )
        for family, genre in self.left_out.items():
            line = (
                f"{family} left out: the model disagrees with {genre.n_errors} of its "
                f"{genre.n_tracks} tracks, so it hardly knows this genre; to list them: "
                f"--firmness {self.firm:g}"
            )
            ui.print_(line) if template is None else self.verdicts.log.warning("{}", line)
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
        f"{disagreement.firmness:.3f} {harmless(track_name(label_error.item))}: {change} "
        f"({disagreement.probability:.2f}{how})"
    )


def formatted(label_error: LabelError, template: str) -> str:
    """A label error in a template of beets, which may name the fields of the disagreement."""
    item = label_error.item
    item[DISAGREEMENT] = f"{label_error.disagreement.firmness:.4f}"
    item[SUGGESTION] = label_error.disagreement.suggestion
    return format(item, template)
