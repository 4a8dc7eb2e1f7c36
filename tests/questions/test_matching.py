"""Modules of PyTorch against specifications, layer by layer: `shapecalc.testing.assert_matches`.

Models of torchvision are those of the bundled specifications; mutants of them, and of small modules, are found with the
module and the line. Nothing is computed: the large ones are on the meta device.
"""

from __future__ import annotations

import re

import pytest
from searching import some

import shapecalc
from shapecalc.errors import UsageError
from shapecalc.questions.matching import match
from shapecalc.testing import assert_matches

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402  (only where there is torch)
from torch.nn import functional as F  # noqa: E402, N812

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

SPEC = """\
name: small
input: 3x32x32
layers:
  - conv: {out_channels: 16, kernel_size: 3, padding: 1}
    name: first
  - batch_norm
  - relu
  - max_pool: 2
  - conv: {out_channels: 32, kernel_size: 3, padding: 1}
    name: wide
  - relu
  - conv: {out_channels: 32, kernel_size: 3, padding: 1}
    name: deep
  - add: [deep, wide]
  - max_pool: 2
  - flatten
  - fc: 10
"""


class Small(nn.Module):
    """The module of the specification, and its mutants."""

    def __init__(self, *, channels=16, kernel=3, padding=1, stride=1, pool=2, mode=F.max_pool2d, bias=True, dilation=1, last=10, skip=True,
                 norm=nn.BatchNorm2d, deep=True, more=False, swapped=False, tied=False):  # fmt: skip
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels, 3, padding=1), norm(channels) if norm else nn.Identity(), nn.ReLU(), nn.Dropout()
        )
        self.pool, self.mode, self.skip, self.swapped = pool, mode, skip, swapped
        self.wide = nn.Conv2d(channels, 32, kernel, stride, padding, bias=bias)
        self.deep = nn.Conv2d(32, 32, 3, padding=dilation, dilation=dilation) if deep else nn.Identity()
        self.more = nn.Conv2d(32, 32, 3, padding=1) if more else nn.Identity()
        self.more = self.deep if tied else self.more
        side = (32 - pool) // 2 + 1
        side = ((side + 2 * padding - kernel) // stride + 1) // 2
        self.head = nn.Linear(32 * side**2, last)

    def forward(self, x):
        x = self.wide(self.mode(self.stem(x), self.pool, 2))
        y = self.more(self.deep(x.relu()))
        y = self.wide(y) if self.swapped else y
        return self.head(F.max_pool2d(y + x if self.skip else y, 2).flatten(1))


# Each mutant: the lines of the headings and facts that must be there, and how many layers differ by themselves.
MUTANTS = {
    "one channel": ({"channels": 17}, ["stem.0 (conv), in the specification first (conv) (<text>:4:5)", "out_channels 17 16"], 1),
    "one channel at the end": ({"last": 11}, ["head (linear), in the specification fc1 (fc) (<text>:17:5)", "out_features 11 10"], 1),
    "a kernel": ({"kernel": 5, "padding": 2}, ["wide (conv), in the specification wide (conv) (<text>:9:5)", "kernel_size 5×5 3×3"], 1),
    "a stride": ({"stride": 2}, ["wide (conv), in the specification wide (conv) (<text>:9:5)", "stride 2×2 1×1", "output 32×8×8 32×16×16"], 1),
    "padding": ({"padding": 0}, ["wide (conv), in the specification wide (conv) (<text>:9:5)", "padding 0×0 1×1"], 1),
    "a dilation": ({"dilation": 2}, ["deep (conv), in the specification deep (conv) (<text>:12:5)", "dilation 2×2 1×1"], 1),
    "no bias": ({"bias": False}, ["wide (conv), in the specification wide (conv) (<text>:9:5)", "bias none 32"], 1),
    "a pool": ({"pool": 3}, ["max_pool2d (max_pool), in the specification max_pool1 (max_pool) (<text>:8:5)", "kernel_size 3×3 2×2"], 1),
    "another pool": ({"mode": F.avg_pool2d}, ["avg_pool2d (avg_pool), in the specification max_pool1 (max_pool) (<text>:8:5)", "kind avg_pool max_pool"], 1),
    "no skip connection": ({"skip": False}, ["missing in the model: add1 (add) (<text>:14:5)", "computed of – also wide"], 1),
    "no layer": ({"deep": False}, ["missing in the model: deep (conv) (<text>:12:5)", "weight 32×32×3×3, bias 32; output 32×16×16"], 1),
    "no normalisation": ({"norm": None}, ["missing in the model: batch_norm1 (batch_norm) (<text>:6:5)"], 1),
    "another normalisation": ({"norm": lambda n: nn.GroupNorm(4, n)}, ["stem.1 (group_norm), in the specification batch_norm1 (batch_norm) (<text>:6:5)"], 1),
    "one layer more": ({"more": True}, ["not in the specification: more (conv)", "weight 32×32×3×3, bias 32; output 32×16×16"], 1),
    "a layer twice": ({"tied": True}, ["not in the specification: more (conv)"], 1),
}  # fmt: skip


def difference(*words, **options):
    with pytest.raises(AssertionError) as caught:
        assert_matches(*words, **options)
    return str(caught.value)


def test_a_module_that_matches():
    assert_matches(Small(), SPEC)
    assert_matches(Small(), SPEC, torch.zeros(1, 3, 32, 32))
    assert_matches(Small(), shapecalc.load(SPEC), "3x32x32")
    assert_matches(shapecalc.from_torch(Small(), "3x32x32"), SPEC)


@pytest.mark.parametrize("name", MUTANTS)
def test_mutants(name):
    options, expected, count = MUTANTS[name]
    text = difference(Small(**options), SPEC)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == f"Small is not small: {count} difference{'s' * (count > 1)}"
    assert [line for line in expected if line not in lines] == [], text
    cited = int(re.search(r"<text>:(\d+)", expected[0])[1]) if "<text>" in expected[0] else 0
    assert not cited or f"   {cited:>2} │ {SPEC.splitlines()[cited - 1]}" in text


WHOLE = """\
Small is not small: 1 difference

stem.0 (conv), in the specification first (conv) (<text>:4:5)
    4 │   - conv: {out_channels: 16, kernel_size: 3, padding: 1}
      │     ^^^^
                 model    specification
   out_channels  8        16
   weight        8×3×3×3  16×3×3×3
   bias          8        16
   output        8×32×32  16×32×32

2 layers with weights agree, 2 more differ only because of these
params: 34,858 → 32,314 (−2,544, −7.3 %) in the model"""


def test_the_whole_text():
    assert difference(Small(channels=8), SPEC) == WHOLE


@pytest.mark.parametrize(
    ("padding", "module", "expected"),
    [
        ("same", nn.Conv2d(4, 8, 3, padding=1, groups=2), ["groups"]),
        ("same", nn.Conv2d(4, 8, 5, padding=2), ["kernel_size"]),
        ("same", nn.Conv2d(4, 8, 3, 2, padding=1), ["stride", "output"]),
        ("same", nn.Conv2d(4, 8, 3, padding=0), ["padding", "output"]),
        ("same", nn.Conv2d(4, 8, 5, padding=1), ["kernel_size", "padding", "output"]),
        ("valid", nn.Conv2d(4, 8, 3, groups=2), ["groups"]),
        ("valid", nn.Conv2d(4, 8, 3, padding=1, groups=2), ["padding", "groups", "output"]),
        (1, nn.Conv2d(4, 8, 3, padding="same", groups=2), ["groups"]),
        (0, nn.Conv2d(4, 8, 3, padding="same", groups=2), ["padding", "groups", "output"]),
    ],
)
def test_a_word_for_padding_differs_where_its_effect_does(padding, module, expected):
    spec = f"input: 4x8x8\nlayers:\n  - conv: {{out_channels: 8, kernel_size: 3, padding: {padding}}}\n"
    lines = difference(nn.Sequential(module), spec).splitlines()
    found = [line.split()[0] for line in lines if re.match(r"   [a-z]", line)]
    assert [name for name in found if name not in ("weight", "model")] == expected


def test_layers_in_another_order():
    spec = "input: 3x8x8\nlayers:\n  - conv: {out_channels: 3, kernel_size: 3, padding: 1}\n  - conv: {out_channels: 3, kernel_size: 1}\n"
    one, other = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 1)
    assert_matches(nn.Sequential(one, other), spec)
    assert "(<text>:3:5)" in difference(nn.Sequential(other, one), spec)


