"""Hints on inputs of a merge that do not fit: their order of axes, a projection, a stride, a crop, a common size."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, TypeAlias

from shapecalc.errors import Insertion
from shapecalc.layers.base.ranks import axis_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shapecalc.dims import Dim
    from shapecalc.errors import Hint
    from shapecalc.layers.base.shape import Shape

    PlacedHint: TypeAlias = str | Hint | Callable[[Callable[[Insertion], str]], str]

__all__ = [
    "are_of_several_sizes",
    "cropped",
    "order_hint",
    "projection",
    "rank_hint",
    "scaled",
    "size_hint",
    "times",
]


def are_of_several_sizes(inputs: tuple[Shape, ...]) -> bool:
    """Return whether inputs are maps of the same channels and more than two spatial sizes."""
    maps = [x for x in inputs if x.is_map and x.spatial]
    is_one_sort = len(maps) == len(inputs) and len({(x.rank, x.channels) for x in maps}) == 1
    return is_one_sort and len({x.spatial for x in maps}) > 2


def rank_hint(numbers: tuple[int, int], shapes: tuple[Shape, Shape]) -> PlacedHint:
    """Return the hint for different numbers of axes: the channel weights of a gate are C×1×1."""
    (few, x), (_, y) = sorted(zip(numbers, shapes, strict=True), key=lambda pair: pair[1].rank)
    if x.rank > 1 or x.sizes[0] != y.channels or y.channels_last:
        return "add a reshape or unsqueeze before it, for equal numbers of axes"
    gate = Insertion(f"reshape: {[x.sizes[0], *[1] * (y.rank - 1)]}", few - 1)
    return lambda place: place(gate)


def order_hint(numbers: tuple[int, int], shapes: tuple[Shape, Shape]) -> PlacedHint:
    """Return the hint for inputs with the same sizes in another order; empty for others."""
    # The one that is no feature map was permuted before. Of several orders one that only moves the channels is meant.
    (x, y), (number, _) = shapes, numbers
    if x.is_map and not y.is_map:
        x, y, number = y, x, numbers[1]
    if sorted(x.sizes) != sorted(y.sizes) or x.rank not in (2, 3, 4):
        return ""
    axes = range(x.rank)
    moves = [(*axes[-1:], *axes[:-1]), (*axes[1:], *axes[:1])]
    order = next(order for order in (*moves, *permutations(axes)) if tuple(x.sizes[i] for i in order) == y.sizes)
    permute = Insertion(f"permute: {[i + 1 for i in order]}", number - 1)
    return lambda place: f"they have the same sizes in another order: {place(permute)}"


def projection(numbers: tuple[int, int], shapes: tuple[Shape, Shape]) -> str:
    """Return the hint for a map with other channels and a multiple of the sizes of another, as in ResNets; or empty."""
    if not all(x.is_map and x.spatial for x in shapes) or shapes[0].channels == shapes[1].channels:
        return ""
    (small, _), (large, number) = sorted(zip(shapes, numbers, strict=True), key=lambda pair: pair[0].spatial)
    factor = times(small.spatial[0], large.spatial[0])
    strided = tuple(-(-size // factor) for size in large.spatial) if factor else ()
    if small.spatial == large.spatial or strided != small.spatial:
        return ""
    arguments = f"out_channels: {small.channels} and stride: {factor}"
    return f"a 1×1 convolution with {arguments} on input {number} would make them equal"


def size_hint(kind: str, numbers: tuple[int, int], shapes: tuple[Shape, Shape], axis: int, them: str) -> PlacedHint:
    """Return the hint for inputs of different sizes along an axis, of which the first is the smaller one."""
    (less, more), (x, y) = numbers, shapes
    a, b = x.sizes[axis], y.sizes[axis]
    name = axis_name(y if y.is_map or not x.is_map else x, axis % y.rank)
    if name == "channels":
        return f"a 1×1 convolution with out_channels: {b} on input {less} would make {them} equal"
    if name.startswith("axis"):
        return f"both need the same size there, or one of them 1, for {kind} to match them"
    factor = times(a, b)
    if factor:
        return f"{scaled(factor, less, more)} {them} equal"
    return cropped({less: x, more: y})


def times(a: Dim, b: Dim) -> int:
    """Return how many times as long as an axis another is, rounding aside for 2; 0 if it is no multiple."""
    return 2 if b // 2 == a or -(-b // 2) == a else b // a if b % a == 0 else 0


def scaled(factor: int, less: int, more: int) -> str:
    """Return the hint for an input that is so many times as large as another, by their numbers; `them` follows."""
    return f"a stride of {factor} on input {more}, or upsample: {factor} on input {less}, would make"


def cropped(inputs: Mapping[int, Shape]) -> PlacedHint:
    """Return the hint to crop inputs, by their numbers, to the smallest sizes, as U-Net does, unless far from them.

    Several that are far from each other are resized to the largest, as the maps of a feature pyramid.
    """
    sizes = tuple([min(axis) for axis in zip(*[x.spatial for x in inputs.values()], strict=True)])
    if any(n > 2 * least for x in inputs.values() for n, least in zip(x.spatial, sizes, strict=True)):
        largest = tuple([max(axis) for axis in zip(*[x.spatial for x in inputs.values()], strict=True)])
        if len(inputs) > 2 and any(x.spatial == largest for x in inputs.values()):
            resize = f"upsample: {{size: {largest[0] if len(set(largest)) == 1 else [*largest]}}}"
            smaller = [n - 1 for n, x in inputs.items() if x.spatial != largest]
            return lambda place: "; ".join([place(Insertion(resize, n)) for n in smaller])
        return "the stride and padding of each branch decide on its size: a stride of 1 with padding keeps it"
    crop = f"crop: {{size: {sizes[0] if len(set(sizes)) == 1 else [*sizes]}}}"
    return lambda place: "; ".join([place(Insertion(crop, n - 1)) for n, x in inputs.items() if x.spatial != sizes])
