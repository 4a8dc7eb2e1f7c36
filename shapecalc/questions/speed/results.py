"""The bounds on a network's speed. Times are in seconds, sizes in bytes, rates per second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.model.answer import Answer
from shapecalc.text.units import plain_bits

if TYPE_CHECKING:
    from fractions import Fraction

    from shapecalc.model.report import Report
    from shapecalc.questions.speed.devices import Device, Peak

__all__ = [
    "COMPUTE",
    "MEMORY",
    "Bound",
    "Decoding",
    "ElementBits",
    "LayerSpeed",
    "Prompt",
    "Roofline",
    "Routing",
    "Speed",
]

VERSION = 1
"""The version of the JSON contract."""

MEMORY = "memory"
COMPUTE = "compute"


class ElementBits(NamedTuple):
    """The bits of an element: of weights (on average, in a `format` with a name), of activations, of the KV cache."""

    weights: int | Fraction
    activations: int | Fraction
    kv_cache: int | Fraction
    format: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return them in the form of the JSON contract."""
        bits = {name: plain_bits(value) for name, value in zip(self._fields, self[:3], strict=False)}
        return {**bits, **({"format": self.format} if self.format else {})}


class Bound(NamedTuple):
    """A lower bound on a time: the bytes moved and the multiply-accumulates done in it, and what sets it.

    `bound` is `memory` or `compute`; empty if there is no work.
    """

    bytes: int
    macs: int
    seconds: float
    bound: str

    @property
    def intensity(self) -> float | None:
        """The arithmetic intensity: floating-point operations (two per multiply-accumulate) per byte moved."""
        return 2 * self.macs / self.bytes if self.bytes else None


class Roofline(NamedTuple):
    """The limits of a device at a width: bytes per second, and the peak of a number format."""

    bandwidth: int
    peak: Peak

    @property
    def ridge(self) -> float:
        """The arithmetic intensity from which on the peak is the limit, not the bandwidth."""
        return self.peak.rate / self.bandwidth

    def bound(self, bytes_: int, macs: int) -> Bound:
        """Return the bound of an amount of work."""
        memory, compute = bytes_ / self.bandwidth, 2 * macs / self.peak.rate
        sets = "" if not bytes_ and not macs else COMPUTE if compute > memory else MEMORY
        return Bound(bytes_, macs, max(memory, compute), sets)


class LayerSpeed(NamedTuple):
    """The bound of a layer on its own: `weights` and `activations` are the bytes that it moves."""

    name: str
    kind: str
    weights: int
    activations: int
    bound: Bound

    def to_dict(self) -> dict[str, Any]:
        """Return the layer in the form of the JSON contract."""
        own = {"name": self.name, "kind": self.kind, "weights": self.weights, "activations": self.activations}
        return {**own, **bound_to_dict(self.bound)}


class Prompt(NamedTuple):
    """The bound on the time to the first token after a prompt of `tokens` tokens, in every sample of the batch."""

    tokens: int
    bound: Bound

    def to_dict(self) -> dict[str, Any]:
        """Return the prompt in the form of the JSON contract."""
        return {"tokens": self.tokens, **bound_to_dict(self.bound)}


class Routing(NamedTuple):
    """The bound on a decoding step if the tokens of the batch use as many different experts as they can."""

    weights: int
    bound: Bound
    tokens_per_second: float


class Decoding(NamedTuple):
    """The bound on a decoding step: a token more in every sample, after `context` tokens.

    `weights` and `cache` are the bytes that it reads: weights once for the batch, of experts the fewest, and the keys
    and values (or states) of every sample. `spread` is the step for other choices of experts, if there are any.
    """

    context: int
    batch: int
    weights: int
    cache: int
    bound: Bound
    spread: Routing | None = None

    @property
    def tokens_per_second(self) -> float:
        """The most tokens per second, of all samples together."""
        return self.batch / self.bound.seconds

    def to_dict(self) -> dict[str, Any]:
        """Return the step in the form of the JSON contract."""
        rates = {
            "tokens_per_second": self.tokens_per_second,
            "tokens_per_second_per_sample": 1 / self.bound.seconds,
        }
        sizes = {"context": self.context, "weights": self.weights, "cache": self.cache}
        if self.spread is None:
            return {**sizes, **bound_to_dict(self.bound), **rates}
        spread = {
            "weights": self.spread.weights,
            **bound_to_dict(self.spread.bound),
            "tokens_per_second": self.spread.tokens_per_second,
        }
        return {**sizes, **bound_to_dict(self.bound), **rates, "experts_spread": spread}


def bound_to_dict(bound: Bound) -> dict[str, Any]:
    """Return a bound in the form of the JSON contract."""
    return {"bytes": bound.bytes, "macs": bound.macs, "intensity": bound.intensity, "seconds": bound.seconds,
            "bound": bound.bound}  # fmt: skip


class Speed(Answer):
    """Lower bounds on the time that a network needs on a device; never predictions. Immutable.

    `layers` are those of every layer on its own, whose times add up to `layer_by_layer`; `network` is that of the whole
    network, however its layers are fused; `stored` are the bytes of all weights. A decoder also has `prompt` and
    `decoding`; `why_no_decoding` says why a network that caches keys and values has none.
    """

    __slots__ = (
        "decoding", "device", "layers", "network", "prompt", "report", "roofline", "stored",
        "why_no_decoding", "widths",
    )  # fmt: skip
    drawn_by = "answers.speed.draw_speed"
    table = "layers"

    def __init__(  # noqa: PLR0913  (each is a field)
        self,
        report: Report,
        device: Device,
        widths: ElementBits,
        roofline: Roofline,
        layers: tuple[LayerSpeed, ...],
        network: Bound,
        stored: int,
        *,
        prompt: Prompt | None = None,
        decoding: Decoding | None = None,
        why_no_decoding: str = "",
    ) -> None:
        self.report = report
        self.device = device
        self.widths = widths
        self.roofline = roofline
        self.layers = layers
        self.network = network
        self.stored = stored
        self.prompt = prompt
        self.decoding = decoding
        self.why_no_decoding = why_no_decoding

    @property
    def name(self) -> str:
        """The name of the network."""
        return self.report.name

    @property
    def notes(self) -> tuple[str, ...]:
        """What is valid but probably a mistake."""
        return self.report.notes

    @property
    def layer_by_layer(self) -> float:
        """The sum of the times of all layers, each on its own."""
        return sum(layer.bound.seconds for layer in self.layers)

    def to_dict(self) -> dict[str, Any]:
        """Return the bounds in the form of the JSON contract."""
        peak = self.roofline.peak
        return {
            "version": VERSION,
            "name": self.name,
            **self.notes_to_dict(),
            "inputs": {name: list(sizes) for name, sizes in self.report.inputs.items()},
            "batch": self.report.batch,
            "device": self.device.to_dict(),
            "bits": self.widths.to_dict(),
            "peak": {"format": peak.format, "bits": peak.bits, "rate": peak.rate},
            "ridge": self.roofline.ridge,
            "network": bound_to_dict(self.network),
            "layer_by_layer": self.layer_by_layer,
            "weights": self.stored,
            **({"prompt": self.prompt.to_dict()} if self.prompt else {}),
            **({"decoding": self.decoding.to_dict()} if self.decoding else {}),
            "layers": [layer.to_dict() for layer in self.layers],
        }
