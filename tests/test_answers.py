"""Every answer of the library displays itself: printed, in a notebook, as Markdown, JSON and a data frame."""

from __future__ import annotations

import json
import os
import pickle
from functools import cache
from pathlib import Path

import pytest
from searching import some

import shapecalc
from shapecalc.errors import MissingExtraError, UsageError
from shapecalc.model.answer import Answer

ROOT = Path(__file__).parent.parent
SHAPE_ERROR = ROOT / "docs" / "shape_error.yaml"


def net():
    return shapecalc.load("alexnet")


def swept():
    pytest.importorskip("numpy")
    return shapecalc.sweep("resnet18", input="3x{128:256:32}x=")


# Each answer, a text that its print has, and its rows and one column as a data frame (0: it is no table).
ANSWERS = {
    "report": (lambda: net().infer(), "62,378,344", 21, "arguments.out_channels"),
    "explanation": (lambda: net().explain("fc1"), "37,752,832", 0, ""),
    "memory": (lambda: net().memory(batch=8), "weights", 21, "live"),
    "speed": (lambda: net().speed("h100"), "memory-bound", 21, "seconds"),
    "receptive fields": (lambda: net().receptive_field(), "max_pool3", 21, "receptive_field"),
    "legal sizes": (lambda: net().legal_sizes(), "every size from 67 on", 1, "legal.smallest"),
    "formulas": (lambda: net().formula(), "1,048,576", 0, ""),
    "window": (lambda: shapecalc.solve("conv", input=227, output=55), "conv, 227 → 55", 55, "arguments.kernel_size"),
    "budget": (
        lambda: shapecalc.solve("unet", find={"width": range(8, 65)}, params="5M"), "4,736,702", 18, "settings.width",
    ),
    "fixes": (lambda: shapecalc.solve(str(SHAPE_ERROR), fix=True), "padding 2 added", 12, "changes"),
    "comparison": (lambda: net().compare(shapecalc.load("vgg16")), "2.22×", 2, "total.params"),
    "difference": (lambda: net().diff(shapecalc.load("alexnet_torchvision")), "AlexNet (torchvision)", 22, "status"),
    "sweep": (swept, "11,689,512", 5, "macs"),
}  # fmt: skip


@cache
def made(name):
    """Return an answer, computed once for all tests."""
    if name == "formulas":
        pytest.importorskip("sympy")
    return ANSWERS[name][0]()


@pytest.mark.parametrize("name", some(list(ANSWERS), 6))
def test_answers_display_themselves(name):
    found, (_, words, rows, _) = made(name), ANSWERS[name]
    assert isinstance(found, Answer)
    assert words in str(found)
    assert str(found) == found.render()
    assert "\x1b" not in str(found)
    assert len(repr(found)) < 200
    assert "\n" not in repr(found)
    assert found.to_markdown() == found.render("markdown")
    assert rows == 0 or "|" in found.to_markdown() or "```" in found.to_markdown()
    page = found.render("html")
    assert page.lstrip().startswith("<")
    assert rows == 0 or "<table" in page or "<pre" in page
    has_formulas = name in ("explanation", "formulas")
    assert found._repr_html_() == (None if has_formulas else page), "which notebooks prefer, and some do not typeset"
    assert found._repr_markdown_() == (found.to_markdown() if has_formulas else None)
    assert found._repr_mimebundle_(include=None, exclude=None) == {"text/plain": str(found)}
    assert json.loads(found.render("json")) == json.loads(json.dumps(found.to_dict()))
    with pytest.raises(UsageError):
        found.render("papyrus")
    with pytest.raises(UsageError, match="no such option"):
        found.render("markdown", size="large")


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_convert_to_data_frames(name):
    if not os.environ.get("SHAPECALC_REQUIRE_PANDAS"):
        pytest.importorskip("pandas")
    found, (_, _, rows, column) = made(name), ANSWERS[name]
    if not rows:
        with pytest.raises(UsageError, match="has no table"):
            found.to_dataframe()
        return
    frame = found.to_dataframe()
    assert len(frame) == rows
    assert column in frame.columns


def test_a_data_frame_has_the_numbers_of_the_report():
    pytest.importorskip("pandas")
    report = net().infer()
    frame = report.to_dataframe()
    assert int(frame["params"].sum()) == report.total.params
    assert frame.set_index("name").loc["fc1", "params"] == 37_752_832


def test_a_long_sweep_shows_its_first_rows():
    pytest.importorskip("numpy")
    result = shapecalc.sweep("lenet5", input="{32:81:1}x=x1")
    text = str(result)
    assert "50 variants" in text
    assert "… and 10 more rows" in text
    assert text.count("\n") < 50
    assert result.to_markdown().count("\n| ") == 50 + 2
    assert result.to_markdown(top=3).count("\n| ") == 3 + 2
    assert result._repr_html_() == result.render("html")
    long = shapecalc.sweep("lenet5", input="{32:231:1}x=x1")._repr_html_()
    assert long.count("<tr>") == 100 + 1, "a notebook shows the first hundred"
    assert "… and 100 more rows" in long


