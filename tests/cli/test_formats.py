"""`--format` and the suffix of `--output`, the same in every command; blocks as text, Markdown and HTML."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from importlib.util import find_spec
from pathlib import Path

import pytest
from repositories import new_repository, write
from running import as_xml, commands, formats_of, run
from searching import some

from shapecalc.cli.formats import SUFFIXES
from shapecalc.renderers.blocks import BLOCK_FORMATS, Code, Items, Note, Paragraph, Table, Title, draw_blocks
from shapecalc.renderers.drawing import TableLine
from shapecalc.text.cells import cell_width

ASKED = {
    "summary": ("lenet5",),
    "changes": ("HEAD",),
    "check": ("lenet5",),
    "compare": ("lenet5", "lenet5_fc"),
    "devices": ("h100",),
    "diff": ("lenet5", "lenet5_fc"),
    "explain": ("lenet5", "c1"),
    "formula": ("lenet5", "--what", "output"),
    "layer": ("conv", "--input", "3x8x8", "--out-channels", "4", "--kernel-size", "3"),
    "layers": ("conv",),
    "memory": ("lenet5",),
    "rf": ("lenet5",),
    "schema": (),
    "sizes": ("lenet5",),
    "solve": ("conv", "--input", "227", "--output-size", "55"),
    "specs": ("lenet5_fc",),
    "speed": ("lenet5", "--device", "h100"),
    "sweep": ("lenet5", "--input", "{32:40:4}x=x1"),
    "weights": (str(Path(__file__).parents[2] / "docs" / "tiny"),),
}
"""The arguments of each command with formats."""


@pytest.fixture(autouse=True, scope="module")
def _in_a_repository(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(new_repository(tmp_path_factory.mktemp("sample")))
        write(Path(), {"net.yaml": "input: 3x8x8\nlayers: [relu]\n"})
        yield


NAMES = ("text", "json", "jsonl", "csv", "parquet", "markdown", "latex", "html", "svg", "python", "github")
"""Every format, by its only name."""


def test_every_command_with_formats_has_a_case():
    assert {name for name in commands() if formats_of(name) != [""]} - {"draw"} == set(ASKED)  # pictures, no answers


@pytest.mark.parametrize("name", some(list(ASKED), 4))
def test_formats_and_defaults_are_the_same_in_all_commands(name):
    formats = formats_of(name)
    assert set(formats) <= set(NAMES)
    assert formats[0] == ("json" if name == "schema" else "text")
    if name != "schema":
        assert {"text", "json", "markdown", "html"} <= set(formats)
    assert run(name, *ASKED[name]) == run(name, *ASKED[name], "--format", formats[0])


@pytest.mark.parametrize("name", some([name for name in ASKED if name != "schema"], 4))
def test_table_is_an_alias_of_text(name):
    assert run(name, *ASKED[name], "--format", "table") == run(name, *ASKED[name])


@pytest.mark.parametrize("name", some(list(ASKED), 1))
def test_the_suffix_decides_the_format(name, tmp_path):
    formats = formats_of(name)
    for suffix, format_ in SUFFIXES.items():
        file = tmp_path / f"out{suffix.upper() if suffix == '.md' else suffix}"
        ran = run(name, *ASKED[name], "-o", file)
        if format_ == "parquet" and format_ in formats and not find_spec("pyarrow"):
            assert ran.status == 2
            assert ran.err.startswith("writing Parquet needs pyarrow")
        elif format_ in formats:
            assert (ran.status, ran.out) == (0, ""), ran
            shown = b"PAR1" if format_ == "parquet" else run(name, *ASKED[name], "--format", format_).out.encode()
            assert file.read_bytes()[: len(shown)] == shown
        else:
            assert (ran.status, ran.out, file.exists()) == (2, "", False)
            assert ran.err.startswith(f"{file}: this command does not write {format_}\n   name it .")
            assert ran.err.endswith("or choose with --format\n")


@pytest.mark.parametrize("name", some(list(ASKED), 2))
@pytest.mark.parametrize("suffix", [".gif", ".yaml", ".2026"])
def test_an_unknown_suffix_is_rejected_without_a_format(name, suffix, tmp_path):
    file = tmp_path / f"out{suffix}"
    ran = run(name, *ASKED[name], "-o", file)
    assert (ran.status, ran.out, file.exists()) == (2, "", False)
    assert f"{file}: no format has the suffix {suffix}" in ran.err
    assert run(name, *ASKED[name], "-o", file, "--format", "json").status == 0
    json.loads(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", some([name for name in ASKED if name != "schema"], 4))
def test_html_is_a_complete_page(name):
    page = run(name, *ASKED[name], "--format", "html").out
    assert page.startswith("<!doctype html>\n")
    assert '<meta charset="utf-8">' in page
    root = ET.fromstring(as_xml(page))
    assert (root.findtext("head/title") or "").strip()
    assert "".join(root.find("body").itertext()).strip()


def test_the_library_returns_an_html_fragment():
    import shapecalc

    assert shapecalc.load("lenet5").infer().render("html").startswith("<table")
    assert shapecalc.load("lenet5").infer().render("table") == shapecalc.load("lenet5").infer().render("text")


LONG = "word " * 60
BLOCKS = [
    Title("one & <two>"), Title("two"), Paragraph(LONG.strip()), Note("note |"), Note("another"), Items(["a *b*", "c"]),
    Code(["```", "  x < y"], "yaml"),
    Table(("name", "n"), [TableLine(("<a>", "1"), "dim"), TableLine(()), TableLine(("b|c", "20"), "bold")],
          total=("total", "21"), numbers=(1,)),
]  # fmt: skip


def test_blocks_as_text():
    lines = draw_blocks(BLOCKS, "text").splitlines()
    assert lines[:3] == ["one & <two>", "two", ""]
    assert max(map(cell_width, lines)) <= 100
    assert [line for line in lines if line.startswith(("note", "another"))] == ["note |", "another"]
    assert lines.index("another") == lines.index("note |") + 1
    assert lines[-2:] == ["─────────", "total  21"]
    assert max(map(cell_width, draw_blocks(BLOCKS, "text", 40).splitlines())) <= 40
    assert "\x1b[1m" in draw_blocks(BLOCKS, "text", color=True)


def test_blocks_as_markdown():
    text = draw_blocks(BLOCKS, "markdown")
    assert r"**one \& \<two\>**" in text
    assert "- a \\*b\\*\n- c\n\n````yaml\n```\n  x < y\n````\n" in text
    assert "| \\<a\\> | 1 |\n| **b\\|c** | **20** |\n| **total** | **21** |" in text


def test_blocks_as_html():
    text = draw_blocks(BLOCKS, "html")
    root = ET.fromstring(as_xml(text))
    assert [row.findtext("td") or row.findtext("th") for row in root.iter("tr")] == ["name", "<a>", "b|c", "total"]
    assert root.findtext("pre") == "```\n  x < y"
    assert [item.text for item in root.iter("li")] == ["a *b*", "c"]


def test_blocks_in_an_unknown_format():
    from shapecalc.errors import UsageError

    with pytest.raises(UsageError, match="there is no format htm"):
        draw_blocks(BLOCKS, "htm")
    assert BLOCK_FORMATS == ("text", "markdown", "html")


def test_piped_prose_has_a_hundred_columns():
    for name in ("memory", "summary", "rf", "sizes"):
        prose = [line for line in run(name, "lenet5").out.splitlines() if line.count(" ") > 10 and "  " not in line]
        assert max(map(cell_width, prose), default=0) <= 100, name


def test_columns_sets_the_width_without_a_terminal(monkeypatch):
    import contextlib
    import io

    from shapecalc.cli import cli

    def piped(columns):
        monkeypatch.setenv("COLUMNS", columns)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            cli.main(["memory", "resnet18"], standalone_mode=False)
        return max(map(cell_width, out.getvalue().splitlines()))

    assert piped("70") <= 70
    assert 70 < piped("") <= 100
    assert 70 < piped("0") <= 100
    assert 70 < piped("wide") <= 100


@pytest.mark.slow
def test_force_color_colours_pipes(monkeypatch, tmp_path):
    import subprocess
    import sys

    def asked(*words, **environment):
        command = [sys.executable, "-m", "shapecalc", "memory", "lenet5", *words]
        import os

        ran = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=True)
        return ran.stdout

    assert "\x1b[" in asked(FORCE_COLOR="1", NO_COLOR="")
    assert "\x1b[" not in asked("--format", "markdown", FORCE_COLOR="1", NO_COLOR="")
    assert asked("-o", str(tmp_path / "file.txt"), FORCE_COLOR="1", NO_COLOR="") == ""
    assert "\x1b[" not in (tmp_path / "file.txt").read_text(encoding="utf-8")


DOCUMENT = (Path(__file__).parents[2] / "docs" / "output.md").read_text(encoding="utf-8")


def test_docs_list_every_format_of_every_command():
    for name in ASKED:
        row = next(line for line in DOCUMENT.splitlines() if line.startswith(f"| `{name}` |"))
        assert [word.strip("` ") for word in row.split("|")[2].split(",")] == formats_of(name), name
    for suffix, format_ in SUFFIXES.items():
        assert any(f"`{suffix}`" in line and f"| `{format_}` |" in line for line in DOCUMENT.splitlines()), suffix


def test_batch_in_compare_and_diff():
    one, four = (json.loads(run("compare", "lenet5", "alexnet", "--batch", n, "--format", "json").out) for n in (1, 4))
    for before, after in zip(one["networks"], four["networks"], strict=True):
        assert after["total"]["macs"] == 4 * before["total"]["macs"]
        assert after["total"]["params"] == before["total"]["params"]
    printed = json.loads(run("diff", "lenet5", "lenet5_fc", "--batch", "4", "--layout", "chw", "--format", "json").out)
    assert printed["a"]["total"]["macs"] == 4 * 416_520
    assert printed["a"]["inputs"] == {"input": [1, 32, 32]}
    row = run(*"layer conv --input 3x8x8 --out-channels 4 --kernel-size 3 --batch 2".split()).out
    assert "7,776  for a batch of 2" in row
    assert "of its output: 144 elements × 2 samples × 4 bytes" in row


def sizes_of(value, path=""):
    """Every value under a key of sizes."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("inputs", "outputs") and isinstance(item, dict):
                for size in item.values():
                    yield path + key, size
            elif key in ("input_shapes", "output_shapes"):
                for size in item:
                    yield path + key, size
            else:
                yield from sizes_of(item, f"{path}{key}.")
    elif isinstance(value, list):
        for item in value:
            yield from sizes_of(item, path)


