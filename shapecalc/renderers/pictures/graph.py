"""The graph of a network."""

from __future__ import annotations

from typing import Any

from shapecalc.renderers.pictures.palette import group_of
from shapecalc.renderers.pictures.scene import Curve, Label, Mark, Rectangle, Scene


def draw(report: Any, depth: Any = None, direction: str = "down") -> Scene:
    """Return the graph of a report."""
    del depth, direction  # not yet
    marks: list[Mark] = []
    y = 0.0
    for line in report.lines(1):
        marks.append(
            Rectangle(
                0,
                y,
                220,
                34,
                fill="collapsed" if line.is_block else group_of(line.rows[0].node.layer),
                radius=4,
                key=line.name,
            )
        )
        marks.append(Label(110, y + 15, f"{line.name} {line.kind}", 12, "middle", bold=True, key=line.name))
        marks.append(Label(110, y + 28, "×".join(map(str, line.output_shapes[0])), 10, "middle", "quiet"))
        marks.append(Curve((110, y + 34), (((110, y + 54),),), arrow=6))
        y += 54
    return Scene.around(marks, report.name)
