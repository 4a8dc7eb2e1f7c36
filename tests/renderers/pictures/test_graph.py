"""Pictures of the graph of a network: what is on them, and that nothing is over anything else."""

from __future__ import annotations

from itertools import pairwise, product
from os.path import basename, splitext

import pytest
from scene_laws import LEAST_CONTRAST, check_graph, check_jogs, check_page, contrast, marks_of, vertices_of
from searching import FAMILY_ENDS, NETWORKS, some

import shapecalc
from shapecalc.language.files import bundled_members
from shapecalc.model.report import Report
from shapecalc.renderers.pictures.graph import draw, drawn
from shapecalc.renderers.pictures.letters import unstacked
from shapecalc.renderers.pictures.lines import rises
from shapecalc.renderers.pictures.palette import COLOURS
from shapecalc.renderers.pictures.repeats import find_repeats
from shapecalc.renderers.pictures.scene import Label, Scene

FAMILIES = {name: splitext(basename(path))[0] for path, name in bundled_members()}
SLIDE = 1280, 720
SMALLEST = 0.74  # of its size at 100 %, where a picture fills a slide: names and sizes then have more than 8 pixels
MANY_BRANCHES = {"ssd": 0.59}  # by family: what no column could be shorter of
BLOCK = {"layers": [{"add": [[{"conv": {"out_channels": 8, "kernel_size": 3, "padding": 1}, "name": "c"}], []]}]}
SMALL = {
    "name": "small",
    "input": "8x4x4",
    "blocks": {"residual": BLOCK},
    "layers": [{"residual": {}, "name": "a"}, {"residual": {}, "name": "b", "share": "a"}, "relu"],
}


def chart_of(report, depth="auto", direction="down"):
    return drawn(report, depth, direction)[1]


def texts(scene, key):
    """Return the texts on a box or a frame."""
    return {mark.key.partition(" ")[0]: mark.text for mark in scene.marks
            if isinstance(mark, Label) and mark.key.partition(" ")[2] == key}  # fmt: skip


def checked(report, depth="auto"):
    """Return the picture of a report, drawn downwards; its laws are checked in both directions."""
    for direction in ("right", "down"):
        scene, chart = drawn(report, depth, direction)
        check_graph(scene, chart)
        if depth == "auto":
            check_outputs(scene)
            check_jogs(scene)
    return scene


@pytest.mark.parametrize(("name", "depth"), some([*product(NETWORKS, ["auto"]), *product(FAMILY_ENDS, ["all"])], 14))
def test_the_laws_hold_for_the_zoo(name, depth):
    report = shapecalc.load(name).infer()
    scene = checked(report, depth)
    if depth == "auto":
        check_slide(scene, name)
    params, sizes = 0, set()
    for mark in scene.marks:
        if mark.key.startswith("params v") or mark.key.startswith("params b"):
            number = mark.text.split()[0].replace(",", "")
            params += int(number) if number.isdigit() else 0
        if mark.key.startswith("size "):
            sizes |= {*mark.text.split(", ")} if mark.key.startswith("size b") else {mark.text}
    if all(" ×" not in mark.text for mark in marks_of(scene, "kind").values()):
        assert params == report.total.params
    known = [", ".join(map(size_text, row.output_shapes)) for row in report.rows]
    known += [size for text in known for size in text.split(", ")]
    assert sizes <= {
        "not used",
        *known,
        *map(size_text, report.inputs.values()),
        *map(size_text, report.outputs.values()),
    }


def size_text(size):
    return "×".join(map(str, size)) or "scalar"


@pytest.mark.parametrize("name", ["resnet152", "densenet201", "inception_v3", "unet", "gpt2", "yolov3",
                                  "bert-base-uncased"])  # fmt: skip
@pytest.mark.parametrize("depth", ["auto", "all"])
def test_what_must_be_legible(name, depth):
    checked(shapecalc.load(name).infer(), depth)


