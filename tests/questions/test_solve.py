"""Inverse questions: against exhaustive search on plain ints, and against known figures."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from searching import examples, some

import shapecalc
from shapecalc.errors import LayerError
from shapecalc.layers import KINDS, find_kind
from shapecalc.layers.base.layer import Composite
from shapecalc.layers.base.shape import Shape
from shapecalc.model.inference import size_layer, sizings_of
from shapecalc.network import kind_of, solve
from shapecalc.questions.solve import find_fixes, read_budget, read_range, slides
from shapecalc.questions.solve.costs import cost_of_change
from shapecalc.renderers.answers.solve import draw_budget, draw_fixes

SLIDING = sorted(kind for kind, cls in KINDS.items() if slides(cls))


def test_kinds_with_a_sliding_window():
    assert {"conv", "depthwise_conv", "transposed_conv", "max_pool", "avg_pool"} <= set(SLIDING)


def exhaustive(kind, size, wanted, searched):
    """Return every combination of the searched values with which a layer on plain ints has the wanted size."""
    cls, found = find_kind(kind), set()
    required = {name: 1 for name, argument in cls.arguments.items() if argument.required}
    names = list(searched)
    for values in itertools.product(*searched.values()):
        given = dict(zip(names, values, strict=True))
        reach = given.get("dilation", 1) * (given["kernel_size"] - 1) + 1
        if given["padding"] >= reach or (given["kernel_size"] == 1 and given.get("dilation", 1) > 1):
            continue  # the two that docs/solve.md leaves out
        try:
            sizing = size_layer(cls(**{**required, **given}), (Shape((1, size)),))
        except LayerError:
            continue
        if sizing.outputs[0].spatial == (wanted,):
            found.add(values)
    return found


@pytest.mark.slow
@examples(0.12)
@given(st.sampled_from(SLIDING), st.integers(1, 40), st.integers(1, 20))
def test_solutions_agree_with_exhaustive_search(kind, size, wanted):
    answer = solve(kind, input=size, output=wanted)
    printed = {tuple(solution.arguments.values()) for solution in answer.solutions}
    assert printed == exhaustive(kind, size, wanted, answer.searched)
    assert len(printed) == len(answer.solutions)
    costs = [solution.cost for solution in answer.solutions]
    assert costs == sorted(costs)


FIRST = [
    ("conv", 227, 55, {}, {"kernel_size": 11, "stride": 4, "padding": 0, "dilation": 1}),  # AlexNet's first layer
    ("conv", 224, 112, {"kernel_size": 7}, {"stride": 2, "padding": 3, "dilation": 1}),  # ResNet's
    ("conv", 56, 56, {}, {"kernel_size": 3, "stride": 1, "padding": 1, "dilation": 1}),
    ("conv", 32, 28, {}, {"kernel_size": 5, "stride": 1, "padding": 0, "dilation": 1}),  # LeNet-5's
    ("conv", 224, 14, {}, {"kernel_size": 16, "stride": 16, "padding": 0, "dilation": 1}),  # ViT's patches
    ("conv", 7, 1, {}, {"kernel_size": 7, "stride": 1, "padding": 0, "dilation": 1}),  # an fc layer as a convolution
    ("max_pool", 112, 56, {}, {"kernel_size": 2, "stride": 2, "padding": 0, "dilation": 1}),
    ("max_pool", 55, 27, {}, {"kernel_size": 3, "stride": 2, "padding": 0, "dilation": 1}),  # AlexNet's
    ("transposed_conv", 33, 65, {"kernel_size": 3, "stride": 2, "padding": 1}, {"dilation": 1, "output_padding": 0}),
    ("transposed_conv", 33, 66, {"kernel_size": 3, "stride": 2, "padding": 1}, {"dilation": 1, "output_padding": 1}),
    # PyTorch 2.13.0, run: output_padding is less than the stride or the dilation
    ("transposed_conv", 4, 9, {"kernel_size": 3, "stride": 1, "padding": 0, "dilation": 2}, {"output_padding": 1}),
    ("transposed_conv", 1, 4, {}, {"kernel_size": 4, "stride": 1, "padding": 0, "dilation": 1, "output_padding": 0}),
    ("transposed_conv", 28, 56, {"kernel_size": 2}, {"stride": 2, "padding": 0, "dilation": 1, "output_padding": 0}),
]


@pytest.mark.parametrize(("kind", "size", "wanted", "fixed", "arguments"), some(FIRST, 6))
def test_the_most_common_solution_comes_first(kind, size, wanted, fixed, arguments):
    assert solve(kind, input=size, output=wanted, **fixed).solutions[0].arguments == arguments


def test_two_axes():
    answer = solve("conv", input="224x100", output="112x50")
    assert answer.solutions[0].arguments["kernel_size"] == 3
    apart = solve("conv", input="224x112", output="56x56").solutions[0].arguments
    layer = find_kind("conv")(out_channels=1, **apart)
    assert size_layer(layer, (Shape((1, 224, 112)),)).outputs[0].spatial == (56, 56)


def test_also_names_and_string_values():
    answer = solve("max_pool", input=55, output=27, pool_size=3, strides=2)
    assert answer.fixed == {"kernel_size": 3, "stride": 2}
    assert solve("conv", input=28, output=14, padding="same").solutions[0].arguments["stride"] == 2


def test_arguments_without_effect_are_not_searched():
    free, sized = (solve("transposed_conv", input=5, output=10, **words) for words in ({}, {"output_size": 10}))
    assert set(free.searched) - set(sized.searched) == {"output_padding"}


def test_without_a_solution_the_nearest_are_returned():
    answer = solve("conv", input=10, output=300)
    assert not answer.solutions
    assert answer.nearest[0].output == (18,)


def test_invalid_questions():
    with pytest.raises(shapecalc.UsageError, match="relu has no sliding window"):
        solve("relu", input=3, output=3)
    with pytest.raises(shapecalc.UsageError, match="no argument kernel"):
        solve("conv", input=3, output=3, kernel=3)
    with pytest.raises(shapecalc.UsageError, match="give the same number of each"):
        solve("conv", input="3x3", output=3)
    with pytest.raises(shapecalc.UsageError, match="name the variables to find"):
        solve("unet", params="5M")
    with pytest.raises(shapecalc.UsageError, match="give a budget for"):
        solve("unet", find=["width"])
    with pytest.raises(shapecalc.UsageError, match="there is no variable depth"):
        solve("unet", find=["depth"], params="5M")


def test_a_specification_overrides_a_kind_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert kind_of("conv").kind == "conv"
    assert kind_of("alexnet") is None
    (tmp_path / "conv").write_text("input: 3x8x8\nlayers: [relu]\n")
    assert kind_of("conv") is None


# Budgets.


def test_a_budget_is_met_exactly():
    answer = solve("unet", find=["width"], params="5M")
    best = answer.solutions[0]
    network = shapecalc.load("unet")
    assert network.infer(vars=best.settings).total.params == best.amounts["params"] <= 5_000_000
    assert network.infer(vars={"width": best.settings["width"] + 1}).total.params > 5_000_000
    assert answer.meeting == best.settings["width"]


@pytest.mark.slow
def test_several_variables_and_budgets_agree_with_a_loop():
    widths, sizes = range(4, 12), range(188, 300, 16)
    answer = solve("unet", find={"width": widths, "input": sizes}, params="400k", macs="500M")
    network, due = shapecalc.load("unet"), {}
    for width, size in itertools.product(widths, sizes):
        total = network.infer(vars={"width": width}, input=(1, size, size)).total
        if total.params <= 400_000 and total.macs <= 500_000_000:
            due[width, size] = max(total.params / 400_000, total.macs / 500_000_000)
    assert {tuple(s.settings.values()): s.used for s in answer.solutions} == due
    assert [s.used for s in answer.solutions] == sorted(due.values(), reverse=True)


@pytest.mark.slow
def test_structural_variables_are_built_one_by_one():
    text = """
input: 3x8x8
vars: {depth: 2, width: 4}
layers:
- conv: {out_channels: width, kernel_size: 3, padding: 1}
  repeat: depth
