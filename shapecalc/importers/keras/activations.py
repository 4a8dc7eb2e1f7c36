"""Activations: layers of their own, and the argument `activation` of other layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.keras.calls import layer, when
from shapecalc.layers.base.arguments import show

if TYPE_CHECKING:
    from shapecalc.importers.keras.calls import LayerCall
    from shapecalc.importers.tensors import Data

__all__ = ["activate", "activated"]

_ACTIVATIONS = {
    **{name: name for name in ("relu", "relu6", "elu", "selu", "celu", "softplus", "softsign", "silu", "gelu", "tanh",
                               "sigmoid", "exponential", "mish", "log_softmax", "softmax", "leaky_relu", "glu",
                               "log_sigmoid")},
    "swish": "silu", "hard_sigmoid": "hardsigmoid", "hard_silu": "hardswish", "hard_swish": "hardswish",
    "hard_tanh": "hardtanh", "hard_shrink": "hardshrink", "soft_shrink": "softshrink", "tanh_shrink": "tanhshrink",
    "threshold": "threshold", "squareplus": "softplus", "sparse_plus": "softplus", "sparse_sigmoid": "hardsigmoid",
    "sparsemax": "softmax", "exp": "exponential",
}  # fmt: skip
"""Names of functions, and the kinds that are these, or close to them: of the same size and costs."""


def activated(call: LayerCall, x: Data) -> Data:
    """Return a tensor after the activation that is an argument of the layer."""
    return activate(call, x, call.argument("activation"), is_part=True)


def activate(call: LayerCall, x: Data, given: Any, *, is_part: bool) -> Data:
    """Return a tensor after an activation, as an argument names it: a word, or an object with a class."""
    if isinstance(given, dict):
        return _object(call, x, given, is_part=is_part)
    if given is None or given == "linear":
        return x if is_part else call.one("identity", x)
    if not isinstance(given, str):
        raise LayerError(f"its activation must be a name, not {show(given)}")
    word = given.rpartition(">")[2]
    kind = _ACTIVATIONS.get(word.lower())
    name = word.lower() if is_part else ""
    if kind is None:
        return call.one("opaque", x, name=name, output_sizes=[x.shape.sizes], op_type=word)
    return call.one(kind, x, name=name, **when(kind in ("softmax", "log_softmax", "glu"), dim=-1))


def _object(call: LayerCall, x: Data, given: dict[str, Any], *, is_part: bool) -> Data:
    """Return a tensor after an activation that is a layer, or a function by its name."""
    config, title = given.get("config"), given.get("class_name")
    if isinstance(config, str):
        return activate(call, x, config, is_part=is_part)
    if not isinstance(title, str) or not isinstance(config, dict):
        raise LayerError("its activation has neither a class nor a name")
    from shapecalc.importers.keras.calls import layer
    from shapecalc.importers.keras.records import read_layer
    from shapecalc.importers.keras.structure import RecordError

    word = title.rpartition(">")[2]
    if word in _CLASSES and layer.find(word) is not None:
        try:
            record = read_layer(given, "activation", 0)
        except RecordError as error:
            raise LayerError(error.message) from None
        inner = call.of(record._replace(key=f"{call.record.key}#activation"), [x])
        if is_part:
            inner.place = call.part(word.lower())
        found: Data = _CLASSES[word](inner)
        return found
    return activate(call, x, word, is_part=is_part)


@layer("Activation")
def _activation(call: LayerCall) -> Data:
    return activate(call, call.data(), call.argument("activation"), is_part=False)


@layer("ReLU")
def _relu(call: LayerCall) -> Data:
    x, most, slope = call.data(), call.argument("max_value"), call.real("negative_slope", 0.0)
    if slope:
        return call.one("leaky_relu", x, negative_slope=slope)
    if most is None:
        return call.one("relu", x)
    limit = call.real("max_value", 6.0)
    return call.one("relu6", x) if limit == 6 else call.one("relu", x, max_value=limit)


@layer("LeakyReLU")
def _leaky_relu(call: LayerCall) -> Data:
    return call.one("leaky_relu", call.data(), negative_slope=call.real("negative_slope", call.real("alpha", 0.3)))


@layer("ELU")
def _elu(call: LayerCall) -> Data:
    alpha = call.real("alpha", 1.0)
    return call.one("elu", call.data(), **when(alpha != 1, alpha=alpha))


@layer("ThresholdedReLU")
def _thresholded(call: LayerCall) -> Data:
    return call.one("threshold", call.data(), threshold=call.real("theta", 1.0))


@layer("PReLU")
def _prelu(call: LayerCall) -> Data:
    x = call.data()
    shared = call.listed("shared_axes") if call.argument("shared_axes") is not None else []
    axes = [call.axis(axis, x) for axis in shared]
    axes += [] if x.batch.own else [1]
    return call.one("prelu", x, **({"shared_axes": axes} if axes else {"per": "element"}))


@layer("Softmax")
def _softmax(call: LayerCall) -> Data:
    x = call.data()
    axes = call.listed("axis") if call.argument("axis") is not None else [-1]
    if len(axes) == 1:
        return call.one("softmax", x, dim=axes[0] if axes[0] == -1 else call.axis(axes[0], x))
    return call.one("opaque", x, output_sizes=[x.shape.sizes], op_type="Softmax")


_CLASSES = {"ReLU": _relu, "LeakyReLU": _leaky_relu, "ELU": _elu, "ThresholdedReLU": _thresholded, "PReLU": _prelu,
            "Softmax": _softmax}  # fmt: skip
