"""Layers where they stand, and the operations of a framework that they become.

The kind of an operation is `CLASS|FORWARD`: the class of a module (empty for none), and the expression of its output,
in which `{0}` is its first input, `{*}` are all of them, `{m}` is the module, and `{name}` an argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem, UsageError
from shapecalc.escaping import clean
from shapecalc.exporters.structure.parts import Operation
from shapecalc.layers.base.axis_numbers import axis_index
from shapecalc.layers.base.layer import CHANNELS_FIRST
from shapecalc.layers.base.per_axis import sides_of
from shapecalc.layers.base.shape import CHW, HWC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from shapecalc.layers.base.layer import Layer
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.report import Report

    Writer = Callable[["Site"], Operation]

__all__ = [
    "ROTARY",
    "NoCounterpartError",
    "Site",
    "Writers",
    "call",
    "crop_sides",
    "module",
    "operations_of",
    "sites_of",
    "sliced",
]

ROTARY = "rotary_embedding"


class NoCounterpartError(Exception):
    """A layer has no counterpart in a framework. The text says why."""


class Site(NamedTuple):
    """A layer where it stands: its arguments, inputs and outputs, and the sizes of its weights."""

    layer: Layer
    given: dict[str, Any]
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    weights: dict[str, tuple[int, ...]]
    layout: str
    """The layout of feature maps in the framework."""
    used: frozenset[int] = frozenset()
    """The outputs that are used."""
    before: Layer | None = None
    """The layer whose output is the first input."""
    rotary: Site | None = None
    """The last rotary embedding before it, which tells attention how queries and keys are rotated."""

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
        """Whether the last axis here is not the last in the framework, which has the channels elsewhere."""
        return self._is_moved(self.x) and self.x.rank > 1

    def axis(self, dim: int | str, shape: Shape | None = None) -> int:
        """Return the number of an axis in the framework, with the batch first."""
        x = self.x if shape is None else shape
        index = axis_index(dim, x)
        if not self._is_moved(x):
            return index + 1
        if x.channels_last:
            return 1 if index == x.rank - 1 else index + 2
        return index or x.rank

    def size(self, shape: Shape) -> tuple[Any, ...]:
        """Return the sizes of a tensor in the framework, without the batch."""
        return shape.in_layout(self.layout)

    def _is_moved(self, x: Shape) -> bool:
        return x.is_map and x.channels_last != (self.layout == HWC)

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


def sites_of(report: Report, layout: str) -> Iterator[Site]:
    """Yield the site of each layer in a framework with a layout."""
    graph = report.graph
    used: list[set[int]] = [set() for _ in graph.nodes]
    for ref in [*graph.outputs, *[ref for node in graph.nodes for ref in node.inputs]]:
        if ref.node >= 0:
            used[ref.node].add(ref.output)
    rotary: Site | None = None
    for row, outputs in zip(report.rows, used, strict=True):
        assert row.node.layer is not None
        weights = {name: tuple(sizes) for name, sizes in row.sizing.weight_shapes.items()}
        first = row.node.inputs[0].node if row.node.inputs else -1
        before = graph.nodes[first].layer if first >= 0 else None
        layer, sizing = row.node.layer, row.sizing
        site = Site(
            layer, layer.values(), sizing.inputs, sizing.outputs, weights, layout, frozenset(outputs), before, rotary
        )
        rotary = site if row.kind == ROTARY else rotary
        yield site


def operations_of(report: Report, sites: Iterable[Site], writers: Writers, framework: str) -> list[Operation]:
    """Return what each layer is in a framework. Errors: `UsageError` with the first layer that has no counterpart."""
    found = []
    for row, site in zip(report.rows, sites, strict=True):
        try:
            if site.layout == CHW:
                site.check_order()
            found.append(writers.get(row.kind, _refuse)(site))
        except NoCounterpartError as error:  # noqa: PERF203  (its row is named)
            message = f"{clean(row.name)} ({row.kind}) cannot be written for {framework}: {error}"
            raise UsageError(Problem(message, row.node.mark)) from None
    return found


def _refuse(site: Site) -> Operation:
    raise NoCounterpartError(f"there is no such {'module' if site.layout == CHW else 'layer'}")


class Writers(dict[str, "Writer"]):
    """A table of kinds: how each is written, by functions that return its operation."""

    def of(self, *kinds: str) -> Callable[[Writer], Writer]:
        """Return a decorator that adds a function for kinds."""

        def add(function: Writer) -> Writer:
            self.update(dict.fromkeys(kinds, function))
            return function

        return add


def module(name: str, forward: str = "{m}({0})", **arguments: Any) -> Operation:
    """Return the operation of a module, or of a layer of Keras."""
    return Operation(f"{name}|{forward}", arguments)


def call(forward: str, **arguments: Any) -> Operation:
    """Return the operation of a function."""
    return Operation(f"|{forward}", arguments)


def sliced(site: Site) -> Operation:
    """Return the operation of a slice, which frameworks write as Python does."""
    given = site.given
    if given["step"] < 0:
        raise NoCounterpartError("a negative step")
    axis = site.axis(given["dim"])
    begin, end, step = given["start"], given["end"], given["step"]
    text = f"{'' if begin is None else begin}:{'' if end is None else end}{'' if step == 1 else f':{step}'}"
    return call(f"{{0}}[{':, ' * axis}{text}]")


def crop_sides(cropping: Any, x: Shape, y: Shape) -> list[tuple[int, int]]:
    """Return how many elements a crop of x to y removes at the start and at the end of each spatial axis."""
    if cropping is None:
        return [((a - b) // 2, a - b - (a - b) // 2) for a, b in zip(x.spatial, y.spatial, strict=True)]
    return sides_of(cropping, len(x.spatial))