"""
    answer = solve(text, find={"depth": range(1, 9)}, params=1_000)
    assert "built on its own" in answer.how
    assert answer.solutions[0].settings == {"depth": 7}  # 112 + 6·148 = 1,000
    found = solve(text, find=["depth", "width"], params=1_000).solutions[0]
    assert shapecalc.load(text, vars=found.settings).infer().total.params == found.amounts["params"] <= 1_000


def test_illegal_sizes_are_not_solutions():
    answer = solve("unet", find={"input": range(180, 240)}, macs="100G")
    assert {s.settings["input"] for s in answer.solutions} == {188, 204, 220, 236}


CROPS = "input: 3x300x300\nvars: {w: 8}\nlayers:\n- conv: {out_channels: w, kernel_size: 150}\n- reshape: [w / 4, -1]\n"
RISES_AND_FALLS = "input: 1x8x8\nvars: {n: 32}\nlayers:\n- conv: {out_channels: 200 + n * (30 - n), kernel_size: 1}\n"
EIGHTS = "input: 3x8x8\nvars: {w: 24}\nlayers:\n- conv: {out_channels: w, kernel_size: 1}\n- linear: w / 8\n  repeat: w / 8\n"
UNSPECIFIED = [  # what is searched without a range: illegal sizes do not end it, nor needs that still fall
    ("unet", "input", "8G", {"input": 204}, (1, 256)),
    ("vit_b_16", "patch", "10G", {"patch": 22}, (1, 256)),
    ("vit_b_16", "patch", "300M", {"patch": 224}, (1, 256)),
    ("vit_b_16", "hidden", "2G", {"hidden": 108}, (1, 128)),
    (CROPS, "input", "1G", {"input": 192}, (1, 256)),
    (CROPS, "w", "13G", {"w": 8}, (1, 12)),
    (CROPS.replace("300x300", "32x32"), "input", "1G", {"input": 192}, (1, 256)),  # the size given is illegal itself
    (EIGHTS, "w", 428_544, {"w": 72}, (1, 96)),  # built one by one: only some values are tried to find the range
    (RISES_AND_FALLS, "n", "9k", {"n": 32}, (1, 64)),
]


@pytest.mark.parametrize(("spec", "name", "macs", "best", "searched"), some(UNSPECIFIED, 3))
def test_a_search_without_a_range_finds_what_exists(spec, name, macs, best, searched):
    answer = solve(spec, find=[name], macs=macs)
    assert answer.solutions[0].settings == best
    assert (answer.searched[name].first, answer.searched[name].last) == searched
    beyond = solve(spec, find={name: range(1, 4 * searched[1])}, macs=macs)
    assert beyond.solutions[0] == answer.solutions[0]


@pytest.mark.slow
def test_a_search_of_two_variables_without_ranges_includes_the_smallest_legal_input():
    answer = solve("unet", find={"width": None, "input": range(100, 600)}, macs="8G")
    assert answer.searched["width"].last == 128
    assert max(s.settings["width"] for s in answer.solutions) == 73


def test_a_fraction_in_the_specification_is_tried():
    spec = {
        "input": "3x8x8",
        "vars": {"w": 0.33},
        "layers": [{"conv": {"out_channels": "round(100 * w)", "kernel_size": 3}}],
    }
    assert 33 * 28 in {s.amounts["params"] for s in solve(spec, find=["w"], params="5k").solutions}


@pytest.mark.slow
def test_the_value_in_the_specification_is_tried_in_a_search_with_steps():
    both = solve("unet", find=["width", "input"], macs="200G")
    assert both.searched["input"].step > 1
    assert {"width": 64, "input": 572} in [s.settings for s in both.solutions]


def test_that_no_setting_was_found_is_said_of_the_range_searched():
    assert draw_budget(solve("unet", find={"input": range(1, 100)}, macs="8G")) == (
        "unet: at most 8,000,000,000 MACs: no setting searched meets this; each has a shape error\n\n"
        "searched: input from 1 to 99; many settings in one pass"
    )


@pytest.mark.parametrize(
    ("values", "steps"), [("0.5:1.5", " in steps of 1"), ("0.5:1.5:0.5", " in steps of 0.5"), ("1:2", "")]
)
def test_the_steps_of_fractions_are_shown(values, steps):
    """Between 0.5 and 1.5 nothing is tried."""
    answer = solve("mobilenet_v1", find=dict([read_range(f"width={values}")]), params="20M")
    low, high = values.split(":")[:2]
    assert f"searched: width from {low} to {high}{steps};" in draw_budget(answer)


def test_an_unmet_budget_reports_the_minimum():
    answer = solve("unet", find=["width"], params=500)
    assert (answer.meeting, answer.minimum.settings) == (0, {"width": 1})
    assert answer.to_dict()["minimum"] == answer.to_dict()["least"] == answer.minimum.to_dict()


BLOCKS = """
input: 2x32x32
vars: {width: 4}
layers:
- conv: {out_channels: width, kernel_size: 3, padding: 1}
- batch_norm
- add:
  - - conv: {out_channels: 4, kernel_size: 3, padding: 1}
    - relu
  - []
- concat:
  - - max_pool: {kernel_size: 3, stride: 1, padding: 1}
  - - relu
