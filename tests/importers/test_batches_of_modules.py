"""The law of the batch: the report of a module is the same for every batch of its example, and what PyTorch computes.

MACs are half of what PyTorch's FLOP counter counts for one sample, where it counts all of the module's operations.
"""

from __future__ import annotations

import io
import math

import pytest

import shapecalc

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402  (only where there is torch)
from torch.nn import functional as F  # noqa: E402, N812
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


class Calls(nn.Module):
    """A module whose `forward` is a function of it and its inputs."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *given):
        return self.function(self, *given)


def decoded(self, x, h):
    y, h = self.gru(x, h)
    return self.fc(y), h


def embedded(self, token, h, c):
    y, state = self.lstm(F.relu(self.emb(token).unsqueeze(0)), (h, c))
    return self.fc(y.squeeze(0)), *state


def bahdanau(self, x, h, encoded):
    query = h.permute(1, 0, 2)
    scores = self.V(torch.tanh(self.W(query) + self.U(encoded))).squeeze(2).unsqueeze(1)
    context = torch.bmm(F.softmax(scores, -1), encoded)
    return self.gru(torch.cat([self.emb(x).unsqueeze(1), context], 2), h)[0]


def attended(self, x):
    q, k, v = self.qkv(x).unflatten(-1, (3, 2, 8)).permute(2, 0, 3, 1, 4).unbind(0)
    return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


def stepped(self, x):
    h = torch.zeros(x.size(0), 8)
    out = torch.zeros(x.size(0), x.size(1), 3)
    for t in range(x.size(1)):
        h = self.cell(x[:, t], h)
        out[:, t] = self.fc(h)
    return out


def padded(self, x):
    y = torch.zeros(x.size(0), 4, 5)
    y[:, :, :3] = self.fc(x)
    return y, y.sum(-1)


def overwritten(self, x):
    y = torch.ones(x.size(0), 4, 5)
    y[..., 1:4] = self.fc(x)
    y[:, -1] = 2
    y[:, 1:3, 0] = x[:, :2, 0]
    y[:, :, :3].add_(self.fc(x)).relu_()
    y.view(x.size(0), -1)[:, :3].fill_(1)
    y.transpose(1, 2)[:, 2] = x[:, :, 1]
    return y.mean(1)


def sizes(*axes):
    """Return examples for a batch: sizes with `b` where it is; a type after them for numbers of tokens."""

    def examples(b):
        return [torch.zeros([b if size == "b" else size for size in dims], dtype=torch.long if is_token else None)
                for dims, is_token in ((one[:-1], True) if one[-1] == "token" else (one, False) for one in axes)]  # fmt: skip

    return examples


def learned(self, x):
    states = [one.repeat(1, x.size(0), 1) for one in (self.h, self.c)]
    return self.fc(self.lstm(x, states)[0])


def expanded(self, x):
    return self.fc(self.gru(x, self.h.expand(-1, x.size(0), -1).contiguous())[0])


def queried(self, x):
    query = self.q.unsqueeze(1).repeat(1, x.size(1), 1)
    return self.a(torch.zeros_like(query) + query, x, x, need_weights=False)[0]


def filled(self, x):
    return self.fc(torch.zeros(5, x.size(1), 16) + self.q[:, None]) + x.mean(0)


def filled_first(self, x):
    return self.fc(torch.zeros(x.size(0), 5, 16) + self.q) + x.mean(1, keepdim=True)


def queried_first(self, x):
    return self.fc(self.q.expand(x.size(0), -1, -1)) + x.mean(1, keepdim=True)


def masked(self, x):
    return self.fc(self.t(x, mask=nn.Transformer.generate_square_subsequent_mask(x.size(1))))


def twice(self, x, y):
    x, y = self.f(torch.cat([x, y])).chunk(2)
    return (x.flatten(1) - y.flatten(1)).square().sum(1)


def thrice(self, x, y, z):
    both, last = self.f(torch.cat([x, y, z])).split([2 * x.size(0), x.size(0)])
    return both.view(2, -1, 4).mean(0) + last


def of_neighbours(self, x):
    """The two nearest of the positions of each sample, picked from those of all samples, as DGCNN does."""
    b, n, _ = x.shape
    nearest = (x @ x.transpose(1, 2)).topk(2)[1] + torch.arange(b).view(-1, 1, 1) * n
    return self.fc(x.reshape(b * n, -1)[nearest.view(-1)].view(b, n, 2, -1)).amax(2)


def of_chunks(self, x):
    """Learned queries, and a token before them, for each chunk of a sequence; and a learned state for each."""
    b, k, n, features = x.shape
    x = x.reshape(b * k, n, features)
    x = torch.cat([self.c.repeat(b * k, 1, 1), x], 1)
    x = self.a(self.q.expand(b * k, -1, -1), x, x, need_weights=False)[0]
    return self.gru(x, self.h.expand(-1, b * k, -1).contiguous())[0].reshape(b, k, -1, 4)


def parameter(*sizes):
    return nn.Parameter(torch.zeros(sizes))


LAYER = {"d_model": 16, "nhead": 4, "dim_feedforward": 32, "dropout": 0.0}
MODULES = {
    "audio": (nn.Sequential(nn.Conv1d(1, 4, 3), nn.BatchNorm1d(4), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(28, 2)),
              sizes(("b", 1, 16))),
    "conv1d of one channel": (nn.Sequential(nn.Conv1d(1, 4, 3)), sizes(("b", 1, 16))),
    "transposed conv1d": (nn.Sequential(nn.ConvTranspose1d(1, 4, 3)), sizes(("b", 1, 16))),
    "pool1d": (nn.Sequential(nn.MaxPool1d(2), nn.ReLU()), sizes(("b", 1, 16))),
    "conv2d of one channel": (nn.Sequential(nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4)), sizes(("b", 1, 9, 9))),
    "conv3d of one channel": (nn.Sequential(nn.Conv3d(1, 4, 3), nn.ReLU()), sizes(("b", 1, 9, 9, 9))),
    "linear on one token": (nn.Linear(5, 3), sizes(("b", 1, 5))),
    "encoder on one token": (nn.TransformerEncoderLayer(**LAYER, batch_first=True), sizes(("b", 1, 16))),
    "gru on one step": (nn.GRU(16, 4, batch_first=True), sizes(("b", 1, 16))),
    "encoder": (nn.TransformerEncoderLayer(**LAYER, batch_first=True), sizes(("b", 6, 16))),
    "encoder, batch second": (nn.TransformerEncoderLayer(**LAYER), sizes((6, "b", 16))),
    "transformer": (nn.Transformer(16, 4, 1, 1, 32, 0.0), sizes((12, "b", 16), (7, "b", 16))),
    "transformer of one length": (nn.Transformer(16, 4, 1, 1, 32, 0.0), sizes((12, "b", 16), (12, "b", 16))),
    "decoder layer": (nn.TransformerDecoderLayer(**LAYER), sizes((12, "b", 16), (7, "b", 16))),
    "cross attention": (Calls(lambda self, x, y: self.a(x, y, y, need_weights=False)[0], a=nn.MultiheadAttention(16, 4)),
                        sizes((12, "b", 16), (7, "b", 16))),
    "lstm, batch second": (nn.LSTM(16, 4), sizes((6, "b", 16))),
    "words, batch second": (Calls(lambda self, x: self.fc(self.lstm(self.emb(x))[0]), emb=nn.Embedding(30, 16),
                                  lstm=nn.LSTM(16, 8, 2), fc=nn.Linear(8, 30)), sizes((6, "b", "token"))),
    "gru with a state": (Calls(decoded, gru=nn.GRU(8, 16, batch_first=True), fc=nn.Linear(16, 3)),
                         sizes(("b", 7, 8), (1, "b", 16))),
    "lstm with states of two layers": (Calls(lambda self, x, h, c: self.lstm(x, (h, c))[0],
                                             lstm=nn.LSTM(8, 16, 2, batch_first=True)),
                                       sizes(("b", 7, 8), (2, "b", 16), (2, "b", 16))),
    "decoder of tokens": (Calls(embedded, emb=nn.Embedding(30, 8), lstm=nn.LSTM(8, 16), fc=nn.Linear(16, 30)),
                          sizes(("b", "token"), (1, "b", 16), (1, "b", 16))),
    "cell": (Calls(lambda self, x, h: self.cell(x, h), cell=nn.GRUCell(8, 16)), sizes(("b", 8), ("b", 16))),
    "sum over a permuted state": (Calls(lambda self, h, x: self.W(h.permute(1, 0, 2)) + self.U(x), W=nn.Linear(32, 32),
                                        U=nn.Linear(32, 32)), sizes((1, "b", 32), ("b", 9, 32))),
    "attention of Bahdanau": (Calls(bahdanau, W=nn.Linear(32, 32), U=nn.Linear(32, 32), V=nn.Linear(32, 1),
                                    emb=nn.Embedding(30, 32), gru=nn.GRU(64, 32, batch_first=True)),
                              sizes(("b", "token"), (1, "b", 32), ("b", 9, 32))),
    "written into a part": (Calls(padded, fc=nn.Linear(8, 3)), sizes(("b", 4, 8))),
    "written step by step": (Calls(stepped, cell=nn.GRUCell(8, 8), fc=nn.Linear(8, 3)), sizes(("b", 4, 8))),
    "overwritten in part": (Calls(overwritten, fc=nn.Linear(8, 3)), sizes(("b", 4, 8))),
    "attention": (Calls(attended, qkv=nn.Linear(16, 48), out=nn.Linear(16, 16)), sizes(("b", 5, 16))),
    "two images": (Calls(lambda self, x, y: self.f(x) - self.f(y), f=nn.Conv2d(3, 4, 3)),
                   sizes(("b", 3, 9, 9), ("b", 3, 9, 9))),
    "one step of an encoder, batch second": (nn.TransformerEncoderLayer(**LAYER), sizes((1, "b", 16))),
    "one step of attention with weights": (Calls(lambda self, x: self.a(x, x, x)[0], a=nn.MultiheadAttention(16, 4)),
                                           sizes((1, "b", 16))),
    "ids alone": (Calls(lambda self, x: self.fc(self.emb(x)), emb=nn.Embedding(10, 8), fc=nn.Linear(8, 10)),
                  sizes(("b", "token"))),
    "users and items": (Calls(lambda self, u, i: self.fc(torch.cat([self.u(u), self.i(i)], -1)), u=nn.Embedding(10, 8),
                              i=nn.Embedding(20, 8), fc=nn.Linear(16, 1)), sizes(("b", "token"), ("b", "token"))),
    "step of a diffusion": (Calls(lambda self, t: self.fc(torch.sin(t[:, None] * torch.ones(4))), fc=nn.Linear(4, 4)),
                            sizes(("b",))),
    "learned states": (Calls(learned, lstm=nn.LSTM(8, 16, batch_first=True), h=parameter(1, 1, 16),
                             c=parameter(1, 1, 16), fc=nn.Linear(16, 3)), sizes(("b", 7, 8))),
    "a learned state of two layers": (Calls(expanded, gru=nn.GRU(8, 16, 2, batch_first=True), h=parameter(2, 1, 16),
                                            fc=nn.Linear(16, 3)), sizes(("b", 7, 8))),
    "one learned state for two layers": (Calls(lambda self, x: self.gru(x, self.h.expand(2, x.size(0), 16).clone())[0],
                                               gru=nn.GRU(8, 16, 2, batch_first=True), h=parameter(1, 1, 16)),
                                         sizes(("b", 7, 8))),
    "learned queries, batch second": (Calls(queried, a=nn.MultiheadAttention(16, 4), q=parameter(5, 16)),
                                      sizes((7, "b", 16))),
    "queries in zeros, batch second": (Calls(filled, q=parameter(5, 16), fc=nn.Linear(16, 16)), sizes((7, "b", 16))),
    "queries in zeros": (Calls(filled_first, q=parameter(5, 16), fc=nn.Linear(16, 16)), sizes(("b", 7, 16))),
    "learned queries": (Calls(queried_first, q=parameter(1, 5, 16), fc=nn.Linear(16, 16)), sizes(("b", 7, 16))),
    "a parameter along a length like the batch": (
        Calls(lambda self, x: self.fc((self.p.expand(3, 5, 16) + x).flatten(1)), p=parameter(3, 1, 16),
              fc=nn.Linear(240, 4)), sizes(("b", 3, 5, 16))),
    "a weight for each position, in front": (Calls(lambda self, x: torch.bmm(x.transpose(0, 1), self.w),
                                                   w=parameter(5, 8, 3)), sizes(("b", 5, 8))),
    "a weight for each position, batch second": (Calls(lambda self, x: torch.bmm(x, self.w).mean(0), w=parameter(5, 8, 3)),
                                                 sizes((5, "b", 8))),
    "a weight for each position, as a sum": (
        Calls(lambda self, x: torch.einsum("pbi,pio->pbo", x.transpose(0, 1), self.w), w=parameter(5, 8, 3)),
        sizes(("b", 5, 8))),
    "a weight for each position, computed": (
        Calls(lambda self, x: (x.transpose(0, 1) * self.w.exp()).sum(0), w=parameter(5, 1, 8)), sizes(("b", 5, 8))),
    "columns that are samples": (Calls(lambda self, x: (self.w @ x.T).T, w=parameter(5, 8)), sizes(("b", 8))),
    "learned positions, batch second": (Calls(lambda self, x: self.fc(x + self.p), p=parameter(5, 1, 8),
                                              fc=nn.Linear(8, 3)), sizes((5, "b", 8))),
    "positions of a table, batch second": (
        Calls(lambda self, x: self.fc(x + self.p(torch.arange(x.size(0)))[:, None]), p=nn.Embedding(5, 8),
              fc=nn.Linear(8, 3)), sizes((5, "b", 8))),
    "computed positions, batch second": (
        Calls(lambda self, x: self.fc(torch.cat([x, (2 * self.p.relu() + self.p).expand(-1, x.size(1), -1)], 2)),
              p=parameter(5, 1, 8), fc=nn.Linear(16, 3)), sizes((5, "b", 8))),
    "fixed positions, batch second": (
        Calls(lambda self, x: self.fc(x + self.p[: x.size(0)]), p=nn.Buffer(torch.zeros(50, 1, 8)), fc=nn.Linear(8, 3)),
        sizes((5, "b", 8))),
    "halves of features": (Calls(lambda self, x: self.f(torch.cat(self.f(x).chunk(2, -1)[::-1], -1)), f=nn.Linear(8, 8)),
                           sizes(("b", 5, 8))),
    "joints as one batch": (Calls(lambda self, x: self.f(x.flatten(0, 1)).view(x.size(0), 4, 5, 8), f=nn.Conv1d(6, 5, 3)),
                            sizes(("b", 4, 6, 10))),
    "two images as one batch": (Calls(twice, f=nn.Conv2d(3, 4, 3)), sizes(("b", 3, 6, 6), ("b", 3, 6, 6))),
    "three vectors as one batch": (Calls(thrice, f=nn.Linear(8, 4)), sizes(("b", 8), ("b", 8), ("b", 8))),
    "learned queries with a batch of one": (Calls(lambda self, x: F.scaled_dot_product_attention(self.q, x, x),
                                                  q=parameter(1, 2, 5, 8)), sizes(("b", 2, 7, 8))),
    "features at a position of each sample": (
        Calls(lambda self, x: self.fc(self.emb(x).flatten(0, 1)[x.argmax(1) + torch.arange(len(x)) * 5]),
              emb=nn.Embedding(9, 8), fc=nn.Linear(8, 3)), sizes(("b", 5, "token"))),
    "positions of a table, for each sample": (
        Calls(lambda self, x: self.fc(x + self.p[torch.arange(x.size(1)).unsqueeze(0).repeat(x.size(0), 1)]),
              p=parameter(9, 8), fc=nn.Linear(8, 3)), sizes(("b", 5, 8))),
    "learned queries and states of chunks": (
        Calls(of_chunks, q=parameter(1, 3, 16), c=parameter(1, 1, 16), h=parameter(2, 1, 4), a=nn.MultiheadAttention(16, 4, batch_first=True),
              gru=nn.GRU(16, 4, 2, batch_first=True)), sizes(("b", 6, 5, 16))),
    "features of neighbours": (Calls(of_neighbours, fc=nn.Linear(8, 3)), sizes(("b", 5, 8))),
    "image and time": (Calls(lambda self, x, t: self.f(x) + self.g(t)[:, :, None, None], f=nn.Conv2d(3, 4, 3),
                             g=nn.Embedding(9, 4)), sizes(("b", 3, 9, 9), ("b", "token"))),
}  # fmt: skip
OTHERWISE_OF_ONE = {
    "two images as one batch", "three vectors as one batch",
    "encoder on one token", "one step of an encoder, batch second", "one step of attention with weights",
    "learned states", "a learned state of two layers", "one learned state for two layers",
    "computed positions, batch second", "learned queries, batch second", "queries in zeros, batch second", "queries in zeros",
    "learned queries", "learned queries and states of chunks", "positions of a table, for each sample", "features at a position of each sample", "features of neighbours",
}  # fmt: skip
"""Modules whose rows of one sample are others, of the same totals: an axis of 1 is not told, or nothing is repeated."""


def table_of(module, examples):
    network = shapecalc.from_torch(module, *examples)
    report = network.infer()
    assert not network.warnings
    rows = [(row.name, row.kind, row.output_shapes, row.params, row.macs) for row in report.rows]
    return report.inputs, rows, report.total.params, report.total.macs, report


@pytest.mark.parametrize("name", MODULES)
def test_a_report_is_the_same_for_every_batch(name):
    report = assert_the_same(*MODULES[name], is_other_of_one=name in OTHERWISE_OF_ONE)
    if "written" in name:  # each layer is used: what is written is not lost, and no view is left behind
        used = {ref.node for node in report.graph.nodes for ref in node.inputs} | {x.node for x in report.graph.outputs}
        assert used.issuperset(range(len(report.graph.nodes)))


def assert_the_same(module, examples, *, is_other_of_one):
    """Check that the reports are the same for every batch, with the totals of the module; return one.

    The rows of a batch of one may be others.
    """
    module = module.eval()
    *first, report = table_of(module, examples(1))
    for batch in (2, 5):
        *table, of_batch = table_of(module, examples(batch))
        if is_other_of_one and batch == 2:
            first[1] = table[1]
        assert table == first
        first = table
        assert f"the batch of {batch} of the example is left out" in of_batch.notes
        assert ", 0 unknown; " in of_batch.notes[0]
    assert ", 0 unknown; " in report.notes[0]
    made = module(*examples(1))
    made = [made] if isinstance(made, torch.Tensor) else torch.utils._pytree.tree_leaves(made)
    assert [math.prod(sizes) for sizes in report.outputs.values()] == [one.numel() for one in made]
    assert report.total.params == sum(one.numel() for one in module.parameters())
    if not any(isinstance(one, (nn.RNNBase, nn.RNNCellBase)) for one in module.modules()):
        with (
            FlopCounterMode(display=False) as counter,
            torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
        ):
            torch.backends.mha.set_fastpath_enabled(False)
            module(*examples(1))
        torch.backends.mha.set_fastpath_enabled(True)
        assert report.total.macs == counter.get_total_flops() // 2
    return report


AS_ONNX = {
    "written into a part", "written step by step", "overwritten in part",  # what is not used is left out, and what is written is an output
    "audio",  # the batch normalisation is a part of the convolution
    "linear on one token", "one step of attention with weights",  # three samples of one token, or a sample of three
    "fixed positions, batch second",  # learned, as far as the file says
    "step of a diffusion",  # a list of three numbers
}  # fmt: skip
"""Modules whose ONNX file says something else than the module."""


def exports(module):
    """Whether the older exporter of ONNX knows all of a module: not PyTorch's own layers of transformers."""
    return not any(
        isinstance(one, (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)) for one in module.modules()
    )


