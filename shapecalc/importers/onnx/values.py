"""Values that are known before anything runs: sizes, axes, steps; and the operations on them, which are folded.

Each function returns the elements of a node's output, or None where they are not known or too many.
"""

from __future__ import annotations

import itertools
import math
import operator
from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.call import OF_MALFORMED
from shapecalc.importers.onnx.elements import FLOATS
from shapecalc.importers.onnx.messages import MOST_ITEMS
from shapecalc.importers.table import OperationTable
from shapecalc.importers.tensors import Constant, Data

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.importers.onnx.operations import NodeCall

__all__ = ["fold", "folds", "known", "vector"]

folds: OperationTable[Callable[[NodeCall], Constant | None]] = OperationTable("onnx", ("constants",))


def fold(call: NodeCall) -> Constant | None:
    """Return the output of a node whose inputs are known values; None for any other."""
    function = folds.find(call.node.op)
    if function is None:
        return None
    if call.node.op not in _OF_SIZES and not all(x is None or _is_known(x) for x in call.inputs):
        return None
    try:
        found = function(call)
    except OF_MALFORMED:  # of wrong values: the node itself reports them
        return None
    if found is None or len(found.items or ()) > MOST_ITEMS:
        return None
    if any(type(item) is int and not _LEAST <= item < _BEYOND for item in found.items or ()):
        raise LayerError("it computes a whole number that is longer than 64 bits")
    return found


_LEAST, _BEYOND = -(2**63), 2**64
"""The whole numbers of a file: those of int64 and of uint64."""
_OF_SIZES = ("Shape", "Size", "ScatterND")


def _is_known(x: Any) -> bool:
    return isinstance(x, Constant) and x.items is not None


@folds("ScatterND")
def _scattered(call: NodeCall) -> Constant | None:
    """Return a tensor into which nothing is scattered, or that has no elements itself."""
    x, index = call.inputs[0], call.inputs[1]
    if isinstance(x, Constant) and isinstance(index, Constant) and (0 in x.dims or 0 in index.dims):
        return x
    return None


def vector(items: Sequence[Any]) -> Constant:
    """Return a constant of one axis."""
    return Constant((len(items),), tuple(items))


def known(call: NodeCall, index: int) -> Constant:
    """Return an input that is a constant."""
    x = call.inputs[index]
    assert isinstance(x, Constant)
    return x


def _items(call: NodeCall, index: int) -> tuple[Any, ...] | None:
    """Return the elements of an input that may be left out."""
    x = call.inputs[index] if index < len(call.inputs) else None
    return x.items if isinstance(x, Constant) else None


@folds("Shape")
def _shape(call: NodeCall) -> Constant | None:
    x = call.inputs[0]
    if not isinstance(x, (Data, Constant)):
        return None
    sizes = x.full(call.frame.batch)
    return vector(sizes[call.number("start", 0) : call.number("end", len(sizes))])


@folds("Size")
def _size(call: NodeCall) -> Constant | None:
    x = call.inputs[0]
    return Constant((), (prod(x.full(call.frame.batch)),)) if isinstance(x, (Data, Constant)) else None


@folds("QuantizeLinear", "DequantizeLinear")
def _quantised(call: NodeCall) -> Constant | None:
    """Return a constant that is quantised and taken back as it was: fractions stand for the whole numbers between."""
    x = call.inputs[0]
    is_fractions = isinstance(x, Constant) and x.items and type(x.items[0]) is float
    return x if isinstance(x, Constant) and is_fractions else None


@folds("Identity", "Dropout", "StopGradient")
def _identity(call: NodeCall) -> Constant | None:
    return known(call, 0)


@folds("Cast")
def _cast(call: NodeCall) -> Constant | None:
    x, to = known(call, 0), call.number("to", 1)
    convert: Callable[[Any], Any] = float if to in FLOATS else bool if to == 9 else int
    items = tuple(map(convert, x.items or ()))
    if convert is int and any(not _LEAST <= item < _BEYOND for item in items):
        return None
    return x._replace(items=items)


@folds("Reshape", "Squeeze", "Unsqueeze", "Flatten")
def _rearranged(call: NodeCall) -> Constant | None:
    x = known(call, 0)
    dims = call.new_sizes(x.dims)
    return x._replace(dims=dims) if prod(dims) == prod(x.dims) else None


def _taken(x: Constant, axis: int, positions: Sequence[int]) -> tuple[Any, ...]:
    """Return the elements at these positions along an axis."""
    items, size, inner = x.items or (), x.dims[axis], prod(x.dims[axis + 1 :])
    outer = prod(x.dims[:axis])
    found: list[Any] = []
    for block in range(outer):
        for position in positions:
            if not -size <= position < size:
                raise IndexError(position)
            first = (block * size + position % size) * inner
            found += items[first : first + inner]
    return tuple(found)


@folds("Gather")
def _gather(call: NodeCall) -> Constant | None:
    x, index = known(call, 0), known(call, 1)
    axis = call.frame.axis(call.number("axis", 0), x.rank)
    dims = (*x.dims[:axis], *index.dims, *x.dims[axis + 1 :])
    return Constant(dims, _taken(x, axis, index.items or ())) if prod(dims) <= MOST_ITEMS else None


