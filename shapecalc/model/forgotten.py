"""The layer that was forgotten before a flatten: the global pool, where a linear layer states the channels of a map."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from shapecalc.errors import Hint, LayerError
from shapecalc.layers import find_kind
from shapecalc.layers.base.arguments import STATED
from shapecalc.model.copies import proposals_at
from shapecalc.model.inference import inputs_of, size_layer
from shapecalc.model.locations import location_of
from shapecalc.model.partial import is_made_of_others, makers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.errors import Insertion, Problem
    from shapecalc.model.graph import Graph
    from shapecalc.model.rows import Sizing

__all__ = ["forgotten_before_view", "hints_of_forgotten"]


def hints_of_forgotten(
    graph: Graph, sizings: Callable[[], Sequence[Sizing | None]]
) -> Callable[[int, Problem], Problem] | None:
    """Return what adds the hint on a forgotten layer to the problem of a layer; None where there cannot be one."""
    if not any(node.layer and node.layer.view for node in graph.nodes):
        return None

    def with_hint(index: int, problem: Problem) -> Problem:
        def work() -> str:
            at, layer, due = forgotten_before_view(graph, sizings(), index) or (-1, None, "")
            if layer is None:
                return "\n".join(filter(None, (problem.hint, _on_size_of_map(graph, sizings(), index))))
            where = location_of(layer, graph, at, sizings(), graph.nodes[at].name)
            own = f"otherwise {problem.hint}" if problem.hint else ""
            return "\n".join(filter(None, (f"{where}: its output is then {due}", own)))

        return problem._replace(hint=Hint(work))

    return with_hint


def _on_size_of_map(graph: Graph, sizings: Sequence[Sizing | None], index: int) -> str:
    """Return the hint on the map that a stated number of features belongs to: 3136 is 64×7×7; empty for none.

    It has the channels, or the spatial sizes, of the map that is flattened here.
    """
    layer, at = graph.nodes[index].layer, next(iter(makers_of(graph, graph.nodes[index])), -1)
    flattened = sizings[at] if at >= 0 else None
    view = graph.nodes[at].layer if at >= 0 else None
    if not layer or not flattened or not flattened.inputs or not view or not (view.view and flattened.inputs[0].is_map):
        return ""
    x = flattened.inputs[0]
    for proposal in proposals_at(graph, sizings, index):
        if layer.arguments[proposal.argument].role != STATED or proposal.values[:1] != (x.elements,):
            continue
        stated = getattr(layer, proposal.argument)
        positions, rest = divmod(stated, x.channels)
        side, (channels, left) = math.isqrt(positions), divmod(stated, math.prod(x.spatial))
        is_square = len(x.spatial) == 2 and not rest and side > 1 and side**2 == positions
        due = x.map_of(x.channels, (side, side)) if is_square else x.map_of(channels, x.spatial) if not left else None
        if due:
            return f"{stated} is {due.text}, but the input of {graph.nodes[at].name} is {x.text}"
    return ""


def forgotten_before_view(
    graph: Graph, sizings: Sequence[Sizing | None], index: int
) -> tuple[int, Insertion, str] | None:
    """Return the layer that only rearranges elements, what fits before it, and its output then; None for none.

    What fits is what the hint of the layer with the shape error inserts where it reads the map itself.
    """
    node = graph.nodes[index]
    layers = [node.layer] if node.layer and len(node.inputs) == 1 else []
    if layers and _has_hint(graph, sizings, index):
        return None
    for at in makers_of(graph, node) if layers else ():
        maker, sizing = graph.nodes[at], sizings[at]
        if not maker.layer or not sizing or (maker.block >= 0 and is_made_of_others(graph.blocks[maker.block].kind)):
            return None
        layers.insert(0, maker.layer)
        if not maker.layer.view:
            continue
        try:
            size_layer(layers[-1], sizing.inputs)
        except LayerError as error:
            for layer in error.insertions():
                cls = find_kind(layer.item)  # None where it has arguments
                shapes = sizing.inputs
                try:
                    for one in [cls(), *layers] if cls else ():
                        due, shapes = shapes[0].text, size_layer(one, shapes).outputs
                except LayerError:
                    continue
                return (at, layer, due) if cls else None
        return None
    return None


def _has_hint(graph: Graph, sizings: Sequence[Sizing | None], index: int) -> bool:
    """Return whether the hint of a layer inserts another where it is: its map needs none before the one above."""
    node = graph.nodes[index]
    inputs = inputs_of(node, graph, list(graph.inputs.values()), sizings, [])
    try:
        if node.layer and len(inputs) == len(node.inputs):
            size_layer(node.layer, tuple(inputs))
    except LayerError as error:
        return bool(error.insertions())
    return False
