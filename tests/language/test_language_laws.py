"""Laws of the language: equivalent notations change only names; copies of a block are exact."""

from __future__ import annotations

import random
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from searching import some

import shapecalc
from shapecalc.language.builder import GraphBuilder
from shapecalc.language.entries import Entry, read_entry
from shapecalc.language.expansion import Expansion, key_of
from shapecalc.language.files import bundled_members
from shapecalc.language.making import Maker
from shapecalc.language.members import Member, find_members
from shapecalc.source import ListValue, read_text

if TYPE_CHECKING:
    from shapecalc.model.graph import Node
    from shapecalc.model.report import Report

MEMBERS = [member for path in dict.fromkeys(path for path, _ in bundled_members()) for member in find_members(path)]
LAYERS = (
    "conv: {out_channels: 8, kernel_size: 3, padding: 1}",
    "conv: {out_channels: 8, kernel_size: 1, bias: false}",
    "depthwise_conv: {kernel_size: 3, padding: 1}",
    "batch_norm",
    "relu",
    "squeeze_excitation: {input_channels: 8, squeeze_channels: 2}",
    "add:\n    - - conv: {out_channels: 8, kernel_size: 3, padding: 1}\n      - relu\n    - []",
)
"""The layers of random bodies: each outputs 8 channels of the size of its input."""


def body(draw: random.Random) -> str:
    return "".join(f"- {draw.choice(LAYERS)}\n" for _ in range(draw.randint(1, 5)))


def load(layers: str, head: str = "", size: str = "8x12x12") -> Report:
    return shapecalc.load(f"input: {size}\n{head}layers:\n{textwrap.indent(layers, '  ')}").infer()


def without_names(report: Report) -> list[Any]:
    """Return everything except the names."""
    place = {row.name: index for index, row in enumerate(report)}
    return [
        (row.kind, row.arguments, [place.get(name, name) for name in row.from_], row.output_shapes, row.total)
        for row in report
    ]


def block(text: str) -> str:
    return f"blocks:\n  unit:\n    layers:\n{textwrap.indent(text, '      ')}"


@pytest.mark.parametrize("seed", some(range(20), 8))
def test_a_block_equals_its_body_pasted_in(seed: int) -> None:
    draw = random.Random(seed)
    first, inner, last = body(draw), body(draw), body(draw)
    assert without_names(load(f"{first}- unit\n{last}", block(inner))) == without_names(load(first + inner + last))


@pytest.mark.parametrize("seed", some(range(20), 8))
def test_repeat_equals_copies(seed: int) -> None:
    draw = random.Random(seed)
    first, inner, last = body(draw), body(draw), body(draw)
    repeated = load(f"{first}- unit:\n  repeat: 3\n{last}", block(inner))
    assert without_names(repeated) == without_names(load(first + inner * 3 + last))
    assert without_names(repeated) == without_names(load(first + "- unit\n" * 3 + last, block(inner)))


def test_for_equals_copies_with_its_values() -> None:
    looped = load("- conv: {out_channels: planes, kernel_size: k}\n  for: {planes: [16, 32, 64], k: [3, 1, 5]}\n")
    copies = [f"- conv: {{out_channels: {planes}, kernel_size: {k}}}\n" for planes, k in ((16, 3), (32, 1), (64, 5))]
    assert without_names(looped) == without_names(load("".join(copies)))


SETTINGS = [
    ("resnet18", "classes", 1000, 10),
    ("vit_b_16", "patch", 16, 32),
    ("gpt2", "seq", 1024, 77),
    ("efficientnet_b0", "classes", 1000, 10),
]


@pytest.mark.parametrize(("name", "variable", "old", "new"), SETTINGS)
def test_set_equals_editing_the_file(tmp_path: Path, name: str, variable: str, old: int, new: int) -> None:
    member = next(member for member in MEMBERS if member.variant == name)
    text = Path(member.file).read_text(encoding="utf-8")
    before, after = f"{variable}: {old}", f"{variable}: {new}"
    assert text.count(before) == 1
    file = tmp_path / Path(member.file).name
    file.write_text(text.replace(before, after), encoding="utf-8")
    edited = next(other for other in find_members(str(file)) if other.variant == name)
    assert shapecalc.load(edited).infer().to_dict() == shapecalc.load(member, vars={variable: new}).infer().to_dict()
    assert shapecalc.load(edited).infer().to_dict() != shapecalc.load(member).infer().to_dict()


@pytest.mark.parametrize(
    "member", some(MEMBERS, 8), ids=lambda member: member.variant or member.file.rpartition("/")[2]
)
def test_rows_add_up_at_every_depth(member: Member) -> None:
    report = shapecalc.load(member).infer()
    for depth in [*range(1, report.max_depth + 2), None]:
        lines = report.lines(depth)
        for field, whole in report.total._asdict().items():
            assert sum(getattr(line.total, field) for line in lines) == whole, (depth, field)
        assert sum(line.activations for line in lines) == sum(row.activations for row in report)
        assert [row.name for line in lines for row in line.rows] == [row.name for row in report]
    assert len(report.lines(None)) == len(report.rows)


