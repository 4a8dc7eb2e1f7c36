"""Losses and measures: one number for how good outputs are, as files of networks in training have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from shapecalc.layers.base.arguments import Text
from shapecalc.layers.base.layer import IN_FP32, NOTHING, Example, Layer

if TYPE_CHECKING:
    from shapecalc.layers.base.shape import Shape

GROUP = "others"

__all__ = ["Accuracy", "Loss"]


class _Measure(Layer):
    """What these kinds share: one number from all elements of the inputs, without parameters."""

    inputs: ClassVar[tuple[int, int | None]] = (1, None)
    measures = True

    def output(self, *inputs: Shape) -> Shape:
        return inputs[0].plain()


class Loss(_Measure):
    """Loss: one number from outputs and, as further inputs, what they should be. It has no parameters.

    Caffe's SoftmaxWithLoss, EuclideanLoss and others. For the memory of training leave it out: `memory --training`
    counts a loss itself.
    """

    kind = "loss"
    autocast = IN_FP32

    function = Text("the name of the loss in its framework", None)

    examples = (
        Example({"function": "EuclideanLoss"}, [(784,), (784,)], (), source="Caffe's mnist_autoencoder.prototxt"),
    )


class Accuracy(_Measure):
    """Accuracy: the share of labels that are those of the outputs; one number."""

    kind = "accuracy"
    saves = NOTHING

    examples = (
        Example({}, [(21, 500, 500), (1, 500, 500)], (), source="Caffe's test_accuracy_layer.cpp, by its axes"),
    )
