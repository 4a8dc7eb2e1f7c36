"""Which input sizes a network accepts: all that are legal, the smallest, and those without rounding.

Every size is tried, from 1 to beyond three periods of its pattern, on lists of candidates: one pass over the formulas
for all of them. The pattern is then verified beyond that, by plain inference.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims.lists import Many, exact
from shapecalc.errors import Problem, ShapeError, UsageError
from shapecalc.model.advice import advised
from shapecalc.model.answer import Answer
from shapecalc.model.generic_inference import infer_generic
from shapecalc.model.inference import sizings_of
from shapecalc.questions.sizes.patterns import find_pattern_of
from shapecalc.questions.sizes.scanning import InputAxis, axis_names, free_sizes, scan, varied, with_sizes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.model.graph import Graph
    from shapecalc.questions.sizes.periodic import SizeSet

__all__ = [
    "AxisSizes",
    "InputAxis",
    "LegalSizes",
    "axis_names",
    "find_pattern_of",
    "find_sizes",
    "free_sizes",
    "scan",
    "with_sizes",
]

VERSION = 1
"""The version of the JSON contract."""

_FIRST = 512
_COMBINATIONS = 24
_TRIED_BEYOND = 4
_MOST_WORK = 10_000_000
"""The maximum number of candidates' tensors inferred to find which inputs must change together: seconds."""


class AxisSizes(NamedTuple):
    """The sizes that axes of the inputs may have: each separately, or (`together`) all equal.

    `exact` are those with which every window ends at the edge, and no map is broadcast.
    `rounded` names the layers where the given size is not exact.
    """

    inputs: tuple[str, ...]
    axes: tuple[str, ...]
    given: tuple[int, ...]
    together: bool
    legal: SizeSet
    exact: SizeSet
    rounded: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the axes in the form of the JSON contract."""
        return {
            "inputs": list(self.inputs),
            "axes": list(self.axes),
            "given": list(self.given),
            "given_legal": all(size in self.legal for size in self.given),
            "given_exact": all(size in self.exact for size in self.given),
            "rounded_at": list(self.rounded),
            "together": self.together,
            "legal": self.legal.to_dict(),
            "exact": self.exact.to_dict(),
        }


class _LegalSizesFields(NamedTuple):
    name: str
    axes: tuple[AxisSizes, ...]
    verified: int
    notes: tuple[str, ...] = ()


class LegalSizes(Answer, _LegalSizesFields):
    """The sizes that a network's inputs may have. `verified` is the number of sizes at which plain inference agreed."""

    __slots__ = ()
    drawn_by = "answers.sizes.draw_sizes"
    table = "inputs"

    def to_dict(self) -> dict[str, Any]:
        """Return the answer in the form of the JSON contract."""
        return {
            "version": VERSION,
            "name": self.name,
            **self.notes_to_dict(),
            "verified": self.verified,
            "inputs": [entry.to_dict() for entry in self.axes],
        }


def find_sizes(graph: Graph, overridden: str = "") -> LegalSizes:
    """Return the input sizes that a network accepts. Its own sizes need not be among them.

    `overridden` is the note on sizes that replace those of the specification, for the hint of an error.

    Errors: `ShapeError` for what no input size would fix, and if none of those tried did.
    """
    try:
        answer = _find_sizes(graph)
        if all(entry.legal.smallest for entry in answer.axes):
            return answer
    except ShapeError:
        if not sizings_of(graph)[1]:
            raise
    from shapecalc.model.copies import gathered  # only where something is wrong

    raise ShapeError(
        advised(graph, gathered(sizings_of(graph)[1]), overridden)
    )  # for the given sizes, not for many at once


def _find_sizes(graph: Graph) -> LegalSizes:
    _check_work(graph)
    found: list[AxisSizes] = []
    verified = 0
    for names in _input_groups(graph):
        input_axes = [(name, axis) for name in names for axis in range(len(graph.free_axes(names[0])))]
        base = _legal_base(graph, input_axes)
        entries = [] if base is None or len(names) > 1 else [_entry(base, graph, (axis,)) for axis in input_axes]
        agreed, wrong = _verify(base or graph, [((p,), e.legal) for p, e in zip(input_axes, entries, strict=False)])
        if wrong or not entries:
            axes = [tuple(p for p in input_axes if p[1] == axis) for axis in sorted({axis for _, axis in input_axes})]
            apart = base is not None and not wrong
            groups = axes if apart else [tuple(input_axes)]
            entries = [_entry(base or graph, graph, group) for group in groups]
            agreed, _ = _verify(base or graph, [(g, e.legal) for g, e in zip(groups, entries, strict=True)])
        verified += agreed
        found += _merged(entries)
    return LegalSizes(graph.name, tuple(found), verified, graph.notes)


def _check_work(graph: Graph) -> None:
    """Check that a network does not have too many inputs to try their sizes. Errors: `UsageError`."""
    tensors = sum([1 + len(node.inputs) for node in graph.nodes])
    sizes = [graph.free_axes(name) for name in graph.inputs]
    patterns = _FIRST * sum([1 + len(free) for free in sizes])
    pairs = sum([3 * _most(free) * sizes[:i].count(free) for i, free in enumerate(sizes)])
    if len(sizes) > 1 and tensors * (patterns + pairs) > _MOST_WORK:
        raise UsageError(
            Problem(
                f"{graph.name or 'the network'} has {len(sizes):,} inputs, whose sizes are too many to try with "
                f"{tensors:,} tensors between its layers",
                hint="use a part of it with fewer inputs",
            )
        )


def _most(free: tuple[int, ...]) -> int:
    """Return the maximum size at which two inputs are tried together."""
    return _FIRST // 8 + min(2 * free[0] if free else 0, 8 * _FIRST)


