"""Changes that may fix shape errors: other values of arguments, at and before the shape error, and input sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import LayerError, ShapeError, UsageError, count_noun
from shapecalc.layers.base.arguments import GROUPS, OUTPUT_PADDING, Integer
from shapecalc.layers.base.axis_numbers import AxisNumber, AxisNumbers
from shapecalc.layers.base.layer import KINDS, Composite, Layer
from shapecalc.layers.base.per_axis import Padding, PerAxis
from shapecalc.layers.base.sizes import Sizes
from shapecalc.questions.sizes import find_sizes, free_sizes, with_sizes
from shapecalc.questions.solve.costs import cost_of_batch_axis, cost_of_change, cost_of_input
from shapecalc.questions.solve.editing import given_arguments

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.errors import Mark, Problem
    from shapecalc.model.graph import Block, Graph, Node
    from shapecalc.model.rows import Sizing
    from shapecalc.questions.solve.editing import Edit

__all__ = ["ArgumentChange", "applied", "candidates"]

_MOST_LAYERS = 60


class ArgumentChange(NamedTuple):
    """One change: an argument of the layers at one location, or (`layers` empty) the size of an input.

    `composite` is the kind whose argument it is, if the layers are those of a composite: its effect is known only after
    it is written into the text.
    """

    layers: tuple[str, ...]
    argument: str
    old: Any
    new: Any
    cost: float
    mark: Mark | None = None
    edit: Edit | None = None
    nodes: tuple[int, ...] = ()
    composite: str = ""

    def text(self) -> str:
        """Return the change in words."""
        where = self.layers[0] if self.layers else "the input"
        more = f" (and {count_noun(len(self.layers) - 1, 'more layer')})" if len(self.layers) > 1 else ""
        old = "" if self.old is None else f", not {_shown(self.old)}"
        return f"{where}{more}: {self.argument} {_shown(self.new)}{old}"

    def to_dict(self) -> dict[str, Any]:
        """Return the change in the form of the JSON contract."""
        where = {"file": self.mark.source.name, "line": self.edit.line} if self.mark and self.edit else {}
        lines = {"old_line": self.edit.old, "new_line": self.edit.new} if self.edit else {}
        return {
            "layers": list(self.layers), "argument": self.argument, "old": self.old, "new": self.new, **where, **lines
        }  # fmt: skip


def applied(graph: Graph, change: ArgumentChange) -> Graph:
    """Return the graph with a change made."""
    if not change.layers:
        shape = graph.inputs[change.argument]._replace(sizes=change.new)
        return graph._replace(inputs={**graph.inputs, change.argument: shape})
    nodes = list(graph.nodes)
    for index in change.nodes:
        layer = nodes[index].layer
        if layer:
            new = layer.arguments[change.argument].normalise(change.new)
            nodes[index] = nodes[index]._replace(layer=layer.with_values({change.argument: new}))
    return graph._replace(nodes=tuple(nodes))


def candidates(graph: Graph, sizings: Sequence[Sizing | None], problems: Sequence[Problem]) -> Iterator[ArgumentChange]:
    """Yield the changes to try: at the layers with shape errors first, then at those before them."""
    wrong = {problem.layer for problem in problems}
    failing = [i for i, node in enumerate(graph.nodes) if node.name in wrong]
    distances = _distances(graph, failing)
    hints = _hints(graph, sizings, failing)
    yield from _input_changes(graph)
    by_location: dict[Any, list[int]] = {}
    for index in sorted(distances, key=lambda i: (distances[i], -i)):
        node = graph.nodes[index]
        key = (node.mark.source.name, *node.mark[1:3]) if node.mark and node.mark.line else index
        by_location.setdefault(key, []).append(index)
    for indices in list(by_location.values())[:_MOST_LAYERS]:
        index = indices[0]
        block = _composite(graph, index)
        if block is not None:
            yield from _composite_changes(graph, block, _same_location(graph, index), hints, distances[index])
            continue
        kind = graph.nodes[index].kind
        every = tuple([i for i in _same_location(graph, index) if graph.nodes[i].kind == kind])
        yield from _layer_changes(graph.nodes, every, hints, distances[index])


def _composite(graph: Graph, index: int) -> Block | None:
    """Return the composite that a layer is a part of: the outermost, which is in the text."""
    found, number = None, graph.nodes[index].block
    while number >= 0:
        block = graph.blocks[number]
        if issubclass(KINDS.get(block.kind, Layer), Composite):
            found = block
        number = block.parent
    return found


def _composite_changes(
    graph: Graph, block: Block, indices: tuple[int, ...], hints: Sequence[int], distance: int
) -> Iterator[ArgumentChange]:
    """Yield the changes of a composite's own arguments that are written as numbers."""
    mark, cls = graph.nodes[indices[0]].mark, KINDS[block.kind]
    if mark is None or not mark.line or not mark.source.text:
        return
    for name, old in given_arguments(mark.source.text, mark, cls).items():
        argument = cls.arguments[name]
        for new in _values(argument, old, hints) if type(old) is int else ():
            cost = cost_of_change(argument, old, new, distance, 1)
            yield ArgumentChange((block.name,), name, old, new, cost, mark, None, indices, block.kind)


