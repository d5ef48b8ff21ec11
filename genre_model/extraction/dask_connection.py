"""Connect to a Dask scheduler and check its workers; errors are sentences for the user."""

from __future__ import annotations

import logging
import socket
import sys
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from genre_model import __version__
from genre_model.core.errors import GenreModelError

if TYPE_CHECKING:
    from distributed import Client


EXTRA = "needs the extra dask: pip install 'beets-cnngenre[dask]'"


CONNECT_S = 5.0


# How long a scheduler may take for any request, such as passing a model on to its workers.
SILENCE_S = 30.0


# How long a scheduler may take to send its greeting, and how long the greeting may be.
GREETING_S, MAX_GREETING_BYTES = 20.0, 2**16


def connect(address: str) -> Client:
    """A client of the scheduler at an address.

    Raises:
        GenreModelError: No scheduler answers, or Dask is not installed.
    """
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise GenreModelError(f"--dask {EXTRA}") from error
    for name in ("distributed", "distributed.client"):  # we report errors ourselves
        logging.getLogger(name).setLevel(logging.CRITICAL)
    refuse_silence(address)
    # Sending a whole file is intended, so Dask need not warn.
    dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"})
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise GenreModelError(f"no Dask scheduler answers at {address}") from error
    except timeouts() as error:
        raise GenreModelError(f"no Dask scheduler answers at {address}") from error
    client.sync = partial(client.sync, callback_timeout=SILENCE_S)  # for every request
    return client


@contextmanager
def answered_in_time() -> Iterator[None]:
    """Turn timeouts of the scheduler inside the block into an error for the user.

    Raises:
        GenreModelError: The scheduler does not answer within ``SILENCE_S`` seconds.
    """
    try:
        yield
    except timeouts() as error:
        raise GenreModelError("the Dask scheduler does not answer") from error


def timeouts() -> tuple[type[Exception], ...]:
    """The exceptions that Dask raises on a timeout: any of three before Python 3.11."""
    import asyncio

    return TimeoutError, asyncio.TimeoutError, futures.TimeoutError


def refuse_silence(address: str) -> None:
    """Make sure that a scheduler answers at an address; Dask itself takes longer to report it.

    Raises:
        GenreModelError: The address is not valid, or no scheduler answers there.
    """
    scheme, host, port = parts_of(address)
    try:
        with socket.create_connection((host, port), CONNECT_S) as connection:
            if scheme == "tcp":
                read_greeting(connection)
    except (OSError, ValueError) as error:
        raise GenreModelError(f"no Dask scheduler answers at {address}") from error


def parts_of(address: str) -> tuple[str, str, int]:
    """The scheme, the host and the port of an address.

    Raises:
        GenreModelError: The address is not valid.
    """
    with suppress(ValueError):
        parts = urlsplit(address)
        if parts.hostname and parts.port:
            return parts.scheme, parts.hostname, parts.port
    raise GenreModelError(f"{address} is no address such as tcp://host:8786")


def read_greeting(connection: socket.socket) -> None:
    """Read the greeting that a scheduler sends first: its length, and how messages are encoded.

    Dask itself waits for the greeting forever.

    Raises:
        OSError: No greeting comes, or only a part of it.
        ValueError: The greeting is not one of Dask's.
    """
    ends_s = time.monotonic() + GREETING_S

    def read(n_bytes: int) -> bytes:
        content = b""
        while len(content) < n_bytes:
            connection.settimeout(max(0.01, ends_s - time.monotonic()))
            part = connection.recv(n_bytes - len(content))
            if not part or time.monotonic() > ends_s:
                raise OSError("no greeting")
            content += part
        return content

    n_bytes = int.from_bytes(read(8), "little")
    if n_bytes > MAX_GREETING_BYTES or b"pickle-protocol" not in read(n_bytes):
        raise ValueError("no greeting of Dask's")


def check_workers(client: Client, address: str) -> None:
    """Make sure that there are workers, and that their versions are the same as ours.

    Raises:
        GenreModelError: There are no workers, or their versions are not the same.
    """
    try:
        client.wait_for_workers(1, timeout=CONNECT_S)
    except timeouts() as error:
        raise GenreModelError(f"the Dask scheduler at {address} has no workers") from error
    ours = versions()
    try:
        found = client.run(versions)
    except ImportError as error:
        raise GenreModelError(f"the Dask workers need beets-cnngenre {ours[0]}: {error}") from error
    for worker, theirs in found.items():
        if theirs != ours:
            raise GenreModelError(
                f"the Dask worker {worker} has beets-cnngenre {theirs[0]} on Python {theirs[1]}, "
                f"here are {ours[0]} and {ours[1]}: they must be the same"
            )


def versions() -> tuple[str, str]:
    """The versions of this package and of Python."""
    return __version__, ".".join(map(str, sys.version_info[:2]))
