"""Which input sizes a network takes: all that are legal, the smallest, and those that no rounding touches.

Every size is tried, from 1 to beyond three periods of the pattern that shows, on lists of candidates: one pass over
the formulas for all of them. The pattern is then verified beyond what was tried, by plain inference.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims import BROADCASTS
from shapecalc.dims.lists import Many, exact, mask, values_of
from shapecalc.evaluation import Evaluation, evaluate
from shapecalc.inference import sizings_of
from shapecalc.progressions import SizeSet, find_pattern
from shapecalc.window import AXIS_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.graph import Graph
    from shapecalc.shape import Shape

__all__ = ["AxisSizes", "LegalSizes", "find_sizes", "scan", "with_spatial"]

VERSION = 1
"""The version of the JSON contract."""

_FIRST = 512
_LAST = 8192
_COMBINATIONS = 24


class AxisSizes(NamedTuple):
    """The sizes that axes of an input may have: each of the axes by itself, or (`together`) all as one.

    `exact` are those with which every window ends at the edge, and every map meets its like without being repeated.
    `rounded` names the layers where the size as it is given is not exact.
    """

    input: str
    axes: tuple[str, ...]
    given: tuple[int, ...]
    together: bool
    legal: SizeSet
    exact: SizeSet
    rounded: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the axes as the JSON contract has them."""
        return {
            "input": self.input,
            "axes": list(self.axes),
            "given": list(self.given),
            "given_legal": all(size in self.legal for size in self.given),
            "given_exact": all(size in self.exact for size in self.given),
            "rounded_at": list(self.rounded),
            "together": self.together,
            "legal": self.legal.to_dict(),
            "exact": self.exact.to_dict(),
        }


