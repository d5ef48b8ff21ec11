"""``beet cnngenre --explain``: why tracks get their genres, in the terminal and as pictures."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from beets import ui, util
from beets.library import Item, Library

from beetsplug.cnngenre.options import Options

if TYPE_CHECKING:
    from beetsplug.cnngenre import CnnGenrePlugin
    from beetsplug.cnngenre.listener import Listener, Verdict
    from genre_model.evidence import Explanation

MAX_NAME_BYTES = 120
MAX_SHOWN = 10  # pictures that are opened at once


class Explain:
    """Explains one track after the other; changes nothing but the folder of pictures."""

    def __init__(
        self, plugin: CnnGenrePlugin, options: Options, lib: Library, folder: Path | None
    ) -> None:
        """Load the model.

        Raises:
            UserError: It cannot be used.
        """
        from genre_model.cache import cached_hear
        from genre_model.pool import guarded

        self.log = plugin._log
        self.folder = folder or plugin.models_folder().parent / "pictures"
        options = replace(options, force=True)  # what has genres is explained too
        self.listener: Listener = plugin.listener(options, lib)
        cache = plugin.cache(options)
        hear = cached_hear(
            self.listener.classifier,
            cache,
            thorough=options.thorough,
            until_settled=True,
            time_limit_s=options.time_limit,
        )
        self.hear = guarded(hear, plugin.report_bug)
        self.counts = Counter[str]()
        self.draws = self.can_draw()

    def can_draw(self) -> bool:
        """Whether there is what draws pictures; a warning where not."""
        from genre_model.errors import GenreModelError
        from genre_model.pictures import pillow

        try:
            pillow()
        except GenreModelError as error:
            self.log.warning("{}", error)
            return False
        return True

    def run(self, items: Iterable[Item], *, show: bool) -> None:
        """Explain tracks; with ``show``, open the first pictures."""
        from genre_model.errors import GenreModelError
        from genre_model.viewer import show as open_file

        pictures: list[Path] = []
        for verdict in self.listener.verdicts(items):
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
        """Print why one track got its verdict; the picture, if there is one."""
        from genre_model.explain_text import explanation_lines

        explanation = self.explanation(verdict)
        if isinstance(explanation, str):
            self.counts["failed"] += 1
            self.log.warning("{}: {}", verdict.item, explanation)
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
        from genre_model.evidence import Explanation, evidence_of, reason_of

        listener, song = self.listener, verdict.song
        if song is None:
            return verdict.plan.reason
        heard = self.hear(Path(verdict.item.filepath))
        if isinstance(heard, str):
            return heard
        alone = listener.vocabulary.scores(verdict.probabilities or {})
        return Explanation(
            f"{verdict.item.artist} - {verdict.item.title}",
            song,
            reason_of(song, listener.policy, alone),
            evidence_of(listener.classifier, heard, listener.vocabulary, song.best.genre)
            if song.best
            else None,
            listener.bundle_id,
            tuple(dict.fromkeys(listener.vocabulary.names.values())),
        )

    def draw(self, item: Item, explanation: Explanation) -> Path | None:
        """The picture of a track; None, with a warning, where it cannot be drawn."""
        from genre_model.errors import GenreModelError
        from genre_model.explain_picture import save_explanation

        if not self.draws or explanation.evidence is None:
            return None
        file = self.folder / picture_name(item)
        spec = self.listener.classifier.manifest.spectrogram
        try:
            save_explanation(explanation, Path(item.filepath), spec, file)
        except GenreModelError as error:
            self.log.warning("{}: {}", item, error)
            return None
        return file


def picture_name(item: Item) -> str:
    """The name of a track's picture: its number in the library, its artist and its title."""
    from genre_model.evidence import harmless

    words = harmless(f"{item.artist} - {item.title}").replace("/", "_").replace("\\", "_")
    name = util.sanitize_path(words).encode("utf-8", "replace")[:MAX_NAME_BYTES]
    return f"{item.id:05d} {name.decode('utf-8', 'ignore').strip(' .')}.png"
