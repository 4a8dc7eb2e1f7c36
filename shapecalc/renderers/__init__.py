"""A report as text: a terminal table, JSON, CSV, Markdown, LaTeX, HTML, a picture.

Each format is one module of this folder, named as the format, with one function `draw(view) -> str`; it is imported
when first used. They draw a `View`: the report at a depth, with the requested columns. Only JSON draws the report
itself: it is a contract, and always contains everything.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.model.answer import Answer
    from shapecalc.model.report import Report
    from shapecalc.renderers.columns import COLUMNS, Column, parse_columns
    from shapecalc.renderers.pictures import Picture
    from shapecalc.renderers.selection import Selection

__all__ = ["ALSO", "COLUMNS", "FORMATS", "Column", "parse_columns", "picture_of", "render", "selection_of", "show"]

FORMATS: tuple[str, ...] = ("text", "json", "csv", "markdown", "latex", "html", "svg")
"""Every format, and the module that draws it."""

ALSO = {"table": "text"}
"""Other names of formats."""


def render(  # noqa: PLR0913  (each is an option of its own)
    report: Report,
    format: str = "text",  # noqa: A002  (the option's own name)
    *,
    columns: str | Sequence[str] | None = None,
    depth: int | str | None = "auto",
    width: int | None = None,
    color: bool = False,
    flops: bool = False,
    shares: bool = False,
    fold: bool | None = None,
    kind: str | Sequence[str] = (),
    sort: str | None = None,
    top: int | None = None,
) -> str:
    """Return a report in a format, without a line break at its end.

    `columns` are names of `COLUMNS`, in a list or as the command takes them (`"name,params"`); if the first has a
    leading `+`, they are added to the format's own. `depth` is how many levels of blocks are expanded: 1 shows every
    outermost block as one line, None expands all, `"auto"` as many as stay within a screenful (CSV: all). `width` is
    the terminal's; where it is None the table has its natural width, and prose 100 columns. `flops` shows 2 × MACs in
    place of MACs; `shares` shows the share of parameters, MACs and output bytes of each line. Width and colour apply to
    text only; JSON is a fixed contract: it contains every layer and block at any depth, and has none of the other
    options, except `shares` and the columns of receptive fields (`FIELDS`).
    `fold` says whether blocks, and layers, that are repeated and alike are one line: by default in all formats but JSON
    and CSV, and not with receptive fields. `kind` keeps lines of one kind or several, `sort` orders them by a column,
    the smallest first (`-params`: the largest; texts alphabetically), `top` keeps the first of them, by default those
    with the most parameters; the totals stay those of the network.
    Errors: `UsageError` for an unknown format or column, or an option that the format does not have.
    """
    format = ALSO.get(format, format)  # noqa: A001
    if format not in FORMATS:
        raise UsageError(Problem(f"there is no format {format}", hint=did_you_mean(format, FORMATS)))
    draw = import_module(f"shapecalc.renderers.{format}").draw
    if width is not None and not isinstance(width, int):
        raise UsageError(f"width must be a whole number, not {width!r}")
    if columns is not None:
        columns = _read_columns(columns)
    kinds = _read_kinds(kind)
    if format == "json":
        with_fields = _asks_for_fields(columns or ())
        _refuse(
            columns=bool(columns) and not with_fields,
            flops=flops,
            kind=kinds,
            sort=sort is not None,
            top=top is not None,
        )
        folded_at = depth if isinstance(depth, int) else 1
        return str(draw(report, with_fields=with_fields, with_shares=shares, folded_at=folded_at if fold else None))
    from shapecalc.renderers.view import View

    view = View(
        report, columns or (), depth=depth, width=width, color=color, flops=flops, shares=shares, fold=fold,
        selection=selection_of(kinds, sort, top),
    )  # fmt: skip
    return str(draw(view))


def show(answer: Answer, format: str, **options: Any) -> str:  # noqa: A002  (the option's own name)
    """Return an answer in a format, drawn by the function that its class names; its JSON has no options.

    Errors: as that function, and `UsageError` for an option that it does not have.
    """
    from shapecalc.text.given import read_flag, read_string

    format = read_string(format, "format")  # noqa: A001
    if format == "json" and not options and answer.drawn_by != "render":
        from shapecalc.renderers.json import write_contract

        return write_contract(answer.to_dict())
    from inspect import signature

    module, _, name = answer.drawn_by.rpartition(".")
    draw = getattr(import_module(f"{__name__}.{module}" if module else __name__), name)
    try:
        known = signature(draw)
        known.bind(answer, format, **options)
    except TypeError as error:
        raise UsageError(Problem(f"{type(answer).__name__} has no such option: {error}")) from None
    for option, value in options.items():
        kind = known.parameters[option].annotation
        if kind == "bool" or (kind == "bool | None" and value is not None):
            options[option] = read_flag(value, option)
    return str(draw(answer, ALSO.get(format, format), **options))


def picture_of(answer: Answer, style: str = "", **options: Any) -> Picture:
    """Return a picture of an answer in a style of `pictures.STYLES`. Errors: as `pictures.draw_picture`."""
    from shapecalc.renderers.pictures import draw_picture

    return draw_picture(answer, style, **options)


def selection_of(kind: str | Sequence[str], sort: str | None, top: int | None, **options: Any) -> Selection | None:
    """Return the selection of lines; None for all in their order. Errors: `UsageError` for an invalid one."""
    kinds = _read_kinds(kind)
    if not kinds and sort is None and top is None:
        return None
    from shapecalc.renderers.selection import Selection

    selection = Selection(kinds, sort, top, **options)
    selection.check()
    return selection


def _read_kinds(kind: Any) -> tuple[str, ...]:
    if isinstance(kind, tuple) and not kind:
        return ()
    from shapecalc.text.given import read_names

    return read_names(kind, "kind")


def _read_columns(given: Any) -> tuple[str, ...]:
    """Return the columns of a list, or of a text as the command takes it. Errors: `UsageError`."""
    from shapecalc.text.given import read_names

    if isinstance(given, str):
        from shapecalc.renderers.columns import parse_columns

        given = parse_columns(given)
    return read_names(given, "columns")


def _asks_for_fields(columns: Sequence[str]) -> bool:
    if not columns:
        return False
    from shapecalc.renderers.columns import FIELDS

    return {name.lstrip("+") for name in columns} <= {*FIELDS}


def _refuse(**options: Any) -> None:
    for option, is_given in options.items():
        if is_given:
            raise UsageError(
                Problem(f"{option} does not apply to JSON: it always contains everything", hint="or use CSV")
            )


def __getattr__(name: str) -> Any:
    if name in ("COLUMNS", "Column", "parse_columns"):
        return getattr(import_module("shapecalc.renderers.columns"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