def seen(node: Node) -> tuple[Any, ...]:
    return (*node._replace(layer=None, mark=None, uses=()), repr(node.layer), str(node.mark),
            [(words, str(mark)) for words, mark in node.uses])  # fmt: skip


@pytest.mark.parametrize(
    "member", some(MEMBERS, 8), ids=lambda member: member.variant or member.file.rpartition("/")[2]
)
def test_cached_copies_of_blocks_equal_expanded_ones(member: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = shapecalc.load(member).infer().graph
    monkeypatch.setattr(Expansion, "of", lambda *_: None)
    written = shapecalc.load(member).infer().graph
    assert [seen(node) for node in copied.nodes] == [seen(node) for node in written.nodes]
    assert copied.blocks == written.blocks
    assert copied.outputs == written.outputs


COPIED = """
input: 8x12x12
vars: {n: 2}
blocks:
  inner:
    args: {c: 8, wide: false}
    layers:
      - chunk: {chunks: 2, dim: 1}
        name: halves
      - conv: {out_channels: c, kernel_size: 1}
        name: left
      - conv: {out_channels: c * 2 if wide else c, kernel_size: 1}
        from: input
        name: right
    outputs: [left, right]
  outer:
    args: {c: required}
    layers:
      - inner: {c: c}
        name: two
      - add: ["two[0]", "two[1]"]
      - squeeze_excitation: {input_channels: c, squeeze_channels: 2}
layers:
  - outer: {c: 8}
    repeat: n
    name: a
  - outer: 8
    frozen: true
  - inner: {wide: true}
    name: b
  - inner: {wide: 1 == 1}
    name: c
    from: a.0
  - outer: 16
    from: c[1]
    name: d
outputs: [d, "b[1]", a.1.two.left, "c"]
"""


def test_copies_keep_names_locations_uses_and_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = shapecalc.load(COPIED).infer()
    with monkeypatch.context() as patched:
        patched.setattr(Expansion, "of", lambda *_: None)
        written = shapecalc.load(COPIED).infer()
    assert [seen(node) for node in copied.graph.nodes] == [seen(node) for node in written.graph.nodes]
    assert copied.graph.blocks == written.graph.blocks
    assert copied.to_dict() == written.to_dict()


def test_similar_arguments_are_distinct() -> None:
    assert len({key_of(value) for value in (1, True, 1.0, "1", (1,), (True,), [1.0], None)}) == 8
    with pytest.raises(TypeError):
        key_of({})


def test_constant_arguments_have_a_key_that_only_the_same_text_has() -> None:
    texts = [
        "{}",
        "[]",
        "",
        "1",
        "1.0",
        "true",
        "[1, 2]",
        "{'1': 2}",
        "{a: 2}",
        "[[1], 2]",
        "[1, [2]]",
        "{a: {b: 1}}",
        "{a: [b]}",
    ]
    keys = []
    for text in texts:
        value, problems = read_text(
            f"- conv: {text}\n- conv: {text}\n- conv: {{k: {text or 'same'}, s: same}}", "x.yaml"
        )
        assert isinstance(value, ListValue)
        assert not problems
        one, again, never = (read_entry(item, ()) for item in value.items)
        assert isinstance(one, Entry)
        assert isinstance(again, Entry)
        assert isinstance(never, Entry)
        assert one.constant == again.constant
        assert never.constant is None
        keys.append(one.constant)
    assert keys.pop() is None
    assert len(set(keys)) == len(keys)


def test_arguments_of_blocks_and_merges_have_no_key_and_are_work_each_time() -> None:
    value, _ = read_text("- conv: 1\n- add: [[], []]\n- conv: [" + "1, " * 799 + "1]", "x.yaml")
    assert isinstance(value, ListValue)
    keyed, merge, long = (read_entry(item, ()) for item in value.items)
    used, _, used_with_many = (read_entry(item, ("conv",)) for item in value.items)
    entries = [keyed, merge, long, used, used_with_many]
    found = [(entry.constant is None, entry.work.steps) for entry in entries if isinstance(entry, Entry)]
    assert found == [(False, 0), (True, 0), (False, 0), (True, 0), (True, 100)]


def test_layers_written_alike_are_made_once_and_each_mistake_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    real = Maker.make
    monkeypatch.setattr(Maker, "make", lambda self, cls, *rest: made.append(cls.kind) or real(self, cls, *rest))
    layers = "- conv: {out_channels: 3, kernel_size: 1}\n- relu\n" * 3
    assert len(load(layers, size="3x8x8")) == 6
    assert made == ["conv", "relu"]
    report = load(layers + "- conv: {out_channels: n, kernel_size: 1}\n" * 2, "vars: {n: 3}\n", "3x8x8")
    assert len({id(row.node.layer) for row in report if row.kind == "conv"}) == 1
    assert made[2:] == ["conv", "relu", "conv", "conv"]  # what has an expression is read each time
    with pytest.raises(shapecalc.SpecError) as caught:
        load("- conv\n- conv\n- linear: 0\n  repeat: 3\n- linear: 0\n")
    assert [problem.mark and problem.mark.line for problem in caught.value.problems] == [3, 4, 5, 7]


def test_arguments_written_alike_under_names_of_other_ranks_are_other_layers() -> None:
    with pytest.raises(shapecalc.ShapeError) as caught:
        load("".join(f"- {word}: {{out_channels: 8, kernel_size: 1}}\n" for word in ("conv", "conv2d", "conv1d")))
    assert [problem.layer for problem in caught.value.problems] == ["conv3"]


def test_a_block_used_a_thousand_times_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    real = GraphBuilder._layer

    def counted(self: GraphBuilder, *rest: Any) -> Any:
        made.append(1)
        return real(self, *rest)

    monkeypatch.setattr(GraphBuilder, "_layer", counted)
    unit = "- conv: {out_channels: c, kernel_size: 3, padding: 1}\n- batch_norm\n- relu\n"
    head = f"blocks:\n  unit:\n    args: {{c: required}}\n    layers:\n{textwrap.indent(unit, '      ')}"
    report = load("- unit: {c: 8}\n  repeat: 1000\n", head)
    assert len(report) == 3000
    assert len(made) == 3
    assert report["unit1000.conv1"].from_ == ("unit999.relu1",)
    assert len({id(row.sizing) for row in report}) == 3


def test_an_error_in_a_copy_names_its_use() -> None:
    unit = "- max_pool: {kernel_size: 3}\n- relu\n"
    with pytest.raises(shapecalc.ShapeError) as caught:
        load("- unit\n- unit\n- unit\n", block(unit), "8x9x9")
    text = str(caught.value)
    assert "unit3.max_pool1 (max_pool): the 3×3 window does not fit its 1×1 input" in text
    assert text.count("used here") == 1


INNER = """
input: 8x12x12
blocks:
  unit:
    layers:
      - conv: {out_channels: 8, kernel_size: 3, padding: 1}
      - split: {sizes: [3, 5], dim: 1}
        name: parts
      - relu:
        from: parts[1]
  stage:
    layers:
      - unit
      - conv: {out_channels: 8, kernel_size: 1}
      - unit
layers:
  - stage
  - conv: {out_channels: 4, kernel_size: 1}
    name: side
    from: stage1.unit1.conv1
  - conv: {out_channels: 8, kernel_size: 3, padding: 1}
    from: input
    share: stage1.unit2.conv1
  - fc: 10
    name: head
outputs: [head, side, stage1.unit1, "stage1.unit2.parts[1]"]
"""


def test_layers_within_blocks_are_named_from_outside() -> None:
    report = shapecalc.load(INNER).infer()
    assert list(report.outputs.values()) == [(10,), (4, 12, 12), (5, 12, 12), (5, 12, 12)]
    assert report["conv1"].shares == "stage1.unit2.conv1"
    assert report["conv1"].params == 0
    assert report["side"].from_ == ("stage1.unit1.conv1",)


def test_a_feature_extractor_of_a_bundled_network() -> None:
    member = next(member for member in MEMBERS if member.variant == "resnet50")
    with open(member.file, encoding="utf-8") as stream:
        text = stream.read()
    report = shapecalc.load(re.sub("(?m)^outputs:.*", "outputs: [layer2.3, layer3.0.conv1]", text)).infer()
    assert list(report.outputs.values()) == [(512, 28, 28), (256, 28, 28)]
    assert report.rows[-1].name == "layer3.0.conv1"
    assert "left out" in report.graph.notes[0]


def test_sharing_within_a_block_applies_to_every_use() -> None:
    layers = "- pair\n- pair\n- pair"
    pair = "blocks:\n  pair:\n    layers:\n    - linear: 8\n      name: one\n    - linear: 8\n      share: one\n"
    report = load(layers, pair, "5x8")
    assert report.total.params == 3 * (8 * 8 + 8)
    assert [row.shares for row in report] == [name for i in (1, 2, 3) for name in ("", f"pair{i}.one")]


def nested(depth: int) -> shapecalc.Network:
    """Return a network of one layer within this many blocks."""
    blocks = {f"b{i}": {"layers": [f"b{i + 1}"]} for i in range(1, depth)}
    return shapecalc.load({"input": [8], "blocks": {**blocks, f"b{depth}": {"layers": ["relu"]}}, "layers": ["b1"]})


def test_blocks_nest_up_to_forty_deep() -> None:
    assert [row.kind for row in nested(40).infer()] == ["relu"]
    with pytest.raises(shapecalc.SpecError, match="blocks are nested more than 40 deep"):
        nested(41)