- flatten
- fc: width
"""

MEMORY = [
    ("unet", {"width": range(1, 9)}, 32, "64MiB"),
    ("unet", {"width": range(4, 8), "input": range(180, 300)}, 8, "8MiB"),
    ("alexnet", {"input": range(60, 300, 9)}, 32, "512MiB"),
    ("resnet18", {"input": range(32, 300, 32)}, 16, "30MiB"),
    ("mobilenet_v2", {"input": range(32, 300, 32)}, 4, "3MiB"),
    ("densenet121", {"input": range(64, 225, 64)}, 32, "48MiB"),
    ("mobilenet_v1", {"width": [0.25, 0.5, 1]}, 32, "10MiB"),
    (BLOCKS, {"width": range(1, 9), "input": range(8, 40, 5)}, 3, "20KiB"),
    (BLOCKS, {"width": range(1, 9)}, 32, "600KiB"),
]


@pytest.mark.parametrize(("spec", "find", "bits", "budget"), some(MEMORY, 1))
def test_memory_is_the_total_of_the_memory_command(spec, find, bits, budget):
    network, due = shapecalc.load(spec), {}
    for values in itertools.product(*find.values()):
        setting = dict(zip(find, values, strict=True))
        size = setting.pop("input", None)
        shape = next(iter(network.graph.inputs.values()))
        channels = shape.sizes[shape.channel_axis]
        given = (channels, size, size) if network.graph.layout == "CHW" else (size, size, channels)
        try:
            total = network.memory(
                vars=setting, input=given if size else None, weights=bits, activations=bits, buffers=bits
            ).total
        except shapecalc.ShapeError:
            continue
        if total <= read_budget("memory", budget):
            due[values] = total
    answer = solve(spec, find=find, memory=budget, bits=bits)
    assert {tuple(s.settings.values()): s.amounts["memory"] for s in answer.solutions} == due
    assert due
    assert answer.to_dict()["bits"] == bits


CONV = {"conv": {"out_channels": 4, "kernel_size": 3, "padding": 1}}
IN_ONE_PASS = {
    "weights that are shared": [{**CONV, "name": "a"}, "batch_norm", {**CONV, "share": "a"}, "flatten", {"fc": "width"}],
    "a sum that lies where its second input lay": [
        {"fc": 1, "name": "a"}, {"fc": "1000 * width", "from": "input", "name": "b"}, {"add": ["a", "b"]}
    ],
}  # fmt: skip


@pytest.mark.parametrize("layers", IN_ONE_PASS.values(), ids=IN_ONE_PASS)
def test_memory_in_one_pass(layers):
    network = shapecalc.load({"input": [4, 8, 8], "vars": {"width": 2}, "layers": layers})
    answer = solve(network, find={"width": range(1, 5)}, memory="64MiB")
    assert answer.how == "many settings in one pass"
    assert {s.settings["width"]: s.amounts["memory"] for s in answer.solutions} == {
        width: network.memory(vars={"width": width}).total for width in range(1, 5)
    }


@pytest.mark.slow
def test_a_pass_that_disagrees_with_inference_is_repeated_one_by_one(monkeypatch):
    from shapecalc.questions.solve import budgets

    real = budgets.measure
    monkeypatch.setattr(
        budgets,
        "measure",
        lambda e, *rest: {
            what: found * (0 if budgets.Many in _kinds(e) else 1) for what, found in real(e, *rest).items()
        },
    )
    answer = solve("unet", find={"width": range(1, 40)}, memory="64MiB")
    assert answer.how == "each setting built on its own"
    assert answer.solutions[0].settings == {"width": 18}


def _kinds(evaluation):
    return {type(size) for sizing in evaluation.sizings for shape in sizing.outputs for size in shape.sizes}


@pytest.mark.slow
def test_fractions():
    answer = solve("mobilenet_v1", find=["width"], params="1M")
    network = shapecalc.load("mobilenet_v1")
    width = answer.solutions[0].settings["width"]
    assert answer.searched["width"] == (0.05, 4, 0.05, 80)
    assert network.infer(vars={"width": width}).total.params <= 1_000_000
    assert network.infer(vars={"width": round(width + 0.05, 2)}).total.params > 1_000_000
    quarter = solve("mobilenet_v1", find=dict([read_range("width=0.25:1:0.25")]), params="1M").solutions
    assert [(s.settings["width"], s.amounts["params"]) for s in quarter] == [(0.25, 470_072)]
    with pytest.raises(shapecalc.UsageError, match="only whole sizes"):
        solve("alexnet", find={"input": [0.5, 1.5]}, params="1M")


def test_possible_fractions_are_noted():
    text = "input: 3x8x8\nvars: {width: 1}\nlayers:\n- conv: {out_channels: floor(32 * width), kernel_size: 3}\n"
    (note,) = solve(text, find=["width"], params=500).notes
    assert "only whole numbers were tried for width" in note
    assert "--for width=0.25:4:0.25" in note
    assert solve("unet", find=["width"], params="5M").notes == ()


def test_a_variable_without_effect_is_noted():
    for budget, place in (("30M", "within"), ("3M", "beyond")):
        answer = solve("resnet50", find=["input"], params=budget)
        assert (answer.solutions, answer.least) == ((), None)
        assert answer.notes == (
            f"input does not change params: there are 25,557,032 parameters for any value, {place} the budget",
        )


def test_a_variable_that_is_not_a_number():
    with pytest.raises(shapecalc.UsageError, match="hidden is not a number"):
        solve("mlp", find=["hidden"], params="3M")


BUDGETS = [
    ("params", "5M", 5_000_000),
    ("params", "300k", 300_000),
    ("macs", "1.5G", 1_500_000_000),
    ("macs", "1,000", 1_000),
    ("memory", "512KiB", 512 * 1024),
    ("memory", "24GiB", 24 * 2**30),
    ("memory", "2 MB", 2_000_000),
    ("memory", 100, 100),
]


@pytest.mark.parametrize(("what", "text", "amount"), BUDGETS)
def test_budgets(what, text, amount):
    assert read_budget(what, text) == amount


@pytest.mark.parametrize(("what", "text"), [
    ("params", "5X"), ("params", ""), ("params", "-3"), ("params", "512KiB"), ("memory", "5k"), ("params", "0"),
    ("params", "nan"), ("params", True), ("params", "9" * 50), ("flops", "5M"), ("params", "1e99"), ("params", "0.0001k"),
    ("params", 0.5), ("macs", float("nan")), ("params", float("inf")),
])  # fmt: skip
def test_invalid_budgets(what, text):
    with pytest.raises(shapecalc.UsageError):
        read_budget(what, text)


def test_ranges():
    assert read_range("width") == ("width", None)
    assert read_range("width=16:128:8") == ("width", range(16, 129, 8))
    assert read_range("width=16:18") == ("width", range(16, 19))
    assert read_range("width=16") == ("width", range(16, 17))
    assert read_range("width=0.1:0.5:0.1") == ("width", [0.1, 0.2, 0.3, 0.4, 0.5])
    assert read_range("width=0.25,1:3,2") == ("width", [0.25, 1, 2, 3])
    for text in (
        "width=1,",
        "width=1e3",
        "width=0.5:0.1",
        "width=0:1:0.0000001",
        "width=",
        "width=a",
        "width=3:1",
        "width=1:2:0",
        "width=1:2:3:4",
    ):
        with pytest.raises(shapecalc.UsageError):
            read_range(text)


# Fixes.

BROKEN = """\
name: broken
input: 3x64x64
layers:
  - conv: {out_channels: 16, kernel_size: 7}   # a comment
  - max_pool: 2
  - conv: {out_channels: 32, kernel_size: 5}
  - max_pool: 4
  - conv:
      out_channels: 384
      kernel_size: 7
  - fc: 10
"""


def test_the_smallest_change_comes_first():
    answer = solve(BROKEN, fix=True)
    best = answer.fixes[0]
    assert [(c.layers, c.argument, c.new) for c in best.changes] == [(("conv3",), "padding", 1)]
    assert (best.changes[0].edit.line, best.changes[0].edit.new) == (11, "      padding: 1")
    changed = {(c.layers, c.argument) for fix in answer.fixes for c in fix.changes}
    assert (("conv3",), "kernel_size") in changed
    assert ((), "input") in changed


def test_every_fix_is_valid_as_text():
    for fix in solve(BROKEN, fix=True).fixes:
        (change,) = fix.changes
        network = shapecalc.load(change.edit.text)
        assert network.problems() == ()
        assert dict(network.infer().outputs) == fix.outputs
        assert "# a comment" in change.edit.text


@pytest.mark.slow
def test_two_changes_if_one_is_not_enough():
    text = """
input: 3x64x64
blocks:
  res:
    args: {c: required}
    layers:
      - add:
        - - conv: {out_channels: c, kernel_size: 3}
          - relu
        - []
layers:
  - conv: {out_channels: 16, kernel_size: 3}
  - res: {c: 16}
  - res: {c: 16}
  - conv: {out_channels: 32, kernel_size: 3, groups: 3}
"""
    best = solve(text, fix=True).fixes[0]
    assert [change.argument for change in best.changes] == ["padding", "groups"]
    assert best.changes[0].layers == ("res1.conv1", "res2.conv1")
    assert not sizings_of(shapecalc.load(best.changes[1].edit.text).graph)[1]


def test_wrong_stated_sizes_are_corrected():
    text = "input: 3x8x8\nlayers:\n- conv: {in_channels: 4, out_channels: 8, kernel_size: 3}\n"
    (change,) = solve(text, fix=True).fixes[0].changes
    assert (change.argument, change.new) == ("in_channels", 3)


def test_groups_are_tried_with_all_divisors_of_the_channels():
    text = "input: 6x8x8\nlayers:\n- conv: {out_channels: 12, kernel_size: 3, groups: 4}\n"
    changes = [fix.changes[0] for fix in solve(text, fix=True).fixes]
    assert {change.new for change in changes if change.argument == "groups"} == {1, 2, 3, 6}


def test_excess_padding_is_removed():
    text = """
input: 3x8x8
layers:
  - conv: {out_channels: 4, kernel_size: 1, padding: 1}
    name: padded
  - conv: {out_channels: 4, kernel_size: 1}
    name: plain
    from: input
  - add: [padded, plain]
