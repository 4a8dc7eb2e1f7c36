"""Sections that read the outputs of others: routes, shortcuts, scales, and learned tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.importers.darknet.calls import section
from shapecalc.importers.darknet.cfg import COMMENTS, OptionError

if TYPE_CHECKING:
    from shapecalc.importers.darknet.calls import SectionCall, SectionOutput

__all__: list[str] = []


@section("route", ignored="stream wait_stream")
def _route(call: SectionCall) -> SectionOutput:
    groups = call.number("groups", 1, 1)
    group = call.number("group_id", 0, 0)
    if group >= groups:
        option = call.option("group_id")
        message = f"group_id is {group}, but there {'is' if groups == 1 else 'are'} groups={groups}"
        hint = f"groups are counted from 0: write at most {groups - 1}"
        raise OptionError(message, option.mark if option else None, hint=hint)
    inputs = [call.output(index) for index in call.layers("layers")]
    is_map = all(x.is_map for x in inputs)
    if is_map and len({len(x.sizes) for x in inputs}) > 1:
        inputs = [call.as_map(x) for x in inputs]
    if len({x.sizes[1:] for x in inputs}) > 1 or not is_map:  # darknet joins their elements, and has no size of a map
        if is_map:
            sizes = ", ".join(x.data.shape.text for x in inputs)
            call.warn(f"maps of different sizes are joined as a list of elements: {sizes}", "layers")
        is_map = False
        inputs = [call.flat(x) for x in inputs]
    if groups > 1:
        inputs = [_part(call, x, groups, group) for x in inputs]
    if len(inputs) > 1:
        return call.emit("concat", *inputs, is_map=is_map, dim=1)
    return inputs[0] if groups > 1 else call.emit("identity", *inputs, is_map=is_map)


def _part(call: SectionCall, x: SectionOutput, groups: int, group: int) -> SectionOutput:
    """Return one of the equal groups of channels of a map."""
    call.check_groups("groups", groups, x.sizes[0], "channels of its input")
    size = x.sizes[0] // groups
    return call.emit("slice", x, is_map=x.is_map, dim=1, start=group * size, end=(group + 1) * size)


_NORMALISATIONS = ("none", "relu", "avg_relu", "softmax")


@section("shortcut", ignored="alpha beta weights_normalization")
def _shortcut(call: SectionCall) -> SectionOutput:
    """The sum of the output before and of others, which are fitted to it; each may have learned factors."""
    x = call.x
    indices = call.layers("from")
    others = [call.output(index) for index in indices]
    if x.is_map and len(x.sizes) == 1 and any(len(other.sizes) > 1 for other in others):
        x = call.as_map(x)
    inputs = [x, *(_alike(call, other, x) for other in others)]
    sort = call.word("weights_type", "none")
    if sort in ("per_feature", "per_layer", "per_channel"):
        sizes = [x.sizes[0] if sort == "per_channel" else 1, *(1 for _ in x.sizes[1:])]
        factors = [call.emit("parameter", name="weights", shape=sizes) for _ in inputs]
        inputs = [call.emit("mul", *pair, is_map=x.is_map) for pair in zip(inputs, factors, strict=True)]
    elif sort != "none":
        option = call.option("weights_type")
        message = f"weights_type is {sort[:40]}: it can be none, per_feature or per_channel"
        hint = COMMENTS if "#" in sort else ""
        raise OptionError(message, option.mark if option else None, hint=hint)
    return call.activated(call.emit("add", *inputs, is_map=x.is_map), "linear")


def _alike(call: SectionCall, other: SectionOutput, x: SectionOutput) -> SectionOutput:
    """Return a tensor with the sizes of another."""
    if other.sizes == x.sizes:
        return other
    if len(x.sizes) == 1:
        other = call.flat(other)
        return call.fitted(other, x.sizes)
    return call.fitted(call.as_map(other), x.sizes)


def _merged(call: SectionCall, kind: str) -> SectionOutput:
    """Return the output before, merged with another: axes of size 1 of either are broadcast."""
    (index, *rest) = call.layers("from")
    if rest:
        option = call.option("from")
        raise OptionError(f"from has {len(rest) + 1} layers: it is one", option.mark if option else None)
    x, other = call.map(), call.as_map(call.output(index))
    return call.activated(call.emit(kind, x, other), "linear")


@section("scale_channels", ignored="scale_wh")
def _scale_channels(call: SectionCall) -> SectionOutput:
    return _merged(call, "mul")


@section("sam")
def _sam(call: SectionCall) -> SectionOutput:
    return _merged(call, "mul")


@section("control_channels")
def _control_channels(call: SectionCall) -> SectionOutput:
    return _merged(call, "mul")


@section("shift_channels")
def _shift_channels(call: SectionCall) -> SectionOutput:
    return _merged(call, "add")


@section("alternate_channels")
def _alternate_channels(call: SectionCall) -> SectionOutput:
    """The other map, made as large as the output before, and that."""
    (index, *_) = call.layers("from")
    x, other = call.map(), call.as_map(call.output(index))
    wide = call.emit("expand", other, sizes=[other.sizes[0], *x.sizes[1:]])
    return call.emit("concat", wide, x, dim=1)


@section("implicit", "implicit_add", "implicit_mul", "implicit_cat", ignored="mean std")
def _implicit(call: SectionCall) -> SectionOutput:
    """A learned tensor, which depends on no input."""
    return call.emit("parameter", shape=[call.number("filters", 128, 1), call.number("atoms", 1, 1), 1])
