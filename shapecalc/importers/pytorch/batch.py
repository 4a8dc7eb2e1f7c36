"""Where the batch is in the inputs of a program of torch.export: where its operations say, or else the first axis."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.importers.dimensions import symbols_of
from shapecalc.importers.pytorch.expressions import plain_size
from shapecalc.importers.pytorch.operations import split_target
from shapecalc.importers.pytorch.pointwise import ELEMENTWISE
from shapecalc.importers.pytorch.program import Ref
from shapecalc.importers.pytorch.unchanged import DROPOUTS, NOTHING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from shapecalc.importers.inputs import ValueInfo
    from shapecalc.importers.pytorch.program import AtenNode, Program

__all__ = ["REPEATS", "Reading", "readings_of"]

_MOST = 5
_RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")
_CELLS = ("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")
_MAPS = {
    **{f"{kind}{rank}d": rank for rank in (1, 2, 3)
       for kind in ("conv", "conv_transpose", "max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool")},
    **{f"max_pool{rank}d_with_indices": rank for rank in (2, 3)},
}  # fmt: skip
_ON_FIRST = ("batch_norm", "instance_norm", "group_norm", "_native_batch_norm_legit_no_training")
_KEEPS_ALL = frozenset((*NOTHING, *ELEMENTWISE, *DROPOUTS, "layer_norm", "softmax", "rms_norm"))
"""Operations whose output has the axes of their first input."""
_KEEPS_BUT_LAST = ("linear", "matmul", "glu")
_RESHAPES = ("view", "reshape", "_unsafe_view", "flatten", "unflatten")
_SUMS_FEATURES = ("linear", "matmul", "mv")
_PRODUCTS = {"bmm": ("self", "mat2"), "baddbmm": ("batch1", "batch2")}
REPEATS = ("repeat", "tile", "expand", "expand_as", "broadcast_to", "expand_copy", "repeat_interleave")
_LARGE = 1_000_003
"""The size of the first dynamic dimension where sizes are compared, such that products with others differ from it."""


class Reading(NamedTuple):
    """The axis of the batch in each input, -1 for none; its size, or name.

    `sequences` are inputs of length × features; `is_lost` is whether it is read as nowhere for lack of better;
    `repeats` are the axes along which a parameter may be repeated to the batch, the likelier first.
    """

    axes: Mapping[str, int]
    size: int | str = 0
    sequences: frozenset[str] = frozenset()
    is_lost: bool = False
    repeats: tuple[int, ...] = (0, 1)


class _Traced(NamedTuple):
    """Of a tensor that follows from an input: which axis of that each of its axes is, -1 for one that was made.

    An axis that was merged with further ones is the first of them. `rank` is that of the input.
    """

    name: str
    axes: tuple[int, ...]
    rank: int


def readings_of(infos: Sequence[ValueInfo], program: Program) -> list[Reading]:
    """Return where the batch may be in the inputs, the likeliest first; the last is nowhere."""
    said, maps = _said(infos, program)
    sure = {(info.dims or ())[at] for info in infos if (at := said.get(info.name, -1)) >= 0}
    several = [info.dims for info in infos if info.dims and len(info.dims) > 1]
    ids = [info.dims for info in infos if info.dims and len(info.dims) == 1 and info.name not in said]
    firsts = {info.dims[0] for info in infos if info.name not in said and info.dims and len(info.dims) > 1}
    if not several and not sure:
        firsts = {dims[0] for dims in ids}
    likely = [sizes - {1} or sizes for sizes in (sure, sure | firsts)]
    found = [_reading(infos, said, maps, next(iter(sizes)), 3) for sizes in likely if len(sizes) == 1][:1]
    if not sure and not firsts:  # maps or sequences without the batch
        found = [_reading(infos, said, maps, 0, 3)]
    every = dict.fromkeys(dims[axis] for axis in (0, 1) for dims in several)
    others = [one for size in every for order in ((0, 1), (1, 0))
              if max((one := _reading(infos, said, maps, size, 2, order)).axes.values()) >= 0]  # fmt: skip
    others.sort(key=lambda one: -sum(at >= 0 for at in one.axes.values()))
    apart = {tuple(one.axes.values()): one for one in [*others[::-1], *found]}
    ordered = [one for one in [*found, *others] if apart[tuple(one.axes.values())] is one][: _MOST - 1]
    if ordered and any(split_target(node.target)[0] in (*REPEATS, "add") for node in program.graph.nodes):
        ordered[1:] = [ordered[0]._replace(repeats=(1, 0)), *ordered[1:], ordered[0]._replace(repeats=(0,))]
    return [
        *ordered,
        _reading(infos, dict.fromkeys([info.name for info in infos], -1), maps, 0, 2)._replace(is_lost=True),
    ]


def _reading(
    infos: Sequence[ValueInfo], said: Mapping[str, int], maps: Collection[str], batch: int | str, least: int,
    order: Sequence[int] = (0, 1),
) -> Reading:  # fmt: skip
    """Return where a batch of this size is in each input: of several axes the first in this order.

    In inputs of fewer than `least` axes it is the first.
    """
    found = {}
    for info in infos:
        dims = info.dims or ()
        may_be = [axis for axis in order if axis < len(dims) and (not axis or least <= len(dims) <= 3)]
        may_be = [said[info.name]] if info.name in said else may_be
        found[info.name] = next((axis for axis in may_be if axis >= 0 and dims[axis] == batch), -1)
    rows = [info for info in infos if len(info.dims or ()) - (found[info.name] >= 0) == 2]
    return Reading(found, batch, frozenset([info.name for info in rows if info.name not in maps]))


def _said(infos: Sequence[ValueInfo], program: Program) -> tuple[dict[str, int], set[str]]:
    """Return where operations say that the batch is in an input, as a convolution does; -1 for an input without it.

    And which inputs are maps, of channels × positions.
    """
    found: dict[str, int] = {}
    maps: set[str] = set()
    traced = {info.name: _Traced(info.name, tuple(range(len(info.dims or ()))), len(info.dims or ())) for info in infos}
    stated = program.graph.stated
    for node in program.graph.nodes:
        op = split_target(node.target)[0]
        for ref, axis in _batch_of(op, node, traced):
            at = ref.axes[axis] if 0 <= axis < len(ref.axes) else -1
            found.setdefault(ref.name, at)
            if (op in _MAPS or op in _ON_FIRST) and list(ref.axes) == sorted(ref.axes):
                maps.add(ref.name)
        first = next(iter(node.arguments.values()), None)
        if op == "embedding":
            first = node.arguments.get("indices")
        if isinstance(first, Ref) and first.name in traced and len(node.outputs) == 1:
            after = stated.get(node.outputs[0], ())
            if op in _RESHAPES:
                axes = _reshaped(stated.get(first.name, ()), after, traced[first.name].axes, traced[first.name].rank)
            else:
                axes = _after(op, node, traced[first.name].axes)
            if axes is not None and len(axes) == len(after):
                traced[node.outputs[0]] = traced[first.name]._replace(axes=axes)
    return found, maps


def _batch_of(op: str, node: AtenNode, traced: Mapping[str, _Traced]) -> Iterator[tuple[_Traced, int]]:
    """Yield the traced inputs of a node, each with the axis that must be its batch; -1 if it has none."""
    values = node.arguments
    yield from _batch_of_attention(op, values, traced)
    if op in _RECURRENT and "batch_sizes" not in values:
        x, states = values.get("input"), values.get("hx")
        at = 0 if values.get("batch_first") else 1
        given = [(x, at, 3), *((state, 1, 3) for state in (states if isinstance(states, list) else [states]))]
    elif op in _CELLS:
        states = values.get("hx")
        given = [(one, 0, 2) for one in (values.get("input"), *(states if isinstance(states, list) else [states]))]
    elif op in _MAPS:
        given = [(next(iter(values.values()), None), 0, _MAPS[op] + 2)]
    elif op in _ON_FIRST:
        given = [(next(iter(values.values()), None), 0, 2)]
    elif op in _SUMS_FEATURES:  # an input that is features alone
        first = next(iter(values.values()), None)
        ref = traced.get(first.name) if isinstance(first, Ref) else None
        is_alone = ref is not None and ref.rank == len(ref.axes) == 1
        given = [(first, -1, 1)] if is_alone else []
    else:
        return
    for value, at, rank in given:
        if isinstance(value, Ref) and value.name in traced:
            yield traced[value.name], at if len(traced[value.name].axes) >= rank else -1


def _batch_of_attention(
    op: str, values: Mapping[str, Any], traced: Mapping[str, _Traced]
) -> Iterator[tuple[_Traced, int]]:
    """Yield the sequences that attention compares, each with the axis of its batch, where that is followed.

    Both sides depend on inputs: of a weight for each position, the first axis is the position.
    """
    if op == "scaled_dot_product_attention":
        sides, rank = [values.get("query"), values.get("key")], 4
    elif op in _PRODUCTS:
        sides, rank = [values.get(name) for name in _PRODUCTS[op]], 3
    else:
        return
    found = [traced[one.name] for one in sides if isinstance(one, Ref) and one.name in traced]
    for ref in found if len(found) == len(sides) else ():
        if len(ref.axes) == rank and ref.rank <= _LONGEST and ref.axes[0] in (0, 1):
            yield ref, 0


_LONGEST = 3
"""The axes of a sequence with its batch. In what has more, as a map, the batch is the first."""


def _reshaped(
    before: Sequence[int | str], after: Sequence[int | str], axes: tuple[int, ...], rank: int
) -> tuple[int, ...] | None:
    """Return the axes of an input of a rank after a reshape: one is still that which began after as many elements.

    What is joined with the batch, the first axis of a map, is the batch, wherever that stands in it.
    """
    names = dict.fromkeys(name for size in (*before, *after) if type(size) is str for name in symbols_of(size))
    symbols = {name: _LARGE + 2 * i for i, name in enumerate(names)}
    old, new = ([plain_size(size, symbols) for size in sizes] for sizes in (before, after))
    if len(old) != len(axes) or None in old or None in new:
        return None
    starts = {(prod(old[:i]), old[i] == 1): axis for i, axis in reversed(list(enumerate(axes)))}  # type: ignore[arg-type]
    if len(old) > _LONGEST and old[0] == 1 and new[0] != 1:  # a batch of one is joined to the axis after it
        starts[1, False] = axes[0]
    elif 1 < len(new) < len(old) and old[0] == 1 and new[0] == old[1]:  # a batch of one, or an axis before the batch
        return None
    found = []
    for i, size in enumerate(new):
        start, end = prod(new[:i]), prod(new[: i + 1])  # type: ignore[arg-type]
        joined = [axes[j] for j in range(len(old)) if start <= prod(old[:j]) < prod(old[: j + 1]) <= end]  # type: ignore[arg-type]
        axis = starts.pop((start, size == 1), -1)
        found.append(0 if rank > _LONGEST and 0 in joined else axis)
    return tuple(found)


def _after(op: str, node: AtenNode, axes: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the axes of an input once an operation has worked on it; None where they are not followed."""
    if op in _KEEPS_ALL:
        return axes
    if op in _KEEPS_BUT_LAST or op == "embedding":
        return (*axes[: len(axes) - (op != "embedding")], -1)
    number = node.arguments.get
    if op == "permute":
        dims: Any = number("dims")
        return tuple([axes[axis] for axis in dims]) if _are_axes(dims, axes) else None
    one, other = number("dim", number("dim0", 0)), number("dim1", 0)
    count = len(axes) + (op == "unsqueeze")
    if not _are_axes([one, other], range(count)):
        return None
    one, other = one % count, other % count
    if op == "transpose":
        swapped = {one: other, other: one}
        return tuple([axes[swapped.get(axis, axis)] for axis in range(len(axes))])
    rest = axes[one:] if op == "unsqueeze" else axes[one + 1 :]
    made = (-1,) if op == "unsqueeze" else ()
    return (*axes[:one], *made, *rest) if op in ("unsqueeze", "select", "squeeze") else None


def _are_axes(numbers: Any, axes: Sequence[int]) -> bool:
    return isinstance(numbers, list) and all(type(one) is int and -len(axes) <= one < len(axes) for one in numbers)
