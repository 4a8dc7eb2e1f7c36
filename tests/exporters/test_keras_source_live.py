"""Keras source with Keras itself: it runs, and has the sizes, parameters and MACs of the report; and computes as PyTorch.

They run where Keras is installed with PyTorch: `KERAS_BACKEND=torch`. Without `SHAPECALC_REQUIRE_KERAS` they are skipped.
"""

from __future__ import annotations

import os
import re
from collections import Counter

import pytest
import yaml
from functions_of_kinds import FUNCTIONS
from test_keras_source import ZOO, cannot
from test_onnx_export import EXAMPLES, spec_of

import shapecalc
from shapecalc.exporters import source as exporter

IS_REQUIRED = bool(os.environ.get("SHAPECALC_REQUIRE_KERAS"))
pytestmark = pytest.mark.skipif(not IS_REQUIRED, reason="it takes minutes, and Keras: set SHAPECALC_REQUIRE_KERAS")

MEMBERS = [
    "lenet5", "lenet5_1998", "alexnet_caffe", "resnet18", "resnet50_keras", "mobilenet_v2", "unet", "unet_padded",
    "vit_b_16", "swin_t", "maxvit_t", "convnext_tiny", "siamese", "seq2seq_lstm", "gpt2", "albert-base-v2", "bert-base-cased",
    "llama-2-7b", "googlenet", "shufflenet_v2_x0_5", "segformer-b0", "dinov2-small", "autoencoder", "dcgan_generator",
    "ssd300_vgg16", "yolov3", "fcn_resnet50", "whisper-base", "wavenet", "cifar10_quick", "r3d_18", "t5-small",
]  # fmt: skip
MEMBERS = [name for name in MEMBERS if name in ZOO and not cannot(name)]
"""One of each architecture that has something of its own; all of them run with SHAPECALC_WHOLE_ZOO."""
if os.environ.get("SHAPECALC_WHOLE_ZOO"):
    MEMBERS = [name for name in ZOO if not cannot(name)]


@pytest.fixture
def keras():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    keras.backend.clear_session()
    return keras


def made(keras, source, device="meta", **given):
    """The model of a source, on the meta device: without memory."""
    names = {"__name__": "net", **given}
    exec(compile(source, "<source>", "exec"), names)
    with keras.device(device):
        return names[re.findall(r"^def (\w+)\(\):$", source, re.MULTILINE)[-1]]()


def stored_in_keras(row):
    """The elements of a row that are weights in Keras: the indices of windows are not."""
    return row.weights + row.biases + (0 if row.kind == "window_attention" else row.buffers)


def check(keras, net):
    """Enforce that a model has the parameters and outputs of the report."""
    source = net.convert("keras")
    model = made(keras, source)
    report = net.infer()
    assert model.count_params() == sum(map(stored_in_keras, report.rows))
    trainable = sum(weight.value.numel() for weight in model.trainable_weights)
    assert trainable == report.total.trainable
    expected = [tuple(report.shape_of(*ref).in_layout("HWC")) for ref in report.graph.outputs]
    assert [tuple(one.shape[1:]) for one in model.outputs] == expected
    return source, model


def test_the_zoo_runs_and_agrees_and_is_read_again(keras):
    """Layers that are written into the source are of no known kind when it is read: Keras says what they have."""
    own = 0
    for name in MEMBERS:
        keras.backend.clear_session()
        net = shapecalc.load(name)
        source, model = check(keras, net)
        classes = re.findall(r"^class (\w+)\(layers.Layer\):$", source, re.MULTILINE)
        again, report = shapecalc.from_keras(model).infer(), net.infer()
        kinds = {KINDS_OF.get(one) or re.sub(r"(?<!^)(?=[A-Z])", "_", one).lower() for one in classes}
        rows = [row for row in report.rows if row.kind in kinds]
        mine = [one for one in layers_of(keras, model) if type(one).__name__ in classes]
        assert len([row for row in again.rows if row.kind == "opaque"]) == len(mine), name
        assert Counter(map(answer_of_keras, mine)) == Counter(map(answer_of_report, rows)), name
        own += len(mine)
        assert again.total.macs == report.total.macs - sum(row.macs for row in rows), name
        assert again.total.params == report.total.params, name
        assert again.total.buffers == report.total.buffers - sum(row.buffers for row in rows), name
        with_sizes = name not in CROPPED
        mine = weighted(report, with_sizes=with_sizes, without=kinds)
        assert weighted(again, with_sizes=with_sizes, without={"opaque"}) == mine, name
    assert own > 50


