"""Blocks found by repetition: sequences of parts that occur several times, wired in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.exporters.structure.parts import Body, Part
from shapecalc.layers.base.arguments import DILATION, KERNEL, PADDING

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from shapecalc.layers.base.arguments import Argument
    from shapecalc.model.graph import Graph

__all__ = ["find_blocks"]

_SHORTEST, _LONGEST = 2, 80
_FEWEST = 48
"""A list of fewer layers is short enough to be read, and keeps their names."""
_MOST_PARTS = 4_000
_MOST_BLOCKS = 12
_TRIED = 40
_MOST_INPUTS = 1


class _Unit(NamedTuple):
    """A part, or found blocks that are alike and follow one another: what is compared, and the range of the parts."""

    token: Hashable
    first: int
    stop: int


class _Repeated(NamedTuple):
    """A sequence that occurs several times: its length, the indices of its first units, and what it saves."""

    length: int
    starts: list[int]
    saved: int


def find_blocks(graph: Graph, body: Body) -> None:
    """Replace sequences of parts that are repeated by blocks, the ones that save most first."""
    for inner in body.bodies():
        find_blocks(graph, inner)
    layers = sum(part.body is None for part in body.parts)
    if layers < _FEWEST or len(body.parts) > _MOST_PARTS:
        return
    users = _users_of(graph)
    held = {index for own, node in enumerate(graph.nodes) if node.shares >= 0 for index in (own, node.shares)}
    for _ in range(_MOST_BLOCKS):
        units = _units(graph, body, held)
        joined = _joined(graph, body, units)
        best = _best(graph, body, joined, users)
        if best is not None:
            units = joined
        else:
            best = _best(graph, body, units, users)
        if best is None:
            return
        _replace(body, units, best)


def _units(graph: Graph, body: Body, held: set[int]) -> list[_Unit]:
    return [_Unit(_token(graph, part, held), i, i + 1) for i, part in enumerate(body.parts)]


def _joined(graph: Graph, body: Body, single: Sequence[_Unit]) -> list[_Unit]:
    """Return the units, where found blocks that are alike and follow one another are one."""
    units: list[_Unit] = []
    for unit in single:
        before = units[-1] if units else None
        part = body.parts[unit.first]
        if part.body and before and before.token == unit.token and _continues(graph, body.parts[unit.first - 1], part):
            units[-1] = before._replace(stop=unit.stop)
        else:
            units.append(unit)
    return units


def _continues(graph: Graph, before: Part, part: Part) -> bool:
    """Return whether the only input of a part is the output of the one before."""
    inputs = {ref for node in graph.nodes[part.start : part.stop] for ref in node.inputs if ref.node < part.start}
    return inputs == {(before.stop - 1, 0)}


def _users_of(graph: Graph) -> list[list[int]]:
    """Return the nodes that use each node; an output of the network is used by a node after the last."""
    users: list[list[int]] = [[] for _ in graph.nodes]
    for index, node in enumerate(graph.nodes):
        for ref in node.inputs:
            if ref.node >= 0:
                users[ref.node].append(index)
    for ref in graph.outputs:
        if ref.node >= 0:
            users[ref.node].append(len(graph.nodes))
    return users


def _best(graph: Graph, body: Body, units: Sequence[_Unit], users: Sequence[Sequence[int]]) -> _Repeated | None:
    numbers: dict[Hashable, int] = {}
    tokens = [numbers.setdefault(unit.token, len(numbers)) for unit in units]
    ranges = [(body.parts[unit.first].start, body.parts[unit.stop - 1].stop) for unit in units]
    best: _Repeated | None = None
    for found in _candidates(tokens):
        if best and found.saved <= best.saved:
            break
        alike: dict[Any, list[int]] = {}
        for start in found.starts:
            pattern = _pattern(graph, ranges[start : start + found.length], users)
            if pattern is not None:
                alike.setdefault(pattern, []).append(start)
        for starts in alike.values():
            saved = _saved(found.length, len(starts))
            if saved > 0 and (best is None or saved > best.saved):
                best = _Repeated(found.length, starts, saved)
    return best


def _saved(length: int, count: int) -> int:
    """Return how many items less a text has, if a sequence is written once, and used so many times."""
    return length * count - count - length - 3


def _candidates(tokens: Sequence[int]) -> list[_Repeated]:
    """Return repeated sequences that do not overlap themselves, the most saving first, the longest of equal ones."""
    found: list[_Repeated] = []
    ids = list(tokens)
    for length in range(2, min(_LONGEST, len(tokens) // 2) + 1):
        numbers: dict[tuple[int, int], int] = {}
        pairs = zip(ids, tokens[length - 1 :], strict=False)
        ids = [numbers.setdefault(pair, len(numbers)) for pair in pairs]
        if len(numbers) == len(ids):
            break
        if length < _SHORTEST:
            continue
        places: dict[int, list[int]] = {}
        for start, one in enumerate(ids):
            if tokens[start] == tokens[start + 1]:
                continue  # the same twice is a repeat, or begins in the middle of one
            known = places.setdefault(one, [])
            if not known or known[-1] + length <= start:
                known.append(start)
        found += [
            _Repeated(length, starts, _saved(length, len(starts)))
            for starts in places.values()
            if len(starts) > 1 and _saved(length, len(starts)) > 0
        ]
    found.sort(key=lambda one: (-one.saved, -one.length, one.starts[0]))
    return found[: _TRIED * 10]


def _token(graph: Graph, part: Part, held: set[int]) -> Hashable:
    """Return what parts must have in common to be one: kinds, and those of their arguments that are no widths.

    Those that share weights (`held`), and blocks of the graph, are like no other.
    """
    if part.body is not None and not part.body.is_found:
        return part.start  # it has a name
    if part.body is not None:
        return tuple([_token(graph, inner, held) for inner in part.body.parts])
    node = graph.nodes[part.start]
    if part.start in held or node.layer is None:
        return part.start  # it stays where it can be named
    layer = node.layer
    fixed = [(name, repr(one)) for name, one in layer.values().items() if _is_fixed(layer.arguments[name], one)]
    return (layer.kind, len(node.inputs), *node.marks, *fixed)


def _is_fixed(argument: Argument, value: Any) -> bool:
    return isinstance(value, (str, bool, float)) or argument.role in (KERNEL, PADDING, DILATION)


def _pattern(graph: Graph, ranges: Sequence[tuple[int, int]], users: Sequence[Sequence[int]]) -> Any:
    """Return how ranges of nodes are wired; None for those with too many inputs, or outputs besides the last."""
    start, stop = ranges[0][0], ranges[-1][1]
    inputs: dict[Any, int] = {}
    wires = []
    for number, (first, end) in enumerate(ranges):
        for ref in dict.fromkeys(ref for node in graph.nodes[first:end] for ref in node.inputs):
            if ref.node < start:
                wires.append((number, -1 - inputs.setdefault(ref, len(inputs)), 0, 0))
            elif ref.node < first:
                which = next(k for k in range(number) if ranges[k][0] <= ref.node < ranges[k][1])
                wires.append((number, which, ranges[which][1] - ref.node, ref.output))
    if len(inputs) > _MOST_INPUTS:
        return None
    if any(user >= stop for index in range(start, stop - 1) for user in users[index]):
        return None
    return tuple(wires)


def _replace(body: Body, units: Sequence[_Unit], found: _Repeated) -> None:
    """Make each occurrence a block."""
    starts = {*found.starts}
    parts: list[Part] = []
    index = 0
    while index < len(units):
        length = found.length if index in starts else 1
        own = body.parts[units[index].first : units[index + length - 1].stop]
        if index in starts:
            first, last = own[0].start, own[-1].stop
            own = [Part(first, last, [""], Body(first, last, "", own, is_found=True))]
        parts += own
        index += length
    body.parts = parts
