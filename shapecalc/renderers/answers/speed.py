"""Bounds on a network's speed: a table of its layers, notes, and for a decoder a table of its bounds."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from shapecalc.errors import count_noun
from shapecalc.escaping import clean
from shapecalc.questions.speed import MEMORY
from shapecalc.renderers import selection_of
from shapecalc.renderers.answers.serving import show_bits
from shapecalc.renderers.blocks import BLOCK_FORMATS, Note, Table, check_format, draw_blocks
from shapecalc.renderers.cells import NOTHING, TEXT, Sort, show_scaled, show_time, unchanged
from shapecalc.renderers.columns import COLUMNS, Column
from shapecalc.renderers.drawing import TableLine
from shapecalc.renderers.footer import opening
from shapecalc.renderers.listing import listing
from shapecalc.renderers.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from shapecalc.model.report import Report
    from shapecalc.model.rows import ReportLine
    from shapecalc.questions.speed import Bound, Device, ElementBits, LayerSpeed, Speed
    from shapecalc.renderers.blocks import Block
    from shapecalc.renderers.selection import Selection

__all__ = ["SORTABLE", "draw_devices", "draw_speed", "show_operations"]

SORTABLE = ("name", "kind", "macs", "bytes", "intensity", "time", "bound")
"""The columns, by each of which lines can be sorted."""

_WHOLE = 0.995
"""The share of a block's time from which on it is bound by one limit."""


def draw_speed(
    speed: Speed,
    format_: str = "text",
    *,
    depth: int | str | None = "auto",
    width: int | None = None,
    color: bool = False,
    kind: str | Sequence[str] = (),
    sort: str | None = None,
    top: int | None = None,
) -> str:
    """Return the bounds in a format: text, Markdown or HTML.

    `depth`, `kind`, `sort` and `top` select lines as in the table of a report; `top` alone those with the longest
    times.
    """
    check_format(format_, BLOCK_FORMATS)
    columns = _columns(speed)
    selection = selection_of(kind, sort, top, usual="-time", columns=columns)
    view = _SpeedView(speed, columns, depth, width, color, selection)
    parts = [str(import_module(f"shapecalc.renderers.{format_}").draw(view))]
    if speed.decoding:
        blocks: list[Block] = [_decoding(speed), *map(Note, _decoding_notes(speed))]
        parts.append(draw_blocks(blocks, format_, width, color=color))
    return ("\n" if format_ == "html" else "\n\n").join(parts)


class _SpeedView(View):
    """A report with the columns of bounds, and notes on them below."""

    def __init__(
        self, speed: Speed, columns: Mapping[str, Column], depth: int | str | None, width: int | None, color: bool,
        selection: Selection | None,
    ) -> None:  # fmt: skip
        super().__init__(speed.report, depth=depth, width=width, color=color, selection=selection)
        self.columns = {**columns}
        self.speed = speed

    @property
    def title(self) -> str:
        return f"{super().title} · {clean(self.speed.device.name)}"

    @property
    def all_lines(self) -> list[ReportLine]:
        """The lines of the layers: inputs of the network have no bound."""
        return [line for line in super().all_lines if line.rows]

    def names(self, default: Sequence[str] = ()) -> list[str]:  # noqa: ARG002  (no other columns)
        return list(SORTABLE)

    def footer(self, names: Sequence[str]) -> list[str]:  # noqa: ARG002  (whatever is shown)
        closed = [line for line in self.lines if line.is_block]
        shown = self.selection.words(len(self.lines), len(self.all_lines)) if self.selection else ""
        return [
            *filter(None, [shown]),
            *_notes(self.speed),
            *([opening(sum(line.copies for line in closed), self.depth)] if closed and self.depth else []),
            *map(clean, self.report.notes),
        ]


def _columns(speed: Speed) -> dict[str, Column]:
    """Return the columns: those of a report that are shown, and those of the bounds."""
    by_name = {layer.name: layer for layer in speed.layers}

    def each(value: Callable[[list[LayerSpeed]], Any]) -> Callable[[Report, Sequence[ReportLine]], list[Any]]:
        return lambda _, lines: [value([by_name[row.name] for row in line.rows]) for line in lines]

    return {
        "name": COLUMNS["name"],
        "kind": COLUMNS["kind"],
        "macs": COLUMNS["macs"]._replace(values=each(lambda layers: sum(layer.bound.macs for layer in layers))),
        "bytes": Column(
            "Bytes", "bytes moved", _BYTES, each(lambda layers: sum(layer.bound.bytes for layer in layers))
        ),
        "intensity": Column("FLOP/B", "floating-point operations per byte moved", _RATIO, each(_intensity)),
        "time": Column("Min. time", "lower bound on the time", _TIME, each(_seconds)),
        "bound": Column("Bound by", "memory or compute", TEXT, each(_bound_by)),
    }


