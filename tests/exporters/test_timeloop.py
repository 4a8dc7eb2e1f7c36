"""Timeloop's problems: read as Timeloop reads them, by their projections, they have the sizes and MACs of the report."""

from __future__ import annotations

import math
import re

import pytest
import yaml
from random_graphs import Origin
from searching import FAMILY_ENDS, some
from test_scalesim import CANNOT, LAYERS

import shapecalc
from shapecalc.escaping import clean
from shapecalc.exporters import convert

REASONS = {pattern: reason for pattern, reason in CANNOT.items() if not reason.startswith("its strides differ")}
"""The networks of the zoo with a layer that is no problem: two different strides are none for SCALE-Sim alone."""


def problems_of(text):
    """The problems of a file, of which Timeloop reads one at a time."""
    documents = [*yaml.load_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))]
    assert all([*one] == ["problem"] for one in documents)
    problems = [one["problem"] for one in documents]
    for one in problems:
        assert one["version"] == 0.4
        dimensions, coefficients = one["shape"]["dimensions"], one["shape"]["coefficients"]
        assert [*one["instance"]] == [*dimensions, *[each["name"] for each in coefficients]]
    return problems


def macs_of(problem):
    """The operations of a problem: a multiply-accumulate for each point of its dimensions (operation space)."""
    return math.prod(problem["instance"][name] for name in problem["shape"]["dimensions"])


def tensor_of(problem, name):
    """The sizes of a tensor: each axis is a sum of products of a dimension and its coefficient (problem-shape.cpp)."""
    (space,) = [one for one in problem["shape"]["data_spaces"] if one["name"] == name]
    sizes = problem["instance"]
    return [
        1 + sum((sizes[factors[0]] - 1) * math.prod(sizes[one] for one in factors[1:]) for factors in axis)
        for axis in space["projection"]
    ]


def check(net):
    """Enforce that the problems have the MACs of the report, and those of convolutions its outputs and weights."""
    report = net.infer()
    problems = problems_of(net.convert("timeloop"))
    assert sum(map(macs_of, problems)) == report.total.macs
    rows = {row.name: row for row in report.rows}
    for problem in problems:
        row = rows.get(problem["shape"]["name"])
        if row is None or row.kind == "transposed_conv":
            continue
        assert macs_of(problem) == row.macs
        assert math.prod(tensor_of(problem, "Outputs")) == math.prod(row.output_shapes[0])
        weights = [math.prod(sizes) for sizes in row.sizing.weight_shapes.values()]
        second = max(weights) if weights else row.sizing.inputs[1].elements  # a weight norm has lengths, too
        assert math.prod(tensor_of(problem, "Weights")) == second
    return problems


@pytest.mark.parametrize("name", some(FAMILY_ENDS, 20))
def test_the_problems_have_the_macs_of_the_report(name):
    net = shapecalc.load(name)
    reason = next((reason for pattern, reason in REASONS.items() if re.fullmatch(pattern, name)), "")
    if reason:
        with pytest.raises(shapecalc.UsageError, match=re.escape(reason)):
            net.convert("timeloop")
        return
    check(net)


DOCUMENT = """\
# spec: 5 problems for Timeloop, 45,360 MACs. Timeloop reads one document (from --- on) at a time.
---
problem:
  version: 0.4
  instance: {C: 3, M: 8, R: 3, S: 3, N: 1, P: 9, Q: 9, Wstride: 2, Hstride: 2, Wdilation: 1, Hdilation: 1}
  shape:
    name: "a,DP"
    dimensions: [C, M, R, S, N, P, Q]
    coefficients:
      - {name: Wstride, default: 1}
      - {name: Hstride, default: 1}
      - {name: Wdilation, default: 1}
      - {name: Hdilation, default: 1}
    data_spaces:
      - name: Weights
        projection: [[[C]], [[M]], [[R]], [[S]]]
      - name: Inputs
        projection: [[[N]], [[C]], [[R, Wdilation], [P, Wstride]], [[S, Hdilation], [Q, Hstride]]]
      - name: Outputs
        projection: [[[N]], [[M]], [[Q]], [[P]]]
        read_write: true
---
problem:
  version: 0.4
  instance: {C: 1, M: 1, R: 1, S: 3, N: 1, P: 9, Q: 9, G: 8, Wstride: 1, Hstride: 1, Wdilation: 1, Hdilation: 1}
  shape:
    name: "depthwise_conv1"
    dimensions: [C, M, R, S, N, P, Q, G]
    coefficients:
      - {name: Wstride, default: 1}
      - {name: Hstride, default: 1}
      - {name: Wdilation, default: 1}
      - {name: Hdilation, default: 1}
    data_spaces:
      - name: Weights
        projection: [[[G]], [[C]], [[M]], [[R]], [[S]]]
      - name: Inputs
        projection: [[[N]], [[G]], [[C]], [[R, Wdilation], [P, Wstride]], [[S, Hdilation], [Q, Hstride]]]
      - name: Outputs
        projection: [[[N]], [[G]], [[M]], [[Q]], [[P]]]
        read_write: true
"""


