"""What the review page asks for, and the answers.

``/tracks`` are the doubtful ones in their order, a few at a time; ``/tracks/ID`` is one of them,
with its ``audio`` and its ``picture``; ``/decide``, ``/skip`` and ``/undo`` change something.
Items are touched in the library's thread only; files are sent in the request's.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from beets.dbcore.db import DBAccessError
from beets.library import Item
from flask import Flask, Response, jsonify, request, send_file
from werkzeug.exceptions import HTTPException

from beetsplug.cnngenre.review.session import DECIDED, Review, State, UncertainTrack, read_genres
from beetsplug.cnngenre.review.web.guard import Guard, with_headers
from beetsplug.cnngenre.review.web.pictures import Pictures
from beetsplug.cnngenre.review.web.thread import ClosedError, OneThread
from beetsplug.cnngenre.tagging.fields import genres_of
from genre_model.core.text import harmless
from genre_model.explain.evidence import reason_of
from genre_model.explain.picture import HEIGHT, LEFT, RIGHT, SPECTRUM, WIDTH

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse


PAGE = Path(__file__).parent / "page"


MAX_ROWS = 100


MAX_BODY_BYTES = 64 * 1024


# Of beets' formats.  Never the file's own idea of its type: that could be a page with scripts.
AUDIO_TYPES = {
    "AAC": "audio/mp4",
    "ALAC": "audio/mp4",
    "AIFF": "audio/aiff",
    "FLAC": "audio/flac",
    "MP3": "audio/mpeg",
    "OGG": "audio/ogg",
    "Opus": "audio/ogg",
    "WAVE": "audio/wav",
    "Windows Media": "audio/x-ms-wma",
}


Body = TypeVar("Body")


@dataclass(frozen=True, slots=True)
class Track:
    """Of which track a request is."""

    track: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What the user has decided: ``genres`` that were offered, or a ``text`` as typed.

    ``meant``: the user was asked about names that the model does not have, and means them.
    """

    track: int
    genres: tuple[str, ...] = ()
    text: str = ""
    meant: bool = False


class RefusedError(Exception):
    """A request that cannot be done; the text is a sentence for the user."""

    def __init__(self, sentence: str, status: int = 409) -> None:
        super().__init__(sentence)
        self.status = status


