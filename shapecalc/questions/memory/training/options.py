"""The options of training, read together: they imply one another, and some contradict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem, UsageError
from shapecalc.questions.memory.training.checkpointing import Checkpointing, read_checkpointing
from shapecalc.questions.memory.training.lora import Lora, read_lora
from shapecalc.questions.memory.training.loss import CROSS_ENTROPY, read_loss
from shapecalc.questions.memory.training.optimizers import OPTIMIZERS, Optimizer, read_optimizer
from shapecalc.questions.memory.training.parallelism import Parallelism, read_parallelism
from shapecalc.questions.memory.training.precision import PRECISIONS, Precision, read_precision
from shapecalc.text.given import read_flag
from shapecalc.text.units import parse_bits, plain_bits

if TYPE_CHECKING:
    from fractions import Fraction

    from shapecalc.questions.memory.results import Widths

__all__ = ["TRAINING", "TrainingOptions", "read_training"]

TRAINING = (
    "training", "optimizer", "mixed_precision", "precision", "state_bits", "loss", "checkpoint", "lora",
    *Parallelism._fields,
)  # fmt: skip
"""The names of the options of training."""


class TrainingOptions(NamedTuple):
    """How a network is trained. `state_bits` are those of the optimizer's state, where they are given."""

    optimizer: Optimizer = OPTIMIZERS["adam"]
    precision: Precision = PRECISIONS["fp32"]
    state_bits: int | Fraction | None = None
    loss: str = CROSS_ENTROPY
    checkpoint: Checkpointing | None = None
    lora: Lora | None = None
    parallel: Parallelism | None = None

    def with_widths(self, widths: Widths) -> TrainingOptions:
        """Return them with the precision that these widths make of it; adapters keep that of LoRA."""
        precision = self.precision if self.lora else self.precision.with_weights(widths.weights)
        return self._replace(precision=precision._replace(activations=widths.activations))


def read_training(
    *,
    training: Any = False,
    optimizer: str | None = None,
    mixed_precision: Any = False,
    precision: str | None = None,
    state_bits: int | str | None = None,
    loss: str | None = None,
    checkpoint: Any = None,
    lora: Any = None,
    **devices: Any,
) -> TrainingOptions | None:
    """Return the options of training; None without any, for inference. Every one implies training.

    `optimizer` is its name (adam by default); `precision` fp32, bf16, fp16, amp (autocast) or mixed, which is
    `mixed_precision`; `state_bits` the bits of the optimizer's state, by default those of its weights (PyTorch) or 32
    with mixed precision; `loss` cross_entropy (where the network outputs scores) or none;
    `checkpoint` recomputes activations in the backward pass: of all outermost `blocks`, of so many together, or of
    blocks by their names; `lora` trains adapters alone: `"rank=16,targets=q_proj,v_proj"`, or a mapping of these.
    `devices`, `zero`, `tensor`, `sequence`, `pipeline`, `expert`, `microbatches` are those of `read_parallelism`.
    Errors: `UsageError` for an invalid option, or one that contradicts another.
    """
    mixed = read_flag(mixed_precision, "mixed_precision")
    parallel = read_parallelism(**devices)
    given = (optimizer, precision, state_bits, loss, checkpoint, lora, parallel)
    if not read_flag(training, "training") and not mixed and all(option is None for option in given):
        return None
    chosen = read_optimizer("adam" if optimizer is None else optimizer)
    bits = None if state_bits is None else parse_bits(state_bits, "the optimizer's state")
    if bits is not None and chosen.in_bytes:
        message = f"{chosen.name} has a state of 8 bits, not {plain_bits(bits)}"
        raise UsageError(Problem(message, hint=f"leave the bits out, or use {chosen.name.removesuffix('8bit')}"))
    width = read_precision(precision, mixed_precision=mixed)
    return TrainingOptions(
        chosen, width, bits, read_loss(loss), read_checkpointing(checkpoint), read_lora(lora), parallel
    )
