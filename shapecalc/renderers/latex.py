"""A report as a LaTeX table, for papers: booktabs rules, every special character escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.escaping import latex

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapecalc.renderers.view import View

__all__ = ["draw"]


def draw(view: View) -> str:
    """Return the report as a `table` environment, with a comment on the packages that it needs.

    Letters outside Latin (a Chinese name) need XeLaTeX or LuaLaTeX and a font that has them.
    """
    names = view.names()
    grid = view.grid(names)
    align = "".join("r" if column.sort.is_number else "l" for column in grid.columns)
    notes = r" \\".join(f"\n    {latex(line)}" for line in view.footer(names))
    return "\n".join([
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{latex(view.title)}}}",
        rf"  \begin{{tabular}}{{@{{}}{align}@{{}}}}",
        r"    \toprule",
        _row(column.heading for column in grid.columns),
        r"    \midrule",
        *[_row(row) for row in grid.rows],
        *([r"    \midrule", _row(grid.totals)] if any(grid.totals) else []),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"  \par\smallskip",
        rf"  \begin{{minipage}}{{\linewidth}}\footnotesize{notes}",
        r"  \end{minipage}",
        r"\end{table}",
    ])  # fmt: skip


def _row(cells: Iterable[str]) -> str:
    return f"    {' & '.join(map(latex, cells))} \\\\"
