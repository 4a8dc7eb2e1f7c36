"""`shapecalc rf`: receptive fields, and the part of the input that one position sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from shapecalc.cli.formats import output_formats
from shapecalc.cli.options import (
    completed,
    depth_option,
    layout_option,
    load_network,
    network_options,
    read_selection,
    selection_options,
)
from shapecalc.cli.output import emit, emit_json, inferred, layout_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.questions.receptive_field import ReceptiveFields

__all__ = ["command"]


def _read_position(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Return the position of `--at`: 3x4."""
    if value is None:
        return None
    from shapecalc.text.units import read_sizes

    position = read_sizes(value)
    if position is None:
        raise click.BadParameter(f"{value!r} is not a position: write 3x4, counted from 0", ctx, param)
    return tuple(position)


@click.command(short_help="Show the receptive field of every layer.")
@network_options
@click.argument("layer", metavar="[LAYER]", required=False, shell_complete=completed("layers"))
@click.option(
    "--at", "position", metavar="POSITION", callback=_read_position,
    help="Show what one position of LAYER's output sees: 3x4, counted from 0.",
)  # fmt: skip
@layout_option
@depth_option()
@selection_options("rf, jump, params", "largest receptive fields")
@output_formats("text", "json", "markdown", "html")
def command(  # noqa: PLR0913, PLR0917  (each is an option of its own)
    spec: str,
    inputs: Sequence[str],
    settings: Sequence[str],
    layer: str | None,
    position: tuple[int, ...] | None,
    layout: str | None,
    depth: int | str | None,
    kinds: Sequence[str],
    sort: str | None,
    top: int | None,
    format_: str,
    output: str | None,
) -> None:
    """Show the receptive field, effective stride and padding of every layer, or what one position of a LAYER sees.

    The default position is the middle of the LAYER's output. After a shape error, every layer that could be inferred
    is shown, then the error.
    """
    if position is not None and layer is None:
        raise click.UsageError("--at is a position of one layer: name the layer")
    why_none = "JSON always contains everything" if format_ == "json" else ""
    selection = read_selection(kinds, sort, top, why_none if layer is None else f"{layer} is one layer")
    from shapecalc.questions.receptive_field import receptive_fields  # after the options are validated

    report, failure = inferred(load_network(spec, inputs, settings, layout or ""), output, layout=layout or "")
    if failure and layer is not None and report.line(layer) is None:
        raise failure
    fields = receptive_fields(report)
    place = None if layer is None else (layer, fields.middle(layer) if position is None else position)
    _show(fields, place, {"depth": depth, **selection}, format_, output)
    if failure:
        raise failure


def _show(
    fields: ReceptiveFields, place: tuple[str, tuple[int, ...]] | None, lines: dict[str, Any], format_: str,
    output: str | None,
) -> None:  # fmt: skip
    """Show what a position of a layer sees, or the receptive fields of all layers."""
    if format_ == "json":
        emit_json(fields.region_dict(*place) if place else fields.to_dict(), output)
        return
    from shapecalc.renderers.answers.receptive_field import draw_fields, draw_region

    layout_ = layout_of(output, format_)
    if place:
        text = draw_region(fields, *place, format_, **layout_)
    else:
        text = draw_fields(fields, format_, **lines, **layout_)
    emit(text, output, format_, fields.report.name)
