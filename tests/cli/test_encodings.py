"""Streams whose encoding lacks characters: plainer ones with the same meaning, in the same columns."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from fractions import Fraction
from pathlib import Path

import pytest
from running import as_xml, commands, formats_of, run
from searching import some

import shapecalc
from shapecalc.renderers.plain import write_plainer
from shapecalc.text.cells import cell_width

ENCODINGS = ("ascii", "latin-1", "cp1252", "cp437")

TINY = str(Path(__file__).parents[2] / "docs" / "tiny")

ASKED: dict[str, list[list[str]]] = {
    "summary": [["nested", "--shares"], ["nested", "--columns", "+rf,jump"]],
    "check": [["lenet5", "nested"]],
    "compare": [["lenet5", "nested"]],
    "convert": [["nested", "--to", "dot"], ["lenet5", "--to", "keras"]],
    "devices": [[], ["--show", "h100"]],
    "diff": [["lenet5", "nested", "--all"]],
    "draw": [["nested"], ["nested", "--style", "volumes"], ["nested", "--style", "memory"]],
    "explain": [["nested", "--what", "output", "--what", "params"]],
    "formula": [["nested", "--layer", "squeezed", "-s", "H", "-s", "width"]],
    "init": [["-o", "-"], ["lenet5", "-o", "-"]],
    "layer": [["conv", "--input", "3x8x8", "--out-channels", "4", "--kernel-size", "3", "--explain"]],
    "layers": [["gelu", "sigmoid", "self_attention", "max_pool"], []],
    "lsp": [["nowhere"]],
    "memory": [["nested"], ["nested", "--layers", "--training"], ["nested", "--patches", "2x2", "--sram", "9KiB"]],
    "rf": [["nested"], ["nested", "long"]],
    "schema": [[]],
    "serve": [["nowhere"]],
    "sizes": [["nested"]],
    "solve": [["nested", "--for", "width", "--params", "9k"], ["conv", "--input", "227", "--output", "55"]],
    "specs": [["lenet5"]],
    "speed": [["nested", "--device", "h100"], ["gpt2", "--device", "rtx-3090", "--batch", "2"]],
    "sweep": [["nested", "--set", "width=2:8:2"]],
    "weights": [[TINY], [TINY, "--against", f"{TINY}/config.json"]],
}
"""The arguments of each command; a command that is missing here fails."""

SPEC = """
name: nested
input: 3x33x33
vars: {width: 4}
layers:
  - conv: {out_channels: width, kernel_size: 3, stride: 2}
    name: long
  - max_pool: {kernel_size: 3, stride: 2, ceil_mode: true}
  - conv: {out_channels: 8, kernel_size: 3}
    name: a_layer_with_a_very_long_name_that_no_terminal_has_the_room_for
  - add:
      - [conv: {out_channels: 8, kernel_size: 3, padding: 1}]
      - []
  - conv: {out_channels: 16, kernel_size: 3, stride: 2}
    name: squeezed
  - global_avg_pool
  - fc: 10
