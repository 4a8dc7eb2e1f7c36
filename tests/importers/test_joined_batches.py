"""Layers on several samples of a sample: frames of a video, regions of an image, chunks of a sequence in one batch."""

from __future__ import annotations

import io

import pytest
from crafted_onnx import INT64, model, node, tensor, value

import shapecalc
from shapecalc.errors import ShapeError


def totals(network):
    report = network.infer()
    assert network.warnings == ()
    assert not any(row.kind == "opaque" for row in report.rows)
    return report.total.params, report.total.macs, list(report.outputs.values())


def joined(batch, nodes, before, after, weights, due):
    """Nodes from j to z on what is k × … for each sample, joined to the batch, which they are split from again."""
    known = batch if isinstance(batch, int) else -1
    sizes = [tensor("join", [len(before)], before, INT64), tensor("split", [len(after) + 1], [known, *after], INT64)]
    nodes = [node("Reshape", ["x", "join"], ["j"]), *nodes, node("Reshape", ["z", "split"], ["y"])]
    return model(nodes, [value("x", (batch, *due[0]))], [value("y", (batch, *due[1]))], weights=[*weights, *sizes])


FRAMES = [
    node("Conv", ["j", "w", "b"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    node("BatchNormalization", ["c", "s", "t", "m", "v"], ["n"]),
    node("InstanceNormalization", ["n", "i", "u"], ["i1"]),
    node("MaxPool", ["i1"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
    node("ConvTranspose", ["p", "d"], ["q"], kernel_shape=[2, 2], strides=[2, 2]),
    node("GlobalAveragePool", ["q"], ["z"]),
]
OF_FRAMES = [tensor("w", [6, 3, 3, 3]), tensor("b", [6]), *[tensor(name, [6]) for name in "stmviu"],
             tensor("d", [6, 2, 2, 2])]  # fmt: skip


@pytest.mark.parametrize("batch", [1, 2, "batch"])
def test_maps_of_frames_cost_what_each_of_them_does(batch):
    """MACs: 4 frames of 6·3·9 at 8 × 8 positions and of 6·2·4 at 4 × 4; the weights of all frames are the same."""
    file = joined(batch, FRAMES, [-1, 3, 8, 8], [4, 2], OF_FRAMES, ((4, 3, 8, 8), (4, 2)))
    params = 6 * 3 * 9 + 6 + 2 * 6 + 2 * 6 + 6 * 2 * 4
    assert totals(shapecalc.load(file)) == (params, 4 * (6 * 27 * 64 + 6 * 8 * 16), [(4, 2)])


def patches(count):
    nodes = [FRAMES[0], node("Relu", ["c"], ["z"])]
    return joined(1, nodes, [-1, 3, 2, 2], [count, 6, 2, 2], OF_FRAMES[:2], ((count, 3, 2, 2), (count, 6, 2, 2)))


def test_many_patches_are_read_but_not_any_number():
    due = 100 * 6 * 27 * 4
    assert totals(shapecalc.load(patches(100))) == (6 * 27 + 6, due, [(100, 6, 2, 2)])
    with pytest.raises(ShapeError, match="it is used on 10,001 samples of one of the network, which are too many"):
        shapecalc.load(patches(10_001)).infer()


GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("batch", [1, 2, "batch"])
def test_a_recurrent_layer_runs_over_each_chunk(op, directions, batch):
    """3 chunks of 5 steps: MACs are steps · directions · gates · hidden · (features + hidden), PyTorch's own."""
    rows = GATES[op] * 4
    weights = [
        tensor("w", [directions, rows, 6]),
        tensor("r", [directions, rows, 4]),
        tensor("b", [directions, 2 * rows]),
    ]
    nodes = [
        node("Transpose", ["j"], ["t"], perm=[1, 0, 2]),
        node(
            op,
            ["t", "w", "r", "b"],
            ["all", "h"],
            hidden_size=4,
            **({"direction": "bidirectional"} if directions > 1 else {}),
        ),
        node("Transpose", ["all"], ["z"], perm=[2, 0, 1, 3]),
    ]
    file = joined(batch, nodes, [-1, 5, 6], [3, 5, directions * 4], weights, ((3, 5, 6), (3, 5, directions * 4)))
    params = directions * (rows * 6 + rows * 4 + 2 * rows)
    assert totals(shapecalc.load(file)) == (params, 3 * 5 * directions * rows * (6 + 4), [(3, 5, directions * 4)])


@pytest.mark.parametrize("batch", [1, 2, "batch"])
def test_each_chunk_has_its_own_first_state(batch):
    """A linear layer makes it of the first step: its new axis is not the batch, also of a batch of one."""
    weights = [tensor("w", [1, 12, 6]), tensor("r", [1, 12, 4]), tensor("b", [1, 24]), tensor("v", [6, 4]),
               tensor("first", [], [0], INT64), tensor("axes", [1], [0], INT64)]  # fmt: skip
    nodes = [
        node("Transpose", ["j"], ["t"], perm=[1, 0, 2]),
        node("Gather", ["j", "first"], ["g"], axis=1),
        node("MatMul", ["g", "v"], ["m"]),
        node("Unsqueeze", ["m", "axes"], ["h"]),
        node("GRU", ["t", "w", "r", "b", "", "h"], ["", "z"], hidden_size=4),
    ]
    file = joined(batch, nodes, [-1, 5, 6], [3, 4], weights, ((3, 5, 6), (3, 4)))
    macs = 3 * (6 * 4 + 5 * 12 * (6 + 4))
    assert totals(shapecalc.load(file)) == (12 * (6 + 4) + 24 + 6 * 4, macs, [(3, 4)])


# Modules of PyTorch, in memory and as both of its exporters write them.


def frames(torch):
    nn = torch.nn

    class Frames(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.GroupNorm(4, 8))
            self.up = nn.Sequential(
                nn.ConvTranspose2d(8, 4, 2, 2), nn.InstanceNorm2d(4, affine=True), nn.Upsample(scale_factor=2)
            )
            self.fc = nn.Linear(4, 5)

        def forward(self, x):
            b, t, *size = x.shape
            y = self.up(self.features(x.reshape(b * t, *size))).mean((2, 3))
            return self.fc(y.view(b, t, -1)).mean(1)

    return Frames(), (4, 3, 8, 8), torch.float32


def time_first(torch):
    nn = torch.nn

    class TimeFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.maps, self.steps, self.pool = nn.Conv2d(3, 4, 3), nn.Conv1d(4, 6, 3), nn.AvgPool2d(2)

        def forward(self, x):
            b, t, *size = x.shape
            y = self.pool(self.maps(x.transpose(0, 1).reshape(t * b, *size)))
            return self.steps(y.view(t, b, *y.shape[1:]).mean((3, 4)).permute(1, 2, 0))

    return TimeFirst(), (5, 3, 8, 8), torch.float32


def dual_path(torch):
    nn = torch.nn

    class DualPath(nn.Module):
        def __init__(self):
            super().__init__()
            self.within = nn.LSTM(8, 6, batch_first=True, bidirectional=True)
            self.between = nn.GRU(8, 6, 2, batch_first=True)
            self.one, self.other = nn.Linear(12, 8), nn.Linear(6, 8)

        def forward(self, x):
            b, n, k, s = x.shape
            y = x.permute(0, 3, 2, 1).reshape(b * s, k, n)
            y = self.one(self.within(y)[0]).reshape(b, s, k, n).permute(0, 2, 1, 3).reshape(b * k, s, n)
            return self.other(self.between(y)[0]).reshape(b, k, s, n).permute(0, 3, 1, 2) + x

    return DualPath(), (8, 5, 4), torch.float32


def words(torch):
    nn = torch.nn

    class Words(nn.Module):
        """The last state for the characters of each word, from a first state of zeros."""

        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(50, 8)
            self.characters = nn.LSTM(8, 5, batch_first=True, bidirectional=True)
            self.words = nn.GRU(10, 7, batch_first=True)

        def forward(self, x):
            b, w, c = x.shape
            zeros = torch.zeros(2, b * w, 5)
            h = self.characters(self.table(x.view(b * w, c)), (zeros, zeros))[1][0]
            return self.words(h.transpose(0, 1).reshape(b, w, 10))[0]

    return Words(), (4, 6), torch.int64


def first_states(torch):
    nn = torch.nn

    class FirstStates(nn.Module):
        """A first state for each sequence, and one step of another layer after its last one."""

        def __init__(self):
            super().__init__()
            self.first, self.steps, self.cell = nn.Linear(6, 5), nn.GRU(6, 5, batch_first=True), nn.GRUCell(5, 4)

        def forward(self, x):
            b, k, *size = x.shape
            x = x.reshape(b * k, *size)
            y, h = self.steps(x, self.first(x[:, 0]).unsqueeze(0))
            return self.cell(y[:, -1], self.first(x[:, 1])[:, :4]).view(b, k, 4) + h.view(b, k, 5)[:, :, 1:]

    return FirstStates(), (3, 7, 6), torch.float32


def own_counts(torch, module, example):
    """Return the parameters of a module, and the MACs of its layers by what each is called with, over the batch."""
    nn, macs = torch.nn, []

    def hook(layer, given, out):
        if isinstance(layer, (nn.Conv1d, nn.Conv2d)):
            macs.append(out.numel() * layer.weight[0].numel())
        elif isinstance(layer, nn.ConvTranspose2d):
            macs.append(given[0].numel() * layer.weight[0].numel())
        elif isinstance(layer, nn.Linear):
            macs.append(out.numel() * layer.in_features)
        elif isinstance(layer, nn.RNNBase):
            matrices = sum(one.numel() for name, one in layer.named_parameters() if name.startswith("weight"))
            macs.append(given[0].shape[0] * given[0].shape[1] * matrices)
        elif isinstance(layer, nn.GRUCell):
            macs.append(len(out) * (layer.weight_ih.numel() + layer.weight_hh.numel()))

    hooks = [layer.register_forward_hook(hook) for layer in module.modules()]
    out = module(example)
    for one in hooks:
        one.remove()
    return sum(one.numel() for one in module.parameters()), sum(macs) // len(example), [tuple(out.shape[1:])]


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("made", [frames, time_first, dual_path, words, first_states])
@pytest.mark.parametrize("batch", [1, 2, "dynamic"])
@pytest.mark.parametrize("written", ["memory", "torchscript", "dynamo"])
def test_a_module_counts_what_pytorch_computes(made, batch, written):
    torch = pytest.importorskip("torch")
    module, size, kind = made(torch)
    example = torch.ones(2 if batch == "dynamic" else batch, *size, dtype=kind)
    due = own_counts(torch, module.eval(), example)
    if written == "memory":
        network = shapecalc.from_torch(module, example)
    else:
        pytest.importorskip("onnx")
        if written == "dynamo":
            pytest.importorskip("onnxscript")
        how = {"dynamic_axes": {"x": {0: "batch"}}} if written == "torchscript" else {"dynamic_shapes": ({0: "batch"},)}
        file = io.BytesIO()
        made = torch.onnx.export(module, (example,), file if written == "torchscript" else None, input_names=["x"],
                                 dynamo=written == "dynamo", verbose=False, **(how if batch == "dynamic" else {}))  # fmt: skip
        network = shapecalc.load(file.getvalue() if made is None else made.model_proto.SerializeToString())
    assert totals(network) == due
