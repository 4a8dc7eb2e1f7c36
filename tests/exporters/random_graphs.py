"""Graphs of any wiring, and their origin."""

from __future__ import annotations

from shapecalc.layers import find_kind
from shapecalc.layers.base.shape import Shape
from shapecalc.model.graph import Block, Graph, Node, Reference

__all__ = ["Origin", "random_graph"]


class Origin:
    """The origin of a graph."""

    def __init__(self, graph):
        self.name = graph.name
        self.graph = graph

    def build(self, *_):
        return self.graph, []


def random_graph(chance):
    """A graph of any wiring, with blocks that may have holes, equal names, and weights shared across blocks."""
    shape = Shape((4, 3, 3), is_map=True)
    layers = [find_kind("relu")(), find_kind("conv")(out_channels=4, kernel_size=1), find_kind("add")(),
              find_kind("chunk")(chunks=2, dim=2), find_kind("conv")(out_channels=4, kernel_size=3, padding=1)]  # fmt: skip
    blocks = []
    for number in range(chance.randrange(6)):
        parent = chance.randrange(-1, number)
        prefix = f"{blocks[parent].name}." if parent >= 0 else ""
        blocks.append(
            Block(f"{prefix}{chance.choice(['a', 'b', 'b1', '0'])}{number}", chance.choice(["block", "x"]), parent)
        )
    nodes, block = [], -1
    count = chance.randrange(1, 90)
    period = chance.choice([1, 3, 5, 100])
    choices = [
        (chance.randrange(5), chance.choice([1, 1, 1, 2, 3]), chance.choice([1, 1, 2, 7])) for _ in range(period)
    ]
    for index in range(count):
        which, jump, other = choices[index % period] if chance.random() < 0.95 else (chance.randrange(5), 1, 2)
        layer = layers[which]
        one, two = Reference(max(-2, index - jump)), Reference(max(-2, index - other))
        if layer.kind == "chunk":
            layer = find_kind("identity")()
        inputs = (one, two) if layer.kind == "add" else (one,)
        if blocks and chance.random() < 0.2:
            block = chance.randrange(-1, len(blocks))
        prefix = f"{blocks[block].name}." if block >= 0 else ""
        name = f"{prefix}{chance.choice([layer.kind, layer.kind + '1', 'x', 'y2'])}_{index}"
        owners = [i for i, node in enumerate(nodes) if node.layer is layer and node.shares < 0]
        shares = chance.choice(owners) if owners and layer.kind == "conv" and chance.random() < 0.1 else -1
        nodes.append(Node(name, layer, inputs, None, (), shares, chance.random() < 0.05, block))
    used = {ref.node for node in nodes for ref in node.inputs}
    outputs = [Reference(index) for index in range(count) if index not in used]
    return Graph("random", {"x": shape, "y": shape}, tuple(nodes), tuple(outputs), blocks=tuple(blocks))