@pytest.mark.parametrize("name", [name for name in MODULES if name not in AS_ONNX and exports(MODULES[name][0])])
def test_an_onnx_file_of_several_samples_has_the_totals_of_one(name):
    module, examples = MODULES[name]
    module = module.eval()
    with torch.no_grad():  # equal parameters are one in the file
        for one in module.parameters():
            one.uniform_(-0.1, 0.1)
    file = io.BytesIO()
    torch.onnx.export(module, tuple(examples(3)), file, dynamo=False, opset_version=17)
    network = shapecalc.load(file.getvalue())
    report, due = network.infer(), shapecalc.from_torch(module, *examples(3)).infer()
    assert (network.warnings, report.graph.includes_batch) == ((), False)
    assert list(report.inputs.values()) == list(due.inputs.values())
    assert list(report.outputs.values()) == list(due.outputs.values())
    assert (report.total.params, report.total.macs) == (due.total.params, due.total.macs)


@pytest.mark.parametrize(
    "name", ["conv1d of one channel", "encoder, batch second", "cross attention", "gru with a state"]
)
def test_a_dynamic_batch_is_found_too(name):
    module, examples = MODULES[name]
    module, four = module.eval(), examples(4)
    axes = [{i: torch.export.Dim.AUTO for i, size in enumerate(one.shape) if size != two.shape[i]}
            for one, two in zip(four, examples(5), strict=True)]  # fmt: skip
    shapes = (tuple(axes),) if isinstance(module, Calls) else tuple(axes)
    program = torch.export.export(module, tuple(four), dynamic_shapes=shapes, strict=False)
    report = shapecalc.from_torch(program).infer()
    expected = shapecalc.from_torch(module, *four).infer()
    assert list(report.inputs.values()) == list(expected.inputs.values())
    assert [(row.kind, row.output_shapes, row.macs) for row in report.rows] == [
        (row.kind, row.output_shapes, row.macs) for row in expected.rows
    ]


