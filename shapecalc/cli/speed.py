"""`shapecalc speed`: lower bounds on the time that a network needs on a device."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from shapecalc.cli.formats import output_formats, plot_option
from shapecalc.cli.options import (
    batch_option,
    completed,
    depth_option,
    layout_option,
    load_network,
    network_options,
    read_selection,
    selection_options,
)
from shapecalc.cli.output import check_plot, emit_answer
from shapecalc.cli.serving import weight_options
from shapecalc.errors import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command"]

_bits_option = partial(click.option, metavar="BITS", shell_complete=completed("bits"))
_tokens_option = partial(click.option, metavar="N")


@click.command(short_help="Show lower bounds on the time that a network needs.")
@network_options
@click.option(
    "--device", metavar="DEVICE", shell_complete=completed("devices"),
    help="Choose a device: h100, rtx-4090, … (`shapecalc devices` lists all), or a YAML file of your own.  [required]",
)  # fmt: skip
@weight_options("16")
@_bits_option(
    "--activations",
    help="Set the bits of an activation, and of arithmetic.  [default: those of a model's config.json, or 16]",
)
@_bits_option("--kv-bits", help="Set the bits of an element of the KV cache.  [default: those of activations]")
@_tokens_option(
    "--prompt",
    help="Bound the time to the first token after a prompt of N tokens: 8192, 8k.  [default: the length of the input]",
)  # fmt: skip
@_tokens_option(
    "--context",
    help="Bound the tokens per second after N past tokens.  [default: the prompt]",
)  # fmt: skip
@batch_option
@plot_option("the roofline")
@layout_option
@depth_option()
@selection_options("time, bytes, intensity, macs", "longest times", order="speed_order")
@output_formats("text", "json", "markdown", "html")
def command(  # noqa: PLR0913, PLR0917  (each is an option of its own)
    spec: str,
    inputs: Sequence[str],
    settings: Sequence[str],
    device: str | None,
    weights: str | None,
    weights_of: Sequence[str],
    activations: str | None,
    kv_bits: str | None,
    prompt: str | None,
    context: str | None,
    batch: int,
    plot: str | None,
    layout: str | None,
    depth: int | str | None,
    kinds: Sequence[str],
    sort: str | None,
    top: int | None,
    format_: str,
    output: str | None,
) -> None:
    """Show lower bounds on the time of every layer, and of the network: bytes at the bandwidth, MACs at the peak.

    Of a decoder also the time to the first token, and tokens per second. They are bounds, never predictions: no program
    reaches the bandwidth and the peak of a datasheet.
    """
    selection = read_selection(kinds, sort, top, "JSON always contains everything" if format_ == "json" else "")
    if device is None:
        hint = "write for instance --device h100; `shapecalc devices` lists the bundled ones"
        raise UsageError(Problem("no device is named", hint=hint))
    network = load_network(spec, inputs, settings, layout or "")
    if plot:
        check_plot(plot, output, "plotting a roofline")
    found = network.speed(
        device, batch=batch, layout=layout or "", weights=weights, weights_of=weights_of, activations=activations,
        kv_bits=kv_bits,
        prompt=prompt, context=context,
    )  # fmt: skip
    options = {} if format_ == "json" else {"depth": depth, **selection}
    emit_answer(found, output, format_, found.name, **options)
    if plot:
        found.draw().save(plot)
