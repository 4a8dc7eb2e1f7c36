"""What looks up, picks and sorts elements; and tensors that are made of sizes alone."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.combining import reduced
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.picking import at_positions, picked, picked_elements
from shapecalc.importers.pytorch.operations import operation, scalar
from shapecalc.importers.pytorch.sized import picked_together
from shapecalc.importers.rearranging import divided, of_each_sample
from shapecalc.importers.tensors import Constant, Data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.importers.pytorch.operations import AtenCall


@operation("embedding")
def _embedding(call: AtenCall) -> Data:
    table, index = call.tensor("weight"), call.tensor("indices")
    index = call.x("indices") if index is None else call.as_data(of_each_sample(call, index))
    if isinstance(table, Constant) and table.learned and table.rank == 2:
        rows, features = table.dims
        return call.one("embedding", index, num_embeddings=rows, embedding_dim=features, weights=[table])
    return picked(call, call.x("weight"), index, 0)


@operation("embedding_bag", "_embedding_bag", "_embedding_bag_forward_only")
def _embedding_bag(call: AtenCall) -> Data:
    """The vectors of each bag of the same length, added: PyTorch flattens the bags, and says where each begins."""
    x, offsets, table = call.x("indices"), call.tensor("offsets"), call.tensor("weight")
    elements = prod(x.full(call.frame.batch))
    count = offsets.dims[0] if isinstance(offsets, Constant) and offsets.rank == 1 and not offsets.sources else 0
    length = elements // count if count else 0
    begins = offsets.items if isinstance(offsets, Constant) else None
    is_even = length * count == elements > 0 and begins in (None, tuple(range(0, elements, length)))
    if not is_even or not isinstance(table, Constant) or table.rank != 2:
        raise NotCoveredError("its bags are not of one length")
    if call.get("per_sample_weights") is not None or call.flag("include_last_offset", False):
        raise NotCoveredError("its vectors are weighted")
    bags = call.frame.reshape(call.place, x, (count, length))
    rows, features = table.dims
    found = call.one("embedding", bags, num_embeddings=rows, embedding_dim=features, weights=[table])
    return reduced(call, found, _BAGS[call.number("mode", 0)], [1], keeps=False)


_BAGS = ("sum", "mean", "max")
"""What is made of the vectors of a bag, by the number of the mode."""


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
    apart = given if len(given) == 1 else _each_alone(given)
    if not apart:
        return picked_together(call, x, given)
    for axis, index in apart:
        x = _at(call, x, index, axis)
    return x


def _each_alone(given: Sequence[tuple[int, Any]]) -> list[tuple[int, Constant]]:
    """Return positions along several axes, each of which varies along one axis of the output: a column, and a row.

    None for others, which pick single elements.
    """
    first, found = given[0][0] if given else 0, []
    for i, (axis, index) in enumerate(given):
        dims = (1,) * (len(given) - index.rank) + index.dims if isinstance(index, Constant) else ()
        if len(dims) != len(given) or axis != first + i or any(size != 1 for j, size in enumerate(dims) if j != i):
            return []
        found.append((axis, index._replace(dims=(dims[i],))))
    return found


@operation("gather", "take_along_dim")
def _gather(call: AtenCall) -> Data:
    return picked_elements(call, call.x(), call.x("index", "indices"), call.number("dim", 0))


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


@operation("split", "split_with_sizes", "chunk", "unsafe_split", "unsafe_chunk", "unsafe_split_with_sizes",
           "tensor_split", "split_copy", "split_with_sizes_copy")  # fmt: skip
def _split(call: AtenCall) -> Any:
    x = call.x()
    return divided(call, x, call.frame.axis(call.number("dim", 0), x.rank), lambda size: _pieces(call, size))


def _pieces(call: AtenCall, size: int) -> list[int]:
    """Return the sizes of the pieces of an axis. Errors: `LayerError`."""
    if "tensor_split" in call.name:
        if call.get("indices") is not None:
            cuts = [min(max(at + size if at < 0 else at, 0), size) for at in call.ints("indices", ())]
            return [b - a for a, b in zip([0, *cuts], [*cuts, size], strict=True)]
        count = call.number("sections", 1)
        return [size // count + (i < size % count) for i in range(count)]
    if "chunk" in call.name:
        piece = -(-size // max(call.number("chunks", 1), 1))
    elif "split_sizes" in call.arguments or isinstance(call.get("split_size"), list):
        name = "split_sizes" if "split_sizes" in call.arguments else "split_size"
        sizes = call.ints(name, ())
        if sum(sizes) != size:
            raise LayerError(f"its pieces {sizes} do not add up to the {size} of the axis")
        return sizes
    else:
        piece = call.number("split_size", 1)
    if piece < 1 or size // piece > 10_000:
        raise LayerError(f"it cuts {size} into pieces of {piece}")
    return [min(piece, size - start) for start in range(0, size, piece)]
