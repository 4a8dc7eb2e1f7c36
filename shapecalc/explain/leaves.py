"""Layers and shapes with traced numbers in the place of plain ones, each with the field's sign for it.

`H_in`, `W_in`, `C_in` are height, width and channels of a feature map that comes in, `L` a length, `F` features;
several inputs are numbered. An argument has the sign that its kind declares (`k`, `s`, `p`), with the axis beside it
where it differs from axis to axis (`k_h`, `k_w`); one without a sign has its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.arguments import Argument, Count, Factors, Integer, Integers, Padding, PerAxis
from shapecalc.axes import AxisNumber, AxisNumbers
from shapecalc.dims.traces import Trace, leaf
from shapecalc.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.layer import Layer

__all__ = ["ARGUMENT", "INPUT", "LETTERS", "OUTPUT", "Origin", "Watched", "argument_leaves", "letters", "name_axes"]

ARGUMENT = "argument"
INPUT = "input"
OUTPUT = "output"

LETTERS = {
    "H": "height",
    "W": "width",
    "D": "depth",
    "C": "channels",
    "L": "length",
    "F": "features",
    "N": "how many sequences side by side",
}
"""What the letters of axes stand for."""

_SPACE = {1: "L", 2: "HW", 3: "DHW"}
_PLAIN = {1: "F", 2: "LF", 3: "NLF", 4: "MNLF", 5: "BMNLF", 6: "ABMNLF"}
_AXES = {2: "hw", 3: "dhw"}
_SIDES = {1: (("before", "after"),), 2: (("top", "bottom"), ("left", "right"))}


class Origin(NamedTuple):
    """What a leaf is: the number of an argument (`name`), or the size of an axis of input or output number `index`.

    Leaves of one `role` differ in the spatial axis alone.
    """

    sort: str
    name: str = ""
    index: int = 0
    role: str = ""
    is_neutral: bool = False
    """Whether it stands at an unremarkable default."""


class Watched(Shape):
    """A shape that knows whether it was taken for a feature map: asked for its channels or its space."""

    is_regarded = False

    @property
    def channels(self) -> Any:
        self.is_regarded = True
        return self.sizes[-1] if self.channels_last else self.sizes[0]

    @property
    def spatial(self) -> tuple[Any, ...]:
        self.is_regarded = True
        return self.sizes[:-1] if self.channels_last else self.sizes[1:]

    @property
    def channel_axis(self) -> int:
        self.is_regarded = True
        return len(self.sizes) - 1 if self.channels_last else 0


def letters(rank: int, *, is_map: bool, channels_last: bool) -> Sequence[str]:
    """Return the letters of the axes of a tensor."""
    space = _SPACE.get(rank - 1, "") if is_map else ""
    if space:
        return f"{space}C" if channels_last else f"C{space}"
    return _PLAIN.get(rank, [f"A{axis + 1}" for axis in range(rank)])


def name_axes(shape: Shape, sizes: Sequence[Trace], origin: Origin, below: str, *, is_map: bool) -> None:
    """Give the leaves of a shape's axes their symbols."""
    names = letters(len(sizes), is_map=is_map, channels_last=shape.channels_last)
    spatial = is_map and len(sizes) - 1 in _SPACE
    for letter, size in zip(names, sizes, strict=True):
        size.symbol = f"{letter}_{below}"
        role = "space" if spatial and letter != "C" else letter
        size.origin = origin._replace(role=f"{origin.sort}{origin.index} {role}")


def argument_leaves(layer: Layer, *, general: bool = False) -> dict[str, Any]:
    """Return the values of a layer's arguments, with leaves in the place of the numbers that formulas are made of.

    The number of an argument that stands at an unremarkable default is neutral, unless `general` asks for the
    formulas as they are for any numbers. The numbers of axes, counts of parts, and numbers of 0 or less that say how
    a layer is built stay as they are.
    """
    values: dict[str, Any] = {}
    shared: dict[str, Any] = {}
    for name, argument in layer.arguments.items():
        value = layer.__dict__[name]
        if value is None or not _is_dimension(argument):
            continue
        source = argument.default_from
        if source and not argument.always and value == layer.__dict__[source] and source in shared:
            values[name] = shared[source]  # one number under two names
            continue
        neutral = not general and not argument.always and _at_default(argument, value)
        values[name] = shared[name] = _leaves(argument, value, neutral=neutral)
    return values


def _is_dimension(argument: Argument) -> bool:
    structure = (AxisNumber, AxisNumbers, Count)
    return isinstance(argument, (Integer, Factors)) and not isinstance(argument, structure)


def _at_default(argument: Argument, value: Any) -> bool:
    items = value if isinstance(value, tuple) else (value,)
    return all(item == argument.default for item in items)


def _leaves(argument: Argument, value: Any, *, neutral: bool) -> Any:
    origin = Origin(ARGUMENT, argument.name, role=argument.name, is_neutral=neutral)
    symbol = argument.symbol or argument.name
    below = "" if "_" in symbol and argument.symbol else "_"

    def one(number: Any, name: str = symbol, role: str = argument.name) -> Any:
        if type(number) is not int or (number <= 0 and not (isinstance(argument, Padding) or argument.always)):
            return number
        return leaf(number, name, origin._replace(role=role))

    if not isinstance(value, tuple):
        return one(value)
    if isinstance(argument, Integers):
        return tuple([one(number, f"{symbol}_{i}", f"{argument.name} {i}") for i, number in enumerate(value, 1)])
    if all([item == value[0] for item in value]):
        if isinstance(value[0], tuple) and value[0][0] != value[0][1]:
            pair = tuple([one(n, f"{symbol}_{side}", side) for n, side in zip(value[0], ("before", "after"), strict=True)])
            return (pair,) * len(value)
        number = one(value[0][0] if isinstance(value[0], tuple) else value[0])
        return (number,) * len(value)
    names = _AXES.get(len(value)) or [str(i) for i in range(1, len(value) + 1)]
    items: list[Any] = []
    for i, (item, axis) in enumerate(zip(value, names, strict=True)):
        if not isinstance(item, tuple):
            items.append(one(item, f"{symbol}{below}{axis}"))
        elif item[0] == item[1]:
            items.append(one(item[0], f"{symbol}{below}{axis}"))
        else:
            sides = _SIDES.get(len(value), ())
            pair_names = sides[i] if sides else (f"{axis}1", f"{axis}2")
            items.append(tuple([one(n, f"{symbol}_{side}", role) for n, side, role in
                                zip(item, pair_names, ("before", "after"), strict=True)]))  # fmt: skip
    return tuple(items)
