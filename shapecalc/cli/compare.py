"""`shapecalc compare`: several networks side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shapecalc.cli.formats import output_formats
from shapecalc.cli.options import batch_option, layout_option, load_one_of, read_settings, set_option, spec_argument
from shapecalc.cli.output import emit_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command"]


@click.command(short_help="Compare networks side by side: totals and ratios.")
@spec_argument("specs", "SPEC SPEC...", nargs=-1)
@click.option("--input", "inputs", metavar="SIZE", multiple=True, help="Set the input size of all networks.")
@set_option
@layout_option
@batch_option
@output_formats("text", "json", "markdown", "html")
def command(
    specs: Sequence[str], inputs: Sequence[str], settings: Sequence[str], layout: str | None, batch: int,
    format_: str, output: str | None,
) -> None:  # fmt: skip
    """Compare networks side by side: totals, ratios to the first network, and shares of each kind of layer."""
    from shapecalc.questions.compare import compare

    if len(specs) < 2:
        raise click.UsageError("give two or more SPECs to compare")
    networks = [load_one_of(spec, inputs, read_settings(settings), layout or "") for spec in specs]
    comparison = compare([network.infer(batch=batch, layout=layout or "") for network in networks])
    emit_answer(comparison, output, format_, " · ".join(report.name for report in comparison.reports))
