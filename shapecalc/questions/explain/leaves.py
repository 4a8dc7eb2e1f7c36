"""Layers and shapes with traced numbers in place of plain ones, each with its usual symbol.

`H_in`, `W_in`, `C_in` are height, width and channels of an input feature map, `L` a length, `F` features; several
inputs are numbered. An argument has the symbol that its kind declares (`k`, `s`, `p`), with a subscript if it differs
between axes (`k_h`, `k_w`); one without a symbol has its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims.traces import Trace, leaf
from shapecalc.layers.base.arguments import Argument, Count, Integer
from shapecalc.layers.base.axis_numbers import AxisNumber, AxisNumbers
from shapecalc.layers.base.per_axis import Factors, Padding
from shapecalc.layers.base.shape import Shape
from shapecalc.layers.base.sizes import Integers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.dims.traces import Trace
    from shapecalc.layers.base.layer import Layer

__all__ = [
    "ARGUMENT",
    "BATCH",
    "INPUT",
    "LETTERS",
    "OUTPUT",
    "LeafOrigin",
    "Watched",
    "argument_leaves",
    "batch_leaf",
    "is_spatial",
    "letters",
    "named_axes",
]

ARGUMENT = "argument"
INPUT = "input"
OUTPUT = "output"
BATCH = "batch"

LETTERS = {
    "H": "height",
    "W": "width",
    "D": "depth",
    "C": "channels",
    "L": "length",
    "F": "features",
    "N": "number of sequences",
    "M": "number of groups of them",
    "T": "time steps",
    "R": "rows",
    "K": "columns",
    "S": "number of matrices",
    "G": "number of groups of these",
}
"""The meanings of the letters of axes."""

_NO_SPACE = "CTRKSG"
"""Letters of axes that are no spatial ones, among those that kinds declare."""
_SPACE = {1: "L", 2: "HW", 3: "DHW"}
_PLAIN = {1: "F", 2: "LF", 3: "NLF", 4: "MNLF", 5: "BMNLF", 6: "ABMNLF"}
_AXES = {2: "hw", 3: "dhw"}
_SIDES = {1: (("before", "after"),), 2: (("top", "bottom"), ("left", "right"))}


class LeafOrigin(NamedTuple):
    """The origin of a leaf: an argument (`name`), the size of an axis of input or output number `place`, or the batch.

    Leaves with the same `role` differ only in the spatial axis.
    """

    sort: str
    name: str = ""
    place: int = 0
    role: str = ""
    is_neutral: bool = False
    """Whether it has a default without effect."""


def batch_leaf(batch: int) -> Trace:
    """Return the number of samples in a batch, as `N`."""
    return leaf(batch, "N", LeafOrigin(BATCH))


class Watched(Shape):
    """A shape that records whether it was used as a feature map: whether its channels or spatial axes were read."""

    is_regarded = False

    @property
    def channels(self) -> Any:
        """The size of the channel axis."""
        self.is_regarded = True
        return self.sizes[-1] if self.channels_last else self.sizes[0]

    @property
    def spatial(self) -> tuple[Any, ...]:
        """The sizes of the spatial axes."""
        self.is_regarded = True
        return self.sizes[:-1] if self.channels_last else self.sizes[1:]

    @property
    def channel_axis(self) -> int:
        """The index of the channel axis."""
        self.is_regarded = True
        return len(self.sizes) - 1 if self.channels_last else 0


def letters(rank: int, *, is_map: bool, channels_last: bool) -> Sequence[str]:
    """Return the letters of the axes of a tensor."""
    space = _SPACE.get(rank - 1, "") if is_map else ""
    if space:
        return f"{space}C" if channels_last else f"C{space}"
    return _PLAIN.get(rank, [f"A{axis + 1}" for axis in range(rank)])


def named_axes(
    shape: Shape, origin: LeafOrigin, below: str, *, is_map: bool, own: str = ""
) -> list[tuple[str, LeafOrigin]]:
    """Return the symbol and the origin of every axis of a tensor: `H_in` if `below` is `in`.

    `own` are the letters that the layer's kind declares, those of a feature map among them.
    """
    rank = len(shape.sizes)
    is_spatial = bool(own) or (is_map and rank - 1 in _SPACE)
    named = []
    for letter in own or letters(rank, is_map=is_map, channels_last=shape.channels_last):
        role = "space" if is_spatial and letter not in _NO_SPACE else letter
        named.append((f"{letter}_{below}", origin._replace(role=f"{origin.sort}{origin.place} {role}")))
    return named


def is_spatial(size: Trace) -> bool:
    """Return whether a leaf is the size of a spatial axis of a feature map."""
    return bool(size.origin.role.endswith("space"))


def argument_leaves(layer: Layer, rank: int, *, general: bool = False) -> dict[str, Any]:
    """Return the values of a layer's arguments, with leaves in place of the numbers that formulas use.

    `rank` is the number of spatial axes. The number of an argument at a default without effect is neutral, unless
    `general` requests the formulas for any numbers. The numbers of axes, counts of parts, and numbers of 0 or less that
    change the structure of a layer stay as they are.
    """
    values: dict[str, Any] = {}
    is_spatial = not _names_axes(layer)
    for name, argument in layer.arguments.items():
        value = layer.__dict__[name]
        if value is None or not _is_dimension(argument):
            continue
        source = argument.default_from
        if source in values and not argument.always and value == layer.__dict__[source]:
            values[name] = values[source]  # one number under two names
            continue
        neutral = not general and not argument.always and _at_default(argument, value)
        values[name] = _Maker(argument, rank, neutral=neutral, is_spatial=is_spatial).leaves(value)
    return values


def _names_axes(layer: Layer) -> bool:
    """Return whether a layer works along axes that an argument names, instead of the spatial ones."""
    named = [name for name, argument in layer.arguments.items() if isinstance(argument, (AxisNumber, AxisNumbers))]
    return any(layer.__dict__[name] is not None for name in named)


def _is_dimension(argument: Argument) -> bool:
    structure = (AxisNumber, AxisNumbers, Count)
    return isinstance(argument, (Integer, Factors)) and not isinstance(argument, structure)


def _at_default(argument: Argument, value: Any) -> bool:
    return all(item == argument.default for item in (value if isinstance(value, tuple) else (value,)))


class _Maker:
    """Makes the leaves of one argument: one for all axes if they agree, else one for each."""

    def __init__(self, argument: Argument, rank: int, *, neutral: bool, is_spatial: bool = True) -> None:
        self.argument = argument
        self.is_spatial = is_spatial
        self.rank = rank
        self.symbol = argument.symbol or argument.name
        self.origin = LeafOrigin(ARGUMENT, argument.name, role=argument.name, is_neutral=neutral)
        self.is_padding = isinstance(argument, Padding)

    def leaves(self, value: Any) -> Any:
        if not isinstance(value, tuple):
            return self._one(value)
        if isinstance(self.argument, Integers):
            return tuple([self._one(number, str(i), str(i)) for i, number in enumerate(value, 1)])
        if self.is_padding and self.rank == 1 and len(value) == 2:
            return self._pair(value, _SIDES[1][0])
        if all(item == value[0] for item in value):
            first = value[0]
            return (self._pair(first, _SIDES[1][0]) if isinstance(first, tuple) else self._one(first),) * len(value)
        axes = [str(i) for i in range(1, len(value) + 1)]
        sides = [(f"before{axis}", f"after{axis}") for axis in axes]
        if self.is_spatial and len(value) in _AXES:
            axes = list(_AXES[len(value)])
            sides = list(_SIDES.get(len(value)) or [(f"{axis}1", f"{axis}2") for axis in axes])
        return tuple([
            self._pair(item, pair, axis) if isinstance(item, tuple) else self._one(item, axis)
            for item, axis, pair in zip(value, axes, sides, strict=True)
        ])  # fmt: skip

    def _pair(self, pair: tuple[Any, Any], names: tuple[str, str], axis: str = "") -> tuple[Any, Any]:
        if pair[0] == pair[1]:
            number = self._one(pair[0], axis)
            return number, number
        before, after = (self._one(n, name, role) for n, name, role in zip(pair, names, _SIDES[1][0], strict=True))
        return before, after

    def _one(self, number: Any, below: str = "", role: str = "") -> Any:
        if type(number) is not int or (number <= 0 and not self.is_padding):
            return number
        joint = "" if "_" in self.symbol and self.argument.symbol and len(below) == 1 else "_"
        symbol = f"{self.symbol}{joint}{below}" if below else self.symbol
        return leaf(number, symbol, self.origin._replace(role=f"{self.argument.name} {role}".rstrip()))
