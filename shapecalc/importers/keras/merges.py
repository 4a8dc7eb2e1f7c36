"""Layers of several inputs: sums, products, concatenation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.keras.calls import OWN, layer, when

if TYPE_CHECKING:
    from shapecalc.importers.keras.calls import LayerCall
    from shapecalc.importers.tensors import Data

_KINDS = {"Add": "add", "Subtract": "sub", "Multiply": "mul", "Average": "average", "Maximum": "maximum",
          "Minimum": "minimum"}  # fmt: skip
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def _operands(call: LayerCall) -> list[Data]:
    if not call.inputs:
        raise LayerError("it has no input")
    return [call.checked(one) for one in call.inputs]


@layer(*_KINDS)
def _merge(call: LayerCall) -> Data:
    data = _operands(call)
    batch = data[0].batch
    if any(x.batch != batch for x in data):
        data, batch = call.frame.aligned(call.place, data)
    return call.one(_KINDS[call.record.op], *data, batch=batch)


@layer("CustomScaleLayer")
def _scaled_sum(call: LayerCall) -> Data:
    """The sum of one tensor and another times a constant: a layer of Keras' own applications (Inception-ResNet)."""
    return call.one("add", *_operands(call))


@layer("Concatenate")
def _concatenate(call: LayerCall) -> Data:
    data = _operands(call)
    first = data[0]
    if len(data) == 1:
        return call.one("identity", first)
    if any(x.batch != first.batch for x in data):
        raise NotCoveredError("the batch is not the same axis of all of its inputs")
    axis = call.axis(call.whole("axis", -1), first)
    channels = first.shape.rank if call.importing.is_last else 1
    return call.one("concat", *data, **when(axis != channels, dim=axis))


@layer("Dot")
def _dot(call: LayerCall) -> Data:
    """The product of two tensors along an axis of each."""
    x, y = call.data(0), call.data(1)
    if x.batch != OWN or y.batch != OWN or len(call.inputs) != 2:
        raise NotCoveredError("it is not of two tensors with the batch as an axis of its own")
    axes: Any = call.argument("axes")
    a, b = axes if isinstance(axes, list) and len(axes) == 2 else (axes, axes)
    ours = [call.axis(axis, one) - 1 for axis, one in ((a, x), (b, y))]
    if x.rank + y.rank > len(_LETTERS):
        raise LayerError(f"its inputs have {x.rank + y.rank} axes")
    left = list(_LETTERS[: x.shape.rank])
    right = list(_LETTERS[x.shape.rank : x.shape.rank + y.shape.rank])
    right[ours[1]] = left[ours[0]]
    out = [letter for letter in (*left, *right) if letter != left[ours[0]]]
    made = call.one("einsum", x, y, equation=f"{''.join(left)},{''.join(right)}->{''.join(out)}")
    return made if out else call.one("reshape", made, name="feature", shape=[1])
