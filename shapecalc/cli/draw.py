"""`shapecalc draw`: a network as a picture, in one of the styles of `renderers/pictures`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from shapecalc.cli.formats import output_formats
from shapecalc.cli.options import (
    ListingCommand,
    OneOf,
    batch_option,
    completed,
    depth_option,
    layout_option,
    load_network,
    network_options,
)
from shapecalc.cli.output import check_picture, emit
from shapecalc.renderers.pictures import DIRECTIONS, FORMATS, SCALES, STYLES, THEMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["command", "given_options"]

_STYLES = {name: style for name, style in STYLES.items() if "Report" in style.of}
"""The styles of pictures of a network; others are of answers to questions about it."""


@click.command(
    cls=ListingCommand,
    listing=("Styles", [(name, one.doc) for name, one in _STYLES.items()]),
    short_help="Draw a network: its graph, feature maps to scale, charts.",
)
@network_options
@click.option(
    "--style", type=OneOf([*_STYLES]), metavar="STYLE", default=next(iter(_STYLES)), show_default=True,
    help=f"Choose what is drawn: {', '.join(_STYLES)}.",
)  # fmt: skip
@batch_option
@layout_option
@depth_option("as deep as fits on a page")
@click.option(
    "--direction", type=OneOf(DIRECTIONS),
    help="Choose which way the graph goes: down, or to the right.  [default: down]",
)  # fmt: skip
@click.option(
    "--scale", type=OneOf([*SCALES]),
    help="Choose the lengths of volumes: proportional to the square roots of sizes (sqrt, the default), to sizes, or "
    "to their logarithms.",
)  # fmt: skip
@click.option(
    "--of",
    metavar="NAMES",
    help="With --style shares: draw params, macs or output_bytes, or several with commas.  [default: all]",
)
@click.option(
    "--layer", metavar="NAMES", shell_complete=completed("layers"),
    help="With --style receptive-field: draw those of a layer, or of several with commas.  [default: the last "
    "feature maps]",
)  # fmt: skip
@click.option(
    "--at", metavar="POSITION",
    help="With --style receptive-field: draw that of this position of the layer, 3x4, counted from 0.  "
    "[default: the middle]",
)  # fmt: skip
@click.option(
    "--theme", type=OneOf(THEMES), default="auto", show_default=True,
    help="Choose the colours: auto is light or dark like the reader's system, and light in PNG and PDF.",
)  # fmt: skip
@output_formats(*FORMATS)
def command(  # noqa: PLR0913  (each is an option of its own)
    spec: str,
    inputs: Sequence[str],
    settings: Sequence[str],
    batch: int,
    layout: str | None,
    *,
    style: str,
    theme: str,
    format_: str,
    output: str | None,
    **options: Any,
) -> None:
    """Draw a network with its sizes, for instance into net.svg: the suffix of FILE decides the format.

    A graph is by default expanded as deep as fits on a page: to about 40 boxes. Repeated blocks and layers are one box.

    Nothing is written if the network has a shape error.
    """
    check_picture(format_, output)
    network = load_network(spec, inputs, settings, layout or "")
    picture = network.infer(batch=batch, layout=layout or "").draw(style, theme=theme, **given_options(options))
    emit(picture.write(format_), output, format_, f"{network.name}: {style}", theme=theme)


def given_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options on the command line: only these are passed to the style, which may not have others."""
    source = click.get_current_context().get_parameter_source
    return {name: value for name, value in options.items() if source(name) is ParameterSource.COMMANDLINE}