def test_of_a_module_that_torch_cannot_export_the_batch_is_found_too():
    layer = nn.TransformerEncoderLayer(**LAYER, batch_first=True)
    parts = {"t": nn.TransformerEncoder(layer, 1, enable_nested_tensor=False), "fc": nn.Linear(16, 5)}
    one, three = (shapecalc.from_torch(Calls(masked, **parts).eval(), torch.zeros(b, 12, 16)).infer() for b in (1, 3))
    assert "torch.export could not export Calls" in " ".join(three.notes)
    assert (one.inputs, one.total.macs) == (three.inputs, three.total.macs)
    assert " MACs for one sample" in str(three)


@pytest.mark.parametrize("axes", [(0, 1), (0,), (1,)])
@pytest.mark.parametrize("is_second", [True, False])
def test_a_dynamic_length_is_not_taken_for_the_batch(is_second, axes, tmp_path):
    module = nn.TransformerEncoderLayer(**LAYER, batch_first=not is_second).eval()
    example = torch.zeros((12, 2, 16) if is_second else (2, 12, 16))
    dynamic = (dict.fromkeys(axes, torch.export.Dim.AUTO),)
    file = str(tmp_path / "encoder.pt2")
    torch.export.save(torch.export.export(module, (example,), dynamic_shapes=dynamic, strict=False), file)
    report = shapecalc.load(file, input="12x16").infer()
    assert report.total.macs == shapecalc.from_torch(module, example).infer().total.macs
    assert " MACs for one sample" in str(report)
    if (0 if is_second else 1) in axes:  # the length is dynamic
        of_other = shapecalc.from_torch(module, example.new_zeros([9 if n == 12 else n for n in example.shape])).infer()
        assert shapecalc.load(file, input="9x16").infer().total.macs == of_other.total.macs


