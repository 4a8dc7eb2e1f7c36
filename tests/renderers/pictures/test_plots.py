"""Plots of points: axes with round ticks, fronts of sweeps, rooflines."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import combinations, pairwise
from math import dist

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scene_laws import check_chart, keyed, labels
from searching import FAMILY_ENDS, examples, some

import shapecalc
from shapecalc.renderers.pictures import Picture
from shapecalc.renderers.pictures.charts.axes import axis_of, byte_axis, log_axis, show_tick
from shapecalc.renderers.pictures.charts.front import draw_front
from shapecalc.renderers.pictures.charts.points import MOST, thinned
from shapecalc.renderers.pictures.charts.roofline import points_of
from shapecalc.renderers.pictures.scene import Curve, Dots, Label, Outline, Polygon

AMOUNTS = st.integers(0, 10**18)


@examples(2)
@given(st.lists(st.floats(-1e15, 1e15), min_size=1, max_size=5))
def test_an_axis_contains_its_values_and_its_ticks(values):
    axis = axis_of(values, "", 0, 500)
    assert len({*axis.ticks}) == len(axis.ticks) <= 8
    for value in (*values, *axis.ticks):
        assert -1e-6 <= axis.at(value) <= 500 + 1e-6
    assert all(one < other for one, other in pairwise(axis.ticks))


@examples(2)
@given(st.floats(1e-12, 1e15), st.floats(1.5, 1e20))
def test_a_logarithmic_axis_has_round_ticks(low, ratio):
    axis = log_axis(low, low * ratio, "", 0, 500)
    assert len(axis.ticks) <= 8
    assert all(low <= tick * (1 + 1e-9) and tick <= low * ratio * (1 + 1e-9) for tick in axis.ticks)
    assert axis.at(low) == pytest.approx(0, abs=1e-6)
    assert axis.at(low * ratio) == pytest.approx(500)
    assert axis.at(low * ratio**0.5) == pytest.approx(250)


@examples(2)
@given(AMOUNTS)
def test_an_axis_of_bytes_is_in_a_binary_unit(most):
    axis = byte_axis(most, "live", 0, -200)
    unit = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}[axis.name.removeprefix("live, ")]
    assert axis.high >= most
    assert unit <= max(most, 1)
    assert axis.ticks[0] == 0
    assert [float(words.replace(",", "")) for words in axis.words] == pytest.approx(
        [tick / unit for tick in axis.ticks]
    )
    assert 2 <= len(axis.ticks) <= 7
    assert most < 4 or axis.high <= 2 * most


@pytest.mark.parametrize(
    ("most", "words"),
    [
        (1_779_948, "0 0.5 1 1.5 2"),
        (0, "0 1"),
        (1, "0 1"),
        (1000, "0 200 400 600 800 1,000"),
        (900 * 2**40, "0 200 400 600 800 1,000"),
    ],
)
def test_ticks_of_bytes(most, words):
    assert " ".join(byte_axis(most, "", 0, 1).words) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (2.5e6, "2.5 M"), (1000, "1 k"), (999, "999"), (0.2, "0.2"), (-5e9, "-5 G"), (3e21, "3,000 E")],
)
def test_words_of_ticks(value, words):
    assert show_tick(value) == words


@examples(1)
@given(st.lists(st.tuples(st.floats(0, 600), st.floats(0, 300)), max_size=200))
def test_thinned_points_are_among_the_points_and_near_each(points):
    kept = thinned(points)
    assert {*kept} <= {*points}
    assert all(any(abs(x - a) <= 1 and abs(y - b) <= 1 for a, b in kept) for x, y in points)


POINTS = [(10.0**i * 3, 9e9 / (i + 1)) for i in range(8)]


def test_a_front_has_its_points_where_the_axes_have_them():
    scene = draw_front("net: 8 variants", ["params", "macs"], POINTS, POINTS, [f"width {i}" for i in range(8)])
    check_chart(scene)
    front = keyed(scene, "front", Dots)[""]
    assert len(front.points) == 8
    ticks = {key: line.start[0] for key, line in keyed(scene, "x ", Curve).items()}
    assert ticks["100 k"] - ticks["1 k"] == pytest.approx(2 * (ticks["10 M"] - ticks["1 M"])), "logarithmic"
    assert front.points[0][0] == pytest.approx(ticks["100"] + (ticks["1 k"] - ticks["100"]) * -1.5228787, abs=0.01)
    texts = [label.text for label in labels(scene)]
    for words in ("net", "8 variants", "parameters", "MACs", "variants", "Pareto front (8)", "width 0", "width 7"):
        assert words in texts, words


def test_few_variants_are_as_dark_as_the_front_and_all_of_it_has_names():
    line = [(float(i), 20.0 - i) for i in range(1, 11)]
    scene = draw_front("net: few", ["a", "b"], [*line, (5.0, 19.0), (9.0, 19.0)], line, [f"n{i}" for i in range(10)])
    dots = keyed(scene, "", Dots)
    assert (dots["variants"].fill, dots["variants"].radius) == ("data", dots["front"].radius)
    assert {f"n{i}" for i in range(10)} <= {label.text for label in labels(scene)}
    check_chart(scene)
    cloud = [(float(i), float(i * 7 % 1000)) for i in range(1000)]
    assert keyed(draw_front("net: many", ["a", "b"], cloud, line, [""] * 10), "", Dots)["variants"].fill == "pale"


def test_a_variant_that_is_on_the_front_more_than_once_has_one_name():
    points = [(5.0, 5.0)] * 3
    scene = draw_front("net: about", ["params", "macs"], points, points, ["classes 5"] * 3)
    assert [label.text for label in labels(scene)].count("classes 5") == 1


def test_many_points_stay_few_marks():
    numpy = pytest.importorskip("numpy")
    random = numpy.random.default_rng(0)
    cloud = random.random((100_000, 2)) * 1e9
    line = numpy.sort(random.random((20_000, 2)), axis=0) * 1e9
    scene = draw_front("net: many", ["a", "b"], cloud, line, ["x"] * len(line))
    assert sum(len(mark.points) for mark in scene.marks if isinstance(mark, Dots)) <= 2 * MOST + 2
    assert len(Picture(scene).svg) < 300_000
    assert "Of 100,000 points, those that cover one another are drawn once." in [label.text for label in labels(scene)]
    check_chart(scene)


@pytest.mark.parametrize("points", [[], [(0.0, 0.0)], [(5.0, 5.0)] * 3, [(-1.0, 2.0), (1e30, 2.0)]])
def test_few_points(points):
    scene = draw_front("net: few", ["a", "b"], points, points, ["x"] * len(points))
    check_chart(scene)
    ET.fromstring(Picture(scene).svg)


@pytest.mark.parametrize(
    "name", some(["resnet50", "gpt2", "alexnet", "mobilenet_v2", "vgg16", "llama-3.2-1b", "unet"], 3)
)
@pytest.mark.parametrize("device", ["h100", "l4"])
def test_every_layer_is_on_the_roof(name, device):
    speed = shapecalc.load(name).speed(device)
    scene = speed.draw().scene
    check_chart(scene)
    roof = keyed(scene, "roof", Curve)[""]
    (left, low), ((ridge, peak),), ((right, high),) = roof.start, *roof.steps
    assert peak == high, "flat beyond the ridge"
    drawn = keyed(scene, "layer ", Dots)
    points = points_of(speed)
    assert len(drawn) == len(points)
    assert sum(len(point.names) for point in points) == sum(bool(layer.bound.intensity) for layer in speed.layers)
    longest = max(points, key=lambda point: point.seconds)
    for point in points:
        dots = drawn[point.names[0]]
        ((x, y),) = dots.points
        share = point.seconds / longest.seconds
        assert dots.radius == pytest.approx(max(13 * share**0.5, 2.5))
        assert dots.fill == ("data" if x < ridge - 1e-9 else "accent")
        on_roof = low + (x - left) / (ridge - left) * (peak - low) if x < ridge else peak
        assert y == pytest.approx(on_roof, abs=0.01)
    assert ridge == pytest.approx(keyed(scene, "ridge", Curve)[""].start[0])
    assert left < ridge < right


@pytest.mark.parametrize("name", some(["yolov3", "bart-large", "mamba-370m", "t5-large", "r3d_18", *FAMILY_ENDS], 6))
@pytest.mark.parametrize("device", ["h100", "jetson-agx-orin"])
def test_the_layers_with_the_longest_time_have_a_name_in_a_roofline(name, device):
    """The mixers of Mamba, nine tenths of the time, had none, nor the half of T5's and of R3D-18's."""
    speed = shapecalc.load(name).speed(device)
    longest = max(points_of(speed), key=lambda point: point.seconds)
    scene = speed.draw().scene
    check_chart(scene, "none")
    assert longest.names[0] in keyed(scene, "words ", Label)
    diamonds = [mark.title for mark in scene.marks if isinstance(mark, Polygon)]
    assert {*diamonds} <= {label.text for label in labels(scene)}


def test_names_in_a_roofline_cover_no_point():
    scene = shapecalc.load("resnet50").speed("h100").draw().scene
    dots = [mark.outline for mark in scene.marks if isinstance(mark, Dots) and mark.key.startswith("layer ")]
    words = keyed(scene, "words ", Label)
    assert len(words) == 5
    assert not any(label.outline.meets(dot) for label in words.values() for dot in dots)
    assert keyed(scene, "whole ", Label)["whole network"].bold
    shown = [label.text for label in labels(scene)]
    for text in (
        "ridge 295 FLOP/B",
        "memory 3.35 TB/s",
        "fp16 peak 989 TFLOP/s",
        "51 layers memory-bound",
        "3 layers compute-bound",
    ):
        assert text in shown


@pytest.mark.parametrize("name", some(["densenet201", "inception_v3", "mobilenet_v2", "resnet50", "alexnet"], 3))
def test_a_name_in_a_roofline_is_at_its_point_or_has_a_line_to_it(name):
    scene = shapecalc.load(name).speed("h100").draw().scene
    drawn = keyed(scene, "layer ", Dots)
    points = {key: dots.points[0] for key, dots in drawn.items()}
    lines = keyed(scene, "words ", Curve)
    for key, label in keyed(scene, "words ", Label).items():
        if f"{key} leader" in lines:
            assert lines[f"{key} leader"].start == points[key], key
        else:
            near = min(points, key=lambda other: dist((label.x, label.y), points[other]))
            assert dist(points[near], points[key]) < drawn[near].radius, "its own is nearest, or at the same position"


@pytest.mark.parametrize("name", some(["resnet50", "alexnet", "gpt2", "bert-base-uncased", "vgg16", "unet"], 6))
@pytest.mark.parametrize("device", ["h100", "l4"])
def test_names_in_a_roofline_are_on_no_ridge(name, device):
    scene = shapecalc.load(name).speed(device).draw().scene
    ridge = keyed(scene, "ridge", Curve)[""].outline
    assert keyed(scene, "whole ", Label)
    for label in labels(scene):
        assert not label.outline.meets(ridge._replace(left=ridge.left - 0.4, right=ridge.right + 0.4)), label.text


@pytest.mark.parametrize("name", some(["unet", "inception_v3", "resnet50", "gpt2", "vgg16", "yolov3"], 6))
@pytest.mark.parametrize("device", ["h100", "l4"])
def test_names_in_a_roofline_are_apart_and_lines_to_points_cross_none(name, device):
    """Names of U-Net's layers were read as one: down2.conv2up4.double_conv1.conv1."""
    scene = shapecalc.load(name).speed(device).draw().scene
    texts = [mark.outline for mark in scene.marks if isinstance(mark, Label)]
    for one, other in combinations(texts, 2):
        assert not one._replace(left=one.left - 8, right=one.right + 8).meets(other)
    leaders = [mark for key, mark in keyed(scene, "", Curve).items() if key.endswith("leader")]
    assert leaders
    for line in leaders:
        (x, y), (to_x, to_y) = line.start, line.end
        points = [(x + (to_x - x) * step / 500, y + (to_y - y) * step / 500) for step in range(501)]
        assert not [text for text in texts for x, y in points if text.contains(Outline(x, y, x, y))]


@pytest.mark.parametrize("device", ["h100", "jetson-agx-orin"])
def test_lines_to_names_in_a_roofline_do_not_cross_beside_points(device):
    """The names of `lm_head` and `layers.0.mlp.w1` looked exchanged: their lines crossed between points and names."""
    scene = shapecalc.load("llama-3.1-8b").speed(device).draw().scene
    lines = [(line.start, line.end) for key, line in keyed(scene, "", Curve).items() if key.endswith("leader")]
    assert {"lm_head", "layers.0.mlp.w1"} <= {*keyed(scene, "words ", Label)}
    for (one, end), (other, last) in combinations(lines, 2):
        sides = side(one, end, other) * side(one, end, last), side(other, last, one) * side(other, last, end)
        assert max(sides) >= 0, (one, end, other, last)


def side(start, end, point):
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


def test_svg_needs_no_matplotlib(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    speed = shapecalc.load("lenet5").speed("h100")
    speed.draw().save(str(tmp_path / "roof.svg"))
    assert (tmp_path / "roof.svg").read_text(encoding="utf-8").startswith("<svg")
    with pytest.raises(shapecalc.ShapecalcError, match="needs matplotlib"):
        speed.draw().save(str(tmp_path / "roof.png"))
