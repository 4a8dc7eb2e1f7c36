"""Losses, and measures of how good outputs are: one number for the whole batch."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from shapecalc.errors import LayerError, count_noun
from shapecalc.importers.caffe.operations import layer_type
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.tensors import LOST, Data, sizes_text

if TYPE_CHECKING:
    from shapecalc.importers.caffe.operations import CaffeCall

_OF_SOFTMAX = ("softmaxwithloss", "softmaxloss")
_OF_LABELS = {**dict.fromkeys(_OF_SOFTMAX, "softmax_param"), "infogainloss": "infogain_loss_param",
              "accuracy": "accuracy_param"}  # fmt: skip
"""Layers that compare predictions with labels, and the arguments that say along which axis the classes are."""

_OF_EQUALS = ("euclideanloss", "sigmoidcrossentropyloss", "smoothl1loss", "contrastiveloss")
"""Losses whose first two inputs have the same size."""


@layer_type("loss")
def _loss(call: CaffeCall) -> list[Data]:
    """A loss of any type. A second output of SoftmaxWithLoss is the softmax."""
    if call.layer.key in _OF_SOFTMAX and len(call.inputs) == 1:
        call.notes.append(f"{call.layer.name} is a loss without labels, which Caffe refuses: shown as a softmax")
        return [_softmax(call)] * max(len(call.layer.tops), 1)
    call.data()
    _check(call)
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
    _check(call)
    found = [call.one("accuracy", *call.inputs, batch=LOST)]
    if len(call.layer.tops) > 1:
        axis = call.axis(x, "axis", "accuracy_param", 1)
        sizes = [[call.full(x)[axis]]]
        found.append(call.one("opaque", x, batch=LOST, output_sizes=sizes, op_type="Accuracy", part="per_class"))
    return found


def _check(call: CaffeCall) -> None:
    """Check that the inputs of a loss fit together, as Caffe does. Errors: `LayerError`."""
    x, y = call.given(0), call.given(1)
    if not isinstance(x, Data) or not isinstance(y, Data) or y.ref in call.frame.guessed:
        return
    if x.batch != y.batch and call.frame.batch > 1:
        return
    if call.layer.key in _OF_LABELS:
        _check_labels(call, x, y)
    elif call.layer.key in _OF_EQUALS and prod(x.shape.sizes) != prod(y.shape.sizes):
        own, other = x.shape.text, y.shape.text
        hint = f"both must have the same size, of {count_noun(prod(y.shape.sizes), 'number')} for each sample"
        raise LayerError(f"its inputs differ: input 1 is {own}, input 2 is {other}", hint=hint)


def _check_labels(call: CaffeCall, x: Data, labels: Data) -> None:
    """Check that there is one label for each prediction, and no fewer classes than are counted."""
    param = _OF_LABELS[call.layer.key]
    axis = call.axis(x, "axis", param, 1)
    own, given = call.full(x), call.full(labels)
    due, found = prod((*own[:axis], *own[axis + 1 :])), prod(given)
    if due != found:
        if found == prod(own):
            hint = "a label is the number of a class: one for each prediction, not one number for each class"
        elif found == prod(own[:axis]):
            hint = (
                "a loss on maps needs a label for each position; for one label each, a pool or InnerProduct before it"
            )
        else:
            hint = f"there must be {count_noun(due, 'label')}"
        raise LayerError(
            f"{count_noun(due, 'prediction')}, but {count_noun(found, 'label')}: its input is {sizes_text(own)}, with "
            f"the classes on axis {axis}, and its labels are {sizes_text(given)}",
            ("the number of labels must match the number of predictions",), hint,
        )  # fmt: skip
    top = call.param(param).integer("top_k", 1, 1) if call.layer.key == "accuracy" else 1
    if top > own[axis]:
        raise LayerError(f"top_k {top} is more than its {own[axis]} classes")


@layer_type("python")
def _python(call: CaffeCall) -> list[Data]:
    """A layer of Python code, which is not run: a loss, by its name, or one whose sizes are not known."""
    params = call.param("python_param")
    name = params.text("layer")
    if "loss" in name.lower() or "loss_weight" in call.layer.own.fields:
        return [call.one("loss", *call.inputs, batch=LOST, function=name)] * max(len(call.layer.tops), 1)
    code = ".".join(filter(None, (params.text("module"), name)))
    shown = f" ({code})" if code else ""
    raise NotCoveredError(f"its sizes are computed by Python code{shown}, which is not run")