BRANCHES = """
input: 8x4x4
layers:
  - {identity: {}, name: x}
  - {conv: {out_channels: 4, kernel_size: 1}, name: a, from: x}
  - {conv: {out_channels: 4, kernel_size: 3, padding: 1}, name: a2}
  - {conv: {out_channels: 4, kernel_size: 1}, name: b, from: x}
  - {conv: {out_channels: 4, kernel_size: 5, padding: 2}, name: b2}
  - concat: [a2, b2]
  - {conv: {out_channels: 2, kernel_size: 1}, name: last}
"""


class Branches(nn.Module):
    def __init__(self, order, kernel=5, last=2):
        super().__init__()
        self.order, self.last = order, nn.Conv2d(8, last, 1)
        self.a, self.a2 = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 4, 3, padding=1)
        self.b, self.b2 = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 4, kernel, padding=kernel // 2)

    def forward(self, x):
        found = {name: getattr(self, f"{name}2")(getattr(self, name)(x)) for name in self.order}
        return self.last(torch.cat([found["a"], found["b"]], 1))


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_parallel_branches_may_be_in_another_order(order):
    assert_matches(Branches(order), BRANCHES)
    text = difference(Branches(order, last=3), BRANCHES)
    assert (
        text.startswith("Branches is not the network: 1 difference\n\nlast (conv), in the specification last (conv)")
        or order == "ba"
    )
    assert "last (conv), in the specification last (conv)" in text
    text = difference(Branches(order, kernel=7), BRANCHES)
    assert text.startswith("Branches is not the network: 1 difference\n\nb2 (conv), in the specification b2 (conv)")