@pytest.mark.parametrize("name", some(["summary", "compare", "diff", "explain", "memory", "rf", "solve", "specs"], 3))
def test_sizes_are_lists_of_ints_in_all_json(name):
    words = (str(Path(__file__).parents[2] / "docs" / "shape_error.yaml"), "--fix") if name == "solve" else ASKED[name]
    found = list(sizes_of(json.loads(run(name, *words, "--format", "json").out)))
    assert found
    for path, size in found:
        assert isinstance(size, list), path
        assert all(type(axis) is int for axis in size), path


def test_hints_are_under_the_key_hint(tmp_path):
    (tmp_path / "bad.yaml").write_text("input: 3x8x8\nlayers:\n  - cnv: 3\n", encoding="utf-8")
    printed = json.loads(run("check", tmp_path / "bad.yaml", "--format", "json").out)
    assert printed["results"][0]["problems"][0]["hint"] == "did you mean conv?"


# ---- what was asked wrongly ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        ("summary unet --set width=", "--set width= has no value\n   write for instance --set width=32\n"),
        ("solve conv --input 227 --output x.json",
         "x.json is not a size\n   --output is the output size to reach: 55 or 55x55. To write to a file, use -o x.json\n"),
        ("solve alexnet --for input --params 5M --output x.json",
         "--output does not apply: alexnet is not a kind of layer\n"
         "   --output is a size, for kinds only. To write to a file, use -o x.json\n"),
        ("solve alexnet --fix --output 55",
         "--output does not apply: alexnet is not a kind of layer\n"
         "   --output is a size, for kinds only. To write to a file, use -o FILE\n"),
        ("formula resnet50 -s bottleneck", "bottleneck cannot be a symbol: its value is not a whole number, but true\n"),
    ],
)  # fmt: skip
def test_wrong_options_have_clear_errors(words, printed):
    assert run(*words.split()) == (2, "", printed)


def test_a_symbol_that_changes_the_structure_is_rejected():
    ran = run("formula", "bert-base-uncased", "--symbol", "layers")
    assert "\n   repeat must be a whole number of at least 0, not a symbol\n" in ran.err
    assert "[1, 2" not in ran.err
    assert "Many" not in ran.err


def test_every_requested_quantity_is_shown():
    one = run("formula", "lenet5", "--what", "params", "--what", "macs,output").out
    assert one == run("formula", "lenet5", "--what", "params,macs,output").out
    assert one.index("params =") < one.index("MACs =") < one.index("output =")
