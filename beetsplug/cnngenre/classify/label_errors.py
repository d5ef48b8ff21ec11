"""Label errors: tracks whose genre the model firmly disagrees with."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from beets import ui
from beets.library import Item, Library

from beetsplug.cnngenre.classify.classifier import TrackClassifier
from beetsplug.cnngenre.config import GENRES, UserError
from beetsplug.cnngenre.console import progress
from beetsplug.cnngenre.session import Session

if TYPE_CHECKING:
    from genre_model.evaluation.label_errors import Disagreement
    from genre_model.evaluation.out_of_fold import OutOfFold
    from genre_model.model.vocabulary import SongGenre


PLAYLISTS = (".m3u", ".m3u8")


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

    def __init__(
        self,
        session: Session,
        lib: Library,
        firm: float | None,
        renamed: Mapping[str, str | None],
    ) -> None:
        """Load the model, and what it said of the tracks that it learned from.

        Args:
            session: What the command works with.
            lib: The library.
            firm: How firmly the model has to disagree, 0 to 1; as measured where None.
            renamed: The names that the user's own models have for the library's.

        Raises:
            UserError: The model cannot be used.
        """
        from beetsplug.cnngenre.classify.labels import beets_tree, field_labels
        from genre_model.core.errors import BundleError
        from genre_model.evaluation.label_errors import FIRM
        from genre_model.evaluation.out_of_fold import read_out_of_fold
        from genre_model.evaluation.report_files import REPORT_JSON

        self.log, self.options = session.log, session.options
        self.firm = FIRM if firm is None else firm
        self.track_classifier = TrackClassifier(
            session.with_options(force=True, reviewed=True), lib
        )
        bundle = self.track_classifier.classifier.bundle
        try:
            self.learned: OutOfFold | None = read_out_of_fold(bundle)
        except BundleError as error:
            raise UserError(f"cnngenre: {error}") from error
        self.of_the_user = REPORT_JSON in bundle.manifest.files
        if self.of_the_user and self.learned is None:
            self.log.warning(
                "this model was made before models kept their out-of-fold verdicts: it may confirm "
                "wrong genres that it has learned; cnntrain makes one that does not"
            )
        self.labels_of = field_labels(self.track_classifier.target)
        self.renamed = renamed if self.of_the_user else {}
        self.parents = beets_tree() if self.track_classifier.target == GENRES else {}
        self.counts = Counter[str]()

    def find(self, items: Sequence[Item]) -> list[LabelError]:
        """The label errors among tracks, those that the model disagrees with most firmly first."""
        from genre_model.evaluation.label_errors import disagreement_of, known_genres

        vocabulary, found = self.track_classifier.vocabulary, list[LabelError]()
        known: dict[int | None, tuple[str, ...]] = {}
        for item in items:
            genres = self.labels_of(item)
            names = known_genres(genres, vocabulary, self.renamed, self.parents)
            self.counts["unlabelled"] += not genres
            self.counts["unknown"] += bool(genres and not names)
            if names:
                known[item.id] = names
        todo = [item for item in items if item.id in known]
        self.counts["judged"] = len(todo)
        with progress(len(todo), quiet=self.options.quiet) as bar:
            for item, song, out_of_fold in self.songs(todo):
                disagreement = disagreement_of(song, known[item.id], vocabulary)
                if disagreement is not None and disagreement.firmness >= self.firm:
                    found.append(LabelError(item, self.labels_of(item), disagreement, out_of_fold))
                bar.update()
        return sorted(
            found, key=lambda s: (s.disagreement.left, -s.disagreement.probability, s.item.id)
        )

    def songs(self, items: Sequence[Item]) -> Iterator[tuple[Item, SongGenre, bool]]:
        """Each track with its verdict, and whether that is out of fold; some have none."""
        from genre_model.model.vocabulary import judge

        unclassified: list[Item] = []
        for item, probabilities in self.remembered(items):
            if probabilities is None:
                unclassified.append(item)
            elif probabilities:
                song = judge(
                    probabilities, self.track_classifier.vocabulary, self.track_classifier.policy
                )
                yield item, song, True
            else:
                self.counts["learned"] += 1
        for verdict in self.track_classifier.verdicts(unclassified):
            if verdict.song is None:
                self.counts["failed"] += 1
                self.log.warning("{}: {}", verdict.item, verdict.plan.reason)
            else:
                yield verdict.item, verdict.song, False

    def remembered(self, items: Sequence[Item]) -> Iterator[tuple[Item, dict[str, float] | None]]:
        """Each track with what was said of it out of fold; None where it was not learned from."""
        learned = self.learned
        if learned is None:
            yield from ((item, None) for item in items)
            return
        for item in items:
            yield item, find_again(learned, Path(item.filepath))

    def show(self, label_errors: Sequence[LabelError], template: str | None) -> None:
        """Print label errors, a line each; with a template of beets', nothing else."""
        from genre_model.core.text import count

        for label_error in label_errors:
            ui.print_(
                ancestry(label_error) if template is None else formatted(label_error, template)
            )
        if template is not None:
            return
        words = {
            "learned": "learned from, without an honest verdict",
            "unknown": "of genres that the model does not know",
            "unlabelled": "without genres",
            "failed": "failed",
        }
        rest = "".join(
            f", {self.counts[key]} {word}" for key, word in words.items() if self.counts[key]
        )
        ui.print_(
            f"{count(len(label_errors), 'probable error')} in {self.counts['judged']} tracks{rest}"
        )


def find_again(learned: OutOfFold, path: Path) -> dict[str, float] | None:
    """What was said of a track out of fold; None too where the file cannot be read."""
    from genre_model.core.errors import AudioError

    try:
        return learned.find(path)
    except AudioError:  # its extraction will say why
        return None


def ancestry(label_error: LabelError) -> str:
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


def check_playlist(file: Path) -> None:
    """Find out beforehand whether a file may become a playlist.

    Raises:
        UserError: It is not named like one, so it may be something else.
    """
    if file.suffix.lower() not in PLAYLISTS:
        raise UserError(f"cnngenre: a playlist is called *.m3u or *.m3u8, not {file.name}")
    if not file.parent.is_dir():
        raise UserError(f"cnngenre: there is no folder {file.parent}")


def write_playlist(file: Path, paths: Sequence[Path]) -> int:
    """Write paths, as their bytes are, in place of what was there.

    Returns:
        How many could not be written, because their names have more than one line.

    Raises:
        UserError: The file cannot be written.
    """
    from genre_model.core.files import whole_file

    lines = [os.fsencode(path) for path in paths]
    fit = [line for line in lines if b"\n" not in line and b"\r" not in line]
    try:
        with whole_file(file) as stream:
            stream.write(b"".join(line + b"\n" for line in fit))
    except OSError as error:
        raise UserError(f"cnngenre: cannot write {file}: {error.strerror}") from error
    return len(lines) - len(fit)
