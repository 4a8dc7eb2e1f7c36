"""`shapecalc explain`: the arithmetic behind every number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shapecalc.cli.formats import output_formats
from shapecalc.cli.options import (
    OneOf,
    batch_option,
    completed,
    layout_option,
    load_network,
    network_options,
    separated,
)
from shapecalc.cli.output import emit, inferred, layout_of
from shapecalc.text.cells import PROSE

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command"]

FORMATS = ("text", "json", "markdown", "latex", "html")
WHAT = ("output", "params", "macs", "output_bytes")


class _Listed(OneOf):
    """Some of the choices, separated by commas."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return ",".join([super(_Listed, self).convert(word.strip(), param, ctx) for word in value.split(",")])


@click.command(short_help="Show the arithmetic behind every number.")
@network_options
@click.argument("layers", metavar="[LAYER]...", nargs=-1, shell_complete=completed("layers"))
@click.option(
    "--what",
    type=_Listed(WHAT),
    multiple=True,
    help="Choose the numbers to explain, separated by commas; may be repeated. Default: all except output_bytes.",
)
@click.option("--back", is_flag=True, help="Trace the layer's input size back to the input of the network.")
@batch_option
@layout_option
@output_formats(*FORMATS)
def command(  # noqa: PLR0913, PLR0917  (each is an option of its own)
    spec: str,
    inputs: Sequence[str],
    settings: Sequence[str],
    layers: Sequence[str],
    what: Sequence[str],
    back: bool,
    batch: int,
    layout: str | None,
    format_: str,
    output: str | None,
) -> None:
    """Show the arithmetic behind every number: the formula, the formula with values, and where each value comes from.

    LAYER is the name of a layer or a block, or several, separated by commas; by default all layers are explained. After
    a shape error, every layer that could be inferred is explained, then the error is shown.
    """
    from shapecalc.questions.explain import explain_report  # after the options are validated

    network = load_network(spec, inputs, settings, layout or "")
    report, failure = inferred(network, output, layout=layout or "", batch=batch)
    layers = [name for word in layers for name in ([word] if report.line(word) else separated([word]))]
    names = [name for name in layers if report.line(name)] if failure else layers
    if failure and layers and not names:
        raise failure
    explanation = explain_report(report, names, separated(what) or None, back=back)
    width = layout_of(output, format_)["width"] or PROSE
    emit(explanation.render(format_, width=width), output, format_, network.name)
    if failure:
        raise failure
