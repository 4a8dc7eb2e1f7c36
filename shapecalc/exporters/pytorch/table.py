"""The table of kinds: how each is written in PyTorch, by functions that return its operation.

The kind of an operation is `CLASS|FORWARD`: the class of a module (empty for none), and the expression of its output,
in which `{0}` is its first input, `{*}` are all of them, `{m}` is the module, and `{name}` an argument.

Tensors are as PyTorch has them: the batch first, then the channels of a feature map in either layout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.exporters.structure.parts import Operation
from shapecalc.layers.base.axis_numbers import axis_index
from shapecalc.layers.base.layer import CHANNELS_FIRST

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    from shapecalc.layers.base.layer import Layer
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.rows import Row

__all__ = ["ROTARY", "WRITERS", "NoCounterpartError", "Site", "call", "module", "writes"]


class NoCounterpartError(Exception):
    """A layer has no counterpart in PyTorch. The text says why."""


class Site(NamedTuple):
    """A layer where it stands: its arguments, inputs and outputs, and the sizes of its weights."""

    layer: Layer
    given: dict[str, Any]
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    weights: dict[str, tuple[int, ...]]
    rotary: Site | None = None
    """The last rotary embedding before it, which tells attention how queries and keys are rotated."""

    used: AbstractSet[int] = frozenset()
    """The outputs that are used."""

    @classmethod
    def of(cls, row: Row, rotary: Site | None, used: AbstractSet[int]) -> Site:
        """Return the site of a row."""
        assert row.node.layer is not None
        weights = {name: tuple(sizes) for name, sizes in row.sizing.weight_shapes.items()}
        return cls(
            row.node.layer, row.node.layer.values(), row.sizing.inputs, row.sizing.outputs, weights, rotary, used
        )

    @property
    def x(self) -> Shape:
        """The first input."""
        return self.inputs[0]

    @property
    def rank(self) -> int:
        """How many spatial axes the first input has."""
        return len(self.x.spatial)

    @property
    def is_mixed(self) -> bool:
        """Whether the last axis here is not the last in PyTorch: the channels of a map in HWC."""
        return self.x.is_map and self.x.channels_last and self.x.rank > 1

    def axis(self, dim: int | str, shape: Shape | None = None) -> int:
        """Return the number of an axis in PyTorch, with the batch first."""
        x = self.x if shape is None else shape
        index = axis_index(dim, x)
        if not (x.is_map and x.channels_last):
            return index + 1
        return 1 if index == x.rank - 1 else index + 2

    def check_order(self) -> None:
        """Raise `NoCounterpartError` for a layer on channels and positions whose input has its channels last there."""
        if self.inputs and self.layer.axis_order == CHANNELS_FIRST:
            x = self.x
            if x.channels_last and not x.is_map and x.rank > 1:
                raise NoCounterpartError("a sequence with channels last")

    def refuse(self, *names: str) -> None:
        """Raise `NoCounterpartError` for arguments that are given and that its counterpart has not."""
        for name in names:
            value = self.given.get(name)
            if value not in (None, False, 0, "none") and value != self.layer.arguments[name].default:
                raise NoCounterpartError(f"{name} {value}")


ROTARY = "rotary_embedding"

WRITERS: dict[str, Callable[[Site], Operation]] = {}
"""The functions by kind."""


def writes(*kinds: str) -> Callable[[Callable[[Site], Operation]], Callable[[Site], Operation]]:
    """Return a decorator that adds a function for kinds to the table."""

    def add(function: Callable[[Site], Operation]) -> Callable[[Site], Operation]:
        WRITERS.update(dict.fromkeys(kinds, function))
        return function

    return add


def module(name: str, forward: str = "{m}({0})", **arguments: Any) -> Operation:
    """Return the operation of a module."""
    return Operation(f"{name}|{forward}", arguments)


def call(forward: str, **arguments: Any) -> Operation:
    """Return the operation of a function."""
    return Operation(f"|{forward}", arguments)


def torch_size(shape: Shape) -> Sequence[Any]:
    """Return the sizes of a tensor in PyTorch, without the batch."""
    return shape.in_layout("CHW")