def test_the_whole_text():
    net = shapecalc.load({"name": "spec", "input": "3x18x18", "layers": LAYERS})
    text = net.convert("timeloop")
    assert text.startswith(DOCUMENT)
    grouped, transposed, fc = check(net)[2:]
    assert [grouped["instance"][name] for name in "GCM"] == [2, 4, 4]
    assert [transposed["instance"][name] for name in "CMPQ"] == [8, 16, 81, 1]
    assert [fc["instance"][name] for name in "CMPQRS"] == [1296, 10, 1, 1, 1, 1]


def test_the_width_has_r_p_and_wstride_and_the_input_is_what_the_windows_cover():
    conv = {"out_channels": 8, "kernel_size": [3, 5], "stride": [1, 2], "dilation": [2, 1], "padding": [2, 1]}
    (problem,) = check(shapecalc.load({"input": "3x9x20", "layers": [{"conv": conv}]}))
    size = problem["instance"]
    assert (size["Q"], size["P"], size["S"], size["R"]) == (9, 9, 3, 5)
    assert (size["Hstride"], size["Wstride"], size["Hdilation"], size["Wdilation"]) == (1, 2, 2, 1)
    assert tensor_of(problem, "Inputs") == [1, 3, 21, 13]  # width 20 + 2 − 1 left over by the stride, height 9 + 4


def test_one_axis_is_the_width_and_tokens_are_positions():
    (conv,) = check(shapecalc.load({"input": "3x20", "layers": [{"conv": {"out_channels": 4, "kernel_size": 5}}]}))
    assert [conv["instance"][name] for name in "PRQS"] == [16, 5, 1, 1]
    (fc,) = check(shapecalc.load({"input": "6x8", "layers": [{"linear": 4}]}))
    assert [fc["instance"][name] for name in "CMPQ"] == [8, 4, 6, 1]


def test_each_head_of_attention_is_a_group_of_two_products():
    problems = check(shapecalc.load({"input": "6x8", "layers": [{"multi_head_attention": 2}]}))
    scores, values = problems[-2:]
    assert [scores["instance"][name] for name in "GPCM"] == [2, 6, 4, 6]
    assert [values["instance"][name] for name in "GPCM"] == [2, 6, 6, 4]
    assert [one["shape"]["name"].rpartition(".")[2] for one in problems[-2:]] == ["scores", "values"]


def test_a_separable_convolution_is_two_problems():
    layer = {"separable_conv": {"out_channels": 16, "kernel_size": 3, "stride": [2, 1], "depth_multiplier": 2}}
    net = shapecalc.load({"input": "8x33x33", "layers": [layer]})
    depthwise, pointwise = problems_of(net.convert("timeloop"))
    sizes = {"C": 1, "M": 2, "R": 3, "S": 3, "N": 1, "P": 31, "Q": 16, "G": 8}
    assert depthwise["instance"] == {**sizes, "Wstride": 1, "Hstride": 2, "Wdilation": 1, "Hdilation": 1}
    sizes = {"C": 16, "M": 16, "R": 1, "S": 1, "N": 1, "P": 31, "Q": 16}
    assert pointwise["instance"] == {**sizes, "Wstride": 1, "Hstride": 1, "Wdilation": 1, "Hdilation": 1}
    assert macs_of(depthwise) + macs_of(pointwise) == net.infer().total.macs


def test_names_are_text():
    node = shapecalc.load({"input": [4], "layers": [{"linear": 3, "name": "a"}]}).graph.nodes[0]
    for name in ("no", "1", 'a: "b" # \\', "é", "\n---\n"):
        graph = shapecalc.load({"input": [4], "layers": [{"linear": 3, "name": "a"}]}).graph
        graph = graph._replace(nodes=(node._replace(name=name),), name=name)
        (problem,) = problems_of(shapecalc.Network(Origin(graph)).convert("timeloop"))
        assert problem["shape"]["name"] == clean(name)


def test_a_batch_does_not_count():
    report = shapecalc.load({"input": [4], "layers": [{"linear": 3}]}).infer(batch=5)
    (problem,) = problems_of(convert(report, "timeloop"))
    assert macs_of(problem) == 12


def test_what_is_no_problem_is_refused():
    with pytest.raises(shapecalc.UsageError) as error:
        shapecalc.load({"name": "n", "input": [4], "layers": ["relu"]}).convert("timeloop")
    assert str(error.value) == "no layer of n multiplies: Timeloop has nothing to simulate"
    with pytest.raises(
        shapecalc.UsageError, match="conv1 \\(conv\\) cannot be written for Timeloop: it has 3 spatial axes"
    ):
        shapecalc.load({"input": "1x4x4x4", "layers": [{"conv": {"out_channels": 2, "kernel_size": 3}}]}).convert(
            "timeloop"
        )
