"""What rearranges, cuts, joins and repeats axes."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.onnx.operations import operation
from shapecalc.importers.tensors import LOST, Constant, Data, on_axis

if TYPE_CHECKING:
    from shapecalc.importers.onnx.operations import NodeCall


@operation("Reshape", "Squeeze", "Unsqueeze", "Flatten")
def _rearrange(call: NodeCall) -> Data:
    x = call.data(0)
    wanted = (call.listed("shape", 1) or []) if call.node.op == "Reshape" else []
    inferred = wanted.index(-1) if -1 in wanted else -1
    return call.frame.reshape(call.place, x, call.new_sizes(x.full(call.frame.batch)), inferred)


@operation("Transpose")
def _transpose(call: NodeCall) -> Data:
    x = call.data(0)
    order = call.numbers("perm") or list(range(x.rank))[::-1]
    if sorted(order) != list(range(x.rank)):
        raise LayerError(f"its perm {order} is no order of the {x.rank} axes of its input")
    batch = call.frame.moved(x, order)
    indices = [call.frame.index(x, axis) for axis in order if not (x.batch.own and axis == x.batch.axis)]
    if indices == list(range(len(indices))):  # only the batch moves
        return x._replace(batch=batch)
    return call.one("permute", x, batch=batch, dims=[index + 1 for index in indices])


@operation("Concat")
def _concat(call: NodeCall) -> Data:
    given = [x for x in call.inputs if x is not None]
    parts = [x for x in given if prod(x.full(1)) or isinstance(x, Data)]  # empty constants add nothing
    if len(parts) == 1:
        return call.frame.as_data(call.place, parts[0], parts[0].dims) if isinstance(parts[0], Constant) else parts[0]
    ranks = {x.rank for x in parts}
    if len(ranks) != 1:
        raise LayerError("its inputs have different numbers of axes")
    rank = ranks.pop()
    axis = call.frame.axis(call.number("axis", 1), rank)
    at = next((x.batch.axis for x in parts if isinstance(x, Data) and x.batch.own), -1)
    if axis == at:
        if call.frame.batch > 1:
            raise NotCoveredError("it joins samples of the batch")
        made = [call.frame.as_data(call.place, x, x.dims) if isinstance(x, Constant) else x for x in parts]
        data = [call.frame.whole(call.place, x) for x in made]
        return call.one("concat", *data, batch=LOST, dim=axis + 1)
    data = []
    for x in parts:
        if isinstance(x, Constant):
            dims = (*x.dims[:at], *x.dims[at + 1 :]) if at >= 0 else x.dims
            if at >= 0 and x.dims[at] not in (1, call.frame.batch):
                raise LayerError(f"its constant input has {x.dims[at]} along the batch axis")
            data.append(call.frame.as_data(call.place, x, dims))
        elif at >= 0 and not x.batch.own:
            data.append(call.frame.without_axis(call.place, x, at))
        elif at >= 0 and x.batch.axis != at:
            raise NotCoveredError("its inputs have the batch on different axes")
        else:
            data.append(x)
    own = next(x for x in data if at < 0 or x.batch.own)
    return call.one("concat", *data, batch=own.batch, dim=axis + 1 - (0 <= at < axis))


@operation("Split")
def _split(call: NodeCall) -> Any:
    x, axis = _along(call, 0, call.number("axis", 0))
    size, count = x.shape.sizes[axis], len(call.node.outputs)
    sizes = call.listed("split", 1)
    if sizes is None:
        piece = -(-size // (call.number("num_outputs", count) or 1))
        sizes = [piece] * (count - 1) + [size - piece * (count - 1)]
    if len(sizes) != count:
        raise LayerError(f"it has {len(sizes)} pieces and {count} outputs")
    if count == 1:
        return [x]
    if len(set(sizes)) == 1 and sizes[0] * count == size:
        return call.emit("chunk", x, batch=x.batch, chunks=count, dim=axis + 1)
    return call.emit("split", x, batch=x.batch, sizes=sizes, dim=axis + 1)


def _along(call: NodeCall, index: int, axis: int) -> tuple[Data, int]:
    """Return an input, and which of its axes an axis of the file is; in a batch of one that of the batch too."""
    x = call.data(index)
    if call.frame.batch == 1 and call.frame.index(x, axis) < 0:
        x = call.frame.whole(call.place, x)
    return x, call.frame.within(x, axis) - 1


@operation("Slice")
def _slice(call: NodeCall) -> Data:
    x = call.data(0)
    full = x.full(call.frame.batch)
    for axis, start, end, step in list(call.slices(x.rank)):
        size = full[axis]
        kept = range(size)[slice(start, end if step > 0 or end >= -size else None, step)]
        if not kept:
            raise LayerError(f"it keeps nothing of axis {axis}, whose size is {size}")
        if kept == range(size):
            continue
        x = x if call.frame.index(x, axis) >= 0 or call.frame.batch > 1 else call.frame.whole(call.place, x)
        arguments: dict[str, Any] = {"dim": call.frame.within(x, axis)}
        if start not in (0, -size) or step < 0:
            arguments["start"] = max(start, -size) if step > 0 else min(start, size - 1)
        if end < size if step > 0 else end >= -size:
            arguments["end"] = end
        if step != 1:
            arguments["step"] = step
        x = call.one("slice", x, **arguments)
    return x


@operation("Pad")
def _pad(call: NodeCall) -> Data:
    x = call.data(0)
    pads = call.listed("pads", 1)
    axes = call.items(3)
    axes = list(range(x.rank)) if axes is None else [call.frame.axis(int(axis), x.rank) for axis in axes]
    if pads is None or len(pads) != 2 * len(axes):
        raise LayerError(f"it has {len(pads or ())} pads for {len(axes)} axes")
    pairs = {axis: [pads[i], pads[i + len(axes)]] for i, axis in enumerate(axes)}
    pairs = {axis: pair for axis, pair in pairs.items() if any(pair)}
    if not pairs:
        return x
    mode = {"constant": "zeros", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}.get(
        call.word("mode", "constant"), ""
    )
    dims = [call.frame.within(x, axis) for axis in pairs]
    arguments: dict[str, Any] = {} if mode == "zeros" else {"mode": mode}
    if x.shape.is_map and all(dim > 1 for dim in dims):
        rank = x.shape.rank
        sides = dict(zip(dims, pairs.values(), strict=True))
        return call.one("pad", x, padding=[sides.get(dim, [0, 0]) for dim in range(2, rank + 1)], **arguments)
    return call.one("pad", x, padding=list(pairs.values()), dim=dims, **arguments)


@operation("Expand")
def _expand(call: NodeCall) -> Data:
    wanted = call.items(1)
    if wanted is None:
        raise LayerError("it has no shape")
    x, b = call.given(0), call.frame.batch
    assert x is not None
    full = x.full(b)
    rank = max(len(full), len(wanted))
    own, due = (1,) * (rank - len(full)) + tuple(full), (1,) * (rank - len(wanted)) + tuple(map(int, wanted))
    if any(a not in (1, c) and c != 1 for a, c in zip(own, due, strict=True)):
        raise LayerError(f"its input {full} does not broadcast to {wanted}")
    sizes = tuple([max(a, c) for a, c in zip(own, due, strict=True)])
    data = call.data(0)
    if sizes == full:
        return data
    data = data if data.rank == rank else call.frame.reshape(call.place, data, own)
    batch = data.batch
    if batch.own and sizes[batch.axis] != b:  # the only sample of the batch is repeated
        data, batch = call.frame.whole(call.place, data), LOST
    if batch.own:
        sizes = (*sizes[: batch.axis], *sizes[batch.axis + 1 :])
    elif batch.axis >= 0:
        sizes = on_axis(sizes, batch.axis, sizes[batch.axis] // b)
    return data if sizes == data.shape.sizes else call.one("expand", data, batch=batch, sizes=sizes)


@operation("Tile")
def _tile(call: NodeCall) -> Data:
    x, repeats = call.data(0), call.items(1)
    if repeats is None or len(repeats) != x.rank:
        raise LayerError("it has not a number of repeats for each axis")
    if x.batch.own:
        if repeats[x.batch.axis] != 1:
            raise NotCoveredError("it repeats the samples of the batch")
        repeats = [n for axis, n in enumerate(repeats) if axis != x.batch.axis]
    return x if all(n == 1 for n in repeats) else call.one("tile", x, dims=[int(n) for n in repeats])
