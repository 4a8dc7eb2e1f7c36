"""YAML of the language from any network: what is written is short, and has the same rows when it is read again."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from numbers_of_kinds import plain_kinds
from random_graphs import Origin, random_graph
from searching import some, turns

import shapecalc
from shapecalc.exporters import yaml as exporter
from shapecalc.exporters.structure import DEEPEST
from shapecalc.language.files import bundled_members
from shapecalc.layers.base.arguments import STATED
from shapecalc.layers.base.layer import KINDS
from shapecalc.model.graph import Block, Reference

SHARED = next((p for p in Path(__file__).parents if (p / "shared" / "data").is_dir()), Path("/work"))
ONNX = sorted((SHARED / "shared" / "data" / "formats" / "onnx").glob("*.onnx"))
EXAMPLES = [(kind, i) for kind in plain_kinds() for i in range(len(KINDS[kind].examples))]


def rows_of(report, *, names=True, all_names=True):
    """The rows; with names, unless `all_names` but for those that say no more than the kind."""

    def name(row):
        is_kept = all_names or row.sizing.weight_shapes or not re.search(rf"(^|\.){row.kind}_?\d*$", row.name)
        return row.name if names and is_kept else ""

    return [
        (name(row), row.kind, row.node.inputs, row.shares if names else row.shares and row.node.shares,
         row.node.marks, row.input_shapes, row.output_shapes, row.total, row.sizing.weight_shapes, row.sizing.buffer_shapes)
        for row in report.rows
    ]  # fmt: skip


@pytest.fixture(autouse=True)
def levels(monkeypatch):
    """The levels of structure that were tried, in the last conversion last."""
    found = []
    own = exporter._Writer.__init__

    def init(self, report, operations, level, **options):
        found.append(level)
        own(self, report, operations, level, **options)

    monkeypatch.setattr(exporter._Writer, "__init__", init)
    LEVELS[:] = [found]
    return found


LEVELS = [[0]]


def written(net, tmp_path, *, names=True, at_once=True):
    """The text of a network, after it has been checked against the network."""
    text = net.convert("yaml")
    assert LEVELS[0][-1] == DEEPEST or not at_once, "the first structure was wrong"
    path = tmp_path / "written.yaml"
    path.write_text(text, encoding="utf-8")
    again = shapecalc.load(str(path))
    report, own = again.check(), net.infer()
    kept = {"names": names, "all_names": net.graph.is_written}
    assert rows_of(report, **kept) == rows_of(own, **kept)
    assert report.graph.outputs == own.graph.outputs
    assert report.inputs == own.inputs or not names
    assert again.warnings == ()
    assert max(map(len, text.splitlines())) <= 120 or "source" in text
    return text


@pytest.mark.parametrize("name", some([name for _, name in bundled_members()], 12))
def test_every_network_of_the_zoo_is_the_same_again_names_included(name, tmp_path):
    net = shapecalc.load(name)
    text = written(net, tmp_path)
    assert text.count("\n") < 30 + len(net.graph.nodes) * 2


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in ONNX] or [None])
@pytest.mark.skipif(not ONNX, reason="the shared files are not here")
def test_every_onnx_file_is_the_same_again(path, tmp_path):
    written(shapecalc.load(str(path)), tmp_path, names=".dynamo" not in path.name)


@pytest.mark.skipif(not ONNX, reason="the shared files are not here")
@pytest.mark.parametrize(
    ("name", "lines"),
    [("wide_resnet50_2.ts", 65), ("resnext50_32x4d.ts", 65), ("resnet18.ts", 65), ("convnext_tiny.dynamo", 65),
     ("r3d_18.ts", 75), ("mobilenet_v2.ts", 90), ("mobilenet_v2.dynamo", 62)],
)  # fmt: skip
def test_onnx_files_become_about_as_short_as_what_a_person_writes(name, lines):
    """Those of the newer exporter (dynamo) too, of which names of weights are all that blocks are known by."""
    path = next(path for path in ONNX if path.stem == name)
    assert shapecalc.load(str(path)).convert("yaml").count("\n") <= lines


@pytest.mark.parametrize(("kind", "index"), EXAMPLES)
def test_every_kind_is_written_with_its_arguments(kind, index, tmp_path):
    example = KINDS[kind].examples[index]
    sizes = example.input if isinstance(example.input, list) else [example.input]
    inputs = {f"x{number}": list(size) for number, size in enumerate(sizes)}
    if KINDS[kind].inputs == (0, 0):
        inputs = {"x": [1]}
    layer = {kind: example.arguments or None, "name": "it"}
    if KINDS[kind].inputs != (0, 0):
        layer["from"] = [*inputs]
    spec = {"layout": example.layout, "inputs": inputs, "layers": [layer], "outputs": ["it"]}
    net = shapecalc.load(spec)
    written(net, tmp_path)
    again = shapecalc.load(str(tmp_path / "written.yaml"))
    mine, its = net.graph.nodes[0].layer, again.graph.nodes[0].layer
    shape = next(iter(net.infer().rows[0].sizing.inputs), None)
    stated = {name for name, one in mine.arguments.items() if one.role == STATED}
    mine, its = mine.shown_arguments(shape), its.shown_arguments(shape)
    assert {k: v for k, v in mine.items() if k not in stated} == {k: v for k, v in its.items() if k not in stated}


def test_resnet50_is_as_short_as_what_a_person_writes():
    text = shapecalc.load("resnet50").convert("yaml")
    assert text.count("\n") <= 70
    assert "  - stage: {out_channels: 256, stride: 2, depth: 5}\n    name: layer3\n" in text
    assert "        repeat: depth\n" in text


CONV = {"kernel_size": 3, "padding": 1}


def residual(channels, stride=1):
    """The items of one residual block, without any hierarchy or names."""
    return [
        {"add": [[{"conv": {**CONV, "out_channels": channels, "stride": stride}}, "relu",
                  {"conv": {**CONV, "out_channels": channels}}],
                 [{"conv": {"out_channels": channels, "kernel_size": 1, "stride": stride}}] if stride > 1 else []]},
        "relu",
    ]  # fmt: skip


def test_blocks_and_repeats_are_found_without_a_hierarchy(tmp_path):
    layers = [{"conv": {**CONV, "out_channels": 16}}]
    for channels, count in ((16, 3), (32, 4), (64, 6)):
        layers += residual(channels, 1 if channels == 16 else 2)
        for _ in range(count - 1):
            layers += residual(channels)
    layers += ["global_avg_pool", {"fc": 10}]
    net = shapecalc.load({"name": "flat", "input": "3x32x32", "layers": layers})
    assert written(net, tmp_path, names=False) == FLAT


def without_modules(*, is_written):
    """Convolutions that are each in a block of its own, by their names, and what is between them in none."""
    layers = [{"conv": {**CONV, "out_channels": 16}}, *[item for _ in range(20) for item in residual(16)]]
    graph = shapecalc.load({"name": "names", "input": "3x32x32", "layers": layers}).graph
    convs = [index for index, node in enumerate(graph.nodes) if node.kind == "conv"]
    nodes = list(graph.nodes)
    for number, index in enumerate(convs):
        nodes[index] = nodes[index]._replace(name=f"b{number}.conv", block=number)
    blocks = tuple([Block(f"b{number}", "", -1) for number in range(len(convs))])
    return shapecalc.Network(Origin(graph._replace(nodes=tuple(nodes), blocks=blocks, is_written=is_written)))


def test_a_hierarchy_without_structure_is_left_out_of_what_was_not_written_as_a_specification(tmp_path):
    """As in ONNX files that state no modules, where the names of weights say which layers are in blocks."""
    long = written(without_modules(is_written=True), tmp_path)
    short = written(without_modules(is_written=False), tmp_path, names=False)
    assert long.count("\n") > 100
    assert short.count("\n") < 30
    assert "\n  b:\n" in long


def test_where_it_is_not_much_shorter_the_hierarchy_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(exporter, "_MUCH_SHORTER", 0.05)
    text = written(without_modules(is_written=False), tmp_path)
    assert "\n  b:\n" in text


FLAT = """name: flat
input: 3x32x32
blocks:
  residual:
    args: {out_channels: required}
    layers:
      - add:
          - - conv: {out_channels: out_channels, kernel_size: 3, padding: 1}
            - relu
            - conv: {out_channels: out_channels, kernel_size: 3, padding: 1}
          - []
      - relu
  residual2:
    args: {out_channels: required}
    layers:
      - residual: out_channels
        repeat: 3
      - add:
          - - conv: {out_channels: out_channels * 2, kernel_size: 3, stride: 2, padding: 1}
            - relu
            - conv: {out_channels: out_channels * 2, kernel_size: 3, padding: 1}
          - - conv: {out_channels: out_channels * 2, kernel_size: 1, stride: 2}
      - relu
