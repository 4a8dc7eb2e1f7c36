"""What the nodes of a graph do with its tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.importers.onnx.messages import GraphMessage
from shapecalc.importers.tensors import Constant

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from shapecalc.importers.onnx.messages import NodeAttribute, NodeMessage

__all__ = ["TensorUses", "captured_by", "inputs_behind", "with_attributes"]

_WITH_WEIGHTS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization", "LayerNormalization", "LSTM", "GRU",
                 "RNN", "GroupNormalization", "InstanceNormalization", "PRelu")  # fmt: skip
_RECURRENT, _STATES = ("LSTM", "GRU", "RNN"), (5, 6)
_OF_TYPES = ("Cast", "QuantizeLinear", "DequantizeLinear")
_MOST_FOLLOWED = 32


class TensorUses:
    """Which nodes use each tensor of a graph, and what is known of the tensors so far."""

    def __init__(
        self, nodes: Sequence[NodeMessage], outputs: Collection[str], scope: Mapping[str, Any],
        scales: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        self.scales = scales
        self.users = _users(nodes)
        self.outputs = outputs
        self.scope = scope
        self._nodes = nodes
        self._constants: set[str] | None = None

    def is_used(self, name: str) -> bool:
        """Return whether a tensor is an input of any node, or an output of the graph."""
        return name in self.users or name in self.outputs

    def only_user(self, name: str) -> NodeMessage | None:
        """Return the only node that a tensor is an input of, if there is one and it is no output of the graph."""
        found = self.users.get(name, [])
        return found[0] if len(found) == 1 and found[0].outputs and name not in self.outputs else None

    def only_user_of_values(self, name: str) -> tuple[str, NodeMessage | None]:
        """Return the only node that uses the values of a tensor, and under which name: it may be quantised before."""
        while (node := self.only_user(name)) is not None and self._keeps_values(node):
            name = node.outputs[0]
        return name, node

    def _keeps_values(self, node: NodeMessage) -> bool:
        """Return whether a node only changes the type of its input, or the scale of one that is quantised."""
        return node.op in _OF_TYPES or (node.op == "Mul" and not self.scales.isdisjoint(node.inputs))

    def only_feed(self, name: str, op: str) -> bool:
        """Return whether a tensor is an input of nodes of one operation alone."""
        users = self.users.get(name, [])
        return bool(users) and name not in self.outputs and all(node.op == op for node in users)

    @staticmethod
    def is_weight(node: NodeMessage, index: int) -> bool:
        """Return whether an input of a node is its weight: its first is none, nor are states of a recurrent layer."""
        return node.op in _WITH_WEIGHTS and index > 0 and not (node.op in _RECURRENT and index in _STATES)

    def feed_weights(self, made: str) -> bool:
        """Return whether a tensor becomes weights of a layer, perhaps after further operations on constants."""
        if self._constants is None:
            self._constants = _constants_of(self._nodes, self.scope)
        waiting, seen = [made], {made}
        while waiting and len(seen) < _MOST_FOLLOWED:
            tensor = waiting.pop()
            for node in self.users.get(tensor, ()):
                if node.op in _WITH_WEIGHTS:
                    if any(name == tensor and self.is_weight(node, i) for i, name in enumerate(node.inputs)):
                        return True
                elif self._constants.issuperset(filter(None, node.inputs)):
                    new = [one for one in node.outputs if one not in seen]
                    waiting += new
                    seen.update(new)
        return False


def _constants_of(nodes: Sequence[NodeMessage], scope: Mapping[str, Any]) -> set[str]:
    """Return the tensors that depend on no input, of a graph of which only what is around it is known."""
    found = {name for name, x in scope.items() if isinstance(x, Constant)}
    for node in nodes:
        if found.issuperset(filter(None, node.inputs)):
            found.update(node.outputs)
    return found


def _users(nodes: Sequence[NodeMessage]) -> dict[str, list[NodeMessage]]:
    """Return the nodes that each tensor is an input of; a graph within a node may use all that are outside."""
    found: dict[str, list[NodeMessage]] = {}
    waiting = [(node, node) for node in nodes]
    while waiting:
        node, outer = waiting.pop()
        for name in node.inputs:
            found.setdefault(name, []).append(outer)
        for attribute in node.attributes.values():
            if isinstance(attribute.value, GraphMessage):
                inner = attribute.value
                waiting += [(one, outer) for one in inner.nodes]
                for info in inner.outputs:
                    found.setdefault(info.name, []).append(outer)
    return found


def captured_by(node: NodeMessage) -> list[str]:
    """Return the tensors around a node that the graphs within it use."""
    waiting, used = [node], dict[str, None]()
    made: set[str] = set()
    while waiting:
        for attribute in waiting.pop().attributes.values():
            inner = attribute.value
            if isinstance(inner, GraphMessage):
                waiting += inner.nodes
                made.update(inner.weights, (info.name for info in inner.inputs))
                made.update(name for one in inner.nodes for name in one.outputs)
                used.update(dict.fromkeys(name for one in inner.nodes for name in one.inputs))
                used.update(dict.fromkeys(info.name for info in inner.outputs))
    return [name for name in used if name and name not in made]


def inputs_behind(nodes: Sequence[NodeMessage], name: str, inputs: Collection[str]) -> tuple[str, ...]:
    """Return the inputs of a graph that a tensor is computed of."""
    makers = {output: node for node in nodes for output in node.outputs}
    waiting, seen, found = [name], {name}, []
    while waiting:
        tensor = waiting.pop()
        if tensor in inputs:
            found.append(tensor)
        elif tensor in makers:
            new = [one for one in makers[tensor].inputs if one not in seen]
            seen.update(new)
            waiting += new
    return tuple(name for name in inputs if name in found)


def with_attributes(
    node: NodeMessage, given: Mapping[str, NodeAttribute], defaults: Mapping[str, NodeAttribute]
) -> NodeMessage:
    """Return a node of a function with the attributes that it has of the node that stands for the function."""
    found = {}
    for name, attribute in node.attributes.items():
        if attribute.refers:
            value = given.get(attribute.refers) or defaults.get(attribute.refers)
            if value is not None:
                found[name] = value._replace(name=name)
        else:
            found[name] = attribute
    return node._replace(attributes=found)
