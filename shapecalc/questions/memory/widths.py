"""The bits of weights, activations and buffers that a question of memory assumes, and whether they can be trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, UsageError
from shapecalc.questions.memory.results import Widths
from shapecalc.text.units import parse_bits, plain_bits

if TYPE_CHECKING:
    from fractions import Fraction

    from shapecalc.model.report import Report
    from shapecalc.questions.memory.training.options import TrainingOptions

__all__ = ["USUAL_BITS", "check_trained", "choose_widths"]

USUAL_BITS = 32
"""Bits of an element, if neither a caller nor the file of the model says otherwise."""

_LEAST_TRAINED = 8
"""Bits of the narrowest weights and activations that are trained: those of FP8 (Micikevicius et al. 2022)."""


def choose_widths(
    report: Report, weights: int | Fraction, activations: Any, buffers: Any, training: TrainingOptions | None
) -> Widths:
    """Return the bits of everything, with those of `weights` on average. Errors: `UsageError`."""
    own, precision = report.graph.stored, training.precision if training else None
    usual: Any = precision.activations if precision else (own and own.activations) or USUAL_BITS
    widths = Widths(
        weights,
        parse_bits(usual if activations is None else activations, "activations"),
        parse_bits(buffers, "buffers"),
    )
    if training is None or precision is None:
        return widths
    # LoRA leaves the weights as they are, at any bits
    if not training.lora and (precision.master or precision.autocast) and weights != precision.weights:
        name = "mixed precision" if precision.master else precision.name
        message = f"{name} has weights of {precision.weights} bits, not {plain_bits(weights)}"
        raise UsageError(Problem(message, hint="leave one of the two out"))
    if precision.autocast and widths.activations != precision.activations:
        message = f"{precision.name} chooses the bits of activations itself"
        raise UsageError(Problem(message, hint="leave one of the two out"))
    return widths


def check_trained(report: Report, widths: Widths, training: TrainingOptions, *, is_named: bool) -> None:
    """Check that gradients may have these widths; with LoRA those of the weights are frozen. Errors: `UsageError`."""
    if not any(row.trainable for row in report.rows):
        return
    if is_named and not training.lora:
        message = "weights in a format of stored weights cannot be trained: their gradients have no such format"
        hint = "train with weights of 16 or 32 bits, or adapters beside them: --lora rank=16"
        raise UsageError(Problem(message, hint=hint))
    trained = [] if training.lora else [(widths.weights, "weights")]
    for bits, what in (*trained, (widths.activations, "activations")):
        if bits < _LEAST_TRAINED:
            shown = plain_bits(bits)
            raise UsageError(
                Problem(
                    f"{what} of {shown} bits cannot be trained: their gradients would have {shown} bits too",
                    why=("fine-tuning of quantised weights freezes them, and trains others (QLoRA: --lora)",)
                    if what == "weights"
                    else (),
                    hint=f"train with {what} of {_LEAST_TRAINED} bits or more, or leave training out",
                )
            )
