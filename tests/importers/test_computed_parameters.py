"""Parameters that are repeated for the batch, or computed, before they are used: the law of the batch holds for them too.

And weights that are computed of parameters: their MACs are those that PyTorch's FLOP counter counts.
"""

from __future__ import annotations

import math

import pytest

import shapecalc

torch = pytest.importorskip("torch")
from test_batches_of_modules import Calls, assert_the_same, parameter, sizes  # noqa: E402  (only where there is torch)
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def self_attended(self, x):
    q = self.q.expand(x.size(0), -1, -1)
    q = q + self.a(q, q, q)[0]
    return self.c(q, x, x)[0]


def detr(self, x):
    q = self.q.weight.unsqueeze(1).repeat(1, x.size(1), 1)
    q = torch.zeros_like(q) + self.a(q, q, q)[0]
    return self.c(q, x, x)[0]


def seeded(self, x):
    return self.gru(x, self.fc(self.h.repeat(1, x.size(0), 1)))[0]


def stepped(self, x):
    return self.cell(x[:, 0], self.fc(self.h.unsqueeze(0).expand(x.size(0), -1)))


def numbered(self, x):
    positions = torch.arange(x.size(1)).expand(x.size(0), -1)
    return self.fc(self.emb(x) + self.mlp(self.pos(positions)))


def pooled(self, x):
    return torch.einsum("bqd,bld->bql", self.fc(self.q.expand(x.size(0), -1, -1)), x)


def perceived(self, x):
    q = self.q(self.latents.repeat(x.size(0), 1, 1)).view(x.size(0), 5, 4, 4).transpose(1, 2)
    k = self.k(x).view(x.size(0), 7, 4, 4).transpose(1, 2)
    return ((q @ k.transpose(-2, -1) / math.sqrt(4)).softmax(-1) @ k).transpose(1, 2).flatten(2)


def synthesised(self, z):
    return (
        self.conv(F.interpolate(self.map.expand(z.size(0), -1, -1, -1), scale_factor=2)) * self.fc(z)[:, :, None, None]
    )


def attention(batch_first=True):
    return nn.MultiheadAttention(16, 4, batch_first=batch_first)


def biased(self, x):
    q, k = (f(x).view(-1, 7, 4, 4).transpose(1, 2).reshape(-1, 7, 4) for f in (self.q, self.k))
    scores = torch.bmm(q, k.transpose(1, 2)) + self.bias.repeat(x.size(0), 1, 1)
    return torch.bmm(scores.softmax(-1), k).view(-1, 4, 7, 4).transpose(1, 2).flatten(2)


REPEATED = {
    "a bias for each head of each sample": (Calls(biased, q=nn.Linear(16, 16), k=nn.Linear(16, 16), bias=parameter(4, 7, 7)),
                                            sizes(("b", 7, 16))),
    "queries with attention among them": (Calls(self_attended, q=parameter(1, 5, 16), a=attention(), c=attention()),
                                          sizes(("b", 7, 16))),
    "queries of a table, batch second": (Calls(detr, q=nn.Embedding(5, 16), a=attention(False), c=attention(False)),
                                         sizes((7, "b", 16))),
    "a projected state": (Calls(seeded, gru=nn.GRU(16, 16, batch_first=True), h=parameter(1, 1, 16), fc=nn.Linear(16, 16)),
                          sizes(("b", 7, 16))),
    "a projected state of a cell": (Calls(stepped, cell=nn.GRUCell(16, 16), h=parameter(16), fc=nn.Linear(16, 16)),
                                    sizes(("b", 7, 16))),
    "positions for each sample": (Calls(numbered, emb=nn.Embedding(30, 16), pos=nn.Embedding(20, 16), mlp=nn.Linear(16, 16),
                                        fc=nn.Linear(16, 4)), sizes(("b", 7, "token"))),
    "positions repeated, batch second": (Calls(lambda self, x: x + self.fc(self.p.expand(-1, x.size(1), -1)),
                                               p=parameter(7, 1, 16), fc=nn.Linear(16, 16)), sizes((7, "b", 16))),
    "positions tiled, batch second": (Calls(lambda self, x: x + self.fc(self.p.repeat(1, x.size(1), 1)),
                                            p=parameter(7, 1, 16), fc=nn.Linear(16, 16)), sizes((7, "b", 16))),
    "queries as a sum": (Calls(pooled, q=parameter(1, 5, 16), fc=nn.Linear(16, 16)), sizes(("b", 7, 16))),
    "latents with heads": (Calls(perceived, latents=parameter(1, 5, 16), q=nn.Linear(16, 16), k=nn.Linear(16, 16)),
                           sizes(("b", 7, 16))),
    "samples behind another axis": (Calls(lambda self, x: (self.fc(x).flatten(0, 1) + self.p).sum(0).view(-1, 5, 8),
                                          p=parameter(3, 1, 8), fc=nn.Linear(8, 8)), sizes(("b", 5, 8))),
    "a learned map": (Calls(synthesised, map=parameter(1, 4, 3, 3), conv=nn.Conv2d(4, 4, 3, padding=1), fc=nn.Linear(6, 4)),
                      sizes(("b", 6))),
}  # fmt: skip
"""Parameters of which each sample of the batch has a copy, on which layers work before it meets the input."""


