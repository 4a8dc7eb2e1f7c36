"""The library refuses arguments of a wrong type in words, and takes one name for several, and numbers of numpy."""

from __future__ import annotations

import inspect
import re
from contextlib import suppress

import pytest
from searching import some

import shapecalc
from shapecalc.errors import ShapecalcError, UsageError

NETWORK = shapecalc.load("alexnet")
REPORT = NETWORK.infer()

# What may be called, with the arguments that come before the one that is tried.
CALLS = {
    "load": (shapecalc.load, ()),
    "overrides of load": (shapecalc.load, ("alexnet",)),
    "in_features": (shapecalc.in_features, ("alexnet",)),
    "sweep": (shapecalc.sweep, ("alexnet",)),
    "solve": (shapecalc.solve, ("unet",)),
    "infer": (NETWORK.infer, ()),
    "memory": (NETWORK.memory, ()),
    "receptive_field": (NETWORK.receptive_field, ()),
    "with_overrides": (NETWORK.with_overrides, ()),
    "explain": (NETWORK.explain, ()),
    "compare": (NETWORK.compare, ()),
    "diff": (NETWORK.diff, ()),
    "depth of diff": (NETWORK.diff, (NETWORK,)),
    "formula": (NETWORK.formula, ()),
    "unmet": (NETWORK.unmet, ()),
    "row": (REPORT.__getitem__, ()),
    "line": (REPORT.line, ()),
    "lines": (REPORT.lines, ()),
    "render": (REPORT.render, ()),
    "to_markdown": (REPORT.to_markdown, ()),
    "explanation": (NETWORK.explain("fc1").__getitem__, ()),
    "field": (NETWORK.receptive_field().__getitem__, ()),
}
# The names that a call passes on.
PASSED_ON = {
    "memory": ("weights", "activations", "buffers", "in_place", "order", "optimizer", "budget"),
    "render": ("columns", "depth", "width", "kind", "sort", "top"),
}
WRONG = [3, 0, -1, None, 2.5, True, object(), "x", "", ["x"], [3], [None], {"a": 3}, {3: 4}, {3}, slice("a", "b"), b"x",
         range(3), [[1, 2]], float("nan"), len]  # fmt: skip


def arguments_of(name):
    function, before = CALLS[name]
    parameters = list(inspect.signature(function).parameters.values())
    missing = [one for one in parameters if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]
    required = missing[len(before) :]
    for number, parameter in enumerate(required or parameters):
        if number < len(before) or parameter.name == "executor":
            continue
        if parameter.kind is parameter.VAR_KEYWORD:
            yield from (((), {word: value}) for word in PASSED_ON.get(name, ()) for value in WRONG)
        elif parameter.kind is parameter.KEYWORD_ONLY or number > len(before):
            yield from (((), {parameter.name: value}) for value in WRONG)
        else:
            yield from (((value,), {}) for value in WRONG)


@pytest.mark.parametrize("name", some(list(CALLS), 12))
def test_every_error_is_one_of_the_package(name):
    function, before = CALLS[name]
    if name in ("sweep", "formula"):
        pytest.importorskip({"sweep": "numpy", "formula": "sympy"}[name])
    for first, named in arguments_of(name):
        with suppress(ShapecalcError):
            try:
                function(*before, *first, **named)
            except ShapecalcError as error:
                print(str(error))  # its text is made when it is shown
                raise


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: REPORT[0], "the name of a layer must be a string, not 0"),
        (lambda: REPORT[None], "the name of a layer must be a string, not None"),
        (lambda: REPORT["a":"b"], "the name of a layer must be a string, not slice('a', 'b', None)"),
        (lambda: NETWORK.explain(3), "layers must be a name or a list of names, not 3"),
        (lambda: NETWORK.explain(what=["params", 3]), "what must be a name or a list of names, not ['params', 3]"),
        (lambda: NETWORK.infer(vars=3), "vars must be a mapping of names to values, not 3"),
        (lambda: NETWORK.infer(vars={3: 4}), "vars must be a mapping of names to values, not {3: 4}"),
        (lambda: NETWORK.infer(layout=3), "layout must be chw or hwc, not 3"),
        (lambda: NETWORK.infer(convention="pytorch"), "convention must be torch or keras, not pytorch"),
        (lambda: NETWORK.infer(input={3}), "an input size must be a list of sizes, or sizes as 7x7x256, not {3}"),
        (lambda: NETWORK.compare(3), "a specification is a path, a name, text, a dict or a list of layers, not int"),
        (lambda: NETWORK.unmet(3), "expectations are checked against a report, not int"),
        (lambda: REPORT.lines(0), "depth is 0"),
        (lambda: REPORT.render(3), "format must be a string, not 3"),
        (lambda: REPORT.render(width="x"), "width must be a whole number, not 'x'"),
    ],
)
def test_what_is_expected_is_said(call, words):
    with pytest.raises(UsageError, match=re.escape(words)):
        call()


def test_one_name_stands_for_a_list_of_it():
    assert NETWORK.explain("fc1").to_dict() == NETWORK.explain(["fc1"]).to_dict()
    assert NETWORK.explain("fc1", what="macs").text == NETWORK.explain(["fc1"], what=["macs"]).text
    assert REPORT.render(kind="conv") == REPORT.render(kind=["conv"])
    assert REPORT.render(columns="name,params") == REPORT.render(columns=["name", "params"])
    assert NETWORK.memory(in_place="relu").to_dict() == NETWORK.memory(in_place=["relu"]).to_dict()
    assert NETWORK.compare("vgg11").to_dict() == NETWORK.compare(shapecalc.load("vgg11")).to_dict()
    given = {"params": "5M"}
    one, several = (shapecalc.solve("unet", find=find, **given) for find in ("width", ["width"]))
    assert one.to_dict() == several.to_dict()


def test_one_name_of_a_formula_stands_for_a_list_of_it():
    pytest.importorskip("sympy")
    network = shapecalc.load("unet")
    assert network.formula("width", what="params").to_dict() == network.formula(["width"], what=["params"]).to_dict()


def test_numbers_of_numpy_are_sizes():
    np = pytest.importorskip("numpy")
    layers = [{"linear": 3}]
    for size in (np.array([7]), np.int64(7), [np.int64(7)], np.array(7), (np.int32(7),)):
        assert shapecalc.load(layers, input=size).infer().inputs == {"input": (7,)}
    report = NETWORK.infer(input=np.array([256, 256, 3]), batch=np.int64(2))
    assert report.to_dict() == NETWORK.infer(input="256x256x3", batch=2).to_dict()
    unet = shapecalc.load("unet", vars={"width": np.int64(32)}).infer()
    assert unet.to_dict() == shapecalc.load("unet", vars={"width": 32}).infer().to_dict()
    sizes = np.array([[256, 256, 3], [227, 227, 3]])
    assert list(shapecalc.sweep("alexnet", input=sizes)["macs"]) == [
        shapecalc.load("alexnet", input=size.tolist()).infer().total.macs for size in sizes
    ]


def test_a_report_contains_its_layers():
    assert "fc1" in REPORT
    assert "fc9" not in REPORT
    assert REPORT["fc1"] in REPORT
    assert shapecalc.load("vgg11").infer().rows[0] not in REPORT
    assert 3 not in REPORT
    assert None not in REPORT
    assert all(row in REPORT and row.name in REPORT for row in REPORT)