class Page:
    """The review's state, as the page sees it; everything here is done in the library's thread."""

    def __init__(self, review: Review) -> None:
        self.review = review
        self.places = {
            uncertain.verdict.item.id: i for i, uncertain in enumerate(review.uncertain_tracks)
        }

    def uncertain(self, track: int) -> UncertainTrack:
        """One of the doubtful tracks; others are none of the page's business."""
        if track not in self.places:
            raise RefusedError("There is no such track in this review.", 404)
        return self.review.uncertain_tracks[self.places[track]]

    def item(self, track: int) -> Item:
        """A track as it is in the library now."""
        self.uncertain(track)
        item = self.review.lib.get_item(track)
        if item is None:
            raise RefusedError("The track is no longer in the library.", 404)
        return item

    def session(self) -> dict[str, Any]:
        """What the page has to know to begin."""
        vocabulary = self.review.track_classifier.vocabulary
        return {
            "genres": sorted(set(vocabulary.names.values())),
            "model": self.review.track_classifier.bundle_id,
            "plot": {
                "left": LEFT / WIDTH,
                "right": RIGHT / WIDTH,
                "top": SPECTRUM[0] / HEIGHT,
                "bottom": SPECTRUM[1] / HEIGHT,
            },
            **self.standing(self.next_left(0) or self.review.uncertain_tracks[0]),
        }

    def standing(self, uncertain: UncertainTrack | None, said: str = "") -> dict[str, Any]:
        """How far the review has come, the track to show, and what has just happened."""
        counts = self.review.counts()
        total = len(self.review.uncertain_tracks)
        n_left = sum(uncertain.state is State.LEFT for uncertain in self.review.uncertain_tracks)
        return {
            "progress": {
                "total": total,
                "left": n_left,
                "decided": sum(counts[state] for state in DECIDED),
                "skipped": counts[State.SKIPPED],
                "can_undo": bool(self.review.decisions),
            },
            "new_names": sorted(self.review.new_names),
            "said": said,
            "track": None if uncertain is None else self.details(uncertain),
        }

    def next_left(self, place: int) -> UncertainTrack | None:
        """The first track from a place on, and round, about which nothing was decided."""
        uncertain_tracks = self.review.uncertain_tracks
        indices = (*range(place, len(uncertain_tracks)), *range(place))
        return next(
            (uncertain_tracks[i] for i in indices if uncertain_tracks[i].state is State.LEFT), None
        )

    def rows(self, start: int, count: int) -> list[dict[str, Any]]:
        """A few tracks of the order."""
        start = max(start, 0)
        chosen = self.review.uncertain_tracks[start : start + min(max(count, 0), MAX_ROWS)]
        return [row(uncertain, place) for place, uncertain in enumerate(chosen, start)]

    def details(self, uncertain: UncertainTrack) -> dict[str, Any]:
        """All that the page shows of a track."""
        found, song = uncertain.verdict.item, uncertain.song
        assert found.id is not None
        item = self.review.lib.get_item(found.id) or found
        track_classifier = self.review.track_classifier
        alone = track_classifier.vocabulary.scores(uncertain.verdict.probabilities or {})
        nearby = self.next_left(self.places[found.id] + 1)
        return {
            **row(uncertain, self.places[found.id]),
            "album": harmless(item.album or ""),
            "genres": [harmless(genre) for genre in genres_of(item)],
            "format": item.format,
            "ranked": [
                {"genre": score.genre, "probability": round(score.probability, 3)}
                for score in song.ranked
            ],
            "best": song.best.genre if song.best else None,
            "reason": reason_of(song, track_classifier.policy, alone),
            "next": nearby.verdict.item.id if nearby else None,
        }

    def decide(self, answer: Answer) -> dict[str, Any]:
        """Write what the user has decided, or ask back about names that the model does not have."""
        uncertain = self.uncertain(answer.track)
        genres = self.genres_of_answer(answer, uncertain)
        unknown = [name for name in genres if not self.review.is_known(name, uncertain)]
        if unknown and not answer.meant:
            return {"unknown": unknown}
        self.review.new_names.update(unknown)
        name = title_of(uncertain)
        state = self.review.decide(uncertain, genres)
        if state is State.FAILED:
            raise RefusedError(f"The file of {name} cannot be written; nothing has changed.")
        following = self.next_left(self.places[answer.track] + 1) or uncertain
        if state is State.GONE:
            said = f"{name} was changed elsewhere and is left as it is."
        else:
            said = f"{name}: {'; '.join(map(harmless, genres))}"
        return self.standing(following, said)

    def genres_of_answer(self, answer: Answer, uncertain: UncertainTrack) -> tuple[str, ...]:
        """The genres that an answer names.

        Raises:
            RefusedError: There are none, or one was not offered.
        """
        try:
            genres = answer.genres or read_genres(answer.text, uncertain.song.ranked)
        except ValueError as error:
            raise RefusedError(f"{str(error).capitalize()}.", 400) from error
        if not genres:
            raise RefusedError("No genre was named.", 400)
        if not all(self.review.is_known(name, uncertain) for name in answer.genres):
            raise RefusedError("This genre was not offered.", 400)
        return genres

    def skip(self, track: int) -> dict[str, Any]:
        """Go on, and decide nothing."""
        uncertain = self.uncertain(track)
        self.review.skip(uncertain)
        following = self.next_left(self.places[track] + 1) or uncertain
        return self.standing(following, f"{title_of(uncertain)}: skipped")

    def undo(self) -> dict[str, Any]:
        """Take the last decision back."""
        if not self.review.decisions:
            raise RefusedError("There is nothing to take back.")
        uncertain, state = self.review.take_back()
        name = title_of(uncertain)
        if state is State.FAILED:
            raise RefusedError(f"The file of {name} cannot be written; nothing has changed.")
        if state is State.GONE:
            said = f"{name} was changed elsewhere and is left as it is."
        else:
            said = f"{name}: taken back"
        return self.standing(uncertain, said)

    def audio(self, track: int) -> tuple[Path, str]:
        """The file of a track, and its type."""
        item = self.item(track)
        return Path(item.filepath), AUDIO_TYPES.get(item.format, "application/octet-stream")


