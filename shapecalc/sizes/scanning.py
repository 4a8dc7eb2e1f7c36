"""Many sizes tried in one pass: which of them are legal, which exact, and the pattern that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.dims import BROADCASTS
from shapecalc.dims.lists import Many, exact, mask, values_of
from shapecalc.errors import Problem, UsageError
from shapecalc.evaluation import Evaluation, evaluate
from shapecalc.progressions import SizeSet, find_pattern
from shapecalc.window import names_of_axes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shapecalc.graph import Graph
    from shapecalc.shape import Shape

__all__ = ["Place", "axis_names", "find_pattern_of", "free_sizes", "scan", "varied", "with_sizes"]

_FIRST = 512
_LAST = 16384
_DOUBLINGS = 8
_MOST_WORK = 9_000_000
"""Tensors of candidates that are sized to find one pattern: seconds. Large networks are tried at fewer sizes."""

_MOST_TENSORS = 5_000
"""Between the layers of a network whose sizes are looked for."""

Place = tuple[str, int]
"""One free axis of one input: the input's name, and which of its free axes."""


def with_sizes(graph: Graph, sizes: Mapping[Place, Any]) -> Graph:
    """Return the graph with other sizes, of any kind of number, on free axes of its inputs."""
    inputs = dict(graph.inputs)
    for (name, axis), size in sizes.items():
        shape = inputs[name]
        first = 0 if shape.rank == 1 or shape.channels_last else 1
        inputs[name] = shape.with_axis(first + axis, size)
    return graph._replace(inputs=inputs)


def free_sizes(shape: Shape) -> tuple[Any, ...]:
    """Return the sizes that may be asked about: the spatial ones, or that of the one axis."""
    return shape.spatial if shape.rank > 1 else shape.sizes


def axis_names(shape: Shape) -> tuple[str, ...]:
    """Return what the free axes of an input are called."""
    if shape.rank == 1:
        return ("size",)
    return names_of_axes(len(shape.spatial))


def find_pattern_of(vary: Callable[[Sequence[int]], Graph]) -> tuple[SizeSet, SizeSet]:
    """Return which numbers are legal and which exact: `vary` gives the graph with many of them in one place."""
    count = 0
    legal: list[bool] = []
    precise: list[bool] = []
    limit = _FIRST
    while True:
        graph = vary(range(count + 1, limit + 1))
        last = _last(graph)
        more_legal, more_exact = scan(graph, limit - count)
        legal += more_legal
        precise += more_exact
        count, final = limit, limit >= last
        patterns = find_pattern(legal, final=final), find_pattern(precise, final=final or not any(legal[-limit // 2 :]))
        limit *= 2
        if patterns[0] is not None and patterns[1] is not None:
            beyond = _disagreement(vary, patterns[0]) if limit <= last else 0
            if not beyond:
                return patterns[0], patterns[1]
            limit = max(limit, 1 << (2 * beyond - 1).bit_length())


def _last(graph: Graph) -> int:
    """Return the largest size that is tried of a network. Errors: `UsageError` where even few sizes take too long."""
    tensors = sum([1 + len(node.inputs) for node in graph.nodes])
    if tensors > _MOST_TENSORS:
        raise UsageError(
            Problem(
                f"{graph.name or 'the network'} has {tensors:,} tensors between its layers: sizes are looked for among "
                f"at most {_MOST_TENSORS:,}",
                mend="ask about a part of it, or repeat its blocks less often",
            )
        )
    return min(_LAST, _MOST_WORK // max(tensors, 1))


def _disagreement(vary: Callable[[Sequence[int]], Graph], sizes: SizeSet) -> int:
    """Return a size beyond what was searched that the set is wrong about, at doubling distances; 0 for none."""
    period = max(1, sizes.period)
    starts = [sizes.start + (sizes.searched << turn) // period * period for turn in range(_DOUBLINGS)]
    tried = [start + residue - sizes.start for start in starts for residue in (sizes.residues[:2] or (sizes.start,))]
    legal, _ = scan(vary(tried), len(tried))
    return next((size for size, is_legal in zip(tried, legal, strict=True) if is_legal != (size in sizes)), 0)


def varied(graph: Graph, places: Sequence[Place], sizes: Sequence[int]) -> Graph:
    """Return the graph with many sizes along places that are varied as one."""
    return with_sizes(graph, dict.fromkeys(places, Many(sizes)))


def scan(graph: Graph, candidates: int) -> tuple[list[bool], list[bool]]:
    """Tell, candidate by candidate, whether a graph on lists of numbers is right, and whether it is exact."""
    evaluation = evaluate(graph, counts=any(node.shares >= 0 for node in graph.nodes))
    legal = [True] * candidates
    for constraint in evaluation.constraints:
        legal = [a and b for a, b in zip(legal, mask(constraint, candidates), strict=True)]
    precise = legal
    for flags in _exactness(evaluation, candidates):
        precise = [a and b for a, b in zip(precise, flags, strict=True)]
    return legal, precise


def _exactness(evaluation: Evaluation, candidates: int) -> list[Sequence[bool]]:
    """Return for each thing that may be inexact, which candidates are exact there."""
    found: list[Sequence[bool]] = []
    seen = set()
    for sizing in evaluation.sizings:
        for size in (size for shape in sizing.outputs for size in shape.sizes):
            if isinstance(size, Many) and size.inexact is not None and id(size) not in seen:
                seen.add(id(size))
                found.append(exact(size, candidates))
    for constraint in evaluation.constraints:
        if constraint.relation == BROADCASTS and isinstance(constraint.left, Many):
            pairs = zip(constraint.left.values, values_of(constraint.right, candidates), strict=True)
            found.append([a == b for a, b in pairs])
    return found
