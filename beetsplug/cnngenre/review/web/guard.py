"""Access control: the page is for one user of this machine, not for other sites in the browser.

Another site can make a browser send requests here, and with a host name that it controls (DNS
rebinding) also read the answers.  So every request must have our address as its host and a random
token at the beginning of its path.  Browsers tell which site a request comes from, and requests
from other sites are refused.  Requests that change something must be JSON from our own origin.

The token is in the path, as Jupyter's is in its URL, and not in a cookie: cookies are not separated
by port (RFC 6265, section 8.5), so the browser would send them to any other server on 127.0.0.1.
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
    """Knows the token, and refuses requests that do not come from the user's own page."""

    def __init__(self, host: str, port: int) -> None:
        self.host = f"{host}:{port}"
        self.token = secrets.token_urlsafe(32)

    @property
    def prefix(self) -> str:
        """The beginning of every path here."""
        return f"/{self.token}"

    @property
    def address(self) -> str:
        """The URL that the user opens."""
        return f"http://{self.host}{self.prefix}/"

    def check(self) -> AnyResponse | None:
        """The refusal of a request; None if the request is allowed."""
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
        """Whether the browser navigates to the page itself, so that the address bar shows it.

        The file that opens the page does that; for the browser, the file is another site.
        """
        return (
            request.method == "GET"
            and request.path == f"{self.prefix}/"
            and request.headers.get("Sec-Fetch-Mode") == "navigate"
            and request.headers.get("Sec-Fetch-Dest") == "document"
        )

    def check_change(self) -> Response | None:
        """The refusal of a request to change something; None if it is allowed."""
        if request.headers.get("Origin") != f"http://{self.host}":
            return refusal("Another page has sent this request.")
        if request.mimetype != "application/json":
            return refusal("What changes something has to be JSON.", 415)
        return None


def same(offered: str, secret: str) -> bool:
    """Whether two secrets are equal; the time it takes does not reveal how much of them is."""
    return secrets.compare_digest(offered.encode("utf-8", "backslashreplace"), secret.encode())


def refusal(sentence: str, status: int = 403) -> Response:
    """The response to a refused request."""
    return Response(f"{sentence}\n", status, mimetype="text/plain")


def with_headers(response: Response) -> Response:
    """A response with headers that keep other sites from using it."""
    response.headers.update(HEADERS)
    return response
