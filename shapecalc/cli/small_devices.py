"""The options of `memory` for small devices: budgets of flash and SRAM, folding, patches."""

from __future__ import annotations

import click

from shapecalc.cli.options import together

__all__ = ["small_device_options"]

small_device_options = together(
    click.option("--flash", metavar="BYTES", help="Check that weights, biases and scales fit this flash: 1MiB."),
    click.option("--sram", metavar="BYTES", help="Check that activations fit this SRAM: 320KiB."),
    click.option("--fold-batch-norm", is_flag=True, help="Fold batch normalisations into convolutions before them."),
    click.option("--patches", metavar="NxM|auto[,LAYER]",
                 help="Run the first stage, up to LAYER, in patches; auto: the fewest that fit --sram, or those with "
                      "the lowest peak.  [default: the stage with the lowest peak]"),
)  # fmt: skip
"""The options of small devices; `memory_on_device` has their meaning."""
