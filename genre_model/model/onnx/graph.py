"""The graph in an ``.onnx`` file: nodes, weights, inputs and outputs, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from genre_model.model.onnx.wire import Message, Reader

# Numbers of TensorProto.DataType, and the bytes of an element.
FLOAT, INT32, INT64, BOOL, DOUBLE = 1, 6, 7, 9, 11
ITEM_BYTES = {FLOAT: 4, INT32: 4, INT64: 8, BOOL: 1, DOUBLE: 8}


# The field that may hold the elements instead of the raw bytes: (field number, bytes per element).
# None instead of the bytes: the field holds one integer per element.
TYPED_FIELDS: dict[int, tuple[int, int | None]] = {
    FLOAT: (4, 4),
    INT32: (5, None),
    BOOL: (5, None),
    INT64: (7, None),
    DOUBLE: (10, 8),
}


# AttributeProto.AttributeType -> number of the field that holds a value of this type.
ATTRIBUTE_FIELDS = {1: 2, 2: 3, 3: 4, 4: 5, 5: 6, 6: 7, 7: 8}


IS_FLOAT, IS_INT, IS_TEXT, IS_TENSOR, IS_GRAPH, IS_FLOATS, IS_INTS = ATTRIBUTE_FIELDS
MAX_RANK = 8
MAX_ELEMENTS = 2**28


@dataclass(frozen=True, slots=True)
class Tensor:
    """Weights: their name, element type and shape."""

    name: str
    element: int
    dims: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Attribute:
    """An option of a node; ``value`` has the Python type that corresponds to ``type``."""

    type: int
    value: Any


@dataclass(frozen=True, slots=True)
class Node:
    """One use of an operator.  An empty input name is an optional input that is left out."""

    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Attribute]


@dataclass(frozen=True, slots=True)
class Value:
    """An input or output of a graph; ``element`` is 0 if the type is not given."""

    name: str
    element: int
    dims: tuple[int | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Graph:
    """A network, or the body of a loop."""

    nodes: tuple[Node, ...]
    weights: tuple[Tensor, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """An ONNX file: its graph, and the versions of the format and of each domain's operators."""

    ir_version: int
    opsets: tuple[tuple[str, int], ...]
    graph: Graph


def read_model(content: bytes) -> Model:
    """The model in the bytes of an ``.onnx`` file.

    Raises:
        ValueError: The content is not an ONNX file, or has something that is not allowed.
    """
    message = Reader().read(memoryview(content))
    graph = message.one(7, None)
    if graph is None:
        raise ValueError("is no ONNX file")
    opsets = tuple((entry.one(1, ""), entry.one(2, 0)) for entry in message.all(8))
    return Model(message.one(1, 0), opsets, graph_of(graph))


def graph_of(message: Message) -> Graph:
    """The graph in a ``GraphProto``."""
    return Graph(
        tuple(node_of(node) for node in message.all(1)),
        tuple(tensor_of(tensor) for tensor in message.all(5)),
        tuple(value_of(value) for value in message.all(11)),
        tuple(value_of(value) for value in message.all(12)),
    )


def node_of(message: Message) -> Node:
    """The node in a ``NodeProto``.

    Raises:
        ValueError: An attribute has no name, occurs twice or is not of the type that it claims.
    """
    attributes: dict[str, Attribute] = {}
    for entry in message.all(5):
        name = entry.one(1, "")
        if not name or name in attributes:
            raise ValueError("has options without a name of their own")
        attributes[name] = attribute_of(entry)
    inputs, outputs = tuple(message.all(1)), tuple(message.all(2))
    return Node(message.one(4, ""), message.one(7, ""), inputs, outputs, attributes)


EMPTY: dict[int, Any] = {1: 0.0, 2: 0, 3: "", 6: (), 7: ()}


def attribute_of(message: Message) -> Attribute:
    """The attribute in an ``AttributeProto``, which may only have a value of the type it names."""
    kind = message.one(20, 0)
    number = ATTRIBUTE_FIELDS.get(kind)
    if number is None or not set(message.values) <= {1, 20, number}:
        raise ValueError("has options of no known type")
    if kind in (IS_FLOATS, IS_INTS):
        return Attribute(kind, tuple(message.all(number)))
    value = message.one(number, EMPTY.get(kind))
    if value is None:
        raise ValueError("has options without a value")
    if kind == IS_TENSOR:
        value = tensor_of(value)
    elif kind == IS_GRAPH:
        value = graph_of(value)
    return Attribute(kind, value)


def tensor_of(message: Message) -> Tensor:
    """The tensor in a ``TensorProto``, if it has all its elements.

    Raises:
        ValueError: The tensor's elements are elsewhere, are not plain numbers, or do not fit its
            shape.
    """
    if message.one(14, 0):
        raise ValueError("has weights in other files")
    element, dims = message.one(2, 0), tuple(message.all(1))
    if element not in ITEM_BYTES:
        raise ValueError("has weights that are not plain numbers")
    n_elements = count(dims)
    typed, item_bytes = TYPED_FIELDS[element]
    if set(message.values) & {4, 5, 7, 9, 10} - {9, typed}:
        raise ValueError("has weights of two types")
    raw, values = message.values.get(9), message.values.get(typed)
    if raw is not None and values is None:
        whole = len(raw[0]) == n_elements * ITEM_BYTES[element]
    elif values is None:
        whole = raw is None and n_elements == 0
    elif raw is not None:
        whole = False
    else:
        found = len(values) if item_bytes is None else len(values[0]) / item_bytes
        whole = found == n_elements
    if not whole:
        raise ValueError("has weights that are not as many as they claim")
    return Tensor(message.one(8, ""), element, dims)


def count(dims: tuple[int, ...]) -> int:
    """The number of elements of a shape.

    Raises:
        ValueError: The shape is impossible or too large.
    """
    n_elements = 1
    for size in dims:
        if not 0 <= size <= MAX_ELEMENTS:
            raise ValueError("has weights of an impossible shape")
        n_elements *= size
    if len(dims) > MAX_RANK or n_elements > MAX_ELEMENTS:
        raise ValueError("has weights of an impossible shape")
    return n_elements


def value_of(message: Message) -> Value:
    """The value in a ``ValueInfoProto``, whose type, if given, has to be that of a tensor."""
    kind = message.one(2, None)
    if kind is None:
        return Value(message.one(1, ""), 0)
    tensor = kind.one(1, None)
    if tensor is None:
        raise ValueError("has an input or output that is no array")
    shape = tensor.one(2, None)
    dims = tuple(dim.one(1, None) for dim in shape.all(1)) if shape else ()
    if len(dims) > MAX_RANK or not all(d is None or 0 <= d <= MAX_ELEMENTS for d in dims):
        raise ValueError("has an input or output of an impossible shape")
    return Value(message.one(1, ""), tensor.one(1, 0), dims)
