"""Which positions of an input each position of an output depends on: the sliding window and other layers, in reverse.

Along one axis, position o of a window's output depends on the positions

    o·stride − before, … + dilation, …, o·stride − before + reach − 1

of its input. Run backwards, position o of a transposed window depends on every i whose window, at i·stride − before,
has a tap on o. Every other layer is described in the same terms: an `AxisDependence` for each axis. Dependences are
plain ints: they are positions, not formulas.

Sources: Dumoulin & Visin, A guide to convolution arithmetic for deep learning, arXiv:1603.07285; Araujo, Norris & Sim,
Computing receptive fields of convolutional neural networks, Distill 2019; PyTorch's `UpSample.h` for where resizing
reads from, and its `AdaptiveAveragePooling.cpp` for the windows of adaptive pools.
"""

from __future__ import annotations

from math import floor, gcd
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from fractions import Fraction

    from shapecalc.layers.base.shape import Shape
    from shapecalc.layers.base.window import WindowAxis

__all__ = [
    "CIRCULAR",
    "HERE",
    "REFLECT",
    "REPLICATE",
    "ZEROS",
    "AxisDependence",
    "Look",
    "Period",
    "adaptive",
    "aligned",
    "everything",
    "everywhere",
    "folded",
    "fractional",
    "listed",
    "of_window",
    "rearranged",
    "repeated",
    "reshaped",
    "resized",
    "shifted",
    "transposed",
    "unrolled",
    "windowed",
]

ZEROS = "zeros"
REFLECT = "reflect"
REPLICATE = "replicate"
CIRCULAR = "circular"

_LISTED = 64
"""The maximum period whose positions are listed; longer ones are computed position by position, on demand."""


class Period:
    """What the positions of a long period depend on, computed on demand: 10^9 positions cost no more than 10."""

    __slots__ = ("_at", "length")

    def __init__(self, length: int, at: Callable[[int], range]) -> None:
        self.length = length
        self._at = at

    def __getitem__(self, phase: int) -> range:
        return self._at(phase)


def _period(length: int, at: Callable[[int], range]) -> tuple[range, ...] | Period:
    return tuple([at(phase) for phase in range(length)]) if length <= _LISTED else Period(length, at)


class AxisDependence(NamedTuple):
    """What positions along an output axis depend on along an axis of the input.

    Position o depends on `seen[o]`; every `period` positions, that moves by `advance` (0: the same again). `beyond`
    names the values beyond the input's edges: zeros, or its own elements (reflect, replicate, circular). `cropped` is
    how much a circular padding crops at the start and at the end before it wraps around.
    """

    seen: tuple[range, ...] | Period
    advance: int
    beyond: str = ZEROS
    cropped: tuple[int, int] = (0, 0)

    @property
    def period(self) -> int:
        """After how many positions the pattern repeats."""
        return self.seen.length if isinstance(self.seen, Period) else len(self.seen)

    def at(self, position: int) -> range:
        """Return the positions that a position depends on, including those beyond the input's edges."""
        turns, phase = divmod(position, self.period)
        seen, on = self.seen[phase], turns * self.advance
        return range(seen.start + on, seen.stop + on, seen.step)


class Look(NamedTuple):
    """One way in which an output depends on an input: for every axis of the input, a dependence and an output axis.

    The output's axis is -1 if all its positions depend on the same. A layer may depend on an input in several ways:
    a normalisation depends on the position itself, and by its mean on all positions.
    """

    input: int
    axes: tuple[tuple[AxisDependence, int], ...]


HERE = AxisDependence((range(1),), 1)
"""Every position depends on itself."""


def everywhere(size: int) -> AxisDependence:
    """Return the dependence of positions that all depend on the whole axis."""
    return AxisDependence((range(size),), 0)


def shifted(by: int, beyond: str = ZEROS, step: int = 1, cropped: tuple[int, int] = (0, 0)) -> AxisDependence:
    """Return the dependence of positions on one each: position o on o·step + by."""
    return AxisDependence((range(by, by + 1),), step, beyond, cropped)


def listed(count: int, at: Callable[[int], int]) -> AxisDependence:
    """Return the dependence of `count` positions on one each, in any order: position o on `at(o)`."""

    def seen(position: int) -> range:
        return range(at(position), at(position) + 1)

    return AxisDependence(_period(count, seen), 0)


def repeated(times: int) -> AxisDependence:
    """Return the dependence of positions if each run of `times` positions depends on the same one."""
    return AxisDependence(_period(times, lambda _: range(1)), 1)


def everything(index: int, x: Shape) -> Look:
    """Return the look of a layer whose every output element may depend on all of an input."""
    return Look(index, tuple([(everywhere(size), -1) for size in x.sizes]))


def aligned(index: int, x: Shape, output: Shape) -> Look:
    """Return the look of positions on the same position of an input: axes aligned from the last, size 1 broadcast."""
    moved = output.rank - x.rank
    axes = range(x.rank)
    return rearranged(index, x, {i: i + moved for i in axes if x.sizes[i] == output.sizes[i + moved]})


def rearranged(
    index: int, x: Shape, order: Mapping[int, int], dependences: Mapping[int, AxisDependence] | None = None
) -> Look:
    """Return the look of a layer whose axis i of the input is axis `order[i]` of the output, equal or by `dependences`.

    Every position depends on the whole of an axis that is not in the output.
    """
    dependences = dependences or {}
    return Look(
        index,
        tuple(
            [(dependences.get(i, HERE), order[i]) if i in order else (everywhere(n), -1) for i, n in enumerate(x.sizes)]
        ),
    )


