"""Repeated blocks as one line, and the lines that are selected: totals are always those of the network."""

from __future__ import annotations

import csv
import io
import json
from math import prod

import pytest
from searching import NETWORKS, some

import shapecalc
from shapecalc.errors import UsageError
from shapecalc.renderers import FORMATS, render
from shapecalc.renderers.columns import COLUMNS
from shapecalc.renderers.folding import fold
from shapecalc.renderers.selection import Selection
from shapecalc.renderers.view import View


def report_of(name):
    return shapecalc.load(name).infer()


@pytest.mark.parametrize("name", some(NETWORKS, 12))
@pytest.mark.parametrize("depth", [1, 2, None])
def test_folded_lines_add_up_and_contain_every_layer_once(name, depth):
    report = report_of(name)
    lines, folded = report.lines(depth), fold(report.lines(depth))
    assert sorted(id(row) for line in folded for row in line.rows) == sorted(map(id, report.rows))
    assert sum(line.copies for line in folded) == len(lines)
    for what in report.total._fields:
        assert sum(getattr(line.total, what) for line in folded) == getattr(report.total, what)
    assert sum(line.activations for line in folded) == sum(line.activations for line in lines)


def test_folded_blocks():
    names = [line.name for line in fold(report_of("llama-2-7b").lines(1))]
    assert names == ["embed_tokens", "layers.0–31 ×32", "norm", "lm_head"]
    folded = {line.name: line for line in fold(report_of("resnet50").lines(2))}
    assert [name for name in folded if "×" in name] == [
        "layer1.1–2 ×2", "layer2.1–3 ×3", "layer3.1–5 ×5", "layer4.1–2 ×2"
    ]  # fmt: skip
    assert folded["layer3.1–5 ×5"].total.params == 5 * 1_117_184
    assert folded["layer3.1–5 ×5"].output_shapes == [(1024, 14, 14)]


REPEATED = {
    "gemma-2-2b": ["layers.0, 2, …, 24 ×13", "layers.1, 3, …, 25 ×13"],
    "gemma-3-1b": ["layers.0–4, 6–10, …, 18–22 ×20", "layers.5, 11, 17, 23 ×4", "layers.24–25 ×2"],
    "gpt-oss-20b": ["layers.0, 2, …, 22 ×12", "layers.1, 3, …, 23 ×12"],
    "jamba-v0.1": [f"layers.{i}, {i + 8}, {i + 16}, {i + 24} ×4" for i in range(8)],
    "qwen3-next-80b-a3b": ["layers.0–2, 4–6, …, 44–46 ×36", "layers.3, 7, …, 47 ×12"],
    "modernbert-base": ["layer.0", "layer.1–2, 4–5, …, 19–20 ×14", "layer.3, 6, …, 21 ×7"],
    "swin_t": ["stage3.0, 2, 4 ×3", "stage3.1, 3, 5 ×3"],
    "llama-2-7b": ["layers.0–31 ×32"],
}
"""Blocks of the models' papers and `config.json`s, where some take turns: Gemma 2 (Riviere et al. 2024, table 1: local and
global attention), Gemma 3 (Kamath et al. 2025, section 2: 5 local layers, then a global one), gpt-oss (`layer_types`),
Jamba (Lieber et al. 2024, section 3.1: 8 layers, of which one has attention, and every other has experts), Qwen3-Next
(`full_attention_interval` is 4), ModernBERT (`global_attn_every_n_layers` is 3; layer 0 has no norm before attention), Swin
(Liu et al. 2021, section 3.2: regular and shifted windows)."""


@pytest.mark.parametrize("name", REPEATED)
def test_blocks_that_take_turns_are_folded_each(name):
    lines = fold(report_of(name).lines(2 if name == "swin_t" else 1))
    start = "stage3." if name == "swin_t" else "layer"
    assert [line.name for line in lines if line.name.startswith(start) and line.kind != "patch_merging"] == REPEATED[
        name
    ]


def test_a_folded_line_has_the_sums_of_its_own_copies():
    report = report_of("qwen3-next-80b-a3b")
    linear, full = [line for line in fold(report.lines(1)) if line.copies > 1]
    assert linear.total.params == 36 * report.line("layers.0").total.params
    assert full.total.params == 12 * report.line("layers.3").total.params
    assert {row.name.split(".")[1] for row in full.rows} == {str(i) for i in range(3, 48, 4)}


