"""The graph of an ONNX file as it grows: nodes, constants and weights."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from shapecalc.exporters.onnx.messages import FLOAT, INT64, node_message, tensor_message

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BATCH", "LEARNED", "NodeGraph"]

BATCH = "N"
"""The name of the size of the batch."""
LEARNED = {"shapecalc.learned": "true"}
"""The metadata of a node that stands for a learned tensor."""


class _Node:
    """A node: its outputs may get other names until it is written."""

    def __init__(self, op: str, name: str, inputs: list[str], outputs: list[str], attributes: dict[str, Any]) -> None:
        self.op = op
        self.name = name
        self.inputs = inputs
        self.outputs = outputs
        self.attributes = attributes
        self.metadata: dict[str, str] = {}

    def message(self) -> bytes:
        """Return the node as it is written."""
        return node_message(self.op, self.name, self.inputs, self.outputs, self.attributes, self.metadata)


class NodeGraph:
    """Nodes and constants. `path` is the hierarchy that new nodes stand in: `/layer1/0/conv1`."""

    def __init__(self) -> None:
        self.nodes: list[_Node] = []
        self.initializers: dict[Any, tuple[str, bytes]] = {}
        self.path = ""
        self.fixed: set[str] = set()
        """Tensors that are the same for every sample: their first axis is 1, not the batch."""
        self.integers: set[str] = set()
        """Tensors of whole numbers."""
        self.weights_alone: set[str] = set()
        """Learned tensors, which have no axis for the batch."""
        self.cache: dict[Any, str] = {}
        """Tensors that several layers compute alike, as masks."""
        self._learned: dict[str, str] = {}
        self._names: Counter[str] = Counter()
        self._taken: set[str] = set()
        self._begun = 0

    def take(self, name: str) -> str:
        """Return a name that no tensor has yet: this one, or with a number."""
        found, number = name, 1
        while found in self._taken:
            number += 1
            found = f"{name}_{number}"
        self._taken.add(found)
        return found

    def begin(self, path: str) -> None:
        """Begin the nodes of a layer."""
        self.path = path
        self._begun = len(self.nodes)

    def op(self, op: str, *inputs: str, outputs: int = 1, name: str = "", **attributes: Any) -> Any:
        """Add a node, and return its output, or all of them where it has several. `name` is that of the output."""
        own = f"{self.path}/{op}"
        self._names[own] += 1
        if self._names[own] > 1:
            own = f"{own}_{self._names[own] - 1}"
        stem = name or re.sub(r"^/", "", own)
        outs = [self.take(stem if outputs == 1 else f"{stem}_output_{i}") for i in range(outputs)]
        self.nodes.append(_Node(op, own, list(inputs), outs, attributes))
        return outs[0] if outputs == 1 else outs

    def finish(self, found: Sequence[str], names: Sequence[str]) -> list[str]:
        """Give the outputs of the layer their names, where nodes of its own make them; and return what they are."""
        own = self.nodes[self._begun :]
        made = {output for node in own for output in node.outputs}
        renamed: dict[str, str] = {}
        for tensor, name in zip(found, names, strict=True):
            if tensor in made and tensor not in renamed:
                renamed[tensor] = self.take(name)
        for node in own:
            node.inputs = [renamed.get(name, name) for name in node.inputs]
            node.outputs = [renamed.get(name, name) for name in node.outputs]
        for group in (self.fixed, self.integers):
            group.update([renamed[name] for name in renamed if name in group])
        return [renamed.get(name, name) for name in found]

    def numbers(self, *items: int) -> str:
        """Return a constant list of whole numbers."""
        return self._initializer(INT64, (len(items),), items)

    def number(self, value: float) -> str:
        """Return a constant number: a whole one, or a fraction."""
        return self._initializer(INT64 if type(value) is int else FLOAT, (), (value,))

    def _initializer(self, type_: int, dims: tuple[int, ...], items: tuple[Any, ...]) -> str:
        key = (type_, dims, items)
        if key not in self.initializers:
            words = "_".join(map(str, items[:8])) or "none"
            name = self.take(f"constants/{words}")
            self.initializers[key] = name, tensor_message(name, type_, dims, items)
        return self.initializers[key][0]

    def fractions(self, *items: float) -> str:
        """Return a constant list of fractions: the output of a node, as it is not learned."""
        return str(self.op("Constant", value=tensor_message("", FLOAT, (len(items),), items)))

    def learned(self, name: str, dims: Sequence[int]) -> str:
        """Return a learned tensor by its whole name, which is made when it is first used."""
        found = self._learned.get(name)
        if found is None:
            found = self._learned[name] = self.filled(dims, name=name)
            self.nodes[-1].metadata = LEARNED
            self.weights_alone.add(found)
        return found

    def filled(self, dims: Sequence[int], value: float = 0.0, name: str = "", *, is_integer: bool = False) -> str:
        """Return a tensor of equal elements, in place of one that is stored."""
        of_type = INT64 if is_integer else FLOAT
        more: dict[str, Any] = (
            {"value": tensor_message("", of_type, (1,), (int(value) if is_integer else value,))}
            if value or is_integer
            else {}
        )
        return str(self.op("ConstantOfShape", self.numbers(*dims), name=name, **more))