def _input_groups(graph: Graph) -> list[list[str]]:
    """Return the inputs with free axes, grouped: inputs that cannot change their sizes separately are in one group."""
    groups: list[list[str]] = []
    for name in graph.inputs:
        if not graph.free_axes(name):
            continue
        for group in groups:
            if free_sizes(graph, group[0]) == free_sizes(graph, name) and _are_coupled(graph, group[0], name):
                group.append(name)
                break
        else:
            groups.append([name])
    return groups


def _are_coupled(graph: Graph, one: str, other: str) -> bool:
    """Return whether two inputs can be larger together, but not separately."""
    input_axes = [(one, 0)], [(other, 0)], [(one, 0), (other, 0)]
    most = _most(free_sizes(graph, one))
    alone, _, both = (sum(scan(varied(graph, group, range(1, most + 1)), most)[0]) for group in input_axes)
    return both > alone


def _legal_base(graph: Graph, input_axes: Sequence[InputAxis]) -> Graph | None:
    """Return the graph at a legal size, to vary an axis of; None if there is none with equal axes."""
    if not sizings_of(graph)[1]:
        return graph
    legal, _ = find_pattern_of(partial(varied, graph, input_axes))
    near = legal.nearest(max((free_sizes(graph, name)[axis] for name, axis in input_axes), default=1))
    return with_sizes(graph, dict.fromkeys(input_axes, near[-1])) if near else None


def _entry(base: Graph, graph: Graph, input_axes: Sequence[InputAxis]) -> AxisSizes:
    axes = tuple(dict.fromkeys(axis_names(graph, name)[axis] for name, axis in input_axes))
    given = [free_sizes(graph, name)[axis] for name, axis in input_axes]
    legal, exact_sizes = find_pattern_of(partial(varied, base, input_axes), given)
    names = tuple(dict.fromkeys(name for name, _ in input_axes))
    rounded = _rounded(base, dict(zip(input_axes, given, strict=True)))
    return AxisSizes(names, axes, tuple(given[: len(axes)]), len(axes) > 1, legal, exact_sizes, rounded)


def _rounded(graph: Graph, given: Mapping[InputAxis, int]) -> tuple[str, ...]:
    """Return the layers at which the given size is first not exact."""
    one = {axis: Many([size]) for axis, size in given.items()}
    inferred = infer_generic(with_sizes(graph, one), counts=False)
    names = []
    for node, sizing in zip(inferred.graph.nodes, inferred.sizings, strict=True):
        outputs, inputs = ([s for x in shapes for s in x.sizes] for shapes in (sizing.outputs, sizing.inputs))
        if not all(exact(size, 1)[0] for size in outputs) and _divides_inexactly(inputs, outputs, sizing, node):
            names.append(node.name)
    return tuple(names)


def _divides_inexactly(inputs: Sequence[Any], outputs: Sequence[Any], sizing: Any, node: Any) -> bool:
    """Return whether a layer itself divides inexactly, if its inputs are exact."""
    if not any(isinstance(size, Many) for size in inputs) or not outputs:
        return False
    clean = tuple(
        shape._replace(sizes=tuple(Many(s.values) if isinstance(s, Many) else s for s in shape.sizes))
        for shape in sizing.inputs
    )
    output = node.layer.output(*clean)
    shapes = [output] if hasattr(output, "sizes") else output
    return not all(exact(size, 1)[0] for shape in shapes for size in shape.sizes)


def _verify(base: Graph, sets: Sequence[tuple[Sequence[InputAxis], SizeSet]]) -> tuple[int, bool]:
    """Return at how many sizes plain inference agreed with the sets, and whether it ever disagreed."""
    choices = [_trials(sizes) for _, sizes in sets]
    longest = max((len(c) for c in choices), default=0)
    combinations = dict.fromkeys(
        tuple(choice[(turn * (1 + 2 * i) + i * shift) % len(choice)] for i, choice in enumerate(choices))
        for shift in (0, 3)
        for turn in range(longest)
    )
    chosen = list(combinations)[:_COMBINATIONS]
    for combination in chosen:
        sizes = {p: size for (input_axes, _), size in zip(sets, combination, strict=True) for p in input_axes}
        right = all(size in members for (_, members), size in zip(sets, combination, strict=True))
        if (not sizings_of(with_sizes(base, sizes))[1]) != right:
            return 0, True
    return len(chosen), False


def _trials(sizes: SizeSet) -> list[int]:
    """Return sizes at which to verify a set: its smallest, those around it, and some beyond what was searched."""
    first = list(itertools.islice(sizes.members(), 3))
    last: list[int] = []
    for _ in range(_TRIED_BEYOND):
        beyond = last[-1] + 1 if last else sizes.searched + (sizes.period or 1) * 5
        last += [n for n in sizes.nearest(beyond) if n >= beyond][:1]
    tried = [*first, *last, *(n - 1 for n in (*first, *last) if n > 1), *(n + 1 for n in (*first, *last)), 1]
    return list(dict.fromkeys(tried))


def _merged(entries: Sequence[AxisSizes]) -> list[AxisSizes]:
    """Return the axes with those of equal sets merged."""
    merged: list[AxisSizes] = []
    for entry in entries:
        for i, other in enumerate(merged):
            if (other.legal, other.exact) == (entry.legal, entry.exact):
                rounded = tuple(dict.fromkeys((*other.rounded, *entry.rounded)))
                axes, given = other.axes + entry.axes, other.given + entry.given
                merged[i] = other._replace(axes=axes, given=given, rounded=rounded)
                break
        else:
            merged.append(entry)
    return merged
