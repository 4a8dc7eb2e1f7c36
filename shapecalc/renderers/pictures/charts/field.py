"""Receptive fields on the input, to scale: of one position of a layer, or of the middles of several, one in another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem, UsageError
from shapecalc.escaping import clean
from shapecalc.questions.receptive_field import ReceptiveFields, receptive_fields
from shapecalc.questions.receptive_field.tracing import input_lengths
from shapecalc.renderers.cells import show_size
from shapecalc.renderers.fields import of_axes, show_jump
from shapecalc.renderers.pictures.charts.heads import NOTE, TEXT, chart, name_and_inputs
from shapecalc.renderers.pictures.letters import fitted, text_width
from shapecalc.renderers.pictures.scene import Curve, Label, Outline, Rectangle, polyline
from shapecalc.text.given import read_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.model.answer import Answer
    from shapecalc.questions.receptive_field import Field
    from shapecalc.renderers.pictures.scene import Mark, Point, Scene

__all__ = ["draw"]

_SIDE, _WHOLE = 340.0, 460.0
"""The longest side of an input, and with what is beyond its borders."""

_BEYOND = 0.6
"""How much of the input's longest side is shown beyond its borders."""

_MOST = 5
_FLAT = 8
"""An input whose sides differ by more is drawn as rows, one for each axis."""

_GRID = 7.0
"""Positions at least this wide are drawn as a grid."""

_STEP = 38.0
_LONGEST = 300.0


class Seen(NamedTuple):
    """What a position of a layer sees of an input: for each axis the first and last position, and before clipping."""

    name: str
    position: tuple[int, ...]
    fields: tuple[Field, ...]
    parts: tuple[tuple[int, int], ...]
    windows: tuple[tuple[int, int], ...]

    @property
    def words(self) -> str:
        """The size of its receptive field, the effective stride, and the position."""
        sizes = show_size([field.size for field in self.fields])
        stride = of_axes([show_jump(field) for field in self.fields])
        words = [sizes, f"effective stride {stride}" if any(field.jump for field in self.fields) else ""]
        words += [f"at {show_size(self.position)}" if self.position else ""]
        words += ["and all of the input" if all(field.sees_all and field.jump for field in self.fields) else ""]
        return ", ".join(filter(None, words))

    def is_beyond(self, sizes: Sequence[int], share: float) -> bool:
        """Return whether it reaches farther beyond the borders of the input than this share of the longest side."""
        room = share * max(sizes)
        return any(
            first < -room or last >= size + room for (first, last), size in zip(self.windows, sizes, strict=True)
        )


def draw(answer: Answer, layer: Any = None, at: Any = None) -> Scene:
    """Return the receptive fields of layers (a name, several, or several with commas) on the input that they see.

    Without one, those of the last feature map and of some before it. The position `at` is that of the last one, by
    default its middle; those of others are where their fields are nearest to the middle of its field.
    Errors: `UsageError` for an unknown layer or position, or a network or layer without receptive fields.
    """
    found = answer if isinstance(answer, ReceptiveFields) else receptive_fields(answer)  # type: ignore[arg-type]
    report = found.report
    names = _named(found, layer)
    sees = next((field.input for name in names[-1:] for field in found[name]), "")
    if not sees:
        raise UsageError(Problem(f"{names[-1] if names else 'the network'} does not depend on positions of the input"))
    lengths = input_lengths(report)[sees]
    place = found.middle(names[-1]) if at is None else found.position(names[-1], at)
    last = _seen(found, names[-1], place, sees)
    seen = [_seen(found, name, _nearest(found, name, last), sees) for name in names[:-1]]
    seen = [one for one in (*seen, last) if one.parts]
    seen.sort(key=lambda one: -max(last - first for first, last in one.windows))
    sizes = list(lengths.values())
    is_map = len(sizes) == 2 and max(sizes) <= _FLAT * min(sizes)
    marks = list(Map(seen, sizes).marks() if is_map else _rows(seen, lengths))
    which = f"{clean(sees)}, " if len(report.inputs) > 1 else ""
    about = f"Receptive fields on the input ({which}{', '.join(f'{axis} {n}' for axis, n in lengths.items())})"
    notes = [_PADDING] if any(isinstance(mark, Curve) and mark.dashed for mark in marks) else []
    notes += [_FAR] if any(one.is_beyond(sizes, _BEYOND if is_map else _OUTSIDE) for one in seen) else []
    notes += [_MISALIGNED] if any(not field.aligned for one in seen for field in one.fields) else []
    return chart(marks, name_and_inputs(report.name, report.inputs), about, notes)


_PADDING = "Dashed: beyond the border of the input, where padding is seen."
_FAR = "Some fields reach farther than is drawn."
_MISALIGNED = "≤: branches are misaligned; the size is the maximum over all positions."


