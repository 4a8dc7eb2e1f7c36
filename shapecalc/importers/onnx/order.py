"""The order in which the nodes of an ONNX graph are read: that of the file, but each node after those that it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from shapecalc.importers.onnx.messages import NodeMessage

    Users = Mapping[str, Sequence[NodeMessage]]

__all__ = ["cycle_text", "in_order"]

_SHOWN = 4


def in_order(
    nodes: Sequence[NodeMessage], known: Collection[str], users: Users, late: Callable[[int, str, int], None],
    cyclic: Callable[[Sequence[int]], None],
) -> Iterator[tuple[int, NodeMessage]]:  # fmt: skip
    """Yield nodes with their numbers; the nodes that one needs are before it, where the file has them after it.

    `known` are the tensors so far, to which the caller adds the outputs of each node; `users` are the nodes that use
    a tensor. `late` is called for the first node that stands before one that it needs: with its number, the tensor and
    the number of that. Where nodes need each other, `cyclic` is called with the numbers of a cycle, each before one
    that needs it.
    """
    for number, node in enumerate(nodes):
        for name in node.inputs:
            if name and name not in known:
                rest = range(number, len(nodes))
                maker = next((later for later in rest if name in nodes[later].outputs), None)
                order, cycle = ([], []) if maker is None else _sorted(rest, nodes, users)
                if cycle:
                    cyclic(cycle)
                elif maker is not None:
                    late(number, name, maker)
                yield from ((one, nodes[one]) for one in order or rest)
                return
        yield number, node


def _sorted(numbers: Sequence[int], nodes: Sequence[NodeMessage], users: Users) -> tuple[Sequence[int], Sequence[int]]:
    """Return the numbers of these nodes with those that each needs before it; and those of the first cycle, or none."""
    number_of = {id(nodes[number]): number for number in numbers}
    needs: dict[int, list[int]] = {number: [] for number in numbers}
    for number in numbers:
        for name in nodes[number].outputs:
            for user in users.get(name, ()) if name else ():
                if id(user) in number_of:
                    needs[number_of[id(user)]].append(number)
    found: dict[int, None] = {}
    open_ones: set[int] = set()
    cycle: list[int] = []
    for first in numbers:
        waiting = [first]
        while waiting:
            number = waiting[-1]
            unmet = [] if number in found else [one for one in needs[number] if one not in found]
            open_ones.add(number)
            before = [one for one in unmet if one not in open_ones]
            if len(before) < len(unmet) and not cycle:
                within = open_ones - found.keys()
                cycle = _cycle(number, {one: [by for by in needs[one] if by in within] for one in within})
            if before:
                waiting += before[::-1]
            else:
                found.setdefault(number)
                waiting.pop()
    return list(found), cycle


def cycle_text(paths: Sequence[str]) -> str:
    """Return the nodes of a cycle as text, of many some: `node[1] Add → node[2] Tanh → node[1] Add`."""
    more = len(paths) - _SHOWN
    shown = [*paths[:_SHOWN], f"{more:,} more", paths[0]] if more > 1 else [*paths, paths[0]]
    return " → ".join(shown)


def _cycle(number: int, needs: Mapping[int, Sequence[int]]) -> list[int]:
    """Return the numbers of a cycle, from its first in the file; every node that is needed here needs another."""
    path: list[int] = []
    while number not in path:
        path.append(number)
        number = needs[number][0]
    cycle = path[path.index(number) :][::-1]
    first = cycle.index(min(cycle))
    return [*cycle[first:], *cycle[:first]]
