"""The options of `memory` for small devices: budgets of flash and SRAM, folding, patches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["small_device_options"]

_Command = TypeVar("_Command", bound="Callable[..., Any]")

_OPTIONS = (
    click.option("--flash", metavar="BYTES", help="Check that weights, biases and scales fit this flash: 1MiB."),
    click.option("--sram", metavar="BYTES", help="Check that activations fit this SRAM: 320KiB."),
    click.option("--fold-batch-norm", is_flag=True, help="Fold batch normalisations into convolutions before them."),
    click.option("--patches", metavar="NxM|auto[,LAYER]",
                 help="Run the first stage, up to LAYER, in patches; auto: the fewest that fit --sram, or those with "
                      "the lowest peak.  [default: the stage with the lowest peak]"),
)  # fmt: skip


def small_device_options(function: _Command) -> _Command:
    """Add the options of small devices to a command; `memory_on_device` has their meaning."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function