def test_the_text_of_a_small_picture():
    scene = checked(shapecalc.load(SMALL).infer())
    assert texts(scene, "i0") == {"kind": "input", "size": "8×4×4"}
    assert texts(scene, "g0") == {"kind": "a", "name": "residual", "params": "584 params"}
    assert texts(scene, "v0") == {"kind": "conv", "name": "c", "size": "8×4×4", "params": "584 params"}
    assert texts(scene, "v1") == {"kind": "add", "size": "8×4×4"}
    assert texts(scene, "v2") == {"kind": "conv", "name": "c", "size": "8×4×4", "params": "weights of a.c"}
    assert texts(scene, "v4") == {"kind": "relu", "name": "relu1", "size": "8×4×4"}
    assert texts(scene, "o0") == {"kind": "output", "name": "relu1", "size": "8×4×4"}
    assert [mark.text for mark in scene.marks if mark.key in ("title", "totals")] == [
        "small",
        "584 params · 18,432 MACs",
    ]


def test_one_parameter_is_in_the_singular():
    spec = {"name": "one", "input": [1], "layers": [{"fc": {"out_features": 1, "bias": False}}]}
    report = shapecalc.load(spec).infer()
    scene = checked(report)
    assert texts(scene, "v0")["params"] == "1 param"
    assert {mark.text for mark in scene.marks if mark.key == "totals"} == {"1 param · 1 MAC"}
    assert scene.description == "1 layer, 1 parameter, 1 MAC"
    for style in ("volumes", "shares", "memory"):
        check_page(report.draw(style).scene)


def test_collapsed_blocks():
    scene = checked(shapecalc.load(SMALL).infer(), 1)
    assert texts(scene, "b0") == {"kind": "residual", "name": "a", "size": "8×4×4", "params": "584 params"}
    assert texts(scene, "b1") == {"kind": "residual", "name": "b", "size": "8×4×4", "params": "shared params"}
    assert set(marks_of(scene, "frame")) == set()


def test_repeated_blocks_are_one_box_or_one_frame():
    report = shapecalc.load("gpt2").infer()
    scene = draw(report, 1)
    found = [texts(scene, key) for key in vertices_of(chart_of(report, 1).group)]
    assert {
        "kind": "decoder_layer ×12",
        "name": "h.0–11",
        "size": "1024×768",
        "params": "7,087,872 params each",
    } in found
    scene = draw(report, "all")
    (frame,) = marks_of(scene, "frame")
    title = {"kind": "h.0–11 ×12", "name": "decoder_layer", "params": "7,087,872 params each"}
    assert texts(scene, frame) == title
    assert len(marks_of(scene, "box")) == 10 + 7
    assert report["h.0.attention"].params == 2_362_368
    assert "2,362,368 params" in [mark.text for mark in marks_of(scene, "params").values()]


def test_repeats_within_repeats_are_of_one_copy():
    inner = {"layers": [{"fc": 4}, {"fc": 4}]}
    outer = {"layers": [{"inner": {}, "repeat": 3, "name": "in{i}"}, "relu"]}
    layers = [{"fc": 4}, {"outer": {}, "repeat": 5, "name": "out{i}"}]
    report = shapecalc.load({"input": [4], "blocks": {"inner": inner, "outer": outer}, "layers": layers}).infer()
    scene = checked(report, "all")
    frames = {found["kind"]: found for found in (texts(scene, key) for key in marks_of(scene, "frame"))}
    assert frames["out0–4 ×5"]["params"] == "120 params each"  # three times two layers of 4·4 + 4
    assert frames["in0–2 ×3"]["params"] == "40 params each"
    assert len(marks_of(scene, "box")) == 2 + 1 + 2 + 1
    scene = checked(report, 2)
    (key,) = marks_of(scene, "stacked")
    assert texts(scene, key) == {"kind": "inner ×3", "name": "in0–2", "size": "4", "params": "40 params each"}
    scene = checked(report, 1)
    (key,) = marks_of(scene, "stacked")
    assert texts(scene, key) == {"kind": "outer ×5", "name": "out0–4", "size": "4", "params": "120 params each"}


def test_repeated_layers_are_one_box():
    report = shapecalc.load({"input": [4], "layers": [{"fc": 4, "repeat": 6, "name": "h{i}"}]}).infer()
    scene = checked(report)
    assert texts(scene, "v0") == {"kind": "fc ×6", "name": "h0–5", "size": "4", "params": "20 params each"}
    assert len(marks_of(scene, "box")) == 3


