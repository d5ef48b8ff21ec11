"""The operators that a network may use, as ONNX' operator sets 13 to 17 define them.

They are those of the networks that are trained here (``tests/train/test_architectures.py``), of the
shipped one, and of the published audio networks MobileNet and FCN.  They are documented at
https://onnx.ai/onnx/operators/.  Operators that are not in this table are refused: ONNX Runtime has
operators that crash the process or take minutes to load if they get unexpected values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from genre_model.model.onnx.graph import (
    BOOL,
    DOUBLE,
    FLOAT,
    INT32,
    INT64,
    IS_FLOAT,
    IS_GRAPH,
    IS_INT,
    IS_INTS,
    IS_TENSOR,
    IS_TEXT,
    MAX_RANK,
)

OPSETS = range(13, 18)


FLOATS = frozenset({FLOAT, DOUBLE})


WHOLE = frozenset({INT32, INT64})


NUMBERS = FLOATS | WHOLE
ANY = NUMBERS | {BOOL}


# Limit on a window's size, stride, padding and dilation, in frames or bins.
MAX_WINDOW = 4_096
MAX_PARTS = 512


@dataclass(frozen=True, slots=True)
class Option:
    """An attribute of an operator: its type, and a check of its value."""

    type: int
    fits: Callable[[Any], bool]
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operator:
    """How an operator may be used.

    Attributes:
        inputs: The fewest and the most inputs.  The first, up to the fewest, have to be named.
        outputs: The fewest and the most outputs.
        takes: The element types that each input may have; the last entry is for all further inputs.
        options: Its attributes.
        gives: The element type of its outputs; None: that of its first input.
    """

    inputs: tuple[int, int]
    outputs: tuple[int, int] = (1, 1)
    takes: tuple[frozenset[int], ...] = (FLOATS,)
    options: Mapping[str, Option] = field(default_factory=dict)
    gives: int | None = None


def one_of(*values: Any) -> Callable[[Any], bool]:
    """A check that a value is one of these."""
    return lambda value: value in values


def between(low: int, high: int) -> Callable[[int], bool]:
    """A check that an integer is in a range, both ends included."""
    return lambda value: low <= value <= high


def each(low: int, high: int, most: int = MAX_RANK) -> Callable[[tuple[int, ...]], bool]:
    """A check for one or more integers in a range, ``most`` at most."""
    return lambda values: 1 <= len(values) <= most and all(low <= v <= high for v in values)


def distinct(low: int, high: int) -> Callable[[tuple[int, ...]], bool]:
    """A check for one or more different integers in a range."""
    return lambda values: each(low, high)(values) and len(set(values)) == len(values)


def is_order(values: tuple[int, ...]) -> bool:
    """Whether the values are the numbers from 0 on, in any order."""
    return len(values) <= MAX_RANK and sorted(values) == list(range(len(values)))


def is_moderate(value: float) -> bool:
    """Whether a value is finite and not huge."""
    return math.isfinite(value) and abs(value) <= 1e6


FLAG = Option(IS_INT, one_of(0, 1))


OFF = Option(IS_INT, one_of(0))


AXIS = Option(IS_INT, between(-MAX_RANK, MAX_RANK - 1))


NEEDED_AXIS = Option(IS_INT, between(-MAX_RANK, MAX_RANK - 1), required=True)


AXES = Option(IS_INTS, distinct(-MAX_RANK, MAX_RANK - 1))


FACTOR = Option(IS_FLOAT, is_moderate)


WINDOW = {
    "auto_pad": Option(IS_TEXT, one_of("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")),
    "kernel_shape": Option(IS_INTS, each(1, MAX_WINDOW, 3)),
    "strides": Option(IS_INTS, each(1, MAX_WINDOW, 3)),
    "pads": Option(IS_INTS, each(0, MAX_WINDOW, 6)),
    "dilations": Option(IS_INTS, each(1, MAX_WINDOW, 3)),
}


POOL = {
    **WINDOW,
    "kernel_shape": Option(IS_INTS, each(1, MAX_WINDOW, 3), required=True),
    "ceil_mode": FLAG,
}


def unary(takes: frozenset[int] = FLOATS, **options: Option) -> Operator:
    """An operator with one input, and one output of the same type."""
    return Operator((1, 1), takes=(takes,), options=options)


def binary(takes: frozenset[int], gives: int | None = None) -> Operator:
    """An operator with two inputs and one output."""
    return Operator((2, 2), takes=(takes,), gives=gives)


REDUCING = {"axes": AXES, "keepdims": FLAG}


OPERATORS: dict[str, Operator] = {
    # Element by element.  Integers are not divided: dividing them by 0 ends the process.
    "Add": binary(NUMBERS),
    "And": binary(frozenset({BOOL}), BOOL),
    "Div": binary(FLOATS),
    "Less": binary(NUMBERS, BOOL),
    "Max": Operator((1, 8)),
    "Mean": Operator((1, 8), takes=(frozenset({FLOAT}),)),
    "Mul": binary(NUMBERS),
    "Sub": binary(NUMBERS),
    "Cast": unary(ANY, to=Option(IS_INT, one_of(*ANY), required=True)),
    "Elu": unary(alpha=FACTOR),
    "Exp": unary(),
    "HardSwish": unary(),
    "Identity": unary(ANY),
    "Log": unary(),
    "Relu": unary(),
    "Sigmoid": unary(),
    "Softmax": unary(axis=AXIS),
    "Tanh": unary(),
    # With weights.
    "BatchNormalization": Operator(
        (5, 5), options={"epsilon": FACTOR, "momentum": FACTOR, "training_mode": OFF}
    ),
    "Conv": Operator((2, 3), options={**WINDOW, "group": Option(IS_INT, between(1, 2**16))}),
    "Gemm": Operator(
        (2, 3), options={"alpha": FACTOR, "beta": FACTOR, "transA": FLAG, "transB": FLAG}
    ),
    "MatMul": binary(FLOATS),
    # Pooling and reductions.
    "AveragePool": Operator((1, 1), options={**POOL, "count_include_pad": FLAG}),
    "GlobalAveragePool": unary(),
    "GlobalMaxPool": unary(),
    "MaxPool": Operator((1, 1), options={**POOL, "storage_order": OFF}),
    "ReduceMax": Operator((1, 1), options=REDUCING),
    "ReduceMean": Operator((1, 1), options=REDUCING),
    "ReduceSum": Operator(
        (1, 2), takes=(FLOATS, WHOLE), options={"keepdims": FLAG, "noop_with_empty_axes": FLAG}
    ),
    # Shape and layout.
    "Concat": Operator((1, MAX_PARTS), takes=(ANY,), options={"axis": NEEDED_AXIS}),
    "Constant": Operator(
        (0, 0), options={"value": Option(IS_TENSOR, lambda _: True, required=True)}
    ),
    "Expand": Operator((2, 2), takes=(ANY, WHOLE)),
    "Gather": Operator((2, 2), takes=(ANY, WHOLE), options={"axis": AXIS}),
    "Reshape": Operator((2, 2), takes=(ANY, WHOLE), options={"allowzero": OFF}),
    "ReverseSequence": Operator(
        (2, 2),
        takes=(ANY, WHOLE),
        options={name: Option(IS_INT, one_of(0, 1)) for name in ("batch_axis", "time_axis")},
    ),
    "Shape": Operator((1, 1), takes=(ANY,), gives=INT64),
    "Slice": Operator((3, 5), takes=(ANY, WHOLE)),
    "Split": Operator((1, 2), (1, MAX_PARTS), (ANY, WHOLE), {"axis": AXIS}),
    "Squeeze": Operator((1, 2), takes=(ANY, WHOLE)),
    "Transpose": unary(ANY, perm=Option(IS_INTS, is_order)),
    "Unsqueeze": Operator((2, 2), takes=(ANY, WHOLE)),
    # The steps of recurrent networks.
    "Loop": Operator(
        (3, 64),
        (1, 64),
        (frozenset({INT64}), frozenset({BOOL}), ANY),
        {"body": Option(IS_GRAPH, lambda _: True, required=True)},
    ),
}