def _seconds(layers: Sequence[LayerSpeed]) -> float:
    return sum(layer.bound.seconds for layer in layers)


def _intensity(layers: Sequence[LayerSpeed]) -> float:
    moved = sum(layer.bound.bytes for layer in layers)
    return 2 * sum(layer.bound.macs for layer in layers) / moved if moved else 0.0


def _bound_by(layers: Sequence[LayerSpeed]) -> str:
    """Return what sets the bound of a layer; of a block, what sets most of its time, with the share."""
    whole = _seconds(layers)
    if not whole:
        return NOTHING
    memory = sum(layer.bound.seconds for layer in layers if layer.bound.bound == MEMORY) / whole
    word, share = ("memory", memory) if memory > 0.5 else ("compute", 1 - memory)
    return word if share >= _WHOLE else f"{word} {share:.0%}"


def _show_ratio(ratio: float) -> str:
    return (f"{ratio:,.0f}" if ratio >= 99.95 else f"{ratio:.1f}") if ratio else NOTHING


_BYTES = Sort(lambda size: show_scaled(size, "B") if size else NOTHING, str, is_number=True, adds=True, order=unchanged)
_RATIO = Sort(_show_ratio, str, is_number=True, order=unchanged)
_TIME = Sort(show_time, str, is_number=True, adds=True, order=unchanged)


def show_operations(rate: float) -> str:
    """Return a rate of operations: `989 TFLOP/s`."""
    return show_scaled(rate, "FLOP/s")


def _notes(speed: Speed) -> Iterator[str]:
    """Yield sentences on what the bounds are."""
    peak, roofline, bits = speed.roofline.peak, speed.roofline, speed.widths
    yield f"Lower bounds on time, never predictions. Whole network: at least {_whole(speed.network)}."
    yield (
        "Layers, and their total: each layer alone reads its weights and inputs once and writes its output. Fused "
        "layers move less: of the whole network only weights, inputs and outputs are counted."
    )
    yield (
        f"{_weights(bits)}, {show_bits(bits.activations)}-bit activations; {peak.format} at "
        f"{show_operations(peak.rate)}{_instead(speed)}, "
        f"memory at {show_scaled(roofline.bandwidth, 'B/s')}. Ridge point: "
        f"{_show_ratio(roofline.ridge)} FLOP/B; a layer with fewer is memory-bound."
    )
    yield (
        "A MAC is 2 FLOPs."
        + (" Weights: experts of one token, rows of one token in tables that are looked up." if _skips(speed) else "")
        + (" Attention scores that the mask hides are not counted." if _hides(speed) else "")
    )
    if speed.why_no_decoding:
        yield f"No bounds on decoding: {clean(speed.why_no_decoding)}."
    yield from _of_device(speed)


def _weights(bits: ElementBits) -> str:
    shown = show_bits(bits.weights)
    return f"Weights in {bits.format}, on average {shown} bits" if bits.format else f"{shown}-bit weights"


def _whole(bound: Bound) -> str:
    if not bound.bound:
        return "0 s: it has no work"
    moved, macs = show_scaled(bound.bytes, "B"), f"{show_scaled(bound.macs, 'MACs')}"
    return f"{show_time(bound.seconds)}, {bound.bound}-bound ({moved}, {macs})"


def _instead(speed: Speed) -> str:
    """Return that the peak is one of another width, if there is none of the activations'."""
    bits = speed.widths.activations
    if speed.roofline.peak.bits == bits:
        return ""
    return f" (there is no peak of {show_bits(bits)} bits)"


def _hides(speed: Speed) -> bool:
    return bool(sum(layer.bound.macs for layer in speed.layers) != speed.report.total.macs)


