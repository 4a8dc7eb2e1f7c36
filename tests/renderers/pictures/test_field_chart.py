"""Receptive fields on the input: the squares are the numbers of `rf`."""

from __future__ import annotations

from itertools import combinations, permutations

import pytest
from scene_laws import check_chart, keyed
from searching import FAMILY_ENDS, some

import shapecalc
from shapecalc.errors import UsageError
from shapecalc.questions.receptive_field import receptive_fields
from shapecalc.questions.receptive_field.tracing import input_lengths
from shapecalc.renderers.pictures.scene import Curve, Label


def report_of(name):
    return shapecalc.load(name).infer()


def position_in(words):
    return (
        tuple(int(size) for size in words.rpartition("at ")[2].split(", and")[0].split("×")) if "at " in words else ()
    )


def check_squares(report, scene):
    """Check every field that is drawn; return how many."""
    found = receptive_fields(report)
    names, words = keyed(scene, "name ", Label), keyed(scene, "words ", Label)
    for name in names:
        position = position_in(words[name].text)
        seen = found.region(name, position)
        sizes = input_lengths(report)[seen[0].input]
        seen = [region for region in seen if region.input == seen[0].input]
        fields = [field for field in found[name] if field.input == seen[0].input]
        assert words[name].text.startswith("×".join(str(field.size) for field in fields))
        squares = keyed(scene, "field ")
        if name in squares:
            whole, square = keyed(scene, "input")[""], squares[name]
            height, width = sizes.values()
            scale = whole.width / width
            assert whole.height / scale == pytest.approx(height)
            drawn = [
                ((square.y - whole.y) / scale, square.height / scale),
                ((square.x - whole.x) / scale, square.width / scale),
            ]
        else:
            drawn = []
            for axis, size in sizes.items():
                whole, bar = keyed(scene, f"input {axis}")[""], squares[f"{axis} {name}"]
                scale = whole.width / size
                drawn.append(((bar.x - whole.x) / scale, bar.width / scale))
        for region, (first, size) in zip(seen, drawn, strict=True):
            assert first == pytest.approx(region.first, abs=1e-6)
            assert size == pytest.approx(max(region.size, 1 / scale), abs=1e-6)
    return len(names)


@pytest.mark.parametrize("name", some(FAMILY_ENDS, 8))
def test_the_squares_are_the_numbers_of_rf(name):
    report = report_of(name)
    if not input_lengths(report):
        with pytest.raises(UsageError, match="has no receptive fields"):
            report.draw("receptive-field")
        return
    scene = report.draw("receptive-field").scene
    check_chart(scene)
    assert check_squares(report, scene) >= 1
    check_leaders(scene)


def check_leaders(scene):
    """The lines from names to fields do not cross."""
    leaders = [(line.start, line.steps[0][0]) for line in keyed(scene, "leader ", Curve).values()]
    for (one, end), (other, last) in combinations(leaders, 2):
        if one != other:
            sides = [turn(one, end, other) * turn(one, end, last), turn(other, last, one) * turn(other, last, end)]
            assert max(sides) >= 0, (one, end, other, last)


def turn(start, end, point):
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


@pytest.mark.parametrize("position", ["0x0", "5x5", (2, 4)])
def test_a_position_of_one_layer(position):
    report = report_of("alexnet")
    scene = report.draw("receptive-field", layer="max_pool3", at=position).scene
    check_chart(scene)
    assert [*keyed(scene, "name ", Label)] == ["max_pool3"]
    shown = keyed(scene, "words ", Label)["max_pool3"].text
    place = tuple(map(int, position.split("x"))) if isinstance(position, str) else position
    assert shown == f"195×195, effective stride 32, at {place[0]}×{place[1]}"
    assert check_squares(report, scene) == 1


def test_strides_are_of_all_axes():
    """The last stage of R3D-18 has strides of 8 in time and 16 in space, its first of 1 and 2 (Tran et al. 2018, table 1)."""
    words = keyed(report_of("r3d_18").draw("receptive-field").scene, "words ", Label)
    assert "effective stride 8×16×16, " in words["layer4.1.relu2"].text
    assert "effective stride 1×2×2, " in words["layer1.0.conv2.conv1"].text


def test_layers_before_the_last_see_the_same_input():
    """Of two towers with the same sizes, layers of that are drawn whose input is drawn."""
    names = [*keyed(report_of("siamese").draw("receptive-field").scene, "name ", Label)]
    assert len(names) == 5
    assert {name.partition(".")[0] for name in names} == {"right_tower"}


