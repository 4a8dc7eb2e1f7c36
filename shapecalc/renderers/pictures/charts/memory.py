"""Memory over time: the bytes that are live while each layer runs, the peak, and what the total is made of."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from shapecalc.escaping import clean
from shapecalc.questions.memory import Memory, memory
from shapecalc.renderers.answers.memory import ORDERS, amounts_of
from shapecalc.renderers.answers.serving import show_bits
from shapecalc.renderers.cells import show_bytes
from shapecalc.renderers.pictures.charts.bars import ROW, Bar, bars, names, width_of
from shapecalc.renderers.pictures.charts.heads import TEXT, chart, name_and_inputs
from shapecalc.renderers.pictures.charts.timeline import LiveStep, Timeline
from shapecalc.renderers.pictures.letters import text_width
from shapecalc.renderers.pictures.scene import Label, outline_of, polyline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.model.answer import Answer
    from shapecalc.renderers.pictures.scene import Mark, Scene

__all__ = ["draw", "steps_of"]

_ROOM, _NAME = 110.0, 250.0
_MOST_HELD = 8

_INFERENCE = {"the output of the layer": "data", "other tensors": "pale"}
_TRAINING = {
    "saved for the backward pass": "data", "other activations": "pale", "gradients of activations": "accent",
    "the loss": "ink",
}  # fmt: skip
"""What is live, from below to above, and its colours."""


def draw(answer: Answer) -> Scene:
    """Return the memory of a network: of a report that at inference."""
    found = answer if isinstance(answer, Memory) else memory(answer)  # type: ignore[arg-type]  # or a report
    steps = steps_of(found)
    timeline = Timeline(steps, _TRAINING if found.training else _INFERENCE)
    marks: list[Mark] = list(timeline.marks())
    marks += _composition(found, outline_of(marks).bottom + 40)
    samples = "one sample" if found.batch == 1 else f"a batch of {found.batch:,}"
    over = "a step of training" if found.training else "inference"
    bits = show_bits(found.widths.activations)
    about = f"Live activations while each layer runs, in {over}, at {bits} bits for {samples}"
    notes = [f"{ORDERS[found.order]} 1 KiB is 1,024 bytes."]
    if timeline.each > 1:
        notes.insert(0, f"Of every {timeline.each:,} of {len(steps):,} layers the maximum is drawn.")
    return chart(marks, name_and_inputs(found.name, found.inputs, found.batch), about, notes)


def steps_of(found: Memory) -> list[LiveStep]:
    """Return what is live while each layer runs, in order of execution; views take no step."""
    if found.training:
        scopes = {layer.name: layer.scopes for layer in found.layers}
        return [
            LiveStep(
                one.at, scopes.get(one.at, ()), one.direction,
                (one.saved, one.live - one.saved - one.gradients - one.loss, one.gradients, one.loss),
            )
            for one in found.training.moments
        ] or [LiveStep("", (), "", (0, 0, 0, 0))]  # fmt: skip
    start = LiveStep("", (), "", (0, found.activations.inputs))
    run = [layer for layer in found.layers if layer.live is not None]
    own = [min(layer.output, layer.live or 0) for layer in run]
    pairs = zip(run, own, strict=True)
    return [start, *[LiveStep(one.name, one.scopes, "", (mine, (one.live or 0) - mine)) for one, mine in pairs]]


def _composition(found: Memory, top: float) -> Iterator[Mark]:
    """Yield the parts of the total, and beside them the tensors that are live at the peak."""
    parts = _Table("Memory", [(name, amount) for name, amount in amounts_of(found) if amount], found.total)
    yield from parts.marks(0, top)
    if found.training is None and not found.fits:
        held = sorted(found.activations.held, key=lambda tensor: -tensor.bytes)
        rows = [(clean(tensor.name), tensor.bytes) for tensor in held]
        if len(rows) > _MOST_HELD:
            rest = rows[_MOST_HELD - 1 :]
            rows = [*rows[: _MOST_HELD - 1], (f"{len(rest):,} more", sum(amount for _, amount in rest))]
        yield from _Table("At the peak", rows, found.activations.peak).marks(parts.width + 48, top)


class _Table:
    """Amounts as bars under a heading, with their total."""

    def __init__(self, heading: str, rows: Sequence[tuple[str, int]], total: int) -> None:
        self.heading, self.total = heading, show_bytes(total)
        self.rows = [name for name, _ in rows]
        self.bars = [Bar(show_bytes(amount), Fraction(amount, total or 1)) for _, amount in rows]
        self.room = min(max([text_width(name, TEXT) for name in (*self.rows, "total")]), _NAME)

    @property
    def width(self) -> float:
        """The width of all of it."""
        return self.room + 12 + width_of(self.bars, _ROOM)

    def marks(self, x: float, top: float) -> Iterator[Mark]:
        """Yield it from a position on."""
        at, bottom = x + self.room + 12, top + ROW * len(self.rows)
        yield Label(at, top - 11, self.heading, TEXT, bold=True, key=f"head {self.heading}")
        yield from names(self.rows, at - 12, top, self.room)
        yield from bars(self.bars, at, top, _ROOM, self.heading)
        yield polyline(((x, bottom + 3), (x + self.width, bottom + 3)))
        yield Label(at - 12, bottom + 19, "total", TEXT, "right", bold=True, key=f"total of {self.heading}")
        yield Label(at + 6, bottom + 19, self.total, TEXT, bold=True, key=f"total {self.heading}")
