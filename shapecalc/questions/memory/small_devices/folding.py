"""Batch normalisations folded into the convolutions before them, as every runtime for inference does.

At inference a batch normalisation multiplies each channel by a constant and adds another. If it directly follows a
convolution whose output nothing else reads, these move into that one's weights and bias: its parameters, its running
statistics and the layer itself vanish (Jacob et al. 2018, arXiv:1712.05877, section 3.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.model.graph import Reference

if TYPE_CHECKING:
    from shapecalc.model.graph import Graph

__all__ = ["fold_norms"]


def fold_norms(graph: Graph) -> Graph:
    """Return a graph with every normalisation that can be folded left out, and a bias in the layer before each."""
    folded = _folded(graph)
    if not folded:
        return graph
    kept = [index for index in range(len(graph.nodes)) if index not in folded]
    moved = {index: number for number, index in enumerate(kept)}

    def of(ref: Reference) -> Reference:
        while ref.node in folded:
            ref = Reference(folded[ref.node])
        return ref if ref.node < 0 else Reference(moved[ref.node], ref.output)

    biased = set(folded.values())
    nodes = []
    for index in kept:
        node = graph.nodes[index]
        layer = node.layer.with_bias() if node.layer and index in biased else node.layer
        shares = moved[node.shares] if node.shares >= 0 else node.shares
        nodes.append(node._replace(layer=layer, inputs=tuple(map(of, node.inputs)), shares=shares))
    return graph._replace(nodes=tuple(nodes), outputs=tuple(map(of, graph.outputs)), expectations=())


def _folded(graph: Graph) -> dict[int, int]:
    """Return the normalisations that can be folded, each with the layer before it."""
    readers = graph.readers()
    sharing = {index for index, node in enumerate(graph.nodes) if node.shares >= 0}
    sharing |= {node.shares for node in graph.nodes if node.shares >= 0}
    found: dict[int, int] = {}
    for index, node in enumerate(graph.nodes):
        if not node.layer or not node.layer.scales_channels or index in sharing:
            continue
        (ref,) = node.inputs
        before = graph.nodes[ref.node].layer if ref.node >= 0 else None
        is_own = ref.node not in sharing and readers.get(ref.node) == 1 and ref.node not in found
        if before and is_own and before.with_bias() is not None:
            found[index] = ref.node
    return found
