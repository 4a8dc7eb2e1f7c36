"""The bytes of the weights of every layer, in a format; those of some layers in another."""

from __future__ import annotations

import re
from collections import Counter
from fnmatch import translate
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem, UsageError, count_noun, did_you_mean
from shapecalc.model.rows import once
from shapecalc.questions.memory.results import WeightFormat
from shapecalc.questions.memory.weights.format_tables import EXPERTS
from shapecalc.questions.memory.weights.formats import Format, Scaled, Uniform, parse_format
from shapecalc.questions.memory.weights.tensors import tensors_of, traits_of
from shapecalc.questions.memory.weights.unconverted import unconverted_of
from shapecalc.questions.memory.widths import USUAL_BITS
from shapecalc.text.given import read_names
from shapecalc.text.units import plain_bits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction

    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row
    from shapecalc.questions.memory.weights.tensors import Tensor

__all__ = [
    "Storing",
    "average_bits",
    "choose_storing",
    "formats_of_layers",
    "read_storing",
    "tensor_bytes",
    "unread",
    "used_bytes",
    "weight_bytes",
    "weight_format",
]

UNCONVERTED = Uniform(16)
"""The format of what a quantised model keeps as it was."""


class Storing(NamedTuple):
    """How weights are stored: the format of all, and of layers whose name, or a block's around them, fits a pattern.

    A later pattern takes precedence over those before it. Some tensors (layer, a dot, name) have formats of `their_own`
    in the file of the model, unless a pattern is theirs; `listed` is what these are to people, with the format, and
    `note` is what of it is not understood.
    """

    format: Format
    others: tuple[tuple[str, Format], ...] = ()
    their_own: dict[str, Uniform] = {}  # noqa: RUF012  (never changed)
    listed: dict[str, str] = {}  # noqa: RUF012  (never changed)
    note: str = ""

    @property
    def is_named(self) -> bool:
        """Whether any format is not only a number of bits."""
        return any(format_.bits is None for format_ in (self.format, *(other for _, other in self.others)))

    def chosen(self, names: Sequence[str]) -> Format | None:
        """Return the format of a layer by a pattern for one of its names; None without one."""
        for pattern, format_ in reversed(self.others):
            if any(map(re.compile(translate(pattern)).match, names)):
                return format_
        return None


def read_storing(weights: Any, weights_of: Any = ()) -> Storing:
    """Return how weights are stored, from a format and exceptions: `"lm_head=q6_k"`, or a mapping.

    Errors: `UsageError`.
    """
    if isinstance(weights_of, dict):
        pairs = list(weights_of.items())
    else:
        given = [text.partition("=") for text in read_names(weights_of, "weights_of")]
        for name, equals, format_ in given:
            if not name.strip() or not equals or not format_.strip():
                hint = "write for instance --weights-of 'lm_head=16' or 'layers.*.attention=q8_0'"
                raise UsageError(Problem(f"{name + equals + format_!r} is not GLOB=BITS", hint=hint))
        pairs = [(name.strip(), format_) for name, _, format_ in given]
    return Storing(parse_format(weights), tuple((name, parse_format(format_, name)) for name, format_ in pairs))


def weight_bytes(report: Report, storing: Storing) -> list[int]:
    """Return the bytes of the weights of every layer of a report: 0 where it shares those of another.

    Errors: `UsageError` for a pattern without a layer.
    """
    return [sum(own.values()) for own in tensor_bytes(report, storing)]


def tensor_bytes(report: Report, storing: Storing) -> list[dict[str, int]]:
    """Return the bytes of every tensor of weights of every layer, by its name; otherwise as `weight_bytes`."""
    sized = _Sized(report, storing)
    return [{tensor.name: sized.bytes_of(i, tensor) for tensor in row} for i, row in enumerate(sized.rows)]


def used_bytes(report: Report, storing: Storing, *, least: bool = False) -> list[int]:
    """Return the bytes of the weights that every layer uses, shared ones too.

    With `least` only of those that it reads whatever its input: of the fewest experts, of one row of a table.
    """
    sized = _Sized(report, storing)

    @once
    def shapes(row: Row) -> list[tuple[int, ...]]:
        assert row.node.layer is not None
        used = row.node.layer.read_weights(*row.sizing.inputs) if least else row.sizing.weight_shapes
        return [used[name] for name in row.sizing.weight_shapes]

    found = []
    for index, row in enumerate(report.rows):
        owner = index if row.node.shares < 0 else row.node.shares
        parts = zip(sized.rows[owner], shapes(row), strict=True)
        found.append(sum(sized.bytes_of(owner, tensor._replace(sizes=sizes)) for tensor, sizes in parts))
    return found


class _Sized:
    """The tensors of a report, by the layers that own them, and their bytes in the formats of layers."""

    def __init__(self, report: Report, storing: Storing) -> None:
        self.storing = storing
        self.rows = tensors_of(report)
        self.traits = traits_of(self.rows)
        self.chosen = _chosen(report, storing, self.rows)
        self.known: dict[tuple[Any, ...], int] = {}

    def bytes_of(self, index: int, tensor: Tensor) -> int:
        """Return the bytes of a tensor of a layer, or of a part of it with other sizes."""
        other = self.chosen[index] or self.storing.their_own.get(f"{tensor.layer}.{tensor.name}")
        key = (tensor.sizes, tensor.role, tensor.number, id(other))
        if key not in self.known:
            own = self.storing.format
            self.known[key] = other.bytes_if_chosen(tensor) if other else own.bytes_of(tensor, self.traits)
        return self.known[key]


