"""PyTorch source: it runs, and has the sizes and parameters of the report; PyTorch itself says so."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from random_graphs import Origin, random_graph
from searching import FAMILY_ENDS, some, turns

import shapecalc
from shapecalc.exporters import source as exporter
from shapecalc.language.files import bundled_members
from shapecalc.model.graph import Reference

SHARED = next((p for p in Path(__file__).parents if (p / "shared" / "data").is_dir()), Path("/work"))
ONNX = sorted((SHARED / "shared" / "data" / "formats" / "onnx").glob("*.onnx"))
ZOO = [name for _, name in bundled_members()]

WHOLE = ("Attention", "MultiheadAttention", "WindowAttention", *[f"SeparableConv{rank}d" for rank in (1, 2, 3)])
"""Modules of the source that are one layer of the report."""

CUT = {")[0][:, -1]": ("LSTM", "GRU", "RNN"), ")[..., :": ("ConvTranspose",), ".movedim(1, -1)": ("",)}
"""Modules of whose output the source uses a part, or which have another order of axes, by a text of such a source."""

CANNOT = {
    "(jamba|mamba).*": "(mamba2?) cannot be written for PyTorch: PyTorch has no selective scan",
    "gemma-2-.*": "(multi_head_attention) cannot be written for PyTorch: softcap 50",
    "t5-.*": "(multi_head_attention) cannot be written for PyTorch: relative_buckets 32",
    "bloom-.*|mpt-.*": "(multi_head_attention) cannot be written for PyTorch: alibi True",
    "deepseek-.*": "(multi_head_latent_attention) cannot be written for PyTorch: its compressed keys and values are not written",
    "gpt-oss-.*": "(multi_head_attention) cannot be written for PyTorch: sinks True",
    "deberta-.*": "(disentangled_attention) cannot be written for PyTorch: its scores by relative positions are not written",
    "qwen3-next-.*": "(gated_delta_net) cannot be written for PyTorch: PyTorch has no delta rule",
}
"""The networks of the zoo that PyTorch has no modules for, with the reason."""


def cannot(name):
    """The reason for which a network of the zoo cannot be written; empty for one that can."""
    return next((reason for pattern, reason in CANNOT.items() if re.fullmatch(pattern, name)), "")


@pytest.fixture
def torch():
    found = pytest.importorskip("torch")
    found.manual_seed(0)
    return found


def made(torch, source, device="meta", **given):
    """The module of a source, on the meta device."""
    names = dict(given)
    exec(compile(source, "<source>", "exec"), names)
    classes = [one for one in names.values() if isinstance(one, type) and one.__module__ == "builtins"]
    with torch.device(device):
        return classes[-1]().eval()


def inputs_of(torch, net, batch):
    graph = net.graph
    indices = {ref.node for node in graph.nodes if node.layer.looks_up for ref in node.inputs}
    return [
        torch.zeros(batch, *shape.in_layout("CHW"), device="meta",
                    dtype=torch.int64 if -1 - number in indices else torch.float32)
        for number, shape in enumerate(graph.inputs.values())
    ]  # fmt: skip


def is_whole(module):
    """Whether a module is one layer, with modules of its own in it."""
    name = type(module).__name__
    return name in WHOLE or name.startswith("Parametrized")


def check(torch, net, batch=2):
    """Enforce that a module has the parameters, and all of its modules the sizes, of the report, in order."""
    source = net.convert("pytorch")
    model = made(torch, source)
    report = net.infer()
    assert sum(one.numel() for one in model.parameters()) == report.total.weights + report.total.biases
    trainable = sum(one.numel() for one in model.parameters() if one.requires_grad)
    assert trainable == report.total.trainable
    seen = []
    inside = {id(one) for whole in model.modules() if is_whole(whole) for one in whole.modules() if one is not whole}
    for one in model.modules():
        if (not [*one.children()] or is_whole(one)) and id(one) not in inside:
            one.register_forward_hook(lambda module, _, y: seen.append((type(module).__name__, y)))
    outputs = model(*inputs_of(torch, net, batch))
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    expected = [report.shape_of(*ref).in_layout("CHW") for ref in report.graph.outputs]
    assert [tuple(y.shape[1:]) for y in outputs] == expected
    cut = ("Pad", *[name for text, names in CUT.items() if text in source for name in names])
    sizes = [
        tuple((y[0] if isinstance(y, tuple) else y).shape[1:])
        for name, y in seen
        if not any(one in name for one in cut)
    ]
    rows = iter([[shape.in_layout("CHW") for shape in row.sizing.outputs] for row in report.rows])
    for size in sizes:
        assert any(size in shapes for shapes in rows), f"{size} is not, or not in order"
    return source


def test_most_of_the_zoo_can_be_written():
    assert sum(bool(cannot(name)) for name in ZOO) <= 35
    assert all(any(re.fullmatch(pattern, name) for name in ZOO) for pattern in CANNOT)


@pytest.mark.torch
@pytest.mark.parametrize("name", some(FAMILY_ENDS, 14))
def test_every_size_in_a_comment_is_that_of_the_tensor(name, torch, monkeypatch):
    """Of the source without blocks, which has one statement for each layer."""
    if cannot(name):
        return
    net = shapecalc.load(name)
    monkeypatch.setattr(exporter, "LEVELS", (0,))
    source = net.convert("pytorch")
    seen = []

    def sized(y, text):
        tensors = y if isinstance(y, (tuple, list)) else [y]
        seen.append((["×".join(map(str, one.shape[1:])) or "scalar" for one in tensors], text.split(", ")))
        return y

    checked, count = re.subn(r"^(        \w+ = )(.+)  # (.+)$", r'\1sized(\2, "\3")', source, flags=re.MULTILINE)
    model = made(torch, checked, sized=sized)
    model(*inputs_of(torch, net, 2))
    assert len(seen) == count > 0
    assert [found for found, _ in seen] == [text for _, text in seen]
    views = sum(row.kind in {"rotary_embedding", "parameter"} for row in net.infer().rows)
    assert count >= len(net.graph.nodes) - views


@pytest.mark.torch
@pytest.mark.parametrize("name", some(ZOO, 14))
def test_the_zoo_runs_and_agrees(name, torch):
    net = shapecalc.load(name)
    reason = cannot(name)
    if reason:
        with pytest.raises(shapecalc.UsageError, match=re.escape(reason).replace("mamba2\\?", "mamba2?")):
            net.convert("pytorch")
        return
    check(torch, net)


KINDS = [
    ("3x8x8", {"layer_scale": {"bias": True}}),
    ("3x8x8", {"layer_scale": {"bias": True, "scale": False}}),
    ("5x8", {"layer_scale": {}}),
    ("3x8x8", {"bias_add": {}}),
    ("5x8", {"bias_add": {}}),
    ("3x8x8", {"batch_norm": {"scale": False}}),
    ("3x8x8", {"batch_norm": {"affine": False}}),
    ("3x8x8", {"pixel_unshuffle": 2}),
    ("4x8x8", {"pixel_shuffle": 2}),
    ("3x9x7", {"conv": {"out_channels": 4, "kernel_size": [2, 4], "padding": "same"}}),
    ("3x9x7", {"conv": {"out_channels": 4, "kernel_size": [3, 2], "padding": [[0, 1], [2, 0]], "stride": 2}}),
    ("3x9x7", {"max_pool": {"kernel_size": 3, "stride": 2, "ceil_mode": True}}),
    ("3x9x7", {"max_pool": {"kernel_size": 2, "stride": 2, "padding": "same"}}),
    ("3x10", {"conv": {"out_channels": 4, "kernel_size": 3, "padding": "causal"}}),
    ("3x4x5x6", {"conv": {"out_channels": 4, "kernel_size": [1, 2, 3], "dilation": 2, "padding": [0, 1, 2]}}),
    ("3x9x7", {"avg_pool": {"kernel_size": 3, "stride": 1, "padding": 1, "count_include_pad": False}}),
    ("4x9x7", {"transposed_conv": {"out_channels": 6, "kernel_size": 3, "stride": 2, "groups": 2}}),
    ("4x9x7", {"group_norm": 2}),
    ("4x9x7", {"pad": {"padding": [[1, 2], [3, 4]]}}),
    ("3x10", {"pad": {"padding": [1, 2]}}),
    ("4x9x7", {"crop": {"cropping": [[1, 2], [3, 1]]}}),
    ("4x9x7", {"crop": {"size": [4, 4]}}),
    ("3x10", {"crop": {"cropping": [0, 1]}}),
    ("4x9x7", {"global_avg_pool": {"keepdims": True}}),
    ("4x9x7", {"slice": {"dim": 2, "start": 1, "end": -1, "step": 2}}),
    ("4x9x7", {"permute": [2, 3, 1]}),
    ("4x9x7", {"reshape": [-1, 63]}),
    ("4x9x7", {"upsample": {"scale_factor": 2}}),
    ("9x8", {"multi_head_attention": {"num_heads": 4, "num_kv_heads": 2, "head_dim": 6, "qk_norm": "head"}}),
    ("9x8", {"multi_head_attention": {"num_heads": 2, "window": 3, "is_causal": True, "bias": False}}),
    ("9x8", {"lstm": {"hidden_size": 5, "num_layers": 2, "bidirectional": True}}),
    ("9x8", {"rms_norm": {}}),
]


@pytest.mark.torch
@pytest.mark.parametrize("layout", ["CHW", "HWC"])
@pytest.mark.parametrize(("size", "layer"), KINDS)
def test_kinds(size, layer, layout, torch):
    """Each alone, as written in either layout: with channels last it is the same for PyTorch."""
    sizes = size.split("x")
    is_map = len(sizes) > 2
    given = "x".join([*sizes[1:], sizes[0]]) if layout == "HWC" and is_map else size
    check(torch, shapecalc.load({"input": given, "layout": layout, "layers": [layer]}))


@pytest.mark.torch
@pytest.mark.parametrize(("name", "size"), [("lenet5", None), ("resnet18", "3x64x64"), ("swin_t", "64x96x3"), ("unet", None),
                                            ("yolov3", "3x64x64"), ("gpt2", None)])  # fmt: skip
def test_it_computes(name, size, torch):
    """With numbers, not only on the meta device."""
    vars_ = {"seq": 16, "vocab": 50, "layers": 2} if name == "gpt2" else {"width": 4} if name == "unet" else {}
    net = shapecalc.load(name, input=size, vars=vars_)
    model = made(torch, net.convert("pytorch"), "cpu")
    given = [torch.zeros(one.shape, dtype=one.dtype) for one in inputs_of(torch, net, 2)]
    outputs = model(*given)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    assert all(bool(torch.isfinite(y).all()) for y in outputs)
    assert sum(one.numel() for one in model.buffers() if one.is_floating_point()) <= net.infer().total.buffers


def computed(torch, graph, model, inputs):
    """The outputs of a graph of the layers of `random_graph`, with the weights of a module, in the order of its layers."""
    weights = model.parameters()
    owned, values = {}, []
    for index, node in enumerate(graph.nodes):
        given = [inputs[-1 - ref.node] if ref.node < 0 else values[ref.node] for ref in node.inputs]
        if node.kind == "conv":
            owned[index] = owned[node.shares] if node.shares >= 0 else (next(weights), next(weights))
            values.append(torch.nn.functional.conv2d(given[0], *owned[index], padding=node.layer.padding))
        else:
            values.append({"relu": torch.relu, "add": lambda a, b=0: a + b, "identity": lambda a: a}[node.kind](*given))
    return [inputs[-1 - ref.node] if ref.node < 0 else values[ref.node] for ref in graph.outputs]


@pytest.mark.torch
@turns(few=40, many=400)
def test_any_graph_computes_what_its_nodes_compute(turns, torch):
    for turn in range(turns):
        net = shapecalc.Network(Origin(random_graph(random.Random(turn))))
        source = check(torch, net)
        model = made(torch, source, "cpu")
        inputs = [torch.randn(one.shape) for one in inputs_of(torch, net, 2)]
        outputs = model(*inputs)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        for mine, theirs in zip(outputs, computed(torch, net.graph, model, inputs), strict=True):
            torch.testing.assert_close(mine, theirs)


HOSTILE = [
    'x"; import os #',
    "class",
    "self",
    "def f():",
    "0",
    "é",
    "forward",
    "a.b",
    "x[0]",
    "__init__",
    "None",
    "\n",
    "relu",
    "x",
]


@pytest.mark.torch
def test_hostile_names_are_no_code(torch):
    layers = [{"relu": None, "name": f"n{number}"} for number in range(len(HOSTILE))]
    layers += [{"add": [f"n{number}" for number in range(len(HOSTILE))]}]
    own = shapecalc.load({"input": [4], "layers": layers}).graph
    names = [*HOSTILE, "end"]
    nodes = tuple(node._replace(name=name) for node, name in zip(own.nodes, names, strict=True))
    title = 'a"""\nimport os\n"""\\'
    for name in ("x", "self", 'a"; import os'):
        shape = own.inputs["input"]
        nodes = (nodes[0], nodes[1]._replace(inputs=(Reference(-2),)), *nodes[2:])
        graph = own._replace(nodes=nodes, name=title, inputs={name: shape, "other": shape})
        source = check(torch, shapecalc.Network(Origin(graph)))
        assert "import os\n" not in re.sub(r'""".*?"""', "", source, flags=re.DOTALL)


@pytest.mark.torch
@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in ONNX] or [None])
def test_onnx_files_run_and_agree(path, torch):
    if path is None:
        return  # the shared files are not here, and no comparison with PyTorch may be skipped
    net = shapecalc.load(str(path))
    check(torch, net)


@pytest.mark.torch
def test_the_padding_of_a_maximum_is_no_maximum(torch):
    net = shapecalc.load(
        {"input": "1x3x3", "layers": [{"max_pool": {"kernel_size": 2, "stride": 2, "padding": "same"}}]}
    )
    y = made(torch, net.convert("pytorch"), "cpu")(-torch.ones(1, 1, 3, 3))
    assert y.flatten().tolist() == [-1.0] * 4


@pytest.mark.torch
def test_modules_are_shared_or_tied(torch):
    """One module is used twice where both are alike; a linear layer on a table has its weight."""
    layers = [
        {"embedding": {"num_embeddings": 9, "embedding_dim": 4}, "name": "table"},
        {"linear": {"out_features": 4, "bias": False}, "name": "a"},
        {"linear": {"out_features": 4, "bias": False}, "share": "a", "name": "b"},
        {"linear": {"out_features": 9, "bias": False}, "share": "table", "name": "head", "frozen": True},
    ]
    net = shapecalc.load({"input": [5], "layers": layers})
    source = net.convert("pytorch")
    assert "self.head.weight = self.table.weight\n" in source
    assert source.count("self.a(x)") == 2
    model = made(torch, source)
    assert sum(one.numel() for one in model.parameters()) == net.infer().total.params == 9 * 4 + 16


@pytest.mark.torch
def test_copies_that_share_their_weights_are_calls_of_one_module(torch):
    """As many as there are layers: a block, a layer, and a linear layer that is tied to another kind's table."""
    block = {"blocks": {"b": [{"linear": 4}, "relu"]}}
    for repeated, owner in [
        ({"b": None, "share": "a"}, {"b": None, "name": "a"}),
        ({"linear": 4, "share": "a"}, {"linear": 4, "name": "a"}),
        (
            {"linear": {"out_features": 4, "bias": False}, "share": "a"},
            {"embedding": {"num_embeddings": 4, "embedding_dim": 4}, "name": "a"},
        ),
    ]:
        size = [5] if "embedding" in owner else "5x4"
        net = shapecalc.load({**block, "input": size, "layers": [owner, {**repeated, "repeat": 3}]})
        model = made(torch, check(torch, net))
        calls: list[int] = []
        for one in model.modules():
            if isinstance(one, torch.nn.Linear):
                one.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        model(*inputs_of(torch, net, 2))
        assert len(calls) == sum(row.kind == "linear" for row in net.infer().rows)


@pytest.mark.torch
def test_inputs_with_fewer_axes_are_broadcast_behind_the_batch(torch):
    spec = {"inputs": {"a": "5x8", "b": [8]}, "layers": [{"add": ["a", "b"]}, {"maximum": ["add1", "b"]}]}
    source = check(torch, shapecalc.load(spec), batch=3)
    assert "torch.maximum(x, b[:, None])" in source


def test_an_input_may_be_called_as_the_tensors_between_layers_are(torch):
    names = [("h", "x"), ("shortcut", "x"), ("x", "shortcut"), ("x", "h")]
    for a, b in names:
        layers = [{"linear": 5, "name": "p", "from": a}, "relu", {"linear": 5, "name": "q", "from": b},
                  {"add": None, "from": ["relu1", "q"]}, {"linear": 3}, {"add": None, "from": ["linear1", b]}]  # fmt: skip
        check(torch, shapecalc.load({"inputs": {a: [4], b: [3]}, "layers": layers}))
