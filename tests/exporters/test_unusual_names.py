"""Names that mean something in Python, PyTorch, Keras or YAML break out of no format, and change nothing of what is run."""

from __future__ import annotations

import os

import pytest
from test_keras_source_live import check as check_keras
from test_keras_source_live import keras  # noqa: F401  (a fixture)
from test_onnx_export import check as check_onnx
from test_pytorch_source import check, torch  # noqa: F401  (a fixture)

import shapecalc

CONV = {"conv": {"out_channels": 3, "kernel_size": 3, "padding": 1}}
NAMES = [
    "class", "forward", "self", "torch", "nn", "F", "1st", "größe", "Größe", "a-b", "a b", "x", "x2", "shortcut", "return",
    "import os", "__init__", "super", 'x"); import os #', "training", "train", "eval", "state_dict", "parameters",
    "children", "register_buffer", "T", "to", "type", "half", "float", "_modules", "keras", "layers", "ops", "layer",
    "range", "len", "list", "print", "name", "inputs", "None", "True", "null", "-1", "*y", "&y", "!!python/object", "@z",
    "<b>&amp;</b>", "a|b", "a'b", "a:b", "---", "%s", "\\n", "end", "one_bias", "uncounted", "rotate", "as_model",
]  # fmt: skip
BLOCKS = ["class", "forward", "self", "torch", "nn", "größe", "Network", "x", "x2", "import", "F", "keras", "a-b", "int",
          "filters", "shortcut"]  # fmt: skip
HEAD = [{**CONV, "name": "q"}, {**CONV, "share": "q", "repeat": 3}, {"interpolate": {"scale_factor": 2}}, {"fc": 2}]
"""What makes loops, and calls of functions."""

SPECS = {
    "layers in sequence": {"input": "3x8x8", "layers": [*[{**CONV, "name": one} for one in NAMES], *HEAD]},
    "layers side by side": {
        "input": "3x8x8",
        "layers": [*[{**CONV, "name": one, "from": "input"} for one in NAMES], {"add": None, "from": NAMES}, *HEAD],
    },
    "inputs": {
        "inputs": dict.fromkeys(NAMES, "3x8x8"),
        "layers": [{"add": None, "from": NAMES}, *HEAD[:1], {"concat": ["q", *NAMES]}, *HEAD[2:]],
    },
    "an input that is called as what it becomes": {
        "inputs": {"a": "3x8x8", "x": "4x8x8", "shortcut": "5x8x8"},
        "layers": [{**CONV, "from": "a"}, {"concat": ["conv1", "x"]}, CONV, {"concat": ["conv2", "x", "a", "shortcut"]}],
    },
    "blocks": {
        "input": "3x8x8",
        "blocks": {one: {"args": {"c": "required"}, "layers": [{"conv": {"out_channels": "c", "kernel_size": 1}},
                                                               {"add": [[CONV | {"conv": {**CONV["conv"], "out_channels": "c"}}], []]}]}
                   for one in BLOCKS},
        "layers": [{one: 3 + k % 2} for k in range(2) for one in BLOCKS],
    },
}  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("name", SPECS)
def test_source_of_pytorch(name, torch):  # noqa: F811
    check(torch, shapecalc.load(SPECS[name]))


@pytest.mark.torch
def test_no_module_hides_what_all_modules_have(torch):  # noqa: F811
    names = [one for one in dir(torch.nn.Module) if not one.startswith("_")]
    model = check(torch, shapecalc.load({"input": "3x8x8", "layers": [{**CONV, "name": one} for one in names]}))
    assert not [one for one in names if f"self.{one} = " in model]


@pytest.mark.skipif(not os.environ.get("SHAPECALC_REQUIRE_KERAS"), reason="it takes Keras: set SHAPECALC_REQUIRE_KERAS")
@pytest.mark.parametrize("name", SPECS)
def test_source_of_keras(name, keras):  # noqa: F811
    check_keras(keras, shapecalc.load(SPECS[name]))


@pytest.mark.parametrize("name", SPECS)
def test_source_of_keras_has_no_variable_that_hides_a_function(name):
    source = shapecalc.load(SPECS[name]).convert("keras")
    functions = [line[4:].partition("(")[0] for line in source.splitlines() if line.startswith("def ")]
    lines = [line.strip() for line in source.splitlines()]
    for one in ("keras", "layers", "ops", "range", *functions):
        assert not [line for line in lines if line.startswith(f"{one} = ")]
    assert len({*functions}) == len(functions)
    assert not {"x", "shortcut", "name", "filters"} & {*functions}


@pytest.mark.parametrize("name", SPECS)
def test_specification_and_onnx(name):
    net = shapecalc.load(SPECS[name])
    again = shapecalc.load(net.convert("yaml")).infer()
    assert [(row.name, row.total) for row in again.rows] == [(row.name, row.total) for row in net.infer().rows]
    check_onnx(net)
