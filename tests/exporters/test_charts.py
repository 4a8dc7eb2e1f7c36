"""DOT and Mermaid: pictures of networks. That Graphviz and Mermaid read them was tried by hand, for the whole zoo."""

from __future__ import annotations

import re

import pytest
from searching import FAMILY_ENDS, some

import shapecalc

BLOCK = {"layers": [{"add": [[{"conv": {"out_channels": 8, "kernel_size": 3, "padding": 1}, "name": "c"}], []]}]}
SMALL = {
    "name": "small",
    "input": "8x4x4",
    "blocks": {"residual": BLOCK},
    "layers": [{"residual": {}, "name": "a"}, {"residual": {}, "name": "b", "share": "a"}, "relu"],
}

DOT = r"""digraph "small" {
  node [shape=box, fontname=Helvetica];
  edge [fontname=Helvetica];
  i0 [label="input", shape=ellipse];
  subgraph cluster_g0 {
    label="a";
    v0 [label="a.c\nconv\n584 params"];
    v1 [label="a.add1\nadd"];
  }
  subgraph cluster_g1 {
    label="b";
    v2 [label="b.c\nconv\nshares a.c"];
    v3 [label="b.add1\nadd"];
  }
  v4 [label="relu1\nrelu"];
  o0 [label="relu1", shape=ellipse];
  i0 -> v0 [label="8×4×4"];
  v0 -> v1 [label="8×4×4"];
  i0 -> v1 [label="8×4×4"];
  v1 -> v2 [label="8×4×4"];
  v2 -> v3 [label="8×4×4"];
  v1 -> v3 [label="8×4×4"];
  v3 -> v4 [label="8×4×4"];
  v4 -> o0 [label="8×4×4"];
}
"""

MERMAID = """flowchart TD
  i0(["input"])
  b0[["a<br/>residual<br/>584 params"]]
  b1[["b<br/>residual"]]
  v4["relu1<br/>relu"]
  o0(["relu1"])
  i0 -->|"8×4×4"| b0
  b0 -->|"8×4×4"| b1
  b1 -->|"8×4×4"| v4
  v4 -->|"8×4×4"| o0
"""


def test_the_whole_text_of_a_graph():
    assert shapecalc.load(SMALL).convert("dot") == DOT


def test_blocks_collapse_at_a_depth():
    assert shapecalc.load(SMALL).convert("mermaid", depth=1) == MERMAID


@pytest.mark.parametrize("name", some(FAMILY_ENDS, 6))
@pytest.mark.parametrize("depth", [1, 2, None])
def test_every_layer_and_tensor_of_the_zoo_is_in_the_picture(name, depth):
    net = shapecalc.load(name)
    report = net.infer()
    text = net.convert("dot", depth=depth)
    vertices = re.findall(r'^ *([a-z]\d+) \[label="((?:[^"\\]|\\.)*)"', text, re.MULTILINE)
    keys = [key for key, _ in vertices]
    assert len(set(keys)) == len(keys)
    params = sum(
        int(found.replace(",", "")) for _, label in vertices for found in re.findall(r"([\d,]+) params", label)
    )
    assert params == report.total.params
    if depth is None:
        assert sum(key[0] == "v" for key in keys) == len(report.rows)
    edges = re.findall(r'^  (\w+) -> (\w+) \[label="([^"]*)"\];$', text, re.MULTILINE)
    sizes = {
        "×".join(map(str, size)) or "scalar" for row in report.rows for size in row.output_shapes + row.input_shapes
    }
    for start, end, size in edges:
        assert {start, end} <= {*keys}
        assert size in sizes
    ends = {end for _, end, _ in edges}
    sources = {key for key, (_, label) in zip(keys, vertices, strict=True) if key[0] == "i" or "constant" in label}
    assert {key for key in keys if key[0] in "bo"} - ends <= sources or depth is not None
    flow = net.convert("mermaid", depth=depth or "all")
    assert len(re.findall(r'^  \w+ -->\|"[^"]*"\| \w+$', flow, re.MULTILINE)) == len(edges)


def test_a_flowchart_is_by_default_as_deep_as_mermaid_draws():
    net = shapecalc.load("resnet152")
    text = net.convert("mermaid")
    assert text == net.convert("mermaid", depth=2)
    assert text.count("-->") <= 500
    assert net.convert("mermaid", depth=3).count("-->") > 500
    assert shapecalc.load("lenet5").convert("mermaid") == shapecalc.load("lenet5").convert("mermaid", depth="all")


HOSTILE = 'a"b\\ &lt; <script> #quot; end; %% `x` | --> \u202e'


def test_hostile_names_are_escaped():
    net = shapecalc.load({"name": HOSTILE[:-1], "input": [4], "layers": [{"relu": {}, "name": HOSTILE[:-2]}]})
    assert r'v0 [label="a\"b\\ &amp;lt; <script> #quot; end; %% `x` | -->\nrelu"];' in net.convert("dot")
    escaped = "a#34;b#92; #38;lt#59; #60;script#62; #35;quot#59; end#59; #37;#37; #96;x#96; #124; --#62;"
    assert f'  v0["{escaped}<br/>relu"]\n' in net.convert("mermaid")


def test_what_is_unknown_is_not_shown_as_nothing():
    layers = [{"opaque": {"op_type": "Strange", "output_sizes": {"y": [4]}}}]
    assert '"opaque1\\nopaque\\n? params"' in shapecalc.load({"input": [8], "layers": layers}).convert("dot")


def test_wrong_questions():
    net = shapecalc.load("lenet5")
    with pytest.raises(shapecalc.UsageError) as error:
        net.convert("dott")
    assert str(error.value) == "there is no format dott to convert to\n   did you mean dot?"
    with pytest.raises(
        shapecalc.UsageError,
        match="there is no format 3 to convert to\n   the formats are yaml, pytorch, keras, onnx, dot, ",
    ):
        net.convert(3)
    with pytest.raises(shapecalc.UsageError, match="depth is 0"):
        net.convert("dot", depth=0)


def test_a_layer_for_many_functions_is_called_by_its_function():
    layers = [{"activation": "silu"}, {"pointwise": "erf"}, {"named_operation": {"op_type": "cumsum"}}, "gelu"]
    dot = shapecalc.load({"input": [4], "layers": layers}).convert("dot")
    assert re.findall(r"\\n(\w+)\"\]", dot) == ["silu", "erf", "cumsum", "gelu"]


def test_lines_of_sizes_are_dashed_and_weights_that_are_stored_only_have_none():
    layers = [
        {"max_pool": 2, "name": "p"},
        {"unused_parameter": [3, 4], "name": "stored"},
        {"upsample": {}, "from": ["stored", "input"], "name": "u"},
    ]
    net = shapecalc.load({"input": [3, 8, 8], "layers": layers})
    dot, mermaid = net.convert("dot"), net.convert("mermaid")
    assert 'i0 -> v2 [label="3×8×8", style=dashed];' in dot
    assert "i0 -.->|" in mermaid
    assert "v0 -> v2 [label=" in dot
    assert "v1 ->" not in dot
    assert "-> v1" not in dot
