"""Who may come in: the page is for one user of this machine, not for what else the browser shows.

A page elsewhere can make a browser send requests here, and with a name that it controls (DNS
rebinding) also read the answers.  So every request has to name our address and bring a token;
browsers say where a request comes from, and one from elsewhere is turned away; and what changes
something is JSON from our own origin.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from flask import Response, redirect, request

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
        self.cookie = f"cnngenre_{port}"  # browsers do not tell cookies of one host's ports apart
        self.token = secrets.token_urlsafe(32)
        self.ticket = ""

    @property
    def address(self) -> str:
        """What the user opens."""
        return f"http://{self.host}/?token={self.token}"

    def address_for_once(self) -> str:
        """The same for one visit: it goes over a command line, which others may read."""
        self.ticket = secrets.token_urlsafe(32)
        return f"http://{self.host}/?token={self.ticket}"

    def check(self) -> AnyResponse | None:
        """Answer a request that is turned away, or that brings its token in the address."""
        if request.headers.get("Host") != self.host:
            return refusal("This is not the address of this page.")
        if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            return refusal("Another page has sent this request.")
        token = request.args.get("token")
        if request.method == "GET" and request.path == "/" and token and self.admits(token):
            response = redirect("/", 303)
            response.set_cookie(self.cookie, self.token, httponly=True, samesite="Strict")
            return response
        if not same(request.cookies.get(self.cookie, ""), self.token):
            return refusal("Open this page with the address that beet has printed.")
        if request.method not in READING:
            return self.check_change()
        return None

    def check_change(self) -> Response | None:
        """Answer a request to change something that is turned away."""
        if request.headers.get("Origin") != f"http://{self.host}":
            return refusal("Another page has sent this request.")
        if request.mimetype != "application/json":
            return refusal("What changes something has to be JSON.", 415)
        return None

    def admits(self, token: str) -> bool:
        """Whether a token in an address is the right one; one for a single visit is used up."""
        if self.ticket and same(token, self.ticket):
            self.ticket = ""
            return True
        return same(token, self.token)


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
