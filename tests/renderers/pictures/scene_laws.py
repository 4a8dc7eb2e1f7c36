"""Laws of pictures, checked on their shapes: of every picture, of graphs, and of charts."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from itertools import combinations, pairwise

from shapecalc.exporters.chart import Group
from shapecalc.renderers.pictures import Picture
from shapecalc.renderers.pictures.palette import colour
from shapecalc.renderers.pictures.scene import Label, Outline, Polygon, Rectangle

CELL = 64
SLACK = 0.05
LEAST_CONTRAST = 4.5
ONE_OF_MANY = re.compile(
    r"(?<![\w,.×])1 (param|parameter|MAC|layer|byte|element|variant|other|point|position|sample)s\b"
)
TWICE = 7.5
"""For so far lines of one box may be drawn over one another, where one branches off: longer, they look like a thick one."""
JOG = 6.0
"""By less no line goes aside: it would look torn."""
MARGIN = 19.9
"""Around a chart there is nothing."""


def around(*points):
    """Return the outline of points."""
    across, down = [x for x, _ in points], [y for _, y in points]
    return Outline(min(across), min(down), max(across), max(down))


def labels(scene):
    return [mark for mark in scene.marks if isinstance(mark, Label)]


def keyed(scene, start, sort=Rectangle):
    """Return the marks of a sort whose key begins so, by the rest of their key."""
    return {mark.key.removeprefix(start): mark for mark in scene.marks
            if isinstance(mark, sort) and mark.key.startswith(start)}  # fmt: skip


def luminance(code):
    """Return the relative luminance of a colour, as WCAG 2.2 defines it."""
    parts = [int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(text, fill):
    """Return the least contrast ratio of a colour of text to that of what it is on, by their roles, in both themes."""
    pairs = [sorted(luminance(colour(role, theme)) for role in (text, fill)) for theme in ("light", "dark")]
    return min((light + 0.05) / (dark + 0.05) for dark, light in pairs)


def check_contrast(scene):
    """Check that each text differs enough from what it is on (WCAG 2.2, criterion 1.4.3)."""
    fills = [mark for mark in scene.marks if getattr(mark, "fill", "") and isinstance(mark, (Rectangle, Polygon))]
    grid = Grid((index, mark.outline) for index, mark in enumerate(fills))
    found = {}
    for label in labels(scene):
        below = max(grid.meeting(label.outline), default=-1)
        found[label.color, fills[below].fill if below >= 0 else "paper"] = label
    for roles, label in found.items():
        assert contrast(*roles) >= LEAST_CONTRAST, (roles, label)


def check_page(scene, margin=0.0):
    """Check that all of a picture is on its page, and that its texts are large and dark enough."""
    check_contrast(scene)
    page = Outline(margin, margin, scene.width - margin, scene.height - margin)
    for mark in scene.marks:
        assert page.contains(mark.outline), mark
    assert all(label.size >= 9 for label in labels(scene))
    texts = [label.text for label in labels(scene)] + [getattr(mark, "title", "") for mark in scene.marks]
    assert not [text for text in [scene.title, scene.description, *texts] if ONE_OF_MANY.search(text)]


def check_chart(scene, bars="data"):
    """Check the laws of a chart: texts cover neither one another nor bars, and SVG is valid.

    `bars` are the fills that no text may be on.
    """
    check_page(scene, MARGIN)
    texts = labels(scene)
    for one, other in combinations(sorted(texts, key=lambda label: label.outline.left), 2):
        assert not one.outline.meets(other.outline, -0.5), (one, other)
    solid = [mark for mark in scene.marks if isinstance(mark, Rectangle) and mark.fill in bars.split()]
    for label in texts:
        for bar in solid:
            assert not label.outline.meets(bar.outline), (label, bar)
    root = ET.fromstring(Picture(scene).svg)
    shown = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert shown == [label.text for label in texts], "nothing in a text is changed after its width is known"


def cells(outline):
    """Return the squares of a grid that an outline touches."""
    across = range(int(outline.left // CELL), int(outline.right // CELL) + 1)
    down = range(int(outline.top // CELL), int(outline.bottom // CELL) + 1)
    return [(x, y) for x in across for y in down]


def shrunk(outline):
    """Return an outline that does not meet what only touches it."""
    return Outline(outline.left + SLACK, outline.top + SLACK, outline.right - SLACK, outline.bottom - SLACK)


class Grid:
    """Outlines by where they are."""

    def __init__(self, items):
        self.squares = defaultdict(list)
        for key, outline in items:
            for cell in cells(outline):
                self.squares[cell].append((key, outline))

    def meeting(self, outline):
        """Return the keys of what shares some area with an outline."""
        found = {}
        for cell in cells(outline):
            found.update({key: None for key, other in self.squares[cell] if shrunk(other).meets(outline)})
        return list(found)


def marks_of(scene, word):
    """Return marks whose key begins with a word, by the rest of it."""
    found = {}
    for mark in scene.marks:
        first, _, rest = mark.key.partition(" ")
        if first == word:
            assert rest not in found, mark.key
            found[rest] = mark
    return found


def stretches(curve):
    """Return the straight parts of a line, and what is around its corners, as outlines."""
    points = [curve.start, *[step[-1] for step in curve.steps]]
    found = []
    for (one, other), step in zip(pairwise(points), curve.steps, strict=True):
        assert len(step) == 3 or abs(one[0] - other[0]) < SLACK or abs(one[1] - other[1]) < SLACK, "a sloping line"
        found.append(around(one, other))
    return found


def jogs(curve):
    """Return by how much a line goes aside between two corners, after which it goes on the same way."""
    points = [curve.start, *[step[-1] for step in curve.steps]]
    corners = [index for index, step in enumerate(curve.steps) if len(step) == 3]
    for one, other in pairwise(corners):
        (x, y), (first_x, first_y) = points[one], curve.steps[one][0]
        (end_x, end_y), (last_x, last_y) = points[other + 1], curve.steps[other][1]
        for way, on, aside in (
            (first_x - x, end_x - last_x, end_y - y),
            (first_y - y, end_y - last_y, end_x - x),
        ):
            if abs(way) > SLACK and way * on > 0:
                yield abs(aside)


def check_jogs(scene):
    """Check that no line goes aside by little."""
    for key, line in marks_of(scene, "edge").items():
        assert min(jogs(line), default=JOG) >= JOG, key


def vertices_of(group):
    """Return the keys of vertices in a group, and in the groups within."""
    found = []
    for member in group.members:
        found += vertices_of(member) if isinstance(member, Group) else [member.key]
    return found


def groups_of(group):
    """Return the groups within a group."""
    return [one for member in group.members if isinstance(member, Group) for one in (member, *groups_of(member))]


def is_on_border(point, outline):
    x, y = point
    sides = abs(x - outline.left), abs(x - outline.right), abs(y - outline.top), abs(y - outline.bottom)
    return is_on(point, outline) and min(sides) <= SLACK


def is_on(point, outline):
    x, y = point
    return outline.left - SLACK <= x <= outline.right + SLACK and outline.top - SLACK <= y <= outline.bottom + SLACK


def check_graph(scene, chart):
    """Check all laws of the picture of a chart."""
    boxes = {key: box.outline for key, box in marks_of(scene, "box").items()}
    cards = {key: box.outline for key, box in marks_of(scene, "stacked").items()}
    whole = {key: cards.get(key, box) for key, box in boxes.items()}
    frames = {key: frame.outline for key, frame in marks_of(scene, "frame").items()}
    keys = vertices_of(chart.group)
    assert sorted(boxes) == sorted(keys), "each vertex once"
    groups = groups_of(chart.group)
    assert sorted(frames) == sorted(group.key for group in groups), "each group once"
    check_frames(groups, frames, whole)
    grid = Grid(whole.items())
    for key, outline in whole.items():
        assert grid.meeting(outline) == [key], "boxes are apart"
    check_labels(scene, boxes, frames, grid)
    check_lines(scene, chart, boxes, whole, grid)
    check_page(scene)


def check_frames(groups, frames, boxes):
    inside = {group.key: {*vertices_of(group)} for group in groups}
    grid = Grid(boxes.items())
    for group in groups:
        assert {*grid.meeting(frames[group.key])} == inside[group.key], "a frame has its members and no others"
        for key in inside[group.key]:
            assert frames[group.key].contains(boxes[key])
        own = {one.key for one in groups_of(group)}
        for key, frame in frames.items():
            if key in own:
                assert frames[group.key].contains(frame)
            elif key != group.key and group.key not in {
                one.key for one in groups_of(next(g for g in groups if g.key == key))
            }:
                assert not shrunk(frame).meets(frames[group.key]), "frames are apart"


def check_labels(scene, boxes, frames, grid):
    texts = Grid((index, label.outline) for index, label in enumerate(labels(scene)))
    for index, label in enumerate(labels(scene)):
        assert texts.meeting(label.outline) == [index], f"{label.text} meets another text"
        owner = label.key.partition(" ")[2]
        if owner in boxes:
            assert boxes[owner].contains(label.outline), f"{label.text} is not within its box"
            assert grid.meeting(label.outline) == [owner]
        else:
            assert grid.meeting(label.outline) == [], f"{label.text} meets a box"
            assert owner not in frames or frames[owner].contains(label.outline)


def check_lines(scene, chart, boxes, whole, grid):
    lines = marks_of(scene, "edge")
    assert sorted(lines) == sorted({f"{edge.start} {edge.end}" for edge in chart.edges if edge.is_read}), (
        "each edge once"
    )
    frame_texts = Grid(
        (m.key, m.outline) for m in scene.marks if isinstance(m, Label) and m.key.partition(" ")[2] not in boxes
    )
    by_start = defaultdict(list)
    every = []
    for key, line in lines.items():
        start, end = key.split()
        assert line.ends == (f"box {start}", f"box {end}")
        assert is_on_border(line.end, boxes[end]) or is_on_border(line.end, whole[end]), (
            f"{key} does not end at its box"
        )
        parts = stretches(line)
        by_start[start].append((line, parts))
        for part in parts:
            assert {*grid.meeting(part)} <= set(), f"{key} runs through a box"
            assert not frame_texts.meeting(part), f"{key} runs through a text"
            every.append(((start, len(every)), part))
    for start, own in by_start.items():
        for line, _ in own:
            is_branch = any(is_on(line.start, part) for other, parts in own if other is not line for part in parts)
            assert is_branch or is_on_border(line.start, boxes[start]) or is_on_border(line.start, whole[start]), (
                f"a gap at {line.key}"
            )
        assert any(is_on_border(line.start, whole[start]) for line, _ in own), "a line from nowhere"
        for (line, parts), (other, others) in combinations(own, 2):
            assert not any(along(part, one) > TWICE for part in parts for one in others), f"{line.key}, {other.key}"
    check_overlaps(every)


def along(part, other):
    """Return how far two straight parts of lines run on the same way."""
    for axis in (0, 1):
        low, high = max(part[1 - axis], other[1 - axis]), min(part[3 - axis], other[3 - axis])
        thin = part[axis + 2] - part[axis] < SLACK and other[axis + 2] - other[axis] < SLACK
        if thin and abs(part[axis] - other[axis]) < SLACK:
            return high - low
    return 0.0


def check_overlaps(parts):
    """Check that lines from different boxes cross only, and do not run along one another."""
    grid = Grid((key, Outline(p.left - 1, p.top - 1, p.right + 1, p.bottom + 1)) for key, p in parts)
    outlines = dict(parts)
    for (start, index), part in parts:
        for key in grid.meeting(part):
            if key[0] == start or key <= (start, index):
                continue
            other = outlines[key]
            for axis in (0, 1):
                thin = part[axis + 2] - part[axis] < SLACK and other[axis + 2] - other[axis] < SLACK
                low, high = max(part[1 - axis], other[1 - axis]), min(part[3 - axis], other[3 - axis])
                assert not (thin and abs(part[axis] - other[axis]) < 1 and high - low > 2), "lines along one another"
