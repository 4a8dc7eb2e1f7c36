"""The heads of SSD: whether their numbers fit the prior boxes, and which convolution is to blame."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from shapecalc.errors import LayerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.importers.caffe.operations import CaffeCall, CaffeFrame
    from shapecalc.model.graph import Reference

__all__ = ["check_boxes"]

_ARRANGING = ("reshape", "flatten", "unflatten", "permute", "identity", "softmax", "sigmoid", "squeeze", "unsqueeze")
"""Layers that change no element, or each on its own: behind them is what an input of a head comes from."""


def check_boxes(call: CaffeCall, param: str) -> None:
    """Check that there are four numbers, and one for each class, for each prior box. Errors: `LayerError`.

    The inputs are locations, confidences and prior boxes; the arguments of `param` say how many classes there are.
    """
    params = call.param(param)
    if len(call.inputs) < 3:
        return
    if "num_classes" not in params:
        raise LayerError("it has no num_classes", hint=f"write for instance {param} {{ num_classes: 21 }}")
    classes = params.integer("num_classes", 0, 1)
    shared = params.flag("share_location", default=True)
    boxes = call.full(call.data(2))
    count = boxes[2] // 4 if len(boxes) > 2 else 0
    for index, (what, per_box) in enumerate((("locations", 4 if shared else 4 * classes), ("confidences", classes))):
        sizes = call.full(call.data(index))
        found, due = sizes[1] if len(sizes) > 1 else 0, count * per_box
        if found != due:
            message = f"its input {index + 1} has {found:,} {what}, but {count:,} prior boxes need {due:,}"
            each = f"num_classes={classes}" if index else "4" if shared else f"4·{classes}"
            raise LayerError(message, (f"for each prior box {each}: {count:,}·{per_box} = {due:,}",),
                             _hint(call.frame, call.inputs[index].ref, call.inputs[2].ref, per_box))  # fmt: skip


def _hint(frame: CaffeFrame, head: Reference, priors: Reference, per_box: int) -> str:
    """Return where to write which `num_output`: of the first convolution that does not fit its prior boxes."""
    heads, boxes = _joined(frame, head), _joined(frame, priors)
    if len(heads) != len(boxes):
        return f"it joins {len(heads)} heads, but {len(boxes)} layers of prior boxes: each head needs its own"
    for one, box in zip(heads, boxes, strict=True):
        node = _behind(frame, one)
        if node < 0 or box.node < 0 or frame.nodes[node].kind != "conv" or frame.nodes[box.node].kind != "prior_box":
            continue
        sizes = frame.shapes[node].sizes
        positions = prod(sizes[1:])
        due, rest = divmod(frame.shapes[box.node].sizes[-1] // 4 * per_box, positions)
        if due != sizes[0] and not rest:
            conv, prior = frame.nodes[node], frame.nodes[box.node]
            line = f" (line {conv.mark.line})" if conv.mark else ""
            return (
                f"write num_output: {due} in {conv.name}{line}, which has {sizes[0]}: {prior.name} makes "
                f"{due // per_box} boxes at each of {positions} positions"
            )
    return ""


def _behind(frame: CaffeFrame, ref: Reference) -> int:
    """Return the index of the node whose elements a tensor has, in another arrangement; negative for an input."""
    while ref.node >= 0 and frame.nodes[ref.node].kind in _ARRANGING:
        ref = frame.nodes[ref.node].inputs[0]
    return ref.node


def _joined(frame: CaffeFrame, ref: Reference) -> Sequence[Reference]:
    """Return the tensors of which one is made: the inputs of a concatenation, or itself."""
    node = _behind(frame, ref)
    return frame.nodes[node].inputs if node >= 0 and frame.nodes[node].kind == "concat" else [ref]
