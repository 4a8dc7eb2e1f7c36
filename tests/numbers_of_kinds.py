"""Helpers for tests over all kinds: sample layers, and their formulas on any kind of number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import LayerError
from shapecalc.layers import KINDS
from shapecalc.layers.base.arguments import Choice, Count, Flag, Integer, Number
from shapecalc.layers.base.axis_numbers import AxisNumber, AxisNumbers
from shapecalc.layers.base.layer import Composite, Example, Layer
from shapecalc.layers.base.per_axis import Factors, Padding, PerAxis
from shapecalc.layers.base.shape import Shape
from shapecalc.layers.base.sizes import Integers, Sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Sample", "example_layer", "example_shapes", "lift", "plain_kinds", "samples", "work_out"]


STRUCTURE = {
    ("lstm", "proj_size"): "0 says that there is no projection",
    ("slice", "start"): "a negative one counts from the end",
    ("slice", "end"): "a negative one counts from the end",
    ("slice", "step"): "a negative one goes backwards",
    ("gather", "index"): "a negative one counts from the end",
}
"""Arguments whose numbers of 0 or less are not dimensions but change the structure of the layer."""


class Sample(NamedTuple):
    """A layer and its input shapes; `about` names the argument that is varied, "" for an unchanged example."""

    layer: Layer
    shapes: tuple[Shape, ...]
    about: str


def plain_kinds() -> list[str]:
    """Return the kinds with their own formulas."""
    return [kind for kind, cls in KINDS.items() if not issubclass(cls, Composite)]


def example_layer(cls: type[Layer], example: Example) -> Layer:
    """Return the layer of an example."""
    names = cls.argument_names()
    return cls(**{names[word]: value for word, value in example.arguments.items()})


def example_shapes(example: Example) -> tuple[Shape, ...]:
    """Return the input shapes of an example."""
    inputs = example.input if isinstance(example.input, list) else [example.input]
    return tuple(Shape(tuple(sizes), example.layout == "HWC") for sizes in inputs)


def samples(cls: type[Layer]) -> Iterator[Sample]:
    """Yield every example of a kind, and each again with other valid values of every argument."""
    names = cls.argument_names()
    for example in cls.examples:
        shapes = example_shapes(example)
        yield Sample(example_layer(cls, example), shapes, "")
        given = {names[word]: value for word, value in example.arguments.items()}
        for name, argument in cls.arguments.items():
            for value in _others(argument, shapes[0] if shapes else Shape(())):
                try:
                    layer = cls(**{**given, name: value})
                    work_out(layer, shapes)
                except LayerError:
                    continue  # not valid in this example: the tests check that it is in another
                yield Sample(layer, shapes, name)


def _others(argument: Any, x: Shape) -> list[Any]:
    """Return values to vary an argument with."""
    rank = len(x.spatial) if x.sizes else 0
    if isinstance(argument, Flag):
        return [True, False]
    if isinstance(argument, Choice):
        return list(argument.words)
    if isinstance(argument, (AxisNumber, AxisNumbers)):
        return [1, -1, *argument.words]
    if isinstance(argument, Padding):
        return [1, [[0, 1]] * rank, *argument.words]
    if isinstance(argument, PerAxis):
        return [max(argument.minimum, 0), 2, [3] * rank]
    if isinstance(argument, Factors):
        return [2, 0.5, [1.5] * rank]
    if isinstance(argument, Sizes):
        return [list(x.sizes), list(x.sizes[-1:])]
    if isinstance(argument, Integers):
        return [[2, 3]]
    if isinstance(argument, Integer):
        return [max(argument.minimum, -1), 2, 6, x.channels if x.sizes else 1, x.sizes[-1] if x.sizes else 1]
    if isinstance(argument, Number):
        return [0.25, 1]
    return []


def work_out(layer: Layer, shapes: tuple[Shape, ...]) -> dict[str, Any]:
    """Return every result of the formulas of a layer, by name."""
    numbers: dict[str, Any] = {}
    for i, constraint in enumerate(layer.constraints(*shapes)):
        numbers[f"constraint {i} {constraint.relation}"] = constraint
    output = layer.output(*shapes)
    for i, shape in enumerate((output,) if isinstance(output, Shape) else output):
        for axis, size in enumerate(shape.sizes):
            numbers[f"output {i} axis {axis}"] = size
    for sort, tensors in (("weight", layer.weights(*shapes)), ("buffer", layer.buffers(*shapes))):
        for name, sizes in tensors.items():
            for axis, size in enumerate(sizes):
                numbers[f"{sort} {name} axis {axis}"] = size
    numbers["macs"] = layer.macs(output, *shapes)
    numbers["kv_cache"] = layer.kv_cache(*shapes)
    numbers["cross_kv_cache"], numbers["source"] = layer.cross_kv_cache(*shapes)
    numbers["state_cache"] = layer.state_cache(*shapes)
    numbers["recurrent_state"] = layer.recurrent_state(*shapes)
    for name in ("kept", "kept_for_weights"):
        for i, (elements, bits) in enumerate(getattr(layer, name)(output, *shapes)):
            numbers[f"{name} {i} of {bits}"] = elements
    return numbers


def lift(sample: Sample, make: Callable[[int, str], Any]) -> tuple[Layer, tuple[Shape, ...]]:
    """Return a sample with `make(number, name)` instead of every input size and every number in its arguments.

    The numbers of axes, counts of parts, and the -1 of a shape are the structure of a layer, and stay.
    """
    kind = sample.layer.kind
    values = {
        name: _lift_value(sample.layer.__dict__[name], name, make, (kind, name) in STRUCTURE)
        for name, argument in sample.layer.arguments.items()
        if isinstance(argument, (Integer, Factors)) and not isinstance(argument, (AxisNumber, AxisNumbers, Count))
    }
    shapes = tuple(
        shape._replace(sizes=tuple(make(size, f"input {i} {axis}") for axis, size in enumerate(shape.sizes)))
        for i, shape in enumerate(sample.shapes)
    )
    return sample.layer.with_values(values), shapes


def _lift_value(value: Any, name: str, make: Callable[[int, str], Any], structure: bool) -> Any:
    if isinstance(value, tuple):
        return tuple(_lift_value(item, f"{name}{i}", make, structure) for i, item in enumerate(value))
    if type(value) is not int or (structure and value <= 0):
        return value
    return value if value == -1 and not name.startswith("padding") else make(value, name)