"""
    found = [fix.changes[0] for fix in solve(text, fix=True).fixes if len(fix.changes) == 1]
    assert {(change.layers, change.new) for change in found if change.argument == "padding"} == {
        (("padded",), 0), (("plain",), 1),
    }  # fmt: skip


@pytest.mark.parametrize("stated", ["conv.in_channels", "linear.in_features", "batch_norm.num_features",
                                    "group_norm.num_channels", "lstm.input_size"])  # fmt: skip
def test_correcting_a_stated_size_is_the_smallest_change(stated):
    kind, name = stated.split(".")
    assert cost_of_change(KINDS[kind].arguments[name], 8, 512, 0, 1) == 0
    assert cost_of_change(KINDS["conv"].arguments["padding"], 0, 1, 0, 1) > 1


FLATTENED = {
    "an item": ("- conv: {out_channels: 16, kernel_size: 3}\n- linear: {in_features: 14400, out_features: 10}\n", 5),
    "a later key": ("- conv: {out_channels: 16, kernel_size: 3}\n- name: out\n  linear: {in_features: 14400, out_features: 10}\n", 5),
    "a linear layer after states": (
        "- flatten: {start_dim: 2}\n- lstm: {hidden_size: 64, bidirectional: true}\n  name: rnn\n"
        "- add: ['rnn[1]']\n- linear: {in_features: 128, out_features: 10}\n", 8),
}  # fmt: skip


@pytest.mark.parametrize(("layers", "line"), FLATTENED.values(), ids=FLATTENED)
def test_a_forgotten_flatten_is_the_first_fix(layers, line):
    answer = solve(f"name: net\ninput: 3x32x32\nlayers:\n{layers}", fix=True)
    (change,) = answer.fixes[0].changes
    name = "out" if "out\n" in layers else "linear1"
    assert change.to_dict() == {
        "layers": [name], "argument": "flatten", "old": None, "new": "before", "written": False, "file": "<text>", "line": line,
        "old_line": "", "new_line": "- flatten",
    }  # fmt: skip
    assert (
        draw_fixes(answer)
        .split("1. ")[1]
        .startswith(f"{name}: flatten before it\n\n      {line} + - flatten\n   output:")
    )
    assert list(answer.fixes[0].outputs.values()) == [(10,)]
    assert not any(max(fix.changes[0].new) > 128 for fix in answer.fixes if not fix.changes[0].layers)


@pytest.mark.parametrize(
    ("item", "old", "new"),
    [
        ("- linear: {in_features: 14400, out_features: 10}\n  from: conv1\n- relu\n",
         "- linear: {in_features: 14400, out_features: 10}\n  from: conv1",
         "- {flatten: {}, from: conv1}\n- linear: {in_features: 14400, out_features: 10}"),
        ("- {linear: {in_features: 14400, out_features: 10}, from: conv1, name: out}\n",
         "- {linear: {in_features: 14400, out_features: 10}, from: conv1, name: out}",
         "- {flatten: {}, from: conv1}\n- {linear: {in_features: 14400, out_features: 10}, name: out}"),
        ("- linear:\n    in_features: 14400\n    out_features: 10\n  from: conv1 # of the map\n",
         None, None),
        ("- from: conv1\n  linear: {in_features: 14400, out_features: 10}\n", None, None),
        ("- linear: {in_features: 14400, out_features: 10}\n  from: [conv1]\n", None, None),
    ],
)  # fmt: skip
def test_a_forgotten_flatten_of_an_input_with_a_name(item, old, new):
    conv = "- conv: {out_channels: 16, kernel_size: 3}\n- relu\n"
    answer = solve(
        f"input: 3x32x32\nlayers:\n{conv}{item}outputs: [relu1, {'out' if 'name' in item else 'linear1'}]\n", fix=True
    )
    (change,) = answer.fixes[0].changes
    if old is None:
        assert change.argument == "in_features", "what cannot be written is not proposed"
        return
    assert (change.argument, change.edit.old, change.edit.new) == ("flatten", old, new)
    numbered = [
        f"      {5 + i} {sign} {line}"
        for sign, text in (("-", old), ("+", new))
        for i, line in enumerate(text.split("\n"))
    ]
    assert "\n".join(numbered) in draw_fixes(answer)


def test_a_flatten_in_a_block_and_in_python():
    layers = ["- conv: {out_channels: 2, kernel_size: 3}", "- linear: {in_features: 72, out_features: 72}"]
    block = "input: 3x8x8\nblocks:\n  head:\n    layers:\n    - linear: {in_features: 72, out_features: 72}\nlayers:\n"
    answer = solve(f"{block}{layers[0]}\n- head\n- linear: 3\n", fix=True)
    assert [(c.layers, c.argument) for c in answer.fixes[0].changes] == [(("head1.linear1",), "flatten")]
    spec = [
        {"conv": {"out_channels": 2, "kernel_size": 3}},
        {"linear": {"in_features": 72, "out_features": 72}, "name": "a"},
        {"linear": 72, "share": "a"},
    ]
    best = solve(spec, input="3x8x8", fix=True).fixes[0]
    assert (best.changes[0].argument, best.changes[0].edit, best.outputs) == ("flatten", None, {"linear1": (72,)})


NEAREST = [
    ("50x100", {"multi_head_attention": {"embed_dim": 100, "num_heads": 8}}, "num_heads", [10, 5, 4, 20]),
    ("60x8x8", {"group_norm": {"num_groups": 32}}, "num_groups", [30, 20, 60, 15]),
    ("50x64", {"transformer_encoder_layer": {"d_model": 64, "nhead": 7}}, "nhead", [8, 4, 16]),
]


@pytest.mark.parametrize(("size", "layer", "argument", "values"), some(NEAREST, 2))
def test_the_nearest_values_come_first(size, layer, argument, values):
    answer = solve(f"input: {size}\nlayers:\n- {json.dumps(layer)}\n", fix=True)
    found = [(fix.changes[0].argument, fix.changes[0].new) for fix in answer.fixes]
    assert found[: len(values)] == [(argument, value) for value in values]


@pytest.mark.parametrize(
    ("size", "linear", "changes"),
    [
        ("16x14x14", "10", [("shape", [-1])]),
        ("16x14x14", "{in_features: 512, out_features: 10}", [("shape", [-1]), ("in_features", 3136)]),
        ("16x16x16", "{in_features: 4096, out_features: 10}", [("shape", [-1])]),
    ],
)
def test_the_batch_of_a_view_is_left_out_before_an_input_changes(size, linear, changes):
    answer = solve(f"input: {size}\nlayers:\n- view: [-1, 512]\n- linear: {linear}\n", fix=True)
    assert [(one.argument, one.new) for one in answer.fixes[0].changes] == changes
    assert list(answer.fixes[0].outputs.values()) == [(10,)]  # one sample: PyTorch's N×10


def test_only_what_a_hint_names_has_a_second_change_where_one_fixes_all():
    layers = "- conv: {out_channels: 16, kernel_size: 5}\n- max_pool: 2\n- view: [-1, 2304]\n"
    answer = solve(f"input: 3x32x32\nlayers:\n{layers}- linear: {{in_features: 2304, out_features: 10}}\n", fix=True)
    assert [len(fix.changes) for fix in answer.fixes] == [2] + [1] * (len(answer.fixes) - 1)
    assert len(answer.fixes) > 1


@pytest.mark.parametrize("layer", ["lstm: 64", "multi_head_attention: 4", "conv1d: {out_channels: 8, kernel_size: 3}"])
def test_a_product_of_two_sizes_is_first_read_as_both(layer):
    text = f"input: 50*32\nlayers:\n- {layer}\n"
    assert "write 50x32" in shapecalc.load(text).problems()[0].hint
    answer = solve(text, fix=True)
    assert answer.fixes[0].changes[0].edit.new == "input: 50x32"


def test_an_input_does_not_grow_beyond_measure():
    text = "input: 3x32x32\nlayers:\n- conv: {out_channels: 64, kernel_size: 4, stride: 4}\n- layer_norm: 64\n"
    answer = solve(text, fix=True)
    assert answer.fixes == ()  # 3×256×256 would fit
    drawn = draw_fixes(answer)
    assert "no fix of one or two changes found" in drawn
    assert drawn.endswith(f"{answer.trials} changes tried")
    (fix,) = (fix for fix in solve("unet", input="1x8x8", fix=True).fixes if not fix.changes[0].layers)
    assert fix.changes[0].new == (1, 188, 188)  # a window did not fit


@pytest.mark.parametrize(
    ("spec", "size", "text"),
    [
        ("unet", "1x512x512", "the input: input 1×508×508, not 1×512×512 (given, not in the file)"),
        ("alexnet", "3x227x227", "the input: input 227×227×3, not 3×227×227 (given, not in the file)"),
    ],
)
def test_a_size_that_is_given_is_fixed_too(spec, size, text):
    change = solve(spec, input=size, fix=True).fixes[0].changes[0]
    assert (change.text(), change.edit) == (text, None)
    assert shapecalc.load(spec, input=list(change.new)).problems() == ()


def test_an_image_in_the_other_layout_is_turned():
    text = "input: 32x32x3\nlayers:\n- conv: {in_channels: 3, out_channels: 8, kernel_size: 5}\n"
    assert solve(text, fix=True).fixes[0].changes[0].new == (3, 32, 32)


CHUNKS = "input: {}\nlayers:\n- chunk: 3\n  name: p\n"


@pytest.mark.parametrize(
    ("text", "texts", "note"),
    [
        ("input: 224x224x3\nlayers:\n- conv: {out_channels: 8, kernel_size: 3}\n",
         ["the input: input 3×224×224, not 224×224×3"], "sizes are read as channels × height × width here"),
        ("input: 3x8x8\nlayers:\n- conv: {out_channels: 8, kernel_size: 3}\n- linear: 10\n",
         ["linear1: flatten before it"], "linear1 works along the last axis of 8×6×6 alone"),
        (CHUNKS.format("10x96") + '- add: [p, "p[1]"]\n', ["p: dim -1 added"], "p has pieces of 4 and 2"),
        (CHUNKS.format("64x8x8") + '- add: [p, "p[1]"]\n', [], "p has pieces of 22 and 20"),
        ("input: 8x4x4\nlayers:\n- add\n", [], "add1 has one input"),
    ],
)  # fmt: skip
def test_of_a_network_without_errors_the_fixes_are_what_its_notes_say(text, texts, note):
    answer = solve(text, fix=True)
    assert [change.text() for fix in answer.fixes for change in fix.changes] == texts
    assert (answer.problems, answer.notes[0].startswith(note)) == ((), True)
    assert answer.to_dict()["notes"] == [*answer.notes]
    shown = draw_fixes(answer)
    assert "no shape errors, but a note on what is likely one\n\n- " in shown
    assert "no fix" not in shown
    for fix in answer.fixes:
        assert note not in " ".join(shapecalc.load(fix.changes[-1].edit.text).infer().notes)


def test_a_change_with_which_a_note_stays_is_no_fix():
    network = shapecalc.load("input: 3x8x8\nlayers:\n- conv: {out_channels: 8, kernel_size: 3}\n- linear: 10\n")
    notes = network.infer().notes
    assert find_fixes(network.graph, lambda text: network.reread(text).graph, notes=notes).fixes
    assert not find_fixes(network.graph, lambda _: network.graph, notes=notes).fixes


def test_a_note_on_a_size_that_is_given_has_no_fix_in_the_text():
    assert solve("alexnet", input="454x454x3", fix=True).fixes == ()


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        # q·kᵀ of a projection to queries, keys and values: both the axis and the transposition were forgotten
        (CHUNKS.format("10x96") + '- matmul: [p, "p[1]"]\n',
         ["p: dim -1 added; matmul1: transpose: {dim0: 1, dim1: 2} on its input 2",
          "matmul1: transpose: {dim0: 1, dim1: 2} on its input 2", "the input: input 10×4, not 10×96"]),
        (CHUNKS.format("10x96").replace("3", "{chunks: 3, dim: -1}") + "- matmul: [p, 'p[1]']\n",
         ["matmul1: transpose: {dim0: 1, dim1: 2} on its input 2"]),
        # of pieces of 64 channels, those of equal sizes
        (CHUNKS.format("64x8x8") + '- add: [p, "p[1]", "p[2]"]\n',
         ["p: chunks 4, not 3", "p: chunks 8, not 3", "p: chunks 16, not 3", "p: chunks 32, not 3", "p: chunks 64, not 3"]),
    ],
)  # fmt: skip
def test_pieces_of_a_tensor_are_cut_along_the_axis_that_was_meant(text, texts):
    found = solve(text, fix=True).fixes
    assert ["; ".join([change.text() for change in fix.changes]) for fix in found][: len(texts)] == texts
    for fix in found:
        assert shapecalc.load(fix.changes[-1].edit.text).problems() == ()


@pytest.mark.parametrize("join", ["add", "cat"])
def test_the_padding_of_a_transposed_convolution_that_its_hint_names_is_the_first_fix(join):
    """torch.nn.ConvTranspose2d(32, 16, 3, stride=2, padding=1, output_padding=1) doubles 16×16, without it to 31×31."""
    answer = solve(
        "input: 16x32x32\nlayers:\n- relu:\n  name: skip\n- max_pool: 2\n"
        f"- ConvTranspose2d: {{out_channels: 16, kernel_size: 3, stride: 2, padding: 1}}\n- {join}: skip\n",
        fix=True,
    )
    first, second = answer.fixes[:2]
    assert [change.text() for change in first.changes] == ["transposed_conv1: output_padding 1 added"]
    assert next(iter(first.outputs.values()))[1:] == (32, 32)
    assert [change.text() for change in second.changes] == [
        f"{answer.problems[0].layer}: crop: {{size: 31}} on its input 2"
    ]


def test_nothing_to_fix():
    assert solve("alexnet", fix=True).fixes == solve("alexnet", fix=True).problems == ()


def test_fixes_of_python_objects_have_no_text():
    answer = solve([{"conv": {"out_channels": 4, "kernel_size": 9}}], input="3x8x8", fix=True)
    assert answer.fixes[0].changes[0].edit is None


@pytest.mark.parametrize("written", ["[1, 3, 32, 32]", "1x3x32x32"])
@pytest.mark.parametrize("word", ["conv", "Conv2d"])
def test_the_first_fix_of_an_input_with_a_batch_axis_removes_it(tmp_path, written, word):
    spec = tmp_path / "batch.yaml"
    spec.write_text(f"input: {written}\nlayers:\n  - {word}: {{in_channels: 3, out_channels: 8, kernel_size: 3}}\n")
    first = shapecalc.solve(str(spec), fix=True).fixes[0].changes[0]
    assert (first.argument, first.old, first.new) == ("input", [1, 3, 32, 32], (3, 32, 32))
    assert first.edit.new == ("input: [3, 32, 32]" if written[0] == "[" else "input: 3x32x32")


def test_the_batch_axis_of_a_sequence_is_removed():
    text = "input: 1x3x64\nlayers:\n  - conv1d: {in_channels: 3, out_channels: 8, kernel_size: 3}\n"
    assert solve(text, fix=True).fixes[0].changes[0].new == (3, 64)


@pytest.mark.parametrize(
    ("text", "fixes", "output"),
    [
        ("input: [32, 3, 28, 28]\nlayers:\n- Conv2d: {in_channels: 3, out_channels: 6, kernel_size: 5}\n- Flatten\n"
         "- Linear: {in_features: 3456, out_features: 10}\n", ["the input: input 3×28×28, not 32×3×28×28"], (10,)),
        ("input: [32, 20]\nlayers:\n- Embedding: {num_embeddings: 9, embedding_dim: 64}\n- LSTM: {input_size: 64, hidden_size: 8}\n",
         ["the input: input 20, not 32×20"], (20, 8)),
        ("input: 28x28\nlayers:\n- Conv2d: {in_channels: 1, out_channels: 6, kernel_size: 5}\n",
         ["the input: input 1×28×28, not 28×28"], (6, 24, 24)),
        ("input: [1, 1, 28, 28]\nlayers:\n- Conv2d: {out_channels: 6, kernel_size: 5}\n"
         "- Linear: {in_features: 3456, out_features: 10}\n",
         ["the input: input 1×28×28, not 1×1×28×28", "linear1: flatten before it"], (10,)),
        ("input: 64x14x14\nlayers:\n- MultiheadAttention: {embed_dim: 64, num_heads: 4}\n",
         ["multi_head_attention1: to_tokens before it"], (196, 64)),
        ("input: 8x3x32x32\nlayers:\n- conv: {out_channels: 6, kernel_size: 5}\n- max_pool: 2\n- fc: 10\n",
         ["the input: input 3×32×32, not 8×3×32×32"], (10,)),
        ("input: 64x14x14\nlayers:\n- TransformerEncoderLayer: {d_model: 64, nhead: 4}\n",
         ["transformer_encoder_layer1: to_tokens before it"], (196, 64)),
        ("inputs: {a: 8x3x9x9, b: 8x3x9x9}\nlayers:\n- Conv2d: {out_channels: 4, kernel_size: 3}\n  from: a\n  name: ca\n"
         "- Conv2d: {out_channels: 4, kernel_size: 3}\n  from: b\n- add: ca\n",
         ["the input: a 3×9×9, not 8×3×9×9", "the input: b 3×9×9, not 8×3×9×9"], (4, 7, 7)),
    ],
)  # fmt: skip
def test_the_first_fix_is_what_was_meant(text, fixes, output):
    first = solve(text, fix=True).fixes[0]
    assert [change.text() for change in first.changes] == fixes
    assert next(iter(first.outputs.values())) == output
    changed = shapecalc.load(first.changes[-1].edit.text).infer()
    assert next(iter(changed.outputs.values())) == output


LEFT_OUT = {
    "first": ("- Conv2d: {in_channels: 3, out_channels: 8, kernel_size: 3}", "- Conv2d: {out_channels: 8, kernel_size: 3}"),
    "between": ("- Conv2d: {out_channels: 8, in_channels: 3, kernel_size: 3}", "- Conv2d: {out_channels: 8, kernel_size: 3}"),
    "last": ("- Conv2d: {out_channels: 8, kernel_size: 3, in_channels: 3}", "- Conv2d: {out_channels: 8, kernel_size: 3}"),
    "a line": ("- Conv2d:\n    out_channels: 8\n    in_channels: 3\n    kernel_size: 3",
               "- Conv2d:\n    out_channels: 8\n    kernel_size: 3"),
}  # fmt: skip


@pytest.mark.parametrize(("written", "left"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_a_stated_size_that_fits_not_every_copy_is_left_out(written, left):
    text = f"input: 3x9x9\nlayers:\n{written}\n  repeat: 3\n"
    answer = solve(text, fix=True)
    (change,) = answer.fixes[0].changes
    assert change.text() == "conv1 (and 2 more layers): in_channels left out, not 3"
    assert change.to_dict()["new"] is None
    assert change.edit.text == text.replace(written, left)
    assert "in_channels left out, not 3" in draw_fixes(answer)


def test_a_stated_size_given_alone_is_left_out():
    block = "blocks:\n  b:\n    args: {width: required}\n    layers:\n    - BatchNorm2d: 3\n    - conv: {out_channels: width, kernel_size: 1}\n"
    answer = solve(f"input: 3x9x9\n{block}layers:\n- b: 8\n- b: 4\n", fix=True)
    (change,) = answer.fixes[0].changes
    assert (change.edit.old, change.edit.new) == ("    - BatchNorm2d: 3", "    - BatchNorm2d: {}")


# Composites, and limits.


@pytest.mark.parametrize("kind", some(sorted(kind for kind, cls in KINDS.items() if issubclass(cls, Composite)), 2))
def test_a_composite_with_a_shape_error_is_fixed_or_skipped(kind, tmp_path):
    """Every composite, on an input with another number of features than its example; its own arguments are changed."""
    cls = KINDS[kind]
    example = cls.examples[0]
    sizes = [list(example.input)] if isinstance(example.input[0], int) else [list(size) for size in example.input]
    for by in (1, 3):
        wrong = [[size + by for size in one] for one in sizes]
        layers = [{kind: dict(example.arguments), "from": [f"x{i}" for i in range(len(wrong))]}]
        spec = {"inputs": {f"x{i}": size for i, size in enumerate(wrong)}, "layout": example.layout, "layers": layers}
        path = tmp_path / "wrong.yaml"
        path.write_text(json.dumps(spec))
        answer = solve(str(path), fix=True)
        for found in answer.fixes:
            for change in found.changes:
                assert not change.composite or (change.composite, change.layers[0][: len(kind)]) == (kind, kind)


def test_arguments_of_the_composite_itself_are_changed(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("input: 10x7\nlayers:\n  - swiglu: {dim: 8, hidden_dim: 16}\n")
    answer = solve(str(path), fix=True)
    first = answer.fixes[0]
    assert [change.text() for change in first.changes] == ["swiglu1: dim 7, not 8"]
    assert first.changes[0].edit.new == "  - swiglu: {dim: 7, hidden_dim: 16}"
    assert first.outputs == {"swiglu1.w2": (10, 7)}
    inputs = {fix.changes[0].new for fix in answer.fixes if not fix.changes[0].layers}
    assert inputs == {(10, 8)}


def test_a_change_applies_only_to_copies_of_the_same_kind(tmp_path):
    """A block used twice changes in both uses; layers next to it do not."""
    path = tmp_path / "wrong.yaml"
    path.write_text(
        "input: 4x8x8\nblocks:\n  b:\n    layers:\n      - conv: {out_channels: 4, kernel_size: 12}\n"
        "layers: [b, {conv: {out_channels: 4, kernel_size: 1}}, b]\n"
    )
    answer = solve(str(path), fix=True)
    assert answer.fixes
    for change in answer.fixes[0].changes:
        assert len(change.layers) in (1, 2)


@pytest.mark.slow
def test_a_truncated_search_for_fixes_is_reported(tmp_path, monkeypatch):
    path = tmp_path / "wrong.yaml"
    path.write_text("input: 1x40\nlayers:\n" + "  - crop: 1\n" * 60)
    whole = solve(str(path), fix=True)
    assert (whole.is_cut_short, whole.to_dict()["cut_short"]) == (False, False)
    monkeypatch.setattr("shapecalc.questions.solve.fixes._MOST_WORK", 60 * 20)
    cut = solve(str(path), fix=True)
    assert (cut.is_cut_short, cut.trials) == (True, 20)
    assert "20 changes tried (stopped early: there are too many to try all)" in draw_fixes(cut)


def test_searches_of_large_networks_try_fewer_settings(monkeypatch):
    layers = [{"conv": {"out_channels": "w", "kernel_size": 1}} for _ in range(10)]
    spec = {"input": "3x8x8", "vars": {"w": 4}, "layers": layers}
    monkeypatch.setattr("shapecalc.questions.solve.budgets._MOST_SIZED", 10 * 50)
    with pytest.raises(shapecalc.UsageError, match="would try 60 settings: at most 50"):
        solve(spec, find={"w": range(1, 61)}, params="1M")
    monkeypatch.setattr("shapecalc.questions.solve.budgets._MOST_LAYERS", 9)
    with pytest.raises(shapecalc.UsageError, match="at most 9 layers: this has 10"):
        solve(spec, find=["w"], params="1M")


def test_a_forgotten_pool_of_a_map_is_the_first_fix():
    first = solve("input: 512x7x7\nlayers:\n- Linear: {in_features: 512, out_features: 10}\n", fix=True).fixes[0]
    assert [change.text() for change in first.changes] == ["linear1: global_avg_pool before it"]
    assert list(first.outputs.values()) == [(10,)]


ADDED = {
    "in braces": ("- conv: {out_channels: 64, kernel_size: 7}", "conv1: padding 1 added", 3,
                  "- conv: {out_channels: 64, kernel_size: 7, padding: 1}"),
    "a number alone": ("- max_pool: 7", "max_pool1: padding 1 added", 3, "- max_pool: {kernel_size: 7, padding: 1}"),
    "by lines": ("- conv:\n    kernel_size: 7  # large\n    out_channels: 64", "conv1: padding 1 added", 6, "    padding: 1"),
    "by lines, the last one a list": (
        "- conv:\n    out_channels: 64\n    kernel_size: [7, 7]", "conv1: padding 1 added", 5, "    padding: 1"),
    "by lines, the last one a list of lines": (
        "- conv:\n    kernel_size:\n      - 7\n      - 7\n    out_channels: 64\n    stride:\n      - 1\n      - 1",
        "conv1: padding 1 added", 8, "    padding: 1"),
    "of Keras": ("- Conv2D: {filters: 64, kernel_size: 7, padding: valid}", "conv1: padding same, not valid", 3,
                 "- Conv2D: {filters: 64, kernel_size: 7, padding: same}"),
}  # fmt: skip


@pytest.mark.parametrize("name", ADDED)
def test_a_padding_that_is_not_written_is_added(name):
    item, words, line, new_line = ADDED[name]
    text = f"input: 3x5x5\nlayers:\n{item}\n"
    answer = solve(text, fix=True)
    (change,) = answer.fixes[0].changes
    assert (change.text(), change.edit.line, change.edit.new) == (words, line, new_line)
    assert shapecalc.load(change.edit.text).problems() == ()
    assert change.to_dict()["written"] == ("not" in words)
    printed = answer.render()
    assert words in printed
    assert f"+ {new_line}" in printed


def test_an_argument_of_a_composite_that_is_not_written_is_added():
    text = "input: 3x10x10\nlayers:\n- patch_embedding: {embed_dim: 8}\n"
    changes = [
        change for fix in solve(text, fix=True).fixes for change in fix.changes if change.argument == "patch_size"
    ]
    assert changes
    for change in changes:
        assert change.text() == f"patch_embedding1: patch_size {change.new} added"
        assert change.edit.new == f"- patch_embedding: {{embed_dim: 8, patch_size: {change.new}}}"


def test_a_flag_may_be_the_fix():
    layers = "- lstm: {hidden_size: 256}\n- linear: {in_features: 512, out_features: 2}"
    fixes = solve(f"input: 50x32\nlayers:\n{layers}\n", fix=True).fixes
    assert [change.text() for fix in fixes for change in fix.changes] == [
        "linear1: in_features 256, not 512", "lstm1: bidirectional true added"]  # fmt: skip


def test_a_forgotten_pool_before_a_flatten_is_the_first_fix():
    text = "input: 512x7x7\nlayers:\n  - flatten\n  - relu\n  - linear: {in_features: 512, out_features: 10}\n"
    first = solve(text, fix=True).fixes[0]
    assert [change.text() for change in first.changes] == ["flatten1: global_avg_pool before it"]
    assert first.changes[0].edit == (text.replace("  - f", "  - global_avg_pool\n  - f"), 3, "", "  - global_avg_pool")
    first = solve("input: 512x7x7\nlayers:\n- fc: {in_features: 512, out_features: 10}\n", fix=True).fixes[0]
    assert [change.text() for change in first.changes] == ["fc1: global_avg_pool before it"]


def test_a_forgotten_transpose_is_the_first_fix():
    text = "input: 100x64\nlayers:\n- Conv1d: {in_channels: 64, out_channels: 32, kernel_size: 3}\n"
    first, second = solve(text, fix=True).fixes[:2]
    assert [change.text() for change in first.changes] == ["conv1: permute: [2, 1] before it"]
    assert first.outputs == {"conv1": (32, 98)}
    assert [change.text() for change in second.changes] == ["conv1: in_channels 100, not 64"]
    assert first.changes[0].edit.new == "- permute: [2, 1]"


@pytest.mark.parametrize(
    ("text", "change", "line"),
    [
        (
            "input: 50x32\nlayers:\n- LSTM: {units: 64, return_sequences: False}\n- LSTM: {units: 32}\n",
            "lstm1: return_sequences true, not false",
            "- LSTM: {units: 64, return_sequences: true}",
        ),
        (
            "input: 128x96\nlayers:\n- chunk: 3\n- reshape: [128, 2, 16]\n- linear: 4\n",
            "chunk1: dim -1 added",
            "- chunk: {chunks: 3, dim: -1}",
        ),
        (
            "input: 5x6x7x8\nlayers:\n- permute: [2, 0, 3, 1, 4]\n",
            "permute1: dims [2, 3, 1, 4], not [2, 0, 3, 1, 4]",
            "- permute: [2, 3, 1, 4]",
        ),
        (
            "input: 5x6x7\nlayers:\n- permute: {dims: [1, 2, 0]}\n",
            "permute1: dims [2, 3, 1], not [1, 2, 0]",
            "- permute: {dims: [2, 3, 1]}",
        ),
        (
            "input: 32x64x64\nlayers:\n- Conv3d: {out_channels: 4, kernel_size: 3}\n",
            "the input: input 1×32×64×64, not 32×64×64",
            "input: 1x32x64x64",
        ),
        (
            "input: 32\nlayers:\n- LSTM: {input_size: 32, hidden_size: 4}\n",
            "lstm1: unsqueeze: 1 before it",
            "- unsqueeze: 1",
        ),
        (
            "input: 3*32*32\nlayers:\n- conv: {out_channels: 4, kernel_size: 3}\n",
            "the input: input 3×32×32, not 3072",
            "input: 3x32x32",
        ),
        (
            "input: [3 * 32 * 32]\nlayers:\n- conv: {out_channels: 4, kernel_size: 3}\n",
            "the input: input 3×32×32, not 3072",
            "input: [3, 32, 32]",
        ),
        (
            "input: 4x36\nlayers:\n- {chunk: 3, name: q}\n- add: ['q[0]', 'q[1]']\n",
            "q: dim -1 added",
            "- {chunk: {chunks: 3, dim: -1}, name: q}",
        ),
        (
            "input: 16x36\nlayers:\n- {chunk: 3, name: q}\n- {sdpa: , from: ['q[0]', 'q[1]', 'q[2]']}\n",
            "q: dim -1 added",
            "- {chunk: {chunks: 3, dim: -1}, name: q}",
        ),
        (
            "input: 15x36\nlayers:\n- {chunk: 3, name: q}\n- {sdpa: , from: ['q[0]', 'q[1]', 'q[2]']}\n"
            "- linear: {in_features: 12, out_features: 4}\n",
            "q: dim -1 added",
            "- {chunk: {chunks: 3, dim: -1}, name: q}",
        ),
        (
            "input: 36x8x8\nlayers:\n- split: 3\n- conv: {in_channels: 12, out_channels: 4, kernel_size: 3}\n",
            "split1: sizes 12, not 3",
            "- split: 12",
        ),
    ],
)
def test_the_first_hint_is_the_first_fix(text, change, line):
    fixes = solve(text, fix=True).fixes
    (first,) = fixes[0].changes
    assert first.text() == change
    assert first.edit.new == line
    assert shapecalc.load(first.edit.text).problems() == ()


RES = (
    "input: 8x8x8\nblocks:\n  res:\n    args: {c: required, s: 1}\n    layers:\n"
    "    - conv: {out_channels: c, kernel_size: 1, stride: s}\n    - add: input\nlayers:\n"
)


@pytest.mark.parametrize(
    ("text", "change", "line"),
    [
        (
            "input: 8x33x33\nlayers:\n- {max_pool: 2, name: half}\n- {upsample: 2, name: up}\n- concat: [input, up]\n",
            "concat1: crop: {size: 32} on its input 1",
            "- concat: [[{crop: {size: 32}, from: input}], up]",
        ),
        (
            "input: 8x33x33\nlayers:\n- {max_pool: 2}\n- {upsample: 2, name: up}\n"
            "- concat: {branches: [up, input], dim: channels}\n",
            "concat1: crop: {size: 32} on its input 2",
            "- concat: {branches: [up, [{crop: {size: 32}, from: input}]], dim: channels}",
        ),
        (
            "input: 3x8x8\nlayers:\n- add:\n  - - conv: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1}\n  - []\n",
            "add1: conv: {out_channels: 8, kernel_size: 1, stride: 2} on its input 2",
            "  - [{conv: {out_channels: 8, kernel_size: 1, stride: 2}}]",
        ),
        (
            RES + "- res: 16\n- res: {c: 32, s: 2}\n",
            "res1.add1 (and 1 more layer): conv: {out_channels: c, kernel_size: 1, stride: s} on its input 2",
            "    - add: [[], [{conv: {out_channels: c, kernel_size: 1, stride: s}, from: input}]]",
        ),
        (
            RES + "- res: 8\n- res: {c: 16, s: 2}\n- res: 16\n",
            "res2.add1: conv: {out_channels: c, kernel_size: 1, stride: s} on its input 2, when: s != 1",
            "    - add: [[], [{conv: {out_channels: c, kernel_size: 1, stride: s}, from: input, when: s != 1}]]",
        ),
        (
            "input: 8x8x8\nlayers:\n- add:\n  - - conv: {out_channels: 16, kernel_size: 1}\n  - []\n  repeat: 3\n",
            "add1: conv: {out_channels: 16, kernel_size: 1} on its input 2, when: i == 0",
            "  - [{conv: {out_channels: 16, kernel_size: 1}, when: i == 0}]",
        ),
    ],
)
def test_a_layer_on_an_input_of_a_merge_is_the_first_fix(text, change, line):
    (first,) = solve(text, fix=True).fixes[0].changes
    assert first.text() == change
    assert first.edit.new == line
    assert shapecalc.load(first.edit.text).problems() == ()


@pytest.mark.parametrize(
    ("args", "uses", "lines"),
    [
        (
            "    args: {c: required, s: 1}\n",
            "- res: 8\n- res: 16\n- res: {c: 16}\n- res: 32\n  repeat: 2\n",
            ["    args: {c: required, s: 1, project: false}", "- res: {c: 16, project: true}",
             "- res: {c: 32, project: i == 0}"],
        ),
        (
            "    args:\n      c: 16\n      s: 1\n",
            "- res: 8\n- res\n- res:\n- res:\n    c: 32\n- res: {c: 32, s: 1}\n",
            ["      project: false", "- res: {project: true}", "    project: true"],
        ),
    ],
)  # fmt: skip
def test_a_projection_that_no_argument_decides_has_one_of_its_own(args, uses, lines):
    """Of the copies 8 → 16 and 16 → 32 alone: 8·16 + 16 and 16·32 + 32 parameters more than without shortcuts."""
    text = RES.replace("    args: {c: required, s: 1}\n", args) + uses
    first, *others = solve(text, fix=True).fixes[0].changes
    assert first.text() == (
        "res2.add1 (and 1 more layer): conv: {out_channels: c, kernel_size: 1} on its input 2, when: project"
    )
    assert [other.edit.new for other in others] == lines
    assert [other.text().rpartition(" ")[2] for other in others] == ["added"] * len(lines)
    mended = shapecalc.load(others[-1].edit.text)
    without = text.replace("    - add: input\n", "")
    more = mended.infer().total.params - shapecalc.load(without).infer().total.params
    assert more == 8 * 16 + 16 + 16 * 32 + 32


def test_the_value_that_the_hint_names_is_the_first_fix():
    text = "input: 50x300\nlayers:\n- multi_head_attention: {num_heads: 8}\n- layer_norm\n"
    (problem,) = shapecalc.load(text).problems()
    (change,) = solve(text, fix=True).fixes[0].changes
    assert (problem.hint, change.text()) == (
        "num_heads: 6 or 10 would fit",
        "multi_head_attention1: num_heads 6, not 8",
    )


NORM = (
    "conv: {out_channels: c, kernel_size: 1, stride: s}\n",
    "conv: {out_channels: c, kernel_size: 1, bias: false}\n    - batch_norm\n",
)
STAGES = RES.replace(
    "\nlayers:", "\n  stage:\n    args: {c: required}\n    layers:\n    - res: c\n      repeat: 2\nlayers:"
)


@pytest.mark.parametrize(
    ("text", "change"),
    [
        (  # the argument has its name already
            RES.replace("s: 1", "project: 1").replace(", stride: s", "") + "- res: 8\n- res: 16\n- res: 16\n",
            "res1.add1 (and 2 more layers): conv: {out_channels: c, kernel_size: 1} on its input 2",
        ),
        (
            RES.replace("s: 1", "down: false").replace("stride: s", "stride: 2 if down else 1")
            + "- res: 8\n- res: {c: 16, down: true}\n- res: 16\n",
            "res2.add1: conv: {out_channels: c, kernel_size: 1, stride: 2 if down else 1} on its input 2, "
            "when: (2 if down else 1) != 1",
        ),
        (RES.replace(*NORM) + "- res: 16\n",
         "res1.add1: conv: {out_channels: c, kernel_size: 1, bias: false} and batch_norm on its input 2"),
        (RES.replace(*NORM).replace("batch_norm", "relu") + "- res: 16\n",
         "res1.add1: conv: {out_channels: c, kernel_size: 1} on its input 2"),
        (RES.replace(*NORM).replace(", bias: false", "") + "- res: 16\n",
         "res1.add1: conv: {out_channels: c, kernel_size: 1} on its input 2"),
        (STAGES + "- stage: 16\n- stage: 32\n",
         "stage1.res1.add1 (and 1 more layer): conv: {out_channels: c, kernel_size: 1} on its input 2, when: project"),
        (STAGES + "- stage: 8\n- stage: 16\n",
         "stage1.res1.add1 (and 3 more layers): conv: {out_channels: c, kernel_size: 1} on its input 2"),
    ],
)  # fmt: skip
def test_a_projection_is_in_terms_of_its_block(text, change):
    first, *others = solve(text, fix=True).fixes[0].changes
    assert first.text() == change
    assert shapecalc.load([first, *others][-1].edit.text).problems() == ()


def test_a_block_without_arguments_is_mended_in_all_copies():
    """Where its arguments would be declared is not known."""
    text = (
        "input: 8x8x8\nblocks:\n  res:\n  - conv: {out_channels: 16, kernel_size: 1}\n  - add: input\n"
        "layers:\n- res\n- res\n"
    )
    (first,) = solve(text, fix=True).fixes[0].changes
    assert first.text() == "res1.add1 (and 1 more layer): conv: {out_channels: 16, kernel_size: 1} on its input 2"


@pytest.mark.parametrize(
    ("text", "changes", "lines"),
    [
        (
            "input: 100x40\nlayers:\n- Conv1d: {in_channels: 40, out_channels: 64, kernel_size: 3}\n"
            "- GRU: {input_size: 64, hidden_size: 32}\n",
            ["conv1: permute: [2, 1] before it", "gru1: permute: [2, 1] before it"],
            [(3, "- permute: [2, 1]"), (4, "- permute: [2, 1]")],
        ),
        (
            "input: 3x32x32\nlayers:\n- Conv2d: {out_channels: 64, kernel_size: 3}\n"
            "- Conv2d: {in_channels: 32, out_channels: 48, kernel_size: 3}\n- Linear: {in_features: 48, out_features: 10}\n",
            ["conv2: in_channels 64, not 32", "linear1: global_avg_pool before it"],
            [(4, "- Conv2d: {in_channels: 64, out_channels: 48, kernel_size: 3}"), (5, "- global_avg_pool")],
        ),
    ],
)
def test_two_mistakes_of_which_one_is_a_forgotten_layer(text, changes, lines):
    fix = solve(text, fix=True).fixes[0]
    assert [change.text() for change in fix.changes] == changes
    assert [(change.edit.line, change.edit.new) for change in fix.changes] == lines
    followed = text.splitlines()
    for change in sorted(fix.changes, key=lambda one: -one.edit.line):
        number = change.edit.line - 1
        followed[number : number + bool(change.edit.old)] = [change.edit.new]
    assert shapecalc.load("\n".join(followed)).problems() == ()


def test_a_branch_of_layers_is_not_replaced_by_the_layer_on_it():
    """It would have to be written at the end of the branch."""
    text = (
        "input: 8x8x8\nlayers:\n- concat: [[{upsample: 2}], [{pad: [1, 0, 0, 0]}]]\n"
        "- conv: {out_channels: 4, kernel_size: 1}\n"
    )
    for fix in solve(text, fix=True).fixes:
        assert "upsample: 2" in fix.changes[-1].edit.text
        assert "pad" in fix.changes[-1].edit.text
