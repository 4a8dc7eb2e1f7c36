"""`shapecalc summary`: the size of every tensor and the cost of every layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shapecalc.cli.formats import output_formats
from shapecalc.cli.options import (
    OneOf,
    batch_option,
    completed,
    depth_option,
    layout_option,
    load_network,
    network_options,
    selection_options,
)
from shapecalc.cli.output import emit, inferred, layout_of
from shapecalc.renderers import FORMATS, render

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command"]


class _Command(click.Command):
    """The command, whose help ends with a list of the columns."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        from shapecalc.renderers import COLUMNS

        formatter.write_paragraph()
        formatter.write_text(
            f"Columns: {', '.join(COLUMNS)}. rf, jump and pad are the receptive field, effective stride and padding."
        )


@click.command(cls=_Command, short_help="Show the output size, parameters and MACs of every layer.")
@network_options
@click.option(
    "--columns",
    metavar="LIST",
    shell_complete=completed("columns"),
    help="Choose the columns, separated by commas; +rf adds one to the default columns.",
)
@batch_option
@layout_option
@depth_option()
@click.option(
    "--fold/--no-fold",
    default=None,
    help="Show repeated blocks and layers as one line, with the sum of their counts.  "
    "[default: fold, except in CSV and JSON]",
)
@selection_options("params, macs, output", "most parameters")
@click.option("--flops", is_flag=True, help="Show FLOPs (2 × MACs) instead of MACs.")
@click.option("--shares", is_flag=True, help="Show the share of parameters, MACs and output bytes of each layer.")
@click.option(
    "--convention",
    type=OneOf(["torch", "keras"]),
    default="torch",
    show_default=True,
    help="Count parameters as PyTorch does, or as Keras does (running statistics included).",
)
@output_formats(*FORMATS)
def command(  # noqa: PLR0913, PLR0917  (each is an option of its own)
    spec: str,
    inputs: Sequence[str],
    settings: Sequence[str],
    columns: str | None,
    batch: int,
    layout: str | None,
    depth: int | str | None,
    fold: bool | None,
    kinds: Sequence[str],
    sort: str | None,
    top: int | None,
    flops: bool,
    shares: bool,
    convention: str,
    format_: str,
    output: str | None,
) -> None:
    """Show the input and output size, parameters and MACs of every layer.

    After a shape error, every layer that could be inferred is shown, then the error; an --output file is then not
    written.
    """
    network = load_network(spec, inputs, settings, layout or "")
    report, failure = inferred(network, output, batch=batch, layout=layout or "", convention=convention)
    if columns:
        from shapecalc.renderers import parse_columns
    text = render(
        report,
        format_,
        columns=parse_columns(columns) if columns else None,
        depth=depth,
        flops=flops,
        shares=shares,
        fold=fold,
        kind=kinds,
        sort=sort,
        top=top,
        **layout_of(output, format_),
    )
    emit(text, output, format_, report.name)
    if failure:
        raise failure
