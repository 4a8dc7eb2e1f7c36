"""A mistake in a block that is used, or repeated, many times: one problem, with how many copies have it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.dims import holds
from shapecalc.errors import Hint, LayerError
from shapecalc.layers.base.arguments import STATED
from shapecalc.model.checks import check_inputs
from shapecalc.model.inference import inputs_of, sizings_of
from shapecalc.source import Scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from shapecalc.errors import Mark, Problem, Proposal
    from shapecalc.model.graph import Graph
    from shapecalc.model.rows import Sizing

__all__ = ["alike", "gathered", "hints_for_copies", "hints_on_repeats", "proposals_at"]

_CALLED = re.compile(r"\(([^()]+\.py:\d+)\)$")
_WORD = r"[\w.×]+"
"""Names and sizes; those with a digit (stage.3.conv2, 3×8×8) differ between copies."""


def gathered(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems, with those of the copies of one layer merged into the first.

    They have one location, and the same text except for names and numbers; of a module, one line of its source.
    """
    found: dict[Any, Problem] = {}
    for index, problem in enumerate(problems):
        key = (_place(problem.mark), re.sub(_WORD, _unnumbered, problem.message)) if problem.mark else index
        first = found.get(key)
        found[key] = problem if first is None else first._replace(copies=first.copies + problem.copies)
    return list(found.values())


def _place(mark: Mark) -> Any:
    """Return the location of a mark; of a node of a module the line that it is called in, as in a loop over experts."""
    called = None if mark.line else _CALLED.search(mark.path)
    return (mark.source, called[1]) if called else mark


def _unnumbered(word: re.Match[str]) -> str:
    return "#" if re.search(r"\d", word[0]) else word[0]


def alike(graph: Graph, index: int) -> tuple[int, ...]:
    """Return all layers with the location of one in the text: those of a repeated item, and of every use of a block."""
    mark = graph.nodes[index].mark
    if mark is None or not mark.line:
        return (index,)
    where = (mark.source.name, *mark[1:3])
    return tuple(
        i for i, node in enumerate(graph.nodes) if node.mark and (node.mark.source.name, *node.mark[1:3]) == where
    )


def proposals_at(graph: Graph, sizings: Sequence[Sizing | None], index: int) -> list[Proposal]:
    """Return what the shape error of a layer proposes for its own arguments."""
    node = graph.nodes[index]
    layer, inputs = node.layer, inputs_of(node, graph, list(graph.inputs.values()), sizings, [])
    if layer is None or len(inputs) < len(node.inputs):
        return []
    try:
        check_inputs(layer, tuple(inputs))
        unmet = [constraint for constraint in layer.constraints(*inputs) if not holds(constraint)]
    except LayerError:
        return []
    return [each for constraint in unmet for each in constraint.error().proposals if each.argument in layer.arguments]


def hints_for_copies(graph: Graph, sizings: Callable[[], Sequence[Sizing | None]]) -> Callable[[int, Problem], Problem]:
    """Return what gives a problem the hint to leave a stated size out, where no value fits all copies of its layer."""

    def with_hint(index: int, problem: Problem) -> Problem:
        def work() -> str:
            every = alike(graph, index)
            if len(every) == 1:
                return problem.hint
            proposals = proposals_at(graph, sizings(), index)
            layer = graph.nodes[index].layer
            stated = [one for one in proposals if layer and layer.arguments[one.argument].role == STATED]
            if not stated or not problem.hint.startswith(stated[0].text) or _fit(graph, every, stated[0]):
                return problem.hint
            return f"leave {stated[0].argument} out: it is inferred"

        return problem._replace(hint=Hint(work))

    return with_hint


def hints_on_repeats(graph: Graph, sizings: Callable[[], Sequence[Sizing | None]]) -> Callable[[int, Problem], Problem]:
    """Return what gives a window that is too large for its input how many of the copies of its item still fit."""

    def with_hint(index: int, problem: Problem) -> Problem:
        def work() -> str:
            fitting = _copies_that_fit(graph, sizings(), index)
            those = "copy fits" if fitting == 1 else f"{fitting} copies fit"
            return f"{problem.hint}\nor write `repeat: {fitting}`: only the first {those}" if fitting else problem.hint

        return problem._replace(hint=Hint(work)) if problem.too_small else problem

    return with_hint


def _copies_that_fit(graph: Graph, sizings: Sequence[Sizing | None], index: int) -> int:
    """Return how many copies of a repeated item fit before one with a shape error; 0 if it is not repeated."""
    from shapecalc.model.locations import key_beside  # only for shape errors

    node = graph.nodes[index]
    copies = [i for i in alike(graph, index) if graph.nodes[i].uses == node.uses]
    before = [i for i in copies if i < index]
    if not before or any(sizings[i] is None for i in before):
        return 0
    for mark in (node.mark, *(mark for _, mark in node.uses)):
        times = key_beside(mark.source.text, mark, "repeat") if mark and mark.source.text else None
        if isinstance(times, Scalar):
            return len(before) if times.text == str(len(copies)) else 0
    return 0


def _fit(graph: Graph, indices: Sequence[int], proposal: Proposal) -> bool:
    """Return whether the layers at one location can all be inferred with what is proposed for one."""
    nodes = list(graph.nodes)
    for i in indices:
        layer = nodes[i].layer
        if layer and proposal.argument in layer.arguments:
            nodes[i] = nodes[i]._replace(layer=layer.with_values({proposal.argument: proposal.values[0]}))
    sizings, _ = sizings_of(graph._replace(nodes=tuple(nodes)))
    return all(sizings[i] is not None for i in indices)
