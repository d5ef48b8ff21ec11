"""The server of the review page, for the user of this machine only."""

from __future__ import annotations

import html
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from beets import ui
from beets.library import Library

from beetsplug.cnngenre.config import UserError
from beetsplug.cnngenre.library import Tracks
from beetsplug.cnngenre.review.review import Review
from beetsplug.cnngenre.session import Session

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler


HOST = "127.0.0.1"
POLL_S = 0.5


# Seconds after which an idle connection is closed; browsers make a new one.
IDLE_S = 30.0


# Seconds that a request may wait for the library; then it is given up, and the page says so.
MAX_WAIT_S = 15.0
REDIRECT = """<!DOCTYPE html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={address}">
<title>Genre review</title>
<p><a href="{address}">Genre review</a></p>
"""


class Serve:
    """Serves the page until Ctrl-C; decisions are carried out at once."""

    def __init__(self, session: Session, lib: Library, port: int | None) -> None:
        """Load the model.

        Args:
            session: The session of the command.
            lib: The library.
            port: The port to listen on; None for any free port.  The token changes every time, so
                a fixed port would not make the address permanent.

        Raises:
            GenreModelError: The model cannot be used.
            UserError: The model is not for genres, Flask is not installed, or the port is taken.
        """
        self.session, self.lib = session, lib
        check_flask()
        self.socket = None if session.options.pretend else server_socket(port or 0)
        self.review = Review(session, lib)

    def run(self, items: Tracks, *, show: bool) -> None:
        """Find the unsure tracks, and serve the page; with ``show``, open it in a browser."""
        self.review.run(items, lambda: self.serve(show=show))

    def serve(self, *, show: bool) -> bool:
        """Answer the page's requests until Ctrl-C, which is the normal end."""
        from werkzeug.serving import make_server

        from beetsplug.cnngenre.review.web.answers import Page
        from beetsplug.cnngenre.review.web.guard import Guard
        from beetsplug.cnngenre.review.web.pictures import Pictures
        from beetsplug.cnngenre.review.web.routes import make_app
        from beetsplug.cnngenre.review.web.thread import OneThread

        n_uncertain = len(self.review.uncertain_tracks)
        if not n_uncertain:
            ui.print_("no tracks are unsure")
            return True
        assert self.socket is not None
        guard = Guard(HOST, self.socket.getsockname()[1])
        library = OneThread("cnngenre-library", MAX_WAIT_S)
        pictures = Pictures(self.session, self.review)
        app = make_app(Page(self.review), guard, library, pictures)
        server = make_server(
            HOST, 0, app, threaded=True, request_handler=quiet(), fd=self.socket.fileno()
        )
        self.socket.close()  # the server has its own copy
        try:
            ui.print_(f"{n_uncertain} unsure at {guard.address}")
            ui.print_("Only this machine can open it. Ctrl-C ends it; what is decided is kept.")
            with ExitStack() as stack:
                if show:
                    self.show(stack.enter_context(opening_file(guard.address)))
                wait_for_ctrl_c(server)
        finally:
            pictures.close()
            library.close(wait=True)
        ui.print_()
        return True

    def show(self, file: Path) -> None:
        """Open the page in the user's browser, through a file that redirects to it."""
        from genre_model.core.errors import GenreModelError
        from genre_model.explain.viewer import show

        try:
            show(file)
        except GenreModelError as error:
            self.session.warn(str(error))


@contextmanager
def opening_file(address: str) -> Iterator[Path]:
    """A file that redirects a browser to an address, and that only this user can read.

    The address is secret, and every user of the machine can read command lines.
    """
    with tempfile.TemporaryDirectory(prefix="cnngenre-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "review.html"
        path.write_text(REDIRECT.format(address=html.escape(address)), encoding="utf-8")
        path.chmod(0o600)
        yield path


def check_flask() -> None:
    """Make sure that Flask is installed.

    Raises:
        UserError: Flask is not installed.
    """
    try:
        import flask  # noqa: F401
    except ImportError as error:
        raise UserError(
            "cnnreview: --web needs Flask: pip install 'beets-cnngenre[web]'"
        ) from error


def server_socket(port: int) -> socket.socket:
    """A socket that only this machine can reach; port 0 means any free port.

    Raises:
        UserError: The port is not free, or there is no such port.
    """
    if not 0 <= port <= 65535:
        raise UserError(f"cnngenre: there is no port {port}")
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise UserError(
            f"cnngenre: cannot listen on port {port}: {error.strerror or error}"
        ) from error


def wait_for_ctrl_c(server: BaseWSGIServer) -> None:
    """Serve until the user presses Ctrl-C.

    The server runs in its own thread, because Ctrl-C interrupts the main thread wherever it is.
    """
    thread = Thread(target=server.serve_forever, name="cnngenre-server", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(POLL_S)  # Windows notices Ctrl-C only between two waits
    except KeyboardInterrupt:
        server.shutdown()


def quiet() -> type[WSGIRequestHandler]:
    """A handler that does not log requests, and does not wait forever for the next one."""
    from werkzeug.serving import WSGIRequestHandler

    class Quiet(WSGIRequestHandler):
        timeout = IDLE_S

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Log nothing: the address contains the token."""

    return Quiet
