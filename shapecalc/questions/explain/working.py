"""The formulas of one layer run on traced numbers: how each of its numbers is computed.

This module knows no kind of layer: the rules are what the layer's own formulas computed from the leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import BROADCASTS, DIVIDES, EQUAL, UP_TO
from shapecalc.dims.notation import Algebra, Expression, same
from shapecalc.dims.traces import Trace, leaf
from shapecalc.layers.base.layer import Layer, is_bias
from shapecalc.layers.base.per_axis import PerAxis
from shapecalc.layers.base.shape import Shape
from shapecalc.questions.explain.leaves import (
    ARGUMENT,
    INPUT,
    OUTPUT,
    LeafOrigin,
    Watched,
    argument_leaves,
    batch_leaf,
    named_axes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shapecalc.dims import Constraint
    from shapecalc.layers.base.layer import WeightShapes

__all__ = ["ACTIVE", "BIASES", "BUFFERS", "MACS", "OUTPUTS", "OUTPUT_BYTES", "PARAMS", "WEIGHTS", "Check", "Quantity",
           "Working", "work"]  # fmt: skip

OUTPUTS = "output"
WEIGHTS = "weights"
BIASES = "biases"
PARAMS = "params"
ACTIVE = "active_params"
BUFFERS = "buffers"
MACS = "macs"
OUTPUT_BYTES = "output_bytes"

BYTES_PER_NUMBER = 4


class Quantity(NamedTuple):
    """One number of a layer, and its rule.

    `what` names it; `symbol` is its symbol, if it has one (`H_out`); `tensor` the name of the learned tensor, if it is
    the size of one, or the number of the output of an axis.
    """

    what: str
    rule: Expression
    symbol: str = ""
    tensor: str = ""
    role: str = ""

    @property
    def value(self) -> int:
        """The number."""
        return self.rule.value


class Check(NamedTuple):
    """A constraint between two numbers that is met."""

    left: Expression
    relation: str
    right: Expression
    left_name: str
    right_name: str

    @property
    def is_equality(self) -> bool:
        """Whether it demands that the two are equal."""
        return self.relation == EQUAL


class Working(NamedTuple):
    """The numbers of one layer with these input sizes, each with its rule.

    `inputs` are the leaves of the inputs, `axes` the rules of the outputs, in the layer's own order of axes;
    `outputs` has the latter with space before channels. `tensors` and `buffer_tensors` are the sizes of each tensor,
    `counts` the sums. `left_out` are leaves that have no effect, with their default.
    """

    inputs: tuple[tuple[Trace, ...], ...]
    axes: tuple[tuple[Expression, ...], ...]
    outputs: tuple[tuple[Quantity, ...], ...]
    tensors: tuple[Quantity, ...]
    buffer_tensors: tuple[Quantity, ...]
    counts: dict[str, Quantity]
    checks: tuple[Check, ...]
    left_out: tuple[Trace, ...]

    def of(self, what: str) -> list[Quantity]:
        """Return the numbers of one quantity: those of the outputs, or a count, as a list of one."""
        if what == OUTPUTS:
            return [quantity for output in self.outputs for quantity in output]
        return [self.counts[what]] if what in self.counts else []

    def shown(self, what: Sequence[str]) -> Iterator[Quantity]:
        """Yield the numbers of the given quantities: those that are not 0."""
        if OUTPUTS in what:
            yield from self.of(OUTPUTS)
        if PARAMS in what:
            if len(self.tensors) > 1:
                yield from self.tensors
            for sort in (WEIGHTS, BIASES, PARAMS, ACTIVE, BUFFERS):
                if sort in self.counts and self.counts[sort].value:
                    yield self.counts[sort]
        for sort in (MACS, OUTPUT_BYTES):
            if sort in what and self.counts[sort].value:
                yield self.counts[sort]


def work(layer: Layer, inputs: Sequence[Shape], *, general: bool = False, batch: int = 1) -> Working:
    """Return how the numbers of a layer with these input sizes are computed, MACs and bytes for a batch.

    `general` keeps arguments without an effect at their default (dilation 1) in the rules.
    """
    return _Worker(layer, inputs, general=general, batch=batch).result()


class _Worker:
    def __init__(self, layer: Layer, inputs: Sequence[Shape], *, general: bool, batch: int) -> None:
        rank = max(len(inputs[0].sizes) - 1, 0) if inputs else 0
        self.arguments = layer.arguments
        self.sequences = layer.sequences
        self.traced = layer.with_values(argument_leaves(layer, rank, general=general))
        self.shapes = tuple([_lifted(x, INPUT, i) for i, x in enumerate(inputs)])
        self.algebra = Algebra(_is_argument, _is_neutral)
        self.general = general
        self.batch = [] if batch == 1 else [self.algebra.read(batch_leaf(batch))]

    def result(self) -> Working:
        constraints = list(self.traced.constraints(*self.shapes))
        output = self.traced.output(*self.shapes)
        shapes = (output,) if isinstance(output, Shape) else tuple(output)
        weights, buffers = self.traced.weights(*self.shapes), self.traced.buffers(*self.shapes)
        routes = type(self.traced).active_weights is not Layer.active_weights
        active = self.traced.active_weights(*self.shapes) if routes else {}
        given = [_given(shape, i) for i, shape in enumerate(shapes)]
        macs = self.traced.macs(given[0] if isinstance(output, Shape) else tuple(given), *self.shapes)
        self._name(shapes, given)
        for constraint in constraints:
            if constraint.relation == DIVIDES:
                self.algebra.divides(constraint.left, constraint.right)
        axes = tuple([tuple([self.algebra.read(number) for number in shape.sizes]) for shape in shapes])
        outputs = self._outputs(shapes, axes)
        for shape, leaves in zip(shapes, given, strict=True):
            for number, size in zip(shape.sizes, leaves.sizes, strict=True):
                if size is not number:
                    self.algebra.name(number, size)
        self.algebra.forget()
        tensors, buffer_tensors = self._tensors(WEIGHTS, weights), self._tensors(BUFFERS, buffers)
        counts = self._counts(tensors, buffer_tensors, given, self._for_batch(macs))
        if active:
            counts[ACTIVE] = self._sum(ACTIVE, [tensor.rule for tensor in self._tensors(WEIGHTS, active)])
        return Working(
            tuple([shape.sizes for shape in self.shapes]),
            axes,
            outputs,
            tensors,
            buffer_tensors,
            counts,
            self._checks(constraints),
            tuple(self.algebra.left_out.values()),
        )

    def _for_batch(self, macs: Any) -> Expression:
        """Return the rule of MACs: those of one sample, for each in the batch."""
        rule = self.algebra.read(macs)
        return self.algebra.product([*self.batch, rule]) if rule.value and self.batch else rule

    def _name(self, shapes: Sequence[Shape], given: Sequence[Shape]) -> None:
        """Assign a symbol to every axis."""
        self.letters = self.traced.axis_letters(*self.shapes)
        below = [str(i + 1) for i in range(len(self.shapes))] if len(self.shapes) > 1 else ["in"]
        for i, x in enumerate(self.shapes):
            is_map = x.is_regarded or (x.is_map and not self.sequences)
            own = self.letters[i] if i < len(self.letters) - 1 else ""
            named = named_axes(x, LeafOrigin(INPUT, place=i), below[i], is_map=is_map, own=own)
            _write_on(x.sizes, named)
        for i, (shape, leaves) in enumerate(zip(shapes, given, strict=True)):
            fresh = [None if size is own else size for size, own in zip(leaves.sizes, shape.sizes, strict=True)]
            _write_on(fresh, self._names_out(shape, i, len(shapes)))
        if len(self.shapes) == 1 and self.shapes[0].rank == 1:
            self._name_sequence(shapes)

    def _name_sequence(self, shapes: Sequence[Shape]) -> None:
        """Name the only axis of an input a length if it is the length of an output: indices that are looked up."""
        (only,) = self.shapes[0].sizes
        for i, shape in enumerate(shapes):
            for own, (symbol, _) in zip(shape.sizes, self._names_out(shape, i, len(shapes)), strict=True):
                if own is only and symbol.startswith("L_"):
                    only.symbol = "L_in"

    def _names_out(self, shape: Shape, index: int, outputs: int) -> list[tuple[str, LeafOrigin]]:
        """Return the symbol and the origin of every axis of an output."""
        kept = isinstance(shape, Watched) and self.shapes[0].is_regarded and shape.rank == self.shapes[0].rank
        below = "out" if outputs == 1 else f"out{index + 1}"
        is_map = kept or (shape.is_map and not self.sequences)
        own = "" if index else self.letters[-1]
        return named_axes(shape, LeafOrigin(OUTPUT, place=index), below, is_map=is_map, own=own)

    def _outputs(
        self, shapes: Sequence[Shape], axes: Sequence[Sequence[Expression]]
    ) -> tuple[tuple[Quantity, ...], ...]:
        found = []
        for i, (shape, rules) in enumerate(zip(shapes, axes, strict=True)):
            named = self._names_out(shape, i, len(shapes))
            each = [
                Quantity(OUTPUTS, rule, symbol, str(i), origin.role)
                for rule, (symbol, origin) in zip(rules, named, strict=True)
            ]
            found.append(tuple(sorted(each, key=lambda quantity: quantity.symbol.startswith("C_"))))
        return tuple(found)

    def _tensors(self, what: str, shapes: WeightShapes) -> tuple[Quantity, ...]:
        product, read = self.algebra.product, self.algebra.read
        return tuple([
            Quantity(_sort(what, name), self._ordered(product([read(n) for n in sizes])), tensor=name)
            for name, sizes in shapes.items()
        ])  # fmt: skip

    def _ordered(self, expression: Expression) -> Expression:
        return self.algebra.factored(expression, self._rank)

    def _rank(self, size: Trace) -> int:
        """Return the rank of a number in a product of weights: window, input, output."""
        if size.origin.sort != ARGUMENT:
            return 1
        return 0 if isinstance(self.arguments[size.origin.name], PerAxis) else 2

    def _counts(
        self, tensors: Sequence[Quantity], buffers: Sequence[Quantity], outputs: Sequence[Shape], macs: Expression
    ) -> dict[str, Quantity]:
        weights = [tensor.rule for tensor in tensors if tensor.what == WEIGHTS]
        biases = [tensor.rule for tensor in tensors if tensor.what == BIASES]
        counts = {
            WEIGHTS: self._sum(WEIGHTS, weights),
            BIASES: self._sum(BIASES, biases),
            PARAMS: self._sum(PARAMS, [*weights, *biases]),
            BUFFERS: self._sum(BUFFERS, [buffer.rule for buffer in buffers]),
            MACS: Quantity(MACS, macs),
        }
        numbers = [self.algebra.product([self.algebra.read(n) for n in _space_first(shape)]) for shape in outputs]
        bytes_ = self.algebra.read(BYTES_PER_NUMBER)
        counts[OUTPUT_BYTES] = Quantity(
            OUTPUT_BYTES, self.algebra.product([bytes_, *self.batch, self.algebra.total(numbers)])
        )
        return counts

    def _sum(self, what: str, rules: Iterable[Expression]) -> Quantity:
        return Quantity(what, self._ordered(self.algebra.total(rules)))

    def _checks(self, constraints: Iterable[Constraint]) -> tuple[Check, ...]:
        read = self.algebra.read
        checks = [Check(read(c.left), c.relation, read(c.right), c.left_name, c.right_name) for c in constraints]
        return tuple(dict.fromkeys([check for check in checks if not self._is_trivial(check)]))

    def _is_trivial(self, check: Check) -> bool:
        """Return whether a check is trivial: a number equals itself, 1 divides, a default fits."""
        left, relation, right = check[:3]
        if same(left, right) and relation in (EQUAL, BROADCASTS, UP_TO):
            return True
        symbol = left.symbol
        if relation == DIVIDES and (left.constant == 1 or (symbol is not None and _is_neutral(symbol))):
            return True
        if left.constant is not None and (right.constant is not None or (left.value <= 1 and right.symbol is not None)):
            return True
        if self.general:
            return False
        return left.value == 0 and relation != EQUAL and all(self._at_default(size) for size in left.leaves())

    def _at_default(self, size: Trace) -> bool:
        return bool(size.origin.sort == ARGUMENT) and bool(size.value == self.arguments[size.origin.name].default)


def _lifted(x: Shape, sort: str, index: int) -> Watched:
    return Watched(tuple([leaf(n, "", LeafOrigin(sort, place=index)) for n in x.sizes]), x.channels_last, x.is_map)


def _write_on(sizes: Sequence[Trace | None], named: Sequence[tuple[str, LeafOrigin]]) -> None:
    for size, (symbol, origin) in zip(sizes, named, strict=True):
        if size is not None:
            size.symbol, size.origin = symbol, origin


def _given(shape: Shape, index: int) -> Shape:
    """Return an output with known sizes, for later rules: `H_out` instead of its own rule."""
    origin = LeafOrigin(OUTPUT, place=index)
    sizes = tuple([n if _is_leaf(n) or not isinstance(n, Trace) else leaf(n.value, "", origin) for n in shape.sizes])
    return Shape(sizes, shape.channels_last, shape.is_map)


def _space_first(shape: Shape) -> tuple[Any, ...]:
    return (*shape.spatial, shape.channels) if shape.is_map else shape.sizes


def _is_leaf(number: Any) -> bool:
    return isinstance(number, Trace) and not number.operation


def _is_argument(size: Trace) -> bool:
    return bool(size.origin.sort == ARGUMENT)


def _is_neutral(size: Trace) -> bool:
    return bool(size.origin.is_neutral)


def _sort(what: str, name: str) -> str:
    return BIASES if what == WEIGHTS and is_bias(name) else what
