"""Whether ONNX Runtime may calculate, when it loads a network, what depends on the weights alone.

Trained networks run up to ten times as fast with it: TensorFlow's export leaves transposed weights
to be transposed.  Nobody can interrupt it, so it is only done where it is known to be little work.
"""

from __future__ import annotations

from math import prod

from genre_model.model.onnx.check import constant_of
from genre_model.model.onnx.graph import ITEM_BYTES, Graph, Node, Tensor

# Operators that only lay out what they are given, or take a few steps for each of its bytes.
LAYOUT = frozenset(
    {
        *("Cast", "Concat", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze"),
        *("Transpose", "Unsqueeze"),
    }
)


# Element by element; one input may be repeated to the shape of the other, so that sizes multiply.
ELEMENTWISE = frozenset({"Add", "And", "Less", "Mul", "Sub"})


SHAPE_BYTES = 100  # of the result of Shape, which is known for an input of a fixed shape


MAX_BYTES = 2**31


def folds_cheaply(graph: Graph) -> bool:
    """Whether all that can be calculated from the weights alone is little work."""
    try:
        Folding().fold(graph, {})
    except OverflowError:
        return False
    return True


class Folding:
    """Counts the bytes that are calculated when a network is loaded."""

    def __init__(self) -> None:
        self.n_bytes = 0

    def fold(self, graph: Graph, outer: dict[str, int]) -> None:
        """Go through a graph whose order and names have been checked.

        Args:
            graph: The network, or the body of a loop.
            outer: The bytes of what is known around it, by name.

        Raises:
            OverflowError: It is much, or of unknown cost.
        """
        sizes = outer | {weight.name: bytes_of(weight) for weight in graph.weights}
        for node in graph.nodes:
            if node.op == "Loop":
                self.fold(node.attributes["body"].value, sizes)
            size = self.size_of(node, sizes)
            if size is not None:
                sizes.update(dict.fromkeys(node.outputs, size))

    def size_of(self, node: Node, sizes: dict[str, int]) -> int | None:
        """The bytes that a node's result takes; None where it is not known at the load.

        Raises:
            OverflowError: It is much, or of unknown cost.
        """
        if node.op == "Constant":
            return bytes_of(constant_of(node))
        if node.op == "Shape":
            return SHAPE_BYTES
        given = [sizes.get(name) for name in node.inputs if name]
        known = [size for size in given if size is not None]
        if len(known) < len(given):
            return None
        if node.op in LAYOUT and node.op != "Gather":
            size = sum(known)
        elif node.op in ELEMENTWISE or node.op == "Gather":
            size = prod(known)
        else:
            raise OverflowError
        self.n_bytes += size
        if self.n_bytes > MAX_BYTES:
            raise OverflowError
        return size


def bytes_of(weight: Tensor) -> int:
    """The bytes of weights."""
    return prod(weight.dims) * ITEM_BYTES[weight.element]
