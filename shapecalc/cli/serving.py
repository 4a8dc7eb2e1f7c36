"""The options of `memory` that other commands have too: bits and formats, and those of a decoder that is served."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from shapecalc.cli.options import OneOf, completed, parameters_of, together

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["asked_of_memory", "element_options", "memory_options", "serving_options", "table_options", "weight_options"]

_Command = TypeVar("_Command", bound="Callable[..., Any]")

_bits_option = partial(click.option, metavar="BITS", shell_complete=completed("bits"))

serving_options = together(
    click.option("--context", metavar="N",
                 help="Count the memory of serving after N past tokens of every sample: 8192, or 8k for 8 × 1,024."),
    _bits_option("--kv-bits", help="Set the bits of cached keys and values: 16, 8, q8_0, …  [default: those of "
                 "activations]"),
    click.option("--prefill", metavar="[CHUNK]", is_flag=False, flag_value="0", default=None,
                 help="Run the last CHUNK tokens of the context at once, or all of them, instead of decoding one."),
    click.option("--logits", type=OneOf(["last", "all"]),
                 help="Choose the tokens of a chunk whose logits are computed.  [default: last]"),
    click.option("--attention", type=OneOf(["flash", "eager"]), default="flash",
                 show_default=True, help="Choose whether attention's scores are in memory (eager) or not."),
)  # fmt: skip
"""The options of a decoder that is served."""

table_options = together(
    click.option("--table", is_flag=True, help="Show the totals at several contexts and batches."),
    click.option("--contexts", metavar="LIST", help="Choose the contexts of the table: 4k,8k,32k. Implies --table."),
    click.option("--batches", metavar="LIST", help="Choose the batches of the table: 1,4,16. Implies --table."),
)  # fmt: skip
"""The options of a table."""


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
    return together(formats, others)


element_options = together(
    weight_options("32"),
    _bits_option("--activations",
                 help="Set the bits of an activation.  [default: those of a model's config.json, or 32]"),
    _bits_option("--buffers", default="32", show_default=True,
                 help="Set the bits of a buffer (running statistics)."),
)  # fmt: skip
"""The options of the bits of elements."""

memory_options = together(element_options, serving_options)
"""The options of memory that the commands share: those of elements, and of a decoder that is served."""


def asked_of_memory(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that `memory_options` adds, and that are given to the command that runs."""
    given = click.get_current_context().get_parameter_source
    names = [param.name or "" for param in parameters_of(memory_options)]
    return {name: options[name] for name in names if given(name) is not ParameterSource.DEFAULT}
