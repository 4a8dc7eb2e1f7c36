"""The structure of a network: blocks, with parameters, and repeats, found again from hierarchy and repetition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.exporters.structure.definitions import define
from shapecalc.exporters.structure.hierarchy import parts_of, wire
from shapecalc.exporters.structure.repetition import find_blocks
from shapecalc.model.graph import Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.exporters.structure.parts import Definition, Operation
    from shapecalc.model.graph import Graph

__all__ = ["DEEPEST", "find_structure"]

DEEPEST = 3
"""The maximum level of structure: 3 with blocks found by repetition, 2 with repeats, 1 with blocks, 0 layers alone."""


def find_structure(
    graph: Graph,
    operations: Sequence[Operation],
    defaults: Callable[[str, str], Any] | None = None,
    level: int = DEEPEST,
    *,
    nested: bool = True,
) -> list[Definition]:
    """Return the definitions of a network, the last being the network itself; `operations` has one for each layer.

    Unless it is `nested`, the blocks of the graph are none of them.
    """
    main = parts_of(graph, nested=nested and level > 0)
    if level >= DEEPEST:
        find_blocks(graph, main)
    wire(graph, main, [Reference(-1 - index) for index in range(len(graph.inputs))])
    return define(graph, main, operations, defaults, repeats=level > 1)
