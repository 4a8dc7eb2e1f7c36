"""`shapecalc sizes`: which input sizes a network takes, and which of them no rounding touches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shapecalc.cli.formats import output_formats
from shapecalc.cli.options import emit, emit_json, layout_of, load_network, network_options

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command"]


@click.command(short_help="Tell which input sizes a network takes.")
@network_options
@output_formats("text", "json", "markdown", "html")
def command(spec: str, inputs: Sequence[str], settings: Sequence[str], format_: str, output: str | None) -> int:
    """Tell which input sizes a network takes: all that are legal, the smallest, and the exact ones.

    A size is legal where every layer fits. It is exact where every window ends at the edge of its input, so that no
    row is dropped by rounding down or made up by rounding up, and where maps that meet have one size. A + B·k stands
    for A, A + B, A + 2·B and so on. Exits with 1 where no size is legal.
    """
    answer = load_network(spec, inputs, settings).legal_sizes()
    if format_ == "json":
        emit_json(answer.to_dict(), output)
    else:
        from shapecalc.renderers.sizes import draw_sizes

        emit(draw_sizes(answer, format_, **layout_of(output, format_)), output, format_, answer.name)
    return 0 if all(entry.legal.smallest for entry in answer.axes) else 1
