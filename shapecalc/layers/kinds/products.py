"""Products of tensors: matrix products and Einstein summation.

One multiply-accumulate for each pair of elements: the product of the sizes of all axes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from shapecalc.dims import BROADCASTS, EQUAL, Constraint, Dim, broadcast, prod
from shapecalc.errors import LayerError
from shapecalc.layers.base.arguments import Flag, Text
from shapecalc.layers.base.layer import Example, Layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shapecalc.layers.base.shape import Shape

__all__ = ["BatchMatmul", "Einsum", "Matmul"]

_Sizes = tuple[Dim, ...]


class Matmul(Layer):
    """Matrix product of two inputs: (…, n, k) × (…, k, m) → (…, n, m); the axes before them are broadcast.

    The rules are PyTorch's (`torch.matmul`) on sizes without the batch axis: an input of one axis is a row on the
    left and a column on the right, and that axis is removed from the output. `transpose_a` and `transpose_b` are
    TensorFlow's names; they swap an input's last two axes first.
    """

    kind = "matmul"
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
        yield Constraint(left[-1], EQUAL, right[-2], "the first input's columns", "the second input's rows")
        sizes = _stretched(left[:-2], right[:-2])
        for leading, name in ((left[:-2], "first"), (right[:-2], "second")):
            for size, common in zip(reversed(leading), reversed(sizes), strict=False):
                yield Constraint(size, BROADCASTS, common, f"a leading axis of the {name} input", "the other's")

    def output(self, a: Shape, b: Shape) -> Shape:
        left, right = self._operands(a, b)
        rows = left[-2:-1] if a.rank > 1 else ()
        columns = right[-1:] if b.rank > 1 else ()
        return a.plain(*_stretched(left[:-2], right[:-2]), *rows, *columns)

    def macs(self, output: Shape, a: Shape, b: Shape) -> Dim:
        return output.elements * self._operands(a, b)[0][-1]


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
                hint="matmul expects inputs with any number of axes",
            )
        yield from super().constraints(a, b)
        if a.rank == 3:
            yield Constraint(b.sizes[0], EQUAL, a.sizes[0], "batch of the second input", "that of the first")


class _Plan(NamedTuple):
    """An equation with its letters assigned to the axes of the inputs; an axis under an ellipsis has its own name."""

    terms: list[list[str]]
    result: list[str]

    def sizes(self, inputs: tuple[Shape, ...]) -> dict[str, Dim]:
        """Return the size of every letter: that of its first occurrence."""
        sizes: dict[str, Dim] = {}
        for term, x in zip(self.terms, inputs, strict=True):
            for letter, size in zip(term, x.sizes, strict=True):
                sizes.setdefault(letter, size)
        return sizes


class Einsum(Layer):
    """Einstein summation: an equation names the axes; those not in the output are summed over.

    The equation is PyTorch's (`torch.einsum`), with the batch axis written or not. One rule decides: an input whose
    term has one letter more than it has axes is written with its batch axis, and the first letter is that axis; it is
    the same letter first in every such term and in the output. So `bhid,bhjd->bhij` and `hid,hjd->hij` mean the same,
    and in `bld,de->ble` the second input is a parameter. An ellipsis stands for all axes that have no letter, the
    batch axis among them. Unlike in PyTorch, an axis of size 1 is not broadcast to another's size: it is an error.

    MACs: each product of two inputs costs the product of the sizes of all its letters; inputs are multiplied from left
    to right, and a product without a sum is element-wise and costs none. Summed letters of a single input are summed
    first.
    """

    kind = "einsum"
    sequences = True
    inputs = (1, None)

    equation = Text("the letters of each input's axes, an arrow, and those of the output: bhid,bhjd->bhij")

    examples = (
        Example({"equation": "bhid,bhjd->bhij"}, [(3, 5, 4), (3, 7, 4)], (3, 5, 7), 0, 420,
                "PyTorch 2.13.0, run; MACs by its flop counter"),
        Example({"equation": "bld,de->ble"}, [(5, 4), (4, 6)], (5, 6), 0, 120,
                "PyTorch 2.13.0, run; MACs by its flop counter"),
    )  # fmt: skip

    def _plan(self, inputs: tuple[Shape, ...]) -> _Plan:
        left, arrow, right = self.equation.replace(" ", "").partition("->")
        written = [_letters(term) for term in left.split(",")]
        if len(written) != len(inputs):
            raise _wrong(f"the equation {self.equation} has {len(written)} terms, but there are {len(inputs)} inputs")
        batched = [_has_batch(term, x.rank, i) for i, (term, x) in enumerate(zip(written, inputs, strict=True))]
        batch = {term[0] for term, has in zip(written, batched, strict=True) if has}
        if len(batch) > 1:
            raise _wrong(f"the batch axis is {' and '.join(sorted(batch))}: it must be one letter in all terms")
        result = _letters(right) if arrow else _implied(written)
        if batch:
            letter = batch.pop()
            if not arrow or result[:1] != [letter]:
                raise _wrong(f"the batch axis {letter} must come first in the output, with an arrow before it")
            result = result[1:]
            written = [term[1:] if has else term for term, has in zip(written, batched, strict=True)]
            if letter in result or any(letter in term for term in written):
                raise _wrong(f"the batch axis {letter} must stand first in a term, and once")
        hidden = [x.rank - len(term) + 1 if _DOTS in term else 0 for term, x in zip(written, inputs, strict=True)]
        terms = [_spread(term, axes) for term, axes in zip(written, hidden, strict=True)]
        plan = _Plan(terms, _spread(result, max(hidden)))
        _check(plan, self.equation)
        return plan

    def constraints(self, *inputs: Shape) -> Iterator[Constraint]:
        plan = self._plan(inputs)
        sizes: dict[str, Dim] = {}
        for term, x in zip(plan.terms, inputs, strict=True):
            for letter, size in zip(term, x.sizes, strict=True):
                if letter in sizes:
                    yield Constraint(size, EQUAL, sizes[letter], f"axis {letter}", f"axis {letter} elsewhere")
                sizes.setdefault(letter, size)

    def output(self, *inputs: Shape) -> Shape:
        plan = self._plan(inputs)
        sizes = plan.sizes(inputs)
        return inputs[0].plain(*(sizes[letter] for letter in plan.result))

    def macs(self, output: Shape, *inputs: Shape) -> Dim:
        plan = self._plan(inputs)
        sizes = plan.sizes(inputs)
        cost: Dim = 0
        joined = set(plan.terms[0])
        for number, term in enumerate(plan.terms[1:], start=1):
            later = set(plan.result).union(*plan.terms[number + 1 :])
            a, b = joined & (later | set(term)), set(term) & (later | joined)
            if (a | b) - later:
                cost = cost + prod(sizes[letter] for letter in sizes if letter in a | b)
            joined = (a | b) & later
        return cost


_DOTS = "..."


def _letters(term: str) -> list[str]:
    before, dots, after = term.partition(_DOTS)
    letters = [*before, *([_DOTS] if dots else []), *after]
    strange = [letter for letter in letters if letter != _DOTS and not (letter.isalpha() and letter.isascii())]
    if strange:
        raise _wrong(f"the equation has {strange[0]!r} where the letter of an axis is expected")
    return letters


def _has_batch(term: list[str], rank: int, number: int) -> bool:
    """Return whether a term is written with the batch axis. Errors: `LayerError` where its letters do not fit."""
    if _DOTS in term:
        if len(term) - 1 > rank:
            raise _wrong(f"input {number + 1} has {rank} axes, but its term names {len(term) - 1} besides the ellipsis")
        return False
    if len(term) not in (rank, rank + 1):
        raise _wrong(
            f"input {number + 1} has {rank} axes, but its term {''.join(term)} names {len(term)}",
            f"name {rank} axes, or {rank + 1} with the batch axis first",
        )
    return len(term) == rank + 1


def _implied(terms: Iterable[list[str]]) -> list[str]:
    """Return the output of an equation without an arrow: the letters that occur once, in order."""
    written = [letter for term in terms for letter in term]
    once = sorted(letter for letter in written if letter != _DOTS and written.count(letter) == 1)
    return [_DOTS, *once] if _DOTS in written else once


def _spread(term: list[str], hidden: int) -> list[str]:
    """Return a term with a name for each of the axes hidden under its ellipsis: ...0 is the last of them."""
    if _DOTS not in term:
        return term
    at = term.index(_DOTS)
    return [*term[:at], *(f"{_DOTS}{i}" for i in reversed(range(hidden))), *term[at + 1 :]]


def _check(plan: _Plan, equation: str) -> None:
    known = {letter for term in plan.terms for letter in term}
    for letter in plan.result:
        if letter not in known:
            raise _wrong(f"the output of {equation} names {letter}, which no input has")
        if plan.result.count(letter) > 1:
            raise _wrong(f"the output of {equation} names {letter} more than once")


def _wrong(message: str, hint: str = "") -> LayerError:
    return LayerError(message, hint=hint, argument="equation")
