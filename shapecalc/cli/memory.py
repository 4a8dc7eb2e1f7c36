"""`shapecalc memory`: the memory that a network needs, at inference and in training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import click

from shapecalc.cli.formats import output_formats
from shapecalc.cli.options import (
    WholeNumber,
    all_or_depth,
    batch_option,
    completed,
    depth_option,
    layout_option,
    load_network,
    network_options,
)
from shapecalc.cli.output import emit_answer

__all__ = ["command"]

OPTIMIZERS = (
    "none", "sgd", "momentum", "rmsprop", "adagrad", "adadelta", "lion", "adam", "adamw", "amsgrad", "nadam", "radam",
    "adamax", "adafactor", "muon", "adam8bit", "adamw8bit", "lion8bit",
)  # fmt: skip

_Command = Callable[..., None]


_bits_option = partial(click.option, metavar="BITS", shell_complete=completed("bits"))


def _group(name: str, text: str) -> Callable[[_Command], _Command]:
    return click.option(name, type=WholeNumber(1, 10**7), metavar="N", help=text)


def _training_options(command: _Command) -> _Command:
    """Add the options of training: each implies `--training`."""
    options = (
        click.option("--training", is_flag=True, help="Add gradients, saved activations and optimizer state."),
        click.option(
            "--optimizer", metavar="NAME", type=click.Choice(OPTIMIZERS, case_sensitive=False),
            help="Choose the optimizer: none, sgd, momentum, adam, adamw, adamw8bit, adafactor, lion, muon, …; implies "
            "--training.  [default: adam]",
        ),
        click.option(
            "--precision", type=click.Choice(["fp32", "bf16", "fp16", "amp", "mixed"], case_sensitive=False),
            help="Train in fp32, in 16 bits (bf16, fp16), with autocast (amp), or in 16 bits with an fp32 copy of the "
            "weights (mixed).  [default: fp32]",
        ),
        click.option("--mixed-precision", is_flag=True, help="The same as --precision mixed."),
        _bits_option("--state-bits", help="Set the bits of a value of the optimizer's state."),
        click.option(
            "--loss", type=click.Choice(["cross_entropy", "none"], case_sensitive=False),
            help="Count this loss, where the network outputs scores.  [default: cross_entropy]",
        ),
        click.option(
            "--checkpoint", metavar="BLOCKS", shell_complete=completed("among", ("blocks", "none")),
            help="Keep only the inputs of blocks, and recompute the rest: blocks (all), a number of blocks at once, or "
            "names (layer3.*).",
        ),
        click.option(
            "--lora", metavar="OPTIONS", shell_complete=completed("among", ("rank=16,targets=all-linear",)),
            help="Train adapters beside frozen weights: rank=16,targets=q_proj,v_proj (or all-linear).",
        ),
        _group("--devices", "Show the bytes of one of N devices; the batch is that of a device."),
        click.option(
            "--zero", type=click.IntRange(0, 3), metavar="STAGE",
            help="Divide the optimizer's state (1), gradients too (2), and weights too (3, as FSDP) among devices.",
        ),
        _group("--tensor", "Divide each layer among N devices, as Megatron does."),
        click.option("--sequence", is_flag=True, help="With --tensor, divide the positions of everything else."),
        _group("--pipeline", "Divide the blocks into N stages; the stage that needs the most is shown."),
        _group("--microbatches", "Let N batches follow one another through the pipeline.  [default: its stages]"),
        _group("--expert", "Divide experts among N devices."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.command(short_help="Show the memory that a network needs, at its peak.")
@network_options
@_bits_option("--weights", help="Set the bits of a weight: 32, 16, 8, 4, fp16, int8, …  [default: 32]")
@_bits_option("--activations", help="Set the bits of an activation.  [default: 32]")
@_bits_option("--buffers", default="32", show_default=True, help="Set the bits of a buffer (running statistics).")
@_bits_option("--kv-bits", help="Set the bits of an element of the KV cache.  [default: those of activations]")
@click.option(
    "--context", type=WholeNumber(0, 10**9), metavar="N", help="Add the KV cache of N past tokens of every sample."
)
@batch_option
@click.option(
    "--in-place",
    metavar="LIST",
    shell_complete=completed("in_place"),
    default="all",
    show_default=True,
    help="Choose layers to run in place: all, none, torch (as eager PyTorch does), activations, normalisation, "
    "additions, or names of kinds.",
)
@click.option(
    "--order",
    type=click.Choice(["given", "best"]),
    default="given",
    help="Run branches as given, or in the order with the lowest peak.",
)
@click.option(
    "--attention",
    type=click.Choice(["flash", "eager"], case_sensitive=False),
    default="flash",
    show_default=True,
    help="Choose attention that stores no scores (flash), or that does (eager).",
)
@_training_options
@click.option(
    "--budget",
    metavar="BYTES",
    help="Show the largest batch, and the longest context, that fit in this memory: 24GiB, 512KiB, 16GB.",
)
@click.option("--layers", is_flag=True, help="Show the memory of every layer, in order of execution.")
@depth_option
@layout_option
@output_formats("text", "json", "markdown", "html")
def command(  # noqa: PLR0913, PLR0917  (each is an option of its own)
    spec: str,
    inputs: Sequence[str],
    settings: Sequence[str],
    weights: str | None,
    activations: str | None,
    buffers: str,
    kv_bits: str | None,
    context: int | None,
    batch: int,
    in_place: str,
    order: str,
    attention: str,
    budget: str | None,
    layers: bool,
    depth: int | str | None,
    layout: str | None,
    format_: str,
    output: str | None,
    **training: Any,
) -> None:
    """Show the memory that a network needs: weights, buffers, live activations at their peak, and training."""
    result = load_network(spec, inputs, settings, layout or "").memory(
        batch=batch,
        layout=layout or "",
        weights=weights,
        activations=activations,
        buffers=buffers,
        in_place=in_place,
        order=order,
        attention=attention,
        budget=budget,
        context=context,
        kv_bits=kv_bits,
        **training,
    )
    emit_answer(result, output, format_, result.name, layers=layers, depth=all_or_depth(depth))
