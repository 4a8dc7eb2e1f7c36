"""`shapecalc compare`: networks side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shapecalc.cli.options import emit, emit_json, load_network, output_option, terminal_width, wants_color

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command"]


@click.command(short_help="Put networks side by side: totals, shares, ratios.")
@click.argument("specs", metavar="SPEC SPEC...", nargs=-1)
@click.option("--input", "inputs", metavar="SIZE", multiple=True, help="The input size of all of them.")
@click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, help="Give a variable of all another value.")
@click.option("--layout", type=click.Choice(["hwc", "chw"], case_sensitive=False), help="How sizes are shown.")
@click.option("--format", "format_", type=click.Choice(["table", "json", "markdown"]), default="table",
              help="How to write it.")  # fmt: skip
@output_option
def command(
    specs: Sequence[str], inputs: Sequence[str], settings: Sequence[str], layout: str | None, format_: str,
    output: str | None,
) -> None:  # fmt: skip
    """Show networks side by side: totals, ratios to the first, and which kinds of layer hold them."""
    from shapecalc.questions.compare import compare
    from shapecalc.renderers.comparison import draw_comparison

    if len(specs) < 2:
        raise click.UsageError("give two SPECs or more to compare")
    networks = [load_network(spec, inputs, settings, layout or "") for spec in specs]
    comparison = compare([network.infer(layout=layout or "") for network in networks])
    if format_ == "json":
        emit_json(comparison.to_dict(), output)
        return
    to_screen = output is None and format_ == "table"
    width = terminal_width() if to_screen else None
    emit(draw_comparison(comparison, format_, width, color=wants_color() and to_screen), output, format_)
