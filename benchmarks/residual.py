"""One network as a file of every format: residual blocks as ResNet's, as many nodes as asked for.

A block is seven nodes, as PyTorch, Keras and ONNX have them: conv, batch norm, relu, conv, batch norm, add, relu.
"""

from __future__ import annotations

import json
import sys
from itertools import count as counting
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "tests"))

__all__ = ["FORMATS"]

_SIZE = 16
_CHANNELS = 8


def _blocks(nodes: int) -> range:
    return range(nodes // 7)


def onnx(nodes: int) -> bytes:
    """As PyTorch's exporter writes it: with the names of modules, and the size of every output."""
    from crafted_onnx import model, node, value

    dims = [1, _CHANNELS, _SIZE, _SIZE]
    found, weights, stated, last, number = [], [], [], "x", counting()
    window = {"dilations": [1, 1], "group": 1, "kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [1, 1]}

    def add(op: str, inputs: list[str], name: str, sizes: dict[str, list[int]] | None = None, **words: Any) -> str:
        output = f"{name}_output_{next(number)}"
        found.append(node(op, [*inputs, *(sizes or {})], [output], name, **words))
        weights.extend(_stored(word, size) for word, size in (sizes or {}).items())
        stated.append(value(output, dims))
        return output

    for i in _blocks(nodes):
        path, before = f"/layers.{i // 50}/layers.{i // 50}.{i % 50}", last
        own = f"layers.{i // 50}.{i % 50}"
        for part in (1, 2):
            last = add("Conv", [last], f"{path}/conv{part}/Conv", {f"{own}.conv{part}.weight": [8, 8, 3, 3]}, **window)
            vectors = {f"{own}.bn{part}.{word}": [8] for word in ("weight", "bias", "running_mean", "running_var")}
            last = add("BatchNormalization", [last], f"{path}/bn{part}/BatchNormalization", vectors, epsilon=1e-5)
            if part == 2:
                last = add("Add", [last, before], f"{path}/Add")
            last = add("Relu", [last], f"{path}/relu{'_1' * (part - 1)}/Relu")
    return model(found, [value("x", dims)], [value(last, dims)], weights=weights, stated=stated)


def _stored(name: str, dims: list[int]) -> bytes:
    """Return a vector with its elements, or a kernel whose elements are in another file."""
    from crafted_onnx import tensor

    return bytes(tensor(name, dims, raw=bytes(4 * dims[0]) if len(dims) == 1 else None))


def pytorch(nodes: int) -> bytes:
    """As `torch.export.save` writes it: with the stack of modules and the lines of code of every node."""
    from crafted_pt2 import T, archive, node, program

    dims, found, last = (1, _CHANNELS, _SIZE, _SIZE), [], "x"
    tensors: dict[str, tuple[int, ...]] = {"x": dims}
    params, buffers = [], []

    def add(target: str, own: str, output: str, line: int, **arguments: Any) -> str:
        found.append(node(f"aten.{target}", output, own, f"/home/user/project/net.py:{line}", **arguments))
        tensors[output] = dims
        return output

    for i in _blocks(nodes):
        module, before = f"layers.{i // 50}.{i % 50}", last
        for part in (1, 2):
            w = f"p_{module}_conv{part}_weight".replace(".", "_")
            gamma, beta = (f"p_{module}_bn{part}_{word}".replace(".", "_") for word in ("weight", "bias"))
            mean, var = (f"b_{module}_bn{part}_running_{word}".replace(".", "_") for word in ("mean", "var"))
            tensors.update({w: (8, 8, 3, 3), gamma: (8,), beta: (8,), mean: (8,), var: (8,)})
            params += [w, gamma, beta]
            buffers += [mean, var]
            last = add("conv2d.default", f"{module}.conv{part}", f"conv{i}_{part}", 12, input=T(last), weight=T(w),
                       bias=None, stride=[1, 1], padding=[1, 1])  # fmt: skip
            last = add("batch_norm.default", f"{module}.bn{part}", f"bn{i}_{part}", 12, input=T(last), weight=T(gamma),
                       bias=T(beta), running_mean=T(mean), running_var=T(var), training=False, momentum=0.1, eps=1e-5,
                       cudnn_enabled=True)  # fmt: skip
            if part == 2:
                last = add("add.Tensor", module, f"add{i}", 14, self=T(last), other=T(before))
            last = add("relu.default", f"{module}.relu", f"relu{i}_{part}", 15, self=T(last))
    return archive(program(found, tensors, params=params, buffers=buffers, outputs=[last]))


def keras(nodes: int) -> bytes:
    """As `model.to_json()` of Keras 3 writes a functional model."""
    dims, layers, last = [None, _SIZE, _SIZE, _CHANNELS], [], "x"

    def tensor(name: str) -> dict[str, Any]:
        config = {"shape": dims, "dtype": "float32", "keras_history": [name, 0, 0]}
        return {"class_name": "__keras_tensor__", "config": config}

    def add(class_name: str, name: str, inputs: list[str], config: dict[str, Any], *, joins: bool = False) -> str:
        own = {"name": name, "trainable": True, "dtype": _POLICY, **config}
        args = [tensor(one) for one in inputs]
        layers.append({
            "module": "keras.layers", "class_name": class_name, "config": own, "registered_name": None,
            "build_config": {"input_shape": [dims] * len(inputs) if joins else dims}, "name": name,
            "inbound_nodes": [{"args": [args] if joins else args, "kwargs": {}}],
        })  # fmt: skip
        return name

    layers.append({"module": "keras.layers", "class_name": "InputLayer", "registered_name": None, "name": "x",
                   "config": {"batch_shape": dims, "dtype": "float32", "sparse": False, "name": "x"},
                   "inbound_nodes": []})  # fmt: skip
    for i in _blocks(nodes):
        before = last
        for part in (1, 2):
            last = add("Conv2D", f"conv{i}_{part}", [last], _CONV)
            last = add("BatchNormalization", f"bn{i}_{part}", [last], _NORM)
            if part == 2:
                last = add("Add", f"add{i}", [last, before], {}, joins=True)
            last = add("Activation", f"relu{i}_{part}", [last], {"activation": "relu"})
    config = {"name": "net", "trainable": True, "layers": layers, "input_layers": [["x", 0, 0]],
              "output_layers": [[last, 0, 0]]}  # fmt: skip
    return json.dumps({"module": "keras", "class_name": "Functional", "config": config, "registered_name": "Functional",
                       "build_config": {"input_shape": None}}).encode()  # fmt: skip


def _registered(class_name: str, module: str = "keras.initializers", **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


_POLICY = _registered("DTypePolicy", "keras", name="float32")
_CONV = {
    "filters": 8, "kernel_size": [3, 3], "strides": [1, 1], "padding": "same", "data_format": "channels_last",
    "dilation_rate": [1, 1], "groups": 1, "activation": "linear", "use_bias": False,
    "kernel_initializer": _registered("GlorotUniform", seed=None), "bias_initializer": _registered("Zeros"),
    "kernel_regularizer": None, "bias_regularizer": None, "activity_regularizer": None, "kernel_constraint": None,
    "bias_constraint": None,
}  # fmt: skip
_NORM = {
    "axis": -1, "momentum": 0.99, "epsilon": 0.001, "center": True, "scale": True,
    "beta_initializer": _registered("Zeros"), "gamma_initializer": _registered("Ones"),
    "moving_mean_initializer": _registered("Zeros"), "moving_variance_initializer": _registered("Ones"),
    "beta_regularizer": None, "gamma_regularizer": None, "beta_constraint": None, "gamma_constraint": None,
    "synchronized": False,
}  # fmt: skip


def caffe(nodes: int) -> bytes:
    """As the prototxt of ResNet: BatchNorm and Scale, and a block is nine layers; in place where Caffe's own is."""
    found, last = [f'name: "net"\ninput: "data"\ninput_shape {{ dim: 1 dim: 8 dim: {_SIZE} dim: {_SIZE} }}\n'], "data"
    for i in range(nodes // 9):
        before = last
        for part in (1, 2):
            bottom, last = last, f"res{i}_{part}"
            found.append(_CAFFE_UNIT.format(bottom=bottom, top=last))
            if part == 1:
                found.append(_CAFFE_RELU.format(top=last))
        top = f"res{i}"
        found.append(_CAFFE_SUM.format(one=before, other=last, top=top))
        found.append(_CAFFE_RELU.format(top=top))
        last = top
    return "".join(found).encode()


_CAFFE_UNIT = """layer {{
\tbottom: "{bottom}"
\ttop: "{top}"
\tname: "{top}_conv"
\ttype: "Convolution"
\tconvolution_param {{
\t\tnum_output: 8
\t\tkernel_size: 3
\t\tpad: 1
\t\tstride: 1
\t\tbias_term: false
\t}}
}}

layer {{
\tbottom: "{top}"
\ttop: "{top}"
\tname: "bn_{top}"
\ttype: "BatchNorm"
\tbatch_norm_param {{
\t\tuse_global_stats: true
\t}}
}}

layer {{
\tbottom: "{top}"
\ttop: "{top}"
\tname: "scale_{top}"
\ttype: "Scale"
\tscale_param {{
\t\tbias_term: true
\t}}
}}

"""
_CAFFE_SUM = """layer {{
\tbottom: "{one}"
\tbottom: "{other}"
\ttop: "{top}"
\tname: "{top}"
\ttype: "Eltwise"
}}

"""
_CAFFE_RELU = """layer {{
\tbottom: "{top}"
\ttop: "{top}"
\tname: "{top}_relu"
\ttype: "ReLU"
}}

"""


def darknet(nodes: int) -> bytes:
    """As the cfg of Darknet-53: a section is a convolution with its normalisation and activation; a block is three."""
    found = [f"[net]\nbatch=1\nwidth={_SIZE}\nheight={_SIZE}\nchannels=8\nmomentum=0.9\ndecay=0.0005\n\n"]
    found.append(_DARKNET_UNIT)
    for _ in range(nodes // 3):
        found += _DARKNET_UNIT, _DARKNET_UNIT, "[shortcut]\nfrom=-3\nactivation=linear\n\n"
    return "".join(found).encode()


_DARKNET_UNIT = """[convolutional]
batch_normalize=1
filters=8
size=3
stride=1
pad=1
activation=leaky

"""


FORMATS = {
    "an ONNX file": (onnx, 100_000),
    "a .pt2 archive": (pytorch, 100_000),
    "a Keras model": (keras, 100_000),
    "a Caffe prototxt": (caffe, 100_000),
    "a darknet cfg": (darknet, 50_000),
}
"""What writes a file of so many nodes in each format, and how many of them are measured at most."""
