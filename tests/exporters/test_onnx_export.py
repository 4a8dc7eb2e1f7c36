"""ONNX: a file that is read again has the sizes, parameters and MACs of the network that was written."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from numbers_of_kinds import plain_kinds
from random_graphs import Origin, random_graph
from running import run
from searching import some, turns

import shapecalc
from shapecalc.exporters.onnx import OPSET
from shapecalc.exporters.onnx.reasons import reason_of
from shapecalc.importers.onnx import read_bytes
from shapecalc.language.files import bundled_members
from shapecalc.layers import KINDS
from shapecalc.model.graph import Block, Graph
from shapecalc.network import Network

ZOO = [name for _, name in bundled_members()]
EXAMPLES = [(kind, i) for kind in plain_kinds() for i in range(len(KINDS[kind].examples))]

CANNOT = {
    "(mamba|jamba)-.*": "(mamba) ONNX has no selective scan",
    "mamba2-.*": "(mamba2) ONNX has no selective scan",
    "mixtral-.*|qwen3-30b.*|olmoe-.*|deepseek-v.*|gpt-oss-.*|glm-.*|llama-4-.*|phi-3.5-moe.*":
        "(experts) ONNX has no operation by which each token uses some of the experts alone",
    "qwen3-next-.*": "(gated_delta_net) ONNX has no delta rule",
    "deberta-.*": "(disentangled_attention) its scores by relative positions are not written",
    "gemma-3-(4|12|27)b": "(unused_parameter) ONNX has no parameters that nothing uses",
    "swin_v2_.*": "(window_attention) the biases of Swin v2, which a network computes of distances",
    "wav2vec2-.*": "(conv) parametrization weight_norm_last",
}  # fmt: skip
"""The networks of the zoo that cannot be expressed, with the reason."""

KINDS_THAT_CANNOT = {
    "accuracy", "circular_pad", "conv_lstm", "deformable_conv", "disentangled_attention", "experts", "fold",
    "fractional_max_pool", "gated_delta_net", "grouped_linear", "gru_cell", "locally_connected", "loss", "lstm_cell",
    "mamba", "mamba2", "max_unpool", "opaque", "prior_box", "recurrent", "rnn_cell", "roi_align", "unfold", "unused_parameter",
}  # fmt: skip
"""Kinds of which no example can be expressed; the table in docs/convert.md has them."""

SOME_THAT_CANNOT = {
    ("avg_pool", "dilates averages"), ("conv", "parametrization"),
    ("grid_sample", "two spatial axes"), ("local_response_norm", "across channels"), ("lstm", "proj_size"), ("named_operation", "by name"),
    ("window_attention", "Swin v2"),
}  # fmt: skip
"""Kinds of which some examples cannot be expressed, with a part of the reason."""

DIFFER = {
    ("gru", 1): ("params", "a GRU of Keras has one bias for each gate, ONNX' B has two, of which the second is zeros"),
    ("lstm", 2): ("", ""),
}
"""Examples that are read again with other totals."""

NOTHING = ("dropout", "identity", "rotary_embedding", "stochastic_depth")
"""Kinds without a node: they return their input unchanged at inference, or are a part of the layer after them."""

ABSORBED = ("activation", "constant", "linear", "multi_head_attention", "parameter", "silu", "window_attention")
"""Kinds whose last node the importer takes into the one before it, or which are none of their own."""


def again(net):
    """The network that is read of the file of a network."""
    return Network(read_bytes(net.convert("onnx"), "again.onnx"))


def check(net):
    """Enforce that a file has the totals, and every size, of its network."""
    report, found = net.infer(), again(net).infer()
    assert found.total.params == report.total.params
    assert found.total.macs == report.total.macs
    assert found.total.buffers <= report.total.buffers
    assert [warning.message for warning in found.graph.warnings] == []
    note = next(note for note in found.graph.notes if "shape arithmetic" in note)
    assert " 0 unknown" in note
    stated = int(re.search(r"([\d,]+) stated sizes? agrees?", note)[1].replace(",", ""))
    assert stated >= sum(row.kind not in (*NOTHING, *ABSORBED) for row in report.rows)
    assert [*found.outputs.values()] == [report.shape_of(*ref).in_layout("CHW") for ref in report.graph.outputs]
    sizes = iter([shape.in_layout("CHW") for row in found.rows for shape in row.sizing.outputs])
    for row in report.rows:
        if row.kind in ("conv", "depthwise_conv", "transposed_conv", "max_pool", "batch_norm", "linear"):
            due = row.sizing.outputs[0].in_layout("CHW")
            own = row.sizing.outputs[0].sizes
            assert any(size in (due, own) for size in sizes), f"{row.name} {due} is not there, or not in order"
    return found


def cannot(name):
    """The reason for which a network of the zoo cannot be expressed; empty for one that can."""
    return next((reason for pattern, reason in CANNOT.items() if re.fullmatch(pattern, name)), "")


def test_most_of_the_zoo_can_be_expressed():
    assert sum(bool(cannot(name)) for name in ZOO) <= 31
    assert len(ZOO) > 200


@pytest.mark.parametrize("name", some(ZOO, 14))
def test_the_zoo_is_read_again(name):
    net = shapecalc.load(name)
    reason = cannot(name)
    if not reason:
        check(net)
        return
    with pytest.raises(shapecalc.UsageError) as caught:
        net.convert("onnx")
    kind, _, why = reason.partition(" ")
    messages = [problem.message for problem in caught.value.problems]
    assert any(kind in message and message.endswith(f": {why}") for message in messages), messages


def spec_of(kind, index):
    """The specification of a worked example."""
    example = KINDS[kind].examples[index]
    sizes = example.input if isinstance(example.input, list) else [example.input]
    without = KINDS[kind].inputs == (0, 0)
    inputs = {"x": [1]} if without else {f"x{number}": list(size) for number, size in enumerate(sizes)}
    layer = {kind: example.arguments or None, "name": "it", **({} if without else {"from": [*inputs]})}
    return {"layout": example.layout, "inputs": inputs, "layers": [layer], "outputs": ["it"]}


@pytest.mark.parametrize(("kind", "index"), EXAMPLES)
def test_every_kind_is_read_again_or_refused(kind, index):
    net = shapecalc.load(spec_of(kind, index))
    try:
        net.convert("onnx")
    except shapecalc.UsageError as error:
        why = error.problems[0].message
        assert why.startswith(f"it ({kind}) cannot be written")
        assert kind in KINDS_THAT_CANNOT or any(kind == one and part in why for one, part in SOME_THAT_CANNOT)
        return
    assert kind not in KINDS_THAT_CANNOT
    report = net.infer()
    if kind in NOTHING or KINDS[kind].inputs == (0, 0) or (kind == "slice" and index == 3):
        return  # the network has no other layer, and is none when it is read again
    if (kind, index) in DIFFER and DIFFER[kind, index][0]:
        assert again(net).infer().total.params > report.total.params
        return
    found = again(net).infer()
    assert (found.total.params, found.total.macs) == (report.total.params, report.total.macs)
    assert not found.graph.warnings
    assert [*found.outputs.values()] == [report.shape_of(*ref).in_layout("CHW") for ref in report.graph.outputs]


@turns(60, 600)
def test_graphs_of_any_wiring(turns):
    for seed in range(turns):
        net = Network(Origin(random_graph(random.Random(seed))))
        try:
            written = net.convert("onnx")
        except shapecalc.UsageError:
            continue
        if all(node.kind in NOTHING for node in net.graph.nodes):
            continue  # there is no layer to be read again
        report, found = net.infer(), Network(read_bytes(written, "a.onnx")).infer()
        assert (found.total.params, found.total.macs) == (report.total.params, report.total.macs), seed
        assert not found.graph.warnings


def test_weights_that_are_shared_are_one_tensor():
    net = shapecalc.load({"inputs": {"ids": [6]}, "layers": [
        {"embedding": {"num_embeddings": 10, "embedding_dim": 4}, "name": "table"}, {"linear": {"out_features": 10, "bias": False}, "share": "table"},
    ]})  # fmt: skip
    written = net.convert("onnx")
    assert written.count(b"table.weight") >= 3  # made once, and used twice
    assert written.count(b"shapecalc.learned") == 1
    assert again(net).infer().total.params == 40
    assert net.infer().total.params == 40


def test_names_and_blocks():
    report = again(shapecalc.load("resnet18")).infer()
    assert [line.name for line in report.lines(1)][:5] == ["conv1", "batch_norm1", "relu1", "max_pool1", "layer1"]
    assert "layer2.0.downsample" in {block.name for block in report.graph.blocks}
    written = shapecalc.load("resnet18").convert("onnx")
    for text in (b"/layer1/0/conv1/Conv", b"layer1.0.conv1.weight", b"shapecalc", shapecalc.__version__.encode()):
        assert text in written
    assert bytes([0x42, 4, 0x0A, 0, 0x10, OPSET]) in written  # opset_import: the domain "", and the version


def test_the_file_is_small():
    assert len(shapecalc.load("vgg16").convert("onnx")) < 20_000  # of 528 MB
    assert len(shapecalc.load("gpt2").convert("onnx")) < 200_000


def test_a_tensor_that_no_layer_changes_is_an_output_all_the_same():
    net = shapecalc.load({"inputs": {"x": [3, 4, 4]}, "layers": ["relu", {"dropout": 0.5, "name": "d"}],
                          "outputs": ["d", "x"]})  # fmt: skip
    found = again(net).infer()
    assert [*found.outputs.values()] == [(3, 4, 4)] * 2


def test_what_is_the_same_for_every_sample_is_repeated_for_the_batch():
    net = shapecalc.load({"inputs": {"x": [5, 4]}, "layers": [
        {"parameter": [2, 4], "name": "p"}, {"concat": {"dim": 1}, "from": ["p", "x"]},
    ]})  # fmt: skip
    assert b"Expand" in net.convert("onnx")
    assert again(net).infer().outputs == {"concat1": (7, 4)}


def test_all_layers_that_cannot_be_expressed_are_named_at_once():
    net = shapecalc.load({"inputs": {"x": [3, 8, 8]}, "layers": [
        {"circular_pad": 1}, {"circular_pad": 1}, {"unfold": 2},
    ]})  # fmt: skip
    with pytest.raises(shapecalc.UsageError) as caught:
        net.convert("onnx")
    assert [problem.message for problem in caught.value.problems] == [
        "circular_pad1 (circular_pad) and 1 more layer cannot be written: "
        "ONNX has no mode circular of padding before opset 19",
        "unfold1 (unfold) cannot be written: ONNX has no im2col",
    ]


def test_names_with_slashes_and_other_characters():
    graph = shapecalc.load(
        {"inputs": {"x": [3, 8, 8]}, "layers": ["relu", {"conv": {"out_channels": 4, "kernel_size": 3}}]}
    ).graph
    nodes = tuple(node._replace(name=name, block=0) for node, name in zip(graph.nodes, ("b.a/b", "b.é\n"), strict=True))
    changed = Graph(graph.name, graph.inputs, nodes, graph.outputs, blocks=(Block("b", "block"),))
    found = again(Network(Origin(changed))).infer()
    assert len(found.rows) == 2


def test_the_command_writes_bytes(tmp_path):
    path = tmp_path / "a.onnx"
    assert run("convert", "lenet5", "-o", path) == (0, "", "")
    assert path.read_bytes() == shapecalc.load("lenet5").convert("onnx")
    assert shapecalc.load(str(path)).infer().total.params == shapecalc.load("lenet5").infer().total.params
    assert run("convert", "lenet5", "--to", "onnx", "--depth", "1").err.startswith("onnx has no depth")


def test_the_page_lists_what_cannot_be_expressed():
    page = (Path(__file__).parents[2] / "docs" / "convert.md").read_text(encoding="utf-8")
    table = page.partition("| kind | why it cannot be written |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
    whole = [cell for cell, _ in rows if " with " not in cell and " of " not in cell and " at " not in cell
             and " within " not in cell]  # fmt: skip
    listed = {kind for cell in whole for kind in re.findall(r"`(\w+)`", cell)} - {"pad"}
    assert listed == KINDS_THAT_CANNOT
    for cell, why in rows:
        for kind in re.findall(r"`(\w+)`", cell):
            if cell in whole and kind not in ("pad", "circular_pad"):
                assert why.strip() == reason_of(kind)
    assert {kind for kind, _ in SOME_THAT_CANNOT} <= {word for cell, _ in rows for word in re.findall(r"`(\w+)`", cell)}
