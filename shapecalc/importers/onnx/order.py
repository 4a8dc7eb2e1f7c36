"""The order in which the nodes of an ONNX graph are read: that of the file, but each node after those that it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from shapecalc.importers.onnx.messages import NodeMessage

    Users = Mapping[str, Sequence[NodeMessage]]

__all__ = ["in_order"]


def in_order(
    nodes: Sequence[NodeMessage], known: Collection[str], users: Users, late: Callable[[int, str, int], None]
) -> Iterator[tuple[int, NodeMessage]]:
    """Yield nodes with their numbers; the nodes that one needs are before it, where the file has them after it.

    `known` are the tensors so far, to which the caller adds the outputs of each node; `users` are the nodes that use
    a tensor. `late` is called for the first node that stands before one that it needs: with its number, the tensor and
    the number of that. Where nodes need each other, the order is that of the file.
    """
    for number, node in enumerate(nodes):
        for name in node.inputs:
            if name and name not in known:
                rest = range(number, len(nodes))
                maker = next((later for later in rest if name in nodes[later].outputs), None)
                order = None if maker is None else _sorted(rest, nodes, users)
                if maker is not None and order is not None:
                    late(number, name, maker)
                yield from ((one, nodes[one]) for one in order or rest)
                return
        yield number, node


def _sorted(numbers: Sequence[int], nodes: Sequence[NodeMessage], users: Users) -> list[int] | None:
    """Return the numbers of these nodes with those that each needs before it; None where nodes need each other."""
    number_of = {id(nodes[number]): number for number in numbers}
    needs: dict[int, list[int]] = {number: [] for number in numbers}
    for number in numbers:
        for name in nodes[number].outputs:
            for user in users.get(name, ()) if name else ():
                if id(user) in number_of:
                    needs[number_of[id(user)]].append(number)
    found: dict[int, None] = {}
    open_ones: set[int] = set()
    for first in numbers:
        waiting = [first]
        while waiting:
            number = waiting[-1]
            before = [] if number in found else [one for one in needs[number] if one not in found]
            if before and number in open_ones:
                return None
            if before:
                open_ones.add(number)
                waiting += before[::-1]
            else:
                found.setdefault(number)
                waiting.pop()
    return list(found)