def test_operands_may_be_in_another_order():
    class Sum(Branches):
        def forward(self, x):
            b = self.b2(self.b(x))
            return b + self.a2(self.a(x))

    head, _, _ = BRANCHES.replace("concat", "add").partition("  - {conv: {out_channels: 2")
    assert_matches(Sum("ba"), head, allow_unused=True)
    assert "b2 (conv), in the specification b2 (conv)" in difference(Sum("ba", kernel=7), head, allow_unused=True)


class Tied(nn.Module):
    def __init__(self, *, tied):
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = self.a if tied else nn.Linear(4, 4)

    def forward(self, x):
        return self.b(self.a(x))


def test_shared_parameters():
    spec = "input: 4\nlayers: [{fc: 4}, {fc: 4}]\n"
    assert_matches(Tied(tied=False), spec)
    text = difference(Tied(tied=True), spec)
    assert "parameters" in text
    assert "shares those of a" in text


def test_attention_in_one_layer_or_in_its_projections():
    spec = "input: 5x8\nlayers: [{multi_head_attention: {num_heads: 2}}]\n"

    class Own(nn.Module):
        def __init__(self, heads=2, out=8):
            super().__init__()
            self.heads, self.qkv, self.out = heads, nn.Linear(8, 24), nn.Linear(8, out)

        def forward(self, x):
            q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
            return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))

    class Library(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x):
            return self.attention(x, x, x)[0]

    assert_matches(Own(), spec, torch.zeros(1, 5, 8))
    assert_matches(Library(), spec, torch.zeros(1, 5, 8))
    assert "out" in difference(Own(out=9), spec, torch.zeros(1, 5, 8))


def test_input_sizes_that_differ():
    text = difference(
        nn.Conv2d(3, 4, 3), "input: 3x8x8\nlayers: [{conv: {out_channels: 4, kernel_size: 3}}]\n", "3x9x9"
    )
    assert "input 3×9×9 3×8×8" in " ".join(text.split())
    assert_matches(
        nn.Conv2d(3, 4, 3),
        "input: 3x8x8\nlayers: [{conv: {out_channels: 4, kernel_size: 3}}]\n",
        "3x9x9",
        input="3x9x9",
    )


def test_outputs_that_differ():
    spec = "input: 3x8x8\nlayers: [{conv: {out_channels: 4, kernel_size: 3}}, {global_avg_pool: {}}]\n"
    assert_matches(nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), spec)
    assert "output  4×6×6  4" in difference(nn.Conv2d(3, 4, 3), spec)


class TwoOutputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 4)

    def forward(self, x):
        y = self.a(x)
        return y, y + x


def test_outputs_of_another_number():
    text = difference(TwoOutputs(), "input: 4\nlayers: [{fc: 4}]\n")
    assert text.startswith(
        "TwoOutputs is not the network: 1 difference\n\n           model  specification\n   output  4, 4   4\n"
    )
    assert_matches(TwoOutputs(), "input: 4\nlayers:\n  - {fc: 4, name: a}\n  - add: [a, input]\noutputs: [a, add1]\n")


def test_variables_variants_and_layouts():
    spec = "input: 8x8x3\nlayout: hwc\nvars: {width: 4}\nlayers: [{conv: {out_channels: width, kernel_size: 3}}]\nvariants: {wide: {vars: {width: 6}}, narrow: {}}\n"
    assert_matches(nn.Conv2d(3, 6, 3), spec, variant="wide")
    assert_matches(nn.Conv2d(3, 4, 3), spec, variant="narrow")
    assert_matches(nn.Conv2d(3, 5, 3), spec, vars={"width": 5}, variant="narrow")


def test_parameters_that_a_module_does_not_use():
    class Unused(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.aux = nn.Linear(4, 4), nn.Linear(4, 9)

        def forward(self, x):
            return self.used(x)

    text = difference(Unused(), "input: 4\nlayers: [{fc: 4}]\n")
    assert text.startswith(
        "Unused is not the network: 1 difference\n\nnot used by the model, and not counted: 45 parameters\n   aux.weight 9×4\n"
    )
    assert_matches(Unused(), "input: 4\nlayers: [{fc: 4}]\n", allow_unused=True)
    assert "note: " in difference(Unused(), "input: 4\nlayers: [{fc: 5}]\n", allow_unused=True)


def test_wrong_words():
    with pytest.raises(UsageError):
        assert_matches("resnet18", "resnet18")
    with pytest.raises(UsageError, match="no file nosuch"):
        assert_matches(Small(), "nosuch")
    with pytest.raises(shapecalc.ShapeError):
        assert_matches(Small(), "input: 3x2x2\nlayers: [{conv: {out_channels: 1, kernel_size: 5}}]\n")


def test_pytest_shows_the_line_of_the_test():
    with pytest.raises(AssertionError) as caught:
        assert_matches(nn.Linear(4, 5), "input: 4\nlayers: [{fc: 6}]\n")
    assert [entry.frame.f_locals.get("__tracebackhide__") for entry in caught.traceback][1:] == [True]


PLAIN = """\
name: plain
input: 3x16x16
layers:
  - conv: {out_channels: 8, kernel_size: 3, padding: 1}
  - relu
  - max_pool: 2
  - batch_norm: {eps: 0.001}
  - leaky_relu: {negative_slope: 0.2}
  - dropout: 0.5
  - conv: {out_channels: 8, kernel_size: 3, padding: 1, groups: 2}
  - flatten
  - linear: 10
  - softmax
"""


def plain(*edits):
    """The module of that specification, without its softmax, with edits of the list of its layers."""
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(8, eps=0.001), nn.LeakyReLU(0.2), nn.Dropout(0.5),
              nn.Conv2d(8, 8, 3, padding=1, groups=2), nn.Flatten(), nn.Linear(512, 10)]  # fmt: skip
    for edit in edits:
        edit(layers)
    return nn.Sequential(*layers)


def put(index, layer):
    return lambda layers: layers.__setitem__(index, layer)


def add(index, layer):
    return lambda layers: layers.insert(index, layer)


def drop(index):
    return lambda layers: layers.pop(index)


def swap(one, other):
    def edit(layers):
        layers[one], layers[other] = layers[other], layers[one]

    return edit


