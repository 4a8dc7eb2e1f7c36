"""Feature maps, whose channels Keras has last, and sequences, heads and vectors, whose axes stay: where the two meet."""

from __future__ import annotations

import pytest
from test_keras_source_live import IS_REQUIRED, keras, made  # noqa: F401  (a fixture)

import shapecalc

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402  (only where there is torch)

pytestmark = pytest.mark.filterwarnings("ignore")


class Tokens(nn.Module):
    """A vision transformer's class token before the patches."""

    def __init__(self):
        super().__init__()
        self.patches, self.cls = nn.Conv2d(3, 12, 4, 4), nn.Parameter(torch.zeros(1, 1, 12))

    def forward(self, x):
        y = self.patches(x).flatten(2).transpose(1, 2)
        return torch.cat((self.cls.expand(x.shape[0], -1, -1), y), 1)


class Squeezed(nn.Module):
    """Squeeze and excitation, with a scale that is expanded."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 3)

    def forward(self, x):
        y = self.fc(x.mean((2, 3))).view(-1, 3, 1, 1)
        return x * y.expand_as(x)


class NonLocal(nn.Module):
    """Attention by products of maps, of Wang et al. 2018."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1), nn.Conv2d(3, 3, 1)

    def forward(self, x):
        a = torch.bmm(self.q(x).flatten(2).permute(0, 2, 1), self.k(x).flatten(2)).softmax(-1)
        return torch.bmm(self.v(x).flatten(2), a.permute(0, 2, 1)).view(x.shape) + x


class OneAxis(nn.Module):
    """The same of one spatial axis, with the maximum of each channel beside it: PointNet."""

    def __init__(self):
        super().__init__()
        self.c = nn.Conv1d(8, 5, 1)

    def forward(self, x):
        a = self.c(x)
        return torch.cat([a, a.max(2)[0][:, :, None].repeat(1, 1, 16)], 1)


class Grouped(nn.Module):
    """Keys that are repeated for several heads, with a mask of heads."""

    def __init__(self):
        super().__init__()
        self.q, self.k = nn.Linear(16, 24), nn.Linear(16, 12)

    def forward(self, x):
        q, k = self.q(x).view(1, 8, 4, 6).transpose(1, 2), self.k(x).view(1, 8, 2, 6).transpose(1, 2)
        k = k[:, :, None].expand(1, 2, 2, 8, 6).reshape(1, 4, 8, 6)
        return (q @ k.transpose(-1, -2)).softmax(-1)


class Windows(nn.Module):
    """A linear layer on the positions of a map, and one on its channels after it."""

    def __init__(self):
        super().__init__()
        self.c, self.a, self.b = nn.Conv2d(3, 8, 3), nn.Linear(14, 5), nn.Conv2d(8, 2, 1)

    def forward(self, x):
        q, k = self.a(self.c(x)).chunk(2, 1)
        return self.b(torch.cat([q, k * self.c(x).mean((2, 3), keepdim=True)[:, :4]], 1))


class Crossed(nn.Module):
    """The scores of pairs, as of a graph attention network: a column and a row."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(16, 1)

    def forward(self, x):
        return self.fc(x) + self.fc(x).transpose(1, 2)


class Masked(nn.Module):
    """Attention with a mask that is added, of HF's ViT, and at positions that are constants, of Swin's biases."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(7, 4))
        self.register_buffer("positions", torch.zeros(64, dtype=torch.long), persistent=False)

    def forward(self, x):
        q = x.view(1, 8, 4, 4).transpose(1, 2)
        bias = self.table[self.positions].view(8, 8, 4).permute(2, 0, 1)
        return nn.functional.scaled_dot_product_attention(q, q, q, attn_mask=bias[None])


class GroupedAttention(nn.Module):
    """Attention over windows, of queries that share keys."""

    def forward(self, x):
        q, k = x.view(1, 2, 4, 4, 4), x.view(1, 2, 4, 4, 4)[:, :, :2]
        return nn.functional.scaled_dot_product_attention(q, k, k, enable_gqa=True)