def test_formulas_are_latex_in_notebooks():
    pytest.importorskip("sympy")
    assert (
        r"- **params** $1{,}048{,}576 \left\lfloor \dfrac{H - 35}{32} \right\rfloor \left\lfloor \dfrac{W - 35}{32} "
        r"\right\rfloor$ ${} + 24{,}629{,}608$"
    ) in made("formulas")._repr_markdown_().splitlines()
    assert r"$= (6 \cdot 6 \cdot 256 + 1) \cdot 4{,}096 = " in made("explanation")._repr_markdown_()
    named = {
        "name": "a$b",
        "vars": {"w12345": 6},
        "input": "3x8x8",
        "layers": [{"conv": {"out_channels": "w12345 * 2", "kernel_size": 3}}],
    }
    text = shapecalc.load(named).formula("w12345")._repr_markdown_()
    assert r"a\$b" in text
    assert r"$56 \mathit{w12345}$" in text


def test_a_sweep_is_drawn(monkeypatch):
    pytest.importorskip("numpy")
    found = shapecalc.sweep("vit_b_16", vars={"patch": [14, 16, 15, 28, 112]})
    picture = found.draw()
    for words in ("5 variants, 4 on the front of params, macs", "vit_b_16", "parameters", "patch 14", "patch 112"):
        assert words in picture.svg, words
    assert "patch 16" not in picture.svg, "patch 15 has fewer of both"
    assert "2 on the front of params, memory" in found.draw(of="params,memory").svg
    assert "1 on the front" in found.draw("front", of=["params", "+macs"]).svg
    for wrong, message in (
        ("params", "two columns"),
        ("params,macs,memory", "two axes, not 3"),
        ("parms,macs", "no column parms"),
    ):
        with pytest.raises(UsageError, match=message):
            found.draw(of=wrong)
    with pytest.raises(UsageError, match="no option at"):
        found.draw(at=1)
    sizes = shapecalc.sweep("lenet5", input="{24:43:1}x=x1")
    assert "12 variants" in sizes.draw().svg, "of 20, those below 32 do not fit"
    assert "32×32×1" in sizes.draw().svg
    monkeypatch.setattr("shapecalc.renderers.pictures.charts.front._SAMPLED", 4)
    pale = [mark for mark in sizes.draw().scene.marks if mark.key == "variants"]
    assert len(pale[0].points) == 3, "every fourth"
    assert "0 variants" in found.where("params < 1").draw().svg


def test_without_pandas_the_error_names_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"needs pandas(.|\n)*shapecalc-nn\[dataframe\]"):
        net().infer().to_dataframe()


def test_answers_are_named_tuples():
    memory = net().memory(budget="24GiB")
    assert memory._replace(name="x").name == "x"
    assert pickle.loads(pickle.dumps(memory)) == memory
    assert memory[0] == "AlexNet"
    assert memory.budget.batch > 0


def test_hostile_names_are_escaped_in_notebooks():
    named = shapecalc.load(
        {"name": "<script>\nx", "input": "3x8x8", "layers": [{"conv": {"out_channels": 2, "kernel_size": 3}}]}
    )
    for found in (named.infer(), named.memory(), named.receptive_field(), named.legal_sizes(), named.compare(named)):
        assert "<script" not in found._repr_html_()
        assert "\x1b" not in str(found)
        assert "\n" not in repr(found)
        assert "\x1b" not in repr(found)


FLAGS = [
    ("training", lambda net, flag: net.memory(training=flag)),
    ("mixed_precision", lambda net, flag: net.memory(mixed_precision=flag)),
    ("back", lambda net, flag: net.explain("c1", back=flag)),
    ("fix", lambda net, flag: shapecalc.solve(net, fix=flag, params="5M", find="classes")),
    ("layers", lambda net, flag: net.memory().render(layers=flag)),
    ("everything", lambda net, flag: net.diff("lenet5").render(everything=flag)),
    ("fold", lambda net, flag: net.infer().render(fold=flag)),
    ("shares", lambda net, flag: net.infer().render("json", shares=flag)),
    ("color", lambda net, flag: net.compare("lenet5").render(color=flag)),
]


@pytest.mark.parametrize(("name", "ask"), FLAGS, ids=[name for name, _ in FLAGS])
def test_a_flag_is_true_or_false(name, ask):
    """An array has no truth value in numpy, and a text such as "no" would be true."""
    numpy = pytest.importorskip("numpy")
    net = shapecalc.load("lenet5")
    for wrong in (numpy.array([True, False]), numpy.array([True]), "no", [], 2, None):
        if name == "fold" and wrong is None:
            continue
        with pytest.raises(UsageError) as caught:
            ask(net, wrong)
        assert str(caught.value) == f"{name} must be true or false, not {wrong!r}"
    if name != "fix":
        assert str(ask(net, numpy.bool_(True))) == str(ask(net, 1)) == str(ask(net, True))
