"""Mermaid's flowcharts: blocks as subgraphs, sizes on the edges, parameters on the nodes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shapecalc.escaping import clean
from shapecalc.exporters.chart import Group, draw_chart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shapecalc.exporters.chart import Vertex
    from shapecalc.model.report import Report

__all__ = ["write"]

_MAX_EDGES = 500
_MAX_TEXT = 50_000
"""What Mermaid draws unless the page that it is in allows more (`maxEdges`, `maxTextSize`)."""

_SHAPES = {"layer": ("[", "]"), "block": ("[[", "]]"), "input": ("([", "])"), "output": ("([", "])")}
_ARROWS = {True: "-->", False: "-.->"}
_PLAIN = r"[^\w ×.,/+-]"


def write(report: Report, depth: int | str | None, _: Callable[[str], Report] | None = None) -> str:
    """Return the flowchart of a report, with blocks expanded to a depth: by default as deep as Mermaid draws."""
    if depth is not None:
        return _text(report, depth)[0]
    for level in range(report.max_depth, 0, -1):
        text, edges = _text(report, level)
        if edges <= _MAX_EDGES and len(text) <= _MAX_TEXT:
            break
    return text


def _text(report: Report, depth: int | str) -> tuple[str, int]:
    """Return the flowchart at a depth, and how many edges it has."""
    chart = draw_chart(report, depth)
    edges = [f"  {edge.start} {_ARROWS[edge.is_read]}|{_quoted(edge.size)}| {edge.end}" for edge in chart.edges]
    lines = ["flowchart TD", *_members(chart.group, "  "), *edges]
    return "\n".join(lines) + "\n", len(edges)


def _members(group: Group, indent: str) -> Iterator[str]:
    for member in group.members:
        if isinstance(member, Group):
            yield f"{indent}subgraph {member.key}[{_quoted(member.title)}]"
            yield from _members(member, indent + "  ")
            yield f"{indent}end"
        else:
            yield f"{indent}{_vertex(member)}"


def _vertex(vertex: Vertex) -> str:
    begin, end = _SHAPES[vertex.role]
    return f"{vertex.key}{begin}{_quoted(*vertex.lines)}{end}"


def _quoted(*lines: str) -> str:
    """Return lines as a string of Mermaid, in which all but letters, digits and a few signs are entities: `#35;`."""
    return '"' + "<br/>".join([re.sub(_PLAIN, lambda c: f"#{ord(c[0])};", clean(line)) for line in lines]) + '"'
