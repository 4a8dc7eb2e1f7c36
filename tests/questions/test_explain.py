"""Explanations: they agree with inference for every kind and every bundled network, and read like a textbook."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from numbers_of_kinds import plain_kinds, samples
from searching import some
from test_notation import evaluated

import shapecalc
from shapecalc.dims.notation import TEXT, chain, with_symbols
from shapecalc.errors import LayerError, ShapeError, UsageError
from shapecalc.language.files import bundled_members
from shapecalc.layers import KINDS
from shapecalc.layers.base.layer import Composite
from shapecalc.layers.base.shape import Shape
from shapecalc.model.graph import Graph, Node, Reference
from shapecalc.model.inference import infer, size_layer
from shapecalc.questions.explain import WHAT, explain
from shapecalc.questions.explain.kinds import kind_of
from shapecalc.questions.explain.lines import lines_of
from shapecalc.questions.explain.reasons import Makers
from shapecalc.questions.explain.working import work
from shapecalc.renderers.explanations import FORMATS, render
from shapecalc.text.cells import cell_width

GOLDEN = Path(__file__).parent.parent / "data" / "explanations"
MEMBERS = sorted({member for _, member in bundled_members()})


def explained(layers, size, what=None, names=None, **rest):
    return explain(shapecalc.load({"input": size, "layers": layers, **rest}), names, what)


def entry(explanation, layer, what, symbol=""):
    """Return a formula of the JSON contract."""
    found = explanation[layer].to_dict()["formulas"]
    return next(f for f in found if f["what"] == what and f.get("symbol", "") == symbol and "tensor" not in f)


# Agreement with inference.


@pytest.mark.parametrize("member", some(MEMBERS, 6))
def test_every_bundled_network_is_explained_as_it_is_inferred(member):
    network = shapecalc.load(member)
    explanation = explain(network, what=WHAT)
    report = network.infer()
    assert explanation.total == report.total
    for row, layer in zip(report.rows, explanation, strict=True):
        counts = [layer.working.counts[what].value for what in ("weights", "biases", "buffers", "macs")]
        assert counts == [row.sizing.weights, row.sizing.biases, row.sizing.buffers, row.sizing.macs], row.name
        assert counts[0] + counts[1] == layer.working.counts["params"].value
        sizes = [tuple(rule.value for rule in rules) for rules in layer.working.axes]
        assert sizes == [shape.sizes for shape in row.sizing.outputs], row.name


@pytest.mark.parametrize("general", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", some(plain_kinds(), 16))
def test_every_kind_with_every_argument(kind, general):
    """Written formulas, evaluated, equal the results of the formulas on ints."""
    for sample in samples(KINDS[kind]):
        try:
            sizing = size_layer(sample.layer, sample.shapes)
        except LayerError:
            continue  # a value that does not fit this example
        working = work(sample.layer, sample.shapes, general=general)
        assert [tuple(rule.value for rule in rules) for rules in working.axes] == [s.sizes for s in sizing.outputs]
        due = {"weights": sizing.weights, "biases": sizing.biases, "buffers": sizing.buffers, "macs": sizing.macs}
        assert {what: working.counts[what].value for what in due} == due, sample
        tensors = {tensor.tensor: tensor.value for tensor in working.tensors}
        assert sum(tensors.values()) == sizing.weights + sizing.biases
        for quantity in [*working.of("output"), *working.tensors, *working.counts.values()]:
            for tree in chain(quantity.rule)[:-1]:
                assert tree.value == quantity.value
            written = written_numbers(quantity)
            if "…" not in written:
                assert evaluated(written) == quantity.value, (sample, written)
        for check in working.checks:
            assert holds(check), (sample, check)


def written_numbers(quantity):
    from shapecalc.dims.notation import TEXT, with_numbers

    return TEXT.write(with_numbers(quantity.rule))


def holds(check):
    left, relation, right = check.left.value, check.relation, check.right.value
    ways = {"≤": left <= right, "<": left < right, "=": left == right, "is 1 or": left in (1, right)}
    return ways[relation] if relation in ways else right % left == 0


@pytest.mark.parametrize("kind", some(KINDS, 20))
def test_every_kind_is_explained_in_every_format(kind):
    cls = KINDS[kind]
    for example in cls.examples:
        inputs = example.input if isinstance(example.input, list) else [example.input]
        names = [f"x{i}" for i in range(len(inputs))]
        item = {kind: example.arguments or None}
        if len(names) > 1:
            item["from"] = names
        spec = {"layout": example.layout, "inputs": dict(zip(names, map(list, inputs), strict=True)), "layers": [item]}
        explanation = explain(shapecalc.load(spec), what=WHAT)
        assert explanation.total.params == example.params
        assert explanation.total.macs == example.macs
        for format_ in FORMATS:
            text = render(explanation, format_)
            assert text
            assert "\\frac" not in text or format_ != "text"
        for line in explanation.text.splitlines():
            assert cell_width(line) <= 80, line
        if not issubclass(cls, Composite) and example.output != ():  # a scalar is nothing to work out
            assert kind_of(cls).rules


# Notation as in a textbook.


def alexnet():
    return explain(shapecalc.load("alexnet"))


def test_a_convolution():
    found = alexnet()
    out = entry(found, "conv1", "output", "H_out")
    assert out["rule"] == "⌊(H_in + 2·p − k) / s⌋ + 1"
    assert out["numbers"] == "⌊(227 + 2·0 − 11) / 4⌋ + 1"
    assert out["steps"] == ["⌊216 / 4⌋ + 1", "54 + 1"]
    assert out["value"] == 55
    params = entry(found, "conv1", "params")
    assert (params["rule"], params["numbers"]) == ("(k²·C_in + 1)·C_out", "(11²·3 + 1)·96")
    assert entry(found, "conv1", "macs")["rule"] == "H_out·W_out·k²·C_in·C_out"


def test_a_fully_connected_layer_after_convolutions():
    params = entry(alexnet(), "fc1", "params")
    assert params["rule"] == "(H_in·W_in·C_in + 1)·F_out"
    assert params["numbers"] == "(6·6·256 + 1)·4,096"
    assert params["steps"] == ["(9,216 + 1)·4,096"]
    assert params["value"] == 37_752_832


def test_input_features_after_a_flatten():
    layers = [{"conv": {"out_channels": 8, "kernel_size": 3}}, "flatten", "relu", {"fc": 10}]
    found = explained(layers, "3x8x8")
    symbol = next(s for s in found["fc1"].to_dict()["symbols"] if s["symbol"] == "F_in")
    assert symbol["made"] == {"by": "flatten1", "numbers": "8·6·6"}
    assert "F_in = 8·6·6 = 288 was computed by flatten1" in found.text
    assert "from flatten1: F_in = 8·6·6 = 288" in found.text


def test_groups():
    found = explained([{"conv": {"out_channels": 16, "kernel_size": 3, "groups": 4}}], "8x10x10")
    assert entry(found, "conv1", "params")["rule"] == "(k²·(C_in/g) + 1)·C_out"
    assert "g divides C_in: 4 divides 8 ✓" in found.text


def test_dilation_and_padding_words():
    found = explained([{"conv": {"out_channels": 4, "kernel_size": 3, "dilation": 2}}], "3x9x9")
    assert entry(found, "conv1", "output", "H_out")["rule"] == "⌊(H_in + 2·p − d·(k − 1) − 1) / s⌋ + 1"
    found = explained([{"conv": {"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": "same"}}], "3x9x9")
    assert entry(found, "conv1", "output", "H_out")["rule"] == "⌈H_in / s⌉"
    assert found["conv1"].to_dict()["settings"] == {"padding": "same"}


def test_symbols_that_differ_between_axes():
    conv = {"out_channels": 4, "kernel_size": [3, 5], "padding": [[0, 1], [2, 2]]}
    found = explained([{"conv": conv}], "3x9x9")
    assert entry(found, "conv1", "output", "H_out")["rule"] == "⌊(H_in + p_top + p_bottom − k_h) / s⌋ + 1"
    assert entry(found, "conv1", "output", "W_out")["rule"] == "⌊(W_in + 2·p_w − k_w) / s⌋ + 1"
    found = explained([{"conv": {**conv, "padding": [[0, 1], [0, 1]]}}], "3x9x9")
    assert entry(found, "conv1", "output", "H_out")["rule"] == "⌊(H_in + p_before + p_after − k_h) / s⌋ + 1"
    found = explained([{"pad": [2, 1]}], "5x3")
    assert entry(found, "pad1", "output", "L_out")["rule"] == "L_in + p_before + p_after"
    found = explained(
        [{"pad": {"padding": [[1, 2], [0, 3]], "dim": [1, 3]}}], "3x8x9"
    )  # whose axes are not those of space
    assert entry(found, "pad1", "output", "C_out")["rule"] == "C_in + p_before1 + p_after1"


def test_equal_axes_are_explained_once():
    text = explained([{"conv": {"out_channels": 4, "kernel_size": 3}}], "3x9x9").text
    assert text.count("H_in + 2·p − k) / s⌋") == 1
    assert "W_out = 7 by the same rule" in text
    text = explained([{"conv": {"out_channels": 4, "kernel_size": 3}}], "3x9x12").text
    assert "W_out = ⌊(W_in + 2·p − k) / s⌋ + 1" in text


def test_attention_is_four_square_matrices():
    found = explained([{"multi_head_attention": {"num_heads": 12}}], [197, 768])
    params = entry(found, "multi_head_attention1", "params")
    assert params["rule"] == "4·(F_in + 1)·F_in"
    assert entry(found, "multi_head_attention1", "macs")["rule"] == "4·L_in·F_in² + 2·L_in²·F_in"


def test_lstm():
    found = explained([{"lstm": 7}], [4, 5])
    assert entry(found, "lstm1", "params")["rule"] == "4·(F_in + H + 2)·H"


def test_pixel_shuffle_divides_without_rounding():
    assert entry(explained([{"pixel_shuffle": 3}], "9x4x4"), "pixel_shuffle1", "output", "C_out")["rule"] == "C_in/r²"


def test_floor_brackets_are_in_the_legend_if_used():
    assert "rounded down" in render(explained([{"max_pool": 2}], "4x8x8"), "text")
    assert "rounded down" not in render(explained([{"pixel_shuffle": 3}], "9x4x4"), "text")


def test_steps_of_caffes_rounding():
    pool = {"kernel_size": 3, "stride": 2, "rounding": "caffe"}
    rule = entry(explained([{"max_pool": pool}], "4x12x12"), "max_pool1", "output", "H_out")["rule"]
    assert rule == "⌈(H_in + 2·p − k) / s⌉ + 1"
    rule = entry(explained([{"max_pool": {**pool, "padding": 1}}], "4x12x12"), "max_pool1", "output", "H_out")["rule"]
    assert rule == "min(⌈(H_in + 2·p − k) / s⌉ + 1, ⌈(H_in + p) / s⌉)"


def test_rounded_values_are_computed_once():
    offset = {"name": "o", "conv": {"out_channels": 18, "kernel_size": 3, "padding": 1}}
    layers = [offset, {"deformable_conv": {"out_channels": 5, "kernel_size": 3, "padding": 1}, "from": ["input", "o"]}]
    text = explained(layers, "4x10x10").text
    assert "H_2 = H_out: 10 = 10 ✓" in text


@pytest.mark.parametrize(
    ("layer", "size", "layout", "read", "written"),
    [
        ({"conv_lstm": {"out_channels": 4, "kernel_size": 3}}, "10x2x32x33", "CHW",
         {"T": 10, "C": 2, "H": 32, "W": 33}, {"T": 10, "C": 4, "H": 30, "W": 31}),
        ({"conv_lstm": {"out_channels": 4, "kernel_size": 3, "return_sequences": False}}, "10x32x2", "HWC",
         {"T": 10, "L": 32, "C": 2}, {"L": 30, "C": 4}),
        ({"unfold": 3}, "3x8x9", "CHW", {"C": 3, "H": 8, "W": 9}, {"C": 27, "L": 42}),  # PyTorch: (N, C·k², L)
        ({"fold": {"output_size": [8, 9], "kernel_size": 3}}, "27x42", "CHW",
         {"C": 27, "L": 42}, {"C": 3, "H": 8, "W": 9}),
    ],
)  # fmt: skip
def test_letters_of_axes_that_are_neither_a_map_nor_a_sequence(layer, size, layout, read, written):
    found = shapecalc.load({"layout": layout, "input": size, "layers": [layer]}).explain().to_dict()["layers"][0]
    inputs = {entry["symbol"][:-3]: entry["value"] for entry in found["symbols"] if entry["symbol"].endswith("_in")}
    outputs = {entry["symbol"][:-4]: entry["value"] for entry in found["formulas"] if entry["what"] == "output"}
    assert (inputs, outputs) == (read, written)


def test_merges():
    layers = [{"concat": [[{"conv": {"out_channels": 4, "kernel_size": 1}}], []]}]
    found = explained(layers, "3x9x9")
    assert entry(found, "concat1", "output", "C_out")["rule"] == "C_1 + C_2"
    assert "H_2 = H_1: 9 = 9 ✓ (size of input 2 = input 1); width likewise" in found.text
    found = explained([{"mul": [[], [{"global_avg_pool": {"keepdims": True}}]]}], "3x9x9")
    assert "repeated W_1 = 9 times" in found.text


def test_running_statistics():
    found = explained(["batch_norm"], "64x8x8")
    assert entry(found, "batch_norm1", "buffers")["rule"] == "2·C_in"
    assert "running_mean, running_var: kept, not learned" in found.text


def test_several_outputs():
    found = explained([{"split": {"sizes": [2, 3, 2]}}], [7, 4])
    outputs = [f for f in found["split1"].to_dict()["formulas"] if f["what"] == "output"]
    assert [(f["symbol"], f["output"], f["value"]) for f in outputs if f["symbol"].startswith("L")] == [
        ("L_out1", 0, 2), ("L_out2", 1, 3), ("L_out3", 2, 2)]  # fmt: skip
    assert "sizes_1 + sizes_2 + sizes_3 = L_in: 7 = 7 ✓" in found.text


def test_shared_and_frozen_weights():
    layers = [
        {"conv": {"out_channels": 3, "kernel_size": 3}, "name": "a", "frozen": True},
        {"conv": {"out_channels": 3, "kernel_size": 3}, "name": "b", "share": "a"},
    ]
    found = explained(layers, "3x9x9")
    assert found["b"].to_dict()["params"] == 0
    assert "params    none of its own: shared with a" in found.text
    assert "= 84: frozen, not trained" in found.text
    assert found.total.params == 84


# Origins of the numbers.


def test_origins_name_lines_and_blocks():
    found = explain(shapecalc.load("resnet50"), "layer1.0.conv2").text
    assert re.search(r"line \d+, in a block used in line \d+ with channels=256", " ".join(found.split()))
    assert "from layer1.0.relu1" in found


def test_the_line_of_the_input():
    symbols = alexnet()["conv1"].to_dict()["symbols"]
    assert symbols[0] == {"symbol": "H_in", "value": 227, "meaning": "height of the input", "origin": "input",
                          "from": "input", "file": "alexnet.yaml", "line": 7}  # fmt: skip
    assert {s["symbol"]: (s["origin"], s.get("argument")) for s in symbols} == {
        "H_in": ("input", None), "W_in": ("input", None), "C_in": ("input", None), "C_out": ("given", "out_channels"),
        "k": ("given", "kernel_size"), "s": ("given", "stride"), "p": ("default", "padding"),
        "H_out": ("output", None), "W_out": ("output", None)}  # fmt: skip


def test_an_overridden_input_has_no_line():
    found = explain(shapecalc.load("alexnet", input="231x231x3"))
    assert "line" not in found["conv1"].to_dict()["symbols"][0]


def test_defaults_without_effect_are_listed_separately():
    entry_ = alexnet()["conv1"].to_dict()
    assert entry_["left_out"] == {"dilation": 1, "groups": 1}


def test_equal_layers_are_computed_once():
    found = alexnet()
    assert found["relu4"].same_as == "relu3"
    assert "same as   relu3\n" in found.text


# Selection.


def test_one_quantity_only():
    found = explained([{"conv": {"out_channels": 4, "kernel_size": 3}}, "relu"], "3x9x9", what="params")
    assert {f["what"] for layer in found for f in layer.to_dict()["formulas"]} == {"weights", "biases", "params"}
    assert "stride" not in found.text
    assert "checked" not in found.text


def test_output_bytes():
    found = explained([{"conv": {"out_channels": 4, "kernel_size": 3}}], "3x9x9", what=["output_bytes"])
    assert entry(found, "conv1", "output_bytes") == {
        "what": "output_bytes", "rule": "4·H_out·W_out·C_out", "numbers": "4·7·7·4", "steps": [], "value": 784,
        "latex": {"rule": r"4 \cdot H_{\mathrm{out}} \cdot W_{\mathrm{out}} \cdot C_{\mathrm{out}}",
                  "numbers": r"4 \cdot 7 \cdot 7 \cdot 4"}}  # fmt: skip
    assert "4·112 = 448 bytes for its parameters" in found.text


def test_blocks_by_name():
    found = explain(shapecalc.load("resnet50"), "layer1.0")
    assert {layer.name for layer in found} >= {"layer1.0.conv1", "layer1.0.downsample.conv1"}
    assert found.total.params == 75_008
    assert "layer1.0, total" in found.text


def test_unknown_layers_and_quantities():
    network = shapecalc.load("alexnet")
    with pytest.raises(UsageError, match=r"AlexNet has no layer conv9\n   did you mean conv"):
        explain(network, "conv9")
    with pytest.raises(UsageError, match="parms cannot be explained"):
        explain(network, what="parms")
    with pytest.raises(UsageError, match="no layer fc1 is explained here"):
        explain(network, ["conv1"])["fc1"]
    with pytest.raises(UsageError, match="there is no format pdf"):
        explain(network).render("pdf")


def test_a_network_with_a_shape_error():
    with pytest.raises(ShapeError):
        explained([{"conv": {"out_channels": 4, "kernel_size": 11}}], "3x9x9")


# Formats.


def test_hostile_names_are_escaped():
    name = "a\x1b[31m`*<b>$x$|"
    relu, fc = KINDS["relu"](), KINDS["fc"](out_features=3)
    nodes = (Node(name, relu, (Reference(-1),)), Node("f", fc, (Reference(0),)))
    graph = Graph("{%&_#~^\\}\x9b", {"input": Shape((3, 9, 9), is_map=True)}, nodes, (Reference(1),))
    found = explain(
        SimpleNamespace(
            graph=graph, variant="", specification=SimpleNamespace(document=None), infer=lambda **_: infer(graph)
        )
    )
    for format_ in ("text", "markdown", "latex"):
        text = found.render(format_)
        assert text.replace("\n", "").isprintable()
    assert r"\textasciicircum{}" in found.latex
    assert json.loads(found.render("json"))["layers"][0]["name"] == name


def test_time_is_linear_in_the_number_of_layers(monkeypatch):
    steps = []
    before = Makers._before
    monkeypatch.setattr(Makers, "_before", lambda self, size: steps.append(size) or before(self, size))
    layers = ["relu"] * 3_000 + [{"fc": 3}]
    assert len(explained(layers, "3x9x9", what="params")) == 3_001
    assert len(steps) <= 3 * 3_001


def test_json_is_the_dictionary():
    found = alexnet()
    assert json.loads(found.render("json")) == json.loads(json.dumps(found.to_dict()))
    assert found.to_dict()["version"] == 1


def test_text_fits_its_width():
    found = explain(shapecalc.load("vit_b_16"))
    for width in (40, 60, 80, 100):
        for line in found.render("text", width=width).splitlines():
            assert cell_width(line) <= width, line


def test_a_notebook_shows_markdown():
    found = alexnet()
    assert found._repr_markdown_() == found.markdown
    assert str(found) == found.text
    assert repr(found) == "<Explanation AlexNet: 21 layers>"


GOLDENS = {
    "alexnet.txt": lambda: alexnet().text,
    "alexnet.md": lambda: explain(shapecalc.load("alexnet"), ["conv1", "relu1", "max_pool1", "fc1"]).markdown,
    "alexnet.tex": lambda: explain(shapecalc.load("alexnet"), ["conv1", "relu1", "max_pool1", "fc1"]).latex,
    "resnet_block.txt": lambda: explain(shapecalc.load("resnet50"), "layer2.0").text,
    "vit_block.txt": lambda: explain(shapecalc.load("vit_b_16"), "encoder.0", what=WHAT).text,
}


@pytest.mark.parametrize("name", GOLDENS)
def test_golden_texts(name, request):
    text = GOLDENS[name]() + "\n"
    path = GOLDEN / name
    if request.config.getoption("--renew"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("member", some(("swin_t", "seq2seq_lstm", "googlenet_caffe"), 2))
def test_the_brackets_of_latex_are_balanced(member):
    text = explain(shapecalc.load(member), what=WHAT).latex
    for left, right in ((r"\\left\\", r"\\right\\"), (r"\\begin", r"\\end"), (r"(?<!\\){", r"(?<!\\)}")):
        assert len(re.findall(left, text)) == len(re.findall(right, text)), left
    assert text.count("$") % 2 == 0


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_latex_compiles(tmp_path):
    layers = [
        {"conv": {"out_channels": 8, "kernel_size": [3, 5], "groups": 3, "padding": [[0, 1], [1, 2]]}},
        {"max_pool": {"kernel_size": 2, "ceil_mode": True}},
        {"gather_patches": 2},
        "to_tokens",
        {"multi_head_attention": {"num_heads": 4, "num_kv_heads": 2}},
        {"lstm": {"hidden_size": 8, "num_layers": 2, "bidirectional": True}},
    ]
    layers[0]["conv"]["out_channels"] = 9
    found = explained(layers, "3x19x19", what=WHAT, name="a_b & 50% #1 {x} ~ ^ \\ → ≤")
    (tmp_path / "e.tex").write_text(found.latex, encoding="utf-8")
    ran = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "e.tex"], cwd=tmp_path,
                         capture_output=True, check=False)  # fmt: skip
    assert ran.returncode == 0, ran.stdout.decode(errors="replace")[-2000:]


def test_no_line_is_empty():
    for layer in explain(shapecalc.load("googlenet"), what=WHAT):
        for line in lines_of(layer):
            assert line.items


def test_every_argument_has_one_style():
    layers = [
        {"dropout": 0.1},
        {"fc": {"out_features": 4, "bias": False}},
        {"conv": {"out_channels": 2, "kernel_size": 3}},
    ]
    network = shapecalc.load({"input": "3x8x8", "layers": [layers[2], *layers[:2]]})
    text = network.explain().render("text")
    assert "C_out = 2 (out_channels), k = 3 (kernel_size)" in text
    assert "p = 0.1" in text
    assert "F_out = 4 (out_features), bias = false" in text
    assert "dilation = 1 and groups = 1, by default: no effect" in text


@pytest.mark.parametrize("name", ["alexnet", "vit_b_16", "swin_t", "t5-small", "mobilenet_v2", "wavenet"])
def test_for_a_batch_the_arithmetic_has_its_size(name):
    net = shapecalc.load(name)
    one = {layer.name: layer for layer in net.explain(what=["macs", "output_bytes"])}
    report = net.infer(batch=7)
    for layer in net.explain(what=["macs", "output_bytes"], batch=7):
        (row, single) = report[layer.name], one[layer.name]
        values = {quantity.what: quantity.value for quantity in layer.quantities}
        before = {quantity.what: quantity.value for quantity in single.quantities}
        assert values == {what: 7 * number for what, number in before.items()}
        assert values.get("macs", 0) == row.macs
        for quantity in layer.quantities:
            assert TEXT.write(with_symbols(quantity.rule)).startswith(("N·", "4·N·"))
        assert [symbol.value for symbol in layer.symbols if symbol.origin == "batch"] == [7] * bool(layer.quantities)
        assert not [symbol for symbol in single.symbols if symbol.origin == "batch"]


def test_a_batch_in_every_format():
    found = shapecalc.load("alexnet").explain("conv2", batch=8)
    text = str(found)
    assert "MACs      N·H_out·W_out·k²·C_in·C_out = 8·27·27·5²·96·256 = 3,583,180,800" in found.render(
        "text", width=100
    )
    assert "N = 8 samples in a batch" in text
    assert "for a batch of 8" in " ".join(text.split())
    contract = found.to_dict()
    assert contract["batch"] == 8
    (layer,) = contract["layers"]
    assert layer["macs"] == 3_583_180_800 == 8 * shapecalc.load("alexnet").infer()["conv2"].macs
    assert {"symbol": "N", "value": 8, "meaning": "samples in a batch", "origin": "batch"} in layer["symbols"]
    assert "batch" not in shapecalc.load("alexnet").explain("conv2").to_dict()
    for format_ in ("markdown", "latex", "html"):
        assert "for a batch of 8" in " ".join(found.render(format_).split())


@pytest.mark.parametrize(
    ("left", "right", "arguments", "lines"),
    [
        ([2, 5, 4], [2, 4, 3], {}, ["S_out = S_1 = 2", "R_out = R_1 = 5", "K_out = K_2 = 3", "MACs S_1·R_1·K_2·K_1 = 2·5·3·4 = 120", "K_1 = R_2: 4 = 4"]),
        ([5, 4], [3, 4], {"transpose_b": True}, ["R_out = R_1 = 5", "K_out = K_2 = 3", "K_1 = R_2: 4 = 4", "K_2×R_2 = 3×4"]),
        ([4], [4, 3], {}, ["output K_out = K_2 = 3", "K_1 = R_2: 4 = 4"]),
        ([7, 2, 5, 4], [4, 3], {}, ["G_out = G_1 = 7", "S_out = S_1 = 2", "G number of groups of these"]),
    ],
)  # fmt: skip
def test_the_axes_of_matrices_are_rows_and_columns(left, right, arguments, lines):
    spec = {"inputs": {"a": left, "b": right}, "layers": [{"matmul": arguments or None, "from": ["a", "b"]}]}
    text = " ".join(str(shapecalc.load(spec).explain()).split())
    for line in lines:
        assert line in text
    assert "sequences" not in text
