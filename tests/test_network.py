"""The library: `load`, `infer`, `in_features`, and their errors."""

from __future__ import annotations

import pickle
import re

import pytest

import shapecalc
from shapecalc.errors import UsageError, did_you_mean
from shapecalc.language.members import find_origin

LAYERS = [{"conv": {"out_channels": 20, "kernel_size": 5}}, "relu", {"max_pool": {"kernel_size": 2}}]


def test_examples_of_the_readme():
    report = shapecalc.load("alexnet").infer()
    assert report["fc1"].in_features == 9216
    assert report["fc1"].params == 37_752_832
    assert report.total.params == 62_378_344


@pytest.mark.parametrize("name", ["alexnet", "alexnet.yaml"])
def test_bundled_by_name_from_anywhere(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = shapecalc.load(name)
    assert (network.name, len(network.warnings)) == ("AlexNet", name.endswith(".yaml"))


def test_a_file_overrides_a_bundled_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "alexnet").write_text("name: mine\ninput: 3x8x8\nlayers: [relu]\n")
    assert shapecalc.load("alexnet").name == "mine"


def test_in_features_from_every_form(tmp_path):
    text = "input: 1x28x28\nlayers:\n- conv: {out_channels: 20, kernel_size: 5}\n- relu\n- max_pool: {kernel_size: 2}\n"
    path = tmp_path / "features.yaml"
    path.write_text(text)
    # 12·12·20: MATLAB's digits network, as its documentation has it.
    assert shapecalc.in_features(path) == 2880
    assert shapecalc.in_features(str(path)) == 2880
    assert shapecalc.in_features(text) == 2880
    assert shapecalc.in_features({"input": "1x28x28", "layers": LAYERS}) == 2880
    assert shapecalc.in_features({"input": [1, 28, 28], "layers": LAYERS}) == 2880
    assert shapecalc.in_features(LAYERS, input="1x28x28") == 2880
    assert shapecalc.in_features(LAYERS, input=(1, 28, 28)) == 2880
    assert shapecalc.in_features({"layout": "HWC", "input": "28x28x1", "layers": LAYERS}) == 2880


def test_input_is_read_in_the_layout_shown():
    network = shapecalc.load("alexnet")
    assert network.infer(input="3x227x227", layout="chw").total == network.infer().total
    assert network.infer(input="227x227x3").total == network.infer().total
    assert network.infer(layout="chw")["conv1"].output_shapes == [(96, 55, 55)]


def test_overrides():
    network = shapecalc.load("resnet50")
    assert network.infer(batch=8).total.macs == 8 * network.infer().total.macs
    assert network.infer(batch=8).total.params == network.infer().total.params
    keras = network.infer(convention="keras").total
    assert keras.params == 25_557_032 + 53_120
    assert keras.trainable == 25_557_032
    assert shapecalc.load("resnet50_keras").infer(convention="keras").total.params == 25_636_712


def test_frozen_and_shared():
    text = """
input: 16
layers:
- linear: 16
  name: a
  frozen: true
- linear: 16
  name: b
- linear: 16
  share: b
"""
    report = shapecalc.load(text).infer()
    assert [row.params for row in report] == [272, 272, 0]
    assert report["linear1"].shares == "b"
    assert report.total.params == 544
    assert report.total.trainable == 272
    assert [layer["trainable"] for layer in report.to_dict()["layers"]] == [False, True, True]
    assert report.total.macs == 3 * 256


def test_json_contract_of_the_first_layer():
    """The example of docs/json.md, key for key."""
    found = shapecalc.load("alexnet").infer().to_dict()
    assert list(found) == ["version", "name", "layout", "inputs", "layers", "outputs", "total"]
    assert found["layers"][0] == {
        "name": "conv1",
        "kind": "conv",
        "from": ["input"],
        "input_shapes": [[227, 227, 3]],
        "output_shapes": [[55, 55, 96]],
        "weights": 34848,
        "biases": 96,
        "params": 34944,
        "active_params": 34944,
        "trainable": True,
        "buffers": 0,
        "macs": 105415200,
        "arguments": {"out_channels": 96, "kernel_size": [11, 11], "stride": [4, 4], "padding": [0, 0]},
    }
    assert found["outputs"] == {"softmax1": [1000]}
    assert found["total"] == {
        "weights": 62367776,
        "biases": 10568,
        "params": 62378344,
        "active_params": 62378344,
        "trainable": 62378344,
        "buffers": 0,
        "macs": 1135256096,
    }


