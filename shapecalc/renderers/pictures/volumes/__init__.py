"""Feature maps to scale, as boxes in perspective: height × width × channels, as papers draw convolutional networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, UsageError
from shapecalc.escaping import clean
from shapecalc.renderers.folding import runs_of
from shapecalc.renderers.pictures import SCALES
from shapecalc.renderers.pictures.cards import params_text
from shapecalc.renderers.pictures.legend import heading
from shapecalc.renderers.pictures.letters import wrapped
from shapecalc.renderers.pictures.repeats import AUTO
from shapecalc.renderers.pictures.scene import Label, Polygon, Scene, outline_of, polyline
from shapecalc.renderers.pictures.volumes.arrangement import MapGrid
from shapecalc.renderers.pictures.volumes.boxes import BACK, Box, labels_of, size_texts
from shapecalc.renderers.pictures.volumes.captions import caption_of, short_names, title_of
from shapecalc.renderers.pictures.volumes.maps import feature_maps, lines_at
from shapecalc.renderers.pictures.volumes.places import places_in_row, places_in_u
from shapecalc.renderers.pictures.volumes.scaling import SHORTEST, Lengths, read_scale
from shapecalc.renderers.pictures.volumes.ways import Volume

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.model.report import Report
    from shapecalc.model.rows import ReportLine
    from shapecalc.renderers.pictures.scene import Mark
    from shapecalc.renderers.pictures.volumes.feature_map import FeatureMap
    from shapecalc.renderers.pictures.volumes.places import GridPoint

__all__ = ["draw"]

_MOST = 150
_LISTED = 4
_LARGEST = (1.0, 0.85, 0.7, 0.6, 0.5)
"""The sizes of boxes that are tried, of the largest that they may have."""
_SCREENFUL = 60
_ROWS = 5
_SLIDE = 1270.0, 710.0
_MARGINS, _AROUND = 32.0, 145.0
"""What is around a picture, and what is above and below it: the heading and the notes."""
_LEGIBLE = 1.25
"""Texts need not be larger on a slide than at so many times the size of a screen's."""
_TALL, _ROW = 0.3, 0.02
"""How much worse smaller boxes and further rows are."""
_TWO_SCALES = "positions (above a box) have one scale, channels (below it) and features another;"
_THREE_SCALES = (
    "positions of maps (above a box) have one scale, those of sequences another, channels (below it) and features a "
    "third;"
)


def draw(report: Report, depth: Any = AUTO, scale: str = "") -> Scene:
    """Return the feature maps of a report, as boxes to scale.

    Errors: `UsageError` for an unknown scale or depth, or more feature maps than a picture can show.
    """
    scale = read_scale(scale)
    maps = feature_maps(report, depth)
    if len(maps) > _MOST:
        message = f"{report.name or 'the network'} has {len(maps):,} feature maps at this depth: more than {_MOST}"
        raise UsageError(Problem(message, hint="use a smaller --depth, or draw it in the style graph"))
    in_u = places_in_u(maps)
    lengths, layout = _best(maps, scale, in_u or places_in_row(maps), is_u=in_u is not None)
    marks = [*_arrows(layout), *_volumes(layout), *_windows(layout, lengths)]
    outline = outline_of(marks)
    notes = _notes(report, maps, lengths, depth)
    marks += _footer(notes, outline.left, outline.bottom + 24, outline.width)
    above = heading(report, [one.fill for one in maps], outline)
    return Scene.around([*above, *marks], report.name, "Feature maps to scale. " + " ".join(notes))


def _best(
    maps: Sequence[FeatureMap], scale: str, places: Sequence[GridPoint], *, is_u: bool
) -> tuple[Lengths, MapGrid]:
    """Return the lengths and the rows for which the texts of a picture are largest on a slide.

    Smaller boxes, and more rows, are there for larger texts only.
    """
    names = short_names([one.name for one in maps])
    captions = [caption_of(one, names[index], str(index)) for index, one in enumerate(maps)]
    best: tuple[float, Lengths, MapGrid] | None = None
    for largest in _LARGEST if len(maps) <= _SCREENFUL else _LARGEST[::2]:
        if best and best[0] >= _LEGIBLE * largest**_TALL - _ROW:
            break
        lengths = Lengths.fitting([one.sides for one in maps], scale, largest)
        items = [Volume.of(one, Box.of(one.sides, lengths), captions[i], places[i]) for i, one in enumerate(maps)]
        tried: set[int] = set()
        for rows in (0,) if is_u else range(1, _ROWS + 1):
            layout = MapGrid(items, rows=rows)
            if (count := len({*layout.row_of.values()})) in tried:
                continue
            tried.add(count)
            width, height = layout.size
            texts = min(_SLIDE[0] / (width + _MARGINS), _SLIDE[1] / (height + _MARGINS + _AROUND))
            score = min(texts, _LEGIBLE) * largest**_TALL - _ROW * count
            if best is None or score > best[0]:
                best = score, lengths, layout
    assert best is not None  # there is a first try
    return best[1:]