def _same_location(graph: Graph, index: int) -> tuple[int, ...]:
    """Return all layers with the same location in the text: those of every use of a block."""
    mark = graph.nodes[index].mark
    if mark is None or not mark.line:
        return (index,)
    where = (mark.source.name, *mark[1:3])
    return tuple(
        i for i, node in enumerate(graph.nodes) if node.mark and (node.mark.source.name, *node.mark[1:3]) == where
    )


def _distances(graph: Graph, failing: Sequence[int]) -> dict[int, int]:
    """Return the distance of each layer to the next layer with a shape error."""
    found = dict.fromkeys(failing, 0)
    waiting = list(failing)
    while waiting:
        index = waiting.pop(0)
        for ref in graph.nodes[index].inputs:
            if ref.node >= 0 and ref.node not in found:
                found[ref.node] = found[index] + 1
                waiting.append(ref.node)
    return found


def _hints(graph: Graph, sizings: Sequence[Sizing | None], failing: Sequence[int]) -> list[int]:
    """Return the numbers that disagree in the shape errors."""
    hints: dict[int, None] = {}
    shapes = list(graph.inputs.values())
    for index in failing:
        for ref in graph.nodes[index].inputs:
            sizing = sizings[ref.node] if ref.node >= 0 else None
            shape = shapes[-1 - ref.node] if ref.node < 0 else sizing.outputs[ref.output] if sizing else None
            if shape is not None:
                hints.update(dict.fromkeys(shape.sizes))
                hints[shape.elements] = None
    return list(hints)


def _layer_changes(
    nodes: Sequence[Node], indices: tuple[int, ...], hints: Sequence[int], distance: int
) -> Iterator[ArgumentChange]:
    node = nodes[indices[0]]
    layer = node.layer
    if layer is None:
        return
    for name, argument in layer.arguments.items():
        old = layer.values()[name]
        for new in _values(argument, old, hints):
            cost = cost_of_change(argument, old, new, distance, len(indices))
            change = ArgumentChange(
                tuple(nodes[i].name for i in indices), name, _plain(old), _plain(new), cost, node.mark, None, indices
            )
            try:
                argument.normalise(new)
            except LayerError:
                continue
            yield change


def _values(argument: Any, old: Any, hints: Sequence[int]) -> list[Any]:
    """Return the candidate values of an argument."""
    if isinstance(argument, Sizes) and isinstance(old, tuple):
        return [(*old[:i], -1, *old[i + 1 :]) for i in range(len(old))] if -1 not in old else []
    if (
        not isinstance(argument, Integer)
        or isinstance(old, (tuple, str))
        or isinstance(argument, (AxisNumber, AxisNumbers))
    ):
        return []
    if old is None:
        return [0, 1, 2, 3] if argument.role == OUTPUT_PADDING else []
    if isinstance(argument, Padding):
        return [n for n in range(min(17, old + 9)) if n != old]
    if isinstance(argument, PerAxis):
        return [n for n in range(max(1, argument.minimum), min(old + 5, 33)) if n != old]
    divisors = [n for n in range(1, 65) if any(h % n == 0 for h in hints)] if argument.role == GROUPS else []
    return list(dict.fromkeys([n for n in (*divisors, *hints) if n != old and n >= argument.minimum]))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _input_changes(graph: Graph) -> Iterator[ArgumentChange]:
    """Yield the inputs without their batch axis, if they may have one, and the nearest legal sizes."""
    mark = next((node.mark for node in graph.nodes if node.mark), None)
    for name, shape in graph.inputs.items():
        if shape.rank > 2 and shape.sizes[0] == 1:
            yield ArgumentChange((), name, list(shape.sizes), shape.sizes[1:], cost_of_batch_axis(), mark)
    try:
        entries = find_sizes(graph).axes
    except (ShapeError, UsageError):  # no size would fix it, or the search is too large
        return
    for entry in entries:
        for name in entry.inputs:
            shape = graph.inputs[name]
            given = free_sizes(shape)
            for pick in (-1, 0):
                near = [entry.legal.nearest(size) for size in given]
                if not all(near):
                    continue
                sizes = {(name, axis): one[pick] for axis, one in enumerate(near)}
                new = with_sizes(graph, sizes).inputs[name].sizes
                if new != shape.sizes:
                    cost = cost_of_input(given, list(sizes.values()))
                    yield ArgumentChange((), name, list(shape.sizes), new, cost, mark)


def _shown(value: Any) -> str:
    return "×".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