def blocks(text, more=""):
    spec = (
        "input: 4x8x8\nblocks:\n  b: {args: {c: 4}, layers: [conv: {out_channels: c, kernel_size: 1}]}\n"
        f"  {more}\n{text}"
    )
    return [line.name for line in fold(shapecalc.load(spec).infer().lines(1))]


def test_blocks_that_are_not_folded():
    assert blocks("layers: [b, b, b]\n") == ["b1–3 ×3"]
    assert blocks("layers: [b, b: {c: 5}, b: {c: 4}]\n") == ["b1", "b2", "b3"], "of other sizes"
    assert blocks("layers: [b, relu, b]\n") == ["b1", "relu1", "b2"], "apart"
    assert blocks("layers: [b, {b: , name: x7}, {b: , name: x9}]\n") == ["b1", "x7", "x9"], "not numbered on"
    assert blocks("layers: [{b: , name: one}, {b: , name: two}]\n") == ["one", "two"]
    shared = "layers: [{b: , name: p0}, {b: , name: p1, share: p0}]\n"
    assert blocks(shared) == ["p0", "p1"], "the second has no parameters of its own"
    assert [line.name for line in fold(shapecalc.load([{"linear": 8}] * 3, input="8").infer().lines(1))] == [
        "linear1", "linear2", "linear3"
    ]  # fmt: skip


def test_many_blocks_whose_layers_have_other_arguments_are_one_and_a_few_stay_apart():
    """The dilations of WaveNet are 1, 2, 4, …, 512, 1, …: sizes and parameters are the same, and the blocks are not.

    Its first block has no skips to add to, its last none after it.
    """
    lines = fold(report_of("wavenet").lines(1))
    assert [line.name for line in lines if line.is_block] == ["layer.0", "layer.1–48 ×48", "layer.49"]
    parts = [line.name for line in fold(report_of("deeplabv3_resnet50").lines(2)) if line.name.startswith("aspp.")]
    assert parts[:4] == ["aspp.conv_bn1", "aspp.conv_bn2", "aspp.conv_bn3", "aspp.conv_bn4"], "of rates 12, 24, 36"
    ways = [line.name for line in fold(report_of("inception_v3").lines(2)) if line.name.startswith("Mixed_7a.conv")]
    assert "Mixed_7a.conv_norm4–5 ×2" not in ways, "a window of 1×7, then one of 7×1"


@pytest.mark.parametrize(
    ("layers", "names"),
    [
        ("b, c, b, c, b", ["b1, 3 ×2", "c2, 4 ×2", "b5"]),
        ("c, b, b, c, b, b, c", ["c1, 4 ×2", "b2–3, 5–6 ×4", "c7"]),
        ("b, b, c, b, c", ["b1–2 ×2", "c3", "b4", "c5"]),
        ("c, b, b, b, c, b", ["c1", "b2–4 ×3", "c5", "b6"]),
        ("b, c, b, c, relu, b, c, b, c", ["b1, 3 ×2", "c2, 4 ×2", "relu5", "b6, 8 ×2", "c7, 9 ×2"]),
        ("b, relu, b, relu", ["b1", "relu2", "b3", "relu4"]),
    ],
)
def test_what_is_a_period(layers, names):
    """Whole copies one after another; what is before and after them stays; a layer written out by itself is none."""
    items = [f"{{{item}: , name: {item}{number}}}" for number, item in enumerate(layers.split(", "), 1)]
    inner = "c: {layers: [conv: {out_channels: 4, kernel_size: 1}, relu]}"
    assert blocks(f"layers: [{', '.join(items)}]\n", inner) == names


def test_copies_of_a_period_are_numbered_on():
    items = [f"{{{item}: , name: {item}{number}}}" for number in (1, 3, 7, 9, 11) for item in "bc"]
    inner = "c: {layers: [conv: {out_channels: 4, kernel_size: 1}, relu]}"
    assert blocks(f"layers: [{', '.join(items)}]\n", inner) == [
        "b1, 3 ×2", "c1, 3 ×2", "b7, 9, 11 ×3", "c7, 9, 11 ×3"
    ]  # fmt: skip