def formats_of_layers(report: Report, storing: Storing) -> list[Format]:
    """Return the format of the weights of every layer. Errors: `UsageError` for a pattern without a layer."""
    return [other or storing.format for other in _chosen(report, storing, tensors_of(report))]


def _chosen(report: Report, storing: Storing, rows: Sequence[tuple[Tensor, ...]]) -> list[Format | None]:
    """Return the format of every layer by a pattern; None without one."""
    if not storing.others:
        return [None] * len(report.rows)
    names = [(row.name, *report.blocks_of(row)) for row in report.rows]
    every = dict.fromkeys(name for some, own in zip(names, rows, strict=True) if own for name in some)
    for pattern, _ in storing.others:
        if not any(map(re.compile(translate(pattern)).match, every)):
            hint = did_you_mean(pattern, every, "see their names with --layers")
            raise UsageError(Problem(f"no layer or block with weights of its own is named {pattern}", hint=hint))
    return [storing.chosen(some) for some in names]


def choose_storing(report: Report, weights: Any, weights_of: Any, trained: Any = None) -> tuple[Storing, str]:
    """Return how weights are stored, and the file of the model that says so (empty: it is asked for, or usual).

    `trained` are the usual bits in training; None at inference. Errors: `UsageError`.
    """
    own = report.graph.stored
    if weights is not None or trained is not None or own is None:
        usual = USUAL_BITS if trained is None else trained
        return read_storing(usual if weights is None else weights, weights_of), ""
    storing = read_storing(own.weights or USUAL_BITS, weights_of)
    if own.widths:
        return _with_widths(storing, report, own.widths), own.origin
    if not own.unconverted:
        return storing, own.origin
    found = unconverted_of(report, own.unconverted)
    note = "" if found.is_whole else f"modules that {own.origin} keeps unquantised are not all read"
    listed = dict.fromkeys(own.unconverted, str(UNCONVERTED.bits)) if found.tensors else {}
    their_own = dict.fromkeys(found.tensors, UNCONVERTED)
    return storing._replace(their_own=their_own, listed=listed, note=note), own.origin


def _with_widths(storing: Storing, report: Report, widths: Mapping[str, int]) -> Storing:
    """Return how weights are stored where tensors of the file have other widths than most.

    A layer has its tensors in the order of the file's where these are as many; else its vectors have the width of the
    smallest of them, and its matrices that of the largest.
    """
    formats = {bits: Uniform(bits) for bits in {*widths.values()}}
    found: dict[str, Uniform] = {}
    elements: Counter[int] = Counter()
    for row in report.rows:
        stored = report.graph.tensors.get(row.name, {})
        if row.node.shares >= 0 or widths.keys().isdisjoint(stored):
            continue
        shapes, names = row.sizing.weight_shapes, [*stored]
        if len(shapes) != len(names):
            by_size = sorted(names, key=lambda name: prod(stored[name]))
            names = [by_size[-1 if len(sizes) > 1 else 0] for sizes in shapes.values()]
        for (name, sizes), source in zip(shapes.items(), names, strict=True):
            if source in widths:
                found[f"{row.name}.{name}"] = formats[widths[source]]
                elements[widths[source]] += prod(sizes)
    listed = {count_noun(count, "element"): f"{bits} bits" for bits, count in elements.items()}
    return storing._replace(their_own=found, listed=listed)


def average_bits(report: Report, storing: Storing, stored: Sequence[int]) -> int | Fraction:
    """Return the bits of a weight, on average if they are not the same for all."""
    bits = storing.format.bits
    parameters = report.total.weights + report.total.biases
    if bits is not None and (not (storing.others or storing.their_own) or not parameters):
        return bits
    from fractions import Fraction

    return Fraction(8 * sum(stored), parameters) if parameters else USUAL_BITS


def weight_format(storing: Storing, origin: str) -> WeightFormat | None:
    """Return the format of weights for an answer; None for a number of bits that was asked for."""
    if not storing.is_named and not storing.others and not origin:
        return None
    others = dict(storing.listed)
    others |= {pattern: format_.name or str(plain_bits(format_.bits or 0)) for pattern, format_ in storing.others}
    name = storing.format.name or f"{plain_bits(storing.format.bits or 0)} bits"
    return WeightFormat(name, storing.format.source, others, origin)


def unread(report: Report, weights: Any, storing: Storing) -> tuple[str, ...]:
    """Return the notes on what is not understood of a model's file, without a format given, and on one without use."""
    notes = (report.graph.stored.note, storing.note) if report.graph.stored and weights is None else ()
    return tuple(filter(None, (*notes, _unused(report, storing.format))))


def _unused(report: Report, format_: Format) -> str:
    """Return the note on a format that stores no tensor of a network in few bits; empty if it does."""
    roles = format_.roles if isinstance(format_, Scaled) else ()
    if not roles or any(tensor.role in roles for row in tensors_of(report) for tensor in row):
        return ""
    what = "matrices of experts" if roles == EXPERTS else "the matrices of linear layers"
    return f"{format_.name} is for {what}, and this network has none: all parameters have 16 bits"
