"""`shapecalc sizes`: which input sizes a network accepts, and which of them need no rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shapecalc.cli.formats import output_formats
from shapecalc.cli.options import layout_option, load_network, network_options
from shapecalc.cli.output import emit_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command"]


@click.command(short_help="Show which input sizes a network accepts.")
@network_options
@layout_option
@output_formats("text", "json", "markdown", "html")
def command(
    spec: str, inputs: Sequence[str], settings: Sequence[str], layout: str | None, format_: str, output: str | None
) -> None:
    """Show which input sizes a network accepts: all legal sizes, the smallest one, and the exact ones.

    A size is legal if no layer has a shape error. It is exact if every window ends at the edge of its input, so that
    no row is dropped by rounding down or added by rounding up, and if feature maps that are merged have the same
    size. A + B·k means A, A + B, A + 2·B and so on. If no size is legal, the error is shown, and the exit status is 1.
    """
    answer = load_network(spec, inputs, settings, layout or "").legal_sizes()
    emit_answer(answer, output, format_, answer.name)
