"""Modules that are called several times: each call is a block of its own, and all calls are alike.

A file has the layers of all calls under the path of the one module. What the calls have in common are their weights.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from shapecalc.model.graph import Node

    Path = tuple[str, ...]

__all__ = ["split_calls"]


def split_calls(
    nodes: Sequence[Node], paths: list[Path], names: list[str], has_weights: Container[int]
) -> tuple[list[Path], list[str]]:
    """Return the paths and names of nodes, where a further call of a module is beside the first: `enc`, `enc_2`.

    Within it they are those of the first call. `has_weights` are the nodes that have weights.
    """
    paths, names = [*paths], [*names]
    if all(node.shares < 0 for node in nodes):
        return paths, names
    for depth in range(1, max(map(len, paths), default=0) + 1):
        inside: dict[Path, list[int]] = {}
        for index, path in enumerate(paths):
            if len(path) >= depth:
                inside.setdefault(path[:depth], []).append(index)
        taken = {*inside}
        for path, indices in inside.items():
            period = _period(nodes, [paths[i][depth:] for i in indices], indices, has_weights)
            for start in range(period, len(indices), period) if period else ():
                own = _free(path, taken)
                for index, first in zip(indices[start : start + period], indices, strict=False):
                    paths[index], names[index] = (*own, *paths[first][depth:]), names[first]
    return paths, names


def _period(nodes: Sequence[Node], paths: Sequence[Path], indices: Sequence[int], has_weights: Container[int]) -> int:
    """Return how many nodes each call of a module has; 0 if it is called once, or is a single node."""
    places = {index: place for place, index in enumerate(indices)}
    period = next((place - places[nodes[index].shares] for index, place in places.items()
                   if nodes[index].shares in places), 0)  # fmt: skip
    if period < 2 or len(indices) % period:
        return 0
    words = [(nodes[index].kind, *[re.sub(r"_\d+$", "", part) for part in path])
             for index, path in zip(indices, paths, strict=True)]  # fmt: skip
    for place in range(period, len(indices)):
        index, before = indices[place], indices[place - period]
        owner = nodes[before].shares if nodes[before].shares >= 0 else before
        is_shared = nodes[index].shares == owner or (nodes[index].shares < 0 and index not in has_weights)
        if words[place] != words[place - period] or not is_shared:
            return 0
    return period


def _free(path: Path, taken: set[Path]) -> Path:
    """Return a path beside another that is none of those that are taken, and take it."""
    number = 2
    while (own := (*path[:-1], f"{path[-1]}_{number}")) in taken:
        number += 1
    taken.add(own)
    return own
