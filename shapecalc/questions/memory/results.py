"""The memory of a network. All numbers are bytes, except the widths, which are bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.model.answer import Answer

if TYPE_CHECKING:
    from shapecalc.questions.memory.parallelism import Parallelism

__all__ = ["Activations", "Budget", "Context", "Held", "LayerMemory", "Memory", "Training", "Widths"]

VERSION = 1
"""The version of the JSON contract."""


class Widths(NamedTuple):
    """The bits of an element: of weights and biases, of activations, of buffers."""

    weights: int
    activations: int
    buffers: int


class Held(NamedTuple):
    """A tensor that is live at the peak."""

    name: str
    bytes: int


class Activations(NamedTuple):
    """The live inputs, outputs and activations at inference.

    `peak` is the maximum, while the layer `at` runs (none: before the first); `held` are the tensors that are live
    then; `overwritten` is the one that this layer overwrites, if any. `written` is the sum of the outputs of all layers
    (without views, which write nothing).
    """

    peak: int
    at: str
    held: tuple[Held, ...]
    overwritten: str
    peak_without_in_place: int
    inputs: int
    outputs: int
    written: int


class Training(NamedTuple):
    """The memory of training, besides weights and buffers.

    `gradients` are those of the parameters; `state` the optimizer's, with the master copy of mixed precision; `kept`
    the saved activations at the end of the forward pass; `peak` the maximum of live activations and their gradients, in
    the pass `direction` of the layer `at` (or the loss); `activation_gradients` is the part of the gradients, and
    `loss_at_peak` that of the loss. `trainable` is the number of parameters that are trained, `state_bits` the bits of
    the optimizer's state, `weight_copies` those that autocast makes. `loss` is cross_entropy or none; `scores` are the
    bytes of what it is computed of, and `loss_saved` what it saves for the backward pass (in addition to `kept`). With
    a `checkpoint`, so many `segments` of blocks are recomputed in the backward pass. `adapters`
    are the bytes of the weights of `lora`, which alone are trained. With
    a `parallelism`, all bytes are those of one device, in a pipeline of that in the `stage` with the most; `weights`
    are those of the network there, and `gathered` those of the largest layer that ZeRO puts together while it runs.
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
    state_bits: int = 32
    trainable: int = 0
    weight_copies: int = 0
    loss: str = "none"
    scores: int = 0
    loss_saved: int = 0
    loss_at_peak: int = 0
    checkpoint: str = "none"
    segments: int = 0
    lora: str = ""
    adapters: int = 0
    weights: int = 0
    gathered: int = 0
    parallelism: Parallelism | None = None
    stage: int = 0

    @property
    def on_device(self) -> int:
        """The bytes of all that are on a device, but for buffers."""
        fixed = self.weights + self.adapters + self.weight_copies + self.gathered
        return fixed + self.gradients + self.state + self.peak

    def to_dict(self) -> dict[str, Any]:
        """Return it as the JSON contract has it."""
        found = self._asdict()
        return {**found, "parallelism": self.parallelism._asdict() if self.parallelism else None}


class Budget(NamedTuple):
    """The largest batch that fits a budget (0: none), and its total: `fixed`, plus `sample` for each sample.

    `context` is the most past tokens that fit with the batch of the report, for a decoder; None where there is no
    cache, or no limit.
    """

    bytes: int
    batch: int
    total: int
    fixed: int
    sample: int
    context: int | None = None


class Context(NamedTuple):
    """The KV cache of the batch at a context: of `tokens` past tokens, `bytes` that are needed.

    `reserved` are the bytes if tokens outside the windows of attention are kept too.
    """

    tokens: int
    bytes: int
    reserved: int


class LayerMemory(NamedTuple):
    """The memory of one layer.

    `overwrites` is the tensor that it writes over, where it works in place; `scopes` names the blocks that it is in,
    outermost first.
    """

    name: str
    kind: str
    weights: int
    buffers: int
    output: int
    live: int | None
    overwrites: str
    scopes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as the JSON contract has it."""
        return {name: value for name, value in self._asdict().items() if name != "scopes"}


class _MemoryFields(NamedTuple):
    name: str
    inputs: dict[str, tuple[int, ...]]
    batch: int
    widths: Widths
    in_place: tuple[str, ...]
    order: str
    weights: int
    buffers: int
    activations: Activations
    kv_cache: int
    cross_kv_cache: int
    cross_kv_cache_per_source_token: int
    layers: tuple[LayerMemory, ...]
    training: Training | None = None
    budget: Budget | None = None
    kv_bits: int = 32
    kv_windows: dict[int, int] = {}  # noqa: RUF012  (never changed)
    state_cache: int = 0
    context: Context | None = None
    notes: tuple[str, ...] = ()


class Memory(Answer, _MemoryFields):
    """The bytes that a network needs. `layers` are in order of execution.

    `kv_cache` is what causal attention caches for each past token of one sample, during autoregressive decoding;
    `cross_kv_cache` what cross-attention caches of the source, once, and `cross_kv_cache_per_source_token` for each of
    the source's tokens. `kv_windows` has the part of `kv_cache` that is only needed of the last tokens, by their
    number; `state_cache` is the state of recurrences of one sample, however many tokens are past. They are part of
    `total` only at a `context`. `order` is given, exact (the optimum) or heuristic.
    """

    __slots__ = ()
    drawn_by = "memory.draw_memory"
    table = "layers"

    @property
    def total(self) -> int:
        """The total: weights, buffers and the peak of activations; in training, also gradients and state."""
        if self.training is None:
            cache = self.context.bytes if self.context else 0
            return self.weights + self.buffers + self.activations.peak + cache
        return self.buffers + self.training.on_device

    def to_dict(self) -> dict[str, Any]:
        """Return the memory in the form of the JSON contract."""
        activations = self.activations._asdict()
        return {
            "version": VERSION,
            "name": self.name,
            **self.notes_to_dict(),
            "inputs": {name: list(sizes) for name, sizes in self.inputs.items()},
            "batch": self.batch,
            "bits": self.widths._asdict(),
            "in_place": list(self.in_place),
            "order": self.order,
            "weights": self.weights,
            "buffers": self.buffers,
            "activations": {**activations, "held": [held._asdict() for held in self.activations.held]},
            "kv_cache_per_token": self.kv_cache,
            "kv_cache_bits": self.kv_bits,
            "kv_cache_windows": [{"tokens": window, "bytes": each} for window, each in self.kv_windows.items()],
            "cross_kv_cache": self.cross_kv_cache,
            "cross_kv_cache_per_source_token": self.cross_kv_cache_per_source_token,
            "state_cache": self.state_cache,
            **({"context": self.context._asdict()} if self.context else {}),
            **({"training": self.training.to_dict()} if self.training else {}),
            "total": self.total,
            **({"budget": self.budget._asdict()} if self.budget else {}),
            "layers": [layer.to_dict() for layer in self.layers],
        }