def of_graph(self, x, edges):
    """Messages along the edges of one graph, which are added to its nodes."""
    h = self.fc(self.emb(x))
    return torch.zeros_like(h).index_add(0, edges[1], self.fc(h[edges[0]])).sum(0)


UNDECIDED = {
    "a graph of nodes and edges": (of_graph, [(6,), (2, 11)]),
    "a mean over what may be the batch": (lambda self, x: self.fc(self.emb(x).mean(0)), [(12,)]),
    "ids of two lengths": (lambda self, x, y: self.fc(self.emb(x)).sum(0) + self.emb(y).sum(0), [(4,), (6,)]),
}


@pytest.mark.parametrize("name", UNDECIDED)
def test_where_the_batch_cannot_be_decided_the_report_is_of_the_whole_input(name):
    function, dims = UNDECIDED[name]
    module = Calls(function, emb=nn.Embedding(10, 8), fc=nn.Linear(8, 8)).eval()
    report = shapecalc.from_torch(module, *[torch.zeros(one, dtype=torch.long) for one in dims]).infer()
    assert " MACs for the whole input" in str(report)
    assert "for one sample" not in str(report)


def test_a_weight_for_each_position_does_not_say_where_the_batch_is():
    module = Calls(lambda self, x: torch.bmm(x.transpose(0, 1), self.w), w=parameter(4, 8, 5)).eval()
    dynamic = (({0: torch.export.Dim.AUTO},),)
    program = torch.export.export(module, (torch.zeros(3, 4, 8),), dynamic_shapes=dynamic, strict=False)
    report = shapecalc.from_torch(program).infer()
    assert (list(report.inputs.values()), report.total.params, report.total.macs) == ([(4, 8)], 160, 160)