class LegalSizes(NamedTuple):
    """What sizes a network's inputs may have. `verified` is at how many sizes plain inference agreed."""

    name: str
    axes: tuple[AxisSizes, ...]
    verified: int

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as the JSON contract has it."""
        return {
            "version": VERSION,
            "name": self.name,
            "verified": self.verified,
            "inputs": [entry.to_dict() for entry in self.axes],
        }


def find_sizes(graph: Graph) -> LegalSizes:
    """Return the input sizes that a network takes. Its own sizes need not be among them."""
    found: list[AxisSizes] = []
    verified = 0
    for name in graph.inputs:
        base, together = _legal_base(graph, name)
        axes = range(len(_free(base.inputs[name])))
        entries = [] if together else [_axis(base, graph, name, (axis,)) for axis in axes]
        agreed, wrong = _verify(base, name, [entry.legal for entry in entries])
        if wrong or together:
            entries = [_axis(base, graph, name, tuple(axes))]
            agreed, _ = _verify(base, name, [entry.legal for entry in entries])
        verified += agreed
        found += _merged(entries)
    return LegalSizes(graph.name, tuple(found), verified)


def with_spatial(graph: Graph, name: str, sizes: Sequence[Any]) -> Graph:
    """Return the graph with other sizes of any kind of number on the free axes of an input."""
    shape = graph.inputs[name]
    if shape.rank > 1:
        sizes = (*sizes, shape.channels) if shape.channels_last else (shape.channels, *sizes)
    return graph._replace(inputs={**graph.inputs, name: shape._replace(sizes=tuple(sizes))})


def _free(shape: Shape) -> tuple[Any, ...]:
    """Return the sizes that may be asked about: the spatial ones, or that of the one axis."""
    return shape.spatial if shape.rank > 1 else shape.sizes


def axis_names(shape: Shape) -> tuple[str, ...]:
    """Return what the free axes of an input are called."""
    if shape.rank == 1:
        return ("size",)
    names = AXIS_NAMES.get(len(shape.spatial))
    return names or tuple(f"axis {i + 1}" for i in range(len(shape.spatial)))


def _legal_base(graph: Graph, name: str) -> tuple[Graph, bool]:
    """Return the graph with a legal size to vary an axis of, and whether none was found with all axes unequal."""
    if not sizings_of(graph)[1]:
        return graph, False
    free = _free(graph.inputs[name])
    legal, _ = _pattern(graph, name, tuple(range(len(free))))
    near = legal.nearest(max(free, default=1))
    return (with_spatial(graph, name, [near[-1]] * len(free)), False) if near else (graph, True)


def _axis(base: Graph, graph: Graph, name: str, axes: tuple[int, ...]) -> AxisSizes:
    legal, exact_sizes = _pattern(base, name, axes)
    shape = graph.inputs[name]
    names, given = axis_names(shape), _free(shape)
    rounded = _rounded(base, name, axes, given)
    chosen = tuple(names[axis] for axis in axes)
    return AxisSizes(
        name, chosen, tuple(given[axis] for axis in axes), len(axes) > 1, legal, exact_sizes, rounded
    )


def _pattern(graph: Graph, name: str, axes: tuple[int, ...]) -> tuple[SizeSet, SizeSet]:
    """Return the legal and the exact sizes along axes of an input that are varied as one."""
    count, legal, precise = 0, [], []
    limit = _FIRST
    while True:
        more_legal, more_exact = scan(_varied(graph, name, axes, range(count + 1, limit + 1)), limit - count)
        legal += more_legal
        precise += more_exact
        count, final = limit, limit >= _LAST
        patterns = find_pattern(legal, final=final), find_pattern(precise, final=final or not any(legal[-limit // 2 :]))
        if patterns[0] is not None and patterns[1] is not None:
            return patterns[0], patterns[1]
        limit *= 2


def _varied(graph: Graph, name: str, axes: Sequence[int], sizes: Sequence[int]) -> Graph:
    many = Many(sizes)
    free = _free(graph.inputs[name])
    return with_spatial(graph, name, [many if i in axes else size for i, size in enumerate(free)])


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


def _rounded(graph: Graph, name: str, axes: Sequence[int], given: Sequence[int]) -> tuple[str, ...]:
    """Return the layers at which the given size is first not exact."""
    one = [Many([size]) if i in axes else size for i, size in enumerate(given)]
    evaluation = evaluate(with_spatial(graph, name, one), counts=False)
    names = []
    for node, sizing in zip(evaluation.graph.nodes, evaluation.sizings, strict=True):
        outputs, inputs = ([s for x in shapes for s in x.sizes] for shapes in (sizing.outputs, sizing.inputs))
        if not all(exact(size, 1)[0] for size in outputs) and _divides_anew(inputs, outputs, sizing, node):
            names.append(node.name)
    return tuple(names)


def _divides_anew(inputs: Sequence[Any], outputs: Sequence[Any], sizing: Any, node: Any) -> bool:
    """Tell whether a layer itself divides inexactly, on inputs taken as exact."""
    if not any(isinstance(size, Many) for size in inputs) or not outputs:
        return False
    clean = tuple(
        shape._replace(sizes=tuple(Many(s.values) if isinstance(s, Many) else s for s in shape.sizes))
        for shape in sizing.inputs
    )
    output = node.layer.output(*clean)
    shapes = [output] if hasattr(output, "sizes") else output
    return not all(exact(size, 1)[0] for shape in shapes for size in shape.sizes)


def _verify(base: Graph, name: str, sets: Sequence[SizeSet]) -> tuple[int, bool]:
    """Return at how many sizes plain inference agreed with the sets, and whether somewhere it did not."""
    free = _free(base.inputs[name])
    choices = [_trials(sizes) for sizes in sets]
    agreed = 0
    for combination in itertools.islice(zip(*[itertools.cycle(c) for c in choices], strict=False), 0, None):
        if agreed >= _COMBINATIONS:
            break
        sizes = combination if len(combination) == len(free) else combination * len(free)
        right = all(size in members for size, members in zip(combination, sets, strict=True))
        if (not sizings_of(with_spatial(base, name, sizes))[1]) != right:
            return agreed, True
        agreed += 1
    return agreed, False


def _trials(sizes: SizeSet) -> list[int]:
    """Return sizes to verify a set at: its smallest, those around it, and some beyond what was searched."""
    first = list(itertools.islice(sizes.members(), 3))
    beyond = sizes.searched + (sizes.period or 1) * 5
    last = [n for n in range(beyond, beyond + 4 * max(sizes.period, 1)) if n in sizes][:4]
    tried = [*first, *last, *(n - 1 for n in (*first, *last) if n > 1), *(n + 1 for n in (*first, *last)), 1]
    return list(dict.fromkeys(tried))


def _merged(entries: Sequence[AxisSizes]) -> list[AxisSizes]:
    """Return the axes with those of one set taken together."""
    merged: list[AxisSizes] = []
    for entry in entries:
        for i, other in enumerate(merged):
            if (other.legal, other.exact) == (entry.legal, entry.exact):
                rounded = tuple(dict.fromkeys((*other.rounded, *entry.rounded)))
                merged[i] = other._replace(
                    axes=other.axes + entry.axes, given=other.given + entry.given, rounded=rounded
                )
                break
        else:
            merged.append(entry)
    return merged
