"""Modules of PyTorch as source again: what they compute, once the source has their weights, is the same."""

from __future__ import annotations

import math
import re

import pytest

import shapecalc

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402  (only where there is torch)
from torch.nn import functional as F  # noqa: E402, N812
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def modules_of(source):
    """The classes of a source, the last of which is the network."""
    names = {}
    exec(compile(source, "<source>", "exec"), names)
    return [one for one in names.values() if isinstance(one, type) and one.__module__ == "builtins"]


def outputs_of(module, examples):
    with torch.no_grad():
        found = module(*examples)
    return [found] if isinstance(found, torch.Tensor) else torch.utils._pytree.tree_leaves(found)


def assert_the_same(module, *examples, text=""):
    """Check that the source of a module has its parameters, in order, and with these computes the same."""
    module = module.eval()
    source = shapecalc.from_torch(module, *examples).convert("pytorch")
    assert text in source
    written = modules_of(source)[-1]().eval()
    own, others = [*written.parameters()], [*module.parameters()]
    assert [one.numel() for one in own] == [one.numel() for one in others]
    with torch.no_grad():
        for one, other in zip(own, others, strict=True):
            one.copy_(other.reshape(one.shape))
    expected, found = outputs_of(module, examples), outputs_of(written, examples)
    assert [one.shape for one in found] == [one.shape for one in expected]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    return source


class Unrolled(nn.Module):
    """A cell, called first without a state, and then with one."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell(8, 8)
        self.fc = nn.Linear(8, 8)

    def forward(self, x):
        state = None
        for _ in range(3):
            state = self.cell(x, state)
            x = self.fc(state[0] if isinstance(state, tuple) else state)
        return x


@pytest.mark.parametrize("cell", [nn.GRUCell, nn.LSTMCell, nn.RNNCell])
def test_a_cell_without_a_state_and_then_with_one_is_one_module(cell):
    source = assert_the_same(Unrolled(cell), torch.randn(2, 8))
    assert source.count(f"nn.{cell.__name__}(") == 1


class Twice(nn.Module):
    """A recurrent layer on its own output, with the state after it."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer(8, 8, batch_first=True)

    def forward(self, x):
        y, state = self.layer(self.layer(x)[0])
        return self.layer(y, state)[0]


@pytest.mark.parametrize("layer", [nn.GRU, nn.LSTM, nn.RNN])
def test_a_recurrent_layer_with_and_without_states_is_one_module(layer):
    source = assert_the_same(Twice(layer), torch.randn(2, 5, 8))
    assert source.count(f"Stateful{layer.__name__}(8") == 1
    assert f"nn.{layer.__name__}(8" not in source


def test_weights_of_another_kind_of_layer_are_refused_by_the_layer():
    layers = [{"layer_norm": {"bias": False}, "name": "norm"}, {"rms_norm": {}, "share": "norm", "name": "other"}]
    with pytest.raises(shapecalc.UsageError) as found:
        shapecalc.load({"input": "4x8", "layers": layers}).convert("pytorch")
    assert re.search(r"other \(rms_norm\) cannot be written for PyTorch: weights of another kind of layer", str(found))


class Attention(nn.Module):
    """Attention by hand, with the scale as people write it."""

    def __init__(self, scaled):
        super().__init__()
        self.qkv, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.scaled = scaled

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, 4, 4)).permute(2, 0, 3, 1, 4)
        scores = self.scaled(q, k.transpose(-2, -1))
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


@pytest.mark.parametrize(("scaled", "text"), [
    (lambda q, k: q @ k / math.sqrt(4), " * 0.5  # 4×5×5\n"),
    (lambda q, k: (q @ k) * 4**-0.5, " * 0.5  # 4×5×5\n"),
    (lambda q, k: (q / 2) @ k, " * 0.5  # 4×5×4\n"),
    (lambda q, k: 1 - q @ k, "1 - "),
    (lambda q, k: q @ k - 3, " + -3  # "),
    (lambda q, k: 3 / (5 + (q @ k) ** 2), " * 3  # "),
    (lambda q, k: (q @ k).clamp(min=0.1), ".clamp(min=0.1)"),
    (lambda q, k: (q @ k).clamp(max=0.1), ".clamp(max=0.1)"),
])  # fmt: skip
def test_the_scale_of_scores_is_written(scaled, text):
    assert_the_same(Attention(scaled), torch.randn(2, 5, 16), text=text)


