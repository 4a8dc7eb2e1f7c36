"""Every format: golden screens, and the laws that hold for any network, also one with hostile names."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import shapecalc.layers  # noqa: F401  (fills the registry)
from shapecalc.errors import UsageError
from shapecalc.graph import Block, Graph, Node, Reference
from shapecalc.inference import infer
from shapecalc.layer import find_kind
from shapecalc.renderers import COLUMNS, FORMATS, parse_columns, render
from shapecalc.renderers.cells import show_bytes
from shapecalc.renderers.colors import draw_in_color
from shapecalc.renderers.text import cell_width, clean, shorten, wrap
from shapecalc.renderers.view import View
from shapecalc.report import Report
from shapecalc.shape import Shape

GOLDEN = Path(__file__).parent / "golden"
HOSTILE = ("[red]x[/red]", "a|b", "x_y&z", "<script>alert(1)</script>", "\x1b[31m", "\x9b2J", "two\nlines", "n" * 300,
           "卷积层" * 20, "*b*", "`c`", "^~\\$%#{}\"'--", "\u202egnp", "=1+1", "]]>", "\ud800")  # fmt: skip
DRAWN = [name for name in FORMATS if name not in ("json", "csv")]


def layer(kind: str, **arguments: object) -> object:
    cls = find_kind(kind)
    assert cls is not None
    return cls(**arguments)


def chain(name: str, layers: list[tuple[str, object]], input_: Shape, **rest: object) -> Graph:
    nodes = tuple(Node(n, made, (Reference(i - 1),)) for i, (n, made) in enumerate(layers))
    return Graph(name, {"input": input_}, nodes, (Reference(len(nodes) - 1),), **rest)


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


def nested(**options: object) -> Report:
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


def hostile() -> Report:
    conv = layer("conv", out_channels=8, kernel_size=3, padding=1)
    graph = chain("\x1b]0;evil\x07 <&>", [(name, conv) for name in HOSTILE], Shape((8, 8, 8), is_map=True))
    return infer(graph._replace(notes=("note \x1b[2J <b> | " + "w" * 200,)))


def huge(layers: int) -> Report:
    conv = layer("conv", out_channels=8, kernel_size=3, padding=1)
    return infer(chain("huge", [(f"conv{n}", conv) for n in range(layers)], Shape((8, 8, 8), is_map=True)))


NETS = {"alexnet": alexnet, "nested": nested, "hostile": hostile}


@pytest.mark.parametrize("name", ["alexnet", "nested"])
@pytest.mark.parametrize("how", ["80.txt", "120.txt", "pipe.txt", "80.ansi", "json", "csv", "markdown", "latex", "html",
                                 "svg"])  # fmt: skip
def test_golden_screens(request: pytest.FixtureRequest, name: str, how: str) -> None:
    width, _, ending = how.rpartition(".")
    if ending in ("txt", "ansi"):
        drawn = render(NETS[name](), width=int(width) if width != "pipe" else None, color=ending == "ansi")
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
    total["memory"] = sum(row.activations for row in report) * 3 * 4
    assert sum(int(row[column]) for row in rows) == total[column]
    view = View(report, [column], depth=depth)
    assert view.sum(column) == COLUMNS[column].sort.shown(total[column])


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("width", [60, 72, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_cut(name: str, width: int) -> None:
    report = NETS[name]()
    for flops in (False, True):
        drawn = render(report, width=width, flops=flops)
        assert max(map(cell_width, drawn.splitlines())) <= width
        assert f"{report.total.params:,}" in drawn.partition("─\n")[2]
        assert not re.search(r"\d…|…\d", drawn)


@pytest.mark.parametrize("width", [20, 40])
def test_a_narrow_terminal_keeps_names_and_params(width: int) -> None:
    table = render(alexnet(), width=width).split("\n\n")[1].splitlines()
    assert table[0].split() == ["Layer", "Params"] if width == 20 else table[0].split() == ["Layer", "Output", "Params"]
    assert table[-1].split() == ["total", "62,378,344"]


def test_wider_terminals_and_pipes_show_more() -> None:
    def headings(width: int | None, **options: object) -> str:
        return " ".join(render(alexnet(), width=width, **options).split("\n\n")[1].splitlines()[0].split())

    assert headings(80) == "Layer Kind Output Weights Biases Params MACs"
    assert headings(100) == "Layer Kind Input Output Weights Biases Params MACs"
    full = "Layer Kind Input Kernel Stride Padding Output Weights Biases Params MACs Memory"
    assert headings(140) == headings(None) == full
    assert headings(80, columns=["+trainable"]) == "Layer Kind Output Weights Params MACs Trainable"
    assert headings(30, columns=["name", "kind", "macs", "memory", "flops"]) == "Layer Kind MACs Memory FLOPs"
    assert headings(80, flops=True) == "Layer Kind Output Weights Biases Params FLOPs"


@pytest.mark.parametrize("name", NETS)
def test_rich_draws_the_same_table(name: str) -> None:
    for width in (80, None):
        view = View(NETS[name](), width=width, color=True)
        colored = render(view.report, width=width, color=True)
        if name != "hostile":  # rich measures some of its characters otherwise
            assert re.sub("\x1b\\[[0-9;]*m", "", colored).split() == render(view.report, width=width).split()
        names = view.names()
        grid = view.grid(names)
        drawn = draw_in_color([view.title], grid, names, view.footer(names), 2, color=False)
        plain = "\n".join(line.rstrip() for line in drawn.splitlines())
        assert plain == render(view.report, columns=names)


@pytest.mark.parametrize("name", NETS)
def test_json_is_to_dict(name: str) -> None:
    report = NETS[name]()
    text = render(report, "json")
    assert json.loads(text) == json.loads(json.dumps(report.to_dict()))
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize("options", [{"columns": ["name"]}, {"depth": 1}, {"flops": True}])
def test_json_refuses_what_would_change_the_contract(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="it always holds everything"):
        render(alexnet(), "json", **options)


@pytest.mark.parametrize("format_", [name for name in FORMATS if name != "json"])
@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("name", NETS)
def test_every_column_is_drawn_in_every_format(format_: str, column: str, name: str) -> None:
    report = NETS[name]()
    heading = column if format_ == "csv" else COLUMNS[column].heading
    assert heading in render(report, format_, columns=[column], depth=None)
    assert heading in render(report, format_, columns=[f"+{column}"], depth=1)


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("column", ["from", "arguments"])
def test_nothing_unprintable_comes_through(format_: str, column: str) -> None:
    drawn = render(hostile(), format_, **({} if format_ == "json" else {"columns": [f"+{column}"]}))
    assert drawn.replace("\n", "").isprintable()
    drawn.encode()


def test_hostile_names_survive() -> None:
    report = hostile()
    table = render(report)
    for name in HOSTILE:
        assert clean(name) in table
    assert [row["name"] for row in csv.DictReader(io.StringIO(render(report, "csv")))] == [clean(n) for n in HOSTILE]
    assert [entry["name"] for entry in json.loads(render(report, "json"))["layers"]] == list(HOSTILE)
    texts = [text.text for text in ElementTree.fromstring(render(report, "svg")).iter("{http://www.w3.org/2000/svg}text")]
    assert set(map(clean, HOSTILE)) <= set(texts)
    cells = [cell.text for cell in ElementTree.fromstring(render(report, "html").replace("<br>", "<br/>")).iter("td")]
    assert set(map(clean, HOSTILE)) <= set(cells)


def test_markdown_rows_have_as_many_cells_as_the_head() -> None:
    rows = [line for line in render(hostile(), "markdown").splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {8}
    assert "| a\\|b |" in rows[3]
    assert "| \\<script\\>alert(1)\\</script\\> |" in rows[5]


def test_latex_escapes_all_that_is_special() -> None:
    drawn = render(hostile(), "latex")
    assert "\n    {[}red]x{[}/red] & " in drawn  # after \\ a [ would be read as its argument
    assert r"x\_y\&z & " in drawn
    assert r"\textasciicircum{}\textasciitilde{}\textbackslash{}\$\%\#\{\}\char34{}'-{}- & " in drawn
    assert drawn.count("\\begin") == drawn.count("\\end")


def test_footer_tells_what_is_counted() -> None:
    footer = render(nested(batch=2), width=None, depth=1).split("\n\n")[-1].splitlines()
    assert footer[0] == "21,728 parameters (21,718 weights + 10 biases) · 21,152 trainable · 64 buffers (running statistics) apart" or footer[0]
    text = " ".join(footer)
    assert "for a batch of 2" in text
    assert "biases, normalisation, activations and pooling are not counted" in text
    assert "Shared weights are counted once: stage1.1.conv uses those of stem, stage2.1.conv uses those of stem." in text
    assert "2 blocks closed: --depth 2 opens them" in text
    assert footer[-1] == "a note [b]"
    assert "closed" not in render(nested(), depth=None)
    flops = render(nested(), flops=True)
    assert re.search(r"([\d,]+) FLOPs = 2 × ([\d,]+) MACs", flops)


def test_long_networks_are_shown_with_their_blocks_closed() -> None:
    unit = nested()
    assert "stage2.1.add" in render(unit)
    graph = huge(200).graph
    blocks = tuple(Block(f"part{n}", "part") for n in range(10))
    nodes = tuple(node._replace(block=n // 20) for n, node in enumerate(graph.nodes))
    closed = render(infer(graph._replace(nodes=nodes, blocks=blocks)))
    assert "part9" in closed
    assert "conv199" not in closed
    assert "10 blocks closed: --depth 2 opens them" in closed
    assert render(infer(graph._replace(nodes=nodes, blocks=blocks)), "csv").count("\n") == 200


def test_a_very_long_table_has_every_row() -> None:
    drawn = render(huge(3_000), width=80, color=True)
    assert "\x1b" not in drawn
    assert len(re.findall(r"(?m)^conv\d+ ", drawn)) == 3_000


@pytest.mark.parametrize(
    ("text", "names"),
    [("name,params", ["name", "params"]), (" Name , MACs,name", ["name", "macs"]), ("+from", ["+from"]),
     ("+from, +memory", ["+from", "+memory"]), ("+from,memory", ["+from", "+memory"])],
)  # fmt: skip
def test_columns_are_read(text: str, names: list[str]) -> None:
    assert parse_columns(text) == names


def test_what_is_not_known_is_refused_with_the_nearest_word() -> None:
    with pytest.raises(UsageError, match="there is no column parms") as found:
        parse_columns("name,parms")
    assert "did you mean params?" in str(found.value)
    with pytest.raises(UsageError, match="no column is named"):
        parse_columns(" , ")
    with pytest.raises(UsageError, match="did you mean markdown"):
        render(alexnet(), "markdwn")
    with pytest.raises(UsageError, match="depth is 0"):
        render(alexnet(), depth=0)


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "–"), (1, "1 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (10_240, "10.0 KiB"), (102_400, "100 KiB"),
     (1_048_575, "1.00 MiB"), (3 * 2**30, "3.00 GiB"), (5000 * 2**40, "5,000 TiB")],
)  # fmt: skip
def test_bytes_are_shown_to_three_figures(number: int, shown: str) -> None:
    assert show_bytes(number) == shown


def test_texts_are_measured_cut_and_wrapped_by_cells() -> None:
    assert cell_width("55×55 – e\u0301") == 9
    assert cell_width("卷积") == 4
    assert shorten("stage1.block3.conv2", 11) == "stage…conv2"
    assert cell_width(shorten("卷积层" * 9, 11)) <= 11
    assert wrap("aa bb cc", 5) == ["aa bb", "cc"]
    assert all(cell_width(line) <= 9 for line in wrap("卷积层" * 9 + " x " + "y" * 30, 9))


def test_rich_is_loaded_for_colour_alone() -> None:
    code = (
        "import sys; from shapecalc.renderers import render; import shapecalc.renderers.table; "
        "print([m for m in ('rich', 'yaml', 'numpy', 'sympy', 'json', 'csv') if m in sys.modules]); "
        "import shapecalc.renderers.colors; print('rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.split("\n")[:2] == ["[]", "True"]
