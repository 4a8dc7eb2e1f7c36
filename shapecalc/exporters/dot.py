"""DOT, the language of Graphviz: blocks as clusters, sizes on the edges, parameters on the nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.escaping import clean
from shapecalc.exporters.chart import Group, draw_chart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shapecalc.exporters.chart import Vertex
    from shapecalc.model.report import Report

__all__ = ["write"]

_STYLES = {"layer": "", "block": ", style=filled, fillcolor=gray92", "input": ", shape=ellipse",
           "output": ", shape=ellipse"}  # fmt: skip


def write(report: Report, depth: int | str | None, _: Callable[[str], Report] | None = None) -> str:
    """Return the graph of a report in DOT, with blocks expanded to a depth."""
    chart = draw_chart(report, depth)
    lines = [
        f"digraph {_quoted(chart.group.title)} {{",
        "  node [shape=box, fontname=Helvetica];",
        "  edge [fontname=Helvetica];",
        *_members(chart.group, "  "),
        *[
            f"  {edge.start} -> {edge.end} [label={_quoted(edge.size)}{'' if edge.is_read else ', style=dashed'}];"
            for edge in chart.edges
        ],
        "}",
    ]
    return "\n".join(lines) + "\n"


def _members(group: Group, indent: str) -> Iterator[str]:
    for member in group.members:
        if isinstance(member, Group):
            yield f"{indent}subgraph cluster_{member.key} {{"
            yield f"{indent}  label={_quoted(member.title)};"
            yield from _members(member, indent + "  ")
            yield f"{indent}}}"
        else:
            yield f"{indent}{_vertex(member)}"


def _vertex(vertex: Vertex) -> str:
    return f"{vertex.key} [label={_quoted(*vertex.lines)}{_STYLES[vertex.role]}];"


def _quoted(*lines: str) -> str:
    r"""Return lines as one string of DOT, in which a backslash and a quote are escaped, and `\n` ends a line.

    Graphviz reads entities as HTML does: `&amp;` in a name is the ampersand.
    """
    escaped = [clean(line).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines]
    return '"' + "\\n".join(escaped) + '"'
