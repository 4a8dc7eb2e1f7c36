"""What looks up, picks and sorts elements; and tensors that are made of sizes alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.combining import at_positions, picked
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.pytorch.operations import operation, scalar
from shapecalc.importers.tensors import FIXED, Constant, Data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.importers.pytorch.operations import AtenCall


@operation("embedding")
def _embedding(call: AtenCall) -> Data:
    table, index = call.tensor("weight"), call.x("indices")
    if isinstance(table, Constant) and table.learned and table.rank == 2:
        rows, features = table.dims
        return call.one("embedding", index, num_embeddings=rows, embedding_dim=features, weights=[table])
    return picked(call, call.x("weight"), index, 0)


@operation("select", "select_copy")
def _select(call: AtenCall) -> Data:
    return at_positions(call, call.x(), scalar(call.number("index", 0)), call.number("dim", 0))


@operation("index_select")
def _index_select(call: AtenCall) -> Data:
    x, axis = call.x(), call.number("dim", 0)
    return _at(call, x, call.tensor("index"), call.frame.axis(axis, x.rank))


def _at(call: AtenCall, x: Data, index: Any, axis: int) -> Data:
    if isinstance(index, Data):
        return picked(call, x, index, axis)
    if not isinstance(index, Constant):
        raise LayerError("its index is missing")
    if index.items is None and index.rank == 0:
        index = index._replace(items=(0,))
    return at_positions(call, x, index, axis)


@operation("index", "_unsafe_index")
def _index(call: AtenCall) -> Data:
    x, indices = call.x(), call.get("indices", [])
    given = [(axis, one) for axis, one in enumerate(indices) if one is not None]
    for axis, index in given if len(given) == 1 else _each_alone(given):
        x = _at(call, x, index, axis)
    return x


def _each_alone(given: Sequence[tuple[int, Any]]) -> list[tuple[int, Constant]]:
    """Return positions along several axes, each of which varies along one axis of the output: a column, and a row.

    Errors: `NotCoveredError` for others, which pick single elements.
    """
    first, found = given[0][0] if given else 0, []
    for i, (axis, index) in enumerate(given):
        dims = (1,) * (len(given) - index.rank) + index.dims if isinstance(index, Constant) else ()
        if len(dims) != len(given) or axis != first + i or any(size != 1 for j, size in enumerate(dims) if j != i):
            raise NotCoveredError("it picks along several axes at once")
        found.append((axis, index._replace(dims=(dims[i],))))
    return found


@operation("gather", "take_along_dim")
def _gather(call: AtenCall) -> Data:
    x, index = call.x(), call.x("index", "indices")
    at = index.batch.axis if index.batch.own else -1
    if at >= 0 and x.batch == FIXED and x.rank == index.rank:
        x = call.frame.one_sample(call.place, x, at)._replace(batch=index.batch)
    if x.batch != index.batch:
        if call.frame.batch > 1:
            raise NotCoveredError("its inputs have the batch on different axes")
        x, index = call.frame.whole(call.place, x), call.frame.whole(call.place, index)
    return call.one("gather", x, index, dim=call.frame.within(x, call.number("dim", 0)), mode="elements")


@operation("topk")
def _topk(call: AtenCall) -> Any:
    x = call.x()
    more: dict[str, Any] = {} if call.flag("largest", True) else {"largest": False}
    at = call.frame.within(x, call.number("dim", -1))
    return call.emit("top_k", x, batch=x.batch, k=call.number("k", 1), dim=at, **more)


@operation("sort", "argsort", "msort")
def _sort(call: AtenCall) -> Any:
    x = call.x()
    axis = call.frame.axis(call.number("dim", 0 if call.name == "msort" else -1), x.rank)
    more: dict[str, Any] = {} if call.flag("descending", False) else {"largest": False}
    at = call.frame.within(x, axis)
    found = call.emit("top_k", x, batch=x.batch, k=x.shape.sizes[at - 1], dim=at, **more)
    return found[1] if call.name == "argsort" else found
