"""The options of `memory` for training: its precision and optimizer, what is recomputed, adapters, devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from shapecalc.cli.options import OneOf, WholeNumber, completed, together

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["parallel_options", "training_options"]

_Command = TypeVar("_Command", bound="Callable[..., Any]")

OPTIMIZERS = (
    "none", "sgd", "momentum", "rmsprop", "adagrad", "adadelta", "lion", "adam", "adamw", "amsgrad", "nadam", "radam",
    "adamax", "adafactor", "muon", "adam8bit", "adamw8bit", "lion8bit",
)  # fmt: skip


def _group(name: str, text: str) -> Callable[[_Command], _Command]:
    return click.option(name, type=WholeNumber(1, 10**7), metavar="N", help=text)


training_options = together(
    click.option("--training", is_flag=True, help="Add gradients, saved activations and optimizer state."),
    click.option(
        "--optimizer", metavar="NAME", type=OneOf(OPTIMIZERS),
        help="Choose the optimizer: none, sgd, momentum, adam, adamw, adamw8bit, adafactor, lion, muon, …; implies "
        "--training.  [default: adam]",
    ),
    click.option(
        "--precision", type=OneOf(["fp32", "bf16", "fp16", "amp", "mixed"]),
        help="Train in fp32, in 16 bits (bf16, fp16), with autocast (amp), or in 16 bits with an fp32 copy of the "
        "weights (mixed).  [default: fp32]",
    ),
    click.option("--mixed-precision", is_flag=True, help="The same as --precision mixed."),
    click.option(
        "--state-bits", metavar="BITS", shell_complete=completed("bits"),
        help="Set the bits of a value of the optimizer's state.  [default: those of the weights; 32 with mixed]",
    ),
    click.option(
        "--loss", type=OneOf(["cross_entropy", "none"]),
        help="Count this loss, where the network outputs logits.  [default: cross_entropy]",
    ),
    click.option(
        "--checkpoint", metavar="BLOCKS", shell_complete=completed("among", ("blocks", "none")),
        help="Use activation (gradient) checkpointing: save only the inputs of blocks, and recompute the rest. "
        "`blocks` for each block, N for groups of N blocks, or names (layer3.*) for these alone.",
    ),
    click.option(
        "--lora", metavar="OPTIONS", shell_complete=completed("among", ("rank=16,targets=all-linear",)),
        help="Train adapters beside frozen weights: rank=16,targets=q_proj,v_proj (or all-linear).",
    ),
)  # fmt: skip
"""The options of training; each implies `--training`. `read_training` has their meaning."""

parallel_options = together(
    _group("--devices", "Show the bytes of one of N devices; the batch is that of a device."),
    click.option(
        "--zero", type=WholeNumber(0, 3), metavar="STAGE",
        help="Use ZeRO: shard the optimizer's state (1), gradients too (2), and weights too (3, as FSDP).",
    ),
    _group("--tensor", "Use tensor parallelism: divide each layer among N devices, as Megatron does."),
    click.option(
        "--sequence", is_flag=True,
        help="Use sequence parallelism with --tensor: divide the sequence among the devices where layers are not.",
    ),
    _group("--pipeline", "Use pipeline parallelism: divide the blocks into N stages; that with the most is shown."),
    _group("--microbatches", "Set the number of microbatches of a step.  [default: the stages of the pipeline]"),
    _group("--expert", "Use expert parallelism: divide the experts among N devices."),
)  # fmt: skip
"""The options of training on several devices; each implies `--training` too."""