layers:
  - conv: {out_channels: 16, kernel_size: 3, padding: 1}
  - residual2: 16
  - residual2: 32
  - residual: 64
    repeat: 5
  - global_avg_pool
  - fc: 10
expect:
  params: 511754
  macs: 59687552
  output: 10
"""


@pytest.mark.parametrize("start", range(4))
@turns(few=40, many=400)
def test_any_graph_is_the_same_again(start, turns, tmp_path):
    for turn in range(turns):
        net = shapecalc.Network(Origin(random_graph(random.Random(1000 * start + turn))))
        written(net, tmp_path, names=False)


def test_hostile_and_strange_names(tmp_path):
    names = ["a b", "no", "12", "1e5", "a: b", "# x", "'q'", '"d"', "é", "-", "a,b", "&x", "*y", "!z", "%", "@at", "~",
             "input2", "null", "a.b", "from", "\u2028".strip() or "z", "relu2", "conv1", "{".replace("{", "w")]  # fmt: skip
    layers = [{"relu": None, "name": name} for name in names]
    layers += [{"add": None, "from": ["no", "a: b", "a,b"]}]
    net = shapecalc.load({"name": "no: # {x}", "input": [4], "layers": layers, "outputs": [*names, "add1"]})
    written(net, tmp_path)


def test_names_that_the_language_does_not_allow_are_changed(tmp_path):
    own = shapecalc.load({"input": [4], "layers": ["relu", "relu", {"add": ["relu1", "relu2"]}]})
    strange = ["x[0]", "{i}", "x_0_"]
    nodes = [node._replace(name=name) for node, name in zip(own.graph.nodes, strange, strict=True)]

    graph = own.graph._replace(nodes=tuple(nodes), inputs={"in[0]": own.graph.inputs["input"]})
    net = shapecalc.Network(Origin(graph))
    text = written(net, tmp_path, names=False)
    assert "name: x_0_\n" in text
    assert "{i}" not in text


def test_inputs_outputs_frozen_and_shared(tmp_path):
    spec = {
        "inputs": {"left": "3x8x8", "right": "3x8x8"},
        "layers": [
            {"conv": {"out_channels": 4, "kernel_size": 1}, "from": "left", "name": "a", "frozen": True},
            {"conv": {"out_channels": 4, "kernel_size": 1}, "from": "right", "name": "b", "share": "a"},
            {"chunk": 2, "from": "a", "name": "parts"},
            {"add": ["parts[1]", "parts"]},
            {"add": ["a", "b"], "name": "sum"},
        ],
        "outputs": ["add1", "parts[1]", "sum", "left"],
    }
    text = written(shapecalc.load(spec), tmp_path)
    for line in ("    share: a\n", "    frozen: true\n", '  - add: ["parts[1]", parts]\n', "  - add: [a, b]\n",
                 "inputs: {left: 3x8x8, right: 3x8x8}\n",
                 'outputs: [add1, "parts[1]", sum, left]\n'):  # fmt: skip
        assert line in text


def test_weights_that_do_not_count_are_named(tmp_path):
    """Those that are constants, or another layer's: copies that differ in them alone are no copies."""
    own = shapecalc.load({"input": [4], "layers": [{"linear": 4, "repeat": 5}]})
    held = [(), ("weight",), ("weight",), ("bias", "weight"), ("bias", "weight")]
    nodes = tuple([
        node._replace(held=frozenset(names)) for node, names in zip(own.graph.nodes, held, strict=True)
    ])  # fmt: skip
    net = shapecalc.Network(Origin(own.graph._replace(nodes=nodes)))
    text = written(net, tmp_path, names=False)
    assert text.count("    repeat: 2\n    uncounted: weight\n") == 1
    assert text.count("    repeat: 2\n    uncounted: [bias, weight]\n") == 1
    assert "params: 28\n" in text  # 20 + 4 + 4, by arithmetic


