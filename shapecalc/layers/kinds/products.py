"""Matrix products of two inputs.

One multiply-accumulate for each pair of elements: the product of the sizes of all axes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from shapecalc.dims import BROADCASTS, EQUAL, Constraint, Dim, broadcast, holds
from shapecalc.errors import Insertion, LayerError
from shapecalc.layers.base.arguments import Flag
from shapecalc.layers.base.layer import Example, Layer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shapecalc.layers.base.shape import Shape

GROUP = "matrices"

__all__ = ["BatchMatmul", "Matmul"]

_Sizes = tuple[Dim, ...]
_STACKS = "BAGS"
"""The letters of the axes before those of the matrices in `explain`."""


class Matmul(Layer):
    """Matrix product of two inputs: (…, n, k) × (…, k, m) → (…, n, m); the axes before them are broadcast.

    The rules are PyTorch's (`torch.matmul`) on sizes without the batch axis: an input of one axis is a row on the
    left and a column on the right, and that axis is removed from the output. `transpose_a` and `transpose_b` are
    TensorFlow's names; they swap an input's last two axes first.
    """

    kind = "matmul"
    operator = "@"
    also: ClassVar[tuple[str, ...]] = ("batch_matmul",)
    sequences = True
    inputs = (2, 2)
    branches = True

    transpose_a = Flag("swap the last two axes of the first input", False)
    transpose_b = Flag("swap the last two axes of the second input", False)

    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, [(2, 1, 3, 4), (5, 4, 6)], (2, 5, 3, 6), 0, 720, "PyTorch 2.13.0, run; MACs by arithmetic"),
        Example({}, [(4,), (2, 4, 3)], (2, 3), 0, 24, "PyTorch 2.13.0, run; MACs by arithmetic"),
        Example({"transpose_b": True}, [(8, 50, 64), (8, 50, 64)], (8, 50, 50), 0, 1_280_000,
                "PyTorch 2.13.0, run; MACs by its flop counter"),
    )  # fmt: skip

    def _operands(self, a: Shape, b: Shape) -> tuple[_Sizes, _Sizes]:
        left, right = _swapped(a, self.transpose_a, "transpose_a"), _swapped(b, self.transpose_b, "transpose_b")
        if not left or not right:
            raise LayerError("matmul needs inputs with at least one axis, but one is a scalar")
        return (1, *left) if len(left) == 1 else left, (*right, 1) if len(right) == 1 else right

    def constraints(self, a: Shape, b: Shape) -> Iterator[Constraint]:
        left, right = self._operands(a, b)
        due = Constraint(left[-1], EQUAL, right[-2], "the first input's columns", "the second input's rows")
        yield due._replace(own_error=partial(self._unmet, due, a, b))
        sizes = _stretched(left[:-2], right[:-2])
        for leading, name in ((left[:-2], "first"), (right[:-2], "second")):
            for size, common in zip(reversed(leading), reversed(sizes), strict=False):
                yield Constraint(size, BROADCASTS, common, f"a leading axis of the {name} input", "the other's")

    def _unmet(self, due: Constraint, a: Shape, b: Shape) -> LayerError:
        """Return the error of inputs that do not fit, with the transpose of one that does: q·kᵀ."""
        for number, x in enumerate((b, a)):
            if self.transpose_a or self.transpose_b or x.rank < 2:
                break
            swapped = x.plain(*x.sizes[:-2], x.sizes[-1], x.sizes[-2])
            if all(holds(one) for one in self.constraints(*((swapped, b) if number else (a, swapped)))):
                turned = Insertion(f"transpose: {{dim0: {x.rank - 1}, dim1: {x.rank}}}", 1 - number)
                return LayerError(due.error().message, hint=partial(_placed, turned))
        return due.error()

    def output(self, a: Shape, b: Shape) -> Shape:
        left, right = self._operands(a, b)
        rows = left[-2:-1] if a.rank > 1 else ()
        columns = right[-1:] if b.rank > 1 else ()
        return a.plain(*_stretched(left[:-2], right[:-2]), *rows, *columns)

    def macs(self, output: Shape, a: Shape, b: Shape) -> Dim:
        return output.elements * self._operands(a, b)[0][-1]

    def axis_letters(self, a: Shape, b: Shape) -> tuple[str, ...]:
        """Rows R and columns K of matrices; of vectors, those of the row on the left and the column on the right."""
        most = max(a.rank, b.rank)
        if most - 2 > len(_STACKS):
            return "", "", ""
        left, right = "KR" if self.transpose_a else "RK", "KR" if self.transpose_b else "RK"
        stacks = [_STACKS[len(_STACKS) - max(x.rank - 2, 0) :] for x in (a, b)]
        operands = (stacks[0] + left if a.rank > 1 else "K", stacks[1] + right if b.rank > 1 else "R")
        return *operands, max(stacks, key=len) + "R" * (a.rank > 1) + "K" * (b.rank > 1)


def _placed(layer: Insertion, place: Callable[[Insertion], str]) -> str:
    return place(layer)


def _stretched(a: _Sizes, b: _Sizes) -> _Sizes:
    """Return the broadcast sizes of the axes before two matrices, aligned at the last."""
    few, many = (a, b) if len(a) < len(b) else (b, a)
    extra = len(many) - len(few)
    return (*many[:extra], *(broadcast(left, right) for left, right in zip(many[extra:], few, strict=True)))


def _swapped(x: Shape, swap: bool, argument: str) -> _Sizes:
    if not swap:
        return x.sizes
    if x.rank < 2:
        raise LayerError(f"{argument} needs an input of at least two axes", argument=argument)
    return (*x.sizes[:-2], x.sizes[-1], x.sizes[-2])


class BatchMatmul(Matmul):
    """Batched matrix product of two inputs: (b, n, k) × (b, k, m) → (b, n, m), as PyTorch's `bmm`.

    `b` is a batch axis within each sample (heads, windows); for one matrix per sample, (n, k) × (k, m) → (n, m).
    Unlike `matmul` it does not broadcast: both have the same `b`.
    """

    kind = "bmm"
    also = ()

    examples = (
        Example({}, [(8, 50, 64), (8, 64, 50)], (8, 50, 50), 0, 1_280_000,
                "PyTorch 2.13.0, run; MACs by its flop counter"),
    )  # fmt: skip

    def constraints(self, a: Shape, b: Shape) -> Iterator[Constraint]:
        if a.rank != b.rank or a.rank not in (2, 3):
            raise LayerError(
                f"bmm needs two inputs of 2 or of 3 axes each, but they are {a.text} and {b.text}",
                hint="use matmul, which accepts any number of axes",
            )
        yield from super().constraints(a, b)
        if a.rank == 3:
            yield Constraint(b.sizes[0], EQUAL, a.sizes[0], "batch of the second input", "that of the first")
