"""Loops that name their inputs, and that make branches: each equals the version written out by hand."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

import shapecalc
from shapecalc.errors import SpecError
from shapecalc.language.schema import specification_schema
from shapecalc.source import ListValue, MapValue, read_text

BACKBONE = """\
input: 3x64x64
vars: {base: 2}
blocks:
  top_down:
    layers:
    - upsample: {scale_factor: 2}
      from: input2
    - add: [upsample1, input]
  branch:
    args: {rate: required}
    layers:
    - conv: {out_channels: 8, kernel_size: 3, padding: rate, dilation: rate}
    - relu
layers:
- conv: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1}
- conv: {out_channels: planes, kernel_size: 3, stride: 2, padding: 1}
  for: {planes: [16, 32, 64]}
  name: c{i + 2}
"""

PYRAMID = """\
- conv: {out_channels: 24, kernel_size: 1}
  for: {c: [c2, c3, c4]}
  from: c
  name: l{i + base}
- identity
  from: l4
  name: m4
- top_down
  for: {n: [3, 2]}
  from: ["l{n}", "m{n + 1}"]
  name: m{n}
- conv: {out_channels: 24, kernel_size: 3, padding: 1}
  for: {m: [m2, m3, m4]}
  from: m
  name: p{i + 2}
- conv: {out_channels: 5, kernel_size: 1}
  repeat: 3
  from: p{i + 2}
  name: head{i + 2}
  share: head2
