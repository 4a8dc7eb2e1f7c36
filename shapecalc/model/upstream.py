"""Hints on an argument of a layer upstream: every step of an LSTM, the features of a layer that joins or cuts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Hint
from shapecalc.layers.base.arguments import show
from shapecalc.model.inference import sizings_of
from shapecalc.model.partial import is_made_of_others, makers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.errors import Problem
    from shapecalc.model.graph import Graph
    from shapecalc.model.rows import Sizing

__all__ = ["Upstream", "hints_on_upstream", "upstream_of"]


class Upstream(NamedTuple):
    """A layer upstream (its index is `place`), another value of its argument, and the input of the layer below then."""

    place: int
    argument: str
    value: Any
    due: str


def hints_on_upstream(graph: Graph) -> Callable[[int, Problem], Problem] | None:
    """Return what adds the hint on an argument of a layer upstream; None where no layer has one that may be meant."""
    if not any(node.layer and node.layer.otherwise for node in graph.nodes):
        return None

    def with_hint(index: int, problem: Problem) -> Problem:
        def work() -> str:
            sizings = sizings_of(graph)[0]
            found = upstream_of(graph, sizings, index)
            return "\notherwise ".join(filter(None, (_text(graph, sizings, found) if found else "", problem.hint)))

        return problem._replace(hint=Hint(work))

    return with_hint


def upstream_of(graph: Graph, sizings: Sequence[Sizing | None], index: int) -> Upstream | None:
    """Return the argument upstream of a layer with a shape error that makes it fit, and nothing else wrong; or None."""
    node = graph.nodes[index]
    makers = [*makers_of(graph, node)] if len(node.inputs) == 1 else []
    at = makers[-1] if makers else -1
    layer, old = (graph.nodes[at].layer, sizings[at]) if makers else (None, None)
    if not layer or not old or (graph.nodes[at].block >= 0 and is_made_of_others(_kind_of_block(graph, at))):
        return None
    for name, value in layer.otherwise.items():
        if name not in layer.arguments or getattr(layer, name) == value:
            continue
        nodes = list(graph.nodes)
        nodes[at] = nodes[at]._replace(layer=layer.with_values({name: value}))
        after = sizings_of(graph._replace(nodes=tuple(nodes)))[0]
        new, fits = after[at], after[index]
        lost = any(one is None and other is not None for one, other in zip(after, sizings, strict=True))
        if new and fits and not lost and not old.outputs[0].is_map:
            return Upstream(at, name, value, fits.inputs[0].text)
    return None


def _kind_of_block(graph: Graph, index: int) -> str:
    return graph.blocks[graph.nodes[index].block].kind


def _text(graph: Graph, sizings: Sequence[Sizing | None], found: Upstream) -> str:
    node, old = graph.nodes[found.place], sizings[found.place]
    assert node.layer is not None
    assert old is not None
    if node.layer.branches:
        given = " and ".join(dict.fromkeys(x.text for x in old.inputs))
        joined = f"{found.argument}: {show(found.value)} there joins the features, {found.due}"
        return f"{node.name} joins {given} along the length: {joined}"
    return f"{found.argument}: {show(found.value)} in {node.name} would make its input {found.due}"
