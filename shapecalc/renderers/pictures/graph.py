"""The graph of a network: boxes with their sizes in layers, blocks in frames, and lines from each box to the next."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from shapecalc.errors import Problem, UsageError, count_noun
from shapecalc.escaping import clean
from shapecalc.exporters.chart import Group, draw_chart
from shapecalc.renderers.pictures import DIRECTIONS, check_choice
from shapecalc.renderers.pictures.asides import lines_of, size_references, stored_last
from shapecalc.renderers.pictures.cards import CardText, common_width, of_rows, of_terminal, params_text
from shapecalc.renderers.pictures.layered import Card, Cluster, lay_out
from shapecalc.renderers.pictures.legend import heading
from shapecalc.renderers.pictures.letters import fitted, text_width
from shapecalc.renderers.pictures.lines import drawn_lines, rises
from shapecalc.renderers.pictures.repeats import AUTO, find_repeats
from shapecalc.renderers.pictures.scene import Label, Rectangle, Scene, outline_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.exporters.chart import Chart, Vertex
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row
    from shapecalc.renderers.pictures.layered import Placed
    from shapecalc.renderers.pictures.repeats import Repeats
    from shapecalc.renderers.pictures.scene import Mark

__all__ = ["draw"]

_LARGEST = 3000
_SLIDE = 1280.0, 720.0
_FOLLOWED = 1  # lines that pass a column: more cannot be followed
_LEGIBLE = 0.74  # of its size at 100 %, on a slide: names and sizes then have more than 8 pixels
_LONGEST = 60_000.0  # pixels
_TITLE = 12.0
_SMALL = 11.0
_EDGE = 10.0
_WIDEST_TITLE, _WIDEST_KIND = 200.0, 260.0
_HEAD = 36.0
_LINE = 8.0  # between lines that enter a box


def draw(report: Report, depth: int | str | None = AUTO, direction: str = DIRECTIONS[0]) -> Scene:
    """Return the picture of a report, with blocks expanded to a depth. Errors: `UsageError`."""
    check_choice(direction, DIRECTIONS, "direction")
    return drawn(report, depth, direction)[0]


def drawn(report: Report, depth: int | str | None, direction: str) -> tuple[Scene, Chart]:
    """Return the picture of a report, and of what it is: by default expanded as deep as it is legible on a slide."""
    repeats = find_repeats(report, depth)
    if repeats.boxes > _LARGEST:
        raise _too_large(report, repeats)
    shallower = reversed(range(1, repeats.depth or report.max_depth)) if depth == AUTO else ()
    found: list[tuple[float, Scene, Chart]] = []
    for level in chain([repeats], (find_repeats(report, level) for level in shallower)):
        chart = draw_chart(report, level.depth, level.copies)
        graph = _Graph(report, level, chart, direction)
        scene = graph.scene()
        scale = min(_SLIDE[0] / scene.width, _SLIDE[1] / scene.height)
        found.append((scale / 2 if graph.passing > _FOLLOWED else scale, scene, chart))
        if found[-1][0] >= _LEGIBLE:
            return scene, chart
    _, scene, chart = max(found, key=lambda one: one[0])
    return scene, chart


def _too_large(report: Report, repeats: Repeats) -> UsageError:
    fewest = find_repeats(report, 1).boxes
    hint = "expand fewer blocks: --depth 1" if fewest < repeats.boxes else "shapecalc summary lists all layers"
    message = f"a graph of {repeats.boxes:,} boxes is too large to draw"
    return UsageError(Problem(message, hint=hint))


class _Graph:
    """The picture as it grows."""

    def __init__(self, report: Report, repeats: Repeats, chart: Chart, direction: str) -> None:
        self.report = report
        self.repeats = repeats
        self.chart = chart
        self.is_turned = direction == DIRECTIONS[1]
        self.written: dict[str, CardText] = {}
        self.frames: dict[str, tuple[str, str, str, str]] = {}
        self.entering: Counter[str] = Counter()
        self.passing = 0  # lines that pass a column
        self.sized_by = size_references(chart)
        self.stored = stored_last(chart)
        self._write(chart.group, "", 1)

    def scene(self) -> Scene:
        """Return the scene."""
        width = common_width(self.written.values())
        edges = lines_of(self.chart)
        self.entering = Counter(end for _, end in edges)
        top = self._cluster(self.chart.group, width)
        found = lay_out(top, edges, self.stored, turned=self.is_turned)
        if max(found.width, found.height) > _LONGEST:
            raise _too_large(self.report, self.repeats)
        marks: list[Mark] = [
            mark for key in self.frames for mark in self._frame(key, found.places[key], found.heads[key])
        ]
        marks += drawn_lines(found.routes)
        self.passing = sum(rises(points, across=self.is_turned) > 1 for points in found.routes.values())
        for key, card in self.written.items():
            marks += card.marks(*found.places[key], key)
        above = heading(self.report, [card.fill for card in self.written.values()], outline_of(marks))
        return Scene.around([*above, *marks], clean(self.report.name), self._description())

    def _description(self) -> str:
        total = self.report.total
        counts = (len(self.report.rows), "layer"), (total.params, "parameter"), (total.macs, "MAC")
        return ", ".join(count_noun(number, noun) for number, noun in counts)

    def _write(self, group: Group, prefix: str, copies: int) -> None:
        """Write what is on boxes and frames: names are those within the frame around."""
        inputs, outputs = self.report.inputs, self.report.outputs
        for member in group.members:
            if isinstance(member, Group):
                is_period = member.copies > 1
                name, own = self.repeats.copies.runs.get(member.title, (member.title, 1))
                name, own = (member.title, member.copies) if is_period else (name, own)
                self._title(member, _within(name, prefix), own, _rows_of(member, copies * own))
                self._write(member, prefix if is_period else f"{member.title}.", copies * own)
            elif member.role == "input":
                self.written[member.key] = of_terminal(member.lines[0], inputs[member.lines[0]], "input")
            elif member.role == "output":
                self.written[member.key] = of_terminal(member.lines[0], outputs[member.lines[0]], "output")
            else:
                self.written[member.key] = self._card(member, prefix, copies)

    def _card(self, vertex: Vertex, prefix: str, copies: int) -> CardText:
        full, kind = vertex.lines[:2]
        name, own = self.repeats.copies.runs.get(full, (full, 1))
        rows = vertex.rows[: len(vertex.rows) // (copies * own)]
        is_block = vertex.role == "block"
        outputs = vertex.outputs if is_block else ()
        layer = rows[0].node.layer
        mark = self.repeats.marks.get(full, "") if is_block else layer.detail if layer else ""
        shown = _without_number(_within(name, prefix), rows[0].kind)
        card = of_rows(rows, shown, kind, name, own, is_block=is_block, outputs=outputs, mark=mark)
        return card._replace(sized_by=clean(self.sized_by.get(vertex.key, "")))

    def _title(self, group: Group, name: str, own: int, rows: list[Row]) -> None:
        """Write the head of a frame: name and kind at its left, parameters at its right."""
        params = params_text(rows, own)
        own_kind = group.kind if group.kind != group.title else ""
        kind = clean(" · ".join(filter(None, (own_kind, self.repeats.marks.get(group.title)))))
        times = f" ×{own:,}" if own > 1 else ""
        room = _WIDEST_TITLE - text_width(times, _TITLE, bold=True)
        title = fitted(clean(name), _TITLE, room, bold=True) + times
        kind_shown, tip = fitted(kind, _SMALL, _WIDEST_KIND), f"{clean(group.title)} {kind}"
        self.frames[group.key] = title, kind_shown, params, tip.rstrip()

    def _cluster(self, group: Group, width: float) -> Cluster:
        members: list[Card | Cluster] = []
        last = ""
        for member in group.members:
            if isinstance(member, Group):
                members.append(self._cluster(member, width))
            else:
                members.append(self._box(member.key, width, follows=self._follows(member.key, last)))
            last = member.key
        if group.key not in self.frames:
            return Cluster(group.key, tuple(members))
        title, kind, params, _ = self.frames[group.key]
        before = max(text_width(title, _TITLE, bold=True), text_width(kind, _SMALL)) + 2 * _EDGE
        after = text_width(params, _SMALL) + 2 * _EDGE
        return Cluster(group.key, tuple(members), _HEAD, before, after)

    def _follows(self, key: str, before: str) -> bool:
        """Return whether a box belongs to the one before: an activation, or a norm of what is multiplied."""
        fills = [self.written[one].fill if one in self.written else "" for one in (before, key)]
        return fills[1] == "activations" or (fills[1] == "norms" and fills[0] in ("convolutions", "matrices"))

    def _box(self, key: str, width: float, *, follows: bool) -> Card:
        """Return a box, with room for the lines that enter it."""
        card = self.written[key]
        wide, high, side = card.width(width), card.height, _LINE * (self.entering[key] + 1)
        size = (wide, max(high, side)) if self.is_turned else (max(wide, side), high)
        return Card(key, *size, follows)

    def _frame(self, key: str, at: Placed, end: float) -> Iterator[Mark]:
        title, kind, params, tip = self.frames[key]
        yield Rectangle(at.x, at.y, at.width, at.height, "group", "rule", 6.0, 1.0, title=tip, key=f"frame {key}")
        yield Label(at.x + _EDGE, at.y + 16, title, _TITLE, bold=True, key=f"kind {key}")
        if kind:
            yield Label(at.x + _EDGE, at.y + 30, kind, _SMALL, color="quiet", key=f"name {key}")
        if params:
            yield Label(end - _EDGE, at.y + 16, params, _SMALL, "right", key=f"params {key}")


def _within(name: str, prefix: str) -> str:
    """Return a name within a block: `conv1` of `layer1.conv1`, but not a number alone: `layer1.0`."""
    own = name.removeprefix(prefix)
    return f"{prefix.rstrip('.').rpartition('.')[2]}.{own}" if own != name and own[:1].isdigit() else own


def _without_number(name: str, kind: str) -> str:
    """Return the name of the only layer of a block, whose frame is not drawn: `norm` of `norm.rms_norm1`."""
    block, _, own = name.rpartition(".")
    return block if block and own.removeprefix(kind).isdigit() and own.startswith(kind) else name


def _rows_of(group: Group, copies: int) -> list[Row]:
    """Return the layers of one copy of a block."""
    found: list[Row] = []
    for member in group.members:
        found += _rows_of(member, copies) if isinstance(member, Group) else member.rows[: len(member.rows) // copies]
    return found
