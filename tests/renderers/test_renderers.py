"""Every format: golden screens, and the laws that hold for any network, also one with hostile names."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from searching import some

import shapecalc
from shapecalc.errors import UsageError
from shapecalc.escaping import clean, csv_cell
from shapecalc.layers import find_kind
from shapecalc.layers.base.shape import Shape
from shapecalc.model.graph import Block, Graph, Node, Reference
from shapecalc.model.inference import infer
from shapecalc.renderers import COLUMNS, FORMATS, parse_columns, render
from shapecalc.renderers.drawing import TableLine, draw_lines
from shapecalc.renderers.view import View
from shapecalc.text.cells import cell_width

if TYPE_CHECKING:
    from shapecalc.model.report import Report

GOLDEN = Path(__file__).parent / "golden"
HOSTILE = ("[red]x[/red]", "a|b", "x_y&z", "<script>alert(1)</script>", "\x1b[31m", "\x9b2J", "two\nlines", "n" * 300,
           "卷积层" * 20, "*b*", "`c`", "^~\\$%#{}\"'--", "\u202egnp", "=1+1", "]]>", "\ud800")  # fmt: skip


def layer(kind: str, **arguments: Any) -> Any:
    cls = find_kind(kind)
    assert cls is not None
    return cls(**arguments)


def chain(name: str, layers: list[tuple[str, Any]], input_: Shape, **rest: Any) -> Graph:
    nodes = tuple(Node(n, made, (Reference(i - 1),)) for i, (n, made) in enumerate(layers))
    return Graph(name, {"input": input_}, nodes, (Reference(len(nodes) - 1),), **rest)


@cache
def alexnet() -> Report:
    layers = []
    for number, (out, size, stride, padding, pool) in enumerate(
        [(96, 11, 4, 0, True), (256, 5, 1, 2, True), (384, 3, 1, 1, False), (384, 3, 1, 1, False), (256, 3, 1, 1, True)], 1
    ):  # fmt: skip
        conv = layer("conv", out_channels=out, kernel_size=size, stride=stride, padding=padding)
        layers += [(f"conv{number}", conv), (f"relu{number}", layer("relu"))]
        layers += [(f"pool{number}", layer("max_pool", kernel_size=3, stride=2))] if pool else []
    layers += [(f"fc{n}", layer("fc", out_features=out)) for n, out in enumerate((4096, 4096, 1000), 1)]
    return infer(chain("AlexNet", layers, Shape((227, 227, 3), channels_last=True, is_map=True), layout="HWC"))


@cache
def nested(**options: Any) -> Report:
    """Return a network with blocks within blocks, shared and frozen weights, and running statistics."""
    conv = layer("conv", out_channels=8, kernel_size=3, padding=1, bias=False)
    nodes = [Node("stem", conv, (Reference(-1),), frozen=True)]
    blocks = []
    for stage in range(2):
        blocks.append(Block(f"stage{stage + 1}", "stage"))
        parent = len(blocks) - 1
        for unit in range(2):
            blocks.append(Block(f"stage{stage + 1}.{unit}", "unit", parent))
            scope, block, start = blocks[-1].name, len(blocks) - 1, len(nodes) - 1
            nodes += [
                Node(f"{scope}.conv", conv, (Reference(start),), block=block, shares=0 if unit else -1),
                Node(f"{scope}.bn", layer("batch_norm"), (Reference(start + 1),), block=block),
                Node(f"{scope}.add", layer("add"), (Reference(start + 2), Reference(start)), block=block),
            ]
    nodes.append(Node("fc", layer("fc", out_features=10), (Reference(len(nodes) - 1),)))
    outputs = (Reference(len(nodes) - 1),)
    shape = Shape((8, 16, 16), is_map=True)
    graph = Graph("Nested", {"input": shape}, tuple(nodes), outputs, blocks=tuple(blocks), notes=("a note [b]",))
    return infer(graph, **options)


@cache
def hostile() -> Report:
    conv = layer("conv", out_channels=8, kernel_size=3, padding=1)
    graph = chain("\x1b]0;evil\x07 <&>", [(name, conv) for name in HOSTILE], Shape((8, 8, 8), is_map=True))
    return infer(graph._replace(notes=("note \x1b[2J <b> | " + "w" * 200,)))


def huge(layers: int) -> Report:
    conv = layer("conv", out_channels=8, kernel_size=3, padding=1)
    return infer(chain("huge", [(f"conv{n}", conv) for n in range(layers)], Shape((8, 8, 8), is_map=True)))


NETS = {"alexnet": alexnet, "nested": nested, "hostile": hostile}


@pytest.mark.parametrize("name", ["alexnet", "nested"])
@pytest.mark.parametrize("how", ["80.txt", "120.txt", "pipe.txt", "json", "csv", "markdown", "latex", "html", "svg"])
def test_golden_screens(request: pytest.FixtureRequest, name: str, how: str) -> None:
    width, _, ending = how.rpartition(".")
    if ending == "txt":
        drawn = render(NETS[name](), width=int(width) if width != "pipe" else None)
    else:
        drawn = render(NETS[name](), how)
    file = GOLDEN / f"{name}.{how}"
    if request.config.getoption("--renew", default=False):
        file.write_text(drawn + "\n", encoding="utf-8")
    assert drawn + "\n" == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("depth", [1, 2, 3, None])
@pytest.mark.parametrize("column", [name for name, column in COLUMNS.items() if column.sort.adds])
def test_columns_add_up_at_every_depth(depth: int | None, column: str) -> None:
    report = nested(batch=3)
    rows = list(csv.DictReader(io.StringIO(render(report, "csv", columns=["name", column], depth=depth))))
    total = {**report.total._asdict(), "flops": 2 * report.total.macs}
    total["output_bytes"] = sum(row.activations for row in report) * 3 * 4
    if column.endswith("_share"):
        total[column] = Fraction(1)
        assert sum(float(row[column]) for row in rows) == pytest.approx(1, abs=1e-4)
    else:
        assert sum(int(row[column]) for row in rows) == total[column]
    view = View(report, [column], depth=depth)
    assert view.sum(column) == COLUMNS[column].sort.shown(total[column])


@pytest.mark.slow
@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("width", [60, 72, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_cut(name: str, width: int) -> None:
    report = NETS[name]()
    for flops in (False, True):
        drawn = render(report, width=width, flops=flops)
        assert max(map(cell_width, drawn.splitlines())) <= width
        assert f"{report.total.params:,}" in drawn.partition("─\n")[2]
        assert not re.search(r"\d…|…\d", drawn)


@pytest.mark.parametrize(
    ("width", "headings"), [(12, ["Layer", "Params"]), (20, ["Layer", "Params"]), (40, ["Layer", "Output", "Params"])]
)
def test_a_narrow_terminal_keeps_names_and_params(width: int, headings: list[str]) -> None:
    table = render(alexnet(), width=width).split("\n\n")[1].splitlines()
    assert table[0].split() == headings
    assert table[3].startswith("conv1 ")
    assert table[-1].split() == ["total", "62,378,344"]


def test_wider_terminals_and_pipes_show_more() -> None:
    def headings(width: int | None, **options: Any) -> str:
        return " ".join(render(alexnet(), width=width, **options).split("\n\n")[1].splitlines()[0].split())

    assert headings(80) == "Layer Kind Output Weights Biases Params MACs"
    assert headings(100) == "Layer Kind Input Output Weights Biases Params MACs"
    full = "Layer Kind Input Kernel Stride Padding Output Weights Biases Params MACs Bytes"
    assert headings(140) == headings(None) == full
    assert headings(80, columns=["+trainable"]) == "Layer Kind Output Weights Params MACs Trainable"
    assert headings(30, columns=["name", "kind", "macs", "output_bytes", "flops"]) == "Layer Kind MACs Bytes FLOPs"
    assert headings(80, flops=True) == "Layer Kind Output Weights Biases Params FLOPs"


@pytest.mark.parametrize("name", some(NETS, 2))
def test_rich_draws_the_same_table(name: str) -> None:
    for width in (80, None):
        report = NETS[name]()
        colored = render(report, width=width, color=True)
        assert re.search("\x1b\\[36m ?conv", colored)
        bare = re.sub("\x1b\\[[0-9;]*m", "", colored)
        assert "\n".join(line.rstrip() for line in bare.splitlines()) == render(report, width=width)


@pytest.mark.parametrize("total", [(), ("total", "", "1,234")])
@pytest.mark.parametrize("gap", [1, 2, 3])
def test_a_table_has_the_same_text_in_colour(gap: int, total: tuple[str, ...]) -> None:
    lines = [
        TableLine(("conv\x1b[2J", "漢字", "1")), TableLine(()), TableLine(("a[b]", "–", "12,345,678"), "red"),
        TableLine(()), TableLine(("", "", "")), TableLine(("b", "c", "2"), "bold"), TableLine(("", "d", "")),
    ]  # fmt: skip
    drawn = [
        draw_lines(("Layer", "", "n"), lines, total=total, numbers=(2,), styles=("", "", "bold"), gap=gap, color=color)
        for color in (False, True)
    ]
    bare = re.sub("\x1b\\[[0-9;]*m", "", drawn[1])
    assert "\n".join(line.rstrip() for line in bare.splitlines()) == drawn[0]
    assert "\x1b[31m" in drawn[1]
    assert "\x1b[2J" not in drawn[1]
    assert drawn[0].splitlines()[0] == f"Layer{' ' * (3 + gap)}{' ' * (4 + gap)}{' ' * 9}n"


@pytest.mark.parametrize("name", NETS)
def test_json_is_to_dict(name: str) -> None:
    report = NETS[name]()
    text = render(report, "json")
    assert json.loads(text) == json.loads(json.dumps(report.to_dict()))
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize("depth", [1, 2, None])
def test_json_is_the_same_at_every_depth(depth: int | None) -> None:
    assert render(nested(), "json", depth=depth) == render(nested(), "json")


@pytest.mark.parametrize("options", [{"columns": ["name"]}, {"flops": True}])
def test_json_rejects_options_that_change_the_contract(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="it always contains everything"):
        render(alexnet(), "json", **options)


@pytest.mark.parametrize("format_", [name for name in FORMATS if name != "json"])
@pytest.mark.parametrize("column", some(COLUMNS, 8))
@pytest.mark.parametrize("name", some(NETS, 1))
def test_every_column_is_drawn_in_every_format(format_: str, column: str, name: str) -> None:
    report = NETS[name]()
    heading = column if format_ == "csv" else COLUMNS[column].heading
    assert heading in render(report, format_, columns=[column], depth=None)
    assert heading in render(report, format_, columns=[f"+{column}"], depth=1)


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("column", ["from", "arguments"])
def test_unprintable_characters_are_escaped(format_: str, column: str) -> None:
    drawn = render(hostile(), format_, columns=None if format_ == "json" else [f"+{column}"])
    assert drawn.replace("\n", "").isprintable()
    drawn.encode()


def test_hostile_names_stay_readable() -> None:
    report = hostile()
    table = render(report)
    for name in HOSTILE:
        assert clean(name) in table
    assert [row["name"] for row in csv.DictReader(io.StringIO(render(report, "csv")))] == [csv_cell(n) for n in HOSTILE]
    assert [entry["name"] for entry in json.loads(render(report, "json"))["layers"]] == list(HOSTILE)
    svg = ET.fromstring(render(report, "svg"))
    assert {clean(name) for name in HOSTILE} <= {text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")}
    html = ET.fromstring(render(report, "html").replace("<br>", "<br/>"))
    assert {clean(name) for name in HOSTILE} <= {cell.text for cell in html.iter("td")}


def test_markdown_rows_have_as_many_cells_as_the_head() -> None:
    rows = [line for line in render(hostile(), "markdown").splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {8}
    assert "| a\\|b |" in rows[4]
    assert "| \\<script\\>alert(1)\\</script\\> |" in rows[6]


def test_latex_escapes_special_characters() -> None:
    drawn = render(hostile(), "latex")
    assert "\n    {[}red]x{[}/red] & " in drawn  # after \\ a [ would be read as its argument
    assert r"x\_y\&z & " in drawn
    assert r"\textasciicircum{}\textasciitilde{}\textbackslash{}\$\%\#\{\}\char34{}'-{}- & " in drawn
    assert drawn.count("\\begin") == drawn.count("\\end")


def test_footer_names_what_is_counted() -> None:
    footer = render(nested(batch=2), width=None, depth=1).split("\n\n")[-1].splitlines()
    assert max(map(len, footer)) <= 100
    text = " ".join(footer)
    assert text.startswith(
        "22,282 parameters (22,240 weights + 42 biases) · 21,706 trainable · 64 buffer elements (running statistics) 1,5"
    )
    assert "for a batch of 2" in text
    assert "biases, normalisation, activations and pooling are not counted" in text
    assert (
        "Shared weights are counted once: stage1.1.conv uses the weights of stem, stage2.1.conv uses the weights of stem."
        in text
    )
    assert "2 blocks collapsed; expand with --depth 2" in text
    assert footer[-1] == "a note [b]"
    assert "closed" not in render(nested(), depth=None)
    flops = render(nested(), flops=True)
    assert re.search(r"([\d,]+) FLOPs = 2 × ([\d,]+) MACs", flops)


def test_buffers_that_are_not_running_statistics_are_not_called_so():
    layers = [
        {"constant": {"shape": [4], "buffer": True}, "name": "c"},
        {"add": {}, "from": ["input", "c"]},
        "batch_norm",
    ]
    text = shapecalc.load({"input": [4, 4], "layers": layers}).infer().render("text")
    assert "12 buffer elements (stored, not trained)" in text


def test_footer_names_what_keras_counts() -> None:
    layers = [{"conv": {"out_channels": 4, "kernel_size": 3}}, "batch_norm"]
    report = shapecalc.load(layers, input="3x8x8").infer(convention="keras")
    parts = "112 weights + 8 biases + 8 running statistics, as Keras counts"
    assert f"\n128 parameters ({parts}) · 120 trainable\n" in render(report)


def test_long_networks_are_shown_with_collapsed_blocks() -> None:
    assert "stage2.1.add" in render(nested())
    graph = huge(200).graph
    parts = [Block(f"part{n}", "part") for n in range(10)]
    blocks = (*parts, *[Block(f"part{n // 4}.{n % 4}", "unit", n // 4) for n in range(40)])
    nodes = tuple(node._replace(block=10 + n // 5) for n, node in enumerate(graph.nodes))
    report = infer(graph._replace(nodes=nodes, blocks=blocks))
    assert "part9.0–3 ×4" in render(report)
    closed = render(report, fold=False)
    assert "part9.3" in closed  # 41 lines; with the parts closed 11, with everything open 201
    assert "conv199" not in closed
    assert "40 blocks collapsed; expand with --depth 3" in closed
    assert render(report, "csv").count("\n") == 200


def test_a_very_long_table_has_every_row() -> None:
    drawn = render(huge(3_000), width=80, color=True)
    assert "\x1b" not in drawn.split("\n\n")[1]
    assert len(re.findall(r"(?m)^conv\d+ ", drawn)) == 3_000


@pytest.mark.parametrize(
    ("text", "names"),
    [("name,params", ["name", "params"]), (" Name , MACs,name", ["name", "macs"]), ("+from", ["+from"]),
     ("+from, +buffers", ["+from", "+buffers"]), ("+from,output_bytes", ["+from", "+output_bytes"])],
)  # fmt: skip
def test_parsing_of_columns(text: str, names: list[str]) -> None:
    assert parse_columns(text) == names


def test_unknown_names_are_rejected_with_a_suggestion() -> None:
    with pytest.raises(UsageError, match="there is no column parms") as found:
        parse_columns("name,parms")
    assert "did you mean params?" in str(found.value)
    with pytest.raises(UsageError, match="no column is named"):
        parse_columns(" , ")
    with pytest.raises(UsageError, match="did you mean markdown"):
        render(alexnet(), "markdwn")
    with pytest.raises(UsageError, match="depth is 0"):
        render(alexnet(), depth=0)


def test_rich_is_loaded_only_for_colour() -> None:
    code = (
        "import sys; from shapecalc.renderers import render; import shapecalc.renderers.text; "
        "print([m for m in ('rich', 'yaml', 'numpy', 'sympy', 'json', 'csv') if m in sys.modules]); "
        "import shapecalc; report = shapecalc.load('alexnet').infer(); render(report); print('rich' in sys.modules); "
        "render(report, color=True); print('rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:3] == ["[]", "False", "True"]


def test_arguments_are_written_in_one_way():
    """As PyTorch writes them: in tables, differences, the answers of `solve`, and where a block is used."""
    text = """input: 4x9x9