def test_the_main_chain_is_straight():
    """Boxes are below one another, in as many columns as there are lines back to the top."""
    for name in ("vgg16", "resnet18", "unet", "gpt2"):
        scene = draw(shapecalc.load(name).infer(), 1)
        middles = sorted((box.outline.left + box.outline.right) / 2 for box in marks_of(scene, "box").values())
        columns = 1 + sum(other - one > 2 for one, other in pairwise(middles))  # the edges behind a box of copies
        back = [line for line in marks_of(scene, "edge").values() if line.outline.top < line.start[1] - 1]
        assert columns == (2 if name == "unet" else 1 + len(back)), name  # the skips of which go on too


def check_slide(scene, name):
    """Check that texts are legible on a slide, and that names are whole or say something."""
    scale = min(SLIDE[0] / scene.width, SLIDE[1] / scene.height)
    assert scale > MANY_BRANCHES.get(FAMILIES[name], SMALLEST)
    assert lines_that_pass(scene) < 2
    boxes = marks_of(scene, "box")
    for key, line in marks_of(scene, "edge").items():  # no column begins with the activation of what is above
        is_on = line.outline.top < line.start[1] - 1
        assert not is_on or boxes[key.split()[1]].fill != "activations", key
    kinds = {key: mark.text for key, mark in marks_of(scene, "kind").items()}
    cut = {key: mark.text for key, mark in marks_of(scene, "name").items() if "…" in mark.text}
    assert all(len(name) > 7 for name in cut.values())
    numbered = [name for key, name in cut.items() if name[-1].isdigit() and kinds[key].startswith(name.split("…")[0])]
    assert not numbered


def test_skips_that_cannot_be_followed_are_not_drawn():
    """Those of a U-Net in five columns would pass three of them."""
    report = shapecalc.load("unet_padded").infer()
    deeper = [lines_that_pass(draw(report, depth)) for depth in (1, 2)]
    assert deeper[0] == 0
    assert deeper[1] > 2
    assert lines_that_pass(draw(report)) == 0


def test_columns_begin_in_line():
    """Below an input too, and within a block."""
    scene = draw(shapecalc.load("resnet18").infer(), 2)
    tops = {texts(scene, key)["kind"]: mark.y for key, mark in marks_of(scene, "frame").items()}
    names = {texts(scene, key).get("name"): mark.y for key, mark in marks_of(scene, "box").items()}
    assert tops["layer2"] == tops["layer4"] == names["conv1"]
    convs = [{"conv": {"out_channels": 8 + i, "kernel_size": 1}} for i in range(24)]
    stage = {"layers": [{"max_pool": {"kernel_size": 2}}, *convs]}
    scene = draw(shapecalc.load({"input": [8, 16, 16], "blocks": {"stage": stage}, "layers": ["stage"]}).infer(), 2)
    boxes = sorted((box.x, box.y) for key, box in marks_of(scene, "box").items() if key.startswith("v"))
    columns = {x: [y for left, y in boxes if left == x] for x, _ in boxes}
    assert len(columns) > 1
    assert len({ys[0] for ys in columns.values()}) == 1


def lines_that_pass(scene):
    """Return how many lines go up more than once, to columns further on."""
    ends = [[line.start, *[step[-1] for step in line.steps]] for line in marks_of(scene, "edge").values()]
    return sum(rises(points, across=False) > 1 for points in ends)


def check_outputs(scene):
    """Check that outputs stand beside what they are of, also where a graph is wrapped, and beside what is longer."""
    boxes = {key: box.outline for key, box in marks_of(scene, "box").items()}
    frames = [frame.outline for frame in marks_of(scene, "frame").values()]
    for start, end in [key.split() for key in marks_of(scene, "edge")]:
        one, other = boxes[start], boxes[end]
        if end.startswith("o"):
            left = [one, *[frame for frame in frames if frame.contains(one) and not frame.contains(other)]]
            near = [
                frame._replace(
                    left=frame.left - 60, top=frame.top - 60, right=frame.right + 60, bottom=frame.bottom + 60
                )
                for frame in left
            ]
            assert any(frame.meets(other) for frame in near), (start, end)


