"""Why tracks get their genres, in the terminal and as pictures."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from beets import ui, util
from beets.library import Item, Library

from beetsplug.cnngenre.classify.classifier import TrackClassifier, Verdict
from beetsplug.cnngenre.library import short_name, track_name
from beetsplug.cnngenre.session import Session

if TYPE_CHECKING:
    from genre_model.explain.evidence import Explanation


MAX_NAME_BYTES = 120
MAX_SHOWN = 10  # pictures that are opened at once


class Explain:
    """Explains one track after the other; changes nothing except the folder of pictures."""

    def __init__(
        self,
        session: Session,
        lib: Library,
        folder: Path | None = None,
        track_classifier: TrackClassifier | None = None,
    ) -> None:
        """Load the model, unless the classifier that made the verdicts is given.

        A model loaded later could be another one, and write its genres otherwise.

        Raises:
            GenreModelError: The model or the genre options cannot be used.
        """
        self.log = session.log
        self.folder = folder or session.folders.pictures
        # Tracks that have genres are explained too.
        session = session.with_options(force=True, include_reviewed=True)
        self.track_classifier = track_classifier or TrackClassifier(session, lib, lasting=True)
        self.counts = Counter[str]()
        self.draws = self.can_draw()

    def can_draw(self) -> bool:
        """Whether Pillow is installed to draw pictures; logs a warning if not."""
        from genre_model.core.errors import GenreModelError
        from genre_model.features.png import pillow

        try:
            pillow()
        except GenreModelError as error:
            self.log.warning("{}", error)
            return False
        return True

    def run(self, items: Iterable[Item], *, show: bool) -> None:
        """Explain tracks; with ``show``, open the first pictures."""
        from genre_model.core.errors import GenreModelError
        from genre_model.explain.viewer import show as open_file

        pictures: list[Path] = []
        with closing(self.track_classifier):
            for verdict in self.track_classifier.verdicts(items):
                picture = self.explain(verdict)
                if picture is not None:
                    pictures.append(picture)
        ui.print_(f"explained {self.counts['explained']}, failed {self.counts['failed']}")
        try:
            for picture in pictures[:MAX_SHOWN] if show else []:
                open_file(picture)
        except GenreModelError as error:
            self.log.warning("{}", error)

    def explain(self, verdict: Verdict) -> Path | None:
        """Print why one track got its verdict; returns the file of its picture, if there is one."""
        from genre_model.explain.text import explanation_lines

        explanation = self.explanation(verdict)
        if isinstance(explanation, str):
            self.counts["failed"] += 1
            self.log.warning("{}: {}", track_name(verdict.item), explanation)
            return None
        self.counts["explained"] += 1
        for line in explanation_lines(explanation, getattr(sys.stdout, "encoding", None)):
            ui.print_(line)
        picture = self.draw(verdict.item, explanation)
        if picture is not None:
            ui.print_(f"  {picture}")
        ui.print_()
        return picture

    def explanation(self, verdict: Verdict) -> Explanation | str:
        """The explanation of a verdict, or why there is none."""
        from genre_model.explain.evidence import explanation_of, reason_of

        track_classifier, found = self.track_classifier, verdict.found
        if found is None:
            return verdict.plan.reason
        extracted = track_classifier.extract(Path(verdict.item.filepath))
        if isinstance(extracted, str):
            return extracted
        alone = track_classifier.vocabulary.scores(found.probabilities)
        return explanation_of(
            short_name(verdict.item),
            found.song,
            extracted,
            track_classifier.classifier,
            track_classifier.vocabulary,
            reason_of(found.song, track_classifier.policy, alone),
        )

    def draw(self, item: Item, explanation: Explanation) -> Path | None:
        """Draw the picture of a track; None if there is none or, with a warning, if that fails."""
        from genre_model.core.errors import GenreModelError
        from genre_model.explain.picture import save_explanation

        if not self.draws or explanation.evidence is None:
            return None
        file = self.folder / picture_name(item)
        spec = self.track_classifier.classifier.manifest.spectrogram
        try:
            save_explanation(explanation, Path(item.filepath), spec, file)
        except GenreModelError as error:
            self.log.warning("{}: {}", track_name(item), error)
            return None
        return file


def picture_name(item: Item) -> str:
    """The name of a track's picture: its number in the library, its artist and its title."""
    from genre_model.core.text import harmless

    words = harmless(short_name(item)).replace("/", "_").replace("\\", "_")
    name = util.sanitize_path(words).encode("utf-8", "replace")[:MAX_NAME_BYTES]
    return f"{item.id:05d} {name.decode('utf-8', 'ignore').strip(' .')}.png"