outputs: ["head{base}", head3, head4]
"""

BY_HAND = """\
- {conv: {out_channels: 24, kernel_size: 1}, from: c2, name: l2}
- {conv: {out_channels: 24, kernel_size: 1}, from: c3, name: l3}
- {conv: {out_channels: 24, kernel_size: 1}, from: c4, name: l4}
- {identity: {}, from: l4, name: m4}
- {top_down: {}, from: [l3, m4], name: m3}
- {top_down: {}, from: [l2, m3], name: m2}
- {conv: {out_channels: 24, kernel_size: 3, padding: 1}, from: m2, name: p2}
- {conv: {out_channels: 24, kernel_size: 3, padding: 1}, from: m3, name: p3}
- {conv: {out_channels: 24, kernel_size: 3, padding: 1}, from: m4, name: p4}
- {conv: {out_channels: 5, kernel_size: 1}, from: p2, name: head2}
- {conv: {out_channels: 5, kernel_size: 1}, from: p3, name: head3, share: head2}
- {conv: {out_channels: 5, kernel_size: 1}, from: p4, name: head4, share: head2}
outputs: [head2, head3, head4]
"""


def without_names(text):
    """Return everything of a report except names."""
    report = shapecalc.load(text).infer()
    rows = [(row.name, row.kind, row.from_, row.output_shapes, row.total, row.shares) for row in report]
    return rows, report.outputs


def test_a_pyramid_with_loops_equals_one_written_out():
    assert without_names(BACKBONE + PYRAMID) == without_names(BACKBONE + BY_HAND)


def test_loops_within_merges_are_branches():
    once = "- concat:\n  - branch: r\n    for: {r: [1, 2, 3]}\n  - for: {c: [c3, c3]}\n    conv: {out_channels: i + 1, kernel_size: 1}\n    from: c3\n  - []\n  from: c3\n"
    by_hand = "- concat:\n  - branch: 1\n  - branch: 2\n  - branch: 3\n  - conv: {out_channels: 1, kernel_size: 1}\n  - conv: {out_channels: 2, kernel_size: 1}\n  - []\n  from: c3\n"
    outputs = "outputs: [concat1]\n"
    assert without_names(BACKBONE + once + outputs) == without_names(BACKBONE + by_hand + outputs)
    assert shapecalc.load(BACKBONE + once + outputs).infer().outputs == {"concat1": (24 + 3 + 32, 8, 8)}


def test_loops_of_references_within_merges():
    text = (
        BACKBONE
        + "- add:\n  - for: {c: [c3, c4]}\n    conv: {out_channels: 4, kernel_size: 1, stride: 2 // (i + 1)}\n    from: c\n    name: on_{c}\n"
    )
    report = shapecalc.load(text).infer()
    assert report["on_c3"].from_ == ("c3",)
    assert report["on_c4"].from_ == ("c4",)
    assert report["add1"].from_ == ("on_c3", "on_c4")


def test_loops_of_only_references_within_merges():
    text = BACKBONE + "- adaptive_avg_pool: 2\n  for: {c: [c2, c3, c4]}\n  from: c\n  name: s{i}\n"
    merged = shapecalc.load(f"{text}- concat:\n  - for: {{n: [0, 2]}}\n    from: s{{n}}\n  - s1\n").infer()["concat1"]
    assert (merged.from_, merged.output_shapes) == (("s0", "s2", "s1"), [(112, 2, 2)])
    with pytest.raises(SpecError, match="`q` is not a variable"):
        shapecalc.load(f"{text}- concat:\n  - for: {{n: [0, 2]}}\n    from: s{{q}}\n  - s1\n")


def test_a_sequence_within_a_merge_is_one_branch():
    text = BACKBONE + "- concat:\n  - - branch: r\n      for: {r: [1, 2]}\n  - branch: 1\n    repeat: 2\n"
    assert shapecalc.load(text).infer()["concat1"].output_shapes == [(16, 4, 4)]


def test_a_loop_with_one_source_is_a_chain():
    report = shapecalc.load(BACKBONE + "- branch: 1\n  repeat: 2\n  from: c4\n").infer()
    assert report["branch1.conv1"].from_ == ("c4",)
    assert report["branch2.conv1"].from_ == ("branch1.relu1",)


def test_omitted_branches():
    text = BACKBONE + "- concat:\n  - branch: r\n    for: {r: [1, 2]}\n    when: base > 2\n  - []\n"
    assert shapecalc.load(text).infer()["concat1"].output_shapes == [(64, 4, 4)]
    assert shapecalc.load(text, vars={"base": 3}).infer()["concat1"].output_shapes == [(80, 4, 4)]


CONV = "- conv: {out_channels: c, kernel_size: 1}\n  for: {c: [8, 16, 24]}\n  name: CNAME\n  when: WHEN\n"


@pytest.mark.parametrize(
    ("when", "kept"),
    [("c > 8", [16, 24]), ("c != 16", [8, 24]), ("i == 1", [16]), ("c < 8", []), ("base == 2", [8, 16, 24]), ("base > 2", [])],
)  # fmt: skip
def test_a_condition_of_the_loop_is_decided_for_each_copy(when, kept):
    text = f"input: 3x8x8\nvars: {{base: 2}}\nlayers:\n{CONV}- relu\n".replace("WHEN", when)
    by_hand = "".join(f"- conv: {{out_channels: {c}, kernel_size: 1}}\n" for c in kept)
    expected = shapecalc.load(f"input: 3x8x8\nlayers:\n{by_hand}- relu\n").infer()
    report = shapecalc.load(text.replace("CNAME", "c{c}")).infer()
    assert [row.output_shapes for row in report.rows] == [row.output_shapes for row in expected.rows]
    assert [row.name for row in report.rows] == [*(f"c{c}" for c in kept), "relu1"]


def test_the_name_of_a_copy_that_is_left_out_is_that_of_its_input():
    text = f"input: 3x8x8\nlayers:\n{CONV}- add: [c16, c8]\n".replace("WHEN", "c == 8").replace("CNAME", "c{c}")
    assert shapecalc.load(text).infer()["add1"].from_ == ("c8", "c8")
    numbered = f"input: 3x8x8\nlayers:\n{CONV}- add: [c.0, c]\n".replace("WHEN", "i < 2").replace("CNAME", "c")
    with pytest.raises(shapecalc.ShapeError, match=r"c\.0"):
        shapecalc.load(numbered).infer()
    own = "- identity\n  name: c8\n- conv: {out_channels: 4, kernel_size: 1}\n  name: c16\n- relu\n  for: {c: [c8, c16]}\n"
    own += "  from: c\n  name: end_{c}\n  when: c != 'c8'\n- concat: [end_c8, end_c16]\n"
    report = shapecalc.load(f"input: 3x8x8\nlayers:\n{own}").infer()
    assert report["concat1"].from_ == ("c8", "end_c16")


def test_the_condition_of_the_loop_of_a_branch_leaves_out_branches():
    text = BACKBONE + "- concat:\n  - branch: r\n    for: {r: [1, 2, 3]}\n    when: r != 2 and base == 2\n  - []\n"
    assert shapecalc.load(text).infer()["concat1"].output_shapes == [(80, 4, 4)]


def test_a_condition_without_the_loop_is_decided_before_it():
    text = "input: 3x8x8\nvars: {n: 0}\nlayers:\n- relu\n- relu\n  repeat: n - 1\n  when: n > 0\n"
    assert shapecalc.load(text).infer().rows[0].name == "relu1"


def test_loops_within_loops():
    text = BACKBONE + (
        "- concat:\n  - for: {c: [c2, c3]}\n    from: c\n    name: pool_{c}\n    adaptive_avg_pool: 2\n"
        "- identity\n  for: {c: [c2, c3]}\n  from: pool_{c}\n  name: end_{c}\noutputs: [concat1, end_c2, end_c3]\n"
    )
    within = "- concat:\n  - for: {r: [1, 2]}\n    branch: r\n    from: c\n  from: input\n  for: {c: [c2, c3]}\n  name: both_{c}\noutputs: [both_c2, both_c3]\n"
    assert shapecalc.load(BACKBONE + within).infer().outputs == {"both_c2": (16, 16, 16), "both_c3": (16, 8, 8)}
    report = shapecalc.load(text).infer()
    assert report["end_c3"].from_ == ("pool_c3",)
    assert report.outputs["concat1"] == (48, 2, 2)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ("- relu\n  for: {c: [c2, c9]}\n  from: c\n", "no layer, block or input is called c9"),
        ("- relu\n  repeat: 2\n  from: c{i + 7}\n", "no layer, block or input is called c7"),
        ("- relu\n  from: c{j}\n", "`j` is not a variable"),
        ("- concat:\n  - branch: r\n    for: {r: 3}\n  - []\n", "r must be a list of values"),
        ("- concat:\n  - branch: r\n    for: {r: []}\n", "concat expects at least 1 input, but has 0"),
        ("- relu\n  share: relu1\n  name: relu1\n", "relu1 cannot share its own weights"),
    ],
)
def test_mistakes(layers, words):
    with pytest.raises(SpecError) as caught:
        shapecalc.load(BACKBONE + layers)
    assert words in str(caught.value)


def test_the_examples_of_the_reference():
    """The feature pyramid and the head of docs/language.md."""
    text = (Path(__file__).parent.parent.parent / "docs" / "language.md").read_text(encoding="utf-8")
    example = next(part for part in text.split("```yaml\n") if part.startswith("name: FPN")).partition("```")[0]
    report = shapecalc.load(example).check()
    assert [row.name for row in report if row.name.startswith("p")] == ["p2", "p3", "p4", "p5"]
    assert report.outputs == {f"head{n}": (255, 256 // 2**n, 256 // 2**n) for n in (2, 3, 4, 5)}


def test_yaml_booleans_are_valid_names():
    text = "input: 3x8x8\nlayers:\n- relu:\n  name: y\n- tanh:\n  name: no\n  from: y\n- add: [y, no, on]\n- relu:\n  name: on\n  from: input\noutputs: [add1]\n"
    report = shapecalc.load(text).infer()
    assert report["add1"].from_ == ("y", "no", "on")
    with pytest.raises(SpecError, match="a name must be a word, not true"):
        shapecalc.load("input: 3\nlayers:\n- relu:\n  name: true\n")


def test_a_block_overrides_a_kind_of_its_name():
    text = "input: 8x4\nblocks:\n  mlp:\n    args: {hidden: 16}\n    layers:\n    - linear: hidden\n    - relu\n    - linear: 4\nlayers:\n- mlp\n- mlp: {hidden: 3}\n"
    report = shapecalc.load(text).infer()
    assert [row.params for row in report] == [80, 0, 68, 15, 0, 16]
    assert report.lines(1)[0].kind == "mlp"


def test_inside_a_block_its_own_name_means_the_kind():
    text = "input: 3x8x8\nblocks:\n  conv:\n    args: {out: 4}\n    layers:\n    - conv: {out_channels: out, kernel_size: 3}\n    - batch_norm\n  linear: [relu]\nlayers:\n- conv: 5\n- fc: 6\n- swiglu: {dim: 6, hidden_dim: 4}\n- linear\n"
    report = shapecalc.load(text).infer()
    assert report["conv1.conv1"].output_shapes == [(5, 6, 6)]
    assert report["linear1.relu1"].output_shapes == [(6,)]
    assert report.line("swiglu1").total.params == 3 * 6 * 4, "a kind that is made of others is not made of blocks"
    with pytest.raises(SpecError) as caught:
        shapecalc.load(text.replace("- conv: 5\n", "- conv: {out_channels: 5}\n"))
    assert "conv is a block here, in place of the kind" in str(caught.value)


def test_the_schema_accepts_the_example_of_the_reference():
    text = (Path(__file__).parent.parent.parent / "docs" / "language.md").read_text(encoding="utf-8")
    example = next(part for part in text.split("```yaml\n") if part.startswith("name: FPN")).partition("```")[0]
    value, problems = read_text(example, "<example>")
    assert problems == []
    assert list(jsonschema.Draft202012Validator(specification_schema()).iter_errors(plain(value))) == []


def plain(value):
    if isinstance(value, MapValue):
        return {key.text: plain(item) for key, item in value.pairs}
    return [plain(item) for item in value.items] if isinstance(value, ListValue) else value.value


def test_a_reference_must_be_a_name():
    text = f"vars: {{long: {[1] * 500}}}\n{BACKBONE.replace('vars: {base: 2}', '')}- relu\n  repeat: 50000\n  from: c{{long}}{{i}}\n"
    with pytest.raises(SpecError) as caught:
        shapecalc.load(text)
    assert "a name has at most 100 characters, this one 1,50" in str(caught.value)


@pytest.mark.slow
def test_references_in_a_loop_count_as_steps():
    text = f"input: 3\nvars: {{l: {[*range(9000)]}}}\nlayers:\n- add:\n  - for: {{n: l}}\n    from: input\n  repeat: 50000\n"
    with pytest.raises(SpecError, match="more than 300,000 steps"):
        shapecalc.load(text)
