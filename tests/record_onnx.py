"""Record tests/data/onnx: small models of PyTorch's two exporters, and what onnxruntime answers.

    pip install torch==2.13.0 onnx==1.23.2 onnxruntime==1.32.0 onnxscript==0.7.2
    python tests/record_onnx.py [NAME…]

Beside each file is a JSON file: the size of every tensor as onnxruntime computes it, the parameters of the module, and
the MACs of its products and convolutions, from those sizes; those of recurrent layers by arithmetic.
"""

from __future__ import annotations

import json
import sys
import warnings
from math import prod
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn
from torch.nn import functional

FOLDER = Path(__file__).parent / "data" / "onnx"


class Maps(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1)
        self.norms = nn.Sequential(nn.GroupNorm(4, 16), nn.InstanceNorm2d(16, affine=True), nn.PReLU(16))
        self.up = nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1, groups=2)
        self.resize = nn.Upsample(scale_factor=1.5, mode="bilinear")

    def forward(self, x):
        x = functional.silu(self.resize(self.up(self.norms(self.conv(x)))))
        a, b = x.chunk(2, 1)
        x = functional.pad(a * torch.sigmoid(b), (1, 2, 3, 4))
        x = functional.max_pool2d(functional.pixel_unshuffle(x[:, :, :36, :36], 2), 3, 2, ceil_mode=True)
        return x.mean((2, 3)), x.flatten(1).amax(1), functional.adaptive_avg_pool2d(x, 1), x.std(1)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(10, 12, num_layers=2, bidirectional=True)
        self.gru = nn.GRU(24, 7, batch_first=True)
        self.fc = nn.Linear(7, 5)

    def forward(self, x):
        return self.fc(self.gru(self.lstm(x)[0].transpose(0, 1))[0])


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(50, 16), nn.Parameter(torch.randn(1, 12, 16))
        self.head = nn.Linear(16, 50, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, ids):
        return self.head(self.tokens(ids) + self.positions[:, : ids.shape[1]])


class Attention(nn.Module):
    def __init__(self, batch_first):
        super().__init__()
        self.attention, self.norm = nn.MultiheadAttention(32, 4, batch_first=batch_first), nn.LayerNorm(32)

    def forward(self, x):
        return self.norm(x + self.attention(x, x, x)[0])


class Block(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(features, features, 3, padding=1, bias=False), nn.BatchNorm2d(features)
        self.conv2, self.bn2 = nn.Conv2d(features, features, 3, padding=1, bias=False), nn.BatchNorm2d(features)
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(x + self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))


class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 5, stride=2, padding=2), nn.ReLU(), nn.MaxPool2d(2))
        self.layer1 = nn.Sequential(Block(16), Block(16))
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(16, 10)

    def forward(self, x):
        x = self.pool(self.layer1(self.stem(x)))
        return self.fc(x.view(x.size(0), -1))


