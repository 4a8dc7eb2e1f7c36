"""In what a layer of a model and one of a specification differ."""

from __future__ import annotations

from math import isclose
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.layers import find_kind
from shapecalc.layers.base.arguments import OUTPUT_PADDING, Flag, Integer, Number, Stated
from shapecalc.layers.base.per_axis import Padding
from shapecalc.layers.base.windowed import Windowed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.layers.base.layer import Layer
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.rows import Row

__all__ = ["Fact", "arguments", "kind_name", "kind_of", "kinds", "shared", "sizes_text", "weights"]


class Fact(NamedTuple):
    """One thing that differs, as the model and as the specification have it; empty where one has nothing of it."""

    what: str
    model: Any
    spec: Any


def kind_of(row: Row) -> type[Layer] | None:
    """Return the kind of a layer; of one that is called by a function (`activation: tanh`), that of the function."""
    layer = row.node.layer
    if layer is None:
        return None
    called = find_kind(str(vars(layer).get(layer.called_by))) if layer.called_by else None
    return called if called and called.sorts == layer.sorts else type(layer)


def kind_name(row: Row) -> str:
    """Return the name of that kind."""
    cls = kind_of(row)
    return cls.kind if cls else row.kind


def kinds(a: Row, b: Row) -> Iterator[Fact]:
    """Yield the kinds of two layers that differ; sums of products (`fc`, `linear`) differ in their sizes."""
    one, other = map(kind_of, (a, b))
    if one and other and not (issubclass(one, other) or issubclass(other, one) or (a.macs and b.macs)):
        yield Fact("kind", one.kind, other.kind)


def arguments(a: Row, b: Row, *, is_resized: bool) -> list[Fact]:
    """Return the arguments that two layers both have, and that differ: sizes, counts and numbers.

    Padding alone is none if the output has the same size, as with zeros added by another layer before, nor are numbers
    that are what a word (`same`, `valid`, `causal`) means for their own window, whatever else differs. Numbers of
    layers with weights (eps) are those that the specification states other than by default; flags, those by which the
    output has another size (`ceil_mode`).
    """
    known = [row.node.layer.arguments if row.node.layer else {} for row in (a, b)]
    found, is_padding = [], True
    for name, argument in known[0].items():
        if isinstance(argument, Stated) or not isinstance(argument, (Integer, Number, Flag)) or name not in known[1]:
            continue
        one, other = (_value(row, name) for row in (a, b))
        if one == other or None in (one, other):  # what is not stated follows from weights
            continue
        if isinstance(argument, Flag) and not is_resized:
            continue
        if isinstance(argument, Padding) and (_pads_as(a, name, other) or _pads_as(b, name, one)):
            continue
        if isinstance(argument, Number) and (isclose(one, other) or (b.params and other == argument.default)):
            continue
        found.append(Fact(name, *map(_shown, (one, other))))
        is_padding &= isinstance(argument, Padding)
    return found if is_resized or not is_padding else []


def _value(row: Row, name: str) -> Any:
    layer = row.node.layer
    assert layer is not None
    value = vars(layer)[name]
    rank = len(row.sizing.inputs[0].spatial) if row.sizing.inputs and row.sizing.inputs[0].sizes else 0
    return None if value is None else layer.arguments[name].expand(value, rank)


def _pads_as(row: Row, name: str, word: Any) -> bool:
    """Return whether the padding of a layer, in numbers, is what a word would be for its own window."""
    sliding = row.node.layer
    if not isinstance(word, str) or not isinstance(sliding, Windowed) or isinstance(vars(sliding)[name], str):
        return False
    if OUTPUT_PADDING in sliding.argument_roles():
        return False  # the words of transposed windows are about what is cropped
    axes = sliding.axes(row.sizing.inputs[0])
    if word == "same":  # PyTorch has one more after, some libraries before
        return all(axis.before + axis.after == axis.reach - 1 and abs(axis.before - axis.after) < 2 for axis in axes)
    return all((axis.before, axis.after) == (axis.reach - 1 if word == "causal" else 0, 0) for axis in axes)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "×".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def weights(a: Row, b: Row) -> Iterator[Fact]:
    """Yield the weights that differ, by their names where both have them."""
    shapes = [row.sizing.weight_shapes for row in (a, b)]
    for name in dict.fromkeys([*shapes[0], *shapes[1]]):
        one, other = (side.get(name) for side in shapes)
        if one != other:
            yield Fact(name, *("none" if side is None else "×".join(map(str, side)) for side in (one, other)))


def shared(row: Row) -> str:
    """Return the layer whose parameters a layer shares, in words."""
    return f", shares those of {row.shares}" if row.shares else ""


def sizes_text(shapes: Sequence[Shape]) -> str:
    """Return sizes in one line."""
    return ", ".join("×".join(map(str, shape.in_layout("CHW"))) or "a scalar" for shape in shapes)
