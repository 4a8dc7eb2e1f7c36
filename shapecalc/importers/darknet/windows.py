"""Sections with a window, and those that change the resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.importers.darknet.calls import section
from shapecalc.importers.darknet.cfg import OptionError

if TYPE_CHECKING:
    from shapecalc.importers.darknet.calls import SectionCall, SectionOutput

__all__ = ["convolved", "padding_of"]

_OF_CONVOLUTIONS = """binary xnor bin_output flipped dot sway rotate stretch stretch_sway angle grad_centr reverse
coordconv stream wait_stream assisted_excitation weights biases"""


def padding_of(call: SectionCall, size: int) -> int:
    """Return the padding of a convolution: `pad=1` is half of the window, whatever `padding` is.

    That is the default in a `crnn`: pjreddie's always has it, and another size than the state's would not fit.
    """
    is_padded = call.kind.name == "crnn" and call.option("padding") is None
    padding = call.number("padding", 0, 0)
    return size // 2 if call.number("pad", int(is_padded)) else padding


def _strides(call: SectionCall) -> list[int]:
    """Return the strides along the height and the width: `stride_y` and `stride_x` replace `stride`."""
    both = call.number("stride", 1, 1)
    return [own if own >= 1 else both for own in (call.number("stride_y", -1), call.number("stride_x", -1))]


def _per_axis(sizes: list[int]) -> Any:
    return sizes[0] if len(set(sizes)) == 1 else sizes


def convolved(
    call: SectionCall,
    x: SectionOutput,
    filters: int,
    stride: list[int],
    *,
    size: int,
    name: str = "conv",
    owner: str = "",
) -> SectionOutput:
    """Return the output of a convolution, with its batch normalisation, but without its activation.

    `owner` is the name of its weights. Dilation widens the padding too, so that it changes no size.
    """
    dilation = call.number("dilation", 1, 1) if size > 1 else 1
    groups = 1 if call.number("xnor") else max(call.number("groups", 1), 1)  # as darknet takes them
    is_normalised = call.number("batch_normalize") != 0 or call.number("cbn") != 0
    call.check_groups("groups", groups, x.sizes[0], "channels of its input")
    arguments: dict[str, Any] = {"out_channels": filters, "kernel_size": size}
    others = {"stride": _per_axis(stride), "padding": padding_of(call, size) * dilation, "dilation": dilation,
              "groups": groups}  # fmt: skip
    arguments.update({key: value for key, value in others.items() if value != (key != "padding")})
    if is_normalised:
        arguments["bias"] = False
    found = call.emit("conv", x, name=name, weights=f"{owner}.weights" if owner else "", **arguments)
    return call.normalised(found, f"{owner}.scales" if owner else "") if is_normalised else found


@section("convolutional", "conv", ignored=_OF_CONVOLUTIONS)
def _convolutional(call: SectionCall) -> SectionOutput:
    size, stride = call.number("size", 1, 1), _strides(call)
    is_blurred = call.number("antialiasing")
    shared = call.option("share_index")
    owner = call.layers("share_index")[0] if shared else call.index
    found = convolved(
        call, call.map(), call.counted("filters"), [1, 1] if is_blurred else stride, size=size, owner=str(owner)
    )
    found = call.activated(found, "logistic")
    return _blurred(call, found, stride, is_blurred) if is_blurred else found


def _blurred(call: SectionCall, x: SectionOutput, stride: list[int], sort: int) -> SectionOutput:
    """Return a map after the blur that `antialiasing` puts before a stride: a mean with weights that are not learned.

    Its window is 3×3 with padding 1, or with `antialiasing=2` 2×2 without.
    """
    window: dict[str, Any] = {"kernel_size": 2} if sort == 2 else {"kernel_size": 3, "padding": 1}
    return call.emit("avg_pool", x, name="blur", stride=_per_axis(stride), **window)


@section("deconvolutional", "deconv", ignored="weights biases")
def _deconvolutional(call: SectionCall) -> SectionOutput:
    size, stride = call.number("size", 1, 1), call.number("stride", 1, 1)
    is_normalised = call.number("batch_normalize") != 0
    bias: dict[str, Any] = {"bias": False} if is_normalised else {}
    found = call.emit(
        "transposed_conv", call.map(), out_channels=call.counted("filters"), kernel_size=size, stride=stride,
        padding=padding_of(call, size), **bias,
    )  # fmt: skip
    found = call.normalised(found) if is_normalised else found
    return call.activated(found, "logistic")


@section("local")
def _local(call: SectionCall) -> SectionOutput:
    size = call.number("size", 1, 1)
    padding = [(size - 1) // 2, size // 2] if call.number("pad") else [0, 0]
    found = call.emit(
        "locally_connected", call.map(), out_channels=call.counted("filters"), kernel_size=size,
        stride=call.number("stride", 1, 1), padding=[padding, padding],
    )  # fmt: skip
    return call.activated(found, "logistic")


@section("maxpool", "max", ignored="maxpool_zero_nonmax")
def _maxpool(call: SectionCall) -> SectionOutput:
    if call.number("maxpool_depth"):
        return _depth_pool(call)
    blur = call.number("antialiasing")
    found = _pool(call, "max_pool", is_dense=blur != 0)
    return _blurred(call, found, _strides(call), blur) if blur else found


@section("local_avgpool", "local_avg")
def _local_avgpool(call: SectionCall) -> SectionOutput:
    return _pool(call, "avg_pool")


def _pool(call: SectionCall, kind: str, *, is_dense: bool = False) -> SectionOutput:
    """Return the output of a pool: `padding` is that of both sides together, by default one less than the window."""
    stride = _strides(call)
    size = call.number("size", call.number("stride", 1, 1), 1)
    padding = call.number("padding", size - 1, 0)
    sides = [padding // 2, padding - padding // 2]
    arguments: dict[str, Any] = {"kernel_size": size, "stride": 1 if is_dense else _per_axis(stride)}
    if padding:
        arguments["padding"] = sides[0] if sides[0] == sides[1] else [sides, sides]
    if 2 * sides[1] > size:
        arguments["padding_limit"] = "any"
    if kind == "avg_pool" and padding:
        arguments["count_include_pad"] = False
    return call.emit(kind, call.map(), **arguments)


def _depth_pool(call: SectionCall) -> SectionOutput:
    """Return the maximum of every n-th channel: `out_channels` of them."""
    channels = call.number("out_channels", 1, 1)
    for name in ("size", "stride", "padding", "stride_x", "stride_y", "antialiasing"):
        call.option(name)
    x = call.map()
    groups = -(-x.sizes[0] // channels)
    x = call.fitted(x, (groups * channels, *x.sizes[1:]))
    x = call.emit("unflatten", x, dim=1, unflattened_size=(groups, channels))
    return call.emit("max", x, dim=1)


@section("avgpool", "avg")
def _avgpool(call: SectionCall) -> SectionOutput:
    return call.emit("global_avg_pool", call.map(), keepdims=True)


@section("upsample", ignored="scale")
def _upsample(call: SectionCall) -> SectionOutput:
    stride = call.number("stride", 2)
    if stride == 0:
        option = call.option("stride")
        raise OptionError("stride is 0: it must be at least 1, or negative to divide", option.mark if option else None)
    if stride < 0:  # the sum of each square
        return call.emit("avg_pool", call.map(), kernel_size=-stride, divisor_override=1)
    return call.emit("upsample", call.map(), scale_factor=stride)


@section("reorg", "reorg3d", "reorg_old")
def _reorg(call: SectionCall) -> SectionOutput:
    x, stride, extra = call.map(), call.number("stride", 1, 1), call.number("extra", 0, 0)
    is_reverse = call.number("reverse")
    call.option("flatten")
    if extra:
        return call.emit("pad", call.flat(x), padding=[[0, extra]], dim=[1], is_map=False)
    if is_reverse:
        return call.emit("pixel_shuffle", x, upscale_factor=stride)
    if min(x.sizes[1:]) < stride:
        option = call.option("stride")
        raise OptionError(f"stride {stride} is larger than its input", option.mark if option else None)
    x = call.fitted(x, (x.sizes[0], *(size // stride * stride for size in x.sizes[1:])))
    return call.emit("pixel_unshuffle", x, downscale_factor=stride)


@section("crop", ignored="flip angle saturation exposure shift noadjust")
def _crop(call: SectionCall) -> SectionOutput:
    return call.emit("crop", call.map(), size=[call.number("crop_height", 1, 1), call.number("crop_width", 1, 1)])
