"""Distances between tensors, and convolutions with computed kernels, against PyTorch: sizes, MACs and parameters."""

from __future__ import annotations

from math import prod

import pytest

import shapecalc

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402  (only where there is torch)
from torch.nn import functional as F  # noqa: E402, N812  (as PyTorch's users write it)
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

pytestmark = pytest.mark.torch


class Distance(nn.Module):
    def __init__(self, work):
        super().__init__()
        self.fc, self.work = nn.Linear(8, 8), work
        self.codes = nn.Parameter(torch.ones(32, 8))

    def forward(self, *inputs):
        return self.work(self.fc(inputs[0]), *inputs[1:], *([self.codes] if len(inputs) == 1 else [])).abs()


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(
    ("work", "sizes"),
    [
        (F.pairwise_distance, [(8,), (8,)]),
        (lambda a, b: F.pairwise_distance(a, b, keepdim=True), [(5, 8), (1, 8)]),
        (F.cosine_similarity, [(8,), (8,)]),
        (lambda a, b: F.cosine_similarity(a[:, :, None], b[:, None], dim=-1), [(5, 8), (6, 8)]),
        (torch.cdist, [(5, 8), (7, 8)]),
        (lambda a, codes: torch.cdist(a.flatten(0, 1), codes), [(5, 8)]),
        (lambda a, codes: torch.cdist(a, codes[None]), [(5, 8)]),
    ],
)
def test_distances(work, sizes, batch):
    module, inputs = Distance(work), [torch.zeros(batch, *size) for size in sizes]
    shape = tuple(module(*inputs).shape)
    report = shapecalc.from_torch(module, *inputs).infer()
    row = report.rows[-1]
    assert row.kind == "abs"
    assert row.sizing.output.elements * batch == prod(shape)
    assert row.output_shape[-1:] == shape[-1:] or len(shape) == 1
    assert report.total.macs == 64 * (5 if len(sizes[0]) == 2 else 1)
    assert report.total.params == 72 + (0 if len(sizes) == 2 else 256)
    assert any(", 0 unknown" in note for note in report.notes)
    assert not any("do not" in note for note in report.notes)


class Dynamic(nn.Module):
    """A kernel that is a weighted sum of four."""

    def __init__(self, groups, bias, **options):
        super().__init__()
        self.router, self.options = nn.Linear(4, 4), {"groups": groups, **options}
        self.kernels = nn.Parameter(torch.ones(4, 8, 4 // groups, 3, 3))
        self.bias = nn.Parameter(torch.ones(8)) if bias else None

    def forward(self, x):
        kernel = torch.einsum("k,koihw->oihw", self.router(x.mean((0, 2, 3))).softmax(-1), self.kernels)
        return F.conv2d(x, kernel, self.bias, **self.options).relu()


@pytest.mark.parametrize(
    "options",
    [{"groups": 1, "bias": False}, {"groups": 2, "bias": True, "padding": 1, "stride": 2},
     {"groups": 4, "bias": True, "dilation": (1, 2)}],
)  # fmt: skip
def test_convolutions_with_computed_kernels(options):
    module, x = Dynamic(**options), torch.zeros(1, 4, 9, 11)
    with FlopCounterMode(display=False) as counter:
        shape = module(x).shape
    report = shapecalc.from_torch(module, x).infer()
    assert report.rows[-1].output_shape == tuple(shape[1:])
    assert report.total.macs == counter.get_total_flops() // 2
    assert report.total.params == sum(one.numel() for one in module.parameters())
