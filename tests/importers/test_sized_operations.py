"""Operations of PyTorch without parameters and MACs: sizes as PyTorch itself has them, for one sample and for three."""

from __future__ import annotations

import pytest

import shapecalc

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402  (only where there is torch)

pytestmark = pytest.mark.torch
F = nn.functional


def at(count):
    return torch.arange(count) % 4


OF_MAPS = {
    "unfold": lambda x: x.unfold(2, 4, 2),
    "unfold twice": lambda x: x.unfold(2, 4, 4).unfold(3, 3, 2),
    "cumsum": lambda x: x.cumsum(1),
    "cumprod": lambda x: x.cumprod(-1),
    "fft": lambda x: torch.fft.fft(x, dim=2).real,
    "fft of other length": lambda x: torch.fft.fft(x, n=5).real,
    "rfft": lambda x: torch.fft.rfft(x).abs(),
    "rfft of other length": lambda x: torch.fft.rfft(x, n=11, dim=2).abs(),
    "hfft": torch.fft.hfft,
    "ihfft": lambda x: torch.fft.ihfft(x).real,
    "fft2": lambda x: torch.fft.fft2(x).real,
    "ifft2": lambda x: torch.fft.fftshift(torch.fft.ifft2(x)).abs(),
    "rfft2": lambda x: torch.fft.rfft2(x, s=(6, 9)).abs(),
    "fftn": lambda x: torch.fft.fftn(x, dim=(1, 2, 3)).real,
    "rfftn": lambda x: torch.fft.rfftn(x, dim=(3, 2)).abs(),
    "and back": lambda x: torch.fft.irfft2(torch.fft.rfft2(x)),
    "and back, odd": lambda x: torch.fft.irfftn(torch.fft.rfftn(x, dim=(2, 3)), s=(8, 7), dim=(2, 3)),
    "as real": lambda x: torch.view_as_real(torch.fft.rfft(x)),
    "as complex": lambda x: torch.view_as_complex(x.unflatten(3, (4, 2))).abs(),
    "stft": lambda x: torch.stft(x.flatten(1), 16, 5, window=torch.hann_window(16), return_complex=True).abs(),
    "stft of both sides": lambda x: torch.view_as_real(torch.stft(
        x.flatten(1), 16, window=torch.hann_window(16), center=False, onesided=False, return_complex=True)),
    "scatter": lambda x: torch.zeros_like(x).scatter(1, x.argsort(1), x),
    "scatter in place": lambda x: torch.zeros(x.shape[0], 9).scatter_(1, x.flatten(1).argmax(1, keepdim=True) % 9, 1.0),
    "scatter add": lambda x: x.scatter_add(1, x.argsort(1), x),
    "index add": lambda x: x.index_add(1, torch.tensor([0, 0, 1]), x),
    "lower triangle": lambda x: x.tril(),
    "upper triangle": lambda x: x.triu(1),
    "limit without an end": lambda x: x.clamp(0.001, float("inf")),
    "put in place": lambda x: torch.empty_like(x).index_put_((torch.arange(len(x)),), x),
    "put at positions of each": lambda x: torch.zeros_like(x[:, 0, 0]).index_put(
        (torch.arange(len(x))[:, None], x[:, 0, 0].argsort(1)), x[:, 1, 1]),
    "one position": lambda x: x[:, :, 2, 3],
    "positions": lambda x: x[:, :, at(5), at(5)],
    "positions, broadcast": lambda x: x[:, :, at(6).view(3, 2), at(2)],
    "triangle": lambda x: x[(slice(None), slice(None), *torch.triu_indices(8, 8))],
    "positions apart": lambda x: x[:, at(3) % 3, :, at(3)].transpose(0, 1),
    "positions of channels": lambda x: x[:, at(2), at(2)],
    "a position of each sample": lambda x: x[torch.arange(x.shape[0]), x.mean((2, 3)).argmax(1)],
    "positions of each sample": lambda x: x[torch.arange(x.shape[0])[:, None], x.mean((2, 3)).argsort(1)[:, :2]],
    "a position of each, last": lambda x: x[torch.arange(x.shape[0]), :, x.mean((1, 3)).argmax(1)],
}  # fmt: skip


class Of(nn.Module):
    """A convolution, and a function of its output."""

    def __init__(self, work):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.work = work

    def forward(self, x):
        return self.work(self.conv(x))


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", OF_MAPS)
def test_sizes_are_those_of_pytorch(name, batch):
    module, x = Of(OF_MAPS[name]), torch.rand(batch, 3, 8, 8)
    report = shapecalc.from_torch(module, x).infer()
    assert [tuple(one) for one in report.outputs.values()] == [tuple(module(x).shape[1:])]
    assert not [row.name for row in report.rows if row.kind == "opaque"]
    assert (report.total.params, report.total.macs) == (84, 81 * 64)
    assert report.rows[0].output_shape == (3, 8, 8)


class Aligned(nn.Module):
    """A spatial transformer (Jaderberg et al. 2015): a matrix of each sample, its grid, and what is sampled at it."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(192, 6)

    def forward(self, x):
        grid = F.affine_grid(self.fc(x.flatten(1)).view(-1, 2, 3), (x.shape[0], 3, 5, 6), align_corners=False)
        return F.grid_sample(x, grid, align_corners=False)


class Filtered(nn.Module):
    """A global filter (Rao et al. 2021): frequencies × a learned complex filter, and back."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(3, 8, 5, 2))

    def forward(self, x):
        return torch.fft.irfft2(
            torch.fft.rfft2(x, norm="ortho") * torch.view_as_complex(self.weight), s=(8, 8), norm="ortho"
        )


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("make", "macs"), [(Aligned, 1152), (Filtered, 0)])
def test_networks_of_such_operations(make, macs, batch):
    module, x = make(), torch.rand(batch, 3, 8, 8)
    report = shapecalc.from_torch(module, x).infer()
    assert [tuple(one) for one in report.outputs.values()] == [tuple(module(x).shape[1:])]
    assert "0 unknown" in " ".join(report.notes)
    assert report.total.params == sum(one.numel() for one in module.parameters())
    assert report.total.macs == macs
