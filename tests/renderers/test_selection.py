"""`--kind`: the layers of a kind, by every name by which a specification may write it."""

from __future__ import annotations

import pytest
from searching import some

import shapecalc
from shapecalc.errors import ShapecalcError, UsageError
from shapecalc.layers import KINDS, find_kind
from shapecalc.renderers.selection import Selection
from shapecalc.renderers.view import View


def found(report, *kinds, depth="auto"):
    return [line.name for line in View(report, depth=depth, fold=False, selection=Selection(kinds)).lines]


def report_of(cls, example, word):
    """The report of one layer under a name; None where the name states another rank than the example's input has."""
    shapes = example.input if isinstance(example.input, list) else [example.input]
    inputs = {f"x{number}": list(shape) for number, shape in enumerate(shapes)}
    item = {word: dict(example.arguments), "name": "it", "from": [*inputs]}
    try:
        return shapecalc.load({"layout": example.layout, "inputs": inputs, "layers": [item]}).infer()
    except ShapecalcError:
        assert word != cls.kind
        return None


@pytest.mark.parametrize(
    "kind", some([kind for kind, cls in KINDS.items() if cls.examples and cls.inputs != (0, 0)], 20)
)
def test_every_name_of_a_kind_finds_it(kind):
    cls = KINDS[kind]
    words = {word: report_of(cls, cls.examples[0], word) for word in (kind, *cls.also)}
    for written, report in words.items():
        for word in (written, kind, written.replace("_", "").title()) if report else ():
            assert found(report, word, depth=1) == ["it"], (written, word)
    assert sum(report is not None for report in words.values()) * 3 >= len(words)


@pytest.mark.parametrize("cls", [cls for cls in KINDS.values() if cls.is_a], ids=lambda cls: cls.kind)
def test_what_a_kind_is_too_is_a_kind(cls):
    for other in cls.is_a:
        assert find_kind(other).kind == other != cls.kind


def test_fully_connected_layers_are_found_as_linear_ones():
    """torch.nn.Linear and keras.layers.Dense are the layers that `fc` stands for, behind a flatten."""
    report = shapecalc.load("alexnet").infer()
    for word in ("Linear", "linear", "Dense", "fc", "InnerProduct", "fully_connected"):
        assert found(report, word) == ["fc1", "fc2", "fc3"], word
    bert = shapecalc.load("bert-base-uncased").infer()
    assert found(bert, "fc") == ["pooler"], "fc alone flattens"
    assert {"pooler", *found(bert, "dense")} == {*found(bert, "Linear")} > {"pooler"}


def test_a_name_that_states_a_rank_is_held_to_it():
    flat, deep = shapecalc.load("wavenet").infer(), shapecalc.load("alexnet").infer()
    assert len(found(deep, "Conv2d")) == len(found(deep, "conv")) == 5
    assert len(found(flat, "Conv1d")) == len(found(flat, "conv")) > 100
    for report, word in ((flat, "Conv2d"), (deep, "Conv1d"), (deep, "conv3d")):
        with pytest.raises(UsageError, match=f"no layer of kind {word}"):
            found(report, word)


def test_a_block_is_found_by_its_name_and_those_of_its_kind():
    report = shapecalc.load(
        {"input": "8x16", "layers": [{"ffn": {"dim": 16, "dim_feedforward": 32}, "name": "f"}]}
    ).infer()
    for word in ("feed_forward", "ffn", "MLP"):
        assert found(report, word, depth=1) == ["f"], word
    text = "input: 8\nblocks: {mlp: {layers: [linear: 8, relu]}}\nlayers: [mlp, linear: 8]"
    own = shapecalc.load(text).infer()
    assert found(own, "mlp", depth=1) == ["mlp1"]
    assert found(own, "linear", depth=1) == ["linear1"], "the block is closed"


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("Lineal", "did you mean linear?"),
        ("convv", "did you mean conv?"),
        ("maxpol", "did you mean max_pool?"),
        ("inner_produc", "did you mean inner_product?"),
        ("lstm", "known here: conv, dropout, fc, max_pool, relu, softmax"),
        ("conv1d", "known here: conv, dropout, fc, max_pool, relu, softmax"),
        ("xyzzy", "known here: conv, dropout, fc, max_pool, relu, softmax"),
    ],
)
def test_a_kind_that_is_not_there(word, hint):
    with pytest.raises(UsageError) as caught:
        found(shapecalc.load("alexnet").infer(), word)
    assert str(caught.value).splitlines() == [f"the network has no layer of kind {word}", f"   {hint}"]


def test_a_kind_of_blocks_finds_their_lines_at_any_depth():
    """What a table shows under Kind can be asked for: `encoder_layer` of BERT, folded or not."""
    report = shapecalc.load("bert-base-uncased").infer()
    assert found(report, "encoder_layer") == [f"layer.{n}" for n in range(12)]
    assert "layer.0–11 ×12  encoder_layer" in report.render(kind="encoder_layer")
    assert [line.name for line in View(report, selection=Selection(("encoder_layer",), top=1)).lines] == [
        "layer.0–11 ×12"
    ]
    assert report.render("csv", kind="encoder_layer").count("encoder_layer") == 12
    resnet = shapecalc.load("resnet50").infer()
    assert len(found(resnet, "bottleneck")) == 16, "3 + 4 + 6 + 3, whatever stage they are in"
    assert len(found(resnet, "stage")) == 4
    assert len(found(resnet, "conv")) == 53, "kinds of layers go into blocks"


def test_a_kind_of_layers_goes_before_one_of_blocks():
    text = "input: 8\nblocks: {relu: {layers: [linear: 8, softmax]}}\nlayers: [relu, tanh]"
    report = shapecalc.load(text).infer()
    assert found(report, "relu") == ["relu1"]
    assert found(report, "linear") == ["relu1.linear1"]
    text = "input: 8\nblocks: {linear: {layers: [fc: 8]}}\nlayers: [linear, tanh]"
    report = shapecalc.load(text).infer()
    assert found(report, "linear") == ["linear1.fc1"], "an fc layer is a linear one: the block stays open"
    assert found(report, "linear", depth=1) == ["linear1"]


@pytest.mark.parametrize(
    ("kinds", "depth", "least"),
    [
        (["conv2d", "max_unpool"], 1, 0),
        (["bottleneck"], 1, 2),
        (["stage"], 4, 1),
    ],
)
def test_a_kind_that_another_depth_shows(kinds, depth, least):
    with pytest.raises(UsageError) as caught:
        found(shapecalc.load("resnet50").infer(), *kinds, depth=depth)
    words = f"choose --depth {least} (depth={least} in Python), at which there are some"
    assert (words in str(caught.value)) is bool(least)


@pytest.mark.parametrize(
    ("kinds", "depth"),
    [
        (["add", "bottleneck"], "auto"),
        (["Add", "bottleneck", "conv"], "auto"),
        (["bottleneck", "stage"], "auto"),
        (["add", "bottleneck"], 2),
    ],
)
def test_a_kind_that_is_only_inside_blocks_of_another(kinds, depth):
    """No depth has lines of both: the blocks are lines, or what they consist of is."""
    with pytest.raises(UsageError) as caught:
        found(shapecalc.load("resnet50").infer(), *kinds, depth=depth)
    inner, outer = (kinds[0], kinds[1])
    assert str(caught.value) == (
        f"the table has blocks of kind {outer} as one line each, and {inner} only inside them\n"
        "   ask for one of the two kinds at a time"
    )
