"""Classes and arguments of Keras 1, and older names of Keras 2, as Keras 3 has them."""

from __future__ import annotations

from typing import Any

__all__ = ["modern"]

_CLASSES = {
    "Convolution1D": "Conv1D", "Convolution2D": "Conv2D", "Convolution3D": "Conv3D", "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D", "AtrousConv2D": "Conv2D", "Deconvolution2D": "Conv2DTranspose",
    "Deconvolution3D": "Conv3DTranspose", "Convolution2DTranspose": "Conv2DTranspose",
    "SeparableConvolution1D": "SeparableConv1D", "SeparableConvolution2D": "SeparableConv2D",
    "TimeDistributedDense": "Dense", "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization", "SyncBatchNormalization": "BatchNormalization",
    "AvgPool1D": "AveragePooling1D", "AvgPool2D": "AveragePooling2D", "AvgPool3D": "AveragePooling3D",
    "MaxPool1D": "MaxPooling1D", "MaxPool2D": "MaxPooling2D", "MaxPool3D": "MaxPooling3D",
    "LayerNorm": "LayerNormalization", "DenseFeaturesV2": "DenseFeatures", "LSTMV2": "LSTM", "GRUV2": "GRU",
    "LSTMCellV2": "LSTMCell", "GRUCellV2": "GRUCell", "FixedDropout": "Dropout",
}  # fmt: skip
_ARGUMENTS = {
    "nb_filter": "filters", "filter_length": "kernel_size", "border_mode": "padding", "subsample": "strides",
    "subsample_length": "strides", "atrous_rate": "dilation_rate", "bias": "use_bias", "pool_length": "pool_size",
    "stride": "strides", "p": "rate", "sigma": "stddev", "concat_axis": "axis", "dot_axes": "axes",
    "inner_activation": "recurrent_activation", "filter_size": "kernel_size",
}  # fmt: skip
_OLD = frozenset((*_ARGUMENTS, "dim_ordering", "nb_row", "kernel_dim1", "output_dim", "length"))
"""Names of arguments of which a layer of an older version has at least one."""
_SIZES = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))
_ORDERS = {"th": "channels_first", "tf": "channels_last", "default": "channels_last"}
_OF_UNITS = ("Dense", "LSTM", "GRU", "SimpleRNN", "LSTMCell", "GRUCell", "SimpleRNNCell", "MaxoutDense")
_MERGES = {"sum": "Add", "mul": "Multiply", "concat": "Concatenate", "ave": "Average", "max": "Maximum", "dot": "Dot",
           "cos": "Dot"}  # fmt: skip


def modern(op: str, config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the class of a layer and its arguments as Keras 3 has them."""
    if op == "Merge":
        return _merge(config)
    op = _CLASSES.get(op, op)
    if _OLD.isdisjoint(config):
        return op, config
    found = {_ARGUMENTS.get(name, name): value for name, value in config.items()}
    for names in _SIZES:
        if all(name in config for name in names):
            found["kernel_size"] = [config[name] for name in names]
    order = config.get("dim_ordering")
    if isinstance(order, str):
        found["data_format"] = _ORDERS.get(order, order)
    if op in _OF_UNITS and "output_dim" in config:
        found.setdefault("units", config["output_dim"])
        found.setdefault("reset_after", False)
    if op == "UpSampling1D" and "length" in config:
        found["size"] = config["length"]
    return op, found


def _merge(config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the layer that a `Merge` is by its mode. One that is the first of a sequential model has branches."""
    mode = config.get("mode")
    found = {"axis": config.get("concat_axis"), "axes": config.get("dot_axes"), "name": config.get("name"),
             "normalize": mode == "cos"}  # fmt: skip
    layers = config.get("layers")
    if isinstance(layers, list) and layers:
        found["branches"] = layers
    return _MERGES.get(mode, "Merge") if isinstance(mode, str) else "Merge", found