@folds("Slice")
def _slice(call: NodeCall) -> Constant | None:
    x = known(call, 0)
    for axis, start, end, step in call.slices(x.rank):
        positions = range(x.dims[axis])[slice(start, end if step > 0 or end >= -x.dims[axis] else None, step)]
        x = Constant((*x.dims[:axis], len(positions), *x.dims[axis + 1 :]), _taken(x, axis, positions))
    return x


@folds("Concat")
def _concat(call: NodeCall) -> Constant | None:
    parts = [known(call, i) for i in range(len(call.inputs))]
    axis = call.frame.axis(call.number("axis", 0), parts[0].rank)
    outer = prod(parts[0].dims[:axis])
    items: list[Any] = []
    for block in range(outer):
        for part in parts:
            run = prod(part.dims[axis:])
            items += (part.items or ())[block * run : (block + 1) * run]
    dims = (*parts[0].dims[:axis], sum(part.dims[axis] for part in parts), *parts[0].dims[axis + 1 :])
    return Constant(dims, tuple(items)) if len(items) == prod(dims) else None


def _broadcast(x: Constant, dims: tuple[int, ...]) -> tuple[Any, ...]:
    """Return the elements of a constant broadcast to these sizes."""
    items = x.items or ()
    if x.dims == dims:
        return items
    own = (*(1,) * (len(dims) - x.rank), *x.dims)
    if any(size not in (1, due) for size, due in zip(own, dims, strict=True)):
        raise ValueError(dims)
    strides = [0 if size == 1 else prod(own[i + 1 :]) for i, size in enumerate(own)]
    at = (sum(map(operator.mul, index, strides)) for index in itertools.product(*map(range, dims)))
    return tuple([items[i] for i in at])


def _common(*operands: Constant) -> tuple[int, ...]:
    rank = max(x.rank for x in operands)
    padded = [(*(1,) * (rank - x.rank), *x.dims) for x in operands]
    dims = tuple([max(sizes) if min(sizes) else 0 for sizes in zip(*padded, strict=True)])
    if prod(dims) > MOST_ITEMS:
        raise ValueError(dims)
    return dims


def _elementwise(call: NodeCall, function: Callable[..., Any]) -> Constant:
    operands = [known(call, i) for i in range(len(call.inputs))]
    dims = _common(*operands)
    return Constant(dims, tuple(map(function, *[_broadcast(x, dims) for x in operands])))


def _divided(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int):
        return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    return a / b


def _chosen(condition: Any, a: Any, b: Any) -> Any:
    return a if condition else b


def _power(a: Any, b: Any) -> Any:
    if abs(b) > 64 or abs(a) > 2**32:
        raise ValueError(b)
    return a**b


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Add": operator.add, "Sub": operator.sub, "Mul": operator.mul, "Div": _divided, "Pow": _power,
    "Equal": operator.eq, "Less": operator.lt, "LessOrEqual": operator.le, "Greater": operator.gt,
    "GreaterOrEqual": operator.ge, "And": lambda a, b: bool(a and b), "Or": lambda a, b: bool(a or b),
    "Xor": operator.ne, "Where": _chosen, "Not": operator.not_, "Neg": operator.neg, "Abs": abs,
    "Floor": math.floor, "Ceil": math.ceil, "Sqrt": math.sqrt, "Sign": lambda a: (a > 0) - (a < 0),
    "Max": lambda *a: max(a), "Min": lambda *a: min(a), "Sum": lambda *a: sum(a),
}  # fmt: skip


def _add_functions() -> None:
    for op, function in _FUNCTIONS.items():

        def work(call: NodeCall, function: Callable[..., Any] = function) -> Constant | None:
            return _elementwise(call, function)

        folds.add([op], work)


_add_functions()


@folds("Mod")
def _mod(call: NodeCall) -> Constant | None:
    return _elementwise(call, math.fmod if call.number("fmod", 0) else operator.mod)


@folds("Expand")
def _expand(call: NodeCall) -> Constant | None:
    x, wanted = known(call, 0), Constant(tuple(known(call, 1).items or ()), ())
    dims = _common(x, wanted)
    return Constant(dims, _broadcast(x, dims))


@folds("Transpose")
def _transpose(call: NodeCall) -> Constant | None:
    x = known(call, 0)
    order = call.numbers("perm") or list(range(x.rank))[::-1]
    strides = [prod(x.dims[i + 1 :]) for i in range(x.rank)]
    dims = tuple([x.dims[i] for i in order])
    at = (
        sum(k * strides[i] for k, i in zip(index, order, strict=True)) for index in itertools.product(*map(range, dims))
    )
    return x._replace(dims=dims, items=tuple([(x.items or ())[i] for i in at]))


_REDUCTIONS: dict[str, Callable[[Any], Any]] = {
    "ReduceProd": prod, "ReduceSum": sum, "ReduceMax": max, "ReduceMin": min,
}  # fmt: skip


@folds(*_REDUCTIONS)
def _reduced(call: NodeCall) -> Constant | None:
    x = known(call, 0)
    axes = call.numbers("axes") or list(_items(call, 1) or ())
    if x.rank > 1 or (axes and axes not in ([0], [-1])):
        return None
    function = _REDUCTIONS[call.node.op]
    return Constant((1,) if call.number("keepdims", 1) and x.rank else (), (function(x.items or ()),))
