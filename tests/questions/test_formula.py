"""Closed formulas against plain inference, and their texts."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from searching import examples, some

pytest.importorskip("sympy")

from running import run

import shapecalc
from shapecalc.dims import ceil_div
from shapecalc.dims.symbols import symbol
from shapecalc.questions.formula.floors import Collapse
from shapecalc.questions.formula.writers import WRITERS

H, W = symbol("H"), symbol("W")
TEXT, PYTHON = WRITERS["text"], WRITERS["python"]

WINDOWS = st.lists(st.tuples(st.integers(1, 7), st.integers(1, 4), st.booleans()), min_size=1, max_size=4)


@pytest.mark.slow
@given(WINDOWS, st.integers(1, 400))
def test_nested_windows_are_one_division(windows, size):
    expression, number = H, size
    for shift, stride, up in windows:
        expression = ceil_div(expression + shift, stride) if up else (expression - shift) // stride + 1
        number = -(-(number + shift) // stride) if up else (number - shift) // stride + 1
    collapsed = Collapse()(expression)
    assert int(collapsed.subs(H, size)) == number
    assert eval(PYTHON(collapsed), {"H": size}) == number
    assert TEXT(collapsed).count("⌊") <= 1


@given(st.integers(1, 12), st.integers(-30, 30), st.integers(1, 12), st.integers(1, 60))
def test_upsampled_sizes(factor, shift, divisor, size):
    collapsed = Collapse()((factor * H + shift) // divisor)
    assert int(collapsed.subs(H, size)) == (factor * size + shift) // divisor


@given(st.integers(0, 15), st.integers(1, 8), st.integers(-20, 20), st.integers(0, 30))
def test_a_known_remainder_removes_the_floor(rest, divisor, shift, turn):
    size = 16 * turn + rest + 16
    collapsed = Collapse({H: (rest, 16)})((H + shift) // divisor)
    assert int(collapsed.subs(H, size)) == (size + shift) // divisor
    if 16 % divisor == 0:
        assert "⌊" not in TEXT(collapsed)


def test_texts():
    expression = Collapse()(((H - 11) // 4 + 1 - 3) // 2 + 1)
    assert TEXT(expression) == "⌊(H − 11)/8⌋"
    assert PYTHON(expression) == "((H - 11)//8)"
    assert WRITERS["latex"](expression) == r"\left\lfloor \frac{H - 11}{8} \right\rfloor"
    assert TEXT(1_000_000 * H * W - 3) == "1,000,000·H·W − 3"


def test_alexnet():
    answer = shapecalc.load("alexnet").formula()
    printed = answer.written("text")
    assert printed["params"] == "1,048,576·⌊(H − 35)/32⌋·⌊(W − 35)/32⌋ + 24,629,608"
    assert answer.symbols[0].domain.text() == "every size from 67 on"
    assert answer.verified >= 20
    assert int(answer.formulas["params"].subs({H: 227, W: 227})) == 62_378_344


@pytest.mark.slow
def test_unet_is_a_polynomial_at_legal_sizes():
    printed = shapecalc.load("unet").formula().written("text")
    assert printed["output"]["score"] == ["2", "H − 184", "W − 184"]
    assert printed["macs"] == "733,888·H·W − 90,947,712·H − 90,947,712·W + 14,356,195,584"


@pytest.mark.slow
def test_variables_and_batch():
    answer = shapecalc.load("unet").formula(["width", "N"])
    assert answer.written("text")["params"] == "7,574·width² + 118·width + 2"
    width, n = symbol("width"), symbol("N")
    assert int(answer.formulas["macs"].subs({width: 64, n: 3})) == 3 * 150_428_424_448


def test_one_layer():
    answer = shapecalc.load("alexnet").formula(layer="conv2")
    assert answer.written("text")["output"] == {"conv2": ["⌊(H − 11)/8⌋", "⌊(W − 11)/8⌋", "256"]}


@pytest.mark.slow
@pytest.mark.parametrize(
    "spec", some(["resnet50", "googlenet", "squeezenet1_0", "swin_t", "siamese", "r3d_18", "vit_b_16"], 2)
)
def test_formulas_agree_with_inference_beyond_the_verified_range(spec):
    network = shapecalc.load(spec)
    answer = network.formula(what=["params", "macs"])
    shapes = network.graph.inputs
    for add in (1, 3, 64, 131):
        values = {s.name: s.given + add for s in answer.symbols}
        inputs = {}
        for name, shape in shapes.items():
            places = {axis: s.name for s in answer.symbols for i, axis in s.places if i == name}
            spatial = [values[places[axis]] for axis in range(len(places))]
            inputs[name] = list(shape.map_of(shape.channels, tuple(spatial)).sizes)
        report = network.infer(input=inputs)
        put = {symbol(name): value for name, value in values.items()}
        assert int(answer.formulas["macs"].subs(put)) == report.total.macs
        assert int(answer.formulas["params"].subs(put)) == report.total.params


LAYERS = st.lists(
    st.sampled_from(
        [
            {"conv": {"out_channels": 4, "kernel_size": 3, "stride": 2}},
            {"conv": {"out_channels": 3, "kernel_size": 5, "padding": "same", "stride": 3}},
            {"max_pool": {"kernel_size": 3, "stride": 2, "ceil_mode": True}},
            {"max_pool": {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True}},
            {"upsample": 2},
            {"upsample": 0.5},
            {"transposed_conv": {"out_channels": 2, "kernel_size": 4, "stride": 2, "padding": 1}},
            {"conv": {"out_channels": 2, "kernel_size": 3, "dilation": 2, "padding": 2}},
        ]
    ),
    min_size=1,
    max_size=4,
)


@examples(0.4)
@given(LAYERS, st.integers(0, 90))
def test_random_networks(layers, add):
    network = shapecalc.load([*layers, {"fc": 5}], input="1x80x80")
    answer = network.formula(["H"], what=["params", "macs"])
    total = network.infer(input=(1, 80 + add, 80)).total
    assert int(answer.formulas["params"].subs(H, 80 + add)) == total.params
    assert int(answer.formulas["macs"].subs(H, 80 + add)) == total.macs


def test_a_structural_variable_is_not_a_symbol():
    with pytest.raises(shapecalc.UsageError, match="padding cannot be a symbol: it changes") as error:
        shapecalc.load("unet").formula(["padding"])
    assert error.value.problems[0].mark.line
    with pytest.raises(shapecalc.UsageError, match="there is no symbol Q"):
        shapecalc.load("unet").formula(["Q"])
    with pytest.raises(shapecalc.UsageError, match=r"it is a fraction in the specification, 1\.0"):
        shapecalc.load("mobilenet_v1").formula(["width"])


def test_commands():
    assert "valid: every size from 67 on" in run("formula", "alexnet").out
    names: dict = {}
    exec(run("formula", "alexnet", "--format", "python").out, names)
    assert names["params"](227, 227) == 62_378_344
    assert names["output"](227, 227) == (1000,)
    latex = run("formula", "alexnet", "--format", "latex").out
    assert latex.count(r"\begin{align*}") == latex.count(r"\end{align*}") == 1
    found = json.loads(run("formula", "alexnet", "--format", "json").out)
    assert found["version"] == 1
    assert found["symbols"]["H"]["valid"]["smallest"] == 67
    assert found["verified"]["points"] >= 20
    assert run("formula", "alexnet", "--what", "parms").status == 2


@pytest.mark.slow
def test_the_formulas_of_a_large_network_fit_a_terminal():
    assert max(map(len, run("formula", "resnet50").out.splitlines())) <= 102


def test_a_size_that_is_a_sum_has_brackets():
    text = """input: 3x32
