"""The routes of the review page.

``/tracks`` lists the unsure tracks in their order, a few at a time; ``/tracks/ID`` is one of them,
with its ``audio`` and its ``picture``; ``/decide``, ``/skip``, ``/again`` and ``/undo`` change
something.  The library is used in its own thread only; files are sent in the request's thread.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec
from beets.dbcore.db import DBAccessError
from flask import Blueprint, Flask, Response, jsonify, request, send_file
from werkzeug.exceptions import HTTPException

from beetsplug.cnngenre.review.web.answers import MAX_ROWS, Answer, Page, RefusedError, Track
from beetsplug.cnngenre.review.web.guard import Guard, with_headers
from beetsplug.cnngenre.review.web.pictures import Pictures
from beetsplug.cnngenre.review.web.thread import BusyError, ClosedError, OneThread

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse


PAGE = Path(__file__).parent / "page"


MAX_BODY_BYTES = 64 * 1024


Body = TypeVar("Body")


def body(kind: type[Body]) -> Body:
    """The decoded body of a request.

    Raises:
        RefusedError: The request is not one that the page sends.
    """
    try:
        return msgspec.json.decode(request.get_data(), type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RefusedError("This is not a request of the page's.", 400) from error


def make_app(page: Page, guard: Guard, library: OneThread, pictures: Pictures) -> Flask:
    """The web application."""
    app = Flask("cnngenre", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.before_request(guard.check)
    app.after_request(with_headers)
    routes = Blueprint("page", __name__, url_prefix=guard.prefix)
    add_page(routes)
    add_reading(routes, page, library, pictures)
    add_changes(routes, page, library)
    app.register_blueprint(routes)
    app.register_error_handler(RefusedError, refused)
    app.register_error_handler(ClosedError, closed)
    app.register_error_handler(BusyError, busy)
    app.register_error_handler(sqlite3.Error, library_failed)
    app.register_error_handler(DBAccessError, library_failed)
    app.register_error_handler(HTTPException, plainly)
    return app


def add_page(routes: Blueprint) -> None:
    """Add the routes of the page itself."""
    for address, name in {"/": "page.html", "/page.css": "page.css", "/page.js": "page.js"}.items():
        routes.add_url_rule(
            address,
            name.replace(".", "-"),
            lambda name=name: send_file(PAGE / name, max_age=0),
            methods=["GET"],
        )
    routes.add_url_rule("/icon", "icon", lambda: ("", 204), methods=["GET"])


def add_reading(routes: Blueprint, page: Page, library: OneThread, pictures: Pictures) -> None:
    """Add the routes that change nothing."""

    @routes.get("/session")
    def session() -> Response:
        return jsonify(library.do(page.session))

    @routes.get("/tracks")
    def rows() -> Response:
        start = request.args.get("start", 0, int)
        return jsonify(library.do(page.rows, start, request.args.get("count", MAX_ROWS, int)))

    @routes.get("/tracks/<int:track>")
    def details(track: int) -> Response:
        return jsonify(library.do(lambda: page.details(page.uncertain(track))))

    @routes.get("/tracks/<int:track>/audio")
    def audio(track: int) -> Response:
        path, mimetype = library.do(page.audio, track)
        try:
            return send_song(path, mimetype, str(track))
        except OSError as error:
            raise RefusedError("The file cannot be read.", 404) from error

    @routes.get("/tracks/<int:track>/picture")
    def picture(track: int) -> Response:
        item = library.do(page.item, track)
        drawn = pictures.picture(page.uncertain(track).verdict(item))
        if isinstance(drawn, str):
            raise RefusedError(f"No picture: {drawn}.", 404)
        return Response(drawn, mimetype="image/png")


def send_song(path: Path, mimetype: str, name: str) -> Response:
    """The response with a file, or with the part of it that the browser asks for.

    Flask would make the name and the version of the file from its path, which may be bytes that are
    no text, or have line breaks.

    Raises:
        OSError: The file cannot be read.
    """
    status = path.stat()
    version = f"{status.st_mtime_ns}-{status.st_size}"
    return send_file(path, mimetype, download_name=name, etag=version, conditional=True)


def add_changes(routes: Blueprint, page: Page, library: OneThread) -> None:
    """Add the routes that change something."""

    @routes.post("/decide")
    def decide() -> Response:
        return jsonify(library.do(page.decide, body(Answer)))

    @routes.post("/skip")
    def skip() -> Response:
        return jsonify(library.do(page.skip, body(Track).track))

    @routes.post("/again")
    def again() -> Response:
        return jsonify(library.do(page.again))

    @routes.post("/undo")
    def undo() -> Response:
        return jsonify(library.do(page.undo))


def refused(error: RefusedError) -> tuple[Response, int]:
    """The response to a request that cannot be carried out."""
    return jsonify({"error": str(error)}), error.status


def closed(_: ClosedError) -> tuple[Response, int]:
    """The response to a request after the end of the review."""
    return jsonify({"error": "The review has ended."}), 503


def busy(_: BusyError) -> tuple[Response, int]:
    """The response to a request that waited too long; it was not and will not be carried out."""
    return jsonify({"error": "The library is busy; nothing was done. Try again."}), 503


def library_failed(error: sqlite3.Error | DBAccessError) -> tuple[Response, int]:
    """The response while another program locks the library; the request can be sent again."""
    return jsonify({"error": f"The library cannot be used: {error}."}), 503


def plainly(error: HTTPException) -> AnyResponse:
    """The response to an HTTP error, such as an unknown path."""
    return Response(f"{error.name}\n", error.code, mimetype="text/plain")
