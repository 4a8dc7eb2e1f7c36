"""Convolutions and pools whose channels onnxruntime stores in blocks (com.microsoft.nchwc), for its processor.

Their tensors are padded to whole blocks of 8 or 16 channels: here they have the channels of the network.
Source: onnxruntime 1.32, core/optimizer/nchwc_transformer.cc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.onnx.fused import activated, convolution_with_more
from shapecalc.importers.onnx.operations import operation
from shapecalc.importers.onnx.quantised import as_operation
from shapecalc.importers.rearranging import cut, permuted
from shapecalc.importers.tensors import Constant, Data

if TYPE_CHECKING:
    from shapecalc.importers.onnx.operations import NodeCall

__all__ = ["BLOCKED"]

BLOCKED = "com.microsoft.nchwc"
_LARGEST_BLOCK = 16
_MADE = "reorder"
"""How the names of tensors begin that are padded: a bias that needs no padding keeps its own."""
_MOST_FOLLOWED = 32


@operation(BLOCKED + ".ReorderInput")
def _to_blocks(call: NodeCall) -> Data:
    return permuted(call, call.data(0), (0, 3, 1, 2)) if call.number("channels_last", 0) else call.data(0)


@operation(BLOCKED + ".ReorderOutput")
def _from_blocks(call: NodeCall) -> Data:
    x, channels = call.as_map(), call.number("channels", 0)
    if x.shape.channels != channels:  # it was not known that they are padded
        _check(x.shape.channels, channels, "channels of its input")
        x = cut(call, x, 1, 0, channels, 1)
    return permuted(call, x, (0, 2, 3, 1)) if call.number("channels_last", 0) else x


@operation(*[f"{BLOCKED}.{op}" for op in ("MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool", "Upsample")])
def _as_it_is(call: NodeCall) -> Any:
    return as_operation(call, call.node.op, (0,))


@operation(BLOCKED + ".Conv")
def _conv(call: NodeCall) -> Any:
    x, kernel, bias = call.as_map(), call.constant(1), call.constant(2)
    if kernel is None or kernel.rank < 3:
        raise LayerError("it has no stored kernel")
    groups, channels = call.number("group", 1), x.shape.channels
    if is_depthwise := _is_depthwise(kernel, groups):
        groups, outputs = channels, channels
    else:
        outputs = _channels(call, kernel.dims[0], bias)
    _check(kernel.dims[0], outputs, "output channels")
    _check(kernel.dims[0 if is_depthwise else 1] * (1 if is_depthwise else groups), channels, "channels of its input")
    if is_depthwise and bias is not None and set(kernel.dims[1:]) == {1}:
        weights = [one._replace(dims=(channels,)) for one in (kernel, bias)]  # a batch normalisation
        return activated(call, call.node, call.one("layer_scale", x, dim=1, bias=True, weights=weights))
    own = (kernel, (outputs, channels // groups, *kernel.dims[2:])), (bias, (outputs,))
    call.inputs = (x, *[one and one._replace(dims=dims) for one, dims in own], *call.inputs[3:])
    group = call.node.attributes.get("group")
    if group is not None:
        call.node = call.node._replace(attributes={**call.node.attributes, "group": group._replace(value=groups)})
    return convolution_with_more(call)


def _is_depthwise(kernel: Constant, groups: int) -> bool:
    return groups > 1 and kernel.dims[:2] == (groups, 1)


def _check(stored: int, due: int, what: str) -> None:
    """Check that channels are stored with less than a block of padding. Errors: `LayerError`."""
    if not 0 <= stored - due < _LARGEST_BLOCK:
        raise LayerError(f"it is stored for {stored} {what}, but these are {due}")


def _channels(call: NodeCall, stored: int, bias: Constant | None) -> int:
    """Return the output channels of a convolution without padding; where the file does not state them, with it."""
    added = call.given(3)
    if isinstance(added, Data):  # of the same size
        return int(call.map_of(added).shape.channels)
    stated = _stated_after(call, stored)
    if stated:
        return stated
    if bias is not None and not bias.sources[0].startswith(_MADE):
        return stored
    padding = (
        next((i for i, item in enumerate(reversed(bias.items)) if item), stored) if bias and bias.items else stored
    )
    if padding < _LARGEST_BLOCK:
        return stored - padding
    call.frame.notes["the file does not state all numbers of channels: those that onnxruntime may have added to have"
                     " whole blocks of 8 or 16 are counted"] = None  # fmt: skip
    return stored


def _stated_after(call: NodeCall, stored: int) -> int:
    """Return the channels of the output that a node after it states; 0 for none."""
    waiting, seen = [call.node.outputs[0]], set(call.node.outputs[:1])
    while waiting and len(seen) < _MOST_FOLLOWED:
        tensor = waiting.pop()
        for node in call.uses.users.get(tensor, ()):
            found = node.attributes.get("channels")
            if node.op == "ReorderOutput" and found is not None and isinstance(found.value, int):
                return int(found.value)
            if node.op == "Concat":  # which only joins whole blocks
                return stored
            if _keeps_channels(call, node, tensor):
                new = [one for one in node.outputs if one not in seen]
                waiting += new
                seen.update(new)
    return 0


def _keeps_channels(call: NodeCall, node: Any, tensor: str) -> bool:
    """Return whether the output of a node has the channels of this input."""
    if node.op != "Conv":
        return True
    if node.inputs[3:4] == (tensor,):
        return True
    kernel, group = call.uses.scope.get(node.inputs[1]), node.attributes.get("group")
    return isinstance(kernel, Constant) and group is not None and _is_depthwise(kernel, group.value)
