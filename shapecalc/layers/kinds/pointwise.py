"""Functions of single elements of one to three inputs, which are broadcast: roots, comparisons, choices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import prod
from shapecalc.errors import LayerError, count_noun
from shapecalc.layers.base.arguments import Choice, Number
from shapecalc.layers.base.layer import BOTH, INPUTS, NOTHING, OUTPUTS, Example
from shapecalc.layers.kinds.merge import ElementwiseMerge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.dims import Constraint, Dim
    from shapecalc.layers.base.shape import Shape

GROUP = "activations"

__all__ = ["Pointwise"]


class _Function(NamedTuple):
    """How many operands a function has, and what its backward pass needs: with a number as the last operand `alone`."""

    operands: int
    saves: str
    alone: str = NOTHING


_OF_ONE = {
    **dict.fromkeys(("sqrt", "rsqrt", "reciprocal", "expm1", "tan"), OUTPUTS),
    **dict.fromkeys(("square", "log", "log1p", "log2", "log10", "erf", "sin", "cos", "asin", "acos", "atan", "sinh",
                     "cosh"), INPUTS),
    **dict.fromkeys(("neg", "floor", "ceil", "round", "trunc", "sign", "cast", "logical_not", "isnan"), NOTHING),
}  # fmt: skip
"""Functions of one operand, and what their derivative is computed from (PyTorch's derivatives.yaml)."""

_OF_TWO = {
    "pow": _Function(2, BOTH, INPUTS),
    "atan2": _Function(2, INPUTS, INPUTS),
    "fmod": _Function(2, INPUTS),
    "remainder": _Function(2, INPUTS),
    **dict.fromkeys(("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and",
                     "logical_or", "logical_xor"), _Function(2, NOTHING)),
}  # fmt: skip

_FUNCTIONS = {
    **{name: _Function(1, saves) for name, saves in _OF_ONE.items()},
    **_OF_TWO,
    "where": _Function(3, NOTHING),
}

_CONDITION_BITS = 8


class Pointwise(ElementwiseMerge):
    """A function of each element of its inputs, which are broadcast: sqrt, erf, pow, less, where, cast.

    `other` is the last operand where that is a number: `{function: pow, other: 2}`, `{function: less, other: 0}`.
    The inputs of `where` are a condition, the values where it holds, and those elsewhere. Other functions are kinds of
    their own: `add`, `sub`, `mul`, `div`, `minimum`, `maximum`, `abs`, `exponential`, `hardtanh` (clip), activations.
    A `cast` changes no size, and no bits: `memory` has those of all activations as an option.
    """

    kind = "pointwise"
    called_by = "function"
    also = ("elementwise",)
    inputs = (1, 3)
    branches = False
    sorts = ()

    function = Choice("the function", sorted(_FUNCTIONS), also=["op"])
    other = Number("the last operand, where it is a number", None, also=["exponent"])

    examples = (
        Example({"function": "sqrt"}, (8, 4), (8, 4), source="by definition"),
        Example({"function": "pow", "other": 2}, (8, 4), (8, 4), source="by definition"),
        Example({"function": "where"}, [(4, 1), (3, 1, 5), (5,)], (3, 4, 5), source="PyTorch 2.13.0, torch.where, run"),
        Example({"function": "greater_equal"}, [(12, 1), (1, 12)], (12, 12), source="ONNX 1.23.2, GreaterOrEqual, run"),
    )  # fmt: skip

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if self.other is not None and _FUNCTIONS[self.function].operands == 1:
            raise LayerError(f"{self.function} has one operand, and other is a second", argument="other")

    def constraints(self, *inputs: Shape) -> Iterator[Constraint]:
        numbers = self.other is not None
        due = _FUNCTIONS[self.function].operands - numbers
        if len(inputs) != due:
            more = due - 1 == len(inputs) and due > 1
            raise LayerError(
                f"{self.function} expects {count_noun(due, 'input')}{' beside other' if numbers else ''}, "
                f"but has {len(inputs)}",
                hint="give its last operand as an input, or a number as other" if more and not numbers else "",
            )
        yield from super().constraints(*inputs)

    def saved(self, *inputs: Shape) -> str:
        function = _FUNCTIONS[self.function]
        return function.saves if self.other is None else function.alone

    def kept(self, output: Shape, *inputs: Shape) -> list[tuple[Dim, int]]:
        return [(prod(inputs[0].sizes), _CONDITION_BITS)] if self.function == "where" else []
