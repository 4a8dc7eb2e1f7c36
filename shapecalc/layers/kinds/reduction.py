"""Reductions along axes: mean, sum, maximum, minimum, norms and products, and the index of an extreme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.layers.base.arguments import Choice, Flag
from shapecalc.layers.base.axis_numbers import AxisNumber, AxisNumbers, axis_index, axis_of, once
from shapecalc.layers.base.dependence import Look, rearranged
from shapecalc.layers.base.layer import BOTH, INPUTS, NOTHING, Example, Layer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.dims import Constraint, Dim
    from shapecalc.layers.base.shape import Shape

GROUP = "pools"

__all__ = ["Argmax", "Argmin", "Max", "Mean", "Min", "Reduce", "Sum"]


class _Reduction(Layer):
    """What reductions share: the axes that are removed, or reduced to 1."""

    dim = AxisNumbers("the axes that are reduced; all by default", None, channels=True, also=["axis"])
    keepdim = Flag("keep the axes, with size 1", False, also=["keepdims"])

    def _axes(self, x: Shape) -> set[int]:
        if self.dim is None:
            return set(range(x.rank))
        if isinstance(self.dim, str):
            return {x.channel_axis}
        axes = [axis_of(dim, x.rank) for dim in self.dim]
        once("dim", axes)
        return set(axes)

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        self._axes(x)
        yield from ()

    def output(self, x: Shape) -> Shape:
        return _reduced(x, self._axes(x), self.keepdim)

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        return [_kept_axes(x, self._axes(x), self.keepdim)]


def _kept_axes(x: Shape, axes: set[int], keepdim: bool) -> Look:
    left = [i for i in range(x.rank) if i not in axes]
    return rearranged(0, x, {axis: axis if keepdim else index for index, axis in enumerate(left)})


def _reduced(x: Shape, axes: set[int], keepdim: bool) -> Shape:
    if keepdim:
        return x._replace(sizes=tuple(1 if axis in axes else size for axis, size in enumerate(x.sizes)))
    return x.plain(*(size for axis, size in enumerate(x.sizes) if axis not in axes))


class Mean(_Reduction):
    """Mean over axes: `mean: [2, 3]` of channels × height × width leaves the channels."""

    kind = "mean"
    saves = NOTHING
    also = ("reduce_mean",)

    examples = (
        Example({"dim": [2, 3]}, (7, 4, 5), (7,), source="PyTorch 2.13.0, run"),
        Example({"dim": -1, "keepdim": True}, (7, 4, 5), (7, 4, 1), source="PyTorch 2.13.0, run"),
    )


class Sum(_Reduction):
    """Sum over axes; the sum of several inputs is `add`."""

    kind = "sum"
    saves = NOTHING
    also = ("reduce_sum",)

    examples = (Example({"dim": 1}, (7, 4, 5), (4, 5), source="PyTorch 2.13.0, run"),)


class Max(_Reduction):
    """Maximum over axes, as PyTorch's `amax`; the maximum of several inputs is `maximum`."""

    kind = "max"
    saves = BOTH
    also = ("amax", "reduce_max")

    examples = (Example({"dim": -1}, (6, 8), (6,), source="PyTorch 2.13.0, run"),)


class Min(_Reduction):
    """Minimum over axes, as PyTorch's `amin`; the minimum of several inputs is `minimum`."""

    kind = "min"
    saves = BOTH
    also = ("amin", "reduce_min")

    examples = (Example({"dim": -1}, (6, 8), (6,), source="PyTorch 2.13.0, run"),)


_SAVED = {
    **dict.fromkeys(("l1", "l2", "prod", "logsumexp", "std"), BOTH),
    **dict.fromkeys(("var", "sum_square"), INPUTS),
    **dict.fromkeys(("log_sum", "any", "all"), NOTHING),
}
"""What a reduction's backward pass needs again (PyTorch's derivatives.yaml)."""


class Reduce(_Reduction):
    """Reduction over axes by another function: l1 and l2 (norms), prod, logsumexp, var, std, any, all.

    ONNX has them as ReduceL1, ReduceL2, ReduceProd, ReduceLogSumExp, ReduceSumSquare, ReduceLogSum. The mean, sum,
    maximum and minimum are kinds of their own.
    """

    kind = "reduce"

    function = Choice("the function", sorted(_SAVED))

    examples = (
        Example({"function": "l2", "dim": -1}, (7, 4, 5), (7, 4), source="PyTorch 2.13.0, linalg.vector_norm, run"),
        Example({"function": "prod", "dim": 2, "keepdim": True}, (7, 4), (7, 1), source="PyTorch 2.13.0, prod, run"),
        Example({"function": "logsumexp"}, (7, 4), (), source="ONNX 1.23.2, ReduceLogSumExp of axes 1 and 2, run"),
    )

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.__dict__["saves"] = _SAVED[self.function]

    def kept(self, output: Shape, x: Shape) -> list[tuple[Dim, int]]:
        return [(output.elements, 0)] if self.function == "log_sum" else []  # the sum, whose logarithm it is


class Argmax(Layer):
    """Index of the maximum along one axis; of all elements without `dim`."""

    kind = "argmax"
    saves = NOTHING

    dim = AxisNumber("the axis that is reduced", None, channels=True, also=["axis"])
    keepdim = Flag("keep the axis, with size 1", False, also=["keepdims"])

    examples = (Example({"dim": 1}, (21, 520, 520), (520, 520), source="PyTorch 2.13.0, run"),)

    def _axes(self, x: Shape) -> set[int]:
        return set(range(x.rank)) if self.dim is None else {axis_index(self.dim, x)}

    def output(self, x: Shape) -> Shape:
        return _reduced(x, self._axes(x), self.keepdim)

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        return [_kept_axes(x, self._axes(x), self.keepdim)]


class Argmin(Argmax):
    """Index of the minimum along one axis; of all elements without `dim`."""

    kind = "argmin"

    examples = (Example({"dim": 2, "keepdim": True}, (21, 8, 4), (21, 1, 4), source="PyTorch 2.13.0, run"),)
