"""The part of a network that could be inferred after a shape error, and the inputs of the layers with errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.layers.base.layer import KINDS, Composite
from shapecalc.model.graph import Reference
from shapecalc.model.rows import can_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.errors import LayerError
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.graph import Graph, Node
    from shapecalc.model.rows import Sizing

__all__ = ["inferred_part", "is_made_of_others", "with_inputs"]


def inferred_part(graph: Graph, sizings: Sequence[Sizing | None]) -> tuple[Graph, list[Sizing]]:
    """Return the graph of the layers whose sizes are known, and these sizes: of every branch up to its shape error.

    A layer is inferred only if all its inputs are, so all references stay within the part. A layer that shares the
    weights of one that is not in it, or whose weights have other sizes, counts them itself. Expectations are of the
    whole network, so the part has none.
    """
    known = {index: sizing for index, sizing in enumerate(sizings) if sizing is not None}
    new_index = {old: new for new, old in enumerate(known)}

    def moved(ref: Reference) -> Reference:
        return ref if ref.node < 0 else Reference(new_index[ref.node], ref.output)

    nodes = []
    for index, sizing in known.items():
        node = graph.nodes[index]
        owner = known.get(node.shares)
        shares = new_index[node.shares] if owner and can_share(sizing, owner) else -1
        nodes.append(node._replace(inputs=tuple([moved(ref) for ref in node.inputs]), shares=shares))
    outputs = {
        name: moved(ref)
        for name, ref in graph.named_outputs().items()
        if ref.node < 0 or (ref.node in known and ref.output < len(known[ref.node].outputs))
    }
    part = graph._replace(
        nodes=tuple(nodes), outputs=tuple(outputs.values()), output_names=tuple(outputs), expectations=()
    )
    return part, list(known.values())


def is_made_of_others(kind: str) -> bool:
    """Return whether a block is a composite: its layers are not written in the specification."""
    cls = KINDS.get(kind)
    return cls is not None and issubclass(cls, Composite)


def with_inputs(graph: Graph, node: Node, inputs: tuple[Shape, ...], error: LayerError) -> tuple[str, ...]:
    """Return why a layer does not fit, with the origins of its inputs; as products where features disagree.

    A line of the error that has only the sizes of several inputs is replaced.
    """
    if all(ref.node < 0 for ref in node.inputs):
        return error.why  # the input of the network is known to the reader
    described: list[str] = []
    sizes = {f"input {number} is {shape.text}" for number, shape in enumerate(inputs, 1)}
    why = [line for line in error.why if not sizes.issuperset(line.split(", "))]
    for shape, ref in zip(inputs[:_GIVEN], node.inputs, strict=False):
        whole = f" = {shape.elements:,}" if shape.rank > 1 and shape.elements in error.sides else ""
        which = "its input" if len(inputs) == 1 else f"input {len(described) + 1}"
        described.append(f"{which} is {shape.text}{whole} from {graph.name_of(ref)}")
    more = len(inputs) - len(described)
    return (*why, f"{', '.join(described)}{f', and {more:,} more' if more else ''}")


_GIVEN = 4
