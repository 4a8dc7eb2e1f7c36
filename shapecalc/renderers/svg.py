"""A report as a picture, for READMEs and slides: a card as wide as its text, light or dark like the system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.escaping import html
from shapecalc.renderers.cells import NOTHING
from shapecalc.text.cells import cell_width, wrap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.renderers.view import CellGrid, View

__all__ = ["draw"]

_SIZE = 13
_CHARACTER = _SIZE * 0.605  # the maximum advance of the monospaced fonts below
_LINE = 20
_SMALL = 0.85
_GAP = 2.5
_MARGIN = 20
_NOTE_WIDTH = 60

_STYLE = f"""
text {{ font: {_SIZE}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #24292f;
  white-space: pre }}
.title {{ font-size: 15px; font-weight: 600 }} .head, .total {{ font-weight: 600 }} .number {{ text-anchor: end }}
.note {{ font-size: {_SIZE * _SMALL:.2f}px; fill: #57606a }} .zero {{ fill: #8c959f }}
.card {{ fill: #ffffff; stroke: #d0d7de }} .band {{ fill: #f6f8fa }} .rule {{ stroke: #8c959f }}
@media (prefers-color-scheme: dark) {{
  text {{ fill: #e6edf3 }} .note {{ fill: #9198a1 }} .zero {{ fill: #6e7681 }}
  .card {{ fill: #0d1117; stroke: #30363d }} .band {{ fill: #161b22 }} .rule {{ stroke: #6e7681 }}
}}
"""


def draw(view: View) -> str:
    """Return the report as an SVG document."""
    names = view.names()
    grid = view.grid(names)
    edges = _edges(grid)
    inner = max(edges[-1][1], _width(view.title) * 15 / _SIZE, _NOTE_WIDTH * _CHARACTER)
    notes = [part for line in view.footer(names) for part in wrap(line, int(inner / (_CHARACTER * _SMALL)))]
    body, end = _body(grid, edges, inner)
    footer = [_text(_MARGIN, end + 26 + 17 * n, note, "note") for n, note in enumerate(notes)]
    width, height = inner + 2 * _MARGIN, end + 26 + 17 * len(notes)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" {_box(width, height)} role="img">',
        f"<title>{html(view.title)}</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="card" x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1:.0f}" rx="6"/>',
        _text(_MARGIN, 34, view.title, "title"),
        *body,
        *footer,
        "</svg>",
    ])  # fmt: skip


def _box(width: float, height: float) -> str:
    return f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'


def _body(grid: CellGrid, edges: Sequence[tuple[float, float]], inner: float) -> tuple[list[str], float]:
    """Return the elements of the table, and where it ends."""
    y = 66.0
    drawn = [*_row([column.heading for column in grid.columns], grid, edges, y, "head"), _rule(y + 7, inner)]
    for number, row in enumerate(grid.rows):
        y += _LINE + (3 if number == 0 else 0)
        if number % 2:
            drawn.append(
                f'<rect class="band" x="{_MARGIN - 6}" y="{y - 14:g}" width="{inner + 12:.0f}" height="{_LINE}"/>'
            )
        drawn += _row(row, grid, edges, y)
    y += _LINE + 8
    drawn += [_rule(y - _LINE, inner), *_row(grid.totals, grid, edges, y - 3, "total")]
    return drawn, y


def _edges(grid: CellGrid) -> list[tuple[float, float]]:
    """Return the start and the end of every column."""
    headings = [column.heading for column in grid.columns]
    edges = []
    x = 0.0
    for column in zip(headings, grid.totals, *grid.rows, strict=True):
        width = max(map(_width, column))
        edges.append((x, x + width))
        x += width + _GAP * _CHARACTER
    return edges


def _width(text: str) -> float:
    return cell_width(text) * _CHARACTER


def _row(
    cells: Sequence[str], grid: CellGrid, edges: Sequence[tuple[float, float]], y: float, kind: str = ""
) -> list[str]:
    drawn = []
    for cell, column, (left, right) in zip(cells, grid.columns, edges, strict=True):
        if not cell:
            continue
        words = [kind] if kind else []
        words += ["number"] if column.sort.is_number else []
        words += ["zero"] if cell == NOTHING else []
        drawn.append(_text(_MARGIN + (right if column.sort.is_number else left), y, cell, " ".join(words)))
    return drawn


def _text(x: float, y: float, text: str, kind: str) -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.5g}" y="{y:.10g}"{style}>{html(text)}</text>'


def _rule(y: float, inner: float) -> str:
    return f'<path class="rule" d="M{_MARGIN} {y:.10g}h{inner:.0f}"/>'
