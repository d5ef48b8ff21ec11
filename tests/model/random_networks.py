"""Random networks: of allowed operators, used correctly or not, and of any of ONNX's operators.

Most of the first kind pass the check and reach ONNX Runtime; few of the second kind do.
"""

from functools import cache

import numpy as np
import onnx
from bundle_files import FRAMES, N_MELS
from onnx import TensorProto, helper, numpy_helper

from genre_model.model.onnx.graph import (
    BOOL,
    FLOAT,
    INT64,
    IS_FLOAT,
    IS_GRAPH,
    IS_INT,
    IS_INTS,
    IS_TENSOR,
    IS_TEXT,
)
from genre_model.model.onnx.operators import OPERATORS

SIMPLE = [
    *("Add", "Sub", "Mul", "Div", "Max", "Mean", "Relu", "Exp", "Log", "Tanh", "Sigmoid", "Elu"),
    *("Identity", "HardSwish", "Softmax", "Transpose", "Reshape", "Concat", "ReduceMax"),
    *("ReduceMean", "ReduceSum", "Unsqueeze", "Squeeze", "Slice", "Split", "Gather", "MatMul"),
]
INTS = (-9, -2, -1, 0, 1, 2, 3, 7, 96, 187, 4_096, 2**31 - 1, 2**31, -(2**63), 2**63 - 1)
FLOATS = (0.0, -1.0, 1.0, 1e-30, 1e30, float("nan"), float("inf"), -float("inf"))
TEXTS = (b"", b"NOTSET", b"SAME_UPPER", b"VALID", b"ij,jk->ik", b"\xff\xfe", b"linear", b"->")


def allowed_network(rng):
    """A network of allowed operators, at least nine tenths of which are used correctly."""
    return Maker(rng, care=rng.choice((0.9, 0.97, 1.0))).network()


def any_network(rng):
    """A network of any of ONNX's operators, of any version, often used incorrectly."""
    return Maker(rng, care=rng.choice((0.0, 0.5, 0.9)), everything=True).network()


@cache
def all_schemas():
    return onnx.defs.get_all_schemas_with_history()


