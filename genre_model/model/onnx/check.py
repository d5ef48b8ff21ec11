"""Check a stranger's network before it is loaded.

The checks cover the format, the operators and their options, and the names and types of values.
ONNX Runtime gets only networks that pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from genre_model.model.onnx.graph import (
    BOOL,
    INT64,
    Graph,
    Model,
    Node,
    Tensor,
    read_model,
)
from genre_model.model.onnx.operators import ANY, OPERATORS, OPSETS, Operator

STANDARD = ("", "ai.onnx")


# tf2onnx also states a version of this domain, though none of the operators here belong to it.
UNUSED_DOMAINS = ("ai.onnx.ml",)


IR_VERSIONS = range(3, 11)


MAX_NODES = 5_000  # loading takes seconds for this many, and grows with the square
MAX_WEIGHTS = 20_000
MAX_LOOPS_DEEP = 2


def checked_model(content: bytes) -> Model:
    """The model in a network's file, after all checks.

    Raises:
        ValueError: The file is not a network, or has something that is not allowed.
    """
    model = read_model(content)
    check_model(model)
    return model


def check_model(model: Model) -> None:
    """Check all of a model.

    Raises:
        ValueError: The model has a version, or parts, that are not allowed.
    """
    domains = [domain for domain, _ in model.opsets]
    versions = dict(model.opsets)
    if len(set(domains)) < len(domains) or not set(domains) <= {*STANDARD, *UNUSED_DOMAINS}:
        raise ValueError("has operators that are not ONNX' own")
    if not any(versions.get(domain, 0) in OPSETS for domain in STANDARD):
        raise ValueError(f"is not of ONNX' operator sets {OPSETS.start} to {OPSETS.stop - 1}")
    if model.ir_version not in IR_VERSIONS:
        raise ValueError("is of a version of ONNX that is not read here")
    if not model.graph.inputs or not model.graph.outputs:
        raise ValueError("has no inputs or no outputs")
    if any(value.element not in ANY for value in model.graph.inputs):
        raise ValueError("has inputs that are not plain numbers")
    Checker().check_graph(model.graph, {}, 0)


@dataclass(slots=True)
class Checker:
    """Follows the names of values through a graph, and counts nodes and weights."""

    n_nodes: int = 0
    n_weights: int = 0
    taken: set[str] = field(default_factory=set)  # no name is used twice, not even in a loop

    def check_graph(self, graph: Graph, outer: Mapping[str, int], depth: int) -> list[int]:
        """Check a graph whose nodes may also use the values of the enclosing graph.

        Returns:
            The element types of its outputs.

        Raises:
            ValueError: The graph is too deep or too large, or has parts that are not allowed.
        """
        if depth > MAX_LOOPS_DEEP:
            raise ValueError("is too deep")
        self.n_nodes += len(graph.nodes)
        self.n_weights += len(graph.weights)
        self.check_size()
        known = dict(outer)
        for weight in graph.weights:
            self.add(known, weight.name, weight.element)
        weights = {weight.name for weight in graph.weights}
        for value in graph.inputs:
            # Older files list their weights among the inputs, too.
            if value.name not in weights:
                self.add(known, value.name, value.element)
        for node in graph.nodes:
            self.check_node(node, known, depth)
        names = [value.name for value in graph.outputs]
        if len(set(names)) < len(names) or not known.keys() >= set(names):
            raise ValueError("has outputs that nothing calculates")
        return [known[name] for name in names]

    def check_size(self) -> None:
        """Check the number of nodes and weights so far.

        Raises:
            ValueError: There are too many.
        """
        if self.n_nodes > MAX_NODES or self.n_weights > MAX_WEIGHTS:
            raise ValueError(f"has more than {MAX_NODES:,} operators or {MAX_WEIGHTS:,} weights")

    def add(self, known: dict[str, int], name: str, element: int) -> None:
        """Record the element type of a value.

        Raises:
            ValueError: The value has no name, or another value has the same name.
        """
        if not name or name in self.taken:
            raise ValueError("has values without a unique name")
        self.taken.add(name)
        known[name] = element

    def check_node(self, node: Node, known: dict[str, int], depth: int) -> None:
        """Check one node, and record the values that it calculates.

        Raises:
            ValueError: The operator is not allowed, or is not used as it should be.
        """
        if node.domain not in STANDARD:
            raise ValueError("has operators that are not ONNX' own")
        operator = OPERATORS.get(node.op)
        if operator is None:
            raise ValueError(f"has the operator {node.op or 'of no name'}, which is not run here")
        check_arity(node, operator)
        check_options(node, operator)
        elements = self.elements_of_inputs(node, operator, known)
        if node.op == "Loop":
            given = self.check_loop(node, elements, known, depth)
        elif node.op == "Cast":
            given = [node.attributes["to"].value]
        elif node.op == "Constant":
            given = [constant_of(node).element]
        elif operator.gives is not None:
            given = [operator.gives]
        else:
            given = [elements[0]] * len(node.outputs)
        for name, element in zip(node.outputs, given, strict=True):
            self.add(known, name, element)

    def elements_of_inputs(
        self, node: Node, operator: Operator, known: Mapping[str, int]
    ) -> list[int]:
        """The element types of a node's inputs; 0 for an input that is left out.

        Raises:
            ValueError: An input was not calculated before, or has a type that is not allowed.
        """
        elements = []
        for index, name in enumerate(node.inputs):
            if name and name not in known:
                raise ValueError(f"uses a value in {node.op} before it is calculated")
            takes = operator.takes[min(index, len(operator.takes) - 1)]
            element = known[name] if name else 0
            if name and element not in takes:
                raise ValueError(f"has a {node.op} of numbers of another type than it takes")
            elements.append(element)
        return elements

    def check_loop(
        self, node: Node, elements: list[int], known: Mapping[str, int], depth: int
    ) -> list[int]:
        """Check a loop and its body: (step, condition, carried ...) to (condition, carried ...).

        Returns:
            The element types of the loop's outputs.

        Raises:
            ValueError: The body does not fit its loop.
        """
        body: Graph = node.attributes["body"].value
        carried = elements[2:]
        expected = [INT64, BOOL, *carried]
        # tf2onnx gives no types to the values that a loop carries: they have those of its inputs.
        found = [value.element or one for value, one in zip(body.inputs, expected, strict=False)]
        if len(body.inputs) != len(expected) or found != expected:
            raise ValueError("has a loop whose body does not fit it")
        typed = [replace(value, element=e) for value, e in zip(body.inputs, expected, strict=True)]
        body = replace(body, inputs=tuple(typed))
        given = self.check_graph(body, known, depth + 1)
        n_given = len(given) - 1
        if given[: len(carried) + 1] != [BOOL, *carried] or n_given != len(node.outputs):
            raise ValueError("has a loop whose body does not fit it")
        return given[1:]


def check_arity(node: Node, operator: Operator) -> None:
    """Make sure that a node has as many inputs and outputs as its operator takes, all named.

    Raises:
        ValueError: The node has too few or too many inputs or outputs, or one without a name.
    """
    fewest, most = operator.inputs
    outputs_fit = operator.outputs[0] <= len(node.outputs) <= operator.outputs[1]
    if not fewest <= len(node.inputs) <= most or not outputs_fit:
        raise ValueError(f"has a {node.op} with more or fewer inputs than it takes")
    # If an operator takes any number of inputs of one kind, none may be left out.
    n_needed = len(node.inputs) if most > OPTIONAL_AT_MOST else fewest
    if not all(node.inputs[:n_needed]) or not all(node.outputs):
        raise ValueError(f"has a {node.op} with an input or output of no name")


# An operator that may have more inputs than this takes any number of one kind.
OPTIONAL_AT_MOST = 5


def check_options(node: Node, operator: Operator) -> None:
    """Make sure that a node's attributes are those of its operator.

    Raises:
        ValueError: An attribute is unknown or missing, or has a wrong type or value.
    """
    for name, attribute in node.attributes.items():
        option = operator.options.get(name)
        if option is None or attribute.type != option.type or not option.fits(attribute.value):
            raise ValueError(f"has a {node.op} with an option that makes no sense")
    if any(o.required and name not in node.attributes for name, o in operator.options.items()):
        raise ValueError(f"has a {node.op} without an option that it needs")


def constant_of(node: Node) -> Tensor:
    """The weights in a ``Constant`` node."""
    value: Tensor = node.attributes["value"].value
    return value