# Each mutant of that: how many differences it has, and lines that must be there.
FUNCTIONS = {
    "another activation": (put(1, nn.GELU()), 1, ["1 (gelu), in the specification relu1 (relu) (<text>:5:5)", "kind gelu relu"]),
    "another slope": (put(4, nn.LeakyReLU(0.1)), 1, ["4 (leaky_relu), in the specification leaky_relu1 (leaky_relu) (<text>:8:5)", "negative_slope 0.1 0.2"]),
    "no activation": (drop(1), 1, ["missing in the model: relu1 (relu) (<text>:5:5)"]),
    "one activation more": (add(9, nn.ReLU()), 1, ["not in the specification: 9 (relu)"]),
    "a softmax in the module": (add(9, nn.Softmax(1)), 0, []),
    "another fraction": (put(5, nn.Dropout(0.1)), 1, ["5 (dropout), in the specification dropout1 (dropout) (<text>:9:5)", "p 0.1 0.5"]),
    "no dropout": (drop(5), 1, ["missing in the model: dropout1 (dropout) (<text>:9:5)"]),
    "one dropout more": (add(8, nn.Dropout()), 1, ["not in the specification: 8 (dropout)"]),
    "another order": (swap(1, 2), 1, ["order max_pool, relu relu, max_pool"]),
    "an order around a layer": (swap(3, 4), 2, ["not in the specification: 3 (leaky_relu)", "missing in the model: leaky_relu1 (leaky_relu) (<text>:8:5)"]),
    "another pool": (put(2, nn.MaxPool2d(3, 2, 1)), 1, ["kernel_size 3×3 2×2"]),
    "no pool": (drop(2), 1, ["missing in the model: max_pool1 (max_pool) (<text>:6:5)"]),
    "one pool more": (add(7, nn.MaxPool2d(3, 1, 1)), 0, []),
    "one more that halves": (add(7, nn.MaxPool2d(2)), 1, ["not in the specification: 7 (max_pool)"]),
    "rounding up": (put(2, nn.MaxPool2d(3, 2, ceil_mode=True)), 1, ["kernel_size 3×3 2×2"]),
    "groups": (put(6, nn.Conv2d(8, 8, 3, padding=1, groups=4)), 1, ["groups 4 2"]),
    "eps": (put(3, nn.BatchNorm2d(8)), 1, ["3 (batch_norm), in the specification batch_norm1 (batch_norm) (<text>:7:5)", "eps 1e-05 0.001"]),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_layers_without_weights(name):
    edit, count, expected = FUNCTIONS[name]
    module = plain(edit)
    if name in ("no pool", "one more that halves"):
        side = 16 if name == "no pool" else 4
        module[-1] = nn.Linear(8 * side**2, 10)
    if not count:
        assert_matches(module, PLAIN)
        return
    text = difference(module, PLAIN)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == f"Sequential is not plain: {count} difference{'s' * (count > 1)}"
    assert [line for line in expected if line not in lines] == [], text


def test_dropout_is_not_compared_with_a_specification_without_any():
    assert_matches(plain(), PLAIN.replace("  - dropout: 0.5\n", ""))


def test_merges():
    class Product(nn.Module):
        def forward(self, x):
            return x * x.relu()

    spec = "input: 4\nlayers:\n  - {relu: {}, name: a}\n  - add: [a, input]\n"
    assert "kind  mul    add" in difference(Product(), spec)
    assert_matches(Product(), spec.replace("add", "mul"))


# ---- attention: its heads, and the layers beside it ------------------------------------------------------------------

ENCODER = """\
name: encoder
input: 6x16
layers:
  - {identity: {}, name: x}
  - multi_head_attention: {num_heads: 4}
    name: attention
  - add: [attention, x]
    name: y
  - linear: 32
    name: wide
  - gelu
  - linear: 16
    name: narrow
  - add: [narrow, y]
"""


class Encoder(nn.Module):
    """The module of the specification, with attention that is computed in one of three ways, and its mutants."""

    def __init__(self, how, *, heads=4, kept=0, wide=32, bias=True, causal=False):
        super().__init__()
        self.how, self.heads, self.kept, self.causal = how, heads, kept or heads, causal
        if how == "library":
            self.attention = nn.MultiheadAttention(16, heads, batch_first=True)
        else:
            self.q, self.out = nn.Linear(16, 16, bias=bias), nn.Linear(16, 16)
            self.k, self.v = (nn.Linear(16, self.kept * 16 // heads) for _ in "kv")
        self.wide, self.narrow = nn.Linear(16, wide), nn.Linear(wide, 16)

    def forward(self, x):
        y = x + self.attend(x)
        return y + self.narrow(F.gelu(self.wide(y)))

    def attend(self, x):
        if self.how == "library":
            return self.attention(x, x, x, need_weights=False)[0]
        q, k, v = (layer(x).unflatten(-1, (heads, -1)).transpose(1, 2)
                   for layer, heads in ((self.q, self.heads), (self.k, self.kept), (self.v, self.kept)))  # fmt: skip
        if self.how == "by hand":
            found = (q @ k.transpose(-2, -1) * 0.5).softmax(-1) @ v
        else:
            found = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal, enable_gqa=self.kept != self.heads)
        return self.out(found.transpose(1, 2).flatten(2))


@pytest.mark.parametrize("how", ["library", "fused", "by hand"])
def test_heads(how):
    assert_matches(Encoder(how), ENCODER)
    names = "attention.linear, attention.linear_2" if how == "library" else "q, k, v, out"
    heading = f"{names} (attention), in the specification attention (multi_head_attention) (<text>:5:5)"
    text = difference(Encoder(how, heads=8), ENCODER)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == "Encoder is not encoder: 1 difference"
    assert heading in lines
    assert "heads 8 4" in lines
    text = difference(Encoder(how, heads=2, wide=24), ENCODER)  # beside another layer that differs
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == "Encoder is not encoder: 2 differences"
    assert {"heads 2 4", "out_features 24 32", "wide (linear), in the specification wide (linear) (<text>:9:5)"} <= {
        *lines
    }
    assert difference(Encoder(how, wide=24), ENCODER).startswith(
        "Encoder is not encoder: 1 difference\n\nwide (linear)"
    )


def test_heads_of_keys_and_values():
    text = difference(Encoder("fused", kept=2), ENCODER)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == "Encoder is not encoder: 1 difference"
    assert "heads of keys and values 2 4" in lines
    assert "parameters 816 1,088" in lines
    assert "q 16×16 + 16, k 8×16 + 8, v 8×16 + 8, out 16×16 + 16" in text
    assert_matches(Encoder("fused", kept=2), ENCODER.replace("num_heads: 4", "num_heads: 4, num_kv_heads: 2"))


def test_other_attention():
    lines = [" ".join(line.split()) for line in difference(Encoder("fused", causal=True), ENCODER).splitlines()]
    assert "causal mask true false" in lines
    text = difference(Encoder("fused", bias=False), ENCODER)
    assert text.startswith("Encoder is not encoder: 1 difference\n\nq, k, v, out (attention), in the specification")


def test_heads_where_both_have_projections():
    spec = """\
input: 6x16
layers:
  - {identity: {}, name: x}
  - {linear: 16, name: q}
  - {unflatten: {dim: 2, unflattened_size: [4, 4]}}
  - {permute: [2, 1, 3], name: qs}
  - {linear: 16, name: k, from: x}
  - {unflatten: {dim: 2, unflattened_size: [4, 4]}}
  - {permute: [2, 1, 3], name: ks}
  - {linear: 16, name: v, from: x}
  - {unflatten: {dim: 2, unflattened_size: [4, 4]}}
  - {permute: [2, 1, 3], name: vs}
  - {scaled_dot_product_attention: {}, from: [qs, ks, vs], name: core}
  - {permute: [2, 1, 3]}
  - {flatten: {start_dim: 2}}
  - {linear: 16, name: out}
"""

    class Alone(Encoder):
        def forward(self, x):
            return self.attend(x)

    for how in ("fused", "by hand"):
        module, other = Alone(how), Alone(how, heads=2)
        for one in (module, other):
            del one.wide, one.narrow
        assert_matches(module, spec)
        lines = [" ".join(line.split()) for line in difference(other, spec).splitlines()]
        assert "heads 2 4" in lines


# ---- models of torchvision against the bundled specifications --------------------------------------------------------

BUNDLED = {
    "alexnet": "alexnet_torchvision", **{name: name for name in (
        "convnext_tiny", "googlenet", "mobilenet_v2", "mobilenet_v3_small", "regnet_y_400mf", "resnet18", "shufflenet_v2_x1_0",
        "squeezenet1_0", "swin_t", "vgg11", "vit_b_16")},
}  # fmt: skip


def built(name):
    """A model of torchvision on the meta device; one that reads values of tensors while it is made is moved there."""
    from vision_models import models

    options = {"init_weights": False} if name == "googlenet" else {}
    with torch.device("cpu" if name.startswith("regnet") else "meta"):
        return getattr(models, name)(weights=None, **options).eval().to("meta")


@pytest.mark.slow  # up to two seconds each: torch.export
@pytest.mark.parametrize("name", some(list(BUNDLED), 6))
def test_models_of_torchvision(name):
    model = built(name)
    if name == "googlenet":  # the paper's; auxiliary classifiers are of training alone
        model.dropout.p = 0.4
    assert_matches(model, BUNDLED[name], allow_unused=name == "googlenet")


def replaced(path, **arguments):
    """Return a mutation: a convolution or pool of the module, with other arguments."""

    def mutate(model):
        parent, _, name = path.rpartition(".")
        old = model.get_submodule(path)
        kept = {key: getattr(old, key) for key in ("in_channels", "out_channels", "kernel_size", "stride", "padding", "groups", "bias", "in_features",
                                                    "out_features") if hasattr(old, key)}  # fmt: skip
        kept |= {"bias": old.bias is not None} if hasattr(old, "bias") else {}
        setattr(model.get_submodule(parent), name, type(old)(**kept | arguments).to("meta"))

    return mutate


def removed(path):
    def mutate(model):
        parent, _, name = path.rpartition(".")
        setattr(model.get_submodule(parent), name, nn.Identity())

    return mutate


def without_skip(path):
    def mutate(model):
        block = model.get_submodule(path)

        class Plain(type(block)):
            def forward(self, x):
                return self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))

        block.__class__ = Plain

    return mutate