def test_a_field_at_the_corner_of_vgg16_is_clipped_and_dashed():
    """The 212 and 32 of pool5 are those of Araujo et al. 2019, table 1; its padding 90."""
    scene = report_of("vgg16").draw("receptive-field", layer="pool5", at="0x0").scene
    whole = keyed(scene, "input")[""]
    scale = whole.width / 224
    square = keyed(scene, "field ")["pool5"]
    assert square.width / scale == pytest.approx(212 - 90)
    sides = [mark for mark in scene.marks if isinstance(mark, Curve) and mark.key == "window pool5"]
    assert len(sides) == 4
    assert all(side.dashed for side in sides)
    left, right = min(side.outline.left for side in sides), max(side.outline.right for side in sides)
    assert (right - left) / scale == pytest.approx(212)
    assert (whole.x - left) / scale == pytest.approx(90)
    assert any("padding" in label.text for label in scene.marks if isinstance(label, Label))


def test_lines_to_names_are_from_the_corners_of_fields():
    """Those of ResNet-18 that reach beyond the input have corners of their own, which no other has."""
    scene = report_of("resnet18").draw("receptive-field").scene
    leaders = keyed(scene, "leader ", Curve)
    for name, leader in leaders.items():
        sides = [mark.outline for mark in scene.marks if mark.key == f"window {name}"]
        sides = sides or [keyed(scene, "field ")[name].outline]
        assert leader.start == pytest.approx((max(side.right for side in sides), min(side.top for side in sides)))
    assert len({leader.start for leader in leaders.values()}) == len(leaders) == 5
    top = min(mark.outline.top for mark in scene.marks if mark.key.startswith("window "))
    assert min(label.y for label in keyed(scene, "name ", Label).values()) == pytest.approx(top + 10)


def test_several_layers_are_one_in_another_about_the_same_middle():
    scene = report_of("vgg16").draw("receptive-field", layer="conv1_2, conv3_1,conv4_3").scene
    squares = keyed(scene, "field ")
    assert [*squares] == ["conv4_3", "conv3_1", "conv1_2"]
    outlines = [square.outline for square in squares.values()]
    assert outlines[0].contains(outlines[1])
    assert outlines[1].contains(outlines[2])
    same = report_of("vgg16").draw("receptive-field", layer=["conv1_2", "conv3_1", "conv4_3"]).scene
    assert same == scene


def test_a_field_beyond_what_is_drawn_has_no_side_there():
    report = report_of("resnet152")
    scene = report.draw("receptive-field", layer="layer4.2.relu3").scene
    check_chart(scene)
    assert not [mark for mark in scene.marks if mark.key == "window layer4.2.relu3"]
    assert "Some fields reach farther than is drawn." in [mark.text for mark in scene.marks if mark.key == "note"]


@pytest.mark.parametrize("name", ["convnext_base", "vgg16", "autoencoder", "alexnet"])
def test_dashes_are_explained_where_there_are_some_and_never_run_along_one_another(name):
    scene = shapecalc.load(name).infer().draw("receptive-field").scene
    dashed = [mark.outline for mark in scene.marks if isinstance(mark, Curve) and mark.dashed]
    notes = [label.text for label in keyed(scene, "note", Label).values()]
    assert any(note.startswith("Dashed") for note in notes) == bool(dashed)
    assert not [pair for pair in permutations(dashed, 2) if pair[0].contains(pair[1])]


def test_answers_of_both_kinds_draw_the_same():
    net = shapecalc.load("lenet5")
    assert net.receptive_field().draw().scene == net.infer().draw("receptive-field").scene
    assert [mark for mark in net.infer().draw("receptive-field").scene.marks if mark.key.startswith("input")]


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("alexnet", {"layer": "conv9"}, "has no layer conv9"),
        ("alexnet", {"layer": "conv2", "at": "99x0"}, "has 27×27 positions, but none at 99×0"),
        ("alexnet", {"layer": "conv2", "at": "a"}, "is not a position"),
        ("gpt2", {}, "has no receptive fields"),
        ("alexnet", {"layer": ""}, "has no layer"),
    ],
)
def test_wrong_use(name, options, words):
    with pytest.raises(UsageError, match=words):
        report_of(name).draw("receptive-field", **options)


@pytest.mark.parametrize(
    "layers", ["[flatten, {fc: 3}]", "[global_average_pool]", "[{conv: {out_channels: 2, kernel_size: 9}}]"]
)
def test_networks_without_feature_maps(layers, tmp_path):
    path = tmp_path / "flat.yaml"
    path.write_text(f"name: flat\ninput: 3x9x9\nlayers: {layers}\n")
    report = shapecalc.load(path).infer()
    scene = report.draw("receptive-field").scene
    check_chart(scene)
    assert check_squares(report, scene) == 1


def test_windows_before_clipping_are_those_of_the_formula():
    """The field of position p begins at p·jump − padding (Araujo et al. 2019, section 2)."""
    found = receptive_fields(report_of("resnet50"))
    for row in found.report.rows:
        fields = found[row.name]
        if not fields or not all(field.jump and field.aligned for field in fields):
            continue
        place = found.middle(row.name)
        for field, window, at in zip(fields, found.window(row.name, place), place, strict=True):
            assert window.first == at * field.jump - field.padding
            assert window.size == field.size