def test_a_collapsed_block_shows_the_sizes_of_all_that_leaves_it():
    """The necks of YOLOv3: what is detected on, and what is passed on to the next."""
    scene = draw(shapecalc.load("yolov3").infer(), 1)
    sizes = [mark.text for mark in marks_of(scene, "size").values() if ", " in mark.text]
    assert sizes == ["1024×13×13, 512×13×13", "512×26×26, 256×26×26"]
    fork = {"layers": [{"conv": {"out_channels": 4, "kernel_size": 1}, "name": "c"}, {"max_pool": 2, "name": "p"}]}
    layers = [{"fork": {}, "name": "f{i}", "repeat": 2}, {"relu": {}, "name": "r", "from": "f1.c"}]
    report = shapecalc.load(
        {"input": [4, 8, 8], "blocks": {"fork": fork}, "layers": layers, "outputs": ["f1", "r"]}
    ).infer()
    scene = checked(report, 1)
    assert [texts(scene, key)["size"] for key in ("b0", "b1")] == ["4×4×4", "4×4×4, 4×2×2"]
    assert texts(scene, "b1")["params"] == "20 params"


@pytest.mark.parametrize(("name", "depth", "words"), [
    ("deeplabv3_resnet50", 3, ["size of backbone", "size of input"]),
    ("segformer-b0", 1, ["size of stage1"] * 3),
    ("segformer-b0", 2, [f"size of stage{i}" for i in (1, 1, 2, 1, 3, 1, 4, 1)]),
])  # fmt: skip
def test_a_tensor_of_which_only_the_size_is_used_is_no_line(name, depth, words):
    """It would look like a skip connection; the box says what it is."""
    report = shapecalc.load(name).infer()
    scene = checked(report, depth)
    assert [mark.text for mark in marks_of(scene, "sized").values()] == words
    only = {f"{edge.start} {edge.end}" for edge in chart_of(report, depth).edges if not edge.is_read}
    assert len(only) == len(words)
    assert only.isdisjoint(marks_of(scene, "edge"))


@pytest.mark.parametrize("depth", [1, 2])
def test_weights_that_are_stored_only_stand_apart(depth):
    """The vision tower of Gemma 3 is not in the path of a text."""
    report = shapecalc.load("gemma-3-4b").infer()
    scene = checked(report, depth)
    stored = [key for key, mark in marks_of(scene, "size").items() if mark.text == "not used"]
    assert len(stored) == (2 if depth == 1 else 6)
    assert not [key for key in stored for line in marks_of(scene, "edge") if key in line.split()]
    boxes = marks_of(scene, "box")
    assert min(boxes[key].y for key in stored) > boxes["o0"].y + boxes["o0"].height


def test_the_default_depth_is_about_a_page():
    for name in ("resnet152", "gpt2", "yolov3", "inception_v3", "lenet5"):
        report = shapecalc.load(name).infer()
        repeats = find_repeats(report, "auto")
        assert repeats.boxes <= 40
        deeper = find_repeats(report, (repeats.depth or 98) + 1)
        assert repeats.depth is None or deeper.boxes > 40


def test_what_is_unknown_is_marked():
    layers = [{"opaque": {"op_type": "Strange", "output_sizes": {"y": [4]}}}]
    scene = checked(shapecalc.load({"input": [8], "layers": layers}).infer())
    assert texts(scene, "v0")["params"] == "? params"
    assert marks_of(scene, "box")["v0"].dashed


@pytest.mark.parametrize("role", [*COLOURS][[*COLOURS].index("group") :])
def test_text_on_boxes_is_legible(role):
    assert min(contrast(text, role) for text in ("ink", "soft")) >= LEAST_CONTRAST


def test_the_legend_has_the_colours_that_occur():
    scene = draw(shapecalc.load("lenet5").infer())
    used = {box.fill for box in marks_of(scene, "box").values()} - {"input"}
    legend = [mark.fill for mark in scene.marks if mark.key.startswith("legend ") and not isinstance(mark, Label)]
    assert sorted(legend) == sorted(used)
    assert legend == [role for role in COLOURS if role in used]


HOSTILE = ["<script>alert(1)</script>", "]]>", "\u202egnp.exe", "x" * 10_000, "🦄" * 40, "漢字" * 50, "&amp;", "'\""]


def test_marks_on_letters_do_not_tower():
    """Of marks on a letter three stay, as Vietnamese and Hebrew have them; Zalgo would cover the boxes above."""
    assert unstacked("Z" + "\u0301" * 40 + "a\u0302\u0301") == "Z" + "\u0301" * 3 + "a\u0302\u0301"
    drawn = Scene.around([Label(0, 0, "Z" + "\u0489" * 40)]).marks[0]
    assert drawn.text == "Z" + "\u0489" * 3


