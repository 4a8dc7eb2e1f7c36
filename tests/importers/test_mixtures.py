"""Mixtures of experts in archives of torch.export: grouped matrix products, with the weights and MACs of experts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from crafted_pt2 import LONG, T, archive, meta, node, program

import shapecalc

FOLDER = Path(__file__).parents[1] / "data" / "mixtures"
FILES = sorted(FOLDER.glob("*.pt2"))

OF_A_PROGRAM = {
    "GptOss": {"active_params": 2 * (96 + 32)},  # the biases of all experts are parameters of their own, and all active
    # (tokens · inner features · states) · 2: the products of its scan are element-wise in PyTorch, and not counted there;
    # (3 tokens of padding · inner features · 4 taps): the convolution runs on padding at its end, which is cut off
    "Jamba": {"macs": -2 * 6 * 64 * 4 + 3 * 64 * 4},
}
"""What a program of a model has more than the bundled family, and why."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_totals_are_those_of_pytorch_and_of_the_bundled_family(path, tmp_path):
    answer = json.loads(path.with_suffix(".json").read_text())
    report = shapecalc.load(str(path)).infer()
    assert (report.total.params, report.total.macs) == (answer["params"], answer["macs"])
    assert not [row.name for row in report.rows if row.kind == "opaque"]
    (note,) = report.notes
    assert ", 0 unknown; " in note
    assert "do not" not in note
    (tmp_path / "config.json").write_text(json.dumps(answer["config"]))
    family = shapecalc.load(str(tmp_path), input="6").infer().total
    more = OF_A_PROGRAM.get(path.stem, {})
    for name in ("params", "active_params", "macs"):
        assert getattr(report.total, name) == getattr(family, name) + more.get(name, 0), name


def test_there_are_models_of_five_types():
    assert [path.stem for path in FILES] == ["DeepseekV3", "GptOss", "Jamba", "Mixtral", "Qwen2Moe"]


