"""A report as text: a terminal table, JSON, CSV, Markdown, LaTeX, HTML, a picture.

Each format is one module of this folder, named as the format, with one function `draw(view) -> str`; it is imported
when first used. What they draw is a `View`: the report at a depth, with the columns that were asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.renderers.columns import COLUMNS, Column, parse_columns
from shapecalc.renderers.view import AUTO, View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.report import Report

__all__ = ["AUTO", "COLUMNS", "FORMATS", "Column", "parse_columns", "render"]

FORMATS: tuple[str, ...] = ("table", "json", "csv", "markdown", "latex", "html", "svg")
"""Every format, and the module that draws it."""


def render(  # noqa: PLR0913  (each is an option of its own)
    report: Report,
    format: str = "table",  # noqa: A002  (the option's own name)
    *,
    columns: Sequence[str] | None = None,
    depth: int | str | None = AUTO,
    width: int | None = None,
    color: bool = False,
    flops: bool = False,
) -> str:
    """Return a report in a format, without a line break at its end.

    `columns` are names of `COLUMNS`; where the first has a leading `+`, they are added to the format's own. `depth` is
    how many levels of blocks are open: 1 shows every outermost block as one line, None opens all, `"auto"` as many as
    stay within a screenful (CSV: all). `width` is the terminal's; None is unlimited. `flops` shows 2 × MACs in place of
    MACs. Width and colour are the table's alone; JSON is a fixed contract and takes none of these.
    Errors: `UsageError` for an unknown format or column, or an option that the format cannot take.
    """
    if format not in FORMATS:
        raise UsageError(Problem(f"there is no format {format}", mend=did_you_mean(format, FORMATS)))
    view = View(report, columns or (), depth=depth, width=width, color=color, flops=flops)
    drawn: str = import_module(f"shapecalc.renderers.{format}").draw(view)
    return drawn