"""


@pytest.fixture(scope="module")
def nested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("encodings") / "nested.yaml"
    file.write_text(SPEC)
    return file


def test_every_command_has_a_case() -> None:
    assert set(ASKED) == set(commands())


def asked(name: str, nested: Path) -> list[list[str]]:
    return [[str(nested) if word == "nested" else word for word in words] for words in ASKED[name]]


@pytest.mark.slow
@pytest.mark.parametrize("name", some([name for name in commands() if name != "specs"], 4))
def test_every_special_character_has_a_replacement(name: str, nested: Path) -> None:
    for words in asked(name, nested):
        for format_ in [one for one in formats_of(name) if one not in ("parquet", "pdf", "png")]:
            arguments = [name, *words, *(["--format", format_] if format_ else [])]
            full = run(*arguments)
            if full.status == 2:  # an option that the format does not have
                continue
            for encoding in ENCODINGS if format_ == "text" else ENCODINGS[:1]:
                ran = run(*arguments, encoding=encoding)
                assert (ran.status, ran.err) == (full.status, "")
                assert ran.out.count("?") == full.out.count("?"), (arguments, ran.out)
                if format_ == "json":
                    assert json.loads(ran.out) == json.loads(full.out)
                elif format_ in ("html", "svg"):
                    texts = [[e.text for e in ET.fromstring(as_xml(one)).iter()] for one in (ran.out, full.out)]
                    assert texts[0] == texts[1]
                elif format_ == "text":
                    assert list(map(columns_of, ran.out.splitlines())) == list(map(columns_of, full.out.splitlines()))


def columns_of(line: str) -> list[int]:
    """Return the starts of the columns of a line; for a line up to the right edge of a page, its end."""
    if " → " in line or " -> " in line:
        return [cell_width(line)] if re.search(r"\S {3,}\S+ -?[→>]", line) else []
    if re.search(r"[=:≤] |floor|⌊", line):  # a rule with numbers
        return []
    return [cell_width(line[: found.end()]) for found in re.finditer(r"(?<=\S) {2,}(?=[^ <≤])", line)]


def test_truncated_names_keep_columns_aligned(nested: Path) -> None:
    for arguments in (
        ["summary", nested],
        ["rf", nested],
        ["memory", nested, "--layers"],
        ["diff", nested, "lenet5", "--all"],
    ):
        full, plain = run(*arguments, columns=60), run(*arguments, columns=60, encoding="ascii")
        cut = [
            (a, b) for a, b in zip(full.out.splitlines(), plain.out.splitlines(), strict=True) if "…" in a and "_" in a
        ]
        assert cut, arguments
        for one, other in cut:
            assert "~" in other
            assert len(one) == len(other)
    assert all(len(line) <= 60 for line in run("summary", nested, columns=60, encoding="ascii").out.splitlines())


@pytest.mark.parametrize(
    ("spec", "encoding"),
    some(
        [
            ("nested", "ascii"),
            ("alexnet", "ascii"),
            ("unet", "ascii"),
            ("nested", "cp437"),
            ("unet", "latin-1"),
            ("alexnet", "cp1252"),
        ],
        2,
    ),
)
def test_formulas_in_ascii_have_the_same_value(spec: str, encoding: str, nested: Path) -> None:
    symbols = ["-s", "width"] if spec in ("unet", "nested") else []
    out = run("formula", nested if spec == "nested" else spec, *symbols, encoding=encoding).out
    printed = {}
    for what, text in re.findall(r"(?m)^  (params|MACs) = (.*(?:\n {4,}[+-].*)*)", out):
        python = re.sub(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]", lambda found: "**" + str("⁰¹²³⁴⁵⁶⁷⁸⁹".index(found[0])), " ".join(text.split()))
        python = re.sub(r"(?<=\d),(?=\d{3})", "", python).replace("^", "**").replace("·", "*").replace("−", "-")
        printed[what] = re.sub(r"(?<![\w*])(\d+)", r"F(\1)", python)
    report = shapecalc.load(SPEC if spec == "nested" else spec).infer()
    height = next(iter(report.inputs.values()))
    sizes = {
        "H": height[-2] if report.graph.layout == "CHW" else height[0],
        "W": height[-2],
        "width": 4 if spec == "nested" else 64,
    }
    names = {
        **{name: Fraction(size) for name, size in sizes.items()},
        "F": Fraction,
        "floor": math.floor,
        "ceil": math.ceil,
    }
    assert eval(printed["params"], dict(names)) == report.total.params
    assert eval(printed["MACs"], dict(names)) == report.total.macs


PLAIN = {
    "⌊(H − 35)/32⌋·⌈W/2⌉": "floor((H - 35)/32)*ceil(W/2)",
    "3·H² + H¹²·W⁴": "3*H^2 + H^12*W^4",
    "1 / (1 + e⁻ˣ)": "1 / (1 + e^(-x))",
    "softmax(QKᵀ / √d_k)": "softmax(QK^T / sqrt(d_k))",
    "net · input 3×4": "net | input 3x4",
    "· behind": "| behind",
    "3 weights (2 + 1) · 4 buffers": "3 weights (2 + 1) | 4 buffers",
    "down(gate(x) · up(x))": "down(gate(x) * up(x))",
    "(…, n, k) and    x": "(..., n, k) and    x",
    "k ≤ 4 → 5, “in”": 'k <= 4 -> 5, "in"',
    "H_in×W_in×C_in = 2×3×4": "H_in x W_in x C_in = 2x3x4",
    "H×W×C": "HxWxC",
    "11 + 22 + … + 5": "11 + 22 + ... + 5",
    "a, b, …": "a, b, ...",
    "… and 3 more": "... and 3 more",
    "stage…conv2   12": "stage~conv2   12",
    "a word that is cu…": "a word that is cu...",
    "conv     ≤8    4": "conv    <=8    4",
    "conv1 · conv     2×2 → 1×1": "conv1 | conv    2x2 -> 1x1",
    "  back      227 → 55 → 9,216": "  back      227 -> 55 -> 9,216",
    "██▌ 20 %, ▏": "### 20 %, .",
    "é漢字e\u0301": "???" + "??" + "e",
}


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_written_in_ascii(text: str) -> None:
    assert write_plainer(text, "ascii") == PLAIN[text]
    assert write_plainer(text, "utf-8") == text


def test_characters_of_the_encoding_are_kept() -> None:
    assert write_plainer("3×3 · é² ⁴ ⌊x⌋", "latin-1") == "3×3 · é² ^4 floor(x)"
    assert write_plainer("H²⁴", "latin-1") == "H^24"
    assert write_plainer("≤ √ █▌ ▎×", "cp437") == "≤ √ ## .x"
    assert write_plainer("“a” – …", "cp1252") == "“a” – …"


def test_each_format_escapes_missing_characters() -> None:
    assert json.loads(write_plainer('{"é": "漢🎉"}', "ascii", "json")) == {"é": "漢🎉"}
    assert write_plainer("<b>é×</b>", "ascii", "html") == "<b>&#233;&#215;</b>"
    assert write_plainer("# é·x\ndef f(é):", "ascii", "python") == "# u00e9*x\ndef f(u00e9):"


def run_for_real(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", "from shapecalc.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, check=False, env={**os.environ, **environment})


@pytest.mark.slow
def test_in_a_separate_process() -> None:
    for environment in (
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ):
        ran = run_for_real("explain", "alexnet", "conv1", **environment)
        assert "H_out = floor((H_in + 2*p - k) / s) + 1" in ran.stdout.decode("ascii")
        help_ = run_for_real("memory", "--help", **environment)
        assert help_.stdout.decode("ascii")  # click itself writes through it
        wrong = run_for_real("summary", "alexnet", "--dépth", "…", **environment)
        assert (wrong.returncode, wrong.stdout) == (2, b"")
        assert wrong.stderr.decode("ascii")


@pytest.mark.parametrize("words", ["explain alexnet", "layers unfold", "layers multi_head_attention", "layers lstm"])
@pytest.mark.parametrize("width", [80, 100])
def test_what_is_longer_in_ascii_is_wrapped_as_such(words: str, width: int) -> None:
    lines = run(*words.split(), columns=width, encoding="ascii").out.splitlines()
    assert max(map(len, lines)) <= width
    assert any("floor(" in line or "sqrt(" in line or "^2" in line for line in lines)


def test_formulas_in_ascii_are_within_the_width() -> None:
    pytest.importorskip("sympy")
    lines = run("formula", "vgg16_fcn", columns=80, encoding="ascii").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any("floor(" in line for line in lines)
