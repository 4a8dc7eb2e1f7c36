"""The parts of a network, as the blocks of its graph have them, and how they are wired."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from shapecalc.exporters.structure.parts import Body, Local, Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.model.graph import Graph, Reference

__all__ = ["parts_of", "wire"]


def parts_of(graph: Graph, *, nested: bool = True) -> Body:
    """Return the network as a body: with its blocks as parts, or, if not `nested`, its layers alone."""
    kept = _kept_blocks(graph) if nested else set()
    chains: dict[int, list[int]] = {-1: []}
    for index, block in enumerate(graph.blocks):  # a block stands after the one around it
        chains[index] = [*chains[block.parent], index] if index in kept else chains[block.parent]
    return _body(graph, [chains[node.block] for node in graph.nodes], range(len(graph.nodes)), -1, 0)


def _body(graph: Graph, chains: Sequence[Sequence[int]], nodes: range, block: int, depth: int) -> Body:
    prefix = f"{graph.blocks[block].name}." if block >= 0 else ""
    parts: list[Part] = []
    index = nodes.start
    while index < nodes.stop:
        chain = chains[index]
        inner = chain[depth] if len(chain) > depth else -1
        stop = index + 1
        body = None
        name = graph.nodes[index].name
        if inner >= 0:
            while stop < nodes.stop and len(chains[stop]) > depth and chains[stop][depth] == inner:
                stop += 1
            body = _body(graph, chains, range(index, stop), inner, depth + 1)
            name = graph.blocks[inner].name
        parts.append(Part(index, stop, [name.removeprefix(prefix)], body))
        index = stop
    kind = graph.blocks[block].kind if block >= 0 else ""
    return Body(nodes.start, nodes.stop, kind, parts)


def _kept_blocks(graph: Graph) -> set[int]:
    """Return the blocks whose layers stand together, and share weights as whole blocks if others do."""
    ranges: dict[int, list[int]] = {}
    for index, node in enumerate(graph.nodes):
        block = node.block
        while block >= 0:
            found = ranges.setdefault(block, [index, index + 1, 0])
            found[1] = index + 1
            found[2] += 1
            block = graph.blocks[block].parent
    kept = {block for block, (start, stop, count) in ranges.items() if stop - start == count}
    spans = {(start, stop) for block, (start, stop, _) in ranges.items() if block in kept}
    return {block for block in kept if _shares_whole(graph, ranges[block][0], ranges[block][1], spans)}


def _shares_whole(graph: Graph, start: int, stop: int, spans: set[tuple[int, int]]) -> bool:
    """Return whether the layers of a block share weights only with each other, or with those of one block."""
    outside = {node.shares - index for index, node in enumerate(graph.nodes[start:stop], start)
               if node.shares >= 0 and not start <= node.shares < stop}  # fmt: skip
    if not outside:
        return True
    if len(outside) > 1:
        return False
    shift = outside.pop()
    return (start + shift, stop + shift) in spans or stop - start == 1


def wire(graph: Graph, body: Body, inputs: Sequence[Reference], *, is_shared: bool = False) -> None:
    """Work out the inputs of every part, and what each shares; `inputs` are those of the body itself.

    Where the body shares weights as a whole, `is_shared`, its parts say so only of weights within it.
    """
    body.inputs = list(inputs)
    starts = [part.start for part in body.parts]

    def local(ref: Reference) -> Local:
        if not body.start <= ref.node < body.stop:
            return Local(-1 - body.inputs.index(ref))
        index = bisect_right(starts, ref.node) - 1
        return Local(index, body.parts[index].stop - 1 - ref.node, ref.output)

    for part in body.parts:
        if part.body is None:
            part.inputs = tuple([local(ref) for ref in graph.nodes[part.start].inputs])
        else:
            every = [ref for node in graph.nodes[part.start : part.stop] for ref in node.inputs]
            own = [*dict.fromkeys(ref for ref in every if not part.start <= ref.node < part.stop)]
            part.inputs = tuple([local(ref) for ref in own])
        part.share = _shared_range(graph, part)
        if part.share and is_shared and not body.start <= part.share[0] < body.stop:
            part.share = None
        if part.body is not None:
            wire(graph, part.body, own, is_shared=is_shared or part.share is not None)


def _shared_range(graph: Graph, part: Part) -> tuple[int, int] | None:
    """Return the range of the nodes whose weights a part uses, if these are outside of it."""
    for index, node in enumerate(graph.nodes[part.start : part.stop], part.start):
        if node.shares >= 0 and not part.start <= node.shares < part.stop:
            start = node.shares - (index - part.start)
            return start, start + part.stop - part.start
    return None
