"""Weights that a layer shares singly with another: in PyTorch source they are tied, in ONNX one tensor."""

from __future__ import annotations

import pytest
from crafted_onnx import model, node, tensor, value
from test_pytorch_source import made, torch  # noqa: F401  (a fixture)

import shapecalc


def network(*layers, **weights):
    """Fully connected layers of an ONNX file: each its name, and the names of its weight (rows of the input) and bias."""
    names = ["x", *[f"t{i}" for i in range(1, len(layers))], "y"]
    nodes = [
        node("Gemm", [names[i], *own], [names[i + 1]], f"/{name}/Gemm", transB=1)
        for i, (name, *own) in enumerate(layers)
    ]
    held = [tensor(name, dims) for name, dims in weights.items()]
    return shapecalc.load(model(nodes, [value("x", [1, 4])], [value("y", None)], weights=held))


def lines_of(source):
    return [line.strip() for line in source.splitlines() if line.strip().startswith("self.") and " = self." in line]


def tied():
    return network(("a", "w", "b"), ("c", "v", "b"), ("d", "v", "z"), w=[6, 4], v=[6, 6], b=[6], z=[6])


def test_in_pytorch_they_are_tied_at_the_end_of_the_constructor():
    source = tied().convert("pytorch")
    assert lines_of(source) == ["self.c.bias = self.a.bias", "self.d.weight = self.c.weight"]
    assert "uncounted" not in source
    assert source.index("self.d = nn.Linear(6, 6)") < source.index("self.c.bias = ") < source.index("def forward")


def test_in_onnx_they_are_one_tensor():
    net = tied()
    again = shapecalc.load(net.convert("onnx"))
    assert again.infer().total == net.infer().total
    assert again.infer().total.params == 24 + 6 + 36 + 6
    assert again.infer().rows[1].node.held == {"bias"}


def test_a_weight_of_other_axes_is_not_tied():
    """A product with a matrix, and one with its transpose: the sizes of the weights differ."""
    nodes = [
        node("Gemm", ["x", "w", "a"], ["t"], "/down/Gemm"),
        node("Gemm", ["t", "w", "b"], ["y"], "/up/Gemm", transB=1),
    ]
    weights = [tensor("w", [4, 6]), tensor("a", [6]), tensor("b", [4])]
    net = shapecalc.load(model(nodes, [value("x", [1, 4])], [value("y", None)], weights=weights))
    assert net.infer().total.params == 24 + 10
    assert 'self.up = uncounted(nn.Linear(6, 4), "weight")' in net.convert("pytorch")
    with pytest.raises(
        shapecalc.UsageError, match=r"up .linear. cannot be written as ONNX: some of its weights are constants, or"
    ):
        net.convert("onnx")


def test_keras_says_why_not():
    with pytest.raises(
        shapecalc.UsageError, match=r"c .linear. cannot be written for Keras: some of its weights .bias. are"
    ):
        tied().convert("keras")


@pytest.mark.torch
def test_ties_within_and_between_blocks_that_are_repeated(torch):  # noqa: F811
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, first=None):
            super().__init__()
            self.up, self.down, self.norm = nn.Linear(8, 8), nn.Linear(8, 8), nn.LayerNorm(8)
            self.down.bias = self.up.bias
            if first:
                self.up.weight = first.up.weight

        def forward(self, x):
            return self.norm(x + self.down(self.up(x).relu()))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(11, 8)
            self.first = Block()
            self.blocks = nn.ModuleList([Block(self.first) for _ in range(3)])
            self.head = nn.Linear(8, 11)
            self.head.weight = self.table.weight

        def forward(self, x):
            x = self.first(self.table(x))
            for block in self.blocks:
                x = block(x)
            return self.head(x)

    own = Net()
    net = shapecalc.from_torch(own, torch.zeros(1, 5, dtype=torch.long))
    written = made(torch, net.convert("pytorch"), "cpu")
    count = sum(one.numel() for one in own.parameters())
    assert sum(one.numel() for one in written.parameters()) == count == net.infer().total.params
    again = shapecalc.from_torch(written, torch.zeros(1, 5, dtype=torch.long)).infer()
    assert [sorted(row.node.held) for row in again.rows] == [sorted(row.node.held) for row in net.infer().rows]
    assert sorted(map(len, map(set, _sharing(written)))) == sorted(map(len, map(set, _sharing(own))))
    assert shapecalc.load(net.convert("onnx")).infer().total == net.infer().total


@pytest.mark.torch
def test_weights_that_are_no_tensors_of_their_own_in_source_are_not_tied(torch):  # noqa: F811
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = torch.nn.LSTM(4, 4, batch_first=True), torch.nn.LSTM(4, 4, batch_first=True)
            self.b.weight_hh_l0 = self.a.weight_hh_l0

        def forward(self, x):
            return self.b(self.a(x)[0])[0]

    net = shapecalc.from_torch(Net(), torch.zeros(1, 5, 4))
    assert "weight_hh_l0" in net.infer().rows[1].node.held
    source = net.convert("pytorch")
    assert 'uncounted(nn.LSTM(4, 4, batch_first=True), "weight_hh_l0")' in source
    with pytest.raises(shapecalc.UsageError, match=r"b .lstm. cannot be written as ONNX: some of its weights"):
        net.convert("onnx")


def _sharing(module):
    """The names of each parameter that has several."""
    names: dict[int, list[str]] = {}
    for name, one in module.named_parameters(remove_duplicate=False):
        names.setdefault(id(one), []).append(name)
    return [own for own in names.values() if len(own) > 1]
