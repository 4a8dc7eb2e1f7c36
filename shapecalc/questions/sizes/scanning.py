"""Trying many sizes in one pass: which of them are legal, and which exact."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from shapecalc.dims import BROADCASTS, DIVIDES
from shapecalc.dims.lists import Many, exact, mask, values_of
from shapecalc.layers.base.ranks import names_of_axes
from shapecalc.model.generic_inference import GenericReport, infer_generic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.dims import Constraint
    from shapecalc.model.graph import Graph

__all__ = ["InputAxis", "axis_names", "free_sizes", "scan", "varied", "varies", "with_sizes"]

InputAxis = tuple[str, int]
"""One free axis of one input: the input's name, and which of its free axes."""


def with_sizes(graph: Graph, sizes: Mapping[InputAxis, Any]) -> Graph:
    """Return the graph with other sizes, of any kind of number, on free axes of its inputs."""
    inputs = dict(graph.inputs)
    for (name, axis), size in sizes.items():
        inputs[name] = inputs[name].with_axis(graph.free_axes(name)[axis], size)
    return graph._replace(inputs=inputs)


def free_sizes(graph: Graph, name: str) -> tuple[Any, ...]:
    """Return the sizes of an input along its free axes: the spatial ones, the length, or the only axis."""
    return tuple([graph.inputs[name].sizes[axis] for axis in graph.free_axes(name)])


def axis_names(graph: Graph, name: str) -> tuple[str, ...]:
    """Return the names of the free axes of an input."""
    axes = graph.sized_axes(name)
    names = ("size",) if graph.inputs[name].rank == 1 else names_of_axes(len(axes))
    return tuple([word for axis, word in zip(axes, names, strict=True) if (name, axis) not in graph.held])


def varied(graph: Graph, axes: Sequence[InputAxis], sizes: Sequence[int]) -> Graph:
    """Return the graph with many sizes along axes that are varied together."""
    return with_sizes(graph, dict.fromkeys(axes, Many(sizes)))


def scan(graph: Graph, candidates: int, *, divides: bool = True) -> tuple[list[bool], list[bool]]:
    """Return for each candidate whether a graph on lists of numbers is legal, and whether it is exact.

    Without `divides` divisibility is not checked.
    """
    inferred = infer_generic(graph, counts=any(node.shares >= 0 for node in graph.nodes))
    legal = [True] * candidates
    for constraint in inferred.constraints:
        if not divides and constraint.relation == DIVIDES and varies(constraint):
            continue
        legal = _both(legal, mask(constraint, candidates))
    precise = legal
    for flags in _exactness(inferred, candidates):
        precise = _both(precise, flags)
    return legal, precise


def _both(one: list[bool], other: Sequence[bool]) -> list[bool]:
    """Return which candidates are in both; most constraints are met by all, which needs no new list."""
    return one if all(other) else list(map(operator.and_, one, other))


def varies(constraint: Constraint) -> bool:
    """Return whether a constraint is met by some candidates and not by others."""
    return isinstance(constraint.left, Many) or isinstance(constraint.right, Many)


def _exactness(inferred: GenericReport, candidates: int) -> list[Sequence[bool]]:
    """Return, for each operation that may be inexact, which candidates are exact there."""
    found: list[Sequence[bool]] = []
    seen = set()
    for sizing in inferred.sizings:
        for size in (size for shape in sizing.outputs for size in shape.sizes):
            if isinstance(size, Many) and size.inexact is not None and id(size) not in seen:
                seen.add(id(size))
                found.append(exact(size, candidates))
    for constraint in inferred.constraints:
        if constraint.relation == BROADCASTS and isinstance(constraint.left, Many):
            pairs = zip(constraint.left.values, values_of(constraint.right, candidates), strict=True)
            found.append([a == b for a, b in pairs])
    return found
