"""A report as a LaTeX table, for papers: booktabs rules, every special character escaped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapecalc.renderers.view import View

__all__ = ["draw"]

_WRITTEN = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "_": r"\_", "&": r"\&", "%": r"\%", "#": r"\#", "$": r"\$",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\char34{}", "`": r"\char96{}", "-": "{}-",
    "[": "{[}", "*": "{*}",  # after the \\ of the row above, these would be taken for its argument
    "×": r"$\times$", "–": "--", "·": r"$\cdot$", "…": r"\ldots{}", "²": r"$^2$", "\N{REPLACEMENT CHARACTER}": "?",
}  # fmt: skip
_special = re.compile(f"[{re.escape(''.join(_WRITTEN).replace('-', ''))}]|(?<=-)-")  # two hyphens would be a dash
_pictures = re.compile("[␀-␡]")


def draw(view: View) -> str:
    """Return the report as a `table` environment with the packages that it needs named above it.

    Letters outside Latin (a Chinese name) need XeLaTeX or LuaLaTeX and a font that has them.
    """
    names = view.names()
    grid = view.grid(names)
    align = "".join("r" if column.sort.is_number else "l" for column in grid.columns)
    notes = r" \\".join(f"\n    {_escape(line)}" for line in view.footer(names))
    return "\n".join([
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{_escape(view.title)}}}",
        rf"  \begin{{tabular}}{{@{{}}{align}@{{}}}}",
        r"    \toprule",
        _row(column.heading for column in grid.columns),
        r"    \midrule",
        *[_row(row) for row in grid.rows],
        r"    \midrule",
        _row(grid.totals),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"  \par\smallskip",
        rf"  \begin{{minipage}}{{\linewidth}}\footnotesize{notes}",
        r"  \end{minipage}",
        r"\end{table}",
    ])  # fmt: skip


def _row(cells: Iterable[str]) -> str:
    return f"    {' & '.join(map(_escape, cells))} \\\\"


def _escape(text: str) -> str:
    return _special.sub(lambda found: _WRITTEN[found[0]], _pictures.sub("?", text))
