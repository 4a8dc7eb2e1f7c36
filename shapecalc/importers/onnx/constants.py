"""Constants that nodes make: of stated elements, of one element, of a range, of windows."""

from __future__ import annotations

import math
from math import prod
from typing import TYPE_CHECKING

from shapecalc.importers.onnx.messages import MOST_ITEMS, TensorMessage
from shapecalc.importers.onnx.values import folds, known, vector
from shapecalc.importers.tensors import Constant

if TYPE_CHECKING:
    from shapecalc.importers.onnx.operations import NodeCall


@folds("Constant")
def _constant(call: NodeCall) -> Constant | None:
    for name, attribute in call.node.attributes.items():
        value = attribute.value
        if isinstance(value, TensorMessage):
            return Constant(value.dims, value.items, (call.place.path,), learned=False, unread=value.unread)
        if name in ("value_int", "value_float", "value_string"):
            return Constant((), (value,))
        if name == "value_floats":
            return Constant((len(value),), tuple(value), (call.place.path,))
        if name in ("value_ints", "value_strings"):
            return vector(value)
    return None


@folds("ConstantOfShape")
def _constant_of_shape(call: NodeCall) -> Constant | None:
    dims = tuple(known(call, 0).items or ())
    value = call.attribute("value")
    element = value.items[0] if isinstance(value, TensorMessage) and value.items else 0.0
    if _LEARNED in call.node.metadata:  # it stands for a weight, whose elements are not those that it has
        return Constant(dims, None, (call.node.outputs[0],), learned=True)
    return Constant(dims, (element,) * prod(dims) if prod(dims) <= MOST_ITEMS else None)


_LEARNED = "shapecalc.learned"
"""In the metadata of a node: it stands for a learned tensor, in a file of shapecalc."""


@folds("Range")
def _range(call: NodeCall) -> Constant | None:
    start, limit, step = (known(call, i).items[0] for i in range(3))  # type: ignore[index]
    count = max(math.ceil((limit - start) / step), 0)
    if count > MOST_ITEMS:
        return Constant((count,))
    return vector([start + i * step for i in range(count)])


@folds("HannWindow", "HammingWindow", "BlackmanWindow")
def _window(call: NodeCall) -> Constant | None:
    return Constant((int((known(call, 0).items or ())[0]),))


@folds("MelWeightMatrix")
def _mel_weights(call: NodeCall) -> Constant | None:
    bins, length = (int((known(call, i).items or ())[0]) for i in range(2))
    return Constant((length // 2 + 1, bins), is_computed=True)


@folds("RandomNormal", "RandomUniform")
def _random(call: NodeCall) -> Constant | None:
    return Constant(tuple(call.numbers("shape")), is_computed=True)
