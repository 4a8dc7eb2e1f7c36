"""`shapecalc convert`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from crafted_onnx import FLOAT, INT8, model, node, tensor, value
from running import run

import shapecalc
from shapecalc.exporters import FORMATS

INT4 = 22
"""ONNX' number of the type."""


def test_to_the_screen():
    result = run("convert", "lenet5", "--to", "dot")
    assert result.status == 0
    assert result.out == shapecalc.load("lenet5").convert("dot")


def test_the_name_of_the_file_decides(tmp_path):
    for name, to in (("a.dot", "dot"), ("a.GV", "dot"), ("a.mmd", "mermaid")):
        path = tmp_path / name
        result = run("convert", "resnet18", "--depth", "1", "-o", path)
        assert (result.status, result.out, result.err) == (0, "", "")
        assert path.read_text(encoding="utf-8") == shapecalc.load("resnet18").convert(to, depth=1)


def test_the_longest_end_of_a_name_decides(tmp_path):
    path = tmp_path / "lenet5.Timeloop.yaml"
    assert run("convert", "lenet5", "-o", path) == (0, "", "")
    assert path.read_text(encoding="utf-8") == shapecalc.load("lenet5").convert("timeloop")
    assert run("convert", "lenet5", "-o", tmp_path / "timeloop.yaml").status == 0
    assert (tmp_path / "timeloop.yaml").read_text(encoding="utf-8").startswith("name: ")


def test_an_onnx_file_as_a_specification(tmp_path):
    path = tmp_path / "digits.yaml"
    assert run("convert", "docs/digits.onnx", "--input", "1x28x28", "-o", path) == (0, "", "")
    assert "expect:\n  params: " in path.read_text(encoding="utf-8")
    assert run("check", path).status == 0


