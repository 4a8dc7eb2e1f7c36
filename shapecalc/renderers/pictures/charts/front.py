"""The variants of a sweep by two of their columns: each is a dot, those of the Pareto front are joined by a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, UsageError, count_noun
from shapecalc.renderers.pictures.charts.axes import across, axis_of, up
from shapecalc.renderers.pictures.charts.heads import chart, legend
from shapecalc.renderers.pictures.charts.points import Labels, thinned
from shapecalc.renderers.pictures.scene import Dots, Outline, polyline

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shapecalc.questions.sweep.result import Sweep
    from shapecalc.renderers.pictures.scene import Mark, Point, Scene

__all__ = ["draw", "draw_front"]

_WIDE, _HIGH = 600.0, 330.0
_NAMES = {
    "params": "parameters", "macs": "MACs", "memory": "peak memory, bytes", "activations": "output elements",
}  # fmt: skip
_CROWD = 60
_FEW = 500
"""Variants that are drawn as large and dark as the front; more of them are pale, so that it is seen."""

_SAMPLED = 20_000
"""Rows of a sweep that are plotted besides the front."""

_MOST = 2_000
"""Points of the line of a front."""


def draw(sweep: Sweep, of: str | Iterable[str] = "params,macs") -> Scene:
    """Return the plot of the valid rows of a sweep by two columns, as its `pareto` names them: `"params,+macs"`.

    Errors: `UsageError` for an unknown column, or another number than two.
    """
    from shapecalc.questions.sweep.plan import comparable  # with the numbers of numpy, which a sweep has loaded
    from shapecalc.questions.sweep.selection import read_objectives

    names = [name for name, _ in read_objectives(of, comparable(sweep.names))]
    if len(names) != 2:
        raise UsageError(Problem(f"a plot has two axes, not {len(names)}", hint='of="params,macs"'))
    front = sweep.pareto(of)
    valid = sweep.rows(sweep["valid"])
    sample = valid.rows(slice(None, None, 1 + len(valid) // _SAMPLED))
    cloud, line = (
        [*zip(*[rows[name].astype(float).tolist() for name in names], strict=True)] for rows in (sample, front)
    )
    about = f"{count_noun(len(valid), 'variant')}, {len(front):,} on the front of {', '.join(names)}"
    labels = [sweep.grid.describe(int(row)) for row in front["variant"]]
    return draw_front(f"{sweep.grid.network or 'network'}: {about}", names, cloud, line, labels)


def draw_front(title: str, names: Sequence[str], cloud: Any, front: Any, labels: Sequence[str]) -> Scene:
    """Return the plot of two columns: `cloud` and `front` are points, `labels` the names of those on the front.

    The part of the title after a colon is what it is about.
    """
    every = [[float(point[column]) for points in (cloud, front) for point in points] for column in (0, 1)]
    x = axis_of(every[0], _NAMES.get(names[0], names[0]), 0.0, _WIDE)
    y = axis_of(every[1], _NAMES.get(names[1], names[1]), 0.0, -_HIGH)
    variants = [(x.at(float(point[0])), y.at(float(point[1]))) for point in cloud]
    line = [(x.at(float(point[0])), y.at(float(point[1]))) for point in front]
    marks: list[Mark] = [*up(y, 0.0, _WIDE), *across(x, -_HIGH, 0.0)]
    dots = thinned(variants)
    radius, fill = (3.0, "data") if len(dots) <= _FEW else (2.0, "pale")
    marks += [Dots(dots, radius, fill, key="variants")] if dots else []
    if line:
        kept = line[:: -(-len(line) // _MOST)]
        marks.append(polyline((*kept, line[-1]), "accent", key="front line"))
        marks.append(Dots(thinned(line), 1.5 if len(line) > _CROWD else 3.0, "accent", key="front"))
    room = Labels(Outline(0, -_HIGH, _WIDE, 0))
    room.avoid_line(line)
    for point in dots if len(dots) <= _FEW else ():
        room.avoid(*point, radius)
    others = range(len(line)) if len(line) <= _CROWD else ()
    named: set[tuple[Point, str]] = set()
    for index in dict.fromkeys((0, len(line) - 1, len(line) // 2, *others) if line else ()):
        if (line[index], labels[index]) in named:
            continue  # a variant that is there more than once
        named.add((line[index], labels[index]))
        marks += room.beside(line[index], labels[index], f"point {index}")
    counts = (f"Pareto front ({len(front):,})", "accent", len(front)), ("variants", fill, len(cloud))
    marks += legend([(words, fill) for words, fill, count in counts if count], _WIDE, -_HIGH - 16, 3.0)
    head, _, about = title.rpartition(": ")
    notes = []
    if len(dots) < len(variants):
        notes.append(f"Of {len(variants):,} points, those that cover one another are drawn once.")
    return chart(marks, head, about, notes)
