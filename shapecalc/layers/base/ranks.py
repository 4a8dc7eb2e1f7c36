"""The spatial axes of a feature map: their number, their names, and the values of an argument for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.dims import EQUAL, Constraint
from shapecalc.errors import LayerError, count_noun
from shapecalc.layers.base.per_axis import Padding, per_axis

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.dims import Dim
    from shapecalc.layers.base.shape import Shape

__all__ = [
    "AXIS_NAMES",
    "axis_name",
    "axis_names",
    "each_axis",
    "extent",
    "names_of_axes",
    "need_rank",
    "ranks_text",
    "same_leading",
    "wrong_rank",
]

AXIS_NAMES = {0: (), 1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
"""The names of the spatial axes of a feature map, by their number."""


_EXTENTS = {"length": "long", "height": "high", "width": "wide", "depth": "deep"}
"""The adjective of a size along an axis: 5 high, 5 wide."""


def names_of_axes(rank: int) -> tuple[str, ...]:
    """Return the names of any number of spatial axes: more than three are `axis 1`, `axis 2`, ...."""
    return AXIS_NAMES.get(rank) or tuple(f"axis {i + 1}" for i in range(rank))


def axis_name(x: Shape, axis: int) -> str:
    """Return the name of an axis of a tensor: channels, height, width; or its number."""
    names = AXIS_NAMES.get(x.rank - 1) if x.is_map else None
    if not names:
        return f"axis {axis + 1}"
    if axis == x.channel_axis:
        return "channels"
    return names[axis if x.channels_last else axis - 1]


def extent(size: Dim, name: str) -> str:
    """Return a size along an axis in words: `5 high`, `5 along axis 4`."""
    return f"{size} {_EXTENTS[name]}" if name in _EXTENTS else f"{size} along {name}"


def wrong_rank(kind: str, x: Shape, ranks: tuple[int, int | None] = (1, 3), hint: str = "") -> LayerError:
    """Return the error for an input whose number of spatial axes is outside `ranks` (minimum, maximum)."""
    due = "channels" if ranks == (0, None) else f"channels and {ranks_text(ranks)}"
    axes = f"{x.text} has {x.rank} {'axis' if x.rank == 1 else 'axes'} in all"
    found = axes if x.sizes else "is a scalar without axes"
    if not hint and x.rank == 1:
        hint = "add a reshape or unflatten before it, for spatial axes"
    return LayerError(f"{kind} needs {due}, but its input {found}", hint=hint)


def ranks_text(ranks: tuple[int, int | None]) -> str:
    """Return the allowed number of spatial axes in words: `1, 2 or 3 spatial axes`, `at least 1 spatial axis`."""
    fewest, most = ranks
    if most is None or fewest == 0:
        numbers = [f"at least {fewest}" if most is None else f"at most {most}"]
    else:
        numbers = [str(rank) for rank in range(fewest, most + 1)]
        numbers = [*numbers[:-2], " or ".join(numbers[-2:])]
    return f"{', '.join(numbers)} spatial {'axis' if (most or fewest) == 1 else 'axes'}"


def axis_names(kind: str, x: Shape) -> tuple[str, ...]:
    """Return the names of the spatial axes of an input. Errors: `LayerError` unless there are 1, 2 or 3."""
    names = AXIS_NAMES.get(len(x.spatial)) if x.sizes else None
    if not names:
        raise wrong_rank(kind, x)
    return names


def each_axis(layer: Any, name: str, rank: int) -> tuple[Any, ...]:
    """Return an argument's value for each spatial axis. Errors: `LayerError` if it has another number of them."""
    values = per_axis(getattr(layer, name), rank)
    if len(values) != rank:
        is_paired = all(isinstance(value, tuple) for value in values)
        found, each = ("pair", "a [before, after] pair") if is_paired else ("number", "one")
        raise LayerError(
            f"{name} has {count_noun(len(values), found)}, but the input has {rank} spatial "
            f"{'axis' if rank == 1 else 'axes'} ({', '.join(names_of_axes(rank))})",
            hint=_of_other_orders(layer, name, values, rank) or f"give one number, or {each} for each spatial axis",
            argument=name,
        )
    return values


def _of_other_orders(layer: Any, name: str, values: Sequence[Any], rank: int) -> str:
    """Return the hint for both ends of each axis in one list, or for the batch and the channels beside the axes.

    PyTorch's `F.pad` has the ends of one axis side by side, the last axis first; ONNX all starts before all ends.
    """
    if len(values) == 2 * rank and isinstance(layer.arguments[name], Padding) and rank > 1:
        if len({*values}) == 1:
            return f"it is the same at both ends of each axis: write {name}: {values[0]}"
        torch = [[values[i], values[i + 1]] for i in range(len(values) - 2, -1, -2)]
        onnx = [[values[i], values[i + rank]] for i in range(rank)]
        return f"write it as pairs, the first axis first: {name}: {torch} if PyTorch has it so, {onnx} if ONNX has"
    if len(values) == rank + 2 and values[0] == values[-1] == 1:
        return f"write {name}: {[*values[1:-1]]}, without the axes of the batch and the channels"
    return ""


def need_rank(kind: str, x: Shape, lowest: int, what: str) -> None:
    """Check that an input has the axes that a kind needs. Errors: `LayerError`; `what` names the axes."""
    if x.rank < lowest:
        sizes = "×".join(map(str, x.sizes)) or "a scalar"
        raise LayerError(f"{kind} needs {what}, but its input is {sizes}", hint="add a reshape before it")


def same_leading(x: Shape, y: Shape, axes: int, of_x: str, of_y: str) -> Iterator[Constraint]:
    """Yield the constraints that two tensors agree in all but their last `axes` axes. Errors: `LayerError`."""
    if x.rank != y.rank:
        raise LayerError(f"{of_x} and {of_y} have {x.rank} and {y.rank} axes: they must have the same number")
    last = x.rank - axes - 1 if axes == 1 else -1
    for axis, (a, b) in enumerate(zip(x.sizes[:-axes], y.sizes[:-axes], strict=True)):
        name = "length" if axis == last else f"axis {axis + 1}"
        yield Constraint(b, EQUAL, a, f"{name} of {of_y}", f"that of {of_x}")
