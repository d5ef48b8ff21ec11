"""Who may come in: the page is for one user of this machine, not for what else the browser shows.

A page elsewhere can make a browser send requests here, and with a name that it controls (DNS
rebinding) also read the answers.  So every request has to name our address and to begin its path
with a random token; browsers say where a request comes from, and one from elsewhere is turned away;
and what changes something is JSON from our own origin.

The token is in the path, as Jupyter's is in its address, and not in a cookie: cookies do not know
ports (RFC 6265, section 8.5), so any other server on 127.0.0.1 would be sent it.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from flask import Response, request

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse


HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


READING = ("GET", "HEAD")


class Guard:
    """Knows the token, and turns away whatever does not come from the user's own page."""

    def __init__(self, host: str, port: int) -> None:
        self.host = f"{host}:{port}"
        self.token = secrets.token_urlsafe(32)

    @property
    def prefix(self) -> str:
        """What every path here begins with."""
        return f"/{self.token}"

    @property
    def address(self) -> str:
        """What the user opens."""
        return f"http://{self.host}{self.prefix}/"

    def check(self) -> AnyResponse | None:
        """Answer a request that is turned away."""
        if request.headers.get("Host") != self.host:
            return refusal("This is not the address of this page.")
        if not same(request.path.split("/")[1], self.token):
            return refusal("Open this page with the address that beet has printed.")
        is_from_here = request.headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none")
        if not is_from_here and not self.is_opened():
            return refusal("Another page has sent this request.")
        if request.method not in READING:
            return self.check_change()
        return None

    def is_opened(self) -> bool:
        """Whether a browser is sent to the page itself, which it says in the address bar.

        The file that opens the page does that, and is another page to the browser.
        """
        return (
            request.method == "GET"
            and request.path == f"{self.prefix}/"
            and request.headers.get("Sec-Fetch-Mode") == "navigate"
            and request.headers.get("Sec-Fetch-Dest") == "document"
        )

    def check_change(self) -> Response | None:
        """Answer a request to change something that is turned away."""
        if request.headers.get("Origin") != f"http://{self.host}":
            return refusal("Another page has sent this request.")
        if request.mimetype != "application/json":
            return refusal("What changes something has to be JSON.", 415)
        return None


def same(offered: str, secret: str) -> bool:
    """Whether two secrets are equal, in a time that does not tell how much of them is."""
    return secrets.compare_digest(offered.encode("utf-8", "backslashreplace"), secret.encode())


def refusal(sentence: str, status: int = 403) -> Response:
    """The answer to what is turned away."""
    return Response(f"{sentence}\n", status, mimetype="text/plain")


def with_headers(response: Response) -> Response:
    """An answer that no other page can make use of."""
    response.headers.update(HEADERS)
    return response
