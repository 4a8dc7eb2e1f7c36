"""The columns of a report, in one table: a further column is a further entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.layers.base.arguments import KERNEL, PADDING, REQUIRED, STRIDE
from shapecalc.renderers.cells import ARGUMENTS, BYTES, COUNT, FIELD, SHARE, SIZE, TEXT, WINDOW, Sort, shorten_axes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from fractions import Fraction

    from shapecalc.model.report import Report
    from shapecalc.model.rows import ReportLine

__all__ = [
    "BYTES_PER_NUMBER",
    "COLUMNS",
    "DEFAULT",
    "FIELDS",
    "SHARES",
    "Column",
    "check_columns",
    "parse_columns",
]

BYTES_PER_NUMBER = 4
"""Bytes per element of an output: fp32."""


class Column(NamedTuple):
    """One column: its heading, its doc, the type of its values, and the values for lines of a report.

    `values` sees all lines at once, so that a column may ask a question about the whole network (a receptive field).
    """

    heading: str
    doc: str
    sort: Sort
    values: Callable[[Report, Sequence[ReportLine]], list[Any]]


def _each(value: Callable[[ReportLine], Any]) -> Callable[[Report, Sequence[ReportLine]], list[Any]]:
    return lambda _, lines: [value(line) for line in lines]


def _count(name: str, times: int = 1) -> Callable[[Report, Sequence[ReportLine]], list[Any]]:
    """Return a figure of each line, None where it is unknown."""

    def value(line: ReportLine) -> Any:
        unknown = line.is_unknown if name == "macs" else line.has_unknown_weights
        return None if unknown else times * getattr(line.total, name)

    return _each(value)


def _argument(role: str) -> Callable[[Report, Sequence[ReportLine]], list[Any]]:
    """Return the values of the argument with a role: a number for each axis; or a word; or empty without one."""

    def value(line: ReportLine) -> Any:
        layer = line.rows[0].node.layer if line.arguments else None
        found = line.arguments.get(layer.argument_roles().get(role, "")) if layer else None
        if isinstance(found, list):
            return [shorten_axes(found)]
        return "" if found is None else str(found)

    return _each(value)


def _is_default(line: ReportLine, name: str, value: Any) -> bool:
    """Return whether an argument that is always shown has its default."""
    layer = line.rows[0].node.layer
    argument = layer.arguments.get(name) if layer else None
    if argument is None or argument.default is REQUIRED:
        return False
    return all(item == argument.default for item in (value if isinstance(value, list) else [value]))


def _arguments(line: ReportLine) -> dict[str, Any]:
    shown = {name: value for name, value in line.arguments.items() if not _is_default(line, name, value)}
    return {**shown, "share": line.shares} if line.shares else shown


def _from(line: ReportLine) -> str:
    """Return the inputs of a line: for a block, the inputs from outside it; of several copies those of the first."""
    if len(line.rows) == 1:
        return ", ".join(line.rows[0].from_)
    inside = {row.name for row in line.rows}
    outside = [name for row in line.rows[: len(line.rows) // line.copies] for name in row.from_]
    return ", ".join(dict.fromkeys(n for n in outside if n not in inside and n.rpartition("[")[0] not in inside))


def _output_bytes(report: Report, lines: Sequence[ReportLine]) -> list[int]:
    return [line.activations * report.batch * BYTES_PER_NUMBER for line in lines]


def _share(value: Callable[[ReportLine], int]) -> Callable[[Report, Sequence[ReportLine]], list[Any]]:
    """Return the share of each line in the total."""

    def values(_: Report, lines: Sequence[ReportLine]) -> list[Fraction]:
        from fractions import Fraction  # it loads decimal: milliseconds

        parts = [value(line) for line in lines]
        whole = sum(parts)
        return [Fraction(part, whole or 1) for part in parts]

    return values


def _field(what: str) -> Callable[[Report, Sequence[ReportLine]], list[Any]]:
    """Return a part of the receptive fields: size, jump or padding."""

    def values(report: Report, lines: Sequence[ReportLine]) -> list[str]:
        from shapecalc.renderers.fields import field_cells

        return field_cells(report, lines, what)

    return values


COLUMNS: dict[str, Column] = {
    "name": Column("Layer", "name of the layer, or of the block", TEXT, _each(lambda line: line.name)),
    "kind": Column("Kind", "kind of layer, or what the block is an instance of", TEXT, _each(lambda line: line.kind)),
    "from": Column("From", "layers or inputs that the layer reads", TEXT, _each(_from)),
    "input": Column("Input", "size of the input", SIZE, _each(lambda line: line.input_shapes)),
    "kernel": Column("Kernel", "size of the window", WINDOW, _argument(KERNEL)),
    "stride": Column("Stride", "stride of the window", WINDOW, _argument(STRIDE)),
    "padding": Column("Padding", "padding around the input", WINDOW, _argument(PADDING)),
    "arguments": Column(
        "Arguments", "all arguments that are not at their default, as `stride=2`", ARGUMENTS, _each(_arguments)
    ),
    "output": Column("Output", "size of the output", SIZE, _each(lambda line: line.output_shapes)),
    "weights": Column("Weights", "parameters except biases", COUNT, _count("weights")),
    "biases": Column("Biases", "biases", COUNT, _count("biases")),
    "params": Column("Params", "parameters: weights and biases", COUNT, _count("params")),
    "active_params": Column(
        "Active",
        "parameters that one token uses, of routed experts",
        COUNT,
        _count("active_params"),
    ),
    "trainable": Column("Trainable", "parameters that are not frozen", COUNT, _count("trainable")),
    "buffers": Column("Buffers", "running statistics, which are not parameters", COUNT, _count("buffers")),
    "macs": Column("MACs", "multiply-accumulates, for the batch", COUNT, _count("macs")),
    "flops": Column("FLOPs", "2 × MACs, for the batch", COUNT, _count("macs", 2)),
    "output_bytes": Column("Bytes", "bytes of the output in fp32, for the batch", BYTES, _output_bytes),
    "params_share": Column("Params", "share of all parameters", SHARE, _share(lambda line: line.total.params)),
    "macs_share": Column("MACs", "share of all MACs", SHARE, _share(lambda line: line.total.macs)),
    "output_bytes_share": Column(
        "Bytes", "share of the bytes of all outputs", SHARE, _share(lambda line: line.activations)
    ),
    "rf": Column("RF", "receptive field: input positions that one position of the output sees", FIELD, _field("size")),
    "jump": Column(
        "Eff. stride",
        "effective stride: input positions between the receptive fields of neighbouring positions",
        FIELD,
        _field("jump"),
    ),
    "pad": Column(
        "Eff. padding",
        "effective padding: how far the receptive field of the first position begins before the input",
        FIELD,
        _field("padding"),
    ),
}
"""Every column by its name, in the order of the documentation and of the table."""

_BYTES = "the column of a layer is output_bytes; `shapecalc memory` reports the peak memory of the whole network"

_NOT_A_COLUMN = {"memory": _BYTES, "memory_share": _BYTES.replace("output_bytes", "output_bytes_share")}
"""Words that are often mistaken for columns, with the hint for each."""

DEFAULT: tuple[str, ...] = ("name", "kind", "output", "weights", "biases", "params", "macs")
"""The columns of a format without a width."""

SHARES: tuple[str, ...] = ("name", "kind", "output", "params_share", "macs_share", "output_bytes_share")
"""The columns that show where parameters, MACs and the bytes of outputs are."""

FIELDS: tuple[str, ...] = ("rf", "jump", "pad")
"""The columns of receptive fields, which JSON can contain too."""


def parse_columns(text: str) -> list[str]:
    """Return the columns of an option's text: `name,params`; a leading `+` (`+from,buffers`) adds to the defaults.

    Errors: `UsageError` for an unknown column, with the nearest known one.
    """
    adding = text.strip().startswith("+")
    names = [word.strip().lstrip("+").strip().lower() for word in text.split(",")]
    return [f"+{name}" if adding else name for name in check_columns([name for name in names if name])]


def check_columns(names: Sequence[str], known: Mapping[str, Column] = COLUMNS) -> list[str]:
    """Return the columns, each once. Errors: `UsageError` for an unknown one, or none at all."""
    if not names:
        raise UsageError(Problem("no column is named", hint=f"choose from: {', '.join(known)}"))
    for name in names:
        if name not in known:
            hint = _NOT_A_COLUMN.get(name) or did_you_mean(name, known)
            raise UsageError(Problem(f"there is no column {name}", hint=hint))
    return list(dict.fromkeys(names))