def test_what_no_output_depends_on_is_left_out_but_not_its_weights():
    own = shapecalc.load(
        {
            "input": [4],
            "layers": [{"linear": 4}, {"linear": 5}, {"linear": 4, "share": "linear1", "from": "linear1"}],
            "outputs": ["linear2", "linear3"],
        }
    )
    shared = own.graph.nodes[2]._replace(inputs=(Reference(-1),))
    graph = own.graph._replace(nodes=(*own.graph.nodes[:2], shared), outputs=(Reference(2),))
    text = shapecalc.Network(Origin(graph)).convert("yaml")
    assert text.startswith(
        "# Left out, as no output depends on it: linear2 (linear). "
        "The network that was given has 25 more parameters, in what is left out.\n"
    )
    assert "share: linear1" in text
    assert shapecalc.load(text).check().total.params == 20


RECORDED = Path(__file__).parent.parent / "data" / "pt2"


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in sorted(RECORDED.glob("*.pt2"))])
def test_recorded_programs_are_the_same_again(path, tmp_path):
    net = shapecalc.load(str(path))
    text = written(net, tmp_path, names=False)
    assert text.count("\n") < 30 + 3 * len(net.graph.nodes)


@pytest.mark.parametrize("wrong", [0, 1, 2])
@pytest.mark.parametrize(
    ("name", "right", "mistaken"),
    [("resnet18", "kernel_size: 3", "kernel_size: 1"), ("resnet18", "bias: false", "bias: true"),
     ("siamese", "share: left_tower", "frozen: false"), ("resnet18", "name: fc", "name: fc\n    frozen: true"),
     ("siamese", "[left_tower, right_tower]", "[right_tower, left_tower]")],
)  # fmt: skip
def test_what_is_not_the_same_again_is_written_with_less_structure(
    wrong, name, right, mistaken, monkeypatch, tmp_path, levels
):
    """As if the finder of structure were wrong: the next level is tried, down to the layers alone."""
    own = exporter._Writer.text

    def text(self):
        found = own(self)
        assert right in found
        return found.replace(right, mistaken) if len(levels) <= wrong else found

    monkeypatch.setattr(exporter._Writer, "text", text)
    written(shapecalc.load(name), tmp_path, at_once=False)
    assert levels == [3, 2, 1][: wrong + 1]