def test_unknown_layer_names_the_nearest():
    with pytest.raises(shapecalc.UsageError, match=r"has no layer fc9\n   did you mean fc"):
        shapecalc.load("alexnet").infer()["fc9"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("nothing_like_it", "no file nothing_like_it, and no bundled"),
        ("no/such/file.yaml", "there is no file no/such/file.yaml"),
        (3, "a specification is a path, a name, text, a dict or a list of layers, not int"),
    ],
)
def test_invalid_sources(spec, words):
    with pytest.raises(shapecalc.UsageError, match=re.escape(words)):
        shapecalc.load(spec)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"input": "3 by 3"}, "'3 by 3' is not a size"),
        ({"input": "-1x3x9"}, "sizes are given without the batch axis: write 3x9"),
        ({"input": [0, 3, 3]}, "an input size must be a whole number of at least 1, not 0"),
        ({"batch": 0}, "batch must be a whole number of at least 1"),
        ({"layout": "nchw"}, "layout must be chw or hwc, not nchw"),
        ({"vars": {"width": 3}}, "there is no variable width to set"),
        ({"input": {"left": "3x8x8"}}, "there is no input left"),
    ],
)
def test_invalid_overrides(overrides, words):
    with pytest.raises(shapecalc.ShapecalcError, match=re.escape(words)):
        shapecalc.load("alexnet").infer(**overrides)


def test_errors_of_dicts_have_a_path():
    with pytest.raises(
        shapecalc.SpecError, match=re.escape("<dict>: layers[0].conv.kernel: conv: there is no argument")
    ):
        shapecalc.load({"input": [3, 8, 8], "layers": [{"conv": {"out_channels": 3, "kernel": 3}}]})


def test_every_problem_at_once_in_the_order_of_the_file():
    text = "input: 3x8x8\nlayers:\n- conv: {out_channels: 4, kernel_size: 9}\n- convv: 3\n- conv: {out_chanels: 4}\n"
    with pytest.raises(shapecalc.ShapecalcError) as caught:
        shapecalc.load(text).infer()
    lines = [problem.mark.line for problem in caught.value.problems]
    assert lines == sorted(lines) == [3, 4, 5]


def test_the_repr_of_a_row_is_one_line():
    row = shapecalc.load("alexnet").infer()["fc1"]
    assert repr(row) == "<Row fc1: fc 6×6×256 → 4096, 37,752,832 params, 37,748,736 MACs>"


def test_in_features_of_several_outputs_are_not_guessed():
    spec = {"input": "3x8x8", "layers": [{"fc": 7, "name": "a"}, {"fc": 2, "name": "b"}], "outputs": ["a", "b"]}
    with pytest.raises(shapecalc.UsageError, match="has several outputs: a, b"):
        shapecalc.in_features(spec)


def test_json_names_the_convention():
    network = shapecalc.load([{"conv": {"out_channels": 4, "kernel_size": 3}}, "batch_norm"], input="3x8x8")
    assert "convention" not in network.infer().to_dict()
    keras = network.infer(convention="keras").to_dict()
    assert keras["convention"] == "keras"
    assert keras["total"]["params"] == 4 * 28 + 8 + 8


def test_notebook_shows_a_table():
    shown = shapecalc.load("alexnet").infer()._repr_html_()
    assert "<table" in shown
    assert "62,378,344" in shown


def test_reports_can_be_pickled():
    report = shapecalc.load("lenet5").infer()
    assert pickle.loads(pickle.dumps(report)).to_dict() == report.to_dict()


def test_forward_references_are_sorted():
    text = "input: 3x8x8\nlayers:\n- relu:\n  name: last\n  from: first\n- tanh:\n  name: first\n  from: input\noutputs: [last]\n"
    report = shapecalc.load(text).infer()
    assert [row.name for row in report] == ["first", "last"]


def test_repeat_equals_copies():
    body = "- conv: {out_channels: 8, kernel_size: 3, padding: 1}\n- relu\n"
    copies = shapecalc.load(f"input: 8x8x8\nlayers:\n{body * 3}").infer()
    block = "- b:\n  repeat: 3\n"
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    repeated = shapecalc.load(f"input: 8x8x8\nblocks:\n  b:\n{indented}layers:\n{block}").infer()
    assert [(r.kind, r.output_shapes, r.params, r.macs) for r in copies] == [
        (r.kind, r.output_shapes, r.params, r.macs) for r in repeated
    ]
    assert [row.name for row in repeated][:3] == ["b1.conv1", "b1.relu1", "b2.conv1"]