def varied(layers, body="[conv: {out_channels: 4, kernel_size: 1}]", more=""):
    spec = f"input: 4x8x8\nblocks:\n  b: {{args: {{a: 1}}, layers: {body}}}\n{more}layers: {layers}\n"
    return [line.name for line in fold(shapecalc.load(spec).infer().lines(1))]


def test_what_is_inside_a_block_decides_whether_it_is_the_same():
    two = "[b: {a: 1}, b: {a: 2}]"
    assert varied(two) == ["b1–2 ×2"], "an argument without an effect"
    conv = "[conv: {out_channels: 4, kernel_size: 3, padding: same, dilation: a}]"
    assert varied(two, conv) == ["b1", "b2"]
    assert varied("[b: {a: 2}, b: {a: 2}, b: {a: 1}]", conv) == ["b1–2 ×2", "b3"]
    assert varied(two, "[relu, dropout: a / 4]") == ["b1", "b2"]
    assert varied(two, "[{relu: , when: a == 1}, {tanh: , when: a == 2}]") == ["b1", "b2"], "other kinds"
    assert varied(two, "[{relu: , when: a == 1, name: c}, {tanh: , when: a == 2, name: c}]") == ["b1", "b2"]
    assert varied(two, "[relu, {relu: , when: a == 2}]") == ["b1", "b2"], "the first, and one more"
    assert varied(two, "[{relu: , name: 'r{a}'}]") == ["b1", "b2"], "other names"
    assert varied(two, "[relu, tanh, {sigmoid: , when: a == 2}, {relu: , when: a == 1}]") == ["b1", "b2"]
    wired = "[{relu: , name: r1}, {tanh: , name: r2}, {add: [r1, r2, 'r{a}']}]"
    assert varied("[b: {a: 1}, b: {a: 1}]", wired) == ["b1–2 ×2"]
    assert varied(two, wired) == ["b1", "b2"], "other inputs"
    assert varied("[b: {a: 1}, b: {a: 1}]", frozen := "[{linear: 8, frozen: a == 1}, {linear: 8, frozen: a == 2}]") == [
        "b1–2 ×2"
    ]  # fmt: skip
    assert varied(two, frozen) == ["b1", "b2"], "frozen elsewhere"
    words = "[{Conv2d: {out_channels: 4, kernel_size: 1}, when: a == 1, name: c}, "
    words += "{conv: {out_channels: 4, kernel_size: 1}, when: a == 2, name: c}]"
    assert varied(two, words) == ["b1–2 ×2"], "the same in other words"
    scaled = "[{adaptive_avg_pool: 1, from: input2, name: g}, {mul: [g, input]}]"
    maps = (
        "[{conv: {out_channels: 4, kernel_size: 1}, name: m0}, {max_pool: 2, name: m1}, {relu: , name: x, from: m0}, "
    )
    maps += "{b: , from: [x, m0], name: s0}, {b: , from: [s0, m1], name: s1}]"
    assert varied(maps, scaled)[-2:] == ["s0", "s1"], "of inputs of other sizes"


def repeated(text):
    report = shapecalc.load(f"input: 4x8x8\n{text}").infer()
    return [(line.name, line.is_block) for line in fold(report.lines(None))]


def test_copies_of_a_repeated_layer_are_one_line():
    assert repeated("layers: [{conv: {out_channels: 4, kernel_size: 1}, repeat: 24, name: m}]") == [
        ("m.0–23 ×24", False)
    ]
    assert repeated("layers: [{conv: {out_channels: 4, kernel_size: 1}, repeat: 3}, {relu: }]") == [
        ("conv1–3 ×3", False), ("relu1", False)
    ]  # fmt: skip
    named = "layers: [{conv: {out_channels: 4, kernel_size: 1}, for: {k: [3, 4, 5, 7]}, name: 'm{k}'}]"
    assert repeated(named) == [("m3–5 ×3", False), ("m7", False)]
    assert repeated("layers: [{conv: {out_channels: 4, kernel_size: 3, padding: same, dilation: i // 2 + 1}, repeat: 4, name: m}]") == [
        ("m.0–1 ×2", False), ("m.2–3 ×2", False)
    ]  # fmt: skip
    assert repeated("layers: [{conv: {out_channels: 4, kernel_size: 1}, repeat: 3, name: m, share: m.0}]") == [
        ("m.0", False), ("m.1–2 ×2", False)
    ]  # fmt: skip
    owners = "{linear: 8, name: a0}, {linear: 8, name: a1}"
    shared = f"layers: [{owners}, {{linear: 8, repeat: 2, name: m, share: 'a{{i}}'}}]"
    assert repeated(shared)[2:] == [("m.0", False), ("m.1", False)], "of the weights of a0 and of a1"
    apart = "layers: [{relu: , name: m1}, {relu: , name: m2}, {relu: , name: m3}]"
    assert repeated(apart) == [("m1", False), ("m2", False), ("m3", False)], "each written out by itself"