@pytest.mark.parametrize("function", [lambda self, x: x @ self.w, lambda self, x: x + self.w.exp()[..., :1]])
def test_a_weight_as_long_as_the_batch_is_counted_whole(function):
    module = Calls(function, w=parameter(3, 4, 8, 5))
    report = shapecalc.from_torch(module, torch.zeros(3, 4, 1, 8)).infer()
    assert report.total.params == 480
    assert " for the whole input" in str(report)
    assert "where the batch is could not be found" in str(report)


def test_joined_batches_that_are_cut_elsewhere_are_no_batches():
    module = Calls(lambda self, x: self.f(torch.cat([x, x, x])).split([4, 5])[1], f=nn.Linear(8, 4)).eval()
    report = shapecalc.from_torch(module, torch.zeros(3, 8)).infer()
    assert (list(report.outputs.values()), report.total.macs) == ([(5, 4)], 9 * 32)
    assert "288 MACs for the whole input" in str(report)


def test_a_vector_of_features_is_one_sample():
    report = shapecalc.from_torch(nn.Sequential(nn.ReLU(), nn.Linear(8, 4)), torch.zeros(8)).infer()
    assert (report.total.macs, list(report.inputs.values())) == (32, [(8,)])
    assert "32 MACs for one sample" in str(report)


def strided(self, x):
    y = torch.zeros(x.size(0), 4, 6)
    y[:, :, ::2] = self.fc(x)
    return y.sum(-1)


def chosen(self, x):
    y = self.fc(x)
    y[y < 0] = 0
    y[:, [0, 2]] = y[:, [1, 3]]
    return y


@pytest.mark.parametrize(("function", "count", "size"), [(strided, 1, (4,)), (chosen, 0, (4, 3))])
@pytest.mark.parametrize("batch", [1, 3])
def test_what_is_written_otherwise_has_the_size_of_the_whole(function, count, size, batch):
    network = shapecalc.from_torch(Calls(function, fc=nn.Linear(8, 3)), torch.zeros(batch, 4, 8))
    report = network.infer()
    assert [row.kind for row in report.rows].count("opaque") == count
    assert f", {count} unknown; " in report.notes[0]
    assert list(report.outputs.values()) == [size]
    assert not network.warnings
