"""The memory of a network. All numbers are bytes, except the widths, which are bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.model.answer import Answer
from shapecalc.text.units import plain_bits

if TYPE_CHECKING:
    from fractions import Fraction

    from shapecalc.model.graph import StatedContext
    from shapecalc.questions.memory.serving.results import Context, FitTable, ServedRun
    from shapecalc.questions.memory.small_devices.results import Patches, Placement
    from shapecalc.questions.memory.training.results import Training

__all__ = ["Activations", "Budget", "Held", "LayerMemory", "Memory", "WeightFormat", "Widths"]

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
    attention: str = "flash"
    stated_context: StatedContext | None = None


class Memory(Answer, _MemoryFields):
    """The bytes that a network needs. `layers` are in order of execution.

    `kv_cache` is what causal attention caches for each past token of one sample, during autoregressive decoding;
    `cross_kv_cache` what cross-attention caches of the source, once, and `cross_kv_cache_per_source_token` for each of
    the source's tokens. `kv_windows` has the part of `kv_cache` that is only needed of the last tokens, by their
    number; `state_cache` is the state of recurrences of one sample, however many tokens are past. They are part of
    `total` only at a `context`, whose activations are those of `run`; `fits` are totals at several contexts and
    batches. `weight_format` is the format of the weights, if it is a named one. `order` is given, exact (the optimum)
    or heuristic. `attention` is flash, or eager, which has its scores in memory. `stated_context` is the longest
    sequence that the file of a model states; a longer context is no error.
    """

    __slots__ = ()
    drawn_by = "answers.memory.draw_memory"
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
            "bits": self.widths.to_dict(),
            **({"weight_format": self.weight_format._asdict()} if self.weight_format else {}),
            "in_place": list(self.in_place),
            "order": self.order,
            "attention": self.attention,
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
            **({"stated_context": self.stated_context._asdict()} if self.stated_context else {}),
            **({"run": self.run.to_dict()} if self.run else {}),
            **({"fits": self.fits.to_dict()} if self.fits else {}),
            **({"training": self.training.to_dict()} if self.training else {}),
            "total": self.total,
            **({"budget": self.budget._asdict()} if self.budget else {}),
            **({"placement": self.placement.to_dict()} if self.placement else {}),
            **({"patches": self.patches._asdict()} if self.patches else {}),
            "layers": [layer.to_dict() for layer in self.layers],
        }