KINDS_OF = {"Attention": "multi_head_attention"}
"""The kinds of layers that are written into the source, where they have other names."""


def layers_of(keras, model):
    """The layers of a model, those of models within it too, each once."""
    for layer in model.layers:
        yield from layers_of(keras, layer) if isinstance(layer, keras.Model) else [layer]


def answer_of_keras(layer):
    """The elements that Keras itself counts in a layer, and the sizes of its output."""
    return sum(weight.value.numel() for weight in layer.weights), sorted_sizes(layer.output.shape[1:])


def answer_of_report(row):
    return stored_in_keras(row), sorted_sizes(row.sizing.outputs[0].sizes)


def sorted_sizes(sizes):
    """The sizes in any order: that of the axes is compared of every tensor, by the comments of the source."""
    return tuple(sorted(sizes))


CROPPED = {"autoencoder"}
"""Those with a padded transposed convolution, which in Keras is one without padding, and then cropped."""


def weighted(report, *, with_sizes, without=()):
    """How often there is a layer with these parameters, MACs and output; an LSTM of several layers is several there."""
    return Counter(
        (row.weights, row.biases, row.buffers, row.macs, with_sizes and tuple(row.sizing.outputs[0].in_layout("HWC")))
        for row in report.rows
        if (row.weights or row.biases) and row.kind not in ("lstm", "fc", "linear", "embedding", *without)
    )


def test_every_size_in_a_comment_is_that_of_the_tensor(keras, monkeypatch):
    """Of the source without blocks, which has a statement for each layer."""
    monkeypatch.setattr(exporter, "LEVELS", (0,))
    for name in MEMBERS[:: 1 if len(MEMBERS) > 100 else 3]:
        keras.backend.clear_session()
        source = shapecalc.load(name).convert("keras")
        seen = []

        def sized(y, text, seen=seen):
            tensors = y if isinstance(y, (tuple, list)) else [y]
            seen.append((["×".join(map(str, one.shape[1:])) or "scalar" for one in tensors], text.split(", ")))
            return y

        checked, count = re.subn(r"^(    \w+ = )(.+)  # (.+)$", r'\1sized(\2, "\3")', source, flags=re.MULTILINE)
        made(keras, checked, sized=sized)
        assert len(seen) == count > 0
        assert [found for found, _ in seen] == [text for _, text in seen]