def test_copies_are_joined_only_where_each_has_the_one_input(tmp_path):
    add = {"add": None, "from": ["a", "b"]}
    layers = [{"relu": None, "name": "a"}, {"relu": None, "name": "b"}, add, {"add": None}, {"add": None}]
    text = written(shapecalc.load({"input": [4], "layers": layers}), tmp_path)
    assert text.count("repeat: 2") == 1


def test_a_block_that_is_frozen_is_another_one(tmp_path):
    blocks = {"b": {"layers": [{"conv": {"out_channels": 3, "kernel_size": 1}}, "relu"]}}
    layers = [{"b": None}, {"b": None, "frozen": True}, {"b": None}]
    text = written(shapecalc.load({"input": "3x4x4", "blocks": blocks, "layers": layers}), tmp_path)
    assert text.count("frozen: true") == 2


def test_a_word_that_is_also_the_name_of_an_argument_is_a_word(tmp_path):
    blocks = {"b": {"args": {"c": "required"}, "layers": [
        {"conv": {"out_channels": "c", "kernel_size": 1}},
        {"opaque": {"op_type": "out_channels", "output_sizes": [3, 4, 4]}},
    ]}}  # fmt: skip
    text = written(shapecalc.load({"input": "3x4x4", "blocks": blocks, "layers": [{"b": 8}, {"b": 16}]}), tmp_path)
    assert 'op_type: "out_channels"' in text
    assert "out_channels: out_channels" in text


def test_branches_are_not_nested_without_end(tmp_path):
    layers = [{"relu": None, "name": "x"}]
    for number in range(60):
        layers += [{"relu": None, "name": f"r{number}"}, {"add": ["x", f"r{number}"], "name": f"a{number}"}]
    text = written(shapecalc.load({"input": [4], "layers": layers}), tmp_path)
    assert max(len(line) - len(line.lstrip()) for line in text.splitlines()) < 40


def test_where_no_text_is_the_same_it_is_refused(monkeypatch):
    monkeypatch.setattr(exporter._Writer, "text", lambda _: "input: 3x32x32\nlayers: [relu]\n")
    with pytest.raises(shapecalc.UsageError) as error:
        shapecalc.load("lenet5").convert("yaml")
    assert str(error.value) == (
        "LeNet-5 cannot be written as a specification: 12 layers are 1 when they are read again"
    )
