"""The projection of a shortcut: a 1×1 convolution on an input of a merge, in the terms of its other branch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shapecalc.errors import Hint, Insertion
from shapecalc.layers.base.arguments import CHANNELS_OUT, STRIDE
from shapecalc.layers.base.merge_hints import times
from shapecalc.model.inference import inputs_of, sizings_of
from shapecalc.model.partial import location_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shapecalc.errors import Mark, Problem
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.graph import Graph
    from shapecalc.model.rows import Sizing

__all__ = ["hints_on_shortcuts", "projection_of"]

_PROJECTED, _STRIDED = "a 1×1 convolution", "a stride of"


def hints_on_shortcuts(graph: Graph) -> Callable[[int, Problem], Problem] | None:
    """Return what says in the problem of a merge where its projection is written; None where there is no merge."""
    if not any(node.layer and node.layer.branches and node.layer.elementwise for node in graph.nodes):
        return None

    def with_hint(index: int, problem: Problem) -> Problem:
        def work() -> str:
            hint = problem.hint
            at = max(hint.find(_PROJECTED), hint.find(_STRIDED))
            sizings = sizings_of(graph)[0]
            layer = projection_of(graph, sizings, index) if at >= 0 else None
            if layer is None:
                return hint
            place = location_of(layer, graph, index, sizings)
            return f"{hint[:at]}{_PROJECTED} would make them equal: {place}"

        return problem._replace(hint=Hint(work))

    return with_hint


def projection_of(graph: Graph, sizings: Sequence[Sizing | None], index: int) -> Insertion | None:
    """Return the 1×1 convolution on an input of an element-wise merge of two that makes them equal; None for none.

    With equal channels it is meant only where the larger input is what the other is computed from: any other branch
    can have the stride itself.
    """
    node = graph.nodes[index]
    shapes = inputs_of(node, graph, list(graph.inputs.values()), sizings, [])
    is_merge = node.layer is not None and node.layer.branches and node.layer.elementwise
    if not is_merge or len(node.inputs) != 2 or len(shapes) != 2 or not all(x.is_map and x.spatial for x in shapes):
        return None
    wrong = _projected(shapes)
    due, own = shapes[1 - wrong], shapes[wrong]
    factor = 1 if due.spatial == own.spatial else times(due.spatial[0], own.spatial[0])
    if not factor or tuple(-(-size // factor) for size in own.spatial) != due.spatial:
        return None
    is_source = node.inputs[wrong].node in {ref for ref, _ in _branch(graph, node.inputs[1 - wrong].node)}
    if due.channels == own.channels and not is_source:
        return None
    channels = _written(graph, index, 1 - wrong, CHANNELS_OUT, due.channels)
    stride = f", stride: {_written(graph, index, 1 - wrong, STRIDE, factor)}" if factor > 1 else ""
    return Insertion(f"conv: {{out_channels: {channels}, kernel_size: 1{stride}}}", wrong)


def _projected(shapes: Sequence[Shape]) -> int:
    """Return which of two inputs is projected: the one with larger maps, or of equal ones that with fewer channels."""
    x, y = shapes
    if x.spatial != y.spatial:
        return 0 if x.spatial > y.spatial else 1
    return 0 if x.channels < y.channels else 1


def _branch(graph: Graph, index: int) -> Iterator[tuple[int, int]]:
    """Yield the layers of a branch from its end, each with its number from there, up to one of several inputs.

    The input of the network, if the branch begins there, is the last.
    """
    number = 0
    while True:
        yield index, number
        if index < 0 or len(graph.nodes[index].inputs) != 1:
            return
        index, number = graph.nodes[index].inputs[0].node, number + 1


def _written(graph: Graph, index: int, branch: int, role: str, value: int) -> str:
    """Return a number as it is written for an argument of a layer of a branch, with its variables: `planes * 4`."""
    node = graph.nodes[index]
    for i, _ in _branch(graph, node.inputs[branch].node):
        giver = graph.nodes[i] if i >= 0 else None
        if giver is None or giver.layer is None or giver.block != node.block:
            break
        name = giver.layer.argument_roles().get(role)
        given = getattr(giver.layer, name) if name else None
        if name and given in (value, (value,) * len(given if isinstance(given, tuple) else ())):
            words = [word for word, own in giver.layer.argument_names().items() if own == name]
            found = _text_of(giver.mark, words)
            if found:
                return found
    return str(value)


def _text_of(mark: Mark | None, words: Sequence[str]) -> str:
    """Return what is written for an argument (by any of its names) in the item at a mark, if that has variables."""
    if mark is None or not mark.line:
        return ""
    number, line = mark.line, mark.source.line(mark.line)[mark.column - 1 :]
    pattern = re.compile(rf"(?:^|[\s{{,])(?:{'|'.join(map(re.escape, words))})\s*:\s*([^,{{}}\[\]\"'#]+)")
    while line.strip():
        found = pattern.search(line)
        if found:
            text = found[1].strip()
            return text if re.search(r"[A-Za-z_]", text) else ""
        number += 1
        line = mark.source.line(number)
        if len(line) - len(line.lstrip()) < mark.column - 1 or line.lstrip().startswith("- "):
            break
    return ""
