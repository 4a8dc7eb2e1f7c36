"""Graphs whose layers have numbers that follow from the size of the input, as those of imported files may.

The file is read with some sizes of its inputs. Where the layers are the same but for whole numbers, each of these is a
polynomial of the sizes, of at most the second degree: a mask has L×L elements. What is found so is verified by
reading the file with further sizes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.model.inference import sizings_of
from shapecalc.questions.sizes import free_sizes, with_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shapecalc.model.graph import Graph
    from shapecalc.questions.sizes import InputAxis

    Read = Callable[[Mapping[str, tuple[int, ...]]], Graph | None]

__all__ = ["Refitted", "refitted"]

_STEPS = (1, 2, 8, 32, 64)
"""How much larger inputs are, to see how numbers change: any of the strides that networks have."""


class _Growth(NamedTuple):
    """How a number grows with the size of the input: by `first`·n + `second`·n·(n − `step`), n from `start` on."""

    start: int
    step: int
    first: int
    second: int

    def at(self, size: Any) -> Any:
        """Return how much is added at a size of any kind of number."""
        more = size - self.start
        return self.first * more + self.second * more * (more - self.step)


class Refitted:
    """A graph, and how the numbers of its layers grow: by node and argument, a number for each leaf of its value."""

    def __init__(self, growing: Mapping[int, Mapping[str, Any]], places: Sequence[InputAxis], read: Read) -> None:
        self.growing = growing
        self.places = places
        self.read = read

    def __call__(self, graph: Graph, sizes: Mapping[InputAxis, Any]) -> Graph:
        """Return the graph with other sizes of its inputs, of any kind of number."""
        graph = with_sizes(graph, sizes)
        size = sizes.get(self.places[0])
        if size is None:
            return graph
        nodes = list(graph.nodes)
        for index, arguments in self.growing.items():
            layer = nodes[index].layer
            assert layer is not None
            own = layer.values()
            new = {name: _grown(own[name], growth, size) for name, growth in arguments.items()}
            nodes[index] = nodes[index]._replace(layer=layer.with_values(new))
        return graph._replace(nodes=tuple(nodes))

    def reread(self, graph: Graph, sizes: Mapping[InputAxis, int]) -> Graph | None:
        """Return the graph that is read with other sizes of its inputs; None where it cannot be."""
        return self.read({name: shape.sizes for name, shape in with_sizes(graph, sizes).inputs.items()})


def refitted(graph: Graph, read: Read) -> Refitted | None:
    """Return how the numbers of a graph grow with the length of its inputs; None where the layers are not the same.

    `read` returns the graph of other sizes of the inputs. Each of them is to have one free axis, of the same size.
    """
    places = [(name, 0) for name in graph.inputs]
    given = {free_sizes(graph, name) for name in graph.inputs}
    if len(given) != 1 or len(size_of := next(iter(given))) != 1:
        return None
    (size,) = size_of
    for step in _STEPS:
        others = []
        for times in (1, 2, 3):
            inputs = with_sizes(graph, dict.fromkeys(places, size + times * step)).inputs
            other = read({name: shape.sizes for name, shape in inputs.items()})
            if other is None or sizings_of(other)[1] or not _alike(graph, other):
                break
            others.append(other)
        if len(others) == 3:
            growing = _growing([graph, *others], size, step)
            return None if growing is None else Refitted(growing, places, read)
    return None


def _alike(graph: Graph, other: Graph) -> bool:
    return len(graph.nodes) == len(other.nodes) and all(
        (mine.kind, mine.inputs, mine.shares) == (its.kind, its.inputs, its.shares)
        for mine, its in zip(graph.nodes, other.nodes, strict=True)
    )


def _growing(graphs: Sequence[Graph], size: int, step: int) -> dict[int, dict[str, Any]] | None:
    growing: dict[int, dict[str, Any]] = {}
    for index, nodes in enumerate(zip(*[graph.nodes for graph in graphs], strict=True)):
        values = [node.layer.values() for node in nodes if node.layer is not None]
        if all(one == values[0] for one in values):
            continue
        try:
            growing[index] = {
                name: _growth([one[name] for one in values], size, step)
                for name in values[0]
                if any(one[name] != values[0][name] for one in values)
            }
        except ValueError:
            return None
    return growing


def _growth(values: Sequence[Any], size: int, step: int) -> Any:
    """Return how a value grows: None for not at all, a list for the items of one. Errors: `ValueError` for others."""
    if all(one == values[0] for one in values):
        return None
    if all(isinstance(one, (tuple, list)) and len(one) == len(values[0]) for one in values):
        return [_growth(items, size, step) for items in zip(*values, strict=True)]
    if not all(type(one) is int for one in values):
        raise ValueError(values)
    first, second = values[1] - values[0], values[2] - 2 * values[1] + values[0]
    if values[3] != values[0] + 3 * first + 3 * second or first % step or second % (2 * step**2):
        raise ValueError(values)
    return _Growth(size, step, first // step, second // (2 * step**2))


def _grown(value: Any, growth: Any, size: Any) -> Any:
    if growth is None:
        return value
    if isinstance(growth, _Growth):
        return value + growth.at(size)
    return tuple([_grown(one, by, size) for one, by in zip(value, growth, strict=True)])
