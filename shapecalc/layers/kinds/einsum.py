"""Einstein summation: of several inputs, or of an input and a learned kernel.

One multiply-accumulate for each pair of elements: the product of the sizes of all axes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.dims import EQUAL, Constraint, Dim, prod
from shapecalc.errors import LayerError
from shapecalc.layers.base.arguments import Text
from shapecalc.layers.base.dependence import Look, rearranged
from shapecalc.layers.base.layer import TRAINED, Example, Layer, WeightShapes
from shapecalc.layers.base.sizes import Sizes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shapecalc.layers.base.shape import Shape

GROUP = "matrices"

__all__ = ["Einsum", "EinsumDense"]


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

    def macs(self, sizes: dict[str, Dim]) -> Dim:
        """Return the multiply-accumulates of the products, from left to right."""
        cost: Dim = 0
        joined = set(self.terms[0])
        for number, term in enumerate(self.terms[1:], start=1):
            later = set(self.result).union(*self.terms[number + 1 :])
            a, b = joined & (later | set(term)), set(term) & (later | joined)
            if (a | b) - later:
                cost = cost + prod(sizes[letter] for letter in sizes if letter in a | b)
            joined = (a | b) & later
        return cost


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
        return plan.macs(plan.sizes(inputs))


class EinsumDense(Layer):
    """Linear layer along any axes: an Einstein summation of the input with a learned kernel, as Keras' EinsumDense.

    In `abc,cde->abde` the first term names the axes of the input, with the batch axis first or without it (an ellipsis
    at the start has it; before one elsewhere it is the first letter), the second those of the kernel. `output_shape` is
    the size of each axis of the output but the batch axis and those under an ellipsis; -1 (None in Keras) is the
    input's size. `bias_axes` are the letters of the output with a bias.
    """

    kind = "einsum_dense"
    saves = TRAINED
    in_calls = ("equation", "output_shape")

    equation = Text("the letters of the axes of input, kernel and output: abc,cd->abd")
    output_shape = Sizes("size of each axis of the output; -1 is the input's", inferred=True)
    bias_axes = Text("the letters of the output's axes with a learned bias; without, there is none", None)

    examples = (
        Example({"equation": "abc,cd->abd", "output_shape": [-1, 64], "bias_axes": "d"}, (32, 128), (32, 64), 8_256,
                262_144, "Keras 3.15.1, run; MACs by arithmetic"),
        Example({"equation": "...x,xy->...y", "output_shape": 64, "bias_axes": "y"}, (32, 128), (32, 64), 8_256,
                262_144, "Keras 3.15.1, run; MACs by arithmetic"),
        Example({"equation": "abc,cde->abde", "output_shape": [-1, 8, 16], "bias_axes": "de"}, (32, 128), (32, 8, 16),
                16_512, 524_288, "Keras 3.15.1, a projection of MultiHeadAttention, run; MACs by arithmetic"),
    )  # fmt: skip

    def _plan(self, x: Shape) -> _Plan:
        left, arrow, right = self.equation.replace(" ", "").partition("->")
        terms = [_letters(term) for term in left.split(",")]
        if len(terms) != 2 or not arrow or _DOTS in terms[1]:
            raise _wrong(
                f"the equation {self.equation} is not one of an input, a kernel and an output",
                "write it as abc,cd->abd",
            )
        (term, kernel), result = terms, _letters(right)
        if term[0] != _DOTS if _DOTS in term else _has_batch(term, x.rank, 0):
            if result[:1] != term[:1] or term[0] in kernel:
                raise _wrong(f"the batch axis {term[0]} must come first in the output, and not be in the kernel")
            term, result = term[1:], result[1:]
        _has_batch(term, x.rank, 0)  # names no more axes than there are
        if any(letters.count(letter) > 1 for letters in (term, kernel) for letter in letters):
            raise _wrong(f"a term of {self.equation} names an axis twice")
        stated = [letter for letter in result if letter != _DOTS]
        if len(stated) != len(self.output_shape):
            raise LayerError(
                f"output_shape has {len(self.output_shape)} sizes, but the output of {self.equation} has {len(stated)}",
                hint="give the size of each axis except the batch axis and those under an ellipsis",
                argument="output_shape",
            )
        hidden = x.rank - len(term) + 1 if _DOTS in term else 0
        plan = _Plan([_spread(term, hidden), kernel], _spread(result, hidden))
        _check(plan, self.equation)
        return plan

    def _sizes(self, plan: _Plan, x: Shape) -> dict[str, Dim]:
        """Return the size of every letter."""
        sizes: dict[str, Dim] = dict(zip(plan.terms[0], x.sizes, strict=True))
        for letter, size in self._stated(plan):
            sizes.setdefault(letter, size)
        for letter in (*plan.terms[1], *plan.result):
            if letter not in sizes:
                raise _wrong(
                    f"no size of axis {letter} of {self.equation} is known", "give it in output_shape, not as -1"
                )
        return sizes

    def _stated(self, plan: _Plan) -> list[tuple[str, Dim]]:
        """Return the letters of the output whose size `output_shape` states."""
        letters = [letter for letter in plan.result if not letter.startswith(_DOTS)]
        pairs = zip(letters, self.output_shape, strict=True)
        return [(letter, size) for letter, size in pairs if not (type(size) is int and size == -1)]

    def constraints(self, x: Shape) -> Iterator[Constraint]:
        plan = self._plan(x)
        sizes = self._sizes(plan, x)
        for letter, size in self._stated(plan):
            if letter in plan.terms[0]:
                yield Constraint(size, EQUAL, sizes[letter], f"axis {letter} of output_shape", "that of the input")
        for letter in self.bias_axes or "":
            if letter not in plan.result:
                raise LayerError(
                    f"bias_axes names {letter}, which is not an axis of the output of {self.equation}",
                    argument="bias_axes",
                )

    def output(self, x: Shape) -> Shape:
        plan = self._plan(x)
        sizes = self._sizes(plan, x)
        return x.plain(*[sizes[letter] for letter in plan.result])

    def weights(self, x: Shape) -> WeightShapes:
        plan = self._plan(x)
        sizes = self._sizes(plan, x)
        kernel: WeightShapes = {"weight": tuple([sizes[letter] for letter in plan.terms[1]])}
        bias = tuple([sizes[letter] for letter in plan.result if letter in (self.bias_axes or "")])
        return {**kernel, "bias": bias} if self.bias_axes else kernel

    def macs(self, output: Shape, x: Shape) -> Dim:
        plan = self._plan(x)
        return plan.macs(self._sizes(plan, x))

    def looks(self, output: Shape, x: Shape) -> list[Look]:
        plan = self._plan(x)
        places = {letter: i for i, letter in enumerate(plan.result)}
        return [rearranged(0, x, {i: places[letter] for i, letter in enumerate(plan.terms[0]) if letter in places})]


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