def _named(found: ReceptiveFields, given: Any) -> list[str]:
    """Return the layers that are asked for, or the last feature map and some before it."""
    if given is not None:
        names = given.split(",") if isinstance(given, str) and given not in found.report else read_names(given, "layer")
        return [name.strip() for name in names]
    by_input: dict[str, dict[int, str]] = {}  # of each input by the size, the first
    final = ""
    for row in found.report.rows:
        fields = found[row.name]
        if fields and all(field.jump and not field.common for field in fields) and max(found.places(row.name)) > 1:
            size, final = max(field.size for field in fields), row.name
            local = by_input.setdefault(fields[0].input, {})
            if size > max(local, default=1):
                local[size] = row.name
    if not final:
        return [row.name for row in found.report.rows if found[row.name]][-1:]
    local, largest = by_input[found[final][0].input], max(field.size for field in found[final])
    before = [name for size, name in local.items() if size < largest]
    count = min(_MOST - 1, len(before))
    return [*[before[(index * 2 + 1) * len(before) // (2 * count)] for index in range(count)], final]


def _nearest(found: ReceptiveFields, name: str, last: Seen) -> tuple[int, ...]:
    """Return the position of a layer whose field is nearest to the middle of that of another."""
    middle, place = found.middle(name), []
    fields = [field for field in found[name] if field.input == last.fields[0].input]
    if len(middle) != len(last.windows) or len(fields) != len(middle):
        return middle
    for field, size, (first, end) in zip(fields, found.places(name), last.windows, strict=True):
        nearest = ((first + end) / 2 + field.padding - (field.size - 1) / 2) / float(field.jump or 1)
        place.append(min(max(round(nearest), 0), size - 1))
    return tuple(place)


def _seen(found: ReceptiveFields, name: str, place: tuple[int, ...], sees: str) -> Seen:
    parts = {region.axis: (region.first, region.last) for region in found.region(name, place) if region.input == sees}
    windows = {one.axis: (one.first, one.last) for one in found.window(name, place) if one.input == sees}
    fields = tuple([field for field in found[name] if field.input == sees])
    return Seen(name, place, fields, tuple(parts.values()), tuple([windows.get(axis, parts[axis]) for axis in parts]))


class Map:
    """Receptive fields as squares on an input of two axes: `seen` from the largest to the smallest."""

    def __init__(self, seen: Sequence[Seen], sizes: Sequence[int]) -> None:
        self.seen, (self.height, self.width) = seen, sizes
        beyond = _BEYOND * max(sizes)
        self.most = (-beyond, self.height + beyond), (-beyond, self.width + beyond)
        ends = [self._ends(one, axis) for one in seen for axis in (0, 1)]
        self.scale = min(_SIDE / max(sizes), _WHOLE / max([last - first for first, last in ends]))

    def _ends(self, one: Seen, axis: int) -> tuple[float, float]:
        """Return where a field begins and ends along an axis, as far as it is shown."""
        (first, last), (low, high) = one.windows[axis], self.most[axis]
        return max(first, low), min(last + 1, high)

    def marks(self) -> Iterator[Mark]:
        """Yield the input, the fields on it, and their names at the right."""
        scale, wide, high = self.scale, self.width * self.scale, self.height * self.scale
        yield Rectangle(0, 0, wide, high, "group", "quiet", key="input")
        if scale >= _GRID:
            for column in range(1, self.width):
                yield polyline(((column * scale, 0), (column * scale, high)), thickness=0.75)
            for row in range(1, self.height):
                yield polyline(((0, row * scale), (wide, row * scale)), thickness=0.75)
        top, right = 0.0, wide
        drawn: list[Outline] = []
        for one in self.seen:
            for mark in self._beyond(one):
                if any(other.contains(mark.outline, 1.0) for other in drawn):
                    continue  # on a side of a larger one: dashes between dashes would be a whole line
                drawn.append(mark.outline)
                top, right = min(top, mark.outline.top), max(right, mark.outline.right)
                yield mark
        for index, one in enumerate(self.seen):
            yield self._part(one, is_largest=index == 0)
        yield from self._names(right + 28, top)

    def _part(self, one: Seen, *, is_largest: bool) -> Rectangle:
        (top, bottom), (left, right) = one.parts
        scale = self.scale
        return Rectangle(
            left * scale, top * scale, (right - left + 1) * scale, (bottom - top + 1) * scale,
            "pale" if is_largest else "", "data", thickness=1.5, title=f"{clean(one.name)}: {one.words}",
            key=f"field {one.name}",
        )  # fmt: skip

    def _beyond(self, one: Seen) -> Iterator[Mark]:
        """Yield the sides of a field before clipping, as far as they are shown."""
        if one.windows == one.parts:
            return
        ends = [self._ends(one, axis) for axis in (0, 1)]
        (top, bottom), (left, right) = [(first * self.scale, last * self.scale) for first, last in ends]
        cuts = [
            (end != first, start != last + 1) for (first, last), (end, start) in zip(one.windows, ends, strict=True)
        ]
        yield from _sides((left, top, right, bottom), cuts, f"window {one.name}")

    def _corner(self, one: Seen) -> tuple[float, float]:
        """Return the corner at the top right of a field, or of what is drawn of it on the input."""
        (top, _), (_, right) = [self._ends(one, axis) for axis in (0, 1)]
        if top != one.windows[0][0] and right != one.windows[1][1] + 1:
            top, right = one.parts[0][0], one.parts[1][1] + 1
        return right * self.scale, top * self.scale

    def _names(self, x: float, top: float) -> Iterator[Mark]:
        """Yield the names, the largest field's first where the lines to the fields do not cross so."""
        ends = [(x - 12, top + index * _STEP + 6) for index in range(len(self.seen))]
        order = _uncrossed([self._corner(one) for one in self.seen], ends)
        for one, (left, middle) in zip([self.seen[index] for index in order], ends, strict=True):
            yield polyline((self._corner(one), (left, middle), (x - 5, middle)), "quiet", 0.5, key=f"leader {one.name}")
            name = fitted(clean(one.name), TEXT, _LONGEST, bold=True)
            yield Label(x, middle + 4, name, TEXT, bold=True, key=f"name {one.name}")
            yield Label(x, middle + 18, one.words, NOTE, color="quiet", key=f"words {one.name}")


def _uncrossed(starts: Sequence[Point], ends: Sequence[Point]) -> list[int]:
    """Return the start of each end, so that no straight lines between them cross: in order, but for exchanges.

    Each exchange makes the lines together shorter: there is an end of them.
    """
    order = list(range(len(starts)))
    pairs = [(one, other) for other in order for one in range(other)]
    while True:
        lines = [(starts[index], end) for index, end in zip(order, ends, strict=True)]
        found = next(((one, other) for one, other in pairs if _cross(lines[one], lines[other])), None)
        if found is None:
            return order
        one, other = found
        order[one], order[other] = order[other], order[one]


def _cross(line: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    """Return whether two straight lines cross, each with its ends on both sides of the other."""

    def side(start: Point, end: Point, point: Point) -> float:
        return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])

    return all(side(*line, other[0]) * side(*line, other[1]) < 0 for line, other in ((line, other), (other, line)))


def _sides(corners: tuple[float, float, float, float], cuts: Sequence[tuple[bool, bool]], key: str) -> Iterator[Mark]:
    """Yield the dashed sides of a rectangle, but for those that are cut off: above and below, left and right."""
    left, top, right, bottom = corners
    (above, below), (before, after) = cuts
    sides = [
        ((left, top), (right, top), above), ((right, top), (right, bottom), after),
        ((right, bottom), (left, bottom), below), ((left, bottom), (left, top), before),
    ]  # fmt: skip
    for start, end, is_cut in sides:
        if not is_cut:
            yield polyline((start, end), "quiet", dashed=True, key=key)


_ROW, _THICK, _LONG = 22.0, 14.0, 460.0
_OUTSIDE = 0.12
"""How much of an axis that is drawn as a row is shown beyond its ends."""


def _rows(seen: Sequence[Seen], lengths: dict[str, int]) -> Iterator[Mark]:
    """Yield the fields along each axis, one below the other, and their names beside those of the first axis."""
    y, right = 0.0, _LONG
    for number, (axis, length) in enumerate(lengths.items()):
        scale = _LONG / length
        low, high = -_OUTSIDE * length, length * (1 + _OUTSIDE)
        yield Label(0, y, f"{axis} {length}", TEXT, color="quiet", key=f"axis {axis}")
        yield Rectangle(0, y + 8, _LONG, _ROW * len(seen) + 8, "group", "quiet", key=f"input {axis}")
        for index, one in enumerate(seen):
            top = y + 16 + _ROW * index
            (first, last), window = one.parts[number], one.windows[number]
            if window != one.parts[number]:
                start, end = max(window[0], low), min(window[1] + 1, high)
                cuts = [(False, False), (start != window[0], end != window[1] + 1)]
                corners = start * scale, top, end * scale, top + _THICK
                yield from _sides(corners, cuts, f"window {axis} {one.name}")
                right = max(right, end * scale)
            wide, words = max((last - first + 1) * scale, 1.0), f"{clean(one.name)}: {one.words}"
            yield Rectangle(first * scale, top, wide, _THICK, "data", "", title=words, key=f"field {axis} {one.name}")
        y += _ROW * len(seen) + 48
    names = [fitted(clean(one.name), TEXT, _LONGEST, bold=True) for one in seen]
    room = max([text_width(name, TEXT, bold=True) for name in names])
    for index, (one, name) in enumerate(zip(seen, names, strict=True)):
        base = 16 + _ROW * index + 11
        yield Label(right + 14, base, name, TEXT, bold=True, key=f"name {one.name}")
        yield Label(right + 24 + room, base, one.words, NOTE, color="quiet", key=f"words {one.name}")