def test_layers_without_a_location_stay_apart():
    """Layers of a graph that has none were not repeated by one item."""
    lines = shapecalc.load([{"linear": 8, "repeat": 2}], input="8").infer().lines(None)
    assert len(fold(lines)) == 1
    bare = [row._replace(node=row.node._replace(mark=None)) for line in lines for row in line.rows]
    assert len(fold([line._replace(rows=(row,)) for line, row in zip(lines, bare, strict=True)])) == 2


def test_a_repeated_layer_and_the_footer():
    report = shapecalc.load({"input": 64, "layers": [{"linear": 64, "repeat": 24, "name": "m"}]}).infer()
    drawn = render(report)
    assert "m.0–23 ×24  linear" in drawn
    assert "m.0–23 ×24 are repeated layers, with the sum of their counts; list each with --no-fold" in drawn
    assert "collapsed" not in drawn
    assert "99,840" in next(line for line in drawn.splitlines() if line.startswith("m.0–23"))
    assert "m.23 " in render(report, fold=False)
    assert json.loads(render(report, "json", fold=True))["folded"][0] == {
        "name": "m.0–23 ×24", "kind": "linear", "count": 24, "names": [f"m.{i}" for i in range(24)],
        "first": "m.0", "last": "m.23",
        **shapecalc.load({"input": 64, "layers": [{"linear": 64, "repeat": 24}]}).infer().total._asdict(),
    }  # fmt: skip


@pytest.mark.parametrize("format_", FORMATS)
def test_which_formats_fold(format_):
    report = report_of("llama-2-7b")
    if format_ in ("json", "csv"):
        assert "×32" not in render(report, format_, depth=1)
        assert "layers.0" in render(report, format_, depth=1)
        assert "layers.0–31 ×32" in render(report, format_, depth=1, fold=True)
        assert render(report, format_, depth=1, fold=False) == render(report, format_, depth=1)
    else:
        folded = "layers.0--31" if format_ == "latex" else "layers.0–31"
        assert folded in render(report, format_, depth=1)
        assert folded in render(report, format_, depth=1, fold=True)
        assert folded not in render(report, format_, depth=1, fold=False)
        assert "layers.31" in render(report, format_, depth=1, fold=False)


def test_csv_has_the_inputs_of_the_first_copy():
    rows = csv.DictReader(io.StringIO(render(report_of("gemma-2-2b"), "csv", depth=1, fold=True)))
    assert {row["name"]: row["from"] for row in rows if "×" in row["name"]} == {
        "layers.0, 2, …, 24 ×13": "embed_tokens", "layers.1, 3, …, 25 ×13": "layers.0.add2"
    }  # fmt: skip


def test_json_lists_folded_blocks_in_addition():
    report = report_of("llama-2-7b")
    plain, folded = (json.loads(render(report, "json", fold=fold)) for fold in (False, True))
    (entry,) = folded.pop("folded")
    assert folded == plain
    assert entry["count"] == 32
    assert (entry["first"], entry["last"]) == ("layers.0.rms_norm1", "layers.31.add2")
    assert entry["params"] == 32 * 202_383_360


def test_receptive_fields_disable_folding():
    report = report_of("resnet50")
    assert "×2 " not in render(report, depth=2, columns=["+rf"])
    assert "layer1.1–2 ×2" in render(report, depth=2)


def test_the_footer_names_no_fold():
    drawn = render(report_of("llama-2-7b"))
    assert "32 blocks collapsed; expand with --depth 2" in drawn
    assert "layers.0–31 ×32 are repeated blocks" in drawn
    assert "--no-fold" in drawn
    assert "--no-fold" not in render(report_of("llama-2-7b"), fold=False)


