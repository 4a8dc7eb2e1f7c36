"""`shapecalc explain`: the arithmetic of every number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shapecalc.cli.options import (
    emit,
    inferred,
    layout_option,
    load_network,
    network_options,
    output_option,
    terminal_width,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command"]

FORMATS = ("text", "markdown", "latex", "json")
WHAT = ("output", "params", "macs", "output_bytes")


@click.command(short_help="Show the arithmetic of every number.")
@network_options
@click.argument("layers", metavar="[LAYER]...", nargs=-1)
@click.option(
    "--what",
    type=click.Choice(WHAT),
    multiple=True,
    help="Which numbers; may be repeated. All but output_bytes by default.",
)
@layout_option
@click.option("--format", "format_", type=click.Choice(FORMATS), default="text", help="How to write it.")
@output_option
def command(
    spec: str,
    inputs: Sequence[str],
    settings: Sequence[str],
    layers: Sequence[str],
    what: Sequence[str],
    layout: str | None,
    format_: str,
    output: str | None,
) -> None:
    """Show the arithmetic of every number: the rule, the rule with this layer's numbers, where those come from.

    A LAYER is the name of a layer or of a block; all are explained where none is named. Where sizes do not fit, every
    layer that could be inferred is explained, then the error is shown.
    """
    from shapecalc.questions.explain import explain_report  # noqa: PLC0415  (after the options were found good)

    network = load_network(spec, inputs, settings, layout or "")
    report, failure = inferred(network, output, layout=layout or "")
    names = [name for name in layers if report.line(name)] if failure else layers
    if failure and layers and not names:
        raise failure
    explanation = explain_report(report, names, what or None)
    width = terminal_width() if output is None else None
    emit(explanation.render(format_, width=width), output, format_)
    if failure:
        raise failure