layers:
  - max_pool: 2
    name: a
  - max_pool: 3
    from: input
    name: b
  - concat: {dim: 2}
    from: [a, b]
"""
    assert "output = 3 × (⌊L/3⌋ + ⌊L/2⌋)\n" in run("formula", "-", "--what", "output", text=text).out


def test_meanings_of_symbols_fit_a_terminal():
    lines = run("formula", "mobilenet_v1", "--symbol", "classes", "--what", "params", columns=80).out.splitlines()
    assert max(map(len, lines)) <= 80


def test_without_sympy_the_extra_is_named():
    code = (
        "import sys; sys.modules['sympy'] = None\nfrom shapecalc.cli import main\n"
        "sys.argv = ['shapecalc', 'formula', 'alexnet']\nmain()"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "needs sympy" in ran.stderr
    assert "[symbolic]" in ran.stderr


def test_shape_errors_are_those_of_summary(tmp_path):
    path = tmp_path / "shape_error.yaml"
    path.write_text("input: 3x8x8\nlayers:\n- conv: {out_channels: 4, kernel_size: 9}\n")
    formula, summary = run("formula", str(path)), run("summary", str(path))
    assert (formula.status, formula.err) == (summary.status, summary.err)
    assert "^^^^" in formula.err


def test_sizes_have_no_separators_and_variables_have_values() -> None:
    out = run("formula", "whisper-tiny", "--what", "output").out
    assert "output = 448 × 51865\n" in out
    out = run("formula", "whisper-tiny", "--what", "output", "-s", "vocab").out
    assert "vocab: a variable of the specification, 51,865 in the specification; valid: every value from 1 on\n" in out


@pytest.mark.parametrize(("spec", "block"), [("resnet18", "layer1"), ("unet", "up2.double_conv1")])
def test_the_formulas_of_a_block(spec, block):
    from sympy import sympify

    network = shapecalc.load(spec)
    answer = network.formula(["H", "W"], layer=block)
    line = network.infer().line(block)
    given = {symbol(one.name): one.given for one in answer.symbols}
    assert answer.formulas["params"] == line.total.params
    assert answer.formulas["macs"].xreplace(given) == line.total.macs
    (sizes,) = answer.formulas["output"].values()
    assert [int(sympify(size).xreplace(given)) for size in sizes] == list(line.output_shapes[0])
    with pytest.raises(shapecalc.UsageError, match=f"has no layer {block}x\n   did you mean {block}"):
        network.formula(layer=block + "x")


def test_symbols_are_separated_by_commas_or_repeated():
    one, several = run("formula", "alexnet", "-s", "N, H"), run("formula", "alexnet", "-s", "N", "-s", "H")
    assert (one.out, one.status) == (several.out, 0)
    ran = run("formula", "mobilenet_v1", "-s", "width")
    assert ran.err == "width cannot be a symbol: it is a fraction in the specification, 1.0\n"


def test_a_symbol_that_no_expression_takes_is_named_without_words_of_the_code() -> None:
    ran = run("formula", "olmoe-1b-7b", "-s", "experts")
    assert (ran.status, ran.err.splitlines()[-2].strip()) == (
        2,
        "`experts` cannot be computed on a symbol and a number",
    )