class Picked(nn.Module):
    """The tokens at positions that are computed."""

    def forward(self, x):
        at = x.mean(-1).topk(3, dim=1).indices
        return x.gather(1, at[:, :, None].expand(-1, -1, 16)) + 1


class Pooled(nn.Module):
    """The token at a position of each sample, as of CLIP's text, and how far sums are."""

    def forward(self, x):
        at = x.sum(-1).argmax(1)
        return x[torch.arange(x.shape[0]), at] + x.mean(1).cumsum(1)


MAP, SEQUENCE = (1, 3, 16, 16), (1, 8, 16)
MODULES = {
    "class token": (Tokens, MAP), "squeeze": (Squeezed, MAP), "non-local": (NonLocal, MAP), "PointNet": (OneAxis, SEQUENCE),
    "mask": (Masked, SEQUENCE), "windows": (GroupedAttention, SEQUENCE), "picked": (Picked, SEQUENCE), "pooled": (Pooled, SEQUENCE),
    "grouped keys": (Grouped, SEQUENCE), "positions": (Windows, MAP), "pairs": (Crossed, SEQUENCE),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_it_is_written(name):
    module, size = MODULES[name]
    source = shapecalc.from_torch(module(), torch.randn(size)).convert("keras")
    assert compile(source, "<source>", "exec")


def test_tokens_of_patches_are_a_reshape_alone():
    source = shapecalc.from_torch(Tokens(), torch.randn(MAP)).convert("keras")
    assert "layers.Reshape((16, 12))" in source
    assert "Permute" not in source


def test_heads_are_no_map():
    network = shapecalc.load({"inputs": {"x": [8, 16]}, "layers": [
        {"unflatten": {"dim": 2, "unflattened_size": [4, 4]}}, "elu", {"einsum": {"equation": "nhd,nhd->nh"},
         "from": ["elu1", "unflatten1"]}]})  # fmt: skip
    assert "Permute" not in network.convert("keras")


def in_keras(tensor, path, shape):
    """A weight of PyTorch with the axes that Keras has."""
    if tensor.ndim > 2 and path.endswith("kernel"):
        return tensor.movedim((1, 0), (-2, -1))
    return tensor.T if path.endswith("kernel") else tensor.reshape(shape)


@pytest.mark.skipif(not IS_REQUIRED, reason="it needs Keras: set SHAPECALC_REQUIRE_KERAS")
@pytest.mark.parametrize("name", MODULES)
def test_it_computes_what_the_module_computes(name, keras):  # noqa: F811  (the fixture)
    module, size = MODULES[name]
    torch.manual_seed(0)
    module, x = module().eval(), torch.randn(size)
    network = shapecalc.from_torch(module, x)
    model = made(keras, network.convert("keras"), "cpu")
    words = {"weight": "kernel", "bias": "bias", "value": "value"}
    own = {}
    for key, tensor in module.named_parameters():
        layer, _, word = key.rpartition(".")
        own[f"{layer}/{words[word]}" if layer else f"{word}/value"] = tensor
    with torch.no_grad():
        for weight in model.weights:
            tensor = own[weight.path.replace("fc_linear", "fc")]
            tensor.copy_(torch.randn(tensor.shape) * 0.3)
            weight.assign(in_keras(tensor, weight.path, tuple(weight.shape)))
        due, found = module(x), model(x.movedim(1, -1) if x.ndim == 4 else x, training=False)
    report = network.infer()
    is_map = report.shape_of(*report.graph.outputs[0]).is_map
    torch.testing.assert_close(found, due.movedim(1, -1) if is_map else due, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not IS_REQUIRED, reason="it needs Keras: set SHAPECALC_REQUIRE_KERAS")
@pytest.mark.parametrize("name", ["class token", "mask"])
def test_a_saved_model_with_layers_of_its_own_loads_again(name, keras, tmp_path):  # noqa: F811  (the fixture)
    module, size = MODULES[name]
    model = made(keras, shapecalc.from_torch(module(), torch.randn(size)).convert("keras"), "cpu")
    model.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    assert [weight.shape for weight in again.weights] == [weight.shape for weight in model.weights]
    assert again.output_shape == model.output_shape
