"""Masks of attention among the tensors that a file stores: fractions, but not learned.

A mask is added to scores before a softmax, and has two values: 0 where a position is seen, and a large negative one
where it is not; or only zeros. But zeros of each head, or that are looked up, are a bias of positions that was not
trained yet. A tensor that is only compared with others is one too. The elements of no other tensor are looked at, and
of a large one only some.
"""

from __future__ import annotations

import re
import struct
from math import prod
from typing import TYPE_CHECKING

from shapecalc.checkpoints.wire import Span
from shapecalc.importers.onnx.elements import FLOATS

if TYPE_CHECKING:
    from shapecalc.checkpoints.wire import WireReader
    from shapecalc.importers.onnx.external import Neighbours
    from shapecalc.importers.onnx.messages import GraphMessage, NodeMessage, TensorMessage

__all__ = ["computed", "stored_masks", "was_constant"]

_OF_NODE = re.compile(r"(^|/)Constant(_\d+)?_output_0(_quantized)?$")

_BEFORE = ("Add", "Where", "Reshape", "Cast", "Identity")
"""Operations between the product of queries and keys and the softmax of its scores."""
_MOVES = ("Slice", "Unsqueeze", "Squeeze", "Reshape", "Cast", "Expand", "Identity", "Transpose", "Gather",
          "QuantizeLinear", "DequantizeLinear")  # fmt: skip
"""Operations after which a mask is still that mask."""
_COMPARISONS = ("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Not")
_DEEPEST = 8
_LEAST_HIDDEN = -1.0
_WORDS = {1: "f", 10: "e", 11: "d"}
_SAMPLES, _PART = 16, 4096


def was_constant(name: str) -> bool:
    """Return whether a tensor was the output of a Constant node, by the name that PyTorch's exporter gives to these.

    onnxruntime stores such tensors as weights are when it optimises or quantises a file; no weight has such a name.
    """
    return _OF_NODE.search(name) is not None


def computed(graph: GraphMessage) -> list[str]:
    """Return the stored tensors that stand for no parameter, though of fractions: an exporter computed them.

    As the first states of a cell, and what it makes of these, or the scale of a normalisation without one. What it has
    computed of one parameter that is not stored itself, or of one alone with as many elements, stands for that.
    """
    found = []
    parameters = {name: sources & graph.parameters for name, sources in graph.folded.items() if name in graph.weights}
    stands = frozenset().union(*[own for own in parameters.values() if len(own) == 1])
    for name, sources in parameters.items():
        own = [graph.weights.get(one) for one in sources]
        alone = own[0] if len(own) == 1 else None
        is_it = alone is not None and prod(alone.dims) == prod(graph.weights[name].dims)
        are_there = all(one in graph.weights or (len(sources) > 1 and one in stands) for one in sources)
        if are_there and not is_it:
            found.append(name)
    return found


def stored_masks(graph: GraphMessage, reader: WireReader, neighbours: Neighbours) -> tuple[frozenset[str], list[str]]:
    """Return the names of the stored tensors of a graph that are masks; and of those that may be, but were not read."""
    if not {_plain(node.op) for node in graph.nodes} & {"Softmax", *_COMPARISONS}:
        return frozenset(), []
    makers = {output: node for node in graph.nodes for output in node.outputs}
    users: dict[str, list[NodeMessage]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            users.setdefault(name, []).append(node)
    added: dict[str, bool] = {}
    for node in graph.nodes:
        if _plain(node.op) == "Softmax" and node.inputs:
            for name, looked_up in _added(node.inputs[0], makers, graph):
                added[name] = looked_up or added.get(name, False)
    hides = {name: _hides(graph.weights[name], reader, neighbours, is_bias=looked_up or name in graph.parameters)
             for name, looked_up in sorted(added.items())}  # fmt: skip
    compared = [name for name in graph.weights if name in users and _is_compared(name, users)]
    unread = [name for name, answer in hides.items() if answer is None and name not in compared]
    return frozenset([*(name for name, answer in hides.items() if answer), *compared]), unread


def _plain(op: str) -> str:
    """Return the operation that one on quantised tensors stands for."""
    return op.removeprefix("QLinear")


def _added(scores: str, makers: dict[str, NodeMessage], graph: GraphMessage) -> list[tuple[str, bool]]:
    """Return the stored tensors that are added to scores, and whether rows of them are looked up."""
    waiting, found = [(scores, 0, False)], []
    while waiting:
        name, depth, looked_up = waiting.pop()
        node = makers.get(name)
        if name in graph.weights:
            found.append((name, looked_up))
        elif node is not None and depth < _DEEPEST and _plain(node.op) in {*_BEFORE, *_MOVES}:
            waiting += [(one, depth + 1, looked_up or node.op == "Gather") for one in node.inputs]
    return found


def _is_compared(name: str, users: dict[str, list[NodeMessage]]) -> bool:
    """Return whether a tensor is only compared, perhaps after it was moved."""
    waiting, compared = [(name, 0)], False
    while waiting:
        tensor, depth = waiting.pop()
        for node in users.get(tensor, ()):
            if node.op in _COMPARISONS:
                compared = True
            elif node.op in _MOVES and tensor == node.inputs[0] and depth < _DEEPEST:
                waiting += [(one, depth + 1) for one in node.outputs]
            else:
                return False
    return compared


def _hides(tensor: TensorMessage, reader: WireReader, neighbours: Neighbours, *, is_bias: bool) -> bool | None:
    """Return whether the elements of a tensor are 0 and one large negative value, or all 0, which hides nothing.

    All 0, it is none if it `is_bias`, or has several heads. None where they are in another file, and could not be read.
    """
    values: set[float] = set(tensor.items or ())
    if tensor.items is None:
        word = _WORDS.get(tensor.type, "")
        outside, inside = tensor.outside, tensor.data
        if not word or prod(tensor.dims) < 2 or (outside is None and inside is None):
            return False
        whole = Span(0, outside.length) if outside else inside
        assert whole is not None
        for part in _parts(whole, struct.calcsize(word)):
            data = (neighbours.read(outside, part.start, part.end - part.start) if outside
                    else reader.data[part.start : part.end])  # fmt: skip
            if data is None:
                return None
            values.update(struct.unpack(f"<{len(data) // struct.calcsize(word)}{word}", data))
            if len(values) > 2:
                return False
    if tensor.type not in FLOATS:  # quantised: which of two values is 0 depends on its zero point
        return len(values) <= 2 and prod(tensor.dims) > 1
    seen, hidden = max(values, default=1), min(values, default=1)
    if hidden == 0 and (is_bias or any(size > 1 for size in tensor.dims[-3:-2])):
        return False
    return len(values) <= 2 and prod(tensor.dims) > 1 and seen == 0 and (hidden == 0 or hidden <= _LEAST_HIDDEN)


def _parts(data: Span, size: int) -> list[Span]:
    """Return all of some data, or samples of it where it is large."""
    whole = data.end - data.start
    if whole <= _SAMPLES * _PART:
        return [data]
    step = (whole - _PART) // (_SAMPLES - 1) // size * size
    return [Span(at, at + _PART) for at in range(data.start, data.end - _PART + 1, step)]
