"""The table of kinds: how each is written in ONNX, by functions that add nodes and return the tensors that they output.

Tensors have the batch first, then the channels of a feature map in either layout. A function may ask for another order
of the axes, as the report has them: maps with channels last are then transposed for it, and back.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.exporters.sites import ROTARY, NoCounterpartError, Site, is_mixed
from shapecalc.layers.base.shape import CHW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from shapecalc.exporters.onnx.builder import NodeGraph
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.rows import Row

    Result = str | Sequence[str]

__all__ = [
    "ALIKE", "MAP", "OWN", "ROTARY", "LayerSite", "NoCounterpartError", "Writer", "find_writer",
    "onnx_size", "writes",
]  # fmt: skip

_FAMILIES = ("windows", "pointwise", "norms", "products", "shapes", "embeddings", "attention", "latent_attention",
             "window_attention", "recurrent")  # fmt: skip


def onnx_size(shape: Shape) -> tuple[Any, ...]:
    """Return the sizes of a tensor in ONNX, without the batch."""
    return shape.in_layout(CHW)


class LayerSite(Site):
    """A layer where it stands in a graph that grows: `names` are the tensors that are its inputs."""

    def __init__(self, site: Site, graph: NodeGraph, row: Row, names: Sequence[str], owners: dict[str, str]) -> None:
        super().__init__(**vars(site))
        self.graph = graph
        self.names = [*names]
        self._owners = owners
        self._owner = row.shares or row.name
        self.used_weights: set[str] = set()

    @property
    def op(self) -> Callable[..., Any]:
        """Add a node, as `NodeGraph.op`."""
        return self.graph.op

    def weight(self, name: str) -> str:
        """Return the tensor of a weight, by its name."""
        self.used_weights.add(name)
        return self.graph.learned(self._owners[name], self.weights[name])

    def joint(self, name: str, sizes: tuple[int, ...]) -> str:
        """Return the tensor of several weights in one, by a name of its own."""
        return self.graph.learned(f"{self._owner}.{name}", sizes)

    # Nodes that many kinds need.

    def reshape(self, x: str, sizes: Iterable[int]) -> str:
        """Add a reshape to these sizes, with the batch as it is."""
        return str(self.op("Reshape", x, self.graph.numbers(0, *sizes)))

    def transpose(self, x: str, order: Iterable[int]) -> str:
        """Add a transposition, in which the batch is axis 0."""
        return str(self.op("Transpose", x, perm=list(order)))

    def to_own(self, x: str, shape: Shape) -> str:
        """Return a tensor with its axes as the report has them, from those of ONNX."""
        return self.transpose(x, [0, *range(2, shape.rank + 1), 1]) if is_mixed(shape) else x

    def from_own(self, x: str, shape: Shape) -> str:
        """Return a tensor with its axes as ONNX has them, from those of the report."""
        return self.transpose(x, [0, shape.rank, *range(1, shape.rank)]) if is_mixed(shape) else x

    def typed(self, value: float) -> str:
        """Return a constant number of the type of the output."""
        return self.graph.number(int(value) if 0 in self.integers else float(value))

    def scale(self, x: str, factor: float) -> str:
        """Add a product with a number."""
        return str(self.op("Mul", x, self.graph.number(float(factor))))

    def slice(self, x: str, axis: int, start: int, end: int, step: int = 1) -> str:
        """Add a slice along an axis."""
        numbers = self.graph.numbers
        return str(self.op("Slice", x, numbers(start), numbers(end), numbers(axis), numbers(step)))

    def project(self, x: str, weight: str, bias: str | None = None, rank: int = 2) -> str:
        """Add a fully connected layer on the last axis: the weight is (outputs, inputs), `rank` without the batch."""
        if rank == 1:
            return str(self.op("Gemm", x, weight, *([bias] if bias else []), transB=1))
        found = self.op("MatMul", x, self.op("Transpose", weight, perm=[1, 0]))
        return str(self.op("Add", found, bias) if bias else found)

    def per_axis_weight(self, name: str, axis: int, rank: int) -> str:
        """Return a weight of one axis, with axes of size 1 for those after it; `rank` is with the batch."""
        tensor = self.weight(name)
        sizes = self.weights[name]
        after = rank - axis - 1
        return tensor if not after else str(self.op("Reshape", tensor, self.graph.numbers(*sizes, *[1] * after)))

    def broadcast(self) -> list[str]:
        """Return the inputs with as many axes as the one with the most: new ones follow the batch."""
        rank = max(shape.rank for shape in self.inputs)
        return [
            name if shape.rank == rank else self.reshape(name, (*[1] * (rank - shape.rank), *self.size(shape)))
            for name, shape in zip(self.names, self.inputs, strict=True)
        ]

    def whole(self, index: int) -> str:
        """Return an input for every sample of the batch, where it is the same for all."""
        name = self.names[index]
        given = next((one for one in self.names if one not in self.graph.fixed), None)
        if name not in self.graph.fixed or given is None:
            return name
        numbers = self.graph.numbers
        batch = self.op("Slice", self.op("Shape", given), numbers(0), numbers(1), numbers(0))
        ones = [numbers(*[1] * self.inputs[index].rank)] if self.inputs[index].rank else []
        return str(self.op("Expand", name, self.op("Concat", batch, *ones, axis=0)))


OWN, ALIKE, MAP = "own", "alike", "map"


class Writer(NamedTuple):
    """How a kind is written: the function, and the order of the axes of the tensors that it works on.

    OWN is that of the report; ALIKE that of the report, unless all are maps alike, whose single elements it works on;
    MAP that of ONNX, with its first input as a map, which it reads though it is none.
    """

    function: Callable[[LayerSite], Result]
    order: str = ""


_WRITERS: dict[str, Writer] = {}


def writes(*kinds: str, order: str = "") -> Callable[[Callable[[LayerSite], Result]], Callable[[LayerSite], Result]]:
    """Return a decorator that adds a function for kinds to the table."""

    def add(function: Callable[[LayerSite], Result]) -> Callable[[LayerSite], Result]:
        _WRITERS.update(dict.fromkeys(kinds, Writer(function, order)))
        return function

    return add


def find_writer(kind: str) -> Writer | None:
    """Return how a kind is written; None for one that cannot be."""
    if not _WRITERS:
        for family in _FAMILIES:
            import_module(f"shapecalc.exporters.onnx.{family}")
    return _WRITERS.get(kind)