def test_a_number_that_is_not_known_is_noted():
    module = Attention(lambda q, k: q @ k * module.factor)
    module.register_buffer("factor", torch.tensor(0.5))
    source = shapecalc.from_torch(module, torch.randn(2, 5, 16)).convert("pytorch")
    assert "        # mul: with a number that is not known\n" in source


class Numbers(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return (1 - self.fc(x) * 0.25).clamp(min=0.5).clamp(max=0.75) + 2


def test_numbers_stay_in_every_format():
    network = shapecalc.from_torch(Numbers(), torch.zeros(2, 4))
    again = shapecalc.load(network.convert("yaml"))
    assert [row.node.layer.values().get("other") for row in again.infer().rows] == [None, 0.25, 1, 0.5, 0.75, 2]
    keras = network.convert("keras")
    for text in (" * 0.25", "1 - ", "ops.maximum(", "ops.minimum(", " + 2"):
        assert text in keras


def test_numbers_stay_in_onnx():
    onnxruntime = pytest.importorskip("onnxruntime")
    found = shapecalc.from_torch(Numbers(), torch.zeros(2, 4)).convert("onnx")
    session = onnxruntime.InferenceSession(found)
    (name,) = [one.name for one in session.get_inputs()]
    (y,) = session.run(None, {name: torch.randn(1, 4).numpy()})
    assert y.tolist() == [[2.75] * 4]  # the weights of the file are alike, and 1 − 0 is above the bounds


class Compared(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.compare = nn.Bilinear(5, 6, 4, **options)

    def forward(self, x, y):
        return self.compare(x, y).relu()


@pytest.mark.parametrize("sizes", [(), (3,)])
def test_a_bilinear_form(sizes):
    examples = torch.randn(2, *sizes, 5), torch.randn(2, *sizes, 6)
    assert_the_same(Compared(), *examples, text="nn.Bilinear(5, 6, 4)")
    assert_the_same(Compared(bias=False), *examples, text="nn.Bilinear(5, 6, 4, bias=False)")
    weight = Compared().compare.weight
    with FlopCounterMode(display=False) as counter:
        torch.einsum("bi,oij,bj->bo", examples[0].flatten(0, -2), weight, examples[1].flatten(0, -2))
    network = shapecalc.from_torch(Compared(), *examples)
    assert network.infer().total.macs * 2 == counter.get_total_flops() // 2  # of two samples
    assert [row.kind for row in network.infer().rows] == ["bilinear", "relu"]


class Positions(nn.Module):
    """A block whose layers depend on no input."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(7, 8)

    def forward(self):
        return self.table(torch.zeros(7, dtype=torch.long))


class Placed(nn.Module):
    def __init__(self):
        super().__init__()
        self.positions, self.fc = Positions(), nn.Linear(8, 4)

    def forward(self, x):
        return self.fc(x + self.positions())


class Adapted(nn.Module):
    """LoRA, merged in `forward`; the input is a vector."""

    def __init__(self):
        super().__init__()
        self.b, self.a = nn.Parameter(torch.randn(16, 4)), nn.Parameter(torch.randn(4, 12))

    def forward(self, x):
        return F.linear(x, self.b @ self.a * 0.5)


class Timed(nn.Module):
    """One number for each sample, as the time of a diffusion."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(1, 4)

    def forward(self, t):
        return self.fc(t[:, None])


@pytest.mark.parametrize(("module", "sizes"), [(Placed(), (7, 8)), (Adapted(), (12,)), (Timed(), ())])
def test_blocks_without_inputs_vectors_and_scalars(module, sizes):
    assert_the_same(module, torch.randn(2, *sizes))


class Pooled(nn.Module):
    """The token at a position of each sample, as of CLIP's text, and sums so far, as of RoBERTa's positions."""

    def forward(self, x):
        return x[torch.arange(x.shape[0]), x.sum(-1).argmax(1)] + x.mean(1).cumsum(1)


def test_a_position_of_each_sample_and_sums_so_far():
    assert_the_same(Pooled(), torch.randn(3, 5, 4), text=".cumsum(1)")
