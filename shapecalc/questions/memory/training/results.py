"""The result of training: what it needs in addition to what a network needs at inference. In bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.text.units import plain_bits

if TYPE_CHECKING:
    from fractions import Fraction

    from shapecalc.questions.memory.training.parallelism import Parallelism

__all__ = ["Training", "TrainingMoment"]


class TrainingMoment(NamedTuple):
    """While a layer, or the loss (`at`), runs in a pass: the bytes of activations and their gradients.

    `live` are all of them, of which `saved` for the backward pass, `gradients`, and `loss` of the loss.
    """

    at: str
    direction: str
    live: int
    saved: int
    gradients: int
    loss: int


class Training(NamedTuple):
    """The memory of training, besides weights and buffers.

    `gradients` are those of the parameters; `state` the optimizer's, with the master copy of mixed precision; `kept`
    the saved activations at the end of the forward pass; `peak` the maximum of live activations and their gradients, in
    the pass `direction` of the layer `at` (or the loss); `activation_gradients` is the part of the gradients, and
    `loss_at_peak` that of the loss. `trainable` is the number of parameters that are trained, `state_bits` the bits of
    the optimizer's state, `weight_copies` those that autocast makes. `loss` is cross_entropy or none; `scores` are the
    bytes of what it is computed of, `loss_saved` what it saves for the backward pass (in addition to `kept`), and
    `loss_bits` the bits of an element of its log-softmax. With
    a `checkpoint`, so many `segments` of blocks are recomputed in the backward pass. `adapters`
    are the bytes of the weights of `lora`, which alone are trained, and `adapted` those of experts' weights with what
    their adapters add, which are copies. With
    a `parallelism`, all bytes are those of one device, in a pipeline of that in the `stage` with the most; `weights`
    are those of the network there, `repeated_heads` the heads of keys and values that are on several devices (0: none),
    and `gathered` those of the largest layer that ZeRO puts together while it runs. `moments` are all of a training
    step, in order; they are not in the JSON contract.
    """

    optimizer: str
    mixed_precision: bool
    gradients: int
    state: int
    kept: int
    peak: int
    at: str
    direction: str
    activation_gradients: int
    precision: str = "fp32"
    state_bits: int | Fraction = 32
    trainable: int = 0
    weight_copies: int = 0
    loss: str = "none"
    scores: int = 0
    loss_saved: int = 0
    loss_at_peak: int = 0
    loss_bits: int | Fraction = 0
    checkpoint: str = "none"
    segments: int = 0
    lora: str = ""
    adapters: int = 0
    adapted: int = 0
    weights: int = 0
    gathered: int = 0
    parallelism: Parallelism | None = None
    stage: int = 0
    repeated_heads: int = 0
    moments: tuple[TrainingMoment, ...] = ()

    @property
    def on_device(self) -> int:
        """The bytes of all that are on a device, but for buffers."""
        fixed = self.weights + self.adapters + self.weight_copies + self.adapted + self.gathered
        return fixed + self.gradients + self.state + self.peak

    def to_dict(self) -> dict[str, Any]:
        """Return it as the JSON contract has it."""
        bits = {name: plain_bits(getattr(self, name)) for name in ("state_bits", "loss_bits")}
        found = {**self._asdict(), **bits}
        del found["moments"]
        return {**found, "parallelism": self.parallelism._asdict() if self.parallelism else None}
