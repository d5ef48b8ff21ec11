"""The pictures of the review page: drawn on request; the last few are kept."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict, deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from beetsplug.cnngenre.review.web.thread import ClosedError, OneThread
from beetsplug.cnngenre.session import Session

if TYPE_CHECKING:
    from beetsplug.cnngenre.classify.classifier import Verdict
    from beetsplug.cnngenre.classify.explain import Explain
    from beetsplug.cnngenre.review.review import Review


N_KEPT = 16  # a few hundred KB each
N_WANTED = 3  # the track that is shown, the next one, and one more
IDLE_S = 60.0  # without a drawing, after which its worker processes end


class Pictures:
    """Draws in its own thread: drawing takes a second, and decisions do not wait for it."""

    def __init__(self, session: Session, review: Review) -> None:
        self._session, self._review = session, review
        self._explain: Explain | None = None
        self._thread = OneThread("cnngenre-pictures")
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._wanted: deque[int] = deque(maxlen=N_WANTED)
        self._timer: threading.Timer | None = None

    def picture(self, verdict: Verdict) -> bytes | str:
        """The PNG of a track, or why there is none."""
        key = verdict.item.id
        assert key is not None
        if key not in self._wanted:
            self._wanted.append(key)
        return self._thread.do(self._drawn, verdict, key)

    def close(self) -> None:
        """Finish the picture that is being drawn, and end the workers, before Python ends."""
        self._thread.close(wait=True)
        if self._timer is not None:
            self._timer.cancel()
        self._end_workers()

    def _drawn(self, verdict: Verdict, key: int) -> bytes | str:
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if key not in self._wanted:
            return "the page has gone on"
        picture = self._draw(verdict)
        self._rest_later()
        if isinstance(picture, bytes):
            self._kept[key] = picture
            while len(self._kept) > N_KEPT:
                self._kept.popitem(last=False)
        return picture

    def _rest_later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(IDLE_S, self._rest)
        self._timer.daemon = True
        self._timer.start()

    def _rest(self) -> None:
        with suppress(ClosedError):
            self._thread.do(self._end_workers)

    def _end_workers(self) -> None:
        """End the worker processes, which the next drawing starts again."""
        from genre_model.core.processes import close_shared

        if self._explain is not None:
            self._explain.track_classifier.close()
        close_shared()

    def _draw(self, verdict: Verdict) -> bytes | str:
        from beetsplug.cnngenre.classify.explain import Explain
        from genre_model.core.errors import GenreModelError
        from genre_model.explain.picture import explanation_of_song

        try:
            if self._explain is None:
                lib, own = self._review.lib, self._review.track_classifier
                self._explain = Explain(self._session, lib, track_classifier=own)
            if not self._explain.draws:
                return "there is no Pillow to draw with"
            explanation = self._explain.explanation(verdict)
            if isinstance(explanation, str):
                return explanation
            spec = self._explain.track_classifier.classifier.manifest.spectrogram
            image = explanation_of_song(explanation, Path(verdict.item.filepath), spec)
        except GenreModelError as error:  # because the program is ending, say
            return str(error)
        content = io.BytesIO()
        image.save(content, format="PNG")
        return content.getvalue()
