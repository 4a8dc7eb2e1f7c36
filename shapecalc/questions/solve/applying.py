"""A change made to a graph: an argument, the size of an input, or a layer before others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.language import read_plain
from shapecalc.layers import find_kind
from shapecalc.model.graph import Node, Reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.layers.base.layer import Layer
    from shapecalc.model.graph import Graph
    from shapecalc.questions.solve.argument_change import ArgumentChange

__all__ = ["applied"]


def applied(graph: Graph, change: ArgumentChange) -> Graph:
    """Return the graph with a change made."""
    if not change.layers:
        shape = graph.inputs[change.argument]._replace(sizes=change.new)
        return graph._replace(inputs={**graph.inputs, change.argument: shape})
    if change.adds:
        return _with_layers_before(graph, change.argument, change.nodes)
    nodes = list(graph.nodes)
    for index in change.nodes:
        layer = nodes[index].layer
        if layer:
            new = layer.arguments[change.argument].normalise(change.new)
            nodes[index] = nodes[index]._replace(layer=layer.with_values({change.argument: new}))
    return graph._replace(nodes=tuple(nodes))


def _with_layers_before(graph: Graph, item: str, indices: Sequence[int]) -> Graph:
    """Return the graph with the layer of an item (`permute: [2, 1]`) between some layers and their first inputs."""
    layer = _layer_of(item)
    moved: dict[int, int] = {}
    nodes: list[Node] = []

    def at(ref: Reference) -> Reference:
        return ref if ref.node < 0 else ref._replace(node=moved[ref.node])

    for index, node in enumerate(graph.nodes):
        inputs = tuple([at(ref) for ref in node.inputs])
        if index in indices:
            nodes.append(Node(layer.kind, layer, inputs[:1], node.mark, node.uses, block=node.block))
            inputs = (Reference(len(nodes) - 1), *inputs[1:])
        moved[index] = len(nodes)
        nodes.append(node._replace(inputs=inputs, shares=moved.get(node.shares, -1)))
    return graph._replace(nodes=tuple(nodes), outputs=tuple([at(ref) for ref in graph.outputs]))


def _layer_of(item: str) -> Layer:
    kind, _, written = item.partition(":")
    cls = find_kind(kind)
    assert cls is not None  # it is the item of an error's hint
    if not written:
        return cls()
    given = read_plain(written)
    return cls(**(given if isinstance(given, dict) else {next(iter(cls.arguments)): given}))
