"""The library refuses arguments of a wrong type in words, and takes one name for several, and numbers of numpy."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from contextlib import suppress
from functools import cache

import pytest
from searching import some

import shapecalc
from shapecalc.errors import ShapecalcError, UsageError

NETWORK = shapecalc.load("alexnet")
REPORT = NETWORK.infer()
UNET_CONCAT = shapecalc.load("unet").infer()["up1.concat1"]


@cache
def sweep():
    return shapecalc.sweep("mlp", input=["784", "100"])


# What may be called, with the arguments that come before the one that is tried.
CALLS = {
    "load": (shapecalc.load, ()),
    "overrides of load": (shapecalc.load, ("alexnet",)),
    "in_features": (shapecalc.in_features, ("alexnet",)),
    "sweep": (shapecalc.sweep, ("alexnet",)),
    "solve": (shapecalc.solve, ("unet",)),
    "infer": (NETWORK.infer, ()),
    "memory": (NETWORK.memory, ()),
    "speed": (NETWORK.speed, ("h100",)),
    "device": (NETWORK.speed, ()),
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
    "region": (NETWORK.receptive_field().region, ("conv1",)),
    "find": (lambda values: shapecalc.solve("unet", find={"width": values}, params="5M"), ()),
    "variable of sweep": (lambda values: shapecalc.sweep("unet", vars={"width": values}), ()),
    "settings": (lambda row: sweep().settings(row), ()),
    "rows": (lambda rows: sweep().rows(rows), ()),
    "where": (lambda text: sweep().where(text), ()),
    "sort": (lambda columns: sweep().sort(columns), ()),
    "pareto": (lambda columns: sweep().pareto(columns), ()),
}
# The names that a call passes on.
PASSED_ON = {
    "memory": (
        "weights",
        "activations",
        "buffers",
        "in_place",
        "order",
        "optimizer",
        "budget",
        "flash",
        "sram",
        "fold_batch_norm",
        "patches",
    ),
    "speed": ("weights", "activations", "kv_bits", "prompt", "context"),
    "render": ("columns", "depth", "width", "kind", "sort", "top"),
}
NEEDS = {
    **dict.fromkeys(("sweep", "variable of sweep", "settings", "rows", "where", "sort", "pareto"), "numpy"),
    "formula": "sympy",
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
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
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
        (lambda: NETWORK.infer(input={3}), "an input size must be a list of sizes, or sizes as 3x224x224, not {3}"),
        (lambda: NETWORK.compare(3), "a specification is a path, a name, text, a dict or a list of layers, not int"),
        (lambda: NETWORK.unmet(3), "expectations are checked against a report, not int"),
        (lambda: REPORT.lines(0), "depth is 0\n   give a whole number of at least 1, or all"),
        (lambda: REPORT.render(depth="0"), "depth is 0"),
        (
            lambda: shapecalc.solve("unet", find={"width": "a"}, params=5),
            "'width=a' is not a range\n   write for instance width=16:128:8, or width=0.25:1:0.25",
        ),
        (
            lambda: shapecalc.solve("unet", find={"width": [3, -1]}, params=5),
            "width cannot be -1\n   give numbers of at least 0: a list, a range, or a text such as '16:128:8'",
        ),
        (lambda: shapecalc.solve("unet", find={"width": []}, params=5), "width has no values\n   give numbers"),
        (
            lambda: UNET_CONCAT.input_shape,
            "up1.concat1 has 2 inputs, not one\n   input_shapes has all of them, input_shapes[0] the first",
        ),
        (
            lambda: NETWORK.receptive_field().region("conv1"),
            'conv1 has 55×55 positions\n   give one: region("conv1", (0, 0))',
        ),
        (
            lambda: NETWORK.receptive_field().region("conv1", "a"),
            "'a' is not a position\n   positions of conv1 are 0×0 to 54×54",
        ),
        (lambda: REPORT.render(3), "format must be a string, not 3"),
        (lambda: REPORT.render(width="x"), "width must be a whole number, not 'x'"),
    ],
)
def test_what_is_expected_is_said(call, words):
    with pytest.raises(UsageError, match=re.escape(words)):
        call()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: shapecalc.sweep("unet", vars={"width": "wide"}), "width is a number in the specification, and 'wide' is not"
         "\n   write FROM:TO:STEP, as in 16:128:16"),
        (lambda: sweep().settings(7), "there is no row 7\n   rows are 0 to 1"),
        (lambda: sweep().rows([7]), "[7] are not rows\n   a slice, numbers from 0 to 1, or 2 truth values"),
        (lambda: sweep().pareto(["params"]), "a front needs two columns or more, not only params\n   for instance params,macs"),
        (lambda: sweep().where("a b"), "where: "),
    ],
)  # fmt: skip
def test_what_a_sweep_expects_is_said(call, words):
    pytest.importorskip("numpy")
    with pytest.raises(UsageError, match=re.escape(words)):
        call()


def test_the_notation_of_the_commands_is_taken_too():
    def found(find):
        return shapecalc.solve("unet", find=find, params=50_000).to_dict()

    ranges = [
        {"width": "1:20"},
        ["width=1:20"],
        "width=1:20",
        {"width": range(1, 21)},
        {"width": list(range(20, 0, -1))},
    ]
    assert [found(find)["solutions"][0]["settings"] for find in ranges] == [{"width": 2}] * 5
    assert found({"width": "1:20"}) == found({"width": range(1, 21)}) == found({"width": range(20, 0, -1)})
    assert found({"width": 2}) == found({"width": [2.0]})
    report = shapecalc.load("unet").infer()
    assert report.render(depth="all") == report.render(depth=None) != report.render(depth="1") == report.render(depth=1)
    fields = NETWORK.receptive_field()
    assert fields.region("conv1", "0x3") == fields.region("conv1", (0, 3))


def test_the_notation_of_sweep_is_taken_too():
    np = pytest.importorskip("numpy")
    unet = [
        shapecalc.sweep("unet", vars={"width": width})
        for width in ("8:16:4", [8, 12, 16], "8,12,16", np.arange(8, 17, 4))
    ]
    assert len({str(one) for one in unet}) == 1
    assert len(unet[0]) == 3
    assert str(shapecalc.sweep("unet", vars={"width": "8"})) == str(shapecalc.sweep("unet", vars={"width": [8]}))
    for columns in ("-params,macs", ["-params", "macs"]):
        assert list(unet[0].sort(columns)["width"]) == [16, 12, 8]
        assert list(unet[0].pareto(columns)["width"]) == [8]


def test_inputs_that_are_given_need_no_declaration():
    network = shapecalc.load([{"add": ["a", "b"]}], input={"a": (3,), "b": (3,)})
    assert network.infer().inputs == {"a": (3,), "b": (3,)}
    assert network.infer(input={"a": 5, "b": "5"}).outputs == {"add1": (5,)}
    for call in (lambda: network.infer(input={"c": 5}), lambda: shapecalc.load(["relu"], input={"a": (3,), "c": (3,)})):
        with pytest.raises(shapecalc.SpecError, match=r"the input c is not used\n   use it in a layer: from: c"):
            call()


def test_the_one_input_is_not_called_input_twice():
    spec = {"input": "3x8x8", "layers": [{"parameter": [4]}, "relu"]}
    with pytest.raises(shapecalc.SpecError, match=r": the input is not used\n   use it in a layer: from: input"):
        shapecalc.load(spec)
    found = shapecalc.load([{"linear": 3}, {"concat": ["linear1", "input"]}], input=5).explain("concat1").text
    assert "F_2 = 5: the network's input\n" in found
    assert "input input" not in found


def test_attributes_that_a_row_does_not_have():
    row = REPORT["fc1"]
    assert (row.input_shape, row.output_shape) == ((6, 6, 256), (4096,))
    assert (row.input_shapes, row.output_shapes) == ([row.input_shape], [row.output_shape])
    for name, hint in (
        ("shape", ": its output size is output_shape"),
        ("output", ": its output size is output_shape"),
        ("input", ": its input size is input_shape"),
        ("parms", ": did you mean params?"),
        ("nothing_like_it", ""),
        ("_name", ""),
    ):
        with pytest.raises(AttributeError, match=re.escape(f"a row has no attribute '{name}'{hint}") + "$"):
            getattr(row, name)
    assert copy.deepcopy(row).name == pickle.loads(pickle.dumps(row)).name == "fc1"
    assert repr(NETWORK.explain("fc1")["fc1"]).startswith("<LayerExplanation of fc1 (fc): output, params, macs;")


def test_methods_of_a_network_that_the_package_does_not_have():
    from shapecalc import _METHODS

    public = {
        name for name in vars(shapecalc.Network) if not name.startswith("_") and callable(vars(shapecalc.Network)[name])
    }
    assert set(_METHODS) == public - {"with_overrides", "problems", "unmet", "reread", "rebuilt"}
    with pytest.raises(
        AttributeError, match=re.escape("no attribute 'explain': load(\"alexnet\").explain() is a method of")
    ):
        shapecalc.explain  # noqa: B018


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


def test_objects_in_memory_have_a_hint():
    """Modules, models and arrays: how each is given, without any library being imported for it."""
    module = type("Net", (type("Module", (), {"__module__": "torch.nn.modules.module"}),), {"__module__": "mine"})
    model = type("Net", (type("Model", (), {"__module__": "keras.src.models"}),), {"__module__": "mine"})
    for given, hint in ((module(), "from_torch(module, example)"), (model(), "from_keras(model)"), (object(), "")):
        for call in (shapecalc.load, shapecalc.in_features):
            with pytest.raises(UsageError) as caught:
                call(given)
            assert hint in caught.value.problems[0].hint
            assert bool(hint) == bool(caught.value.problems[0].hint)
    np = pytest.importorskip("numpy")
    with pytest.raises(UsageError) as caught:
        shapecalc.in_features("lenet5", input=np.zeros((1, 1, 32, 32)))
    assert str(caught.value).splitlines() == [
        "an input size is a list of sizes, not a ndarray of shape 1×1×32×32",
        "   write the size without the batch axis: tuple(x.shape[1:])",
    ]
    assert shapecalc.in_features("lenet5", input=np.array([32, 32, 1])) == 10


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        (lambda: NETWORK.memory(batch_size=8), "did you mean batch?"),
        (lambda: NETWORK.memory(dtype="fp16"), "did you mean weights?"),
        (lambda: NETWORK.memory(activation=16), "did you mean activations?"),
        (lambda: shapecalc.sweep("alexnet", groups=[1, 2]), 'for a variable, write vars={"groups": …}'),
        (lambda: shapecalc.sweep("alexnet", weight=8), "did you mean weights?"),
    ],
)
def test_unknown_options_of_memory(call, hint):
    with pytest.raises(UsageError) as caught:
        call()
    assert caught.value.problems[0].hint == hint


def test_every_option_of_memory_is_among_those_known():
    """Those of the command, but for what chooses the network and shows the answer."""
    with pytest.raises(UsageError) as caught:
        NETWORK.memory(xyzzy=1)
    from shapecalc.questions.memory import known_options

    shown = {"inputs", "settings", "layers", "depth", "plot", "format_", "output", "spec"}
    import click

    from shapecalc.cli import cli

    command = cli.get_command(click.Context(cli), "memory")
    assert {param.name for param in command.params} - shown == {*known_options()}
    assert "known here" in caught.value.problems[0].hint


def test_sums_of_a_report_are_in_its_total():
    with pytest.raises(AttributeError, match=r"'Report' object has no attribute 'params': write \.total\.params"):
        REPORT.params  # noqa: B018
    with pytest.raises(AttributeError, match=r"'Report' object has no attribute 'nothing'$"):
        REPORT.nothing  # noqa: B018
