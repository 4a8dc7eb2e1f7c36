"""What an ONNX file says: nodes, sizes of tensors, small values. The elements of its weights are not read."""

from __future__ import annotations

import re
import struct
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.checkpoints.wire import Span, WireError, WireReader, signed
from shapecalc.importers.inputs import ValueInfo
from shapecalc.importers.onnx.elements import BITS, FLOATS, FORMATS, elements
from shapecalc.importers.onnx.fields import MODEL
from shapecalc.importers.tensors import Constant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shapecalc.importers.onnx.external import Neighbours, OutsideData

__all__ = [
    "MOST_ITEMS",
    "FunctionMessage",
    "GraphMessage",
    "Model",
    "NodeAttribute",
    "NodeMessage",
    "TensorMessage",
    "read_model",
]  # fmt: skip

MOST_ITEMS = 4096
"""The most elements of a tensor that are read as values: a longer one is not a list of sizes."""

_FEW = 8
"""The most fractions that are read in another file: the scales of a node, not weights."""
_MOST_NODES = 500_000
_MOST_AXES = 64
_LARGEST = 2**40

_EXTERNAL = 1

_SIGNATURE = "pkg.torch.export.ExportedProgram.graph_signature"
"""In the metadata of a graph of PyTorch's newer exporter: what the inputs of the program are."""
_PARAMETER = re.compile(r": PARAMETER target='([^']*)'")
_FOLDED = "pkg.onnxscript.optimizer.folded_from"
"""In the metadata of a tensor that it computed: of which ones."""
_QUOTED = re.compile(r"'([^']*)'")


class TensorMessage(NamedTuple):
    """A tensor of the file: its sizes, its type, the elements of a small one (None: not read), and where they lie.

    `outside` is where they lie in another file, `unread` the name of that file and why a small one was not read there.
    """

    name: str
    dims: tuple[int, ...]
    type: int
    items: tuple[Any, ...] | None
    data: Span | None = None
    outside: OutsideData | None = None
    unread: str = ""

    def constant(self, *, is_quantised: bool = False) -> Constant:
        """Return it as a tensor of the graph: learned if it is of fractions, or stands for them, and no single one."""
        learned = (self.type in FLOATS or is_quantised) and prod(self.dims) > 1
        return Constant(self.dims, self.items, (self.name,), learned, self.unread)


class NodeAttribute(NamedTuple):
    """An attribute of a node: its value; `refers` is the attribute of the function around it that it is."""

    name: str
    value: Any
    refers: str = ""


class NodeMessage(NamedTuple):
    """One node as the file has it."""

    op: str
    name: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, NodeAttribute]
    metadata: dict[str, str]


class GraphMessage(NamedTuple):
    """A graph: nodes in order, tensors that are stored, inputs, outputs and stated sizes.

    `parameters` are the names of those of the module, where the exporter states them; `folded` is of what it computed
    each stored tensor that is none.
    """

    name: str
    nodes: tuple[NodeMessage, ...]
    weights: dict[str, TensorMessage]
    inputs: tuple[ValueInfo, ...]
    outputs: tuple[ValueInfo, ...]
    stated: dict[str, ValueInfo]
    parameters: frozenset[str] = frozenset()
    folded: Mapping[str, frozenset[str]] = MappingProxyType({})


