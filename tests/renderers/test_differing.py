"""What tells blocks apart that look alike, against the papers of the models."""

from __future__ import annotations

import pytest
from searching import NETWORKS, some

import shapecalc
from shapecalc.exporters.chart import Group, draw_chart
from shapecalc.renderers.differing import differences
from shapecalc.renderers.pictures.repeats import find_repeats

MARKS = {
    "gemma-2-2b": {"layers.0": "window 4,096", "layers.1": "window none"},
    "gemma-3-1b": {"layers.0": "window 512", "layers.5": "window none", "layers.24": "window 512"},
    "gpt-oss-20b": {"layers.0": "window 128", "layers.1": "window none"},
    "jamba-v0.1": {
        "layers.0": "mamba, swiglu", "layers.1": "mamba, experts", "layers.2": "mamba, swiglu",
        "layers.3": "mamba, experts", "layers.4": "multi_head_attention, swiglu", "layers.5": "mamba, experts",
        "layers.6": "mamba, swiglu", "layers.7": "mamba, experts",
    },
    "qwen3-next-80b-a3b": {"layers.0": "gated_delta_net", "layers.3": "multi_head_attention"},
    "deepseek-v3": {"layers.3": "experts"},
    "wavenet": {"layer.1": "dilation 1–512"},
    "llama-2-7b": {},
}  # fmt: skip
FRAMES = {
    "gemma-2-2b": ("layers.0–25", 13, 2), "gemma-3-1b": ("layers.0–23", 4, 2), "jamba-v0.1": ("layers.0–31", 4, 8),
    "qwen3-next-80b-a3b": ("layers.0–47", 12, 2), "swin_s": ("stage3.0–17", 9, 2),
}  # fmt: skip
"""By network: the name of what takes turns, how many copies it has, and how many boxes these."""


@pytest.mark.parametrize("name", MARKS)
def test_what_is_on_boxes(name):
    assert find_repeats(shapecalc.load(name).infer(), 1).marks == MARKS[name]


@pytest.mark.parametrize(("name", "depth"), [(name, 2 if name == "swin_s" else 1) for name in FRAMES])
def test_what_takes_turns_is_in_a_frame(name, depth):
    report = shapecalc.load(name).infer()
    repeats = find_repeats(report, depth)
    (period,) = repeats.copies.periods
    title, copies, boxes = FRAMES[name]
    assert (period.title, period.copies) == (title, copies)
    groups = [draw_chart(report, repeats.depth, repeats.copies).group]
    while groups[-1].copies == 1:
        groups += [
            member for member in groups[-1].members if isinstance(member, Group) and "stage4" not in member.title
        ]
    assert len(groups[-1].members) == boxes
    assert not [edge for edge in draw_chart(report, repeats.depth, repeats.copies).edges if edge.start == edge.end]
    inside = [row for member in groups[-1].members for row in member.rows]
    assert len(inside) == len({id(row) for row in inside}), "each layer is of one box"


def vertices(group):
    """Return the boxes in a frame, and in those within it."""
    found = [vertices(member) if isinstance(member, Group) else [member] for member in group.members]
    return [vertex for some_ in found for vertex in some_]


@pytest.mark.parametrize("name", some(NETWORKS, 12))
@pytest.mark.parametrize("depth", [1, "auto", None])
def test_each_layer_is_of_one_box(name, depth):
    report = shapecalc.load(name).infer()
    repeats = find_repeats(report, depth)
    chart = draw_chart(report, repeats.depth, repeats.copies)
    rows = [row for vertex in vertices(chart.group) for row in vertex.rows]
    assert sorted(map(id, rows)) == sorted(map(id, report.rows))
    assert not [edge for edge in chart.edges if edge.start == edge.end], "no tensor goes from a copy to the next"


def test_the_windows_of_swin():
    """Liu et al. 2021, section 3.2: every other block shifts its windows of 7×7 by 3."""
    report = shapecalc.load("swin_t").infer()
    marks = {f"stage{stage}.1": "roll (shifts -3)" for stage in (1, 2, 3, 4)}
    assert find_repeats(report, 2).marks == marks
    assert differences(report.lines(2), report.graph) == ["stage3.1, 3, 5: roll (shifts -3)"]


@pytest.mark.parametrize(("name", "depth", "blocks"), [
    ("mobilenet_v3_large", 1, [f"block{number}" for number in (1, 3, 5, 8, 9, 12, 14)]),
    ("efficientnet_v2_s", 2, ["stage1.0", "stage2.1", "stage3.1", "stage4.1", "stage5.1", "stage6.1"]),
])  # fmt: skip
def test_all_blocks_with_a_skip_connection_have_the_mark(name, depth, blocks):
    """Howard et al. 2019, table 1; Tan & Le 2021, table 4: where a block changes neither stride nor channels.

    Also those with no block beside them that has none: the first of each network.
    """
    assert find_repeats(shapecalc.load(name).infer(), depth).marks == dict.fromkeys(blocks, "add")


def test_notes_on_what_takes_turns():
    report = shapecalc.load("qwen3-next-80b-a3b").infer()
    assert differences(report.lines(1), report.graph) == [
        "layers.0–2, 4–6, …, 44–46: gated_delta_net; layers.3, 7, …, 47: multi_head_attention"
    ]


def marks_of(layers, blocks):
    text = f"input: 4x9x9\nblocks: {{{blocks}}}\nlayers: [{layers}]\n"
    return find_repeats(shapecalc.load(text).infer(), 1).marks


CONV = "{conv: {out_channels: 4, kernel_size: 1}}"


def test_only_what_looks_alike_has_a_mark():
    two = f"b: {{args: {{a: 1}}, layers: [{CONV}, {{relu: , when: a == 1}}, {{tanh: , when: a == 2}}]}}"
    assert marks_of("{b: {a: 1}, name: x0}, {b: {a: 2}, name: x1}", two) == {"x0": "relu", "x1": "tanh"}
    assert marks_of("{b: {a: 1}, name: one}, {b: {a: 2}, name: two}", two) == {}, "names tell them apart"
    assert marks_of("{b: {a: 1}, name: x0}, relu, {b: {a: 2}, name: x1}", two) == {}, "they are not beside one another"
    more = f"b: {{args: {{a: 1}}, layers: [{CONV}, {{dropout: 0.1, when: a == 2}}]}}"
    assert marks_of("{b: {a: 1}, name: x0}, {b: {a: 2}, name: x1}", more) == {}, "the same at inference"


def test_of_many_things_few_are_said():
    args = "a: {args: {d: 1, m: zeros, b: true}, layers: [conv: {out_channels: 4, kernel_size: 3, padding: same, "
    args += "dilation: d, padding_mode: m, groups: d}]}"
    marks = marks_of("{a: {d: 1}, name: x0}, {a: {d: 2, m: circular}, name: x1}", args)
    assert marks == {}, "of other sizes of weights"
    free = "a: {args: {d: 1, m: zeros}, layers: [conv: {out_channels: 4, kernel_size: 3, padding: d, dilation: d, "
    free += "padding_mode: m}]}"
    marks = marks_of("{a: {d: 1}, name: x0}, {a: {d: 2, m: circular}, name: x1}", free)
    assert all(mark.count(",") == 2 and mark.endswith(", …") for mark in marks.values())
    assert set(marks) == {"x0", "x1"}