@pytest.mark.parametrize(
    ("layers", "note"),
    [
        ("[b: {d: 1}, b: {d: 2}, b: {d: 4}]", "b1: dilation 1; b2: dilation 2; b3: dilation 4"),
        ("[b: {d: 1}, b: {d: 1}, b: {d: 2}, b: {d: 2}]", "b1–2: dilation 1; b3–4: dilation 2"),
        ("[b: {d: 1}, b: {d: 2}, b: {d: 1}, b: {d: 2}]", "b1, 3: dilation 1; b2, 4: dilation 2"),
        ("[b: {d: 1}, b: {d: 2}, b: {d: 4}, b: {d: 1}, b: {d: 3}]", "b1–5 differ in dilation (1 / 2 / 4 / 3)"),
        ("[b: {d: 1}, b: {d: 2}, b: {d: 3}, b: {d: 4}, b: {d: 5}]", "b1–5 differ in dilation (1–5)"),
        ("[b: {m: zeros}, b: {m: circular}]", "b1: padding_mode zeros; b2: padding_mode circular"),
        (
            "[b: {m: zeros, d: 2}, b: {m: circular}]",
            "b1: dilation 2, padding_mode zeros; b2: dilation 1, padding_mode circular",
        ),
        ("[b, b]", ""),
        ("[b: {d: 2}, relu, b: {d: 3}]", ""),
    ],
)
def test_blocks_that_look_alike_say_in_what_they_differ(layers, note):
    """Folded by twos or listed, at the depth at which they are collapsed only."""
    text = (
        "input: 4x9x9\nblocks:\n  b: {args: {d: 1, m: zeros}, layers: [conv: {out_channels: 4, kernel_size: 3, "
        f"padding: same, dilation: d, padding_mode: m}}]}}\nlayers: {layers}\n"
    )
    report = shapecalc.load(text).infer()
    for fold_ in (True, False):
        lines = report.render(depth=1, fold=fold_).splitlines()
        assert [line for line in lines if (line.startswith("b1") and "dilation" in line) or "mode" in line] == (
            [note] if note else []
        )
    assert "dilation 1" not in report.render(depth=2)


def test_the_dilations_of_wavenet():
    assert "\nlayer.1–48 differ in dilation (1–512)" in report_of("wavenet").render()


def test_of_many_such_notes_the_first_are_shown():
    drawn = report_of("inception_v3").render(depth=2)
    assert drawn.count("conv_norm6: kernel_size 7×1, padding 3×0; ") == 3
    assert drawn.endswith("\nand so do blocks at 3 more places")


# ---- selection -------------------------------------------------------------------------------------------------------


def rows_of(report, **options):
    """The names that CSV shows."""
    return [row["name"] for row in csv.DictReader(io.StringIO(render(report, "csv", **options)))]


def test_sort_and_top():
    report = report_of("alexnet")
    assert rows_of(report, top=3) == ["fc1", "fc2", "fc3"]
    assert rows_of(report, sort="macs", kind=["conv"], top=2) == ["conv1", "conv3"]
    assert rows_of(report, sort="-MACs", top=2) == ["conv2", "conv4"]
    assert rows_of(report, sort="-macs", top=2) == ["conv2", "conv4"]
    assert rows_of(report, sort="+macs", kind=["conv"]) == ["conv1", "conv3", "conv5", "conv4", "conv2"]
    assert rows_of(report, sort="-output_bytes", top=1) == ["conv1"]
    assert rows_of(report, sort="name", kind=["fc", "softmax"]) == ["fc1", "fc2", "fc3", "softmax1"]
    assert rows_of(report, sort="-name", kind=["fc", "softmax"]) == ["softmax1", "fc3", "fc2", "fc1"]
    assert rows_of(report, sort="+kind", top=1) == ["conv1"]
    assert sorted(rows_of(report, sort="params")) == sorted(rows_of(report))
    assert rows_of(report, kind=["conv2d"]) == [f"conv{n}" for n in range(1, 6)], "another name of it"
    assert rows_of(report_of("resnet50"), depth=1, kind=["stage", "fc"], fold=False)[-1] == "fc"