def test_set_equals_editing_the_file():
    text = "input: 3x8x8\nvars: {width: %s}\nlayers:\n- conv: {out_channels: width * 2, kernel_size: 3}\n"
    edited = shapecalc.load(text % 32).infer()
    assert shapecalc.load(text % 4).infer(vars={"width": 32}).to_dict() == edited.to_dict()
    assert shapecalc.load(text % 4, vars={"width": 32}).infer().to_dict() == edited.to_dict()


@pytest.mark.parametrize("name", ["resnet50", "swin_t", "googlenet", "llama-2-7b", "unet"])
def test_lines_add_up_at_every_depth(name):
    report = shapecalc.load(name).infer()
    for depth in [*range(1, report.max_depth + 2), None]:
        lines = report.lines(depth)
        for field in report.total._fields:
            assert sum(getattr(line.total, field) for line in lines) == getattr(report.total, field), (depth, field)
    entries = report.to_dict()["blocks"]
    outermost = [block for block in entries if "." not in block["name"]]
    assert sum(b["params"] for b in outermost) <= report.total.params


def test_blocks_in_json():
    entry = next(b for b in shapecalc.load("resnet18").infer().to_dict()["blocks"] if b["name"] == "layer1.0")
    assert entry["first"].startswith("layer1.0.")
    assert entry["params"] == 2 * (64 * 64 * 9) + 2 * 128  # two 3×3 convolutions and two batch norms


def files_of(folder, files):
    for name, text in files.items():
        (folder / name).write_text(text)
    return str(folder / "net.yaml")


USING = "input: 8\nlayers: [b]\n"


@pytest.mark.parametrize(
    ("files", "params"),
    [
        (
            {
                "net.yaml": f"use: a.yaml\n{USING}",
                "a.yaml": "use: c.yaml\nblocks: {b: [linear: 1]}\n",
                "c.yaml": "blocks: {b: [linear: 2]}\n",
            },
            9,
        ),
        (
            {
                "net.yaml": f"use: [a.yaml, c.yaml]\n{USING}",
                "a.yaml": "blocks: {b: [linear: 1]}\n",
                "c.yaml": "blocks: {b: [linear: 2]}\n",
            },
            18,
        ),
        (
            {
                "net.yaml": f"use: [a.yaml, c.yaml]\n{USING}",
                "a.yaml": "use: d.yaml\n",
                "c.yaml": "blocks: {b: [linear: 2]}\n",
                "d.yaml": "blocks: {b: [linear: 1]}\n",
            },
            18,
        ),
        (
            {
                "net.yaml": f"use: [a.yaml, c.yaml, a.yaml]\nblocks: {{b: [linear: 3]}}\n{USING}",
                "a.yaml": "blocks: {b: [linear: 1]}\n",
                "c.yaml": "blocks: {}\n",
            },
            27,
        ),
    ],
    ids=["a file before those it uses", "the last of several", "and what those use", "the specification itself"],
)
def test_precedence_of_blocks(tmp_path, files, params):
    assert shapecalc.load(files_of(tmp_path, files)).infer().total.params == params


def test_a_long_chain_of_files_is_an_error(tmp_path):
    files = {f"f{i}.yaml": f"use: f{i + 1}.yaml\n" for i in range(1_200)}
    net = files_of(tmp_path, {"net.yaml": f"use: f0.yaml\nblocks: {{b: [relu]}}\n{USING}", **files})
    with pytest.raises(shapecalc.SpecError, match="more than 100 files are used"):
        shapecalc.load(net)
    (tmp_path / "f90.yaml").write_text("blocks: {c: [relu]}\n")
    assert shapecalc.load(net).infer().total.params == 0


def test_a_folder_that_contains_itself_is_an_error(tmp_path):
    (tmp_path / "again").symlink_to(tmp_path)
    net = files_of(
        tmp_path, {"net.yaml": f"use: a.yaml\n{USING}", "a.yaml": "use: again/a.yaml\nblocks: {b: [relu]}\n"}
    )
    with pytest.raises(shapecalc.SpecError, match="more than 100 files are used"):
        shapecalc.load(net)
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    net = files_of(tmp_path, {"net.yaml": f"use: loop.yaml\n{USING}"})
    with pytest.raises(shapecalc.SpecError, match=r"there is no file loop\.yaml beside the specification"):
        shapecalc.load(net)


