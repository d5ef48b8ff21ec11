"""A strict reader of the protocol buffers wire format: fields are known, of their kind, and whole.

An ``.onnx`` file is a ``ModelProto`` of ``onnx.proto``, which defines the field numbers.  ONNX
Runtime reads more than a network needs, and accepts errors (unknown fields, a field that occurs
twice, numbers that do not fit).  This reader refuses them, so that a file has only one meaning.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

NO_FILE = "is no ONNX file"
MAX_DEPTH = 16
MAX_FIELDS = 2_000_000
MAX_TEXT = 1_000


@dataclass(frozen=True, slots=True)
class Kind:
    """What a field holds, and whether it may occur several times.

    ``kind`` is ``int``, ``ints``, ``float``, ``floats``, ``text``, ``bytes``, ``skip``, or the name
    of a message; ``refused`` is the error message if a network must not have the field, else empty.
    """

    kind: str
    repeated: bool = False
    refused: str = ""


def many(kind: str) -> Kind:
    """A field that may occur several times."""
    return Kind(kind, repeated=True)


def refused(complaint: str) -> Kind:
    """A field that a network must not have, with the error message."""
    return Kind("skip", repeated=True, refused=complaint)


SKIP = Kind("skip", repeated=True)  # names, documentation and others without any effect


EXTERNAL = refused("has weights in other files")


SPARSE = refused("has sparse weights")


FUNCTIONS = refused("has functions of its own")


# By message and field number, as in onnx.proto of ONNX 1.17 and later.
SCHEMA: dict[str, dict[int, Kind]] = {
    "model": {
        **{1: Kind("int"), 2: SKIP, 3: SKIP, 4: SKIP, 5: SKIP, 6: SKIP, 7: Kind("graph")},
        **{8: many("opset"), 14: SKIP, 20: FUNCTIONS, 25: FUNCTIONS},
    },
    "opset": {1: Kind("text"), 2: Kind("int")},
    "graph": {
        **{1: many("node"), 2: SKIP, 5: many("tensor"), 10: SKIP, 11: many("value")},
        **{12: many("value"), 13: SKIP, 15: SPARSE, 16: SKIP},
    },
    "node": {
        **{1: many("text"), 2: many("text"), 3: SKIP, 4: Kind("text"), 5: many("attribute")},
        **{6: SKIP, 7: Kind("text"), 9: SKIP},
    },
    "attribute": {
        **{1: Kind("text"), 2: Kind("float"), 3: Kind("int"), 4: Kind("text"), 5: Kind("tensor")},
        **{6: Kind("graph"), 7: Kind("floats"), 8: Kind("ints"), 13: SKIP, 20: Kind("int")},
        **{22: SPARSE, 23: SPARSE},
    },
    "tensor": {
        **{1: Kind("ints"), 2: Kind("int"), 4: Kind("bytes"), 5: Kind("ints"), 7: Kind("ints")},
        **{8: Kind("text"), 9: Kind("bytes"), 10: Kind("bytes"), 12: SKIP, 13: EXTERNAL},
        **{14: Kind("int"), 16: SKIP},
    },
    "value": {1: Kind("text"), 2: Kind("type"), 3: SKIP, 4: SKIP},
    "type": {1: Kind("tensor_type"), 6: SKIP},
    "tensor_type": {1: Kind("int"), 2: Kind("shape")},
    "shape": {1: many("dim")},
    "dim": {1: Kind("int"), 2: Kind("text"), 3: SKIP},
}


VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
WIRES = {"int": VARINT, "float": FIXED32}  # all other kinds: BYTES


@dataclass(slots=True)
class Message:
    """The fields of a message: field number -> all values of the field."""

    values: dict[int, list[Any]] = field(default_factory=dict)

    def all(self, number: int) -> list[Any]:
        """The values of a field."""
        return self.values.get(number, [])

    def one(self, number: int, default: Any) -> Any:
        """The value of a field that occurs at most once; the default if it is missing."""
        return self.values.get(number, [default])[0]


class Reader:
    """Reads one file, and counts the fields that it has read."""

    def __init__(self) -> None:
        self.n_fields = 0

    def read(self, content: memoryview, name: str = "model", depth: int = 0) -> Message:
        """A message, with the messages in it.

        Raises:
            ValueError: The content is not such a message, or has something that is not allowed.
        """
        if depth > MAX_DEPTH:
            raise ValueError("is too deep")
        schema: Mapping[int, Kind] = SCHEMA[name]
        message = Message()
        for number, wire, value in fields(content):
            kind = self.kind_of(schema, number)
            if kind.kind == "skip":
                continue
            found = message.values.setdefault(number, [])
            if kind.kind in ("ints", "floats"):
                new = unpacked(kind.kind, wire, value)
                found += new
                self.n_fields += len(new)
            elif wire != WIRES.get(kind.kind, BYTES) or (found and not kind.repeated):
                raise ValueError(NO_FILE)
            else:
                found.append(self.value(kind.kind, value, depth))
        return message

    def kind_of(self, schema: Mapping[int, Kind], number: int) -> Kind:
        """The kind of a field.

        Raises:
            ValueError: The field is not allowed, or the file has too many fields.
        """
        self.n_fields += 1
        if self.n_fields > MAX_FIELDS:
            raise ValueError("is too complicated")
        kind = schema.get(number)
        if kind is None:
            raise ValueError(f"has parts that a network does not need (field {number})")
        if kind.refused:
            raise ValueError(kind.refused)
        return kind

    def value(self, kind: str, value: int | memoryview, depth: int) -> Any:
        """The value of a field that is not packed."""
        if isinstance(value, int):
            return signed(value)
        if kind == "float":
            return struct.unpack("<f", value)[0]
        if kind == "text":
            return plain_text(value)
        return value if kind == "bytes" else self.read(value, kind, depth + 1)


def unpacked(kind: str, wire: int, value: int | memoryview) -> list[Any]:
    """The numbers in a repeated field, packed or not.

    Raises:
        ValueError: The value does not hold numbers of this kind.
    """
    if kind == "ints":
        if isinstance(value, int):
            return [signed(value)]
        if wire == BYTES:
            return list(varints(value))
    elif isinstance(value, memoryview) and wire in (BYTES, FIXED32) and len(value) % 4 == 0:
        return list(struct.unpack(f"<{len(value) // 4}f", value))
    raise ValueError(NO_FILE)


def plain_text(value: memoryview) -> str:
    """The text of a name.

    Raises:
        ValueError: The name is too long, is not UTF-8, or has unprintable characters.
    """
    try:
        text = str(value[: MAX_TEXT + 1], "utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("has names that are no text") from error
    if len(text) > MAX_TEXT or not text.isprintable():
        raise ValueError("has names that are no text")
    return text


def fields(content: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """The number, wire type and value (a number, or the bytes) of each field.

    Raises:
        ValueError: The bytes are not a message.
    """
    place = 0
    while place < len(content):
        key, place = varint(content, place)
        if not 8 <= key < 2**32:  # ONNX Runtime would read only the last 32 bits of more
            raise ValueError(NO_FILE)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, place = varint(content, place)
            yield number, wire, value
            continue
        if wire == BYTES:
            size, place = varint(content, place)
        elif wire in (FIXED32, FIXED64):
            size = 4 if wire == FIXED32 else 8
        else:
            raise ValueError(NO_FILE)
        if size > len(content) - place:
            raise ValueError("is truncated, or no ONNX file")
        yield number, wire, content[place : place + size]
        place += size


def varints(content: memoryview) -> Iterator[int]:
    """The numbers in a packed field.

    Raises:
        ValueError: The content ends within a number, or a number has more than 64 bits.
    """
    place = 0
    while place < len(content):
        value, place = varint(content, place)
        yield signed(value)


def varint(content: memoryview, place: int) -> tuple[int, int]:
    """The number that begins at ``place``, seven bits per byte, and the place after it.

    Raises:
        ValueError: The number is cut off, or has more than 64 bits.
    """
    number = 0
    for shift in range(0, 70, 7):
        if place == len(content):
            break
        byte = content[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number >= 2**64:
                break
            return number, place
    raise ValueError(NO_FILE)


def signed(number: int) -> int:
    """An unsigned number of 64 bits, read as a signed one."""
    return number - 2**64 if number >= 2**63 else number
