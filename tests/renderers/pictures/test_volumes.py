"""Feature maps to scale: laws over every bundled network, and the pictures of some, from what papers draw."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from scene_laws import around
from searching import FAMILY_ENDS, some

import shapecalc
from shapecalc.errors import UsageError
from shapecalc.renderers.pictures.scene import Curve, Label, Outline, Polygon, Rectangle, Scene
from shapecalc.renderers.pictures.volumes.maps import feature_maps

if TYPE_CHECKING:
    from shapecalc.renderers.pictures.volumes.feature_map import FeatureMap

CASES = [
    *itertools.product(FAMILY_ENDS, ("auto", 2, "all"), ("sqrt",)),
    *itertools.product(FAMILY_ENDS[::4], (1,), ("linear", "log")),
]


class Drawn(NamedTuple):
    """A picture: its feature maps, the silhouettes of their boxes, its labels, its lines, and its windows.

    A silhouette begins at the top left of the front and goes around clockwise.
    """

    maps: list[FeatureMap]
    silhouettes: dict[int, list[tuple[float, float]]]
    labels: list[Label]
    lines: list[Curve]
    windows: dict[tuple[int, int], Polygon]
    scene: Scene

    def label(self, what: str, index: int) -> str:
        return "".join(one.text for one in self.labels if one.key == f"{what} {index}")

    def captions(self, index: int) -> list[str]:
        return [one.text for one in self.labels if one.key == f"caption {index}"]

    def length(self, index: int, axis: str) -> float:
        """The length of a box along an axis: across (its front), down, or back."""
        high, behind, _, _, right, low = self.silhouettes[index]
        return {"across": right[0] - low[0], "down": low[1] - high[1], "back": behind[0] - high[0]}[axis]


def drawn(report: Any, **options: Any) -> Drawn:
    scene = report.draw("volumes", **options).scene
    faces = {mark.key: mark.points for mark in scene.marks if isinstance(mark, Polygon)}
    silhouettes = {}
    for index in range(sum(key.startswith("front") for key in faces)):
        lid, side, front = (faces[f"{face} {index}"] for face in ("top", "side", "front"))
        silhouettes[index] = [front[0], lid[1], lid[2], side[2], side[3], front[3]]
    windows = {
        tuple(map(int, key.split()[1:])): mark
        for mark in scene.marks
        if isinstance(mark, Polygon) and (key := mark.key).startswith("window")
    }
    maps = feature_maps(report, options.get("depth", "auto"))
    labels = [mark for mark in scene.marks if isinstance(mark, Label)]
    lines = [mark for mark in scene.marks if isinstance(mark, Curve)]
    return Drawn(maps, silhouettes, labels, lines, windows, scene)


def inner(box: Outline, by: float = 0.5) -> Outline:
    return Outline(box.left + by, box.top + by, box.right - by, box.bottom - by)


def segments(line: Curve) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """The straight lines between the points of a curve; its corners are round within them."""
    points = [line.start, *[step[0] for step in line.steps for step in (step, step[-1:])]]
    return list(itertools.pairwise(points))


def crosses(segment: Any, box: Outline) -> bool:
    """Whether a line passes through the inside of a rectangle, by clipping it (Liang & Barsky 1984)."""
    (x, y), (to_x, to_y) = segment
    enters, leaves = 0.0, 1.0
    for start, end, low, high in ((x, to_x, box.left, box.right), (y, to_y, box.top, box.bottom)):
        if start == end:
            if not low < start < high:
                return False
            continue
        first, second = sorted(((low - start) / (end - start), (high - start) / (end - start)))
        enters, leaves = max(enters, first), min(leaves, second)
    return enters < leaves


def is_on(point: tuple[float, float], picture: Drawn, index: int) -> bool:
    """Whether a point is on the edge of the silhouette of a box."""
    corners = picture.silhouettes[index]
    for (x, y), (to_x, to_y) in zip(corners, [*corners[1:], corners[0]], strict=True):
        length = ((to_x - x) ** 2 + (to_y - y) ** 2) ** 0.5
        away = abs((to_x - x) * (point[1] - y) - (to_y - y) * (point[0] - x)) / length
        along = ((point[0] - x) * (to_x - x) + (point[1] - y) * (to_y - y)) / length
        if away < 0.01 and -0.01 <= along <= length + 0.01:
            return True
    return False


def sizes_in_report(report: Any, one: FeatureMap) -> list[tuple[int, ...]]:
    """The sizes of the tensor that a map is of, as the report has them."""
    if one.line is None:
        return [tuple(report.inputs[one.name])]
    return [shape for row in one.line.rows for shape in row.output_shapes]


def without_ones(sizes: Any) -> list[int]:
    return sorted(size for size in sizes if size != 1)


def picture_of(name: str, depth: Any = "auto", scale: str = "sqrt") -> tuple[Any, Drawn]:
    """Return a report and its picture; skip the test for more feature maps than fit on one."""
    report = shapecalc.load(name).infer()
    if len(feature_maps(report, depth)) > 150:
        with pytest.raises(UsageError, match="feature maps at this depth: more than 150"):
            report.draw("volumes", depth=depth)
        pytest.skip("it is too large for one picture")
    return report, drawn(report, depth=depth, scale=scale)


def check_apart(picture: Drawn) -> None:
    """Labels are apart from one another and from boxes, boxes from one another, lines from both."""
    boxes = {index: around(*points) for index, points in picture.silhouettes.items()}
    outlines = [label.outline for label in picture.labels]
    whole = Outline(0, 0, picture.scene.width, picture.scene.height)
    assert all(whole.contains(one) for one in [*outlines, *boxes.values()])
    for (i, a), (j, b) in itertools.combinations(enumerate(outlines), 2):
        assert not inner(a, 0.1).meets(b), (picture.labels[i].text, picture.labels[j].text)
    for a, b in itertools.combinations(boxes.values(), 2):
        assert not a.meets(b, 4)
    for label, outline in zip(picture.labels, outlines, strict=True):
        assert not any(outline.meets(box) for box in boxes.values()), label.text
    for line in picture.lines:
        own = {int(end) for end in line.ends}
        for segment in segments(line):
            reach = around(*segment)
            for index, box in boxes.items():
                if index not in own and reach.meets(box, 1):
                    assert not crosses(segment, inner(box)), (line.key, index)
            for label, outline in zip(picture.labels, outlines, strict=True):
                if reach.meets(outline, 1):
                    assert not crosses(segment, inner(outline)), (line.key, label.text)


def level_and_upright(line: Curve) -> list[tuple[int, Outline]]:
    """The straight parts of a line, each with the axis that it stays at: 0 for one up or down, 1 for one across."""
    parts = [(axis, pair) for pair in segments(line) for axis in (0, 1) if abs(pair[0][axis] - pair[1][axis]) < 0.01]
    return [(axis, around(*pair)) for axis, pair in parts]


def check_tracks(picture: Drawn) -> None:
    """Arrows of different sources do not run along one another: they would look like one.

    But to a map that gathers many they join, as the outputs of heads do.
    """
    parts = [(line, *part) for line in picture.lines if line.arrow for part in level_and_upright(line)]
    for (line, axis, one), (other, across, two) in itertools.combinations(parts, 2):
        joins = line.end == other.end
        if axis == across and line.ends[0] != other.ends[0] and not joins:
            along = min(one[3 - axis], two[3 - axis]) - max(one[1 - axis], two[1 - axis])
            assert abs(one[axis] - two[axis]) > 0.5 or along < 1, (line.key, other.key)


@pytest.mark.parametrize("name", ["inception_v3", "lenet5_1998", "ssd300_vgg16"])
def test_lines_of_different_layers_have_tracks_of_their_own(name):
    """In figure 7 of Szegedy et al. 2015 no 3×1 convolution feeds another; one line for two would say so."""
    _, picture = picture_of(name, "all")
    assert any(len(level_and_upright(line)) > 2 for line in picture.lines)
    check_tracks(picture)
    check_apart(picture)


def check_texts_are_clear(picture: Drawn) -> None:
    """Lines up and down are as far from texts as texts are from one another; captions are clear of one another."""
    for line in picture.lines:
        for axis, part in level_and_upright(line):
            if axis == 0 and line.arrow and part.height > 20:
                for label in picture.labels:
                    assert not part.meets(label.outline, 7.5), (line.key, label.text)
    blocks = [around(*[point for label in picture.labels if label.key == f"caption {index}"
                       for one in [label.outline] for point in ((one.left, one.top), (one.right, one.bottom))])
              for index in range(len(picture.maps))]  # fmt: skip
    for one, other in itertools.combinations(blocks, 2):
        assert not one.meets(other, 9), (one, other)


@pytest.mark.parametrize(("name", "depth", "scale"), some(CASES, 24))
def test_laws(name, depth, scale):
    report, picture = picture_of(name, depth, scale)
    check_apart(picture)
    check_tracks(picture)
    check_texts_are_clear(picture)
    check_edges(picture)
    check_lengths(picture)
    check_heading(report, picture)
    assert len({picture.captions(index)[0] for index in range(len(picture.maps))}) == len(picture.maps), "names differ"
    for index, one in enumerate(picture.maps):
        shown = f"{picture.label('size', index)}×{picture.label('channels', index)}".split("×")
        assert without_ones(int(size) for size in shown if size) in map(without_ones, sizes_in_report(report, one))


def check_edges(picture: Drawn) -> None:
    """Every map but an input has a line from each source; arrows begin and end at the edges of their boxes."""
    joined = {tuple(map(int, line.ends)) for line in picture.lines}
    assert joined == {(source, index) for index, one in enumerate(picture.maps) for source in one.sources}
    for line in picture.lines:
        source, target = map(int, line.ends)
        if line.key.startswith("arrow"):
            assert is_on(line.start, picture, source), line.key
            assert is_on(line.end, picture, target), line.key
        else:
            corners = picture.windows[source, target].points
            assert line.start in corners
            side = around(*picture.silhouettes[source])
            assert all(side.contains(Outline(x, y, x, y)) for x, y in corners)
            assert around(*picture.silhouettes[target]).contains(Outline(*line.end, *line.end))


def check_heading(report: Any, picture: Drawn) -> None:
    """Above are the name, the totals, and what each colour of a box means."""
    swatches = {mark.key: mark.fill for mark in picture.scene.marks if mark.key.startswith("legend ")
                and isinstance(mark, Rectangle)}  # fmt: skip
    fills = {mark.fill for mark in picture.scene.marks if isinstance(mark, Polygon) and mark.key.startswith("front")}
    assert set(swatches.values()) == fills - {"input"}
    words = {label.key: label.text for label in picture.labels}
    assert all(words[key.replace("legend", "legend words")] for key in swatches)
    assert f"{report.total.params:,} params" in words["totals"]
    assert words["totals"].endswith(f"{report.total.macs:,} MACs")
    assert "…" not in words["totals"]
    assert words["title"]


def check_lengths(picture: Drawn) -> None:
    """A larger size is never drawn shorter, and equal sizes are equally long; none is too long for a slide.

    Sequences have the scale of maps unless they are longer than each of them, which would be drawn flat.
    """
    sides = [one.sides for one in picture.maps]
    maps = [size for one in sides if one.width is not None for size in (one.height, one.width)]
    longest = max([one.height for one in sides if one.positions and one.width is None], default=0)
    are_flat = bool(maps) and longest > max(maps)
    drawn_as: dict[str, list[tuple[int, float]]] = {"positions": [], "steps": [], "channels": [], "backwards": []}
    for index, one in enumerate(sides):
        down, across, back = (picture.length(index, axis) for axis in ("down", "across", "back"))
        assert down < 171
        assert across < 85
        if one.positions:
            drawn_as["steps" if are_flat and one.width is None else "positions"].append((one.height, down))
            drawn_as["channels"].append((one.channels, across))
            if one.width is not None:
                drawn_as["backwards"].append((one.width, back))
        else:
            drawn_as["channels"].append((one.channels, down))
    for pairs in drawn_as.values():
        for (size, length), (larger, longer) in itertools.pairwise(sorted(pairs)):
            assert length <= longer + 1e-9
            assert larger > size or longer == pytest.approx(length)
    largest = [*drawn_as["positions"], *[(size, back / 0.38) for size, back in drawn_as["backwards"]]]
    assert not maps or max(length for _, length in largest) > 80, "a sequence makes no map small"
    assert are_flat == any("those of sequences another" in label.text for label in picture.labels)