def _skips(speed: Speed) -> bool:
    """Return whether some layer reads a part of its weights only."""
    layers = [(row.node.layer, row.sizing.inputs) for row in speed.report.rows]
    return any(layer.read_weights(*inputs) != layer.weights(*inputs) for layer, inputs in layers if layer is not None)


def _of_device(speed: Speed) -> Iterator[str]:
    """Yield where the figures of the device are from, and whether weights and cache fit its memory."""
    device = speed.device
    cache = speed.decoding.cache if speed.decoding else 0
    if device.memory is not None and speed.stored + cache > device.memory:
        held = f"the weights, {show_scaled(speed.stored, 'B')},"
        held += f" and the cache, {show_scaled(cache, 'B')}," if cache else ""
        yield f"It does not fit: {held} are more than the {show_scaled(device.memory, 'B')} of the device."
    note = f" Note: {clean(device.note)}." if device.note else ""
    if device.source:
        yield f"Dense peaks, without sparsity: {clean(device.source)}.{note}"


def _decoding(speed: Speed) -> Table:
    prompt, step = speed.prompt, speed.decoding
    assert prompt is not None
    assert step is not None
    rows = [
        (f"first token, after {prompt.tokens:,}", prompt.bound, ""),
        (f"next token, after {step.context:,}", step.bound, _rate(step.tokens_per_second)),
    ]
    if step.spread:
        rows.append(("with other experts each", step.spread.bound, _rate(step.spread.tokens_per_second)))
    lines = [
        TableLine((name, show_scaled(bound.bytes, "B"), _show_ratio(bound.intensity or 0), show_time(bound.seconds),
                   bound.bound, rate or NOTHING))
        for name, bound, rate in rows
    ]  # fmt: skip
    heading = "Decoding" if step.batch == 1 else f"Decoding, batch {step.batch:,}"
    return Table((heading, "Bytes", "FLOP/B", "Min. time", "Bound by", "Max. tokens/s"), lines, numbers=(1, 2, 3, 5))


def _rate(tokens: float) -> str:
    return f"{tokens:,.0f}" if tokens >= 999.5 else f"{tokens:.1f}"


def _decoding_notes(speed: Speed) -> Iterator[str]:
    step = speed.decoding
    assert step is not None
    each = "" if step.batch == 1 else f", {_rate(1 / step.bound.seconds)} for each sample"
    yield (
        f"A decoding step reads {show_scaled(step.weights, 'B')} of weights, once for the batch, and "
        f"{show_scaled(step.cache, 'B') if step.cache else 'nothing'} of the cache "
        f"({show_bits(speed.widths.kv_cache)} bits): at most {_rate(step.tokens_per_second)} tokens a second{each}."
    )
    yield "For the first token, layers after the last attention work for the last position alone."
    if step.spread:
        yield (
            "Which experts the batch uses is not known: the fewest are those of one token, the most are different ones "
            f"for each ({show_scaled(step.spread.weights, 'B')} of weights)."
        )


def draw_devices(
    devices: Sequence[Device], format_: str, width: int | None = None, *, color: bool = False
) -> str:  # fmt: skip
    """Return a list of devices: bandwidth, memory, and the fastest peak of each width."""
    rows = [
        (device.key, device.name, show_scaled(device.bandwidth, "B/s"),
         NOTHING if device.memory is None else show_scaled(device.memory, "B"),
         *[_peak_of(device, bits) for bits in (32, 16, 8)], device.source)
        for device in devices
    ]  # fmt: skip
    headings = ("device", "name", "bandwidth", "memory", "32 bits", "16 bits", "8 bits", "source")
    room = width if format_ == "text" else None
    table = listing(headings, rows, numbers=(2, 3, 4, 5, 6), spare=(7, 1, 3), cut=(1,), width=room)
    notes = [
        Note("Peaks are TFLOP/s, dense: the fastest format of each width; – has none of its own."),
        Note(f"{count_noun(len(devices), 'device')}. `shapecalc devices --show NAME` prints one, to write your own."),
    ]
    return draw_blocks([table, *notes], format_, room, color=color)


def _peak_of(device: Device, bits: int) -> str:
    rates = [peak.rate for peak in device.peaks if peak.bits == bits]
    if not rates:
        return NOTHING
    rate = max(rates) / 1e12
    return f"{rate:,.0f}" if rate >= 99.95 else f"{rate:,.1f}" if rate >= 0.95 else f"{rate:.2f}"
