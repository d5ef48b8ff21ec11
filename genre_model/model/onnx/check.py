"""What an ``.onnx`` file asks for, before ONNX Runtime gets to see it.

Such a file is a message in the wire format of protocol buffers, in which ``onnx.proto`` numbers the
fields.  ONNX Runtime would read other files that it names, and run what others have added to the
standard's operators.  A network needs neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import prod

# By the number of a field: what sort of message it holds.  Other fields are passed over.
MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 11: "value", 12: "value", 13: "value", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {
        **{5: "tensor", 6: "graph", 10: "tensor", 11: "graph"},
        **{22: "sparse", 23: "sparse"},
    },
    "sparse": {1: "tensor", 2: "tensor"},
}


NODE_DOMAIN = ("node", 7)


EXTERNAL = {("tensor", 13), ("tensor", 14)}  # external_data; data_location, 0 for here


STANDARD = (b"", b"ai.onnx")


# Operators that only lay out what they are given.
LAYOUT = {
    *(b"Cast", b"Concat", b"Constant", b"Gather", b"Identity", b"Reshape", b"Slice", b"Squeeze"),
    *(b"Transpose", b"Unsqueeze"),
}


# Those whose result may be known although what they are given is not; it takes a few bytes.
SHAPE, SHAPE_BYTES = {b"Shape", b"Size"}, 100


MAX_DEPTH = 16


MAX_FIELDS = 2_000_000


MAX_NODES = 5_000  # the time that loading takes grows with the square: seconds for so many


MAX_TENSORS = 20_000


MAX_LAYOUT_BYTES = 2**31


VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def find_danger(content: bytes) -> str | None:
    """Why a network should not be loaded, if anything speaks against it."""
    counts: Counter[str] = Counter()
    try:
        for message, number, value in walk(memoryview(content), "model", counts):
            if (message, number) in EXTERNAL and value not in (0, b""):
                return "has weights in other files"
            if (message, number) == NODE_DOMAIN and value not in STANDARD:
                return "has operators that are not ONNX' own"
    except ValueError as error:
        return str(error)
    if counts["function"] or counts["training"]:
        return "has functions of its own"
    if counts["sparse"]:  # a few bytes can claim any size, which is filled when it is loaded
        return "has sparse weights"
    if counts["node"] > MAX_NODES or counts["tensor"] > MAX_TENSORS:
        return f"has more than {MAX_NODES:,} operators or {MAX_TENSORS:,} weights"
    return None


def folds_cheaply(content: bytes) -> bool:
    """Whether all that can be calculated from the weights alone is how they are laid out.

    ONNX Runtime does that once, when it loads the network, and nobody can stop it.  To it, the
    shape of an input may be as good as a weight.  Of a network with loops, or whose operators are
    not in order, nothing is known.
    """
    graphs = list(parts(memoryview(content), 7))
    constant: Counter[bytes] = Counter()  # bytes, by name
    for tensor in (tensor for g in graphs for tensor in parts(g, 5)):
        constant.update({bytes(name): len(tensor) for name in parts(tensor, 8)})
    known = constant.keys() | {
        bytes(name) for g in graphs for value in parts(g, 11) for name in parts(value, 1)
    }
    laid_out = 0
    for node in (node for g in graphs for node in parts(g, 1)):
        # Names are optional: an empty one stands for nothing.
        inputs, outputs, kinds = (
            [bytes(text) for text in parts(node, number) if text] for number in (1, 2, 4)
        )
        has_graph = any(number in (6, 11) for a in parts(node, 5) for number, _ in fields(a))
        if has_graph or not known.issuperset(inputs) or not known.isdisjoint(outputs):
            return False
        if SHAPE.issuperset(kinds):
            constant.update(dict.fromkeys(outputs, SHAPE_BYTES))
        elif all(name in constant for name in inputs):
            sizes = [constant[name] for name in inputs]
            size = len(node) + (prod(sizes) if b"Gather" in kinds else sum(sizes))
            laid_out += size
            if not LAYOUT.issuperset(kinds) or laid_out > MAX_LAYOUT_BYTES:
                return False
            constant.update(dict.fromkeys(outputs, size))
        known.update(outputs)
    return True


def parts(content: memoryview, number: int) -> Iterator[memoryview]:
    """The texts or messages of one field."""
    return (value for n, value in fields(content) if n == number and not isinstance(value, int))


def walk(
    content: memoryview, message: str, counts: Counter[str], depth: int = 0
) -> Iterator[tuple[str, int, int | bytes]]:
    """The fields of a message and of those in it that matter, each with the message's name.

    ``counts`` gets how many there are of each sort.

    Raises:
        ValueError: It is no such message, or too deep or too large for a network.
    """
    counts[message] += 1
    if depth > MAX_DEPTH:
        raise ValueError("is too deep")
    inner = MESSAGES.get(message, {})
    for number, value in fields(content):
        counts["field"] += 1
        if counts["field"] > MAX_FIELDS:
            raise ValueError("is too complicated")
        if number in inner and isinstance(value, memoryview):
            yield from walk(value, inner[number], counts, depth + 1)
        else:  # nobody needs more than the beginning of what is long
            yield message, number, value if isinstance(value, int) else bytes(value[:100])


def fields(content: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Each field's number and value: a number, or the bytes of a text or message.

    Raises:
        ValueError: These bytes are no message.
    """
    place = 0
    while place < len(content):
        key, place = varint(content, place)
        if not 8 <= key < 2**32:  # of a longer one, ONNX Runtime would read the last 32 bits
            raise ValueError("is no ONNX file")
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, place = varint(content, place)
            yield number, value
            continue
        if wire == BYTES:
            size, place = varint(content, place)
        elif wire in (FIXED32, FIXED64):
            size = 4 if wire == FIXED32 else 8
        else:
            raise ValueError("is no ONNX file")
        if size > len(content) - place:
            raise ValueError("is no whole ONNX file")
        yield number, content[place : place + size]
        place += size


def varint(content: memoryview, place: int) -> tuple[int, int]:
    """The number that begins at a place, seven bits to a byte, and the place after it.

    Raises:
        ValueError: There is none.
    """
    number = 0
    for shift in range(0, 70, 7):
        if place == len(content):
            break
        byte = content[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
    raise ValueError("is no ONNX file")
