"""Digests of what mutagen reads from a file, to compare tags without keeping them in memory.

A picture may take a hundred megabytes, and ``repr`` turns a byte into up to four characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

from mutagen.id3 import Frame


def digest_of(value: Any) -> str:
    """The digest, in hex, of bytes, texts, numbers, ID3 frames, and lists and mappings of them."""
    digest = blake2b(digest_size=16)
    for part in parts_of(value):
        digest.update(part)
    return digest.hexdigest()


def parts_of(value: Any) -> Iterator[bytes]:
    """Yield bytes that identify a value; large ``bytes`` values are not copied."""
    kind = type(value).__name__
    if isinstance(value, bytes):
        yield f"{kind} {len(value)} ".encode()
        yield value
    elif isinstance(value, str):
        content = value.encode("utf-8", "surrogatepass")
        yield f"{kind} {len(content)} ".encode()
        yield content
    elif isinstance(value, Frame):
        yield f"{kind} ".encode()
        yield from parts_of(vars(value))
    elif isinstance(value, (list, tuple)):
        yield f"{kind} {len(value)} ".encode()
        for item in value:
            yield from parts_of(item)
    elif isinstance(value, Mapping):
        yield f"{kind} {len(value)} ".encode()
        for key in sorted(value, key=repr):
            yield from parts_of((key, value[key]))
    else:
        yield f"{kind} {value!r} ".encode("utf-8", "backslashreplace")
