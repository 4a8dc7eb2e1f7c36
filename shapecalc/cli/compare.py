"""`shapecalc compare`: networks side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shapecalc.cli.formats import output_formats
from shapecalc.cli.options import (
    batch_option,
    emit,
    emit_json,
    layout_of,
    layout_option,
    load_network,
    set_option,
    spec_argument,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command"]


@click.command(short_help="Put networks side by side: totals, shares, ratios.")
@spec_argument("specs", "SPEC SPEC...", nargs=-1)
@click.option("--input", "inputs", metavar="SIZE", multiple=True, help="The input size of all of them.")
@set_option
@layout_option
@batch_option
@output_formats("text", "json", "markdown", "html")
def command(
    specs: Sequence[str], inputs: Sequence[str], settings: Sequence[str], layout: str | None, batch: int,
    format_: str, output: str | None,
) -> None:  # fmt: skip
    """Show networks side by side: totals, ratios to the first, and which kinds of layer hold them."""
    from shapecalc.questions.compare import compare
    from shapecalc.renderers.comparison import draw_comparison

    if len(specs) < 2:
        raise click.UsageError("give two SPECs or more to compare")
    networks = [load_network(spec, inputs, settings, layout or "") for spec in specs]
    comparison = compare([network.infer(batch=batch, layout=layout or "") for network in networks])
    if format_ == "json":
        emit_json(comparison.to_dict(), output)
        return
    text = draw_comparison(comparison, format_, **layout_of(output, format_))
    emit(text, output, format_, " · ".join(report.name for report in comparison.reports))