def test_sizes_are_sorted_by_their_elements():
    """As text 96×55×55 would come before 6×6×256, and 4096 before 55×55×96."""
    report = report_of("alexnet")
    sizes = {row.name: row.output_shapes[0] for row in report.rows}
    names = rows_of(report, sort="-output")
    assert [prod(sizes[name]) for name in names] == sorted(map(prod, sizes.values()), reverse=True)
    assert names[:2] == ["conv1", "relu1"]
    assert rows_of(report, sort="output")[0] == rows_of(report, sort="+output")[0] == "fc3"
    assert rows_of(report, sort="-input", top=1) == ["relu1"]
    both = shapecalc.load(
        {"input": 8, "layers": [{"split": {"sizes": [6, 2]}}, "relu"], "outputs": ["split1", "relu1"]}
    )
    assert rows_of(both.infer(), sort="-output") == ["split1", "relu1"], "the outputs of a layer add up"


def test_the_note_says_how_lines_are_sorted():
    report = report_of("alexnet")
    for sort, words in {
        "-output": "largest output first", "input": "smallest input first", "name": "sorted by name;",
        "-kind": "sorted by kind, from z to a;", "-macs": "largest MACs first", "+output_bytes": "smallest output bytes first",
    }.items():  # fmt: skip
        assert words in render(report, sort=sort), sort


@pytest.mark.parametrize("column", [name for name, column in COLUMNS.items() if column.sort.adds])
def test_the_smallest_layers_come_first_or_the_largest(column):
    report = report_of("googlenet")
    lines = report.lines(None)
    values = COLUMNS[column].values(report, lines)
    for sign in ("", "-"):
        picked = Selection(sort=f"{sign}{column}").picked(report, lines)
        assert [values[i] for i in picked] == sorted(values, reverse=bool(sign))
        assert sorted(picked) == list(range(len(lines)))


@pytest.mark.parametrize("format_", [one for one in FORMATS if one not in ("json", "csv")])
def test_totals_are_those_of_the_network(format_):
    report = report_of("alexnet")
    drawn = render(report, format_, top=2)
    assert "62,378,344" in drawn
    assert "2 of 21 lines shown" in drawn
    assert "conv1" not in drawn


def test_shares_are_of_the_whole_network():
    drawn = render(report_of("alexnet"), shares=True, top=1)
    assert " 60.5%" in next(line for line in drawn.splitlines() if line.startswith("fc1"))


def test_layers_are_selected_within_blocks():
    view = View(report_of("llama-2-7b"), selection=Selection(("rms_norm",)))
    assert len(view.lines) == 65
    assert view.footer(["name"])[0].startswith("65 of 355 lines shown, of kind rms_norm; ")
    closed = View(report_of("llama-2-7b"), depth=1, selection=Selection(("decoder_layer",)))
    assert [line.name for line in closed.lines] == ["layers.0–31 ×32"]


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        ({"sort": "parms"}, "there is no column parms"),
        ({"sort": "+"}, "no column is named to sort by"),
        ({"sort": ""}, "no column is named to sort by\n   choose from: name, kind, from, input, output, weights, "),
        ({"sort": "kernel"}, "cannot be sorted by kernel\n   choose from: name, kind, from, input, output, weights, "),
        ({"sort": "arguments"}, "lines cannot be sorted by arguments"),
        ({"sort": "macs,params"}, "there is no column macs,params"),
        ({"kind": ["mamba"]}, "the network has no layer of kind mamba"),
        ({"kind": ["lstm"]}, "the network has no layer of kind lstm"),
        ({"top": 0}, "top is 0"),
        ({"top": "3"}, "top is 3"),
    ],
)
def test_invalid_selections(options, printed):
    with pytest.raises(UsageError, match=printed):
        render(report_of("alexnet"), **options)


@pytest.mark.parametrize("options", [{"sort": "params"}, {"top": 2}, {"kind": ["conv"]}])
def test_json_always_contains_everything(options):
    with pytest.raises(UsageError, match="it always contains everything"):
        render(report_of("alexnet"), "json", **options)


def test_receptive_fields_are_ordered_by_their_longest_axis():
    cells = ["–", "-3", "1/2", "1", "≤2", "3×1", "2, 4", "10", "all", "3+all", "150+all×7"]
    order = COLUMNS["rf"].sort.order
    assert order is not None
    keys = [order(cell) for cell in cells]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