OF_MODELS = [
    ("resnet18", replaced("layer3.1.conv1", kernel_size=5, padding=2), "layer3.1.conv1 (conv), in the specification layer3.1.conv1 (conv) (resnet.yaml:32:"),
    ("resnet18", replaced("layer3.1.conv2", dilation=2, padding=2), "layer3.1.conv2 (conv), in the specification layer3.1.conv2 (conv) (resnet.yaml:39:"),
    ("resnet18", replaced("maxpool", stride=1), "maxpool (max_pool), in the specification max_pool1 (max_pool) (resnet.yaml:103:"),
    ("resnet18", replaced("maxpool", kernel_size=2, padding=0), "maxpool (max_pool), in the specification max_pool1 (max_pool) (resnet.yaml:103:"),
    ("resnet18", without_skip("layer2.1"), "missing in the model: layer2.1.add1 (add) (resnet.yaml:"),
    ("resnet18", without_skip("layer4.1"), "missing in the model: layer4.1.add1 (add) (resnet.yaml:"),
    ("resnet18", removed("layer2.0.bn2"), "missing in the model: layer2.0.batch_norm2 (batch_norm) (resnet.yaml:"),
    ("resnet18", replaced("fc", out_features=999), "fc (linear), in the specification fc (fc) (resnet.yaml:"),
    ("mobilenet_v2", replaced("features.4.conv.1.0", stride=1), "features.4.conv.1.0 (conv), in the specification stage3.0.depthwise.conv1 (conv) (mobilenet_v2.yaml:"),
    ("vgg11", replaced("features.6", bias=False), "features.6 (conv), in the specification conv3_1.conv (conv) (vgg.yaml:15:"),
    ("vgg11", removed("features.8"), "missing in the model: conv3_2.conv (conv) (vgg.yaml:15:"),
]  # fmt: skip


@pytest.mark.slow  # as above
@pytest.mark.parametrize(("name", "mutate", "heading"), some(OF_MODELS, 4))
def test_mutants_of_torchvision(name, mutate, heading):
    model = built(name)
    mutate(model)
    network = shapecalc.from_torch(model, "3x224x224")
    found = match(network.infer(), shapecalc.load(BUNDLED[name]).infer())
    assert len(found.layers) == 1
    assert not found.ends
    assert [line for line in difference(network, BUNDLED[name]).splitlines() if line.startswith(heading)]
