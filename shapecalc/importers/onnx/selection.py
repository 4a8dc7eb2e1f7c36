"""What looks up, picks and sorts elements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.onnx.operations import operation
from shapecalc.importers.picking import at_positions, picked, picked_elements
from shapecalc.importers.tensors import Batch, Constant, Data

if TYPE_CHECKING:
    from shapecalc.importers.onnx.operations import NodeCall


@operation("Gather")
def _gather(call: NodeCall) -> Data:
    x, index = call.given(0), call.given(1)
    if x is None or index is None:
        raise LayerError("it needs two inputs")
    axis = call.frame.axis(call.number("axis", 0), x.rank)
    if isinstance(x, Constant) and (x.learned or isinstance(index, Data)) and axis == 0 and x.rank == 2:
        at = call.data(1)  # the rows of a table
        return call.one("embedding", at, num_embeddings=x.dims[0], embedding_dim=x.dims[1], weights=[x])
    if isinstance(index, Data):
        return picked(call, call.data(0), index, axis)
    data = call.data(0)
    if call.frame.batch == 1 and axis == 0 and index.rank > 1 and index.dims[0] == 1 and data.batch == Batch(0):
        # All of the only sample, as PyTorch's newer exporter writes `as_strided`: its first axis is the batch again.
        found = at_positions(call, data, index._replace(dims=index.dims[1:]), axis)
        return found._replace(batch=Batch(0, own=True))
    return at_positions(call, data, index, axis)


@operation("GatherElements")
def _gather_elements(call: NodeCall) -> Data:
    return picked_elements(call, call.data(0), call.data(1), call.number("axis", 0))


@operation("TopK")
def _top_k(call: NodeCall) -> Any:
    x = call.data(0)
    k = call.attribute("k") or (call.items(1) or [0])[0]
    at = call.frame.within(x, call.number("axis", -1))
    smallest: dict[str, Any] = {} if call.number("largest", 1) else {"largest": False}
    return call.emit("top_k", x, batch=x.batch, k=int(k), dim=at, **smallest)
