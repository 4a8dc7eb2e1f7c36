"""Modules that are called several times: one block for each call, which share their weights, in YAML and PyTorch too."""

from __future__ import annotations

import pytest
from test_pytorch_source import check, torch  # noqa: F401  (a fixture)

import shapecalc

pytestmark = pytest.mark.torch


def encoder(torch):  # noqa: F811
    nn = torch.nn
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(512, 4))


def siamese(torch, between=False):  # noqa: F811
    class Siamese(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.enc, self.head = encoder(torch), torch.nn.Linear(4, 1)

        def forward(self, a, b):
            a = self.enc(a).relu() if between else self.enc(a)
            return self.head(a - self.enc(b))

    return Siamese(), (torch.zeros(2, 3, 8, 8), torch.ones(2, 3, 8, 8))


@pytest.mark.parametrize("between", [False, True])
def test_an_encoder_of_two_inputs_is_a_block_used_twice(between, torch):  # noqa: F811
    """Whether its calls follow one another, or there is something between them."""
    module, inputs = siamese(torch, between)
    net = shapecalc.from_torch(module, *inputs)
    assert [block.name for block in net.graph.blocks] == ["enc", "enc_2"]
    assert [row.shares for row in net.infer().rows if row.name.startswith("enc_2.")] == [
        "enc.0",
        "",
        "enc.2",
        "",
        "enc.4",
    ]
    text = net.convert("yaml")
    assert text.count("conv:") == 1
    assert "    name: enc_2\n    share: enc\n" in text.replace("          ", "    ")
    source = check(torch, net)
    assert source.count("self.enc(") == 2
    assert source.count("Conv2d(") == 1


def test_calls_in_a_row_are_a_loop(torch):  # noqa: F811
    class Shared(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Sequential(
                torch.nn.Linear(4, 4), torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(4, 4))
            )

        def forward(self, x):
            for _ in range(4):
                x = self.layer(x)
            return x

    net = shapecalc.from_torch(Shared(), torch.zeros(2, 4))
    assert [block.name for block in net.graph.blocks if "." not in block.name] == [
        "layer", "layer_2", "layer_3", "layer_4",
    ]  # fmt: skip
    assert "    name: layer_{i + 2}\n    repeat: 3\n    share: layer\n" in net.convert("yaml")
    assert "for _ in range(3):\n            x = self.layer(x)" in check(torch, net)


BODIES = {
    "an adapter of each call": "for i in range(2):\n    x = f.linear(self.shared(x), self.own[i])",
    "another function in each call": "x = self.shared(self.shared(x).relu()).tanh()",
    "a function between the calls alone": "x = self.shared(self.shared(x).relu())",
    "modules of other names": "x = self.second(self.shared(self.first(self.shared(x))))",
}


@pytest.mark.parametrize("body", BODIES)
def test_calls_that_are_not_alike_stay_one_block(body, torch):  # noqa: F811
    class Body(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.shared, self.first, self.second = [torch.nn.Linear(4, 4) for _ in range(3)]
            self.own = torch.nn.ParameterList([torch.ones(4, 4) for _ in range(2)])

        def forward(self, x):
            names = {"self": self, "x": x, "f": torch.nn.functional}
            exec(BODIES[body], names)
            return names["x"]

    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = Body(), torch.nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.body(x))

    net = shapecalc.from_torch(Whole(), torch.zeros(2, 4))
    assert {node.name.partition(".")[0] for node in net.graph.nodes} == {"body", "head"}
    check(torch, net)


def test_layers_without_weights_share_none():
    spec = {"input": [4], "blocks": {"b": [{"linear": 4}, "relu"]}, "layers": ["b", {"b": None, "share": "b1"}]}
    rows = shapecalc.load(spec).infer().rows
    assert [row.shares for row in rows] == ["", "", "b1.linear1", ""]
