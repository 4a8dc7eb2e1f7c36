"""`shapecalc explain` from the command line."""

from __future__ import annotations

import json

from running import run


def test_text_fits_the_terminal():
    for columns in (60, 80, 200):
        out = run("explain", "alexnet", columns=columns).out
        assert max(map(len, out.splitlines())) == min(columns, 100)
    assert max(map(len, run("explain", "alexnet").out.splitlines())) == 100, "piped"


def test_only_named_layers():
    ran = run("explain", "alexnet", "conv1", "fc1", "--what", "params")
    assert ran.status == 0
    assert "(9,216 + 1)·4,096 = 37,752,832" in ran.out
    assert "conv2" not in ran.out
    assert "MACs" not in ran.out


def test_layers_are_separated_by_commas_or_spaces():
    assert run("explain", "alexnet", "conv1,conv2") == run("explain", "alexnet", "conv1", "conv2")
    assert "AlexNet has no layer conv9\n" in run("explain", "alexnet", "conv1,conv9").err


def test_numbers_are_separated_by_commas_or_repeated():
    one = run("explain", "alexnet", "fc1", "--what", "params, macs")
    assert (one.out, one.status) == (run("explain", "alexnet", "fc1", "--what", "params", "--what", "macs").out, 0)
    assert "'maccs' is not one of output, params," in run("explain", "alexnet", "--what", "params,maccs").err


def test_input_and_variables_are_overridden():
    assert "⌊(231 + 2·0 − 11) / 4⌋ + 1" in run("explain", "alexnet", "conv1", "--input", "231x231x3").out
    assert (
        "C_in×H_in×W_in = 3×231×231"
        in run("explain", "alexnet", "conv1", "--input", "3x231x231", "--layout", "chw").out
    )
    spec = "vars: {n: 8}\ninput: 3x9x9\nlayers:\n  - conv: {out_channels: n, kernel_size: 3}\n"
    assert "C_out = 5" in run("explain", "-", "--set", "n=5", text=spec).out


def test_json_is_to_dict():
    data = json.loads(run("explain", "alexnet", "--format", "json").out)
    assert data["version"] == 1
    assert data["total"]["params"] == 62_378_344
    assert sum(layer["params"] for layer in data["layers"]) == 62_378_344


def test_markdown_and_latex(tmp_path):
    assert r"$H_{\mathrm{out}} = \left\lfloor" in run("explain", "alexnet", "conv1", "--format", "markdown").out
    file = tmp_path / "a.tex"
    assert run("explain", "alexnet", "--format", "latex", "--output", str(file)).out == ""
    assert file.read_text(encoding="utf-8").endswith("\\end{document}\n")


def test_errors():
    ran = run("explain", "alexnet", "cnv1")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "AlexNet has no layer cnv1\n   did you mean conv1?\n"
    assert run("explain", "alexnet", "--what", "parms").status == 2
    ran = run("explain", "-", text="input: 3x5x5\nlayers:\n  - conv: {out_channels: 3, kernel_size: 7}\n")
    assert ran.status == 1
    assert "7×7 window does not fit" in ran.err
