"""`shapecalc convert`: a network as source of PyTorch and Keras, ONNX and other formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shapecalc.cli.options import ListingCommand, OneOf, completed, load_network, network_options
from shapecalc.cli.output import emit, warn
from shapecalc.exporters import FORMATS, check_name, format_of_file, lost_widths

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command"]


def _title(name: str, suffixes: Sequence[str]) -> str:
    """Return a format with the ends of the names of its files; `.py` alone is PyTorch's."""
    return f"{name} ({', '.join(suffixes) or f'with --to {name}'})"


@click.command(
    cls=ListingCommand,
    listing=("Formats", [(_title(name, one.suffixes), one.doc) for name, one in FORMATS.items()]),
    short_help="Convert a network to PyTorch or Keras source, ONNX, …",
)
@network_options
@click.option(
    "--to", type=OneOf([*FORMATS]), metavar="FORMAT",
    help=f"Choose the format: {', '.join(FORMATS)}.  [default: by the name of FILE]",
)  # fmt: skip
@click.option(
    "--depth", type=click.UNPROCESSED, metavar="N", shell_complete=completed("depth"),
    help="Expand blocks to this depth: 1, 2, … or all. Only for dot and mermaid.  "
    "[default: all, or what Mermaid can show]",
)  # fmt: skip
@click.option("--output", "-o", metavar="FILE", type=click.Path(), help="Write to FILE instead of the screen.")
def command(
    spec: str,
    inputs: Sequence[str],
    settings: Sequence[str],
    to: str | None,
    depth: str | None,
    output: str | None,
) -> None:
    """Write a network in another format: FILE decides which by its name, or --to.

    Nothing is written if the network has a shape error.
    """
    if output == "":
        raise click.BadParameter("the name of the file is empty", param_hint="'--output'")
    output = None if output == "-" else output
    if to is None and output is None:
        raise click.UsageError(f"Missing option '--to'. Choose from: {', '.join(FORMATS)}; or name a file with -o.")
    chosen = to or format_of_file(output or "")
    check_name(output or "", chosen)
    network = load_network(spec, inputs, settings)
    written = network.convert(chosen, depth=depth)
    lost = lost_widths(network.graph, chosen)
    warn([lost] if lost else [])
    emit(written, output, chosen)
