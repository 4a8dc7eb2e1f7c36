"""`shapecalc formula`: sizes, parameters and MACs as closed formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shapecalc.cli.options import emit, emit_json, load_network, network_options, output_option

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = ["command"]

_CONDITIONS = 8
_WIDTH = 80


@click.command(short_help="Give sizes, parameters and MACs as closed formulas.")
@network_options
@click.option(
    "--symbol", "-s", "symbols", metavar="NAME", multiple=True,
    help="H, W (D, L) for the input's axes, N for the batch, or a variable of the specification. May be repeated.",
)  # fmt: skip
@click.option("--what", metavar="LIST", help="output, params, macs, weights, biases, trainable, buffers; with commas.")
@click.option("--layer", metavar="NAME", default="", help="Of one layer, in place of the whole network.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "latex", "python", "json"]),
    default="text",
    help="How to write it.",
)
@output_option
def command(
    spec: str,
    inputs: Sequence[str],
    settings: Sequence[str],
    symbols: Sequence[str],
    what: str | None,
    layer: str,
    format_: str,
    output: str | None,
) -> None:
    """Give the output size, parameters and MACs as closed formulas in chosen symbols.

    Without --symbol they are the height and width of the input. Each formula is compared with plain inference before
    it is shown. ⌊x⌋ is x rounded down; A + B·k stands for A, A + B, A + 2·B and so on.
    """
    network = load_network(spec, inputs, settings)
    quantities = [word.strip() for word in what.split(",") if word.strip()] if what else []
    answer = network.formula(symbols, what=quantities, layer=layer)
    if format_ == "json":
        emit_json(answer.to_dict(), output)
    else:
        from shapecalc.renderers.formula import draw_formulas

        emit(draw_formulas(answer, format_), output, format_)
