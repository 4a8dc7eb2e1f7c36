"""The options of `memory` for a decoder that is served: its context, its cache, and what a run computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from shapecalc.cli.options import completed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["serving_options", "weight_options"]

_Command = TypeVar("_Command", bound="Callable[..., Any]")

_OPTIONS = (
    click.option("--context", metavar="N",
                 help="Show the memory of serving after N past tokens of every sample: 8192, or 8k for 8 × 1,024."),
    click.option("--kv-bits", metavar="BITS", shell_complete=completed("bits"),
                 help="Set the bits of cached keys and values: 16, 8, q8_0, …  [default: those of activations]"),
    click.option("--prefill", metavar="[CHUNK]", is_flag=False, flag_value="0", default=None,
                 help="Run the last CHUNK tokens of the context at once, or all of them, instead of decoding one."),
    click.option("--logits", type=click.Choice(["last", "all"]),
                 help="Choose the tokens of a chunk whose scores are computed.  [default: last]"),
    click.option("--attention", type=click.Choice(["flash", "eager"], case_sensitive=False), default="flash",
                 show_default=True, help="Choose whether attention's scores are in memory (eager) or not."),
    click.option("--table", is_flag=True, help="Show the totals at several contexts and batches."),
    click.option("--contexts", metavar="LIST", help="Choose the contexts of the table: 4k,8k,32k. Implies --table."),
    click.option("--batches", metavar="LIST", help="Choose the batches of the table: 1,4,16. Implies --table."),
)  # fmt: skip


def weight_options(usual: str) -> Callable[[_Command], _Command]:
    """Return what adds the options of the format of weights to a command, for `usual` bits by default."""
    formats = click.option(
        "--weights",
        metavar="FORMAT",
        shell_complete=completed("formats_of_weights"),
        help="Set the bits of a weight, or its format: 16, 4.5, int8, q4_k_m, nf4, awq-g128, …  [default: those of a "
        f"model's config.json, or {usual}]",
    )
    others = click.option(
        "--weights-of",
        metavar="GLOB=FORMAT",
        multiple=True,
        help="Set the format of layers or blocks by name: 'lm_head=16'. May be repeated.",
    )
    return lambda function: formats(others(function))


def serving_options(function: _Command) -> _Command:
    """Add the options to a command; their names are those of `shapecalc.questions.memory.serving.capacity.Serving`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
