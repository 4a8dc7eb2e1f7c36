"""Layers where they stand: their arguments, sizes and weights, and the numbers of axes, as a framework has them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from string import ascii_letters
from typing import TYPE_CHECKING, Any

from shapecalc.exporters.integers import IntegerTensors
from shapecalc.layers import find_kind
from shapecalc.layers.base.axis_numbers import axis_index
from shapecalc.layers.base.layer import CHANNELS_FIRST
from shapecalc.layers.base.per_axis import sides_of
from shapecalc.layers.base.shape import CHW, HWC

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shapecalc.layers.base.layer import Layer
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.report import Report

__all__ = ["NAMED", "ROTARY", "NoCounterpartError", "Site", "crop_sides", "einsum_equation", "is_mixed", "sites_of"]

ROTARY = "rotary_embedding"


class NoCounterpartError(Exception):
    """A layer has no counterpart in a framework. The text says why; `node` is its index, where it is known."""

    def __init__(self, message: str, node: int = -1) -> None:
        self.node = node
        super().__init__(message)


@dataclass
class Site:
    """A layer where it stands: its arguments, inputs and outputs, and the sizes of its weights."""

    layer: Layer
    given: dict[str, Any]
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    weights: dict[str, tuple[int, ...]]
    layout: str
    """The layout of feature maps in the framework; empty for that of each tensor."""
    used: frozenset[int] = frozenset()
    """The outputs that are used."""
    before: Layer | None = None
    """The layer whose output is the first input."""
    fixed: tuple[bool, ...] = ()
    """Which inputs are the same for every sample: computed of parameters and constants alone."""
    rotary: Site | None = None
    """The last rotary embedding before it: how queries and keys of attention are rotated."""
    integers: frozenset[int] = frozenset()
    """The outputs that are of whole numbers."""
    casts: Mapping[int, bool] = field(default_factory=dict)
    """The inputs that are cast before it, by their numbers, and whether to whole numbers."""

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
        return is_mixed(self.x, self.layout)

    def axis(self, dim: int | str, shape: Shape | None = None) -> int:
        """Return the number of an axis in the framework, with the batch first."""
        x = self.x if shape is None else shape
        index = axis_index(dim, x)
        if not _is_moved(x, self.layout):
            return index + 1
        if x.channels_last:
            return 1 if index == x.rank - 1 else index + 2
        return index or x.rank

    def size(self, shape: Shape) -> tuple[Any, ...]:
        """Return the sizes of a tensor in the framework, without the batch."""
        return shape.in_layout(self.layout) if self.layout else shape.sizes

    def per_sample(self) -> list[str]:
        """Return the inputs as `{0}`: those that are the same for every sample for each of them, if others are not."""
        if all(self.fixed) or not any(self.fixed):
            return [f"{{{i}}}" for i in range(len(self.inputs))]
        other = f"{{{self.fixed.index(False)}}}"
        return [
            f"{{{i}}}.expand({other}.shape[0]{', -1' * x.rank})" if is_fixed else f"{{{i}}}"
            for i, (is_fixed, x) in enumerate(zip(self.fixed, self.inputs, strict=True))
        ]

    @property
    def other(self) -> float | None:
        """The operand that is a number: a whole one, where the output is of whole numbers."""
        other: float | None = self.given.get("other")
        return int(other) if other is not None and 0 in self.integers else other

    @property
    def needs_map(self) -> bool:
        """Whether it works on channels and positions, and its input has channels last and is no feature map yet."""
        x = self.x if self.inputs else None
        is_kind = self.layer.axis_order == CHANNELS_FIRST
        return is_kind and x is not None and x.channels_last and not x.is_map and x.rank > 1

    def as_map(self) -> Site:
        """Return the same with the input, and outputs that are alike, as feature maps."""
        outputs = [one._replace(is_map=True) if self.stays_alike(one) else one for one in self.outputs]
        inputs = [one._replace(is_map=True) if one.channels_last and one.rank > 1 else one for one in self.inputs]
        return replace(self, inputs=tuple(inputs), outputs=tuple(outputs))

    def stays_alike(self, y: Shape) -> bool:
        """Return whether an output is like the input: channels last, and no feature map."""
        return y.channels_last and not y.is_map and y.rank == self.x.rank

    def named(self) -> str:
        """Return the function of an operation by name of which all is known: `cumsum` of one axis, `index`.

        `index` picks one position of each sample. Errors: `NoCounterpartError` for any other.
        """
        name, (x, *others) = str(self.given["op_type"]).lower(), self.inputs
        if name == "cumsum" and x.rank == 1 and not others:
            return name
        if name == "index" and [one.rank for one in others] == [0] and self.outputs[0].sizes == x.sizes[1:]:
            return name
        raise NoCounterpartError("operations by name are not written")

    def refuse(self, *names: str) -> None:
        """Raise `NoCounterpartError` for arguments that are given and that its counterpart has not."""
        for name in names:
            value = self.given.get(name)
            if value not in (None, False, 0, "none") and value != self.layer.arguments[name].default:
                raise NoCounterpartError(f"{name} {value}")


NAMED = "activation"
"""The kind of an activation by the name of its function: its site is that of the kind of this name."""
_BY_TANH = frozenset({"gelu_fast", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_accurate"})
"""transformers' names of GELU's approximation (its activations.py)."""


def _of_function(layer: Layer) -> Layer:
    """Return a layer, or if it is an activation by the name of its function the layer of that function."""
    if layer.kind != NAMED:
        return layer
    function = layer.values()["function"]
    cls = find_kind("identity" if function == "linear" else function)
    assert cls is not None
    return cls(approximate="tanh") if function in _BY_TANH else cls()


def sites_of(report: Report, layout: str) -> Iterator[Site]:
    """Yield the site of each layer in a framework with a layout."""
    graph = report.graph
    used: list[set[int]] = [set() for _ in graph.nodes]
    for ref in [*graph.outputs, *[ref for node in graph.nodes for ref in node.inputs]]:
        if ref.node >= 0:
            used[ref.node].add(ref.output)
    is_fixed: list[bool] = []
    rotary: Site | None = None
    integers = IntegerTensors(report)
    for index, (row, outputs) in enumerate(zip(report.rows, used, strict=True)):
        assert row.node.layer is not None
        weights = {name: tuple(sizes) for name, sizes in row.sizing.weight_shapes.items()}
        first = row.node.inputs[0].node if row.node.inputs else -1
        before = graph.nodes[first].layer if first >= 0 else None
        layer, sizing = _of_function(row.node.layer), row.sizing
        fixed = tuple([ref.node >= 0 and is_fixed[ref.node] for ref in row.node.inputs])
        is_fixed.append(all(fixed))
        site = Site(layer, layer.values(), sizing.inputs, sizing.outputs, weights, layout, frozenset(outputs), before,
                    fixed, rotary, integers.outputs(index, len(sizing.outputs)), integers.casts(index))  # fmt: skip
        rotary = site if row.kind == ROTARY else rotary
        yield site


def is_mixed(x: Shape, layout: str = CHW) -> bool:
    """Return whether a tensor has its axes in another order in a framework with a layout."""
    return _is_moved(x, layout) and x.rank > 1


def _is_moved(x: Shape, layout: str) -> bool:
    """Return whether the channels of a tensor are elsewhere in a framework with a layout, which has the batch first."""
    return bool(layout) and x.is_map and x.channels_last != (layout == HWC)


def einsum_equation(terms: Sequence[Sequence[str]], result: Sequence[str], has_batch: Sequence[bool]) -> str:
    """Return the equation of an Einstein summation of terms without the batch, which those that have it get first.

    Errors: `NoCounterpartError` for too many letters.
    """
    every = list(dict.fromkeys([letter for term in (*terms, result) for letter in term]))
    if len(every) >= len(ascii_letters):
        raise NoCounterpartError("its equation has too many letters")
    code, batch = dict(zip(every, ascii_letters[1:], strict=False)), ascii_letters[0]
    pairs = zip(terms, has_batch, strict=True)
    kept = [(batch if has else "") + "".join([code[letter] for letter in term]) for term, has in pairs]
    return f"{','.join(kept)}->{batch}{''.join([code[letter] for letter in result])}"


def crop_sides(cropping: Any, x: Shape, y: Shape) -> list[tuple[int, int]]:
    """Return how many elements a crop of x to y removes at the start and at the end of each spatial axis."""
    if cropping is None:
        return [((a - b) // 2, a - b - (a - b) // 2) for a, b in zip(x.spatial, y.spatial, strict=True)]
    return sides_of(cropping, len(x.spatial))
