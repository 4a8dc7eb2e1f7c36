"""Hints on an argument of a layer with a shape error, or upstream: every step of an LSTM, the axis that is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Hint
from shapecalc.layers.base.arguments import show
from shapecalc.layers.base.layer import Layer
from shapecalc.model.inference import inputs_of, sizings_of
from shapecalc.model.partial import is_made_of_others

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shapecalc.errors import Problem
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.graph import Graph
    from shapecalc.model.rows import Sizing

__all__ = ["Upstream", "hints_on_upstream", "upstream_of"]

_MOST_LAYERS = 50
_MOST_TRIALS = 4


class Upstream(NamedTuple):
    """A layer (its index is `place`), another value of its argument, and what then is the input of the layer below.

    Of a layer with branches, `due` is its own output.
    """

    place: int
    argument: str
    value: Any
    due: str


def hints_on_upstream(
    graph: Graph, sizings: Callable[[], Sequence[Sizing | None]]
) -> Callable[[int, Problem], Problem] | None:
    """Return what adds the hint on an argument of a layer upstream; None where no layer has one that may be meant."""
    if not any(_may_be_meant_otherwise(node.layer) for node in graph.nodes):
        return None

    def with_hint(index: int, problem: Problem) -> Problem:
        def work() -> str:
            found = upstream_of(graph, sizings(), index)
            text = _text(graph, sizings(), found, index) if found else ""
            is_known = found is not None and f"{found.argument}: {show(found.value)}" in problem.hint
            return "\notherwise ".join(filter(None, ("" if is_known else text, problem.hint)))

        return problem._replace(hint=Hint(work))

    return with_hint


def _may_be_meant_otherwise(layer: Layer | None) -> bool:
    return layer is not None and type(layer).otherwise is not Layer.otherwise


def upstream_of(graph: Graph, sizings: Sequence[Sizing | None], index: int) -> Upstream | None:
    """Return the argument of a layer with a shape error, or upstream, that makes it fit, and nothing else wrong."""
    for at, name, value in _changes(graph, sizings, index):
        nodes = list(graph.nodes)
        layer = nodes[at].layer
        assert layer is not None
        nodes[at] = nodes[at]._replace(layer=layer.with_values({name: layer.arguments[name].normalise(value)}))
        after = sizings_of(graph._replace(nodes=tuple(nodes)))[0]
        new, fits = after[at], after[index]
        lost = any(one is None and other is not None for one, other in zip(after, sizings, strict=True))
        if new and fits and not lost:
            shapes = new.outputs if at == index or layer.branches else fits.inputs
            return Upstream(at, name, value, _joined(shapes))
    return None


def _joined(shapes: Sequence[Shape]) -> str:
    return " and ".join(dict.fromkeys(x.text for x in shapes))


def _changes(graph: Graph, sizings: Sequence[Sizing | None], index: int) -> Iterator[tuple[int, str, Any]]:
    """Yield the layers, arguments and values that may be meant, those of the nearest layers first, up to a limit."""
    trials = 0
    for at in _from_here_up(graph, index):
        layer, sizing = graph.nodes[at].layer, sizings[at]
        if layer is None or not _may_be_meant_otherwise(layer) or _is_in_composite(graph, at):
            continue
        inputs = (
            sizing.inputs if sizing else tuple(inputs_of(graph.nodes[at], graph, [*graph.inputs.values()], sizings, []))
        )
        known = sizing is not None or len(inputs) == len(graph.nodes[at].inputs)
        for name, value in layer.otherwise(*inputs).items() if known else ():
            if name in layer.arguments and getattr(layer, name) != layer.arguments[name].normalise(value):
                yield at, name, value
                trials += 1
        if trials >= _MOST_TRIALS:
            return


def _from_here_up(graph: Graph, index: int) -> Iterator[int]:
    """Yield a layer and those that its inputs come from, the nearest first."""
    found = [index]
    for at in found:
        yield at
        new = [ref.node for ref in graph.nodes[at].inputs if ref.node >= 0]
        found += [node for node in dict.fromkeys(new) if node not in found and len(found) < _MOST_LAYERS]


def _is_in_composite(graph: Graph, index: int) -> bool:
    block = graph.nodes[index].block
    return block >= 0 and is_made_of_others(graph.blocks[block].kind)


def _text(graph: Graph, sizings: Sequence[Sizing | None], found: Upstream, index: int) -> str:
    node, old = graph.nodes[found.place], sizings[found.place]
    assert node.layer is not None
    written = f"{found.argument}: {show(found.value)}"
    if old is None:
        return f"{written} would fit: it then outputs {found.due}"
    if node.layer.branches:
        return (
            f"{node.name} joins {_joined(old.inputs)} along the length: {written} there joins the features, {found.due}"
        )
    inputs = "its input" if len(graph.nodes[index].inputs) == 1 else "its inputs"
    return f"{written} in {node.name} would make {inputs} {found.due}"