def test_hostile_names():
    """A specification refuses most of them; an imported file may have any."""
    layers = [{"fc": {"out_features": 10**9 + i}} for i in range(len(HOSTILE))]
    plain = shapecalc.load({"name": "<b>" * 33, "input": [4], "layers": layers}).infer()
    rows = tuple(row._replace(name=name) for row, name in zip(plain.rows, HOSTILE, strict=True))
    report = Report(plain.graph, rows, plain.total, plain.layout)
    checked(report)
    svg = report.draw().svg
    assert "<script" not in svg
    assert "\u202e" not in svg
    assert len(svg) < 60_000
    pytest.importorskip("matplotlib")
    assert report.draw().write("png").startswith(b"\x89PNG")


def test_scalars_and_several_inputs_and_outputs():
    spec = {
        "inputs": {"a": [3], "b": [3], "unused": [2]},
        "layers": [{"add": ["a", "b"], "name": "s"}, {"fc": 2, "name": "f"}, {"reduce_mean": {"dim": 1}, "name": "m"}],
        "outputs": ["s", "f", "m"],
    }
    scene = checked(shapecalc.load(spec).infer())
    assert texts(scene, "v2")["size"] == "scalar"
    assert len(marks_of(scene, "box")) == 3 + 3 + 3


@pytest.mark.parametrize("size", [[3, 32, 32], [10] * 28])
def test_short_names_of_inputs_and_outputs_are_shown(size):
    layers = [{"concat": ["x", "m"], "name": "y"}, {"relu": {}, "name": "q", "from": "m"}]
    scene = checked(shapecalc.load({"inputs": {"x": size, "m": size}, "layers": layers, "outputs": ["y", "q"]}).infer())
    names = {key: mark.text for key, mark in marks_of(scene, "name").items()}
    kinds = {key: mark.text for key, mark in marks_of(scene, "kind").items()}
    assert [names.get(key, "") for key in kinds if kinds[key] in ("input", "output")] == ["x", "m", "y", "q"]


def test_a_network_that_is_too_large():
    layers = [{"fc": 4 + i % 2} for i in range(10_000)]
    with pytest.raises(shapecalc.UsageError) as error:
        shapecalc.load({"input": [4], "layers": layers}).infer().draw()
    assert str(error.value) == ("a graph of 10,000 boxes is too large to draw\n   shapecalc summary lists all layers")
    fan = {"input": [4], "layers": [{"concat": [[{"fc": 4 + i}] for i in range(500)]}]}
    with pytest.raises(shapecalc.UsageError, match="a graph of 501 boxes is too large to draw"):
        shapecalc.load(fan).infer().draw()
    wide = {"input": [4], "blocks": {"all": {"layers": layers}}, "layers": [{"all": {}}]}
    report = shapecalc.load(wide).infer()
    checked(report)
    with pytest.raises(shapecalc.UsageError, match="expand fewer blocks: --depth 1"):
        report.draw(depth="all")


def test_wrong_options():
    report = shapecalc.load("lenet5").infer()
    for options, words in (
        ({"direction": "dwn"}, "there is no direction dwn\n   did you mean down?"),
        ({"depth": 0}, "depth is 0"),
        ({"depth": "some"}, "depth is some"),
        ({"style": "grph"}, "there is no style for a report grph\n   did you mean graph?"),
        ({"theme": "drak"}, "there is no theme drak\n   did you mean dark?"),
        ({"dept": 1}, "the style graph has no option dept\n   did you mean depth?"),
    ):
        with pytest.raises(shapecalc.UsageError) as error:
            report.draw(**options)
        assert words in str(error.value)


def test_a_partial_report():
    spec = {"input": [3, 8, 8], "layers": [{"conv": {"out_channels": 4, "kernel_size": 3}}, {"max_pool": 9}, "relu"]}
    with pytest.raises(shapecalc.ShapeError) as error:
        shapecalc.load(spec).infer()
    scene = error.value.report.draw().scene
    assert "v0" in marks_of(scene, "box")
    assert any("could not be inferred" in mark.text for mark in scene.marks if isinstance(mark, Label))
