"""`shapecalc memory`: the memory that a network needs, at inference and in training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from shapecalc.cli.formats import output_formats, plot_option
from shapecalc.cli.options import (
    GroupedCommand,
    OneOf,
    all_or_depth,
    batch_option,
    completed,
    depth_option,
    grouped,
    layout_option,
    load_network,
    network_options,
)
from shapecalc.cli.output import check_plot, emit_answer
from shapecalc.cli.serving import element_options, serving_options, table_options
from shapecalc.cli.small_devices import small_device_options
from shapecalc.cli.training import parallel_options, training_options

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command"]


@click.command(cls=GroupedCommand, short_help="Show the memory that a network needs, at its peak.")
@network_options
@grouped("Inference", element_options)
@grouped("Serving (decoders)", serving_options)
@grouped("Serving (decoders)", table_options)
@batch_option
@grouped(
    "Inference",
    click.option(
        "--in-place",
        metavar="LIST",
        shell_complete=completed("in_place"),
        default="all",
        show_default=True,
        help="Choose layers to run in place: all, none, torch (as eager PyTorch does), activations, normalisation, "
        "additions, depthwise, residual, names of kinds.",
    ),
)
@grouped("Inference", click.option(
    "--order",
    type=OneOf(["given", "best"]),
    default="given",
    show_default=True,
    help="Run branches as given, or in the order with the lowest peak.",
))  # fmt: skip
@grouped("Training", training_options)
@grouped("Parallel devices", parallel_options)
@click.option(
    "--budget",
    metavar="BYTES",
    help="Show the largest batch, and the longest context, that fit in this memory: 24GiB, 512KiB, 16GB.",
)
@grouped("Small devices", small_device_options)
@click.option("--layers", is_flag=True, help="Show the memory of every layer, in order of execution.")
@depth_option("all")
@plot_option("the live bytes over time")
@layout_option
@output_formats("text", "json", "markdown", "html")
def command(  # noqa: PLR0913  (each is an option of its own)
    spec: str,
    inputs: Sequence[str],
    settings: Sequence[str],
    *,
    batch: int,
    layers: bool,
    depth: int | str | None,
    plot: str | None,
    layout: str | None,
    format_: str,
    output: str | None,
    **options: Any,
) -> int:
    """Show the memory that a network needs: weights, buffers, live activations at their peak, and training.

    Exit status 1 if it does not fit --flash or --sram.
    """
    network = load_network(spec, inputs, settings, layout or "")
    if plot:
        check_plot(plot, output, "plotting memory")
    result = network.memory(batch=batch, layout=layout or "", **options)
    emit_answer(result, output, format_, result.name, layers=layers, depth=all_or_depth(depth))
    if plot:
        result.draw().save(plot)
    return 0 if result.placement is None or result.placement.fits else 1