def _volumes(layout: MapGrid) -> Iterator[Mark]:
    for index, item in enumerate(layout.items):
        box, one = layout.boxes[index], item.map
        above, below = size_texts(one.sides)
        yield from box.faces(one.fill, str(index), title_of(one, "×".join(filter(None, (above, below)))))
        yield from labels_of(box, one.sides, str(index))
        yield from layout.captions(index)


def _arrows(layout: MapGrid) -> Iterator[Mark]:
    for source, target in layout.edges:
        if not _reach(layout, source, target):
            yield layout.arrow(source, target)


def _reach(layout: MapGrid, source: int, target: int) -> tuple[int, ...]:
    """Return the size of the window over the source that is drawn in place of an arrow; empty for an arrow."""
    a, b = layout.items[source], layout.items[target]
    is_next = b.place.column == a.place.column + 1 and layout.ways[source, target] == "along"
    return b.map.reach_over(a.map) if is_next else ()


def _windows(layout: MapGrid, lengths: Lengths) -> Iterator[Mark]:
    """Yield the windows that slide over maps, and the lines from their corners to a position of the output."""
    for source, target in layout.edges:
        reach = _reach(layout, source, target)
        if not reach:
            continue
        box, after = layout.boxes[source], layout.boxes[target]
        is_sequence = len(reach) == 1
        back = box.back if is_sequence else lengths.of_positions(reach[-1]) * BACK
        corners = box.on_side(lengths.of_positions(reach[-1 if is_sequence else -2], is_sequence=is_sequence), back)
        key = f"{source} {target}"
        y = layout.y_of(target)
        point = after.left_at(y) + min(3.0, after.width / 2), y
        fill = "" if box.is_covered_by(corners) else "paper"
        yield Polygon(corners, fill, "ink", 0.8, key=f"window {key}")
        for corner in corners:
            yield polyline((corner, point), "edge", 0.7, key=f"ray {key}", ends=(f"{source}", f"{target}"))


def _notes(report: Report, maps: Sequence[FeatureMap], lengths: Lengths, depth: Any) -> list[str]:
    """Return what has to be said about a picture."""
    scales = _TWO_SCALES if lengths.per_step == lengths.per_position else _THREE_SCALES
    notes = [f"To scale: lengths are {SCALES[lengths.scale]}; {scales} no side is shorter than {SHORTEST:g} pixels."]
    if any(len(one.sides.positions) > 2 for one in maps):
        notes.append("Of more than two axes of positions, the last two are drawn.")
    if any(one.sized_by for one in maps):
        notes.append("Dashed: only the size is used.")
    notes += _listed("Layers on arrows, not drawn", [name for one in maps for name in one.dropped])
    notes += _listed("Stored but not used, and not drawn", [_stored(line) for one in maps for line in one.stored])
    lines, level = lines_at(report, depth)
    if level and any(line.is_block for line in lines):
        notes.append(f"Blocks are collapsed; expand with --depth {level + 1}.")
    turns = [f"{clean(run.name)}, {run.copies:,} times" for run in runs_of(lines) if run.period > 1]
    return notes + _listed("Boxes that are repeated in turn", turns)


def _listed(words: str, names: Sequence[str]) -> list[str]:
    """Return a note with names, but a few only; none without names."""
    more = [f"{len(names) - _LISTED:,} more"] if len(names) > _LISTED else []
    return [f"{words}: {', '.join([*names[:_LISTED], *more])}."] if names else []


def _stored(line: ReportLine) -> str:
    return f"{clean(line.name)} ({params_text(line.rows)})"


def _footer(notes: Sequence[str], x: float, y: float, width: float) -> Iterator[Label]:
    for number, line in enumerate(wrapped(" ".join(notes), 9.5, max(width, 300.0))):
        yield Label(x, y + 13 * number, line, 9.5, color="quiet", key="notes")
