"""Inputs of an ONNX file that are given a value in place of a size: numbers that decide what the network does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.dims import plain_of
from shapecalc.errors import Problem, UsageError, count_noun
from shapecalc.importers.onnx.elements import FLOATS, STRING
from shapecalc.importers.tensors import Constant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.importers.inputs import ValueInfo
    from shapecalc.importers.tensors import Batch
    from shapecalc.layers.base.shape import Shape

__all__ = ["input_values", "may_have_value", "value_like"]

_MOST_VALUES = 64
_HINT = "give it one value: --value"


def input_values(infos: Sequence[ValueInfo], variables: Mapping[str, Any]) -> dict[str, Constant]:
    """Return the values of the inputs that variables of their names give one. Errors: `UsageError`.

    A dimension of the same name is meant before an input.
    """
    dimensions = {size for info in infos for size in info.dims or ()}
    return {info.name: _value(info, variables[info.name]) for info in infos
            if info.name in variables and info.name not in dimensions and may_have_value(info)}  # fmt: skip


def may_have_value(info: ValueInfo) -> bool:
    """Return whether an input may be a number, or a few, that decide what the network does: a sample rate, a size."""
    dims = info.dims
    is_small = dims is not None and (not dims or (len(dims) == 1 and (type(dims[0]) is str or dims[0] <= _MOST_VALUES)))  # type: ignore[operator]
    return is_small and info.type != STRING and (not dims or info.type not in FLOATS)


def value_like(info: ValueInfo, inputs: Mapping[str, tuple[Shape, Batch]]) -> str:
    """Return an example of a value for an input, as it is written after --value: for a list, the size of an input."""
    if not info.dims:
        return f"{info.name}=1"
    whole = [(*shape.sizes[: at.axis], 1, *shape.sizes[at.axis :]) if at.own else shape.sizes
             for name, (shape, at) in inputs.items() if name != info.name]  # fmt: skip
    fitting = [sizes for sizes in whole if type(info.dims[0]) is str or info.dims[0] == len(sizes)]
    length = info.dims[0] if isinstance(info.dims[0], int) else 1
    return f"'{info.name}=[{', '.join(map(str, fitting[0] if fitting else (1,) * length))}]'"


def _value(info: ValueInfo, given: Any) -> Constant:
    """Return an input with a value in place of a size. Errors: `UsageError`."""
    items = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    dims = info.dims or ()
    kinds = (int, float, bool) if info.type in FLOATS else (int, bool)
    is_wrong = any(isinstance(item, (str, float)) and type(item) not in kinds for item in items)
    if not is_wrong:
        items = tuple(
            [item if type(item) in kinds else plain_of(item, f"the value of {info.name}", _HINT) for item in items]
        )
    due = dims[0] if dims and isinstance(dims[0], int) else len(items) if dims else 1
    if is_wrong or len(items) != due or (not dims and isinstance(given, (list, tuple))):
        which = "number" if info.type in FLOATS else "whole number"
        what = f"a {which}" if not dims else f"a list of {count_noun(due, which)}, as in '[{', '.join(['1'] * due)}]'"
        raise UsageError(Problem(f"the value of the input {info.name} must be {what}, not {given}"))
    return Constant((len(items),) if dims else (), items)