def test_weights_of_experts_are_stored_as_those_of_the_family(tmp_path):
    """In mxfp4, which is for experts alone."""
    answer = json.loads((FOLDER / "Mixtral.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(answer["config"]))
    found, due = (
        shapecalc.load(str(one)).memory(weights="mxfp4").weights for one in (FOLDER / "Mixtral.pt2", tmp_path)
    )
    assert found == due < 4 * answer["params"] / 2


def sizes_for(tokens):
    """The sizes of tensors for so many tokens, each with two of four experts."""
    rows = 2 * tokens
    whole = {name: meta((rows,), LONG) for name in ("flat", "sorted", "order", "token")}
    return {
        "x": (1, tokens, 8), "tokens": (tokens, 8), "scores": (tokens, 4), "values": (tokens, 2),
        "chosen": meta((tokens, 2), LONG), **whole, "rows": (rows, 8), "counts": (4,), "offsets": meta((4,), LONG),
        "turned": (4, 8, 10), "y": (rows, 10), "p_gate": (4, 8), "p_up": (4, 10, 8),
    }  # fmt: skip


def mixture(target="transformers.grouped_mm_fallback.default", *, tokens=6, learned=True, descending=False, **more):
    """Of each token, the rows of two of its four experts: their first products, as transformers exports them."""
    names = ("self", "mat2") if "aten" in target else ("input", "weight")
    product = {names[0]: T("rows"), names[1]: T("turned"), "offs": T("offsets"), **more}
    nodes = [
        node("aten.view.default", "tokens", self=T("x"), size=[-1, 8]),
        node("aten.linear.default", "scores", input=T("tokens"), weight=T("p_gate")),
        node("aten.topk.default", ["values", "chosen"], self=T("scores"), k=2),
        node("aten.reshape.default", "flat", self=T("chosen"), shape=[-1]),
        node("aten.sort.default", ["sorted", "order"], self=T("flat"), dim=-1, descending=descending),
        node("aten.floor_divide.default", "token", self=T("order"), other=2),
        node("aten.index.Tensor", "rows", self=T("tokens"), indices=[T("token")]),
        node("aten.histc.default", "counts", self=T("sorted"), bins=4, min=0, max=3),
        node("aten.cumsum.default", "offsets", self=T("counts"), dim=0),
        node("aten.transpose.int", "turned", self=T("p_up"), dim0=-2, dim1=-1),
        node(target, "y", **product),
    ]
    held = {"params": ["p_gate", "p_up"]} if learned else {"params": ["p_gate"], "buffers": ["p_up"]}
    return program(nodes, sizes_for(tokens), **held)


@pytest.mark.parametrize("target", ["transformers.grouped_mm_fallback.default", "aten._grouped_mm.default"])
def test_a_grouped_product_has_its_weight_and_that_of_two_experts_is_active(target):
    report = shapecalc.load(archive(mixture(target))).infer()
    row = report.rows[-1]
    assert (row.kind, row.output_shape, row.params, row.macs) == ("grouped_linear", (12, 10), 4 * 10 * 8, 12 * 8 * 10)
    assert (report.total.params, report.total.active_params) == (32 + 320, 32 + 160)
    assert report.total.macs == 6 * 8 * 4 + 12 * 8 * 10
    assert not [row.name for row in report.rows if row.kind in ("opaque", "parameter")]
    assert report.notes == ("11 nodes: 9 layers, 2 shape arithmetic, 0 unknown; 11 stated sizes agree",)


@pytest.mark.parametrize(("tokens", "descending"), [(1, False), (2, False), (3, True), (6, True)])
def test_the_top_k_of_a_router_is_not_the_order_of_its_rows(tokens, descending):
    """Which is as many of them: two rows or four of four experts, or six and more."""
    total = shapecalc.load(archive(mixture(tokens=tokens, descending=descending))).infer().total
    assert (total.active_params, total.macs) == (32 + 160, tokens * (8 * 4 + 2 * 8 * 10))


def test_all_experts_are_active_where_no_router_is_found():
    document = mixture()
    nodes = document["graph_module"]["graph"]["nodes"]
    nodes[2] = node("aten.slice.Tensor", "chosen", self=T("scores"), dim=1, start=0, end=2)
    report = shapecalc.load(archive(document)).infer()
    assert report.rows[-1].kind == "grouped_linear"
    assert report.total.active_params == report.total.params == 32 + 320


def test_weights_of_groups_that_are_constants_are_no_parameters():
    total = shapecalc.load(archive(mixture(learned=False))).infer().total
    assert (total.params, total.macs) == (32, 6 * 8 * 4 + 12 * 8 * 10)


def test_a_grouped_product_with_a_bias_is_unknown():
    document = mixture("aten._grouped_mm.default", bias=T("values"))
    report = shapecalc.load(archive(document)).infer()
    assert report.rows[-1].kind == "opaque"
    assert report.total.params == 32 + 320


def test_counts_and_products_of_all_samples_are_those_of_the_whole_input():
    """Of a batch of two, whose tokens are sorted together."""
    document = mixture()
    document["graph_module"]["graph"]["tensor_values"]["x"] = meta((2, 3, 8))
    report = shapecalc.load(archive(document)).infer()
    assert report.total.macs == 6 * 8 * 4 + 12 * 8 * 10
    assert [note for note in report.notes if note.startswith("where the batch is could not be found")]


def test_weights_of_experts_that_are_modules_of_their_own_are_one():
    """Stacked in every run, as of experts in a list of modules."""
    names = [f"p_{i}_weight" for i in range(4)]
    nodes = [
        node("aten.stack.default", "stacked", tensors=[T(name) for name in names]),
        node("aten._grouped_mm.default", "y", self=T("x"), mat2=T("stacked"), offs=T("b_ends")),
    ]
    sizes = {
        "x": (12, 8),
        "stacked": (4, 8, 10),
        "y": (12, 10),
        "b_ends": meta((4,), LONG),
        **dict.fromkeys(names, (8, 10)),
    }
    report = shapecalc.load(archive(program(nodes, sizes, params=names, buffers=["b_ends"]))).infer()
    assert [(row.kind, row.params, row.macs) for row in report.rows if row.kind != "constant"] == [
        ("grouped_linear", 4 * 8 * 10, 12 * 8 * 10)
    ]


@pytest.mark.parametrize(("batch", "length"), [(1, 1), (1, 3), (2, 3)])
def test_groups_are_of_the_rows_of_all_samples(batch, length):
    nodes = [
        node("aten.view.default", "rows", self=T("x"), size=[-1, 8]),
        node("aten._grouped_mm.default", "y", self=T("rows"), mat2=T("p_up"), offs=T("b_ends")),
    ]
    sizes = {"x": (batch, length, 8), "rows": (batch * length, 8), "y": (batch * length, 10), "p_up": (4, 8, 10),
             "b_ends": meta((4,), LONG)}  # fmt: skip
    of_whole_input(program(nodes, sizes, params=["p_up"], buffers=["b_ends"]), (batch * length, 10), batch)


@pytest.mark.parametrize("batch", [1, 2])
def test_counts_are_of_all_samples(batch):
    nodes = [
        node("aten.relu.default", "a", self=T("x")),
        node("aten.histc.default", "y", self=T("a"), bins=7),
    ]
    of_whole_input(program(nodes, {"x": (batch, 3, 8), "a": (batch, 3, 8), "y": (7,)}), (7,), batch)


def of_whole_input(document, sizes, batch):
    network = shapecalc.load(archive(document))
    report = network.infer()
    assert [*report.outputs.values()] == [sizes]
    assert not network.warnings
    assert not [row.name for row in report.rows if row.kind == "opaque"]
    assert any("where the batch is could not be found" in note for note in report.notes) == (batch > 1)


@pytest.mark.torch
def test_a_module_of_grouped_products():
    torch = pytest.importorskip("torch")

    class Mixture(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.gate = torch.nn.Linear(16, 4, bias=False)
            self.up = torch.nn.Parameter(torch.zeros(4, 32, 16))
            self.down = torch.nn.Parameter(torch.zeros(4, 24, 32))

        def forward(self, x):
            tokens = x.flatten(0, 1)
            chosen, order = self.gate(tokens).topk(2)[1].flatten().sort()
            ends = torch.histc(chosen.float(), 4, 0, 3).cumsum(0, dtype=torch.int32)
            found = torch.nn.functional.grouped_mm(tokens[order // 2], self.up.mT, offs=ends)
            found = torch.nn.functional.grouped_mm(found.relu(), self.down.mT, offs=ends)
            back = torch.empty_like(order)
            back[order] = torch.arange(len(order))
            return found[back].unflatten(0, (-1, 2)).sum(1)

    module = Mixture().to(torch.bfloat16)
    report = shapecalc.from_torch(module, torch.zeros(1, 5, 16, dtype=torch.bfloat16)).infer()
    assert [row.macs for row in report.rows if row.kind == "grouped_linear"] == [10 * 16 * 32, 10 * 32 * 24]
    assert report.total.params == sum(one.numel() for one in module.parameters())
    assert report.total.active_params == 64 + 2 * (32 * 16 + 24 * 32)
    assert [*report.outputs.values()] == [(5, 24)]
    assert not [row.name for row in report.rows if row.kind in ("opaque", "parameter")]