def reshaped(index: int, x: Shape, output: Shape) -> Look:
    """Return the look of a layer that keeps the order of the elements: axes that are the same in both are traced.

    An axis is the same in both if its size is equal, and the number of elements within one position of it.
    """
    found = {(size, within): k for k, (size, within) in enumerate(_strides(output)) if size > 1}
    return rearranged(index, x, {i: found[pair] for i, pair in enumerate(_strides(x)) if pair in found})


def _strides(x: Shape) -> list[tuple[int, int]]:
    pairs = []
    within = 1
    for size in reversed(x.sizes):
        pairs.append((size, within))
        within *= size
    return pairs[::-1]


def windowed(index: int, x: Shape, dependences: Iterable[AxisDependence]) -> Look:
    """Return the look of a layer with these dependences along the spatial axes, which may mix channels."""
    rest = iter(dependences)
    channels = x.channel_axis
    return Look(
        index, tuple([(everywhere(n), -1) if i == channels else (next(rest), i) for i, n in enumerate(x.sizes)])
    )


def of_window(axis: WindowAxis, beyond: str = ZEROS) -> AxisDependence:
    """Return what the positions of a sliding window depend on."""
    before = axis.same_padding()[0] if axis.same else axis.before
    return AxisDependence((range(-before, axis.reach - before, axis.dilation),), axis.stride, beyond)


def transposed(kernel: int, stride: int, dilation: int, before: int) -> AxisDependence:
    """Return what the positions of a transposed window depend on, whose output is cropped by `before` at the start.

    Position p before cropping depends on input i if p − i·stride is a tap: dilation·t, with t from 0 to kernel − 1.
    """
    common = gcd(stride, dilation)
    step = dilation // common  # between the inputs that have a tap on the same position
    inverse = pow(stride // common, -1, step)

    def seen(phase: int) -> range:
        position = phase + before
        if position % common:
            return range(0)
        first = -((dilation * (kernel - 1) - position) // stride)  # the first whose window reaches it
        first += (position // common * inverse - first) % step
        last = position // stride
        return range(first, last + 1, step) if first <= last else range(0)

    return AxisDependence(_period(stride, seen), 1)


def unrolled(window: AxisDependence, positions: int, within: int, *, is_first: bool) -> AxisDependence:
    """Return what the windows of im2col's columns depend on along one of their axes, by its number of positions.

    `within` is how many windows lie within one position of the axis; the first axis does not repeat.
    """

    def seen(phase: int) -> range:
        return window.at(phase // within)

    return (
        AxisDependence(_period(within, seen), window.advance)
        if is_first
        else AxisDependence(_period(positions * within, seen), 0)
    )


def folded(window: AxisDependence, within: int) -> AxisDependence:
    """Return what the positions of col2im's output depend on along the first axis, with all windows within each."""

    def seen(phase: int) -> range:
        taps = window.at(phase)
        return range(taps[0] * within, (taps[-1] + 1) * within) if taps else range(0)

    return AxisDependence(_period(window.period, seen), window.advance * within)


def resized(
    size: int,
    output: int,
    reach: int = 1,
    times: Fraction | None = None,
    *,
    is_centred: bool = False,
    corners: bool = False,
) -> AxisDependence:
    """Return what the positions of an axis depend on that is resized from `size` to `output`, or by the factor `times`.

    Each depends on the `reach` nearest positions. If `reach` is 1, that is the position of its start, or with
    `is_centred` of its centre. `corners` aligns the outermost positions of both, if `reach` is more than 1.
    """
    from fractions import Fraction

    if reach == 1:
        moved, corners = Fraction(int(is_centred), 2), False
    else:
        moved = Fraction(0) if corners else Fraction(1, 2)
    rate = 1 / times if times else Fraction(size, output)
    if corners:
        rate = Fraction(size - 1, output - 1) if output > 1 else Fraction(0)
    period, advance = rate.denominator, rate.numerator
    if period > output:  # it never repeats
        period, advance = output, size

    def seen(position: int) -> range:
        at = (position + moved) * rate - (moved if reach > 1 else 0)
        first = floor(at) - (reach // 2 - 1 if reach > 1 else 0)
        return range(floor(at), floor(at) + 1) if at.denominator == 1 else range(first, first + reach)

    return AxisDependence(_period(period, seen), advance, ZEROS if reach == 1 else REPLICATE)


def adaptive(size: int, output: int) -> AxisDependence:
    """Return what the positions of an adaptive pool depend on, whose windows follow from the size of its output."""
    if output == 1:
        return everywhere(size)
    period = output // gcd(size, output)

    def seen(position: int) -> range:
        return range(position * size // output, -(-(position + 1) * size // output))

    return AxisDependence(_period(period, seen), size * period // output)


def fractional(size: int, output: int, kernel: int) -> AxisDependence:
    """Return what the positions of a fractional pool may depend on: windows start at random within a position.

    The last window ends at the edge; some cannot move at all (PyTorch's `FractionalMaxPooling.h`).
    """

    def seen(position: int) -> range:
        if position == output - 1:
            return range(size - kernel, size)
        start, rest = divmod(position * (size - kernel), output - 1)
        return range(start, start + kernel + (rest > 0))

    return AxisDependence(_period(output, seen), size)
