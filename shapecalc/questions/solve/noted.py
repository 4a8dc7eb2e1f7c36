"""Changes that the notes on a network say: what is valid but probably a mistake, in the layers and the input."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shapecalc.layers.base.arguments import show
from shapecalc.model.copies import alike
from shapecalc.questions.solve.argument_change import ArgumentChange
from shapecalc.questions.solve.costs import cost_of_added, cost_of_layout, cost_of_upstream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.model.graph import Graph
    from shapecalc.model.rows import Sizing

__all__ = ["changes_of_layers", "changes_of_notes"]

_BEFORE = re.compile(r"put `- ([^`…]+)` before it")
_SIZE = re.compile(r"\bwrite (\d+(?:x\d+)*)(?=[,:; ]|$)")


def changes_of_notes(
    graph: Graph, sizings: Sequence[Sizing | None], notes: Sequence[str]
) -> Iterator[tuple[str, ArgumentChange]]:
    """Yield each note with a change that it says: of a layer, or of the size of the one input."""
    yield from changes_of_layers(graph, sizings, notes)
    marks = [node.mark for node in graph.nodes if node.mark]
    for note in notes:
        for written in _SIZE.findall(note) if len(graph.inputs) == 1 else ():
            ((name, shape),) = graph.inputs.items()
            sizes = tuple(map(int, written.split("x")))
            yield note, ArgumentChange((), name, list(shape.sizes), sizes, cost_of_layout(), next(iter(marks), None))


def changes_of_layers(
    graph: Graph, sizings: Sequence[Sizing | None], notes: Sequence[str]
) -> Iterator[tuple[str, ArgumentChange]]:
    """Yield each note on a layer with a change that it says: another value of an argument, or a layer before it."""
    index_of = {node.name: index for index, node in enumerate(graph.nodes)} if notes else {}
    for note in notes:
        name, _, text = note.partition(" ")
        index = index_of.get(name, -1)
        layer, sizing = (graph.nodes[index].layer, sizings[index]) if index >= 0 else (None, None)
        if layer is None or sizing is None:
            continue
        every, mark = alike(graph, index), graph.nodes[index].mark
        names = tuple([graph.nodes[i].name for i in every])
        for item in _BEFORE.findall(text):
            yield (
                note,
                ArgumentChange(names, item, None, "before", cost_of_added(len(every)), mark, None, every, adds=True),
            )
        for argument, value in layer.otherwise(*sizing.inputs).items():
            old = getattr(layer, argument)
            if f"{argument}: {show(value)}" in text and old != layer.arguments[argument].normalise(value):
                cost = cost_of_upstream(len(every))
                yield note, ArgumentChange(names, argument, old, value, cost, mark, None, every, layer=layer)
