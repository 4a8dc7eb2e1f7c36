"""The memory of a network. All numbers are bytes, except the widths, which are bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.model.answer import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

__all__ = [
    "Activations",
    "Budget",
    "Context",
    "FitTable",
    "Flash",
    "Held",
    "LayerMemory",
    "Memory",
    "Patches",
    "Placement",
    "ServedRun",
    "Sram",
    "Training",
    "WeightFormat",
    "Widths",
]

VERSION = 1
"""The version of the JSON contract."""


class Widths(NamedTuple):
    """The bits of an element: of weights and biases (on average, in a named format), of activations, of buffers."""

    weights: int | Fraction
    activations: int | Fraction
    buffers: int | Fraction

    def to_dict(self) -> dict[str, int | float]:
        """Return them as the JSON contract has them."""
        return {name: plain_bits(bits) for name, bits in self._asdict().items()}


def plain_bits(bits: int | Fraction) -> int | float:
    """Return bits as a number of JSON."""
    return bits if isinstance(bits, int) else round(float(bits), 4)


class WeightFormat(NamedTuple):
    """The named format of weights, its source, and patterns of layers with other formats; `origin` is who chose it."""

    name: str
    source: str
    others: dict[str, str] = {}  # noqa: RUF012  (never changed)
    origin: str = ""


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
    the pass `direction` of the layer `at`; `activation_gradients` is the part of the gradients.
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


class ServedRun(NamedTuple):
    """What the activations at a context are those of: a step of decoding, or a chunk of a prompt (prefill).

    `tokens` of each sample are computed at once; 0 where the network's own input is, because the length of its sequence
    is not the size of an axis of an input. `logits` are of the last token, or all; `attention` is flash or eager.
    `sources` are the sizes of the other inputs.
    """

    phase: str
    tokens: int
    logits: str
    attention: str
    sources: dict[str, tuple[int, ...]]


class FitTable(NamedTuple):
    """Total bytes by context (rows) and batch (columns); what fits into `budget` bytes, if there is one.

    `largest_batch` is that at each context (0: none), `longest_context` that with each batch (0: none, None: any).
    """

    contexts: Sequence[int]
    batches: Sequence[int]
    totals: tuple[tuple[int, ...], ...]
    budget: int | None = None
    largest_batch: tuple[int, ...] = ()
    longest_context: tuple[int | None, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as the JSON contract has it."""
        limits = {"largest_batch": list(self.largest_batch), "longest_context": list(self.longest_context)}
        return {
            "contexts": list(self.contexts),
            "batches": list(self.batches),
            "totals": [list(row) for row in self.totals],
            **({} if self.budget is None else {"budget": self.budget, **limits}),
        }


class Patches(NamedTuple):
    """A stage that runs in patches: how many along each axis, and the layer that ends it.

    `stage` and `rest` are the peaks of activations in it and after it; `input` is the size of the part of the network's
    input that the largest patch depends on. `macs` are those of the stage as a whole, `macs_in_patches` those of all
    patches, which overlap.
    """

    counts: tuple[int, ...]
    end: str
    stage: int
    rest: int
    input: tuple[int, ...]
    macs: int
    macs_in_patches: int


class Flash(NamedTuple):
    """What flash holds: weights, biases, scales of quantised weights, buffers; and its budget, if there is one."""

    weights: int
    biases: int
    scales: int
    buffers: int
    budget: int | None

    @property
    def total(self) -> int:
        """The sum of all."""
        return self.weights + self.biases + self.scales + self.buffers

    @property
    def fits(self) -> bool:
        """Whether it is within the budget: also where there is none."""
        return self.budget is None or self.total <= self.budget


class Sram(NamedTuple):
    """What SRAM holds: the activations at their peak; and its budget, if there is one."""

    activations: int
    budget: int | None

    @property
    def total(self) -> int:
        """The activations."""
        return self.activations

    @property
    def fits(self) -> bool:
        """Whether it is within the budget: also where there is none."""
        return self.budget is None or self.total <= self.budget


class Placement(NamedTuple):
    """A network on a small device: flash and SRAM; whether batch normalisations are folded, and how many were."""

    flash: Flash
    sram: Sram
    folds: bool
    folded: int

    @property
    def fits(self) -> bool:
        """Whether both are within their budgets."""
        return self.flash.fits and self.sram.fits

    def to_dict(self) -> dict[str, Any]:
        """Return it in the form of the JSON contract."""
        parts = {}
        for name, part in (("flash", self.flash), ("sram", self.sram)):
            parts[name] = {**part._asdict(), "total": part.total, "fits": part.fits}
        return {**parts, "fold_batch_norm": self.folds, "folded": self.folded}


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
    kv_bits: int | Fraction = 32
    kv_windows: dict[int, int] = {}  # noqa: RUF012  (never changed)
    state_cache: int = 0
    context: Context | None = None
    notes: tuple[str, ...] = ()
    weight_format: WeightFormat | None = None
    run: ServedRun | None = None
    fits: FitTable | None = None
    placement: Placement | None = None
    patches: Patches | None = None


class Memory(Answer, _MemoryFields):
    """The bytes that a network needs. `layers` are in order of execution.

    `kv_cache` is what causal attention caches for each past token of one sample, during autoregressive decoding;
    `cross_kv_cache` what cross-attention caches of the source, once, and `cross_kv_cache_per_source_token` for each of
    the source's tokens. `kv_windows` has the part of `kv_cache` that is only needed of the last tokens, by their
    number; `state_cache` is the state of recurrences of one sample, however many tokens are past. They are part of
    `total` only at a `context`, whose activations are those of `run`; `fits` are totals at several contexts and
    batches. `weight_format` is the format of the weights, if it is a named one. `order` is given, exact (the optimum)
    or heuristic.
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
        return self.weights + self.buffers + self.training.gradients + self.training.state + self.training.peak

    def to_dict(self) -> dict[str, Any]:
        """Return the memory in the form of the JSON contract."""
        activations = self.activations._asdict()
        return {
            "version": VERSION,
            "name": self.name,
            **self.notes_to_dict(),
            "inputs": {name: list(sizes) for name, sizes in self.inputs.items()},
            "batch": self.batch,
            "bits": self.widths.to_dict(),
            **({"weight_format": self.weight_format._asdict()} if self.weight_format else {}),
            "in_place": list(self.in_place),
            "order": self.order,
            "weights": self.weights,
            "buffers": self.buffers,
            "activations": {**activations, "held": [held._asdict() for held in self.activations.held]},
            "kv_cache_per_token": self.kv_cache,
            "kv_cache_bits": plain_bits(self.kv_bits),
            "kv_cache_windows": [{"tokens": window, "bytes": each} for window, each in self.kv_windows.items()],
            "cross_kv_cache": self.cross_kv_cache,
            "cross_kv_cache_per_source_token": self.cross_kv_cache_per_source_token,
            "state_cache": self.state_cache,
            **({"context": self.context._asdict()} if self.context else {}),
            **({"run": _run_to_dict(self.run)} if self.run else {}),
            **({"fits": self.fits.to_dict()} if self.fits else {}),
            **({"training": self.training._asdict()} if self.training else {}),
            "total": self.total,
            **({"budget": self.budget._asdict()} if self.budget else {}),
            **({"placement": self.placement.to_dict()} if self.placement else {}),
            **({"patches": self.patches._asdict()} if self.patches else {}),
            "layers": [layer.to_dict() for layer in self.layers],
        }


def _run_to_dict(run: ServedRun) -> dict[str, Any]:
    return {**run._asdict(), "sources": {name: list(sizes) for name, sizes in run.sources.items()}}