def row(uncertain: UncertainTrack, place: int) -> dict[str, Any]:
    """What the list shows of a track."""
    item = uncertain.verdict.item
    return {
        "id": item.id,
        "place": place,
        "title": title_of(uncertain),
        "artist": harmless(item.artist or ""),
        "state": uncertain.state.name.lower(),
        "decided": [harmless(genre) for genre in uncertain.genres if uncertain.state in DECIDED],
    }


def title_of(uncertain: UncertainTrack) -> str:
    """What a track is called; some have no title."""
    item = uncertain.verdict.item
    return harmless(item.title or Path(item.filepath).name)


def body(kind: type[Body]) -> Body:
    """What a request says.

    Raises:
        RefusedError: It is not what the page would send.
    """
    try:
        return msgspec.json.decode(request.get_data(), type=kind)
    except msgspec.DecodeError as error:
        raise RefusedError("This is not a request of the page's.", 400) from error


def make_app(page: Page, guard: Guard, library: OneThread, pictures: Pictures) -> Flask:
    """The web application."""
    app = Flask("cnngenre", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.before_request(guard.check)
    app.after_request(with_headers)
    add_page(app)
    add_reading(app, page, library, pictures)
    add_changes(app, page, library)
    app.register_error_handler(RefusedError, refused)
    app.register_error_handler(ClosedError, closed)
    app.register_error_handler(sqlite3.Error, library_failed)
    app.register_error_handler(DBAccessError, library_failed)
    app.register_error_handler(HTTPException, plainly)
    return app


def add_page(app: Flask) -> None:
    """The page itself."""
    for address, name in {"/": "page.html", "/page.css": "page.css", "/page.js": "page.js"}.items():
        app.add_url_rule(
            address, name, lambda name=name: send_file(PAGE / name, max_age=0), methods=["GET"]
        )
    app.add_url_rule("/favicon.ico", "icon", lambda: ("", 204), methods=["GET"])


def add_reading(app: Flask, page: Page, library: OneThread, pictures: Pictures) -> None:
    """What changes nothing."""

    @app.get("/session")
    def session() -> Response:
        return jsonify(library.do(page.session))

    @app.get("/tracks")
    def rows() -> Response:
        start = request.args.get("start", 0, int)
        return jsonify(library.do(page.rows, start, request.args.get("count", MAX_ROWS, int)))

    @app.get("/tracks/<int:track>")
    def details(track: int) -> Response:
        return jsonify(library.do(lambda: page.details(page.uncertain(track))))

    @app.get("/tracks/<int:track>/audio")
    def audio(track: int) -> Response:
        path, mimetype = library.do(page.audio, track)
        try:
            return send_file(path, mimetype=mimetype, conditional=True)
        except OSError as error:
            raise RefusedError("The file cannot be read.", 404) from error

    @app.get("/tracks/<int:track>/picture")
    def picture(track: int) -> Response:
        item = library.do(page.item, track)
        drawn = pictures.picture(page.uncertain(track).verdict, item)
        if isinstance(drawn, str):
            raise RefusedError(f"No picture: {drawn}.", 404)
        return Response(drawn, mimetype="image/png")


def add_changes(app: Flask, page: Page, library: OneThread) -> None:
    """What changes something."""

    @app.post("/decide")
    def decide() -> Response:
        return jsonify(library.do(page.decide, body(Answer)))

    @app.post("/skip")
    def skip() -> Response:
        return jsonify(library.do(page.skip, body(Track).track))

    @app.post("/undo")
    def undo() -> Response:
        return jsonify(library.do(page.undo))


def refused(error: RefusedError) -> tuple[Response, int]:
    """The answer where something cannot be done."""
    return jsonify({"error": str(error)}), error.status


def closed(_: ClosedError) -> tuple[Response, int]:
    """The answer to what comes too late."""
    return jsonify({"error": "The review has ended."}), 503


def library_failed(error: sqlite3.Error | DBAccessError) -> tuple[Response, int]:
    """The answer while another program has the library; what was to be done can be tried again."""
    return jsonify({"error": f"The library cannot be used: {error}."}), 503


def plainly(error: HTTPException) -> AnyResponse:
    """The answer to what nobody would ask but by mistake."""
    return Response(f"{error.name}\n", error.code, mimetype="text/plain")
