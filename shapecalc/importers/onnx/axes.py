"""What rearranges, cuts, joins and repeats axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.onnx.operations import operation
from shapecalc.importers.rearranging import cut, divided, expanded, joined, padded, permuted, tiled, with_ones
from shapecalc.importers.tensors import Constant, on_axis

if TYPE_CHECKING:
    from shapecalc.importers.onnx.operations import NodeCall
    from shapecalc.importers.tensors import Data


@operation("Reshape", "Squeeze", "Unsqueeze", "Flatten")
def _rearrange(call: NodeCall) -> Data:
    x = call.data(0)
    if call.node.op.endswith("queeze"):
        return with_ones(call, x, call.new_sizes)
    wanted = (call.listed("shape", 1) or []) if call.node.op == "Reshape" else []
    inferred = wanted.index(-1) if -1 in wanted else -1
    return call.frame.reshape(call.place, x, call.new_sizes(x.full(call.frame.batch)), inferred)


@operation("Transpose")
def _transpose(call: NodeCall) -> Data:
    x = call.data(0)
    order = call.numbers("perm") or list(range(x.rank))[::-1]
    return permuted(call, x, order)


@operation("Concat")
def _concat(call: NodeCall) -> Data:
    given = [x for x in call.inputs if x is not None]
    return joined(call, given, call.number("axis", 1))


@operation("Split")
def _split(call: NodeCall) -> Any:
    x = call.data(0)
    return divided(call, x, call.frame.axis(call.number("axis", 0), x.rank), lambda size: _pieces(call, size))


def _pieces(call: NodeCall, size: int) -> list[int]:
    """Return the sizes of the pieces of an axis. Errors: `LayerError`."""
    count = len(call.node.outputs)
    sizes = call.listed("split", 1)
    if sizes is None:
        piece = -(-size // (call.number("num_outputs", count) or 1))
        sizes = [piece] * (count - 1) + [size - piece * (count - 1)]
    if len(sizes) != count:
        raise LayerError(f"it has {len(sizes)} pieces and {count} outputs")
    return sizes


@operation("Slice")
def _slice(call: NodeCall) -> Data | Constant:
    x = call.data(0)
    for axis, start, end, step in list(call.slices(x.rank)):
        full = x.full(call.frame.batch)
        kept = range(full[axis])[slice(start, end if step > 0 or end >= -full[axis] else None, step)]
        # A roll by 0 joins nothing and all of it; masks are made by scattering into parts that may be empty.
        if not kept and (call.is_of_constants or call.uses.only_feed(call.node.outputs[0], "Concat")):
            return Constant(on_axis(full, axis, 0), ())
        x = cut(call, x, axis, start, end, step)
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
    mode = {"constant": "zeros", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}.get(
        call.word("mode", "constant"), ""
    )
    return padded(call, x, pairs, mode)


@operation("Expand")
def _expand(call: NodeCall) -> Data:
    wanted = call.items(1)
    if wanted is None:
        raise LayerError("it has no shape")
    x = call.given(0)
    if x is None:
        raise LayerError("its input 0 is missing")
    return expanded(call, x, wanted)


@operation("Tile")
def _tile(call: NodeCall) -> Data:
    x, repeats = call.data(0), call.items(1)
    if repeats is None or len(repeats) != x.rank:
        raise LayerError("it has not a number of repeats for each axis")
    return tiled(call, x, [int(n) for n in repeats])
