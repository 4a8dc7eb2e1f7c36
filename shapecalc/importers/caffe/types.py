"""The types of layers as Caffe writes them, and how many inputs and outputs they have: another spelling is refused.

Source: REGISTER_LAYER_CLASS and the methods ExactNumBottomBlobs, … of BVLC/caffe (2017) and of its SSD branch; the enum
V1LayerParameter.LayerType of its caffe.proto.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import LayerError, count_noun
from shapecalc.importers.caffe.fields import type_key

if TYPE_CHECKING:
    from shapecalc.importers.caffe.messages import CaffeLayer

__all__ = ["NAMES", "check_counts", "check_type"]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NAMES = _words(
    """AbsVal Accuracy ArgMax BNLL BatchNorm BatchReindex Bias Clip Concat ContrastiveLoss Convolution Crop Data
    Deconvolution Dropout DummyData ELU Eltwise Embed EuclideanLoss Exp Filter Flatten HDF5Data HDF5Output HingeLoss
    Im2col ImageData InfogainLoss InnerProduct Input LRN LSTM Log MVN MemoryData MultinomialLogisticLoss PReLU
    Parameter Pooling Power Python RNN ReLU Reduction Reshape SPP Scale Sigmoid SigmoidCrossEntropyLoss Silence
    Slice Softmax SoftmaxWithLoss Split Swish TanH Threshold Tile WindowData PriorBox Permute Normalize MultiBoxLoss
    DetectionOutput AnnotatedData DetectionEvaluate ROIPooling SmoothL1Loss"""
)
"""Types in a `layer`."""

_OLD_NAMES = _words(
    """ABSVAL ACCURACY ARGMAX BNLL CONCAT CONTRASTIVE_LOSS CONVOLUTION DATA DECONVOLUTION DROPOUT DUMMY_DATA
    EUCLIDEAN_LOSS ELTWISE EXP FLATTEN HDF5_DATA HDF5_OUTPUT HINGE_LOSS IM2COL IMAGE_DATA INFOGAIN_LOSS
    INNER_PRODUCT LRN MEMORY_DATA MULTINOMIAL_LOGISTIC_LOSS MVN POOLING POWER RELU SIGMOID
    SIGMOID_CROSS_ENTROPY_LOSS SILENCE SOFTMAX SOFTMAX_LOSS SPLIT SLICE TANH WINDOW_DATA THRESHOLD"""
)
"""Types in a `layers`, which are words without quotes."""


_BY_KEY = {**{type_key(name): name for name in NAMES}, "softmaxloss": "SoftmaxWithLoss"}
_OLD_BY_KEY = {**{type_key(name): name for name in _OLD_NAMES}, "softmaxwithloss": "SOFTMAX_LOSS"}

_SINGLE = frozenset(
    _words(
        """absval bnll elu exp log power prelu relu sigmoid swish tanh threshold dropout clip lrn innerproduct batchnorm
    softmax flatten reshape embed mvn im2col spp tile reduction argmax permute normalize pooling slice split"""
    )
)
"""Layers that have one input."""

_WITH_OUTPUT = _SINGLE | {"convolution", "deconvolution", "concat", "eltwise", "scale", "bias", "crop"}
"""Layers that have an output."""


def check_type(layer: CaffeLayer) -> None:
    """Check the spelling of a type: Caffe knows no other. Errors: `LayerError`."""
    if layer.is_oldest:
        return
    right = (_OLD_BY_KEY if layer.is_old else _BY_KEY).get(layer.key, layer.type)
    if layer.type != right:
        written = right if layer.is_old else f'"{right}"'
        raise LayerError(f"Caffe has no layer type {layer.type}: it is case-sensitive", hint=f"write type: {written}")


def check_counts(layer: CaffeLayer) -> None:
    """Check the numbers of inputs and outputs of a layer. Errors: `LayerError`."""
    if layer.key in _SINGLE and len(layer.bottoms) != 1:
        found = count_noun(len(layer.bottoms), "input") if layer.bottoms else "no input"
        raise LayerError(f"it has {found} (bottom): {layer.type} takes one")
    if layer.key in _WITH_OUTPUT and not layer.tops:
        hint = f'write top: "{layer.bottoms[0] if layer.key in _SINGLE else layer.name}"'
        raise LayerError("it has no output (top)", hint=hint)
