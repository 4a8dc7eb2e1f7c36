"""Losses, and measures of how good outputs are: one number for the whole batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.importers.caffe.operations import layer_type
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.tensors import LOST

if TYPE_CHECKING:
    from shapecalc.importers.caffe.operations import CaffeCall
    from shapecalc.importers.tensors import Data

_OF_SOFTMAX = ("softmaxwithloss", "softmaxloss")


@layer_type("loss")
def _loss(call: CaffeCall) -> list[Data]:
    """A loss of any type. A second output of SoftmaxWithLoss is the softmax."""
    if call.layer.key in _OF_SOFTMAX and len(call.inputs) == 1:
        call.notes.append(f"{call.layer.name} is a loss without labels, which Caffe refuses: shown as a softmax")
        return [_softmax(call)] * max(len(call.layer.tops), 1)
    call.data()
    found = call.one("loss", *call.inputs, batch=LOST, function=call.layer.type)
    if len(call.layer.tops) > 1 and call.layer.key in _OF_SOFTMAX:
        return [found, _softmax(call, "softmax")]
    return [found] * max(len(call.layer.tops), 1)


def _softmax(call: CaffeCall, part: str = "") -> Data:
    x = call.data()
    return call.one("softmax", x, dim=call.frame.within(x, call.axis(x, "axis", "softmax_param", 1)), part=part)


@layer_type("accuracy")
def _accuracy(call: CaffeCall) -> list[Data]:
    """The share of labels that are right; a second output has it for each class."""
    x = call.data()
    found = [call.one("accuracy", *call.inputs, batch=LOST)]
    if len(call.layer.tops) > 1:
        axis = call.axis(x, "axis", "accuracy_param", 1)
        sizes = [[call.full(x)[axis]]]
        found.append(call.one("opaque", x, batch=LOST, output_sizes=sizes, op_type="Accuracy", part="per_class"))
    return found


@layer_type("python")
def _python(call: CaffeCall) -> list[Data]:
    """A layer of Python code, which is not run: a loss, by its name, or one whose sizes are not known."""
    params = call.param("python_param")
    name = params.text("layer")
    if "loss" in name.lower() or "loss_weight" in call.layer.own.fields:
        return [call.one("loss", *call.inputs, batch=LOST, function=name)] * max(len(call.layer.tops), 1)
    raise NotCoveredError(f"its sizes are computed by Python code ({params.text('module')}.{name}), which is not run")