@pytest.mark.parametrize("name", ["\\0", "a" * 5_000, "\\ud800", "a/" * 5_000 + "b"])
def test_invalid_file_names(tmp_path, name):
    net = files_of(tmp_path, {"net.yaml": f'use: "{name}"\n{USING}'})
    with pytest.raises(shapecalc.SpecError):
        shapecalc.load(net)
    with pytest.raises(shapecalc.ShapecalcError):
        shapecalc.load(name.replace("\\0", "\0").replace("\\ud800", "\ud800"))


def test_hints_are_computed_lazily(monkeypatch):
    from shapecalc import suggestions

    asked = []
    nearest = suggestions.nearest_word
    monkeypatch.setattr(suggestions, "nearest_word", lambda word, words: asked.append(word) or nearest(word, words))
    with pytest.raises(shapecalc.SpecError) as caught:
        shapecalc.load("input: 8\nlayers:\n" + "".join(f"  - linaer: {{of: {i}}}\n" for i in range(90)))
    assert asked == []
    assert "did you mean linear?" in str(caught.value.problems[3])
    assert asked == ["linaer"]
    again = pickle.loads(pickle.dumps(caught.value.problems[4]))
    assert (again.hint, str(again)) == ("did you mean linear?", str(caught.value.problems[4]))
    assert asked == ["linaer"] * 2


@pytest.mark.slow
def test_the_nearest_of_very_many_names_is_found():
    names = [f"layer{i}.conv{k}" for i in range(400) for k in range(10)]
    text = "input: 8\nlayers:\n" + "".join(
        f"  - {{linear: 8, name: stage.block{i}.part{k}}}\n" for i in range(300) for k in range(10)
    )
    with pytest.raises(shapecalc.SpecError, match=r"did you mean stage\.block123\.part4\?"):
        shapecalc.load(text + "  - {relu: , from: stage.blcok123.part4}\n")
    assert str(did_you_mean("layer37.covn4", names)) == "did you mean layer37.conv4?"
    assert str(did_you_mean("x" * 200, names)).startswith("known here: layer0.conv0, layer0.conv1, ")
    assert str(did_you_mean("layer", [], "nothing is known")) == "nothing is known"
    assert str(did_you_mean("qqq", ["layer"], "look it up", lists=False)) == "look it up"


def test_networks_are_compared_for_a_batch_and_in_a_layout():
    net = shapecalc.load("lenet5")
    for answer in (net.compare("lenet5", batch=4, layout="hwc"), net.diff("lenet5", batch=4, layout="hwc")):
        answers = answer.to_dict()
        sides = answers["networks"] if "networks" in answers else [answers["a"], answers["b"]]
        for side in sides:
            assert (side["batch"], side["inputs"]) == (4, {"input": [32, 32, 1]})
            assert side["total"]["macs"] == 4 * net.infer().total.macs
    with pytest.raises(shapecalc.UsageError, match="batch must be a whole number of at least 1, not 0"):
        net.diff("lenet5", batch=0)
    with pytest.raises(shapecalc.UsageError, match="layout must be chw or hwc, not cwh"):
        net.compare("lenet5", layout="cwh")


class Imported:
    """An origin without a text, as an imported file is."""

    name = "model.bin"

    def build(self, variables, inputs):
        graph, problems = find_origin(
            {"input": "3x8x8", "layers": [{"conv": {"out_channels": 4, "kernel_size": 9}}]}
        ).build(variables, inputs)
        return graph, problems


def test_a_network_needs_only_the_name_of_its_origin_and_how_it_is_built():
    network = shapecalc.load(Imported(), input="3x16x16")
    assert network.infer().rows[0].output_shape == (4, 8, 8)
    assert shapecalc.load(network, input="3x9x9").infer().rows[0].output_shape == (4, 1, 1)


def test_what_needs_a_text_says_so_for_an_origin_without_one():
    network = shapecalc.load(Imported())
    assert network.problems(), "there is something to fix"
    with pytest.raises(UsageError) as error:
        shapecalc.solve(network, fix=True)
    assert str(error.value) == (
        "model.bin is not a specification in YAML: only such a text can be changed\n"
        "   shapecalc convert writes one of it: --to yaml -o FILE"
    )
    with pytest.raises(UsageError, match="not a specification"):
        network.reread("layers: [relu]")
    with pytest.raises(UsageError, match=r"model\.bin has no variant small"):
        shapecalc.load(network, variant="small")
