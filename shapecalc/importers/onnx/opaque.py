"""Nodes that are no layer here: opaque ones, with the sizes that the file states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.onnx.given import may_have_value, value_like
from shapecalc.importers.onnx.uses import inputs_behind
from shapecalc.importers.tensors import LOST, Batch, Data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.importers.inputs import InputSizes, ValueInfo
    from shapecalc.importers.onnx.messages import GraphMessage, NodeMessage
    from shapecalc.importers.onnx.operations import NodeCall

__all__ = ["opaque", "reason_of"]

_REASONS = {
    "If": "its condition is computed from data", "Loop": "how often it runs is only known when it does",
    "Scan": "its body is not read", "NonZero": "how many it finds is only known when it runs",
    "NonMaxSuppression": "how many boxes it keeps is only known when it runs",
    "Unique": "how many it finds is only known when it runs",

    "Compress": "how many it keeps is only known when it runs",
}  # fmt: skip


def reason_of(op: str) -> str:
    """Return why an operation is none that is read."""
    return _REASONS.get(op, "no layer here does what it does")


def opaque(call: NodeCall, graph: GraphMessage, inputs: InputSizes, reason: str) -> Sequence[Any]:
    """Return the outputs of a node that is no layer here, with the sizes that the file states.

    Errors: `LayerError` where it states none, or none for these sizes of the inputs.
    """
    sizes = [inputs.stated(graph.stated.get(name)) if name else ((1,), False) for name in call.node.outputs]
    if inputs.are_others:
        sizes = [None]
    data = [x for x in call.inputs if isinstance(x, Data)]
    op = f"{call.node.domain}.{call.node.op}" if call.node.domain else call.node.op
    if not sizes or any(found is None or 0 in found[0] for found in sizes):
        name = next((n for n, found in zip(call.node.outputs, sizes, strict=False) if found is None), "")
        raise _unsized(op, "for other sizes of the inputs" if inputs.are_others else name, reason,
                       _deciding(call.node, graph, inputs), inputs)  # fmt: skip
    own = any(x.batch.own for x in data)
    batches = [_batch_of(found, call.frame.batch, own=own) for found in sizes if found]
    shapes = [
        found[0][1:] if batch.own else found[0] for found, batch in zip(filter(None, sizes), batches, strict=True)
    ]
    outputs = call.frame.emit(call.place, "opaque", {"output_sizes": shapes, "op_type": op}, data)
    return [Data(ref, shape, batch) for (ref, shape), batch in zip(outputs, batches, strict=True)]


def _unsized(op: str, which: str, reason: str, deciding: Sequence[ValueInfo], inputs: InputSizes) -> LayerError:
    """Return the error of a node whose output has no size: which inputs would decide it, or how to state it."""
    hint = "" if inputs.are_others else (
        "onnx.shape_inference.infer_shapes writes the sizes that it can work out into a file"
    )  # fmt: skip
    if deciding:
        reason = f"{reason}, of the input {' and '.join(info.name for info in deciding)}"
        hint = "give its value: " + " ".join(f"--value {value_like(info, inputs.inputs)}" for info in deciding)
    message = f"{op} is not covered, and the file does not state the size of its output {which}".rstrip()
    return LayerError(message, (reason,), hint)


def _deciding(node: NodeMessage, graph: GraphMessage, inputs: InputSizes) -> list[ValueInfo]:
    """Return the inputs that may have values, were given none, and decide what a node of ONNX itself does."""
    if node.domain not in ("", "ai.onnx"):
        return []
    infos = {info.name: info for info in graph.inputs if info.name not in graph.weights}
    found = [name for one in node.inputs[node.op != "If" :] for name in inputs_behind(graph.nodes, one, infos)]
    return [infos[name] for name in dict.fromkeys(found) if name in inputs.inputs and may_have_value(infos[name])]


def _batch_of(found: tuple[tuple[int, ...], bool], batch: int, *, own: bool) -> Batch:
    """Return where the batch is in an output of stated sizes: in front, where it is one of the inputs'."""
    sizes, is_named = found
    return Batch(0, own=True) if sizes[:1] == (batch,) and (own or is_named) else LOST