def test_an_input_is_not_overwritten(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("input: 3x8x8\nlayers: [relu]\n", encoding="utf-8")
    result = run("convert", path, "-o", path)
    assert (result.status, result.out) == (2, "")
    assert "is an input of this command: it is not overwritten" in result.err


def test_only_pictures_have_a_depth():
    result = run("convert", "lenet5", "--to", "yaml", "--depth", "1")
    assert result.err == "yaml has no depth: it has all blocks\n   dot and mermaid collapse blocks\n"


def test_another_name_is_refused_and_nothing_written(tmp_path):
    result = run("convert", "lenet5", "-o", tmp_path / "a.png")
    assert result.status == 2
    assert result.err == (
        f"{tmp_path}/a.png: no format has the suffix .png\n   name it .yaml, .py, .onnx, .dot, .mmd, .csv or .timeloop.yaml, or choose with --to\n"
    )
    assert run("convert", "lenet5", "-o", tmp_path / "a").err.startswith(f"{tmp_path}/a: the name has no suffix\n")
    assert list(tmp_path.iterdir()) == []
    assert run("convert", "lenet5", "-o", tmp_path / "a.png", "--to", "dot").status == 0
    assert (tmp_path / "a.png").read_text(encoding="utf-8").startswith("digraph")


@pytest.mark.parametrize(
    ("to", "name", "told"),
    [
        ("pytorch", "net.onnx", "net.onnx is the name of another format (onnx) than pytorch\n   name it .py, or write --to onnx\n"),
        ("keras", "net.keras",
         "net.keras: Keras writes .keras, with the weights of the model\n   for its source, write --to keras -o net.py\n"),
        ("pytorch", "net.pt", "net.pt: PyTorch is written as source, without weights, not as .pt\n   write -o net.py\n"),
        ("keras", "net.yml", "net.yml is the name of another format (yaml) than keras\n   name it .py, or write --to yaml\n"),
        ("timeloop", "net.csv", "net.csv is the name of another format (scalesim) than timeloop\n"
         "   name it .timeloop.yaml, or write --to scalesim\n"),
        ("", "net.keras", "net.keras: Keras writes .keras, with the weights of the model\n"
         "   for its source, write --to keras -o net.py\n"),
        ("keras", "net.py", ""), ("pytorch", "net.txt", ""), ("pytorch", "net", ""), ("timeloop", "net.yaml", ""),
        ("yaml", "net.timeloop.yml", ""), ("onnx", "NET.ONNX", ""),
    ],
)  # fmt: skip
def test_a_file_has_no_name_of_another_format(tmp_path, monkeypatch, to, name, told):
    monkeypatch.chdir(tmp_path)
    ran = run("convert", "lenet5", *(["--to", to] if to else []), "-o", name)
    assert (ran.status, ran.err) == ((2, told) if told else (0, ""))
    assert os.listdir() == ([] if told else [name])


def test_without_a_format_the_formats_are_listed():
    result = run("convert", "lenet5")
    assert result.status == 2
    assert "Missing option '--to'. Choose from: " + ", ".join(FORMATS) in " ".join(result.err.split())
    assert "'--output': the name of the file is empty" in run("convert", "lenet5", "-o", "").err
    assert run("convert", "lenet5", "--to", "dot", "-o", "-").out.startswith("digraph")


def test_a_network_with_an_error_is_not_written(tmp_path):
    path = tmp_path / "a.dot"
    result = run("convert", "docs/shape_error.yaml", "-o", path)
    assert result.status == 1
    assert "the 5×5 window does not fit its 2×2 input" in result.err
    assert not path.exists()


def test_bytes_are_for_files_and_pipes(tmp_path):
    path = tmp_path / "a.onnx"
    assert run("convert", "lenet5", "-o", path) == (0, "", "")
    written = shapecalc.load("lenet5").convert("onnx")
    assert path.read_bytes() == written
    for output in ([], ["-o", "-"]):
        piped = subprocess.run([sys.executable, "-m", "shapecalc", "convert", "lenet5", "--to", "onnx", *output],
                               capture_output=True, check=True)  # fmt: skip
        assert piped.stdout == written
    assert run("convert", "lenet5", "--to", "onnx", columns=80) == (
        2, "", "onnx is binary, and would garble the terminal\n   name a file with -o, or write to a pipe\n"
    )  # fmt: skip


def test_settings_and_inputs():
    assert "3×64×64" in run("convert", "resnet18", "--to", "dot", "--input", "3x64x64").out
    assert 'label="10"' in run("convert", "resnet18", "--to", "dot", "--set", "classes=10").out
    assert "there is no variable x to set" in run("convert", "resnet18", "--to", "dot", "--set", "x=1").err


def quantised_onnx(folder, *types):
    """Fully connected layers with quantised weights of these types."""
    names = [f"t{i}" for i in range(len(types))]
    nodes = [one for i, name in enumerate(names) for one in (
        node("DequantizeLinear", [f"w{i}", "s"], [f"v{i}"]), node("MatMul", [names[i - 1] if i else "x", f"v{i}"], [name]),
    )]  # fmt: skip
    weights = [
        tensor(f"w{i}", [8, 8], kind=type_, raw=b"\1" * (256 if type_ == FLOAT else 64 if type_ == INT8 else 32))
        for i, type_ in enumerate(types)
    ]
    path = folder / "net.onnx"
    path.write_bytes(
        model(nodes, [value("x", [1, 8])], [value(names[-1], None)], weights=[*weights, tensor("s", [], [0.5])])
    )
    return path


def quantised_keras(folder, *modes):
    """Dense layers, as Keras 3.15 writes quantised ones."""
    policies = [
        {"class_name": "QuantizedDTypePolicy", "config": {"mode": mode, "source_name": "float32"}} for mode in modes
    ]
    layers = [
        {"class_name": "Dense", "config": {"name": f"d{i}", "units": 3, "dtype": one}} for i, one in enumerate(policies)
    ]
    layers.insert(0, {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 8]}})
    path = folder / "net.json"
    path.write_text(json.dumps({"class_name": "Sequential", "config": {"name": "net", "layers": layers}}))
    return path


@pytest.mark.parametrize("to", ["yaml", "pytorch", "keras", "onnx", "dot", "scalesim"])
@pytest.mark.parametrize(("make", "how", "told"), [
    (quantised_onnx, (INT8,), "8 bits"), (quantised_onnx, (INT8, INT4), "8 bits, 4 bits"), (quantised_onnx, (FLOAT,), ""),
    (quantised_keras, ("int8",), "int8"), (quantised_keras, ("int8", "int4", "int8"), "int8, int4"),
    (quantised_keras, (None,), ""),
])  # fmt: skip
def test_what_is_quantised_is_written_in_full_width_and_a_note_says_so(tmp_path, make, how, told, to):
    ran = run("convert", make(tmp_path, *how), "--to", to, "-o", tmp_path / "out")
    assert (ran.status, ran.out) == (0, "")
    due = f"warning: weights of net are quantised ({told}): {to} does not keep that, and has them in full width\n"
    assert ran.err.startswith(due if told and to not in ("dot", "scalesim") else "")
    assert bool(ran.err) == (bool(told) and to not in ("dot", "scalesim"))


def test_formats_of_a_config_are_not_kept_either(tmp_path):
    path = tmp_path / "config.json"
    config = json.loads(Path("docs/tiny/config.json").read_text())
    for quantised, told in (({"quant_method": "gptq", "bits": 4, "group_size": 128}, "gptq-int4-g128"), ({}, "")):
        path.write_text(json.dumps({**config, "dtype": "bfloat16", "quantization_config": quantised}))
        ran = run("convert", path, "--to", "yaml", "-o", tmp_path / "out")
        assert (f"are quantised ({told}): yaml" in ran.err) == bool(told)
        assert ran.status == 0
