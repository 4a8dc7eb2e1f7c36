"""`shapecalc formula`: sizes, parameters and MACs as closed formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shapecalc.cli.formats import output_formats
from shapecalc.cli.options import completed, layout_option, load_network, network_options, separated
from shapecalc.cli.output import emit_answer

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = ["command"]


@click.command(short_help="Show sizes, parameters and MACs as closed formulas.")
@network_options
@click.option(
    "--symbol", "-s", "symbols", metavar="NAME", multiple=True, shell_complete=completed("symbols"),
    help="Choose symbols, separated by commas: H, W (D, L) for the input's axes, N for the batch, or variables. May be "
    "repeated.",
)  # fmt: skip
@click.option(
    "--what", metavar="LIST", multiple=True, shell_complete=completed("quantities"),
    help="Choose, separated by commas: output, params, macs, active_params, weights, biases, trainable, buffers. May "
    "be repeated.",
)  # fmt: skip
@click.option(
    "--layer",
    metavar="NAME",
    default="",
    shell_complete=completed("layers"),
    help="Show the formulas of one layer or block instead of the whole network.",
)
@layout_option
@output_formats("text", "json", "markdown", "latex", "html", "python")
def command(  # noqa: PLR0913, PLR0917  (each is an option of its own)
    spec: str,
    inputs: Sequence[str],
    settings: Sequence[str],
    symbols: Sequence[str],
    what: Sequence[str],
    layer: str,
    layout: str | None,
    format_: str,
    output: str | None,
) -> None:
    """Show the output size, parameters and MACs as closed formulas in the chosen symbols.

    The default symbols are the height and width of the input. Each formula is verified against inference at many
    sizes before it is shown. ⌊x⌋ means x rounded down; A + B·k means A, A + B, A + 2·B and so on.
    """
    network = load_network(spec, inputs, settings, layout or "")
    answer = network.formula(separated(symbols), what=separated(what), layer=layer, layout=layout or "")
    emit_answer(answer, output, format_, answer.name)