class Blocked(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.conv = nn.Conv2d(3, 12, 3, padding=1), nn.Conv2d(12, 16, 3, stride=2, padding=1)
        self.depthwise, self.point = nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.Conv2d(16, 16, 1)
        self.norm, self.grouped = nn.BatchNorm2d(16), nn.Conv2d(16, 16, 3, padding=1, groups=2)
        self.narrow, self.wide = nn.Conv2d(16, 20, 1), nn.Conv2d(20, 5, 1, bias=False)
        self.gate, self.fc = nn.Conv2d(32, 12, 1), nn.Linear(12, 7)

    def forward(self, x):
        x = functional.relu6(self.conv(functional.max_pool2d(functional.relu(self.stem(x)), 2)))
        x = functional.relu(x + self.point(self.depthwise(x)))
        x = torch.cat([x, functional.leaky_relu(self.grouped(functional.relu(self.norm(x))), 0.2)], 1)
        gate = self.gate(functional.avg_pool2d(x, 2))
        seen = self.wide(torch.sigmoid(self.narrow(functional.interpolate(x[:, :16], scale_factor=2.0))))
        return self.fc(functional.adaptive_avg_pool2d(gate, 1).flatten(1)), seen.amax((2, 3))


MODELS = {
    "blocked": (Blocked(), torch.randn(1, 3, 16, 16), None),
    "maps": (Maps(), torch.randn(1, 3, 24, 24), None),
    "maps_dynamic": (Maps(), torch.randn(2, 3, 24, 24), {0: "batch", 2: "height", 3: "width"}),
    "recurrent": (Recurrent(), torch.randn(9, 1, 10), None),
    "tied": (Tied(), torch.zeros(1, 12, dtype=torch.long), None),
    "attention": (Attention(batch_first=True), torch.randn(1, 9, 32), None),
    "attention_batch": (Attention(batch_first=False), torch.randn(9, 3, 32), None),
    "attention_dynamic": (Attention(batch_first=True), torch.randn(2, 9, 32), {0: "batch", 1: "length"}),
}


def export(name, module, x, axes, dynamo):
    path = FOLDER / f"{name}.{'dynamo' if dynamo else 'ts'}.onnx"
    names = {"input_names": ["x"]}
    if dynamo:
        shapes = None if axes is None else ({axis: torch.export.Dim(word) for axis, word in axes.items()},)
        torch.onnx.export(module, (x,), path, dynamo=True, external_data=False, dynamic_shapes=shapes, **names)
    else:
        dynamic = None if axes is None else {"x": axes}
        torch.onnx.export(module, (x,), path, dynamo=False, opset_version=17, dynamic_axes=dynamic, **names)
    return path


def sizes_of(model, x):
    """Return the size of every tensor, computed by onnxruntime."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    own = {value.name for value in model.graph.output}
    for node in model.graph.node:
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in node.output if name and name not in own)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found = session.run(None, {"x": x.numpy()})
    return {out.name: list(np.shape(value)) for out, value in zip(session.get_outputs(), found, strict=True)}


def macs_of(model, sizes, x):
    """Return the MACs for one sample, from the sizes."""
    known = {**{w.name: list(w.dims) for w in model.graph.initializer}, **sizes, "x": list(x.shape)}
    total = 0
    for node in model.graph.node:
        inputs = [known.get(name, []) for name in node.input]
        out = sizes.get(node.output[0], [])
        if node.op_type == "Conv":
            total += prod(out) * prod(inputs[1][1:])
        elif node.op_type == "ConvTranspose":
            total += prod(inputs[0]) * prod(inputs[1][1:])
        elif node.op_type in {"MatMul", "Gemm"}:
            total += prod(out) * inputs[0][-1]
        elif node.op_type in ("LSTM", "GRU"):
            length, batch = inputs[0][:2]
            total += length * batch * (prod(inputs[1]) + prod(inputs[2]))
    return total


def optimised(path):
    """Return the model as onnxruntime optimises it for the machine it runs on: its channels are in blocks."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.optimized_model_filepath = str(path)
    onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    return onnx.load(path)


def export_digits():
    """Write the example of docs/onnx.md: its weights are left out of the file."""
    path = FOLDER.parents[2] / "docs" / "digits.onnx"
    axes = {"x": {0: "batch", 2: "height", 3: "width"}}
    digits = Digits()
    for tensor in [*digits.parameters(), *digits.buffers()]:  # the exporter stores equal tensors once
        if tensor.is_floating_point():
            nn.init.uniform_(tensor, 0.5, 1)
    torch.onnx.export(digits.eval(), (torch.randn(2, 1, 28, 28),), path, dynamo=False, opset_version=17,
                      input_names=["x"], output_names=["scores"], dynamic_axes=axes)  # fmt: skip
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) > 64:
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="weights")
    onnx.save_model(model, path)


def main():
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    FOLDER.mkdir(exist_ok=True)
    names = sys.argv[1:] or list(MODELS)
    if not sys.argv[1:]:
        export_digits()
    for name in names:
        module, x, axes = MODELS[name]
        module.eval()
        for p in module.parameters():  # the exporters store equal tensors once
            nn.init.normal_(p)
        for p in module.buffers():
            if p.is_floating_point():
                nn.init.uniform_(p, 0.5, 1)
        batch = x.shape[1] if name == "attention_batch" else x.shape[0] if x.shape[0] < 9 else 1
        for dynamo in (False, True):
            path = export(name, module, x, axes, dynamo)
            model = onnx.load(path)
            model.graph.ClearField("doc_string")
            for node in model.graph.node:
                node.ClearField("doc_string")
                kept = [entry for entry in node.metadata_props if entry.key == "pkg.torch.onnx.name_scopes"]
                del node.metadata_props[:]
                node.metadata_props.extend(kept)
            onnx.save(model, path)
            sizes = sizes_of(model, x)
            macs, rest = divmod(macs_of(model, sizes, x), batch)
            assert rest == 0
            if name == "blocked":
                kept = {one for node in optimised(path).graph.node for one in node.output}
                sizes = {one: size for one, size in sizes.items() if one in kept}
            truth = {
                "input": list(x.shape), "batch": batch, "params": sum(p.numel() for p in module.parameters()),
                "macs": macs, "sizes": sizes,
            }  # fmt: skip
            path.with_suffix(".json").write_text(json.dumps(truth) + "\n")


if __name__ == "__main__":
    main()