blocks: {b: {args: {c: 4, flag: false}, layers: [{conv: {out_channels: c, kernel_size: [3, 1], bias: flag}}]}}
layers:
  - conv: {out_channels: 1024, kernel_size: 3, stride: 2, padding: [[0, 1], [1, 2]]}
  - conv: {out_channels: 4, kernel_size: 1, padding: same}
    name: a
  - conv: {out_channels: 4, kernel_size: 1}
    name: own
  - conv: {out_channels: 4, kernel_size: 1}
    share: own
  - b: {c: 8}
  - dropout: 0.25
"""
    net = shapecalc.load(text)
    shown = View(net.infer(), fold=False).cells("arguments")[1:]
    assert shown == [
        "out_channels=1024, kernel_size=3×3, stride=2, padding=(0,1)×(1,2)",
        "out_channels=4, kernel_size=1×1, padding=same",
        "out_channels=4, kernel_size=1×1",
        "out_channels=4, kernel_size=1×1, share=own",
        "out_channels=8, kernel_size=3×1, bias=false",
        "p=0.25",
    ]
    assert '"out_channels=8, kernel_size=3x1, bias=false"' in render(net.infer(), "csv", columns=["name", "arguments"])
    assert "bias=false" in net.diff(shapecalc.load(text.replace("flag: false", "flag: true"))).render(
        "text", width=None
    )
    solved = shapecalc.solve("max_pool", input=112, output=56, kernel_size=3, ceil_mode=True)
    assert str(solved).startswith("max_pool, 112 → 56, kernel_size=3, ceil_mode=true\n")
    assert "with c=8, flag=false" in " ".join(str(net.explain("b1")).split())


def test_maps_that_a_written_network_makes_of_a_vector_are_named_so():
    network = shapecalc.load(
        {"input": 100, "layers": [{"reshape": [4, 5, 5]}, {"conv": {"out_channels": 8, "kernel_size": 3}}]}
    )
    assert "Sizes are C×H×W, without the batch axis." in " ".join(render(network.infer()).split())
