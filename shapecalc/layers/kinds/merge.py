"""Merging of branches: element-wise sums, products and the like, and concatenation."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from shapecalc.dims import BROADCASTS, EQUAL, Constraint, Dim, broadcast, prod, total
from shapecalc.errors import LayerError
from shapecalc.layers.base.axis_numbers import CHANNELS, AxisNumber, axis_index
from shapecalc.layers.base.dependence import HERE, Look, rearranged, shifted
from shapecalc.layers.base.layer import NOTHING, Example, Layer
from shapecalc.layers.base.ranks import AXIS_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.layers.base.shape import Shape

__all__ = ["Add", "Average", "Concat", "Div", "ElementwiseMerge", "Maximum", "Minimum", "Mul", "Sub"]


class ElementwiseMerge(Layer):
    """What element-wise merges share: inputs of one size, where a size of 1 is broadcast to match the others.

    Inputs with fewer axes are matched from the last axis on, as PyTorch and Keras do.
    """

    inputs: ClassVar[tuple[int, int | None]] = (1, None)
    branches: ClassVar[bool] = True
    elementwise = True
    sorts: ClassVar[tuple[str, ...]] = ("additions", "merges")

    def constraints(self, *inputs: Shape) -> Iterator[Constraint]:
        sizes = _merged(inputs)
        error = partial(_unequal, self.kind, inputs)
        for number, x in enumerate(inputs, 1):
            for own, size in zip(reversed(x.sizes), reversed(sizes), strict=False):
                yield Constraint(own, BROADCASTS, size, f"size of input {number}", "size of the others", error)

    def output(self, *inputs: Shape) -> Shape:
        sizes = _merged(inputs)
        widest = max(inputs, key=_rank)
        return widest._replace(sizes=sizes, is_map=any(x.is_map for x in inputs))

    def saved(self, *inputs: Shape) -> str:
        return self.saves if len(inputs) > 1 else NOTHING

    def kept(self, output: Shape, *inputs: Shape) -> list[tuple[Dim, int]]:
        if self.saves == NOTHING:
            return []
        return [
            (prod(_merged(inputs[:number])), 0) for number in range(2, len(inputs))
        ]  # intermediate results of pairs


def _rank(x: Shape) -> int:
    return len(x.sizes)


def _merged(inputs: tuple[Shape, ...]) -> tuple[Dim, ...]:
    """Return the sizes of the inputs broadcast together, from the last axis on."""
    merged = inputs[0].sizes
    for x in inputs[1:]:
        few, many = (merged, x.sizes) if len(merged) < len(x.sizes) else (x.sizes, merged)
        extra = len(many) - len(few)
        merged = many[:extra] + tuple([broadcast(a, b) for a, b in zip(many[extra:], few, strict=True)])
    return merged


class Add(ElementwiseMerge):
    """Element-wise sum of the inputs, as at the end of a residual block."""

    kind = "add"
    saves = NOTHING
    also = ("addition", "sum_of")

    examples = (
        Example({}, [(256, 56, 56), (256, 56, 56)], (256, 56, 56), source="He et al. 2015, ResNet-50's conv2_x"),
        Example({}, [(2, 1, 4), (3, 1)], (2, 3, 4), source="PyTorch 2.13.0, run"),
    )  # fmt: skip


class Mul(ElementwiseMerge):
    """Element-wise product of the inputs: gates, and channel weights of size C×1×1."""

    kind = "mul"
    also = ("multiply", "product")

    examples = (
        Example({}, [(64, 56, 56), (64, 1, 1)], (64, 56, 56), source="Hu et al. 2018, squeeze-and-excitation"),
    )  # fmt: skip


class Sub(ElementwiseMerge):
    """Element-wise difference of two inputs."""

    kind = "sub"
    saves = NOTHING
    also = ("subtract",)
    inputs = (2, 2)
    examples = (Example({}, [(128,), (128,)], (128,), source="Keras' docs of Subtract"),)


class Div(ElementwiseMerge):
    """Element-wise quotient of two inputs."""

    kind = "div"
    also = ("divide",)
    inputs = (2, 2)
    examples = (Example({}, [(8, 4), (8, 1)], (8, 4), source="PyTorch's broadcasting rules"),)


class Maximum(ElementwiseMerge):
    """Element-wise maximum of the inputs."""

    kind = "maximum"
    examples = (Example({}, [(16,), (16,), (16,)], (16,), source="Keras' docs of Maximum"),)


class Minimum(ElementwiseMerge):
    """Element-wise minimum of the inputs."""

    kind = "minimum"
    examples = (Example({}, [(16,), (16,)], (16,), source="Keras' docs of Minimum"),)


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

    def output(self, *inputs: Shape) -> Shape:
        axis = _joined_axis(self.dim, inputs)
        joined = inputs[0].with_axis(axis, total([x.sizes[axis] for x in inputs]))
        return joined._replace(is_map=any(x.is_map for x in inputs))

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
            raise LayerError(
                f"its inputs have different numbers of axes: input 1 is {first.text}, input {number} is {x.text}",
                hint="add a flatten or reshape before it, for equal numbers of axes",
            )
    if not first.sizes:
        raise LayerError("concat needs inputs with at least one axis")
    return axis_index(dim, first)


def _axis_name(x: Shape, axis: int) -> str:
    """Return the name of an axis: channels, height, width; or its number."""
    names = AXIS_NAMES.get(x.rank - 1) if x.is_map else None
    if not names:
        return f"axis {axis + 1}"
    if axis == x.channel_axis:
        return "channels"
    return names[axis if x.channels_last else axis - 1]


def _unequal(kind: str, inputs: tuple[Shape, ...]) -> LayerError:
    """Return the shape error of inputs of unequal sizes, with a hint."""
    sizes = _merged(inputs)
    for number, x in enumerate(inputs, 1):
        extra = len(sizes) - x.rank
        for i, own in enumerate(x.sizes):
            if own not in (1, sizes[i + extra]):
                other = next(n for n, y in enumerate(inputs, 1) if _size_at(y, i + extra, sizes) == sizes[i + extra])
                return _differing(kind, (number, other), (x, inputs[other - 1]), i + extra - len(sizes))
    raise AssertionError("the inputs have one size")


def _size_at(x: Shape, axis: int, sizes: tuple[Dim, ...]) -> Dim:
    axis -= len(sizes) - x.rank
    return x.sizes[axis] if axis >= 0 else 1


def _differing(kind: str, numbers: tuple[int, int], shapes: tuple[Shape, Shape], axis: int) -> LayerError:
    (less, more), (x, y) = numbers, shapes
    a, b = x.sizes[axis], y.sizes[axis]
    name = _axis_name(y if y.is_map or not x.is_map else x, axis % y.rank)
    pairs = [(i, x.sizes[i], y.sizes[i]) for i in range(-min(x.rank, y.rank), 0) if i != axis]
    unequal = {_axis_name(y, i % y.rank): pair for i, *pair in pairs if _is_unequal(*pair)}
    # The hint is about all spatial axes that differ alike.
    alike = [other for other, pair in unequal.items() if pair == [a, b] and "channels" not in (name, other)]
    others = [other for other in unequal if other not in alike]
    name = " and ".join([name, *alike])
    them = f"the {name} equal" if others else "them equal"
    if name == "channels":
        hint = f"a 1×1 convolution with out_channels: {b} on input {less} would make {them}"
    elif name.startswith("axis"):
        hint = f"both need the same size there, or one of them 1, for {kind} to match them"
    elif -(-b // 2) == a or b // 2 == a:
        hint = f"a stride of 2 on input {more}, or upsample: 2 on input {less}, would make {them}"
    elif b % a == 0:
        times = b // a
        hint = f"a stride of {times} on input {more}, or upsample: {times} on input {less}, would make {them}"
    else:
        hint = f"padding or a crop would make {them}: crop: {{size: …}} on input {more}, as U-Net does"
    order = sorted(zip(numbers, shapes, strict=True), key=lambda pair: pair[0])
    said = ", ".join(f"input {number} is {shape.text}" for number, shape in order)
    pair = f"{a} and {b}" if less < more else f"{b} and {a}"
    also = f", and along {' and '.join(others)}" if others else ""
    return LayerError(f"its inputs differ along {name}: {pair}{also}", (said,), hint)


def _is_unequal(a: Dim, b: Dim) -> bool:
    return a != b and 1 not in (a, b)


def _unjoinable(axis: int, inputs: tuple[Shape, ...]) -> LayerError:
    first = inputs[0]
    for number, x in enumerate(inputs[1:], 2):
        unequal: dict[tuple[Dim, Dim], list[str]] = {}
        for i, pair in enumerate(zip(first.sizes, x.sizes, strict=True)):
            if i != axis and pair[0] != pair[1]:
                unequal.setdefault(pair, []).append(_axis_name(first, i))
        if unequal:
            here = _axis_name(first, axis)
            there = ", and along ".join(f"{' and '.join(names)}: {a} and {b}" for (a, b), names in unequal.items())
            another = ", or use another dim" if sum(map(len, unequal.values())) == 1 else ""
            return LayerError(
                f"its inputs differ along {there}, but are joined along {here}",
                (f"input 1 is {first.text}, input {number} is {x.text}",),
                f"along {here} they can be joined if all other axes are equal: pad or crop one{another}",
            )
    raise AssertionError("the inputs fit")
