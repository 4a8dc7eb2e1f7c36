"""`shapecalc memory`: the bytes that a network takes, in use and in training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shapecalc.cli.formats import output_formats
from shapecalc.cli.options import batch_option, emit, emit_json, layout_of, load_network, network_options

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command"]

OPTIMIZERS = ("none", "sgd", "momentum", "rmsprop", "adagrad", "lion", "adam", "adamw")


@click.command(short_help="Tell the bytes that a network takes, and their peak.")
@network_options
@click.option("--weights", metavar="BITS", help="Bits of a weight: 32, 16, 8, 4, fp16, int8, …  [default: 32]")
@click.option("--activations", metavar="BITS", help="Bits of an activation.  [default: 32]")
@click.option("--buffers", metavar="BITS", default="32", show_default=True, help="Bits of a running statistic.")
@batch_option
@click.option(
    "--in-place",
    metavar="LIST",
    default="all",
    show_default=True,
    help="Layers that may write over what they read: all, none, activations, normalisation, additions, kinds.",
)
@click.option(
    "--order",
    type=click.Choice(["given", "best"]),
    default="given",
    help="Run branches as given, or for the least peak.",
)
@click.option("--training", is_flag=True, help="Add gradients, kept activations and the optimizer's state.")
@click.option("--optimizer", type=click.Choice(OPTIMIZERS), help="Of the training; implies it.  [default: adam]")
@click.option("--mixed-precision", is_flag=True, help="Train in 16 bits, with an fp32 copy of the weights.")
@click.option("--budget", metavar="BYTES", help="Tell the largest batch that fits: 24GiB, 512KiB, 16GB.")
@click.option("--layers", is_flag=True, help="Show every layer, in the order in which they run.")
@output_formats("text", "json", "markdown", "html")
def command(  # noqa: PLR0913, PLR0917  (each is an option of its own)
    spec: str,
    inputs: Sequence[str],
    settings: Sequence[str],
    weights: str | None,
    activations: str | None,
    buffers: str,
    batch: int,
    in_place: str,
    order: str,
    training: bool,
    optimizer: str | None,
    mixed_precision: bool,
    budget: str | None,
    layers: bool,
    format_: str,
    output: str | None,
) -> None:
    """Show the bytes that a network takes: weights, what is live of activations at most, and what training adds."""
    result = load_network(spec, inputs, settings).memory(
        batch=batch,
        weights=weights,
        activations=activations,
        buffers=buffers,
        in_place=in_place,
        order=order,
        training=training,
        optimizer=optimizer,
        mixed_precision=mixed_precision,
        budget=budget,
    )
    if format_ == "json":
        emit_json(result.to_dict(), output)
        return
    from shapecalc.renderers.memory import draw_memory

    text = draw_memory(result, format_, layers=layers, **layout_of(output, format_))
    emit(text, output, format_, result.name)
