"""`shapecalc summary`: the size of every tensor and the cost of every layer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from shapecalc.cli.options import (
    depth_option,
    emit,
    inferred,
    layout_option,
    load_network,
    network_options,
    output_option,
    terminal_width,
    wants_color,
)
from shapecalc.renderers import FORMATS, render

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command"]

_ENDINGS = {".md": "markdown", ".tex": "latex", ".htm": "html", **{f".{name}": name for name in FORMATS}}


class _Command(click.Command):
    """The command, whose help ends with the columns that there are."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        from shapecalc.renderers import COLUMNS  # noqa: PLC0415  (only help lists them)

        formatter.write_paragraph()
        formatter.write_text(f"Columns: {', '.join(COLUMNS)}.")


@click.command(cls=_Command, short_help="Show every tensor's size, every layer's parameters and MACs.")
@network_options
@click.option("--columns", metavar="LIST", help="Columns to show, with commas; +rf adds one to the usual ones.")
@click.option(
    "--batch", type=click.IntRange(1, 10**9), default=1, metavar="N", help="Samples that MACs and output bytes are for."
)
@layout_option
@depth_option
@click.option("--flops", is_flag=True, help="Show 2 × MACs, as floating-point operations.")
@click.option("--shares", is_flag=True, help="Show what part of all parameters, MACs and output bytes each layer has.")
@click.option(
    "--convention",
    type=click.Choice(["torch", "keras"]),
    default="torch",
    help="keras counts running statistics into the parameters.",
)
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), help="How to write it; by the name of --output otherwise."
)
@output_option
def command(  # noqa: PLR0913, PLR0917  (each is an option of its own)
    spec: str,
    inputs: Sequence[str],
    settings: Sequence[str],
    columns: str | None,
    batch: int,
    layout: str | None,
    depth: int | str,
    flops: bool,
    shares: bool,
    convention: str,
    format_: str | None,
    output: str | None,
) -> None:
    """Show the size of every tensor, and the parameters and MACs of every layer.

    Where sizes do not fit, every layer that could be inferred is shown, then the error. A file of --output is written
    only where all fits.
    """
    network = load_network(spec, inputs, settings, layout or "")
    report, failure = inferred(network, output, batch=batch, layout=layout or "", convention=convention)
    if columns:
        from shapecalc.renderers import parse_columns  # noqa: PLC0415
    format_ = format_ or _ENDINGS.get(os.path.splitext(output or "")[1].lower(), "table")
    to_screen = output is None and format_ == "table"
    text = render(
        report,
        format_,
        columns=parse_columns(columns) if columns else None,
        depth=None if depth == "all" else depth,
        width=terminal_width() if to_screen else None,
        color=wants_color() and to_screen,
        flops=flops,
        shares=shares,
    )
    emit(text, output, format_)
    if failure:
        raise failure
