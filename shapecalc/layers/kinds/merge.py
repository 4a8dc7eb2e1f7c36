"""Merging of branches: element-wise sums, products and the like, and concatenation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from shapecalc.dims import BROADCASTS, EQUAL, Constraint, Dim, prod, total
from shapecalc.errors import Insertion, LayerError
from shapecalc.layers.base.arguments import Number
from shapecalc.layers.base.axis_numbers import CHANNELS, AxisNumber, axis_index
from shapecalc.layers.base.dependence import HERE, Look, rearranged, shifted
from shapecalc.layers.base.layer import INPUTS, NOTHING, Example, Layer
from shapecalc.layers.base.merge_hints import (
    are_of_several_sizes,
    cropped,
    order_hint,
    projection,
    rank_hint,
    scaled,
    size_hint,
    times,
)
from shapecalc.layers.base.ranks import axis_name
from shapecalc.layers.base.shape import broadcast_sizes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.merge_hints import PlacedHint
    from shapecalc.layers.base.shape import Shape

GROUP = "merges"

__all__ = ["Add", "Average", "Concat", "Div", "ElementwiseMerge", "Maximum", "Minimum", "Mul", "NumberMerge",
           "Sub"]  # fmt: skip


class ElementwiseMerge(Layer):
    """What element-wise merges share: inputs of one size, where a size of 1 is broadcast to match the others.

    Inputs with fewer axes are matched from the last axis on, as PyTorch and Keras do.
    """

    inputs: ClassVar[tuple[int, int | None]] = (1, None)
    branches: ClassVar[bool] = True
    elementwise = True
    sorts: ClassVar[tuple[str, ...]] = ("additions", "merges")

    def constraints(self, *inputs: Shape) -> Iterator[Constraint]:
        sizes = broadcast_sizes(inputs)
        error = partial(_unequal, self.kind, inputs)
        for number, x in enumerate(inputs, 1):
            for own, size in zip(reversed(x.sizes), reversed(sizes), strict=False):
                yield Constraint(own, BROADCASTS, size, f"size of input {number}", "size of the others", error)

    def output(self, *inputs: Shape) -> Shape:
        widest = max(inputs, key=lambda x: x.rank)
        return widest._replace(sizes=broadcast_sizes(inputs), is_map=any(x.is_map for x in inputs))

    def saved(self, *inputs: Shape) -> str:
        return self.saves if len(inputs) > 1 else NOTHING

    def kept(self, output: Shape, *inputs: Shape) -> list[tuple[Dim, int]]:
        if self.saves == NOTHING:
            return []
        return [(prod(broadcast_sizes(inputs[:n])), 0) for n in range(2, len(inputs))]  # intermediate results of pairs


class NumberMerge(ElementwiseMerge):
    """A merge whose second operand may be a number: then it has one input."""

    other = Number("a number, in place of a second input", None)
    saves_beside_number: ClassVar[str] = NOTHING

    def saved(self, *inputs: Shape) -> str:
        return super().saved(*inputs) if self.other is None else self.saves_beside_number

    def constraints(self, *inputs: Shape) -> Iterator[Constraint]:
        if self.other is not None and len(inputs) > 1:
            message = f"{self.kind} with a number as other expects 1 input, but has {len(inputs)}"
            raise LayerError(message, argument="other")
        yield from super().constraints(*inputs)


class Add(NumberMerge):
    """Element-wise sum of the inputs, as at the end of a residual block."""

    kind = "add"
    operator = "+"
    is_sum = True
    saves = NOTHING
    also = ("addition", "sum_of")
    examples = (
        Example({}, [(256, 56, 56), (256, 56, 56)], (256, 56, 56), source="He et al. 2015, ResNet-50's conv2_x"),
        Example({}, [(2, 1, 4), (3, 1)], (2, 3, 4), source="PyTorch 2.13.0, run"),
        Example({"other": -0.5}, (8, 4), (8, 4), source="by definition"),
    )  # fmt: skip


class Mul(NumberMerge):
    """Element-wise product of the inputs: gates, channel weights of size C×1×1, and the scale of scores: `other`."""

    kind = "mul"
    operator = "*"
    also = ("multiply", "product")

    examples = (
        Example({}, [(64, 56, 56), (64, 1, 1)], (64, 56, 56), source="Hu et al. 2018, squeeze-and-excitation"),
        Example({"other": 0.125}, (8, 5, 5), (8, 5, 5), source="Vaswani et al. 2017, scores divided by √64"),
    )


class Sub(NumberMerge):
    """Element-wise difference of two inputs, or of a number, `other`, and one: `{other: 1}` is 1 − x."""

    kind = "sub"
    operator = "-"
    saves = NOTHING
    also = ("subtract",)
    inputs = (1, 2)
    other = Number("the number that its only input is subtracted from", None)
    examples = (
        Example({}, [(128,), (128,)], (128,), source="Keras' docs of Subtract"),
        Example({"other": 1}, (128,), (128,), source="by definition"),
    )

    def constraints(self, *inputs: Shape) -> Iterator[Constraint]:
        if self.other is None and len(inputs) == 1:
            hint = "name both: `- sub: [a, b]`; for a number minus its input, write `- sub: {other: 1}`"
            raise LayerError("sub expects 2 inputs, but has 1", argument="other", hint=hint)
        yield from super().constraints(*inputs)


class Div(ElementwiseMerge):
    """Element-wise quotient of two inputs."""

    kind = "div"
    operator = "/"
    also = ("divide",)
    inputs = (2, 2)
    examples = (Example({}, [(8, 4), (8, 1)], (8, 4), source="PyTorch's broadcasting rules"),)


class Maximum(NumberMerge):
    """Element-wise maximum of the inputs."""

    kind = "maximum"
    saves_beside_number = INPUTS
    examples = (
        Example({}, [(16,), (16,), (16,)], (16,), source="Keras' docs of Maximum"),
        Example({"other": 1}, (16,), (16,), source="PyTorch 2.13.0, clamp(min=1), run"),
    )


class Minimum(NumberMerge):
    """Element-wise minimum of the inputs."""

    kind = "minimum"
    saves_beside_number = INPUTS
    examples = (
        Example({}, [(16,), (16,)], (16,), source="Keras' docs of Minimum"),
        Example({"other": 1}, (16,), (16,), source="PyTorch 2.13.0, clamp(max=1), run"),
    )


class Average(ElementwiseMerge):
    """Element-wise mean of the inputs."""

    kind = "average"
    saves = NOTHING
    examples = (Example({}, [(16,), (16,)], (16,), source="Keras' docs of Average"),)


class Concat(Layer):
    """Concatenation of the inputs along an axis, the channels by default."""

    kind = "concat"
    saves = NOTHING
    also = ("concatenate", "cat")
    inputs = (1, None)
    branches = True
    dim = AxisNumber("the axis along which they are joined, or channels", CHANNELS, channels=True, also=["axis"])

    examples = (
        Example({}, [(64, 28, 28), (128, 28, 28), (32, 28, 28), (32, 28, 28)], (256, 28, 28),
                source="Szegedy et al. 2014, table 1: GoogLeNet's inception (3a)"),
        Example({"dim": 1}, [(64, 64, 512), (64, 64, 512)], (128, 64, 512), source="PyTorch's docs of cat"),
        Example({}, [(56, 56, 512), (56, 56, 512)], (56, 56, 1024), layout="HWC",
                source="Ronneberger et al. 2015, figure 1"),
    )  # fmt: skip

    def constraints(self, *inputs: Shape) -> Iterator[Constraint]:
        first = inputs[0]
        axis = _joined_axis(self.dim, inputs)
        error = partial(_unjoinable, axis, inputs)
        for number, x in enumerate(inputs[1:], 2):
            for i in range(first.rank):
                if i != axis:
                    yield Constraint(x.sizes[i], EQUAL, first.sizes[i], f"size of input {number}", "input 1", error)

    def otherwise(self, *inputs: Shape) -> dict[str, Any]:
        return {} if any(x.is_map for x in inputs) else {"dim": -1}

    def output(self, *inputs: Shape) -> Shape:
        axis = _joined_axis(self.dim, inputs)
        is_map, size = any(x.is_map for x in inputs), total([x.sizes[axis] for x in inputs])
        return inputs[0].with_axis(axis, size)._replace(is_map=is_map)

    def looks(self, output: Shape, *inputs: Shape) -> list[Look]:
        axis = _joined_axis(self.dim, inputs)
        found, start = [], 0
        for i, x in enumerate(inputs):
            order = {k: k for k in range(x.rank)}
            found.append(rearranged(i, x, order, {axis: shifted(-start) if start else HERE}))
            start += x.sizes[axis]
        return found


def _joined_axis(dim: int | str, inputs: tuple[Shape, ...]) -> int:
    first = inputs[0]
    for number, x in enumerate(inputs, 1):
        if x.rank != first.rank:
            raise _unequal_ranks(inputs, number)
    if not first.sizes:
        raise LayerError("concat needs inputs with at least one axis")
    return axis_index(dim, first)


def _unequal_ranks(inputs: tuple[Shape, ...], number: int) -> LayerError:
    """Return the error of inputs that are joined, of which one has another number of axes than the first."""
    first, other = inputs[0].text, inputs[number - 1].text
    message = f"its inputs have different numbers of axes: input 1 is {first}, input {number} is {other}"
    short = min(range(len(inputs)), key=lambda i: inputs[i].rank)
    longer = [i for i, x in enumerate(inputs) if x.rank > inputs[short].rank]
    if [x.sizes[1:] for x in inputs if x.rank == 2] == [inputs[short].sizes] * (len(inputs) - 1):  # a class token
        inserted = [Insertion("unsqueeze: 1", short)]
    elif inputs[short].rank == 1:
        inserted = [Insertion("flatten", i) for i in longer]
    elif all(inputs[i].rank == inputs[short].rank + 1 and inputs[i].sizes[0] == 1 for i in longer):  # a batch axis
        inserted = [Insertion("squeeze: 1", i) for i in longer]
        batch = "or, if the 1 is the batch axis, leave it out: sizes are given without it"
        return LayerError(message, hint=lambda place: "; ".join([*map(place, inserted), batch]))
    else:
        return LayerError(message, hint="add a flatten or reshape before it, for equal numbers of axes")
    return LayerError(message, hint=lambda place: "; ".join(map(place, inserted)))


def _unequal(kind: str, inputs: tuple[Shape, ...]) -> LayerError:
    """Return the shape error of inputs of unequal sizes that are not to be joined, with a hint."""
    sizes = broadcast_sizes(inputs)
    for number, x in enumerate(inputs, 1):
        for i, own in enumerate(x.sizes, -x.rank):
            if own not in (1, sizes[i]):
                other = next(n for n, y in enumerate(inputs, 1) if -y.rank <= i and y.sizes[i] == sizes[i])
                return _differing(kind, (number, other), (x, inputs[other - 1]), i, inputs)
    raise AssertionError("the inputs have one size")


def _differing(
    kind: str, numbers: tuple[int, int], shapes: tuple[Shape, Shape], axis: int, inputs: tuple[Shape, ...]
) -> LayerError:
    """Return the error of two inputs that differ along an axis, with a hint: on all of them if several sizes differ."""
    (less, more), (x, y) = numbers, shapes
    a, b = x.sizes[axis], y.sizes[axis]
    name = axis_name(y if y.is_map or not x.is_map else x, axis % y.rank)
    pairs = [(i, x.sizes[i], y.sizes[i]) for i in range(-min(x.rank, y.rank), 0) if i != axis]
    differing = {axis_name(y, i % y.rank): pair for i, *pair in pairs if pair[0] != pair[1] and 1 not in pair}
    # The hint is about all spatial axes that differ alike.
    alike = [other for other, pair in differing.items() if pair == [a, b] and "channels" not in (name, other)]
    others = [other for other in differing if other not in alike]
    name = " and ".join([name, *alike])
    order = sorted(zip(numbers, shapes, strict=True), key=lambda pair: pair[0])
    said = ", ".join(f"input {number} is {shape.text}" for number, shape in order)
    pair = f"{a} and {b}" if less < more else f"{b} and {a}"
    also = f", and along {' and '.join(others)}" if others else ""
    message = f"its inputs differ along {name}: {pair}{also}"
    if x.rank != y.rank:
        return LayerError(message, (said, "axes are matched from the last one on"), rank_hint(numbers, shapes))
    hint = order_hint(numbers, shapes) or projection(numbers, shapes)
    if are_of_several_sizes(inputs):
        hint = cropped(dict(enumerate(inputs, 1)))
    hint = hint or size_hint(kind, numbers, shapes, axis, f"the {name}" if others else "them")
    return LayerError(message, (said,), hint)


def _unjoinable(axis: int, inputs: tuple[Shape, ...]) -> LayerError:
    """Return the shape error of inputs of unequal sizes that are to be joined along an axis."""
    first = inputs[0]
    for number, x in enumerate(inputs[1:], 2):
        differing: dict[tuple[Dim, Dim], list[str]] = {}
        for i, pair in enumerate(zip(first.sizes, x.sizes, strict=True)):
            if i != axis and pair[0] != pair[1]:
                differing.setdefault(pair, []).append(axis_name(first, i))
        if differing:
            here = axis_name(first, axis)
            there = ", and along ".join(f"{' and '.join(names)}: {a} and {b}" for (a, b), names in differing.items())
            return LayerError(
                f"its inputs differ along {there}, but are joined along {here}",
                (f"input 1 is {first.text}, input {number} is {x.text}",),
                _joining_hint(axis, inputs, number),
            )
    raise AssertionError("the inputs fit")


def _joining_hint(axis: int, inputs: tuple[Shape, ...], number: int) -> PlacedHint:
    first, x = inputs[0], inputs[number - 1]
    here = f"along {axis_name(first, axis)} they can be joined if all other axes are equal"
    unlike = [i for i, pair in enumerate(zip(first.sizes, x.sizes, strict=True)) if pair[0] != pair[1]]
    alike = len(unlike) == 1 and all(y.with_axis(unlike[0], 1) == first.with_axis(unlike[0], 1) for y in inputs)
    if alike and (not first.is_map or unlike[0] == first.channel_axis):
        return f"{here}; dim: {unlike[0] + 1} would join them along {axis_name(first, unlike[0])}"
    if not first.is_map or axis != first.channel_axis:
        return here
    if are_of_several_sizes(inputs):
        return cropped(dict(enumerate(inputs, 1)))
    factors = {times(*sorted(pair)) for pair in zip(first.spatial, x.spatial, strict=True)}
    smaller = {(a < b) - (a > b) for a, b in zip(first.spatial, x.spatial, strict=True)}
    if len(factors) == 1 and factors != {0} and smaller in ({1}, {-1}):
        return f"{scaled(max(factors), *((1, number) if smaller == {1} else (number, 1)))} them equal"
    return cropped(dict(enumerate(inputs, 1)))
