"""What rearranges, cuts, joins, pads and repeats axes."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.picking import at_positions
from shapecalc.importers.pytorch.operations import operation, scalar
from shapecalc.importers.rearranging import along, cut, expanded, joined, padded, permuted, tiled, tiled_axes, with_ones
from shapecalc.importers.tensors import Constant, Data, inferred_sizes, on_axis

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapecalc.importers.pytorch.operations import AtenCall

FARTHEST = 2**63 - 1


# Sizes that operations make of others, of data and of stored tensors alike.


def _viewed(call: AtenCall, dims: tuple[int, ...]) -> tuple[int, ...]:
    wanted = call.ints("size", ()) if "size" in call.arguments else call.ints("shape", ())
    return tuple(inferred_sizes("size", wanted, prod(dims)))


def _flattened(call: AtenCall, dims: tuple[int, ...]) -> tuple[int, ...]:
    if not dims:
        return (1,)
    start, end = (call.frame.axis(call.number(name, default), len(dims))
                  for name, default in (("start_dim", 0), ("end_dim", -1)))  # fmt: skip
    return (*dims[:start], prod(dims[start : end + 1]), *dims[end + 1 :])


def _unflattened(call: AtenCall, dims: tuple[int, ...]) -> tuple[int, ...]:
    at, sizes = call.frame.axis(call.number("dim", 0), len(dims)), call.ints("sizes", ())
    if -1 in sizes:
        sizes = list(on_axis(sizes, sizes.index(-1), dims[at] // (-prod(sizes) or 1)))
    return (*dims[:at], *sizes, *dims[at + 1 :])


def _squeezed(call: AtenCall, dims: tuple[int, ...]) -> tuple[int, ...]:
    axes = range(len(dims)) if call.get("dim") is None else call.ints("dim", ())
    gone = {call.frame.axis(axis, len(dims)) for axis in axes} if dims else set()
    return tuple([size for axis, size in enumerate(dims) if axis not in gone or size != 1])


def _unsqueezed(call: AtenCall, dims: tuple[int, ...]) -> tuple[int, ...]:
    at = call.frame.axis(call.number("dim", 0), len(dims) + 1)
    return (*dims[:at], 1, *dims[at:])


def _like_other(call: AtenCall, _: tuple[int, ...]) -> tuple[int, ...]:
    other = call.tensor("other")
    if other is None:
        raise LayerError("it has no other tensor")
    return other.full(call.frame.batch)


RESHAPES: dict[str, Callable[[AtenCall, tuple[int, ...]], tuple[int, ...]]] = {
    "view": _viewed, "reshape": _viewed, "_unsafe_view": _viewed, "_reshape_copy": _viewed, "view_copy": _viewed,
    "_reshape_alias": _viewed, "flatten": _flattened, "ravel": _flattened, "unflatten": _unflattened,
    "squeeze": _squeezed, "unsqueeze": _unsqueezed, "squeeze_copy": _squeezed, "unsqueeze_copy": _unsqueezed,
    "view_as": _like_other, "reshape_as": _like_other,
}  # fmt: skip


@operation(*RESHAPES)
def _reshape(call: AtenCall) -> Data | Constant | None:
    x = call.tensor()
    if "view.dtype" in call.node.target:
        return x
    if x is None:
        raise LayerError("its input is missing")
    make = RESHAPES[call.name if call.name in RESHAPES else call.name[:-1]]
    if isinstance(x, Constant):
        dims = make(call, x.dims)
        if prod(dims) != prod(x.dims):
            raise LayerError(f"it makes {prod(dims):,} elements of {prod(x.dims):,}")
        return x._replace(dims=dims)
    if make in (_squeezed, _unsqueezed):
        return with_ones(call, x, partial(make, call))
    wanted = call.get("size", call.get("shape")) if make is _viewed else None
    inferred = wanted.index(-1) if isinstance(wanted, list) and -1 in wanted else -1
    return call.frame.reshape(call.place, x, make(call, x.full(call.frame.batch)), inferred)


def _swapped(call: AtenCall, rank: int) -> list[int]:
    names = ("axis0", "axis1") if "axis0" in call.arguments else ("dim0", "dim1")
    if call.name in ("t", "t_", "mT", "mH", "adjoint", "numpy_T", "t_copy") and rank >= 2:
        one, other = (0, rank - 1) if call.name == "numpy_T" else (rank - 2, rank - 1)
        if call.name == "numpy_T":
            return list(range(rank))[::-1]
    elif rank < 2:
        return list(range(rank))
    else:
        one, other = (call.frame.axis(call.number(name, 0), rank) for name in names)
    order = list(range(rank))
    order[one], order[other] = order[other], order[one]
    return order


def _moved(call: AtenCall, rank: int) -> list[int]:
    source, target = (
        [call.frame.axis(axis, rank) for axis in call.ints(name, ())] for name in ("source", "destination")
    )
    order = [axis for axis in range(rank) if axis not in source]
    for at, axis in sorted(zip(target, source, strict=True)):
        order.insert(at, axis)
    return order


def _ordered(call: AtenCall, rank: int) -> list[int]:
    return [call.frame.axis(axis, rank) for axis in call.ints("dims", ())]


ORDERS = {**dict.fromkeys(("transpose", "swapaxes", "swapdims", "t", "mT", "mH", "adjoint", "numpy_T", "t_copy",
                            "transpose_copy"), _swapped),
           **dict.fromkeys(("movedim", "moveaxis"), _moved), "permute": _ordered, "permute_copy": _ordered}  # fmt: skip


@operation(*ORDERS)
def _permute(call: AtenCall) -> Data | Constant:
    x = call.tensor()
    if x is None:
        raise LayerError("its input is missing")
    name = call.name if call.name in ORDERS else call.name[:-1]
    order = ORDERS[name](call, x.rank)
    if isinstance(x, Constant):
        return x._replace(dims=tuple([x.dims[axis] for axis in order]), items=None if x.rank > 1 else x.items)
    return permuted(call, x, order)


def _tensors(call: AtenCall, name: str = "tensors") -> list[Data | Constant]:
    found = call.get(name, [])
    listed = [one for one in found if isinstance(one, (Data, Constant))] if isinstance(found, list) else []
    if not listed:
        raise LayerError("it has no tensors")
    return listed


@operation("cat", "concat", "concatenate")
def _cat(call: AtenCall) -> Data:
    return joined(call, _tensors(call), call.number("dim", call.number("axis", 0)))


@operation("stack", "column_stack", "hstack", "vstack", "dstack")
def _stack(call: AtenCall) -> Data:
    if call.name != "stack":
        raise NotCoveredError("how it joins depends on the number of axes")
    given = _tensors(call)
    at = call.frame.axis(call.number("dim", 0), given[0].rank + 1)
    data = [x for x in given if isinstance(x, Data)]
    if len(data) == len(given) and len({x.batch for x in data}) == 1:
        batch = data[0].batch
        later = batch.axis >= at
        dim = at + 1 - (batch.own and batch.axis < at)
        moved = batch._replace(axis=batch.axis + later) if batch.axis >= 0 else batch
        return call.one("stack", *data, batch=moved, dim=dim)
    lined: list[Data | Constant] = []
    for x in given:
        full = x.full(call.frame.batch)
        sizes = (*full[:at], 1, *full[at:])
        lined.append(x._replace(dims=sizes) if isinstance(x, Constant) else call.frame.reshape(call.place, x, sizes))
    return joined(call, lined, at)


@operation("unbind", "unbind_copy")
def _unbind(call: AtenCall) -> list[Data]:
    x = call.x()
    at = call.frame.axis(call.number("dim", 0), x.rank)
    return [at_positions(call, x, scalar(i), at) if call.is_used(i) else x for i in range(len(call.node.outputs))]


@operation("slice", "narrow", "slice_copy")
def _slice(call: AtenCall) -> Data | Constant:
    x = call.x()
    axis = call.frame.axis(call.number("dim", 0), x.rank)
    start, step = call.number("start", 0), call.number("step", 1)
    end = start + call.number("length", 1) if call.name == "narrow" else call.number("end", FARTHEST)
    sizes = x.full(call.frame.batch)
    if not range(sizes[axis])[start:end:step]:  # what rotary embeddings leave of a head that they rotate all of
        return Constant((*sizes[:axis], 0, *sizes[axis + 1 :]))
    return cut(call, x, axis, start, end, step)


@operation("flip", "fliplr", "flipud")
def _flip(call: AtenCall) -> Data:
    x = call.x()
    default = {"fliplr": [1], "flipud": [0]}.get(call.name, [])
    for axis in call.ints("dims", default):
        x = cut(call, x, call.frame.axis(axis, x.rank), FARTHEST, -FARTHEST, -1)
    return x


_PADS = {"reflection_pad": "reflect", "replication_pad": "replicate", "constant_pad_nd": "zeros", "pad": "",
         "_pad_circular": "circular", "zero_pad": "zeros"}  # fmt: skip


@operation("constant_pad_nd", "pad", "_pad_circular", "_pad_enum",
           *(f"{way}{rank}d" for way in ("reflection_pad", "replication_pad") for rank in (1, 2, 3)))  # fmt: skip
def _pad(call: AtenCall) -> Data:
    x = call.x()
    sizes = call.ints("padding" if "padding" in call.arguments else "pad", ())
    if len(sizes) % 2 or len(sizes) // 2 > x.rank:
        raise LayerError(
            f"its padding {sizes} is for more axes than the {x.rank} of its input, or has an odd number of sizes"
        )
    mode = _PADS.get(
        call.name.rstrip("123d") if call.name[-1] == "d" and call.name[-2] in "123" else call.name, "zeros"
    )
    words = {"constant": "zeros", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}
    mode = mode or words.get(call.get("mode", "constant"), "zeros")
    pairs = {x.rank - 1 - i: (sizes[2 * i], sizes[2 * i + 1]) for i in range(len(sizes) // 2)}
    return padded(call, x, pairs, mode)


@operation("expand", "expand_as", "broadcast_to", "expand_copy")
def _expand(call: AtenCall) -> Data:
    x = call.tensor()
    if x is None:
        raise LayerError("its input is missing")
    full = x.full(call.frame.batch)
    if call.name == "expand_as":
        wanted = list(_like_other(call, full))
    else:
        wanted = call.ints("size", ())
        more = len(wanted) - len(full)
        wanted = [full[i - more] if size == -1 and i >= more else size for i, size in enumerate(wanted)]
    return expanded(call, x, wanted)


@operation("copy_", "copy", "fill_", "fill", "zero_", "normal_", "uniform_", "random_", "bernoulli_", "exponential_")
def _overwritten(call: AtenCall) -> Data | Constant:
    x, other = call.tensor(), call.tensor("src") if call.name.startswith("copy") else None
    if x is None:
        raise LayerError("its input is missing")
    full = x.full(call.frame.batch)
    return expanded(call, other, full) if isinstance(other, Data) else Constant(full)


@operation("repeat", "tile")
def _repeat(call: AtenCall) -> Data:
    x = call.x()
    repeats = call.ints("repeats" if "repeats" in call.arguments else "dims", ())
    full = x.full(call.frame.batch)
    if len(repeats) > len(full):
        full = (*(1,) * (len(repeats) - len(full)), *full)
        x = call.frame.reshape(call.place, x, full)
    return tiled(call, x, [1] * (len(full) - len(repeats)) + repeats)


@operation("repeat_interleave")
def _interleave(call: AtenCall) -> Data:
    if call.overload != "self_int" or call.get("dim") is None:
        raise NotCoveredError("how often it repeats is data")
    x, axis = along(call, call.x(), call.number("dim", 0))
    dims = [1] * x.shape.rank
    dims[axis] = call.number("repeats", 1)
    return tiled_axes(call, x, dims)


@operation("roll")
def _roll(call: AtenCall) -> Data:
    x = call.x()
    dims = [call.frame.within(x, axis) for axis in call.ints("dims", ())]
    if not dims:
        raise NotCoveredError("it shifts all elements as one axis")
    return call.one("roll", x, shifts=call.ints("shifts", (0,), len(dims)), dims=dims)