@pytest.mark.parametrize("name", REPEATED)
def test_what_is_made_of_a_repeated_parameter_is_of_one_sample(name):
    assert_the_same(*REPEATED[name], is_other_of_one=True)


@pytest.mark.parametrize("name", REPEATED)
def test_so_it_is_where_the_batch_is_dynamic(name):
    module, examples = REPEATED[name]
    module, four = module.eval(), examples(4)
    axes = [{i: torch.export.Dim.AUTO for i, size in enumerate(one.shape) if size != two.shape[i]}
            for one, two in zip(four, examples(5), strict=True)]  # fmt: skip
    program = torch.export.export(module, tuple(four), dynamic_shapes=(tuple(axes),), strict=False)
    report, expected = shapecalc.from_torch(program).infer(), shapecalc.from_torch(module, *four).infer()
    assert (report.total.macs, report.total.params) == (expected.total.macs, expected.total.params)
    assert [*report.outputs.values()] == [*expected.outputs.values()]


def placed(self, x):
    heads = x.view(5, -1, 4, 4)
    return self.fc((heads + self.p.expand(-1, heads.size(1), -1, -1)).transpose(2, 3))


def test_a_parameter_repeated_along_the_second_of_four_axes_is_of_one_sample():
    module = Calls(placed, p=parameter(5, 1, 4, 4), fc=nn.Linear(4, 3)).eval()
    reports = [shapecalc.from_torch(module, torch.zeros(5, batch, 16)).infer() for batch in (2, 3)]
    assert {one.total.macs for one in reports} == {5 * 4 * 4 * 3}
    assert {tuple(one.outputs.values()) for one in reports} == {((5, 4, 3),)}


def adapted(self, x):
    return F.linear(x, self.w + self.b @ self.a * 0.5, self.bias)


def adapted_map(self, x):
    return F.conv2d(x, self.conv.weight + (self.b @ self.a).view(8, 3, 3, 3), self.conv.bias)


LOW = {"a": parameter(4, 12), "b": parameter(16, 4)}
COMPUTED = {
    "LoRA": (Calls(adapted, w=parameter(16, 12), bias=parameter(16), **LOW), sizes(("b", 12))),
    "a product as the weight": (Calls(lambda self, x: F.linear(x, self.b @ self.a), **LOW), sizes(("b", 12))),
    "a product on the right": (Calls(lambda self, x: x @ (self.b @ self.a).T, **LOW), sizes(("b", 12))),
    "a product for a convolution": (Calls(adapted_map, conv=nn.Conv2d(3, 8, 3), a=parameter(4, 27), b=parameter(8, 4)),
                                    sizes(("b", 3, 6, 6))),
    "a product as the weight of a convolution": (
        Calls(lambda self, x: F.conv2d(x, (self.b @ self.a).view(8, 3, 3, 3)), a=parameter(4, 27), b=parameter(8, 4)),
        sizes(("b", 3, 6, 6))),
    "a network that makes the weight": (Calls(lambda self, x: F.linear(x, self.h(self.z).view(4, 6)), z=parameter(5),
                                              h=nn.Linear(5, 24)), sizes(("b", 6))),
    "a network that makes it of an input": (
        Calls(lambda self, x, c: torch.bmm(x[:, None], self.h(c).view(-1, 6, 4)).squeeze(1), h=nn.Linear(5, 24)),
        sizes(("b", 6), ("b", 5))),
    "joined weights": (Calls(lambda self, x: F.linear(x, torch.cat([self.p, self.q])), p=parameter(3, 12), q=parameter(5, 12)),
                       sizes(("b", 12))),
    "an outer product": (Calls(lambda self, x: F.linear(x, self.p * self.q), p=parameter(5, 1), q=parameter(1, 12)),
                         sizes(("b", 12))),
}  # fmt: skip
"""Weights that `forward` computes. MACs that are the same for every sample are counted for one, as of all layers."""


@pytest.mark.parametrize("name", COMPUTED)
def test_what_computes_a_weight_is_counted(name):
    assert_the_same(*COMPUTED[name], is_other_of_one=True)


def test_joined_weights_are_those_of_one_layer():
    module, examples = COMPUTED["joined weights"]
    assert [row.kind for row in shapecalc.from_torch(module.eval(), *examples(2)).infer().rows] == ["linear"]