class Maker:
    """Makes one network."""

    def __init__(self, rng, care, everything=False):
        self.rng, self.care, self.everything = rng, care, everything
        self.values, self.weights, self.count = ["log_mel"], [], 0
        self.types = {"log_mel": FLOAT}  # value -> type of its elements, if known
        for _ in range(rng.randrange(1, 5)):
            self.weight()

    def careful(self):
        return self.rng.random() < self.care

    def name(self):
        self.count += 1
        return f"v{self.count}"

    def tensor(self, name):
        rng = self.rng
        kind = rng.choice(("f4", "f4", "f4", "f8", "i8", "i8", "i4", "?"))
        shapes = ((), (1,), (2,), (N_MELS,), (N_MELS, 4), (4, N_MELS), (1, FRAMES, N_MELS), (0,))
        shapes += ((4, 1, 3, 3), (8, 8), (N_MELS, N_MELS), (3, 1, 1))
        shape = rng.choice(shapes)
        if kind in ("i8", "i4"):
            shape = rng.choice(((), (1,), (2,), (3,), (4,), (0,)))
        numbers = [
            rng.choice((-2, -1, 0, 1, 1, 2, 3, N_MELS, rng.choice(INTS[:12]))) for _ in range(8)
        ]
        values = np.resize(np.array(numbers, np.float64), shape)
        return numpy_helper.from_array(values.astype(kind), name)

    def weight(self):
        name = self.name()
        tensor = self.tensor(name)
        if not self.careful():
            change = self.rng.randrange(4)
            if change == 0:
                tensor.dims.append(self.rng.choice(INTS))
            elif change == 1:
                tensor.data_type = self.rng.randrange(0, 25)
            elif change == 2:
                tensor.raw_data = b""
            else:
                tensor.float_data.append(1.0)
        self.weights.append(tensor)
        self.values.append(name)
        self.types[name] = tensor.data_type
        return name

    def input(self, takes=None):
        roll = self.rng.random()
        if takes is not None and self.careful():
            fitting = [name for name in self.values if self.types.get(name) in takes]
            while not fitting or roll < 0.2:
                name, roll = self.weight(), 1
                fitting += [name] if self.types[name] in takes else []
            return self.rng.choice(fitting[-4:] if roll < 0.7 else fitting)
        if not self.careful() and roll < 0.3:
            return self.rng.choice(("", "nothing", "log_mel", "\x1b[2J"))
        if roll < 0.25:
            return self.weight()
        return self.rng.choice(self.values[-4:] if roll < 0.7 else self.values)

    def network(self):
        make = self.foreign if self.everything else self.allowed
        nodes = [make() for _ in range(self.rng.choice((1, 1, 2, 3, 5, 8, 20)))]
        end = self.values[-1]
        if self.rng.random() < 0.7:
            keep = {"axes": [1], "keepdims": 0}
            nodes.append(helper.make_node("ReduceMean", [end], ["embedding"], **keep))
        elif nodes and nodes[-1].output:
            nodes[-1].output[0] = "embedding"
        tags = helper.make_node("ReduceMean", ["log_mel"], ["tags"], axes=[1], keepdims=0)
        graph = helper.make_graph(
            [*nodes, tags],
            "g",
            [helper.make_tensor_value_info("log_mel", TensorProto.FLOAT, ["n", FRAMES, N_MELS])],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
                for name in ("embedding", "tags")
            ],
            self.weights,
        )
        version = 17 if not self.everything or self.careful() else self.rng.randrange(1, 24)
        opsets = [helper.make_opsetid("", version)]
        if self.everything and self.rng.random() < 0.3:
            opsets.append(helper.make_opsetid("ai.onnx.ml", 3))
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        return model.SerializeToString()

    def allowed(self):
        op = self.rng.choice(SIMPLE if self.rng.random() < 0.6 else [*OPERATORS])
        operator = OPERATORS[op]
        fewest, most = operator.inputs
        n_inputs = self.rng.randrange(fewest, min(most, fewest + 3) + 1)
        n_outputs = self.rng.randrange(operator.outputs[0], min(operator.outputs[1], 3) + 1)
        if not self.careful():
            n_inputs, n_outputs = self.rng.randrange(0, 7), self.rng.randrange(0, 4)
        elif op == "Loop":
            n_outputs = max(1, n_inputs - 2) if n_inputs < 4 else n_inputs - 2
        takes = [operator.takes[min(i, len(operator.takes) - 1)] for i in range(n_inputs)]
        inputs = [self.input(one) for one in takes]
        node = helper.make_node(op, inputs, [self.name() for _ in range(n_outputs)])
        for name, option in operator.options.items():
            if option.required or self.rng.random() < 0.5:
                self.add_option(node, name, option)
        if not self.careful():
            node.attribute.append(self.junk(self.rng.choice(("axis", "x", "to", "kernel_shape"))))
        self.values += node.output
        first = self.types.get(inputs[0]) if inputs else FLOAT
        given = {a.name: a.i for a in node.attribute}.get("to", operator.gives or first)
        if op == "Loop":
            carried = [self.types.get(name) for name in inputs[2:]]
            self.types.update(zip(node.output, carried, strict=False))
        elif op == "Constant" and node.attribute and node.output:
            self.types[node.output[0]] = node.attribute[0].t.data_type
        else:
            self.types.update(dict.fromkeys(node.output, given))
        return node

    def add_option(self, node, name, option):
        for _ in range(200):
            if option.type == IS_GRAPH:
                node.attribute.append(helper.make_attribute(name, self.body(node)))
                return
            value = self.option_value(option.type)
            python = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
            python = tuple(python) if isinstance(python, list) else python
            if not self.careful() or option.fits(python):
                node.attribute.append(attribute(name, option.type, value))
                return

    def option_value(self, kind):
        rng = self.rng
        number = lambda: rng.choice((*range(-3, 12), *INTS))  # noqa: E731
        if kind == IS_INT:
            return number()
        if kind == IS_INTS:
            values = [number() for _ in range(rng.randrange(0, 5))]
            return rng.sample(range(4), rng.randrange(1, 5)) if rng.random() < 0.3 else values
        if kind == IS_FLOAT:
            return rng.choice((rng.uniform(-3, 3), *FLOATS))
        if kind == IS_TEXT:
            return rng.choice(TEXTS)
        assert kind == IS_TENSOR
        return self.tensor("")

    def body(self, node):
        """The body of a loop, which may or may not fit the node."""
        inner = Maker(self.rng, self.care)
        inner.count, inner.values = self.count + 1_000, [*self.values]
        carried = list(node.input[2:])
        inputs = [inner.name() for _ in range(2 + len(carried))]
        inner.values += inputs
        inner.types = {**self.types, **inner.types, inputs[0]: INT64, inputs[1]: BOOL}
        inner.types.update(zip(inputs[2:], map(self.types.get, carried), strict=True))
        nodes = [inner.allowed() for _ in range(self.rng.randrange(0, 4))]
        outs = []
        for name in inputs[1:]:
            outs.append(inner.name())
            nodes.append(helper.make_node("Identity", [name], [outs[-1]]))
        for _ in range(max(0, len(node.output) - len(carried))):
            outs.append(inner.name())
            nodes.append(helper.make_node("Identity", [self.rng.choice(inner.values)], [outs[-1]]))
        self.count = inner.count
        value = lambda name: onnx.ValueInfoProto(name=name)  # noqa: E731
        body = helper.make_graph(
            nodes, "body", [value(name) for name in inputs], [value(name) for name in outs]
        )
        body.initializer.extend(inner.weights)
        return body

    def foreign(self):
        """A node of any of ONNX's operators."""
        rng = self.rng
        schema = rng.choice(all_schemas())
        n_inputs = rng.randrange(0, 5)
        if self.careful():
            n_inputs = rng.randrange(
                schema.min_input, min(schema.max_input, schema.min_input + 3) + 1
            )
        n_outputs = max(1, min(schema.max_output, schema.min_output, 4))
        node = helper.make_node(
            schema.name,
            [self.input() for _ in range(n_inputs)],
            [self.name() for _ in range(n_outputs)],
            domain=schema.domain,
        )
        for name, option in schema.attributes.items():
            if option.required or rng.random() < 0.3:
                node.attribute.append(self.junk(name, int(option.type.value)))
        self.values += node.output
        return node

    def junk(self, name, kind=None):
        kinds = (IS_INT, IS_INTS, IS_FLOAT, IS_TEXT, IS_TENSOR)
        kind = kind if kind in kinds and self.careful() else self.rng.choice(kinds)
        return attribute(name, kind, self.option_value(kind))


def attribute(name, kind, value):
    """An attribute that declares this type, even if its value looks like another."""
    made = onnx.AttributeProto(name=name, type=kind)
    if kind == IS_INT:
        made.i = value
    elif kind == IS_INTS:
        made.ints.extend(value)
    elif kind == IS_FLOAT:
        made.f = value
    elif kind == IS_TEXT:
        made.s = value
    else:
        made.t.CopyFrom(value)
    return made
