"""Tensors and numbers that are known from sizes alone: filled ones, ranges, sizes and arithmetic on them."""

from __future__ import annotations

import math
import operator
from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.importers.tensors import Constant, Data

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapecalc.importers.pytorch.operations import AtenCall

__all__ = ["is_made", "made", "number_of"]

_MOST_ITEMS = 64
_FILLS = {"zeros": 0, "ones": 1, "empty": None, "full": None, "rand": None, "randn": None, "randint": None}
_MADE = frozenset((
    *_FILLS, *(f"{name}_like" for name in _FILLS), *(f"new_{name}" for name in ("zeros", "ones", "empty", "full")),
    "arange", "linspace", "logspace", "scalar_tensor", "eye", "empty_strided", "new_empty_strided", "empty_permuted",
    "tril_indices", "triu_indices", "normal", "bernoulli_like", "hann_window", "hamming_window", "randperm", "range",
))  # fmt: skip

_DIFFERENT = ("arange", "linspace", "logspace", "eye", "tril_indices", "triu_indices", "randperm", "range")
"""Operations that make elements that differ: those of one sample are not those of the others."""


def is_made(name: str) -> bool:
    """Return whether an operation makes a tensor of sizes and numbers alone."""
    return name in _MADE


def made(call: AtenCall, stated: tuple[int, ...] | None) -> Constant | None:
    """Return the tensor that an operation makes; None where its size is not known."""
    dims = _dims(call)
    dims = stated if dims is None else dims
    if dims is None:
        return None
    is_range = call.name == "arange" and _range(call) is not None
    return Constant(dims, _items(call, dims), is_of_no_batch=call.name in _DIFFERENT, is_range=is_range)


def _dims(call: AtenCall) -> tuple[int, ...] | None:  # noqa: PLR0911  (one for each sort)
    name = call.name
    if name.endswith("_like"):
        like = call.tensor()
        return like.full(call.frame.batch) if like is not None else None
    if name == "scalar_tensor":
        return ()
    if name == "arange":
        span = _range(call)
        return None if span is None else (len(span),)
    if "size" in call.arguments:
        return tuple(call.ints("size"))
    if name in ("linspace", "logspace"):
        return (call.number("steps", 1),)
    if name == "eye":
        return (call.number("n", 1), call.number("m", call.number("n", 1)))
    return None


def _range(call: AtenCall) -> range | None:
    start, end, step = call.get("start", 0), call.get("end"), call.get("step", 1)
    if not all(type(one) is int for one in (start, end, step)) or step == 0:
        return None
    return range(start, end, step)


def _items(call: AtenCall, dims: tuple[int, ...]) -> tuple[Any, ...] | None:
    if prod(dims) > _MOST_ITEMS:
        return None
    if call.name == "arange":
        span = _range(call)
        return None if span is None else tuple(span)
    name = call.name.removeprefix("new_").removesuffix("_like")
    fill = call.get("fill_value", call.get("s")) if name in ("full", "scalar_tensor") else _FILLS.get(name)
    return (fill,) * prod(dims) if type(fill) in (int, float, bool) else None


_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "floordiv": operator.floordiv, "mod": operator.mod,
    "neg": operator.neg, "truediv": operator.truediv, "pow": lambda a, b: a**b if abs(b) < 64 else None,
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
    "and_": operator.and_, "or_": operator.or_, "not_": operator.not_, "sym_max": max, "sym_min": min,
    "sym_float": float, "sym_int": int, "sym_ite": lambda c, a, b: a if c else b, "sym_not": operator.not_,
    "floor": math.floor, "ceil": math.ceil, "trunc": math.trunc, "round": round, "sym_sqrt": math.sqrt,
}  # fmt: skip


def number_of(call: AtenCall) -> Any:
    """Return the number that a node computes of sizes; None where it is not known."""
    x = call.inputs[0] if call.inputs else None
    if call.name in ("sym_size", "sym_numel") and isinstance(x, (Data, Constant)):
        full = x.full(call.frame.batch)
        return prod(full) if call.name == "sym_numel" else full[call.frame.axis(call.number("dim", 0), len(full))]
    if call.name in ("item", "_local_scalar_dense") and isinstance(x, Constant) and x.items and len(x.items) == 1:
        return x.items[0]
    work = _ARITHMETIC.get(call.node.target.rpartition(".")[2])
    if work is None or not all(type(one) in (int, float, bool) for one in call.inputs):
        return None
    try:
        return work(*call.inputs)
    except (ArithmeticError, TypeError, ValueError):
        return None
