"""Layers as the specification language has them: the kind, and the arguments that are not at their defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.exporters.structure.parts import Operation
from shapecalc.layers import find_kind
from shapecalc.layers.base.arguments import REQUIRED, STATED
from shapecalc.layers.base.per_axis import PerAxis
from shapecalc.layers.base.sizes import NamedSizes

if TYPE_CHECKING:
    from shapecalc.layers.base.arguments import Argument
    from shapecalc.layers.base.layer import Layer
    from shapecalc.layers.base.shape import Shape

__all__ = ["default_of", "is_left_out", "operation", "written_arguments"]


def operation(layer: Layer, x: Shape | None = None) -> Operation:
    """Return a layer with its arguments, each as short as it can be written; those that are inferred anyway are not.

    `x` is its first input.
    """
    declared = type(layer).arguments
    rank = layer.spatial_rank(x) if x is not None and x.sizes else 0
    arguments = {
        name: _short(declared[name], value, rank)
        for name, value in layer.values().items()
        if name in declared and declared[name].role != STATED
    }
    for name in layer.arguments.keys() - declared.keys():  # those of a cell
        part = layer.part_with(name)
        if part is not None:
            arguments[part[0]] = {part[1].kind: written_arguments(part[1])}
    return Operation(layer.kind, arguments)


def _short(argument: Argument, value: Any, rank: int) -> Any:
    if isinstance(argument, PerAxis) and isinstance(value, tuple) and len(value) == rank:
        sides = [side[0] if isinstance(side, tuple) and len({*side}) == 1 else side for side in value]
        if len({*map(repr, sides)}) == 1 and type(sides[0]) is int:
            return sides[0]
    if isinstance(argument, NamedSizes) and value is not None:
        names = [name for name, _ in value]
        sizes = [list(size) for _, size in value]
        return dict(zip(names, sizes, strict=True)) if any(names) else sizes[0] if len(sizes) == 1 else sizes
    return value


def default_of(kind: str, argument: str) -> Any:
    """Return the default of an argument of a kind; None for none."""
    cls = find_kind(kind)
    found = cls.arguments[argument].default if cls else REQUIRED
    return None if found is REQUIRED else found


def is_left_out(kind: str, arguments: dict[str, Any], name: str) -> bool:
    """Return whether an argument has its default, which may be another argument's value."""
    cls = find_kind(kind)
    assert cls is not None
    argument, value = cls.arguments[name], arguments[name]
    if argument.required:
        return False
    if argument.default is None and argument.default_from:
        return value is None or bool(value == arguments[argument.default_from])
    default = argument.default if argument.default is None else argument.read(argument.default)
    return type(value) is type(default) and bool(value == default)


def written_arguments(layer: Layer) -> dict[str, Any]:
    """Return the arguments of a layer that are not at their defaults."""
    kind, arguments = operation(layer)
    return {name: value for name, value in arguments.items() if not is_left_out(kind, arguments, name)}