class FunctionMessage(NamedTuple):
    """A function of the file: a node of its name stands for its nodes."""

    nodes: tuple[NodeMessage, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    defaults: dict[str, NodeAttribute]
    opset: int


class Model(NamedTuple):
    """A whole file: its graph, its functions by domain and name, and the version of ONNX' own operations.

    `masks` are the names of stored tensors that are masks of attention, or constants; `notes` are on those that may be;
    `unread` are notes on other files in which its elements could not be read; `quantised` are the names of tensors of
    whole numbers that stand for fractions, `scales` of those by which they do; `repeated` are the axes along which all
    parts of a stored tensor are the same, `tied` the tables of which one is the transpose.
    """

    graph: GraphMessage
    functions: dict[tuple[str, str], FunctionMessage]
    opset: int
    masks: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    quantised: frozenset[str] = frozenset()
    scales: frozenset[str] = frozenset()
    repeated: Mapping[str, tuple[int, ...]] = MappingProxyType({})
    tied: Mapping[str, str] = MappingProxyType({})


def read_model(reader: WireReader, neighbours: Neighbours) -> Model:
    """Return the model of a file. Errors: `WireError`."""
    found = reader.message(MODEL)
    if "graph" not in found:
        raise WireError("it has no graph")
    texts = _Texts(reader, neighbours)
    functions = {}
    for message in found.get("functions", ()):
        key = (message.get("domain", ""), message.get("name", ""))
        functions[key] = FunctionMessage(
            texts.nodes(message), tuple(message.get("inputs", ())), tuple(message.get("outputs", ())),
            texts.attributes(message.get("defaults", ())), _opset(message),
        )  # fmt: skip
    return Model(texts.graph(found["graph"]), functions, _opset(found))


def _opset(message: dict[str, Any]) -> int:
    versions = [one.get("version", 1) for one in message.get("opsets", ()) if one.get("domain", "") in ("", "ai.onnx")]
    return max(versions, default=1)


class _Texts:
    """Makes what is used of messages."""

    def __init__(self, reader: WireReader, neighbours: Neighbours) -> None:
        self.reader = reader
        self.neighbours = neighbours
        self.count = 0
        self._attributes: dict[int, NodeAttribute] = {}
        self._sizes: dict[int, _StatedType] = {}

    def graph(self, message: dict[str, Any]) -> GraphMessage:
        weights = [self.weight(one) for one in message.get("weights", ())]
        weights += [self.weight({**one.get("values", {}), "dims": one.get("dims", [])}, sparse=True)
                    for one in message.get("sparse", ())]  # fmt: skip
        outputs = tuple(map(self._value_info, message.get("outputs", ())))
        stated = {info.name: info for info in (*map(self._value_info, message.get("stated", ())), *outputs)}
        signature = next((one["value"] for one in message.get("metadata", ())
                          if one.get("key") == _SIGNATURE and "value" in one), "")  # fmt: skip
        return GraphMessage(
            message.get("name", ""), self.nodes(message), {weight.name: weight for weight in weights},
            tuple(map(self._value_info, message.get("inputs", ()))), outputs, stated,
            frozenset(_PARAMETER.findall(signature)), dict(self._folded(message)) if signature else {},
        )  # fmt: skip

    def _folded(self, message: dict[str, Any]) -> Iterator[tuple[str, frozenset[str]]]:
        """Return the tensors that an exporter computed, and of which ones."""
        for info in message.get("stated", ()):
            for text in map(self._text, info.get("metadata", ())):
                if _FOLDED in text:
                    yield info.get("name", ""), frozenset(_QUOTED.findall(text))

    def nodes(self, message: dict[str, Any]) -> tuple[NodeMessage, ...]:
        found = message.get("nodes", ())
        self.count += len(found)
        if self.count > _MOST_NODES:
            raise WireError(f"it has more than {_MOST_NODES:,} nodes")
        return tuple([
            NodeMessage(
                node.get("op", ""), node.get("name", ""), node.get("domain", ""), tuple(node.get("inputs", ())),
                tuple(node.get("outputs", ())), self.attributes(node.get("attributes", ())),
                {one.get("key", ""): one.get("value", "") for one in node.get("metadata", ())},
            )
            for node in found
        ])  # fmt: skip

    def attributes(self, messages: Any) -> dict[str, NodeAttribute]:
        return {one.name: one for one in map(self._attribute, messages)}

    def _attribute(self, message: dict[str, Any]) -> NodeAttribute:
        """Return an attribute: the same for one and the same message, as equal ones are."""
        found = self._attributes.get(id(message))
        if found is None:
            found = NodeAttribute(message.get("name", ""), self._value(message), message.get("refers", ""))
            self._attributes[id(message)] = found
        return found

    def _value_info(self, message: dict[str, Any]) -> ValueInfo:
        """Return a tensor with its stated sizes: the same for one and the same message of a type."""
        kind = message.get("type", _NO_TYPE)
        found = self._sizes.get(id(kind))
        if found is None:
            found = self._sizes[id(kind)] = _stated_type(kind)
        return ValueInfo(message.get("name", ""), *found)

    def _value(self, message: dict[str, Any]) -> Any:
        """Return the value of an attribute: a number, a text, a list, a tensor, or a graph; None for another.

        A number of 0 and an empty text or list may be left out of the file: its type then says what it is.
        """
        if "t" in message:
            return self.weight(message["t"])
        if "g" in message:
            return self.graph(message["g"])
        if "floats" in message:
            return [number for span in message["floats"] for number in self._floats(span)]
        if "strings" in message:
            return [self._text(span) for span in message["strings"][:MOST_ITEMS]]
        for key in ("f", "i", "s", "ints"):
            if key in message:
                return message[key]
        empty: dict[int, Any] = {1: 0.0, 2: 0, 3: "", 6: [], 7: [], 8: []}
        return empty.get(message.get("type", 0))

    def _floats(self, span: Any) -> Iterator[float]:
        if not isinstance(span, Span):
            raise WireError("a list of fractions has the wire type of whole numbers")
        count = min((span.end - span.start) // 4, MOST_ITEMS)
        data = self.reader.data[span.start : span.start + 4 * count]
        yield from struct.unpack(f"<{count}f", data)

    def _text(self, span: Any) -> str:
        if not isinstance(span, Span) or span.end - span.start > MOST_ITEMS:
            return ""
        return self.reader.data[span.start : span.end].decode("utf-8", "replace")

    def weight(self, message: dict[str, Any], *, sparse: bool = False) -> TensorMessage:
        """Return a tensor that the file holds. Errors: `WireError` for impossible sizes, or other data than those."""
        name, dims, code = message.get("name", ""), tuple(message.get("dims", ())), message.get("type", 0)
        if len(dims) > _MOST_AXES or (dims and not 0 <= min(dims) <= max(dims) <= _LARGEST):
            shown = "×".join(map(str, dims[:8]))
            raise WireError(f"the tensor {name or 'of a constant'} has the impossible size {shown}")
        count = prod(dims)
        raw = message["raw"][0] if "raw" in message else None
        if isinstance(raw, Span) and raw.end > raw.start and message.get("location") != _EXTERNAL and not sparse:
            due = -(-count * BITS.get(code, 0) // 8)
            if code in BITS and raw.end - raw.start != due:
                size = "×".join(map(str, dims)) or "one element"
                held = f"{raw.end - raw.start:,} bytes, but its size {size} is {due:,}"
                raise WireError(f"the tensor {name or 'of a constant'} holds {held}", raw.start)
        items, outside = None, None
        if message.get("location") == _EXTERNAL and not sparse:
            outside = self.neighbours.find(message.get("external", ()), -(-count * BITS.get(code, 0) // 8))
            items = self._outside_items(outside, count, code)
        elif count <= MOST_ITEMS and not sparse:
            items = self._items(message, count, code)
        place = outside.location if outside and items is None else ""
        unread = f"{place[:200]}: {self.neighbours.unread[place]}" if place in self.neighbours.unread else ""
        data = raw if isinstance(raw, Span) and not sparse else None
        return TensorMessage(name, dims, code, items, data, outside, unread)

    def _outside_items(self, outside: OutsideData | None, count: int, code: int) -> tuple[Any, ...] | None:
        """Return the elements of a small tensor in another file: of fractions only a few, as they may be weights."""
        if count == 0:
            return ()
        if outside is None or code not in FORMATS or count > (_FEW if code in FLOATS else MOST_ITEMS):
            return None
        data = self.neighbours.read(outside, 0, outside.length)
        return None if data is None else elements(data, count, code, FORMATS[code])

    def _items(self, message: dict[str, Any], count: int, code: int) -> tuple[Any, ...] | None:
        """Return the elements of a small tensor, however they are stored; None where they are not there."""
        if count == 0:
            return ()
        for key, word in (("raw", FORMATS.get(code, "")), ("floats", "f"), ("doubles", "d")):
            spans = [span for span in message.get(key, ()) if isinstance(span, Span)]
            data = b"".join(self.reader.data[span.start : span.end] for span in spans) if word else b""
            if data and len(data) == count * struct.calcsize(f"<{word}"):
                return elements(data, count, code if key == "raw" else 0, word)
        for key in ("longs", "ints", "unsigned"):
            found: list[int] = []
            for span in message.get(key, ()):
                found += self.reader.numbers(span, count) if isinstance(span, Span) else [signed(span)]
            if len(found) == count and code not in FLOATS:
                return tuple(found)
        return None


_StatedType = tuple[tuple[int | str, ...] | None, int]
_NO_TYPE: dict[str, Any] = {}


def _stated_type(message: dict[str, Any]) -> _StatedType:
    """Return the sizes and the number of the type of elements that a message states of a tensor."""
    tensor = message.get("tensor", {})
    shape = tensor.get("shape")
    dims = None
    if shape is not None:
        dims = tuple([dim.get("value", dim.get("name", "")) for dim in shape.get("dims", ())])
    return dims, tensor.get("type", 0)
