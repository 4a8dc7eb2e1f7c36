"""An imported graph, with names and blocks from the hierarchy in the names of its nodes."""

from __future__ import annotations

import os
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from shapecalc.collection import new_tuple
from shapecalc.importers.repeated_calls import split_calls
from shapecalc.importers.tensors import Data, NodePlace, Unsized
from shapecalc.model.graph import Block, Graph, Node, Reference

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from shapecalc.importers.frame import Frame

__all__ = ["DEEPEST", "graph_of", "network_outputs", "relative", "without_reuse"]

_KIND = "block"
_BLOCK = Node._fields.index("block")
DEEPEST = 24
"""The depth of blocks: what a name has below it stays in the name of the layer."""


def relative(parts: Sequence[str]) -> list[str]:
    """Return the parts of a path without what each repeats of the one before: `layer1`, `layer1.0` is `layer1`, `0`."""
    found, before = [], ""
    for part in parts:
        found.append(part.removeprefix(before + ".") if before else part)
        before = part
    return found


def without_reuse(places: Sequence[NodePlace]) -> list[NodePlace]:
    """Return places where a module that is one operation, called again, is no block: `relu`, not `relu.relu`."""
    at: dict[tuple[str, ...], list[int]] = {}
    for number, place in enumerate(places):
        at.setdefault(place.blocks, []).append(number)
    again = {path: numbers for path, numbers in at.items() if 0 < len(path) <= DEEPEST and _are_apart(numbers)
             and len({places[i].name for i in numbers}) == 1}  # fmt: skip
    if not again:
        return list(places)
    above = {path[:depth] for path in at for depth in range(1, len(path))}
    found = list(places)
    for path in again.keys() - above:
        for i in again[path]:
            found[i] = NodePlace(places[i].path, path[:-1], path[-1])
    return found


def _are_apart(numbers: Sequence[int]) -> bool:
    """Return whether there are several numbers, none next to another."""
    return len(numbers) > 1 and all(b - a > 1 for a, b in pairwise(numbers))


def graph_of(
    frame: Frame, file: str, outputs: Iterable[Reference], places: Sequence[NodePlace] | None = None, *,
    title: str = "", tensors: Mapping[str, tuple[str, tuple[int, ...]]] | None = None, **more: Any,
) -> Graph:  # fmt: skip
    """Return the graph of the layers of a frame: it has the title, or else the name of the file.

    `places` are in place of those of the frame; `tensors` are the names and sizes of the tensors of the file, by what
    identifies them; `more` are other fields of the graph.
    """
    nodes, blocks = _named(frame.nodes, frame.places if places is None else places, frame.sources)
    name = title or os.path.splitext(os.path.basename(file))[0]
    held = {nodes[i].name: dict([tensors[name] for name in names if name in tensors])
            for i, names in frame.sources.items()} if tensors else {}  # fmt: skip
    return Graph(
        name, frame.inputs, nodes, tuple(outputs), blocks=blocks, file=file, steps=len(nodes), is_written=False,
        tensors=held, **more,
    )  # fmt: skip


def network_outputs(frame: Frame, found: Iterable[tuple[str, Any]]) -> tuple[list[Reference], list[str]]:
    """Return the outputs of a network, of tensors with their names: a constant is none; the last layer if none is."""
    outputs = [(one.ref, name) for name, one in found if isinstance(one, Data)
               or (isinstance(one, Unsized) and one.ref.node >= 0)]  # fmt: skip
    if not outputs and frame.nodes:
        outputs = [(Reference(len(frame.nodes) - 1), frame.nodes[-1].name)]
    return [ref for ref, _ in outputs], [name for _, name in outputs]


def _named(
    nodes: Sequence[Node], places: Sequence[NodePlace], has_weights: Container[int]
) -> tuple[tuple[Node, ...], tuple[Block, ...]]:
    """Return nodes with their names, each once, and in their blocks; and these blocks.

    A node without a hierarchy is in the blocks that the nodes around it share. A block of one node is that node.
    """
    paths = [place.blocks[:DEEPEST] for place in places]
    paths, names = split_calls(nodes, paths, [place.name for place in places], has_weights)
    paths = _filled(paths)
    counts = Counter(paths)
    shared = _common(list(counts)) if () not in counts and len(counts) > 1 else ()
    if shared:
        paths = [path[len(shared) :] for path in paths]
        counts = Counter(paths)
    inside: dict[tuple[str, ...], int] = {}
    for path, count in counts.items():
        for depth in range(1, len(path) + 1):
            inside[path[:depth]] = inside.get(path[:depth], 0) + count
    blocks: list[Block] = []
    numbers: dict[tuple[str, ...], int] = {(): -1}
    homes: dict[tuple[str, ...], tuple[str, str | None, int]] = {}
    taken: dict[str, int] = {}
    found = []
    for node, place, path, word in zip(nodes, places, paths, names, strict=True):
        home = homes.get(path)
        if home is None:
            home = homes[path] = _home(path, inside, numbers, blocks)
        before, only, block = home
        own = word.replace(".", "_") or node.kind
        if len(place.blocks) > DEEPEST:
            own = ".".join((*place.blocks[DEEPEST:], own))
        name = before + (own if only is None else only)
        while (times := taken.get(name, 0) + 1) > 1:
            taken[name] = times
            name = f"{name}_{times}"
        taken[name] = 1
        found.append(new_tuple(Node, (name, *node[1:_BLOCK], block, *node[_BLOCK + 1 :])))
    return tuple(found), tuple(blocks)


def _home(
    path: tuple[str, ...],
    inside: Mapping[tuple[str, ...], int],
    numbers: dict[tuple[str, ...], int],
    blocks: list[Block],
) -> tuple[str, str | None, int]:
    """Return how the names of the nodes at a path begin, the rest of that of the only one, and their block.

    A block of one node is that node, under its whole name. Blocks that are new are added.
    """
    length = len(path)
    while length and inside[path[:length]] == 1:
        length -= 1
    around = path[:length]
    if around not in numbers:
        for depth in range(1, length + 1):
            if path[:depth] not in numbers:
                numbers[path[:depth]] = len(blocks)
                blocks.append(Block(".".join(path[:depth]), _KIND, numbers[path[: depth - 1]]))
    number = numbers[around]
    only = ".".join(path[length:]) if length < len(path) else None
    return f"{blocks[number].name}." if length else "", only, number


def _common(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the first parts that all paths have."""
    first, last = min(paths), max(paths)
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:length]


def _filled(paths: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return paths, where an empty one is what those before and after it share."""
    if () not in paths:
        return paths
    before: list[tuple[str, ...]] = []
    last: tuple[str, ...] = ()
    for path in paths:
        last = path or last
        before.append(last)
    found: list[tuple[str, ...]] = []
    last = ()
    for path, left in zip(reversed(paths), reversed(before), strict=True):
        last = path or last
        found.append(path or _common([left, last]))
    return found[::-1]