CHAINS = {
    "padding": ("3x17x19", [
        {"conv": {"out_channels": 8, "kernel_size": 3, "stride": 2, "padding": 1}}, "batch_norm", "relu",
        {"max_pool": {"kernel_size": 3, "stride": 2, "padding": 1}},
        {"depthwise_conv": {"kernel_size": 3, "padding": 1}}, {"conv": {"out_channels": 8, "kernel_size": 1}}]),
    "negative": ("3x12x14", [
        {"conv": {"out_channels": 4, "kernel_size": 5, "padding": 2, "groups": 1}},
        {"max_pool": {"kernel_size": 3, "stride": 2, "padding": 1}}, "silu",
        {"conv": {"out_channels": 6, "kernel_size": 3, "padding": 2, "dilation": 2}}, "hardswish"]),
    "rounded up": ("3x16x15", [
        {"conv": {"out_channels": 4, "kernel_size": 3}}, {"max_pool": {"kernel_size": 3, "stride": 2, "ceil_mode": True}},
        {"max_pool": {"kernel_size": 2, "stride": 2, "ceil_mode": True}}, {"leaky_relu": 0.2}]),
    "averages": ("4x14x14", [
        {"avg_pool": {"kernel_size": 3, "stride": 2, "padding": 1}},
        {"avg_pool": {"kernel_size": 3, "stride": 1, "padding": 1, "count_include_pad": False}},
        {"conv": {"out_channels": 8, "kernel_size": 3, "groups": 2, "padding_mode": "reflect", "padding": 1}},
        {"global_avg_pool": None}, {"fc": 5}, "softmax"]),
    "transposed": ("4x7x6", [
        {"transposed_conv": {"out_channels": 6, "kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1}},
        {"transposed_conv": {"out_channels": 5, "kernel_size": 4, "stride": 2, "padding": 1}},
        {"transposed_conv": {"out_channels": 3, "kernel_size": 2, "stride": 3}}]),
    "norms": ("8x6x7", [
        {"group_norm": 4}, {"layer_norm": {"axis": "channels"}}, {"channel_shuffle": 2}, {"pixel_shuffle": 2},
        {"local_response_norm": 3}, {"slice": {"dim": 2, "start": 1}}, {"crop": 1}]),
    "permuted": ("4x6x7", [
        {"conv": {"out_channels": 8, "kernel_size": 3}}, {"permute": [0, 2, 3, 1]}, "layer_norm", {"linear": 12}, "gelu",
        {"linear": 8}, {"permute": [0, 3, 1, 2]}, {"conv": {"out_channels": 4, "kernel_size": 2}}]),
    "tokens": ("3x8x8", [
        {"conv": {"out_channels": 12, "kernel_size": 4, "stride": 4}}, "to_tokens", {"class_token": 2},
        "position_embedding", "layer_norm", {"linear": 12}, "gelu_new", {"slice": {"dim": 1, "end": 1}}, {"fc": 4}]),
    "windows": ("4x6x7", [
        {"conv": {"out_channels": 8, "kernel_size": 1}}, {"gather_patches": 2}, {"conv": {"out_channels": 4, "kernel_size": 1}}]),
    "scales": ("3x8x9", [
        {"conv": {"out_channels": 6, "kernel_size": 3}}, {"layer_scale": {"bias": True}}, {"to_tokens": None},
        {"layer_scale": None}, {"linear": 4}, {"layer_scale": {"scale": False, "bias": True}}]),
    "attention in windows": ("8x8x12", [
        {"window_partition": {"window_size": 4}}, {"window_attention": {"num_heads": 2, "window_size": 4}}]),
    "recurrent": ([9, 6], [{"gru": 5}, {"linear": 3}, "tanh"]),
    "grouped": ([9, 8], [{"multi_head_attention": {"num_heads": 4, "num_kv_heads": 2, "bias": False, "k_bias": True}}]),
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
def test_it_computes_what_pytorch_computes(name, keras):
    """Both sources of one network, with the same weights."""
    import torch

    torch.manual_seed(0)
    size, layers = CHAINS[name]
    net = shapecalc.load({"name": "chain", "input": size, "layers": layers})
    names = {"__name__": "net"}
    exec(net.convert("pytorch"), names)
    module = [one for one in names.values() if isinstance(one, type)][-1]().eval()
    model = made(keras, net.convert("keras"), "cpu")
    theirs = [one for one in module.state_dict(keep_vars=True).items() if one[1].is_floating_point()]
    assert len(theirs) == sum(1 for _ in model.weights) or name == "recurrent"
    with torch.no_grad():
        for _, tensor in theirs:
            tensor.copy_(torch.rand(tensor.shape) + 0.1 if tensor.ndim < 2 else torch.randn(tensor.shape) * 0.3)
        if name == "recurrent":
            theirs = recurrent_first(torch, theirs)
        for (_, tensor), weight in zip(theirs, model.weights, strict=True):
            weight.assign(in_keras(tensor, weight.path, tuple(weight.shape)))
        x = torch.randn(2, *net.graph.inputs["input"].sizes)
        given = x.movedim(1, -1) if x.ndim == 4 else x
        due = module(x)
        due = due[0] if isinstance(due, tuple) else due
        found = model(given, training=False)
    due = due.movedim(1, -1) if due.ndim == 4 and tuple(due.shape) != tuple(found.shape) else due
    torch.testing.assert_close(found, due, rtol=1e-4, atol=1e-5)


def in_keras(tensor, path, shape):
    """A weight of PyTorch with the axes that Keras has."""
    if tensor.ndim == 4:
        forward = tensor.permute(2, 3, 1, 0)
        return forward if tuple(forward.shape) == shape else tensor.permute(2, 3, 0, 1)
    return tensor.T if tensor.ndim == 2 and path.endswith("kernel") else tensor.reshape(shape)


def recurrent_first(torch, theirs):
    """The weights of a GRU as Keras has them: the update gate before the reset gate, one tensor for both biases."""
    gates = []
    for _, tensor in theirs[:4]:
        reset, update, new = tensor.chunk(3)
        gates.append(torch.cat([update, reset, new]))
    return [("", gates[0]), ("", gates[1]), ("", torch.stack(gates[2:])), *theirs[4:]]


FURTHER = (
    "argmax", "conv_lstm", "einsum", "einsum_dense", "expand", "gather", "glu", "gru", "instance_norm", "laplace", "max",
    "min", "normalization", "normalize", "pad", "pointwise", "prelu", "reduce", "reflection_pad", "repeat_vector",
    "replication_pad", "separable_conv", "softmin", "sum", "tile", "top_k", "transposed_conv", "up_sampling",
)  # fmt: skip


@pytest.mark.parametrize(("kind", "index"), [one for one in EXAMPLES if one[0] in FURTHER])
def test_examples_of_further_kinds_run_or_are_refused(kind, index, keras):
    try:
        check(keras, shapecalc.load(spec_of(kind, index)))
    except shapecalc.UsageError as error:
        assert "cannot be written for Keras: " in str(error)  # noqa: PT017  (in the table: test_reasons.py)


OWN = {
    "normalization": (13, "x"), "normalization: {buffer: false}": (0, "x"),
    "prelu: {per: element}": (384, "x.clamp(min=0)"), "prelu: {num_parameters: 6}": (6, "x.clamp(min=0)"),
    "pointwise: {function: less, other: 0.5}": (0, "(x < 0.5).float()"), "pointwise: {function: square}": (0, "x ** 2"),
    "sum: {dim: 1}": (0, "x.sum(1)"), "reduce: {function: l2, dim: -1}": (0, "x.norm(dim=-1)"),
    "reduce: {function: logsumexp, dim: [1, 2], keepdim: true}": (0, "x.logsumexp((1, 2), True)"),
    "pointwise: {function: fmod, other: 0.7}": (0, "x.fmod(0.7)"),
    "reduce: {function: var, dim: [1, 2]}": (0, "x.var((1, 2))"), "reduce: {function: std, dim: -1}": (0, "x.std(-1)"),
    "argmax: 2": (0, "x.argmax(2)"), "gather: {index: 3, keepdim: false, dim: 2}": (0, "x[:, :, 3]"),
    "gather: {index: [0, 2]}": (0, "x[:, [0, 2]]"), "tile: {dims: [2, 1, 3]}": (0, "x.repeat(1, 2, 1, 3)"),
    "expand: {sizes: [2, -1, 8, 6]}": (0, "x[:, None].expand(-1, 2, -1, -1, -1)"), "softmin": (0, "(-x).softmax(-1)"),
    "instance_norm": (0, "F.instance_norm(x.movedim(-1, 1)).movedim(1, -1)"), "glu": (0, "F.glu(x)"),
    "reflection_pad: 1": (0, "F.pad(x.movedim(-1, 1), (1, 1, 1, 1), 'reflect').movedim(1, -1)"),
    "normalize": (0, "F.normalize(x, dim=-1)"), "laplace": (0, "0.5 * (1 + torch.erf((x - 0.707107) / (0.282095 * 2 ** 0.5)))"),
    "einsum: {equation: bhwc->bwch}": (0, "x.permute(0, 2, 3, 1)"), "unsqueeze: 2": (0, "x[:, :, None]"),
}  # fmt: skip
"""Layers on a map of 8×8×6 with channels last: their weights in Keras, and what they compute, with PyTorch."""


@pytest.mark.parametrize("layer", OWN)
def test_layers_of_maps_with_channels_last_compute_what_pytorch_does(layer, keras):
    import torch

    spec = {"layout": "HWC", "inputs": {"x": [8, 8, 6]}, "layers": [yaml.safe_load(layer)]}
    model = made(keras, shapecalc.load(spec).convert("keras"), "cpu")
    count, text = OWN[layer]
    assert model.count_params() == count
    x = torch.randn(2, 8, 8, 6)
    due = eval(text, {"x": x, "torch": torch, "F": torch.nn.functional})
    torch.testing.assert_close(model(x, training=False), due, rtol=1e-3, atol=1e-3, check_dtype=False)


MAPPED = [layer for layer in FUNCTIONS if layer.partition(":")[0] in (
    "relu", "relu2", "quick_gelu", "abs", "exponential", "log_sigmoid", "tanhshrink", "sqrt_softplus", "celu", "hardshrink",
    "softshrink", "hardtanh", "threshold", "silu", "mish", "hardsigmoid", "softplus", "elu", "selu", "leaky_relu",
    "gelu", "gelu_new", "softcap", "laplace", "pixel_shuffle", "pixel_unshuffle",
) or (layer.startswith("activation") and "softmax" not in layer)]  # fmt: skip
"""Functions of single elements, whatever the order of the axes."""


@pytest.mark.parametrize("layer", MAPPED)
def test_functions_are_those_of_pytorch(layer, keras):
    import torch

    net = shapecalc.load({"inputs": {"x": [8, 8, 6]}, "layers": [yaml.safe_load(layer)]})
    x = torch.randn(2, 8, 8, 6) * 2
    due = eval(FUNCTIONS[layer], {"x": x, "torch": torch, "F": torch.nn.functional})
    found = made(keras, net.convert("keras"), "cpu")(x.movedim(1, -1), training=False)
    torch.testing.assert_close(found.movedim(-1, 1), due, rtol=1e-4, atol=1e-4)


def test_attention_of_keras_written_again_computes_the_same(keras):
    import torch

    x = keras.Input((5, 8))
    kinds = [
        keras.layers.MultiHeadAttention(2, 4, use_gate=True),
        keras.layers.MultiHeadAttention(2, 4, sliding_window=2),
        keras.layers.GroupQueryAttention(4, 4, 2, use_gate=True, sliding_window=3),
    ]
    for attention in kinds:
        for given in ({}, {"use_causal_mask": True}):
            model = keras.Model(x, attention(x, x, **given))
            again = made(keras, shapecalc.from_keras(model).convert("keras"), "cpu")
            again.set_weights(model.get_weights())
            value = torch.randn(2, 5, 8)
            torch.testing.assert_close(again(value, training=False), model(value, training=False))


def test_products_of_heads_compute_what_pytorch_computes(keras):
    import torch

    for is_causal in (False, True):
        layer = {"scaled_dot_product_attention": {"is_causal": is_causal}, "from": ["q", "k", "v"]}
        sizes = (
            {"q": [2, 5, 4], "k": [2, 6, 4], "v": [2, 6, 3]} if not is_causal else {name: [2, 5, 4] for name in "qkv"}
        )
        for layout in ("HWC", "CHW"):
            model = made(
                keras, shapecalc.load({"layout": layout, "inputs": sizes, "layers": [layer]}).convert("keras"), "cpu"
            )
            inputs = [torch.randn(3, *size) for size in sizes.values()]
            due = torch.nn.functional.scaled_dot_product_attention(*inputs, is_causal=is_causal)
            given = [one.movedim(1, -1) for one in inputs] if layout == "CHW" else inputs
            torch.testing.assert_close(model(given), due)


def test_recurrent_layers_of_keras_with_states_written_again_compute_the_same(keras):
    import torch

    layers = keras.layers
    x, h, g = (keras.Input(size) for size in ((5, 4), (3,), (3,)))
    for layer, states in [
        (layers.GRU(3, return_state=True, return_sequences=True), []), (layers.GRU(3, reset_after=False), [h]),
        (layers.SimpleRNN(3, return_state=True), [h]), (layers.LSTM(3, return_state=True), [h, g]),
        (layers.Bidirectional(layers.LSTM(3, return_state=True)), [h, g, g, h]),
        (layers.Bidirectional(layers.GRU(3, return_state=True), merge_mode="sum"), [h, g]),
        (layers.Bidirectional(layers.GRU(3, return_sequences=True), merge_mode=None), []),
        (layers.RNN([layers.LSTMCell(3), layers.LSTMCell(2)], return_state=True), []),
    ]:  # fmt: skip
        model = keras.Model([x, h, g], [layer(x, initial_state=states or None), ops_sum(keras, h, g)])
        source = shapecalc.from_keras(model).convert("keras")
        again = made(keras, source, "cpu")
        again.set_weights(model.get_weights())
        given = [torch.randn(2, *size) for size in ((5, 4), (3,), (3,))]
        due, found = (keras.tree.flatten(one(given, training=False)) for one in (model, again))
        torch.testing.assert_close(found, due)


def ops_sum(keras, *tensors):
    """A sum, so that all inputs are used."""
    return keras.layers.Add()([*tensors])
