"""The part of a network that could be inferred, where the rest does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.model.graph import Reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.model.graph import Graph
    from shapecalc.model.report import Sizing

__all__ = ["inferred_part"]


def inferred_part(graph: Graph, sizings: Sequence[Sizing | None]) -> tuple[Graph, list[Sizing]]:
    """Return the graph of the layers whose sizes are known, and these sizes: of every branch up to its failure.

    A layer is sized only where all its inputs are, so that no reference of the part leads out of it. A layer that
    shares the weights of one that is not known counts them itself. Expectations are of the whole network, so the part
    has none.
    """
    known = {index: sizing for index, sizing in enumerate(sizings) if sizing is not None}
    place = {old: new for new, old in enumerate(known)}

    def moved(ref: Reference) -> Reference:
        return ref if ref.node < 0 else Reference(place[ref.node], ref.output)

    nodes = []
    for index in known:
        node = graph.nodes[index]
        nodes.append(
            node._replace(inputs=tuple([moved(ref) for ref in node.inputs]), shares=place.get(node.shares, -1))
        )
    outputs = {
        name: moved(ref)
        for name, ref in graph.named_outputs().items()
        if ref.node < 0 or (ref.node in known and ref.output < len(known[ref.node].outputs))
    }
    part = graph._replace(nodes=tuple(nodes), outputs=tuple(outputs.values()), output_names=tuple(outputs), claims=())
    return part, list(known.values())
