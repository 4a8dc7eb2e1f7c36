"""Hints on sequences that are joined along their length, the default, where their features are meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import Hint
from shapecalc.model.doubts import axis_of_join
from shapecalc.model.inference import sizings_of
from shapecalc.model.partial import makers_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapecalc.errors import Problem
    from shapecalc.model.graph import Graph

__all__ = ["hints_on_joins"]

_LAST = -1


def hints_on_joins(graph: Graph) -> Callable[[int, Problem], Problem] | None:
    """Return what adds the hint on the layer that joined the input of another along the length; None where none did."""
    if not any(node.layer and axis_of_join(node.layer) for node in graph.nodes):
        return None

    def with_hint(index: int, problem: Problem) -> Problem:
        def work() -> str:
            return "\notherwise ".join(filter(None, (_joining_hint(graph, index), problem.hint)))

        return problem._replace(hint=Hint(work))

    return with_hint


def _joining_hint(graph: Graph, index: int) -> str:
    """Return the hint to join the input of a layer with a shape error along its features; empty if that does not do."""
    node = graph.nodes[index]
    makers = [*makers_of(graph, node)] if len(node.inputs) == 1 else []
    at = makers[-1] if makers else -1
    layer = graph.nodes[at].layer if makers else None
    name = axis_of_join(layer) if layer else ""
    if not layer or not name:
        return ""
    nodes = list(graph.nodes)
    nodes[at] = nodes[at]._replace(layer=layer.with_values({name: _LAST}))
    before, (after, _) = sizings_of(graph)[0], sizings_of(graph._replace(nodes=tuple(nodes)))
    old, new = before[at], after[at]
    lost = any(one is None and other is not None for one, other in zip(after, before, strict=True))
    if not old or not new or old.outputs[0].is_map or lost or after[index] is None:
        return ""
    given = " and ".join(dict.fromkeys(x.text for x in old.inputs))
    joined = f"{name}: {_LAST} there joins the features, {new.outputs[0].text}"
    return f"{nodes[at].name} joins {given} along the length: {joined}"
