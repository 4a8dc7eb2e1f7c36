"""What a checkpoint holds: its modules and weights at a depth, and the sums of each type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import Problem, UsageError, count_noun
from shapecalc.escaping import clean, csv_cell
from shapecalc.questions.weights.modules import lines_of, tree_of
from shapecalc.renderers.blocks import Note, Table, Title, check_format, draw_blocks
from shapecalc.renderers.drawing import TableLine
from shapecalc.text.amounts import NOTHING, show_bytes, show_count
from shapecalc.text.cells import cell_width, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.questions.weights import TypeTotal, Weights
    from shapecalc.questions.weights.modules import Line
    from shapecalc.renderers.blocks import Block

__all__ = ["draw_weights"]

AUTO = "auto"
_SCREENFUL = 60
_DEEPEST = 8
_TYPES_SHOWN = 2
_NUMBERS = ("Params", "Bytes", "Scales", "Bits")
_DROPPED = ("Scales", "Shape", "Type", "Bits")
"""Columns in the order in which they are left out on a narrower terminal."""
_NAME_KEPT = 28
"""The width of a longer name before columns are left out."""
_NAME_MIN = 8
_GAP = 2
_FORMATS = ("text", "json", "csv", "markdown", "html")


def draw_weights(
    weights: Weights, format_: str = "text", *, depth: int | str | None = AUTO, fold: bool | None = None,
    width: int | None = None, color: bool = False,
) -> str:  # fmt: skip
    """Return the weights in a format: modules are lines below a `depth` (None: every weight is a line).

    By default as many levels are lines as stay within a screenful; of CSV all. `fold` says whether modules that are
    alike are one line: in all formats but CSV. Errors: `UsageError` for an unknown format, or another depth.
    """
    check_format(format_, _FORMATS)
    if depth != AUTO and depth is not None and (type(depth) is not int or depth < 1):
        raise UsageError(Problem(f"depth is {depth}", hint="give a whole number of at least 1, or all"))
    members = tree_of(weights.weights, folds=format_ != "csv" if fold is None else fold)
    if format_ == "csv":
        return _csv(list(lines_of(members, None if depth == AUTO else depth)))  # type: ignore[arg-type]
    lines = _screenful(members) if depth == AUTO else list(lines_of(members, depth))  # type: ignore[arg-type]
    blocks: list[Block] = [Title(_title(weights)), *([_table(weights, lines, width)] if lines else [])]
    if len(weights.types) > 1 or weights.total.is_packed:
        blocks.append(_types(weights))
    return draw_blocks([*blocks, *map(Note, _notes(weights))], format_, width, color=color)


def _screenful(members: Any) -> list[Line]:
    """Return the lines of the largest depth that stays within a screenful."""
    found = list(lines_of(members, 1))
    for depth in range(2, _DEEPEST + 1):
        deeper = list(lines_of(members, depth))
        if len(deeper) > _SCREENFUL:
            break
        found = deeper
    return found


def _title(weights: Weights) -> str:
    tensors = count_noun(weights.total.tensors, "tensor")
    files = f" in {weights.files:,} files" if weights.files > 1 else ""
    return f"{clean(weights.name)} · {weights.format} · {tensors}{files}"


def _table(weights: Weights, lines: Sequence[Line], width: int | None) -> Table:
    total = weights.total
    columns = {
        "Name": ["total", *[line.name + (f" ×{line.copies:,}" if line.copies > 1 else "") for line in lines]],
        "Type": ["", *map(_types_of, lines)],
        "Shape": ["", *map(_shape, lines)],
        "Params": [show_count(total.params), *["shared" if o.shares else show_count(o.params) for o in lines]],
        "Bytes": [show_bytes(total.bytes), *[show_bytes(line.bytes) for line in lines]],
    }
    if total.overhead:
        columns["Scales"] = [show_bytes(total.overhead), *[show_bytes(line.overhead) for line in lines]]
        bits = [_bits(line.params, line.bytes + line.overhead) for line in lines]
        columns["Bits"] = [_bits(total.params, total.learned), *bits]
    columns = {name: list(map(clean, cells)) for name, cells in columns.items()}
    if width is not None:
        columns = _fitted(columns, width)
    last, *rows = zip(*columns.values(), strict=True)
    numbers = [index for index, name in enumerate(columns) if name in _NUMBERS]
    return Table([*columns], [TableLine(row) for row in rows], total=last, numbers=numbers, gap=_GAP)


def _fitted(columns: dict[str, list[str]], width: int) -> dict[str, list[str]]:
    """Return the columns that fit a width, with names cut in the middle, but not to the same; no number is cut."""
    widths = {name: max(map(cell_width, [name, *cells])) for name, cells in columns.items()}
    fitting: list[dict[str, list[str]]] = []
    for dropped in ("", *_DROPPED):
        widths.pop(dropped, None)
        room = width - sum(widths.values()) + widths["Name"] - _GAP * (len(widths) - 1)
        names = [shorten(name, max(room, _NAME_MIN)) for name in columns["Name"]]
        found = {name: names if name == "Name" else columns[name] for name in widths}
        if room >= min(widths["Name"], _NAME_KEPT):
            fitting.append(found)
            if len({*names}) == len({*columns["Name"]}):
                return found
    return fitting[0] if fitting else found


def _types_of(line: Line) -> str:
    shown = ", ".join(line.dtypes[:_TYPES_SHOWN])
    return f"{shown}, …" if len(line.dtypes) > _TYPES_SHOWN else shown


def _shape(line: Line, sign: str = "×") -> str:
    return "" if line.shape is None else sign.join(map(str, line.shape)) or "scalar"


def _bits(params: int, size: int) -> str:
    return f"{size * 8 / params:.2f}" if params else NOTHING


def _types(weights: Weights) -> Table:
    """Return the table of types: tensors, parameters, bytes with their scales, and the bits of a parameter."""

    def cells(name: str, kind: TypeTotal) -> tuple[str, ...]:
        size = kind.bytes + kind.overhead
        return (name, show_count(kind.tensors), show_count(kind.params), show_count(size), show_bytes(size),
                _bits(kind.params, kind.learned))  # fmt: skip

    lines = [TableLine(cells(kind.dtype, kind)) for kind in weights.types]
    headings = ("Type", "Tensors", "Params", "Bytes", "", "Bits")
    return Table(headings, lines, total=cells("total", weights.total), numbers=(1, 2, 3, 4, 5))


def _notes(weights: Weights) -> Iterator[str]:
    total = weights.total
    size = total.bytes + total.overhead
    if not weights.weights:
        yield "It holds no tensors."
    else:
        params = f"{show_count(total.params)} parameter{'' if total.params == 1 else 's'}"
        yield f"{params} in {count_noun(size, 'byte')} ({show_bytes(size)})."
    if total.overhead:
        yield (
            "Packed weights are counted as the weights that they represent. Scales are their scales, zero points and "
            "indices; bits are those of a parameter, scales included."
        )
    if any(weight.shares for weight in weights.weights):
        yield "Shared: the elements are those of another tensor, and count once."
    if any(weight.params == 0 and not weight.shares and weight.bytes for weight in weights.weights):
        yield (
            "Without parameters are integers, running statistics, tables, and the state of an optimizer: their bytes "
            "count."
        )
    for name, tensors in list(weights.missing.items())[:_MISSING_SHOWN]:
        held = f", with {count_noun(len(tensors), 'tensor')}" if tensors else ""
        yield f"Missing: {clean(name)}{held}. What it holds is not counted."
    if len(weights.missing) > _MISSING_SHOWN:
        more = len(weights.missing) - _MISSING_SHOWN
        yield f"{count_noun(more, 'more file')} {'is' if more == 1 else 'are'} missing."
    yield from map(clean, weights.notes)


_MISSING_SHOWN = 5


def _csv(lines: Sequence[Line]) -> str:
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", "dtype", "shape", "params", "bytes", "overhead", "tensors", "shares"))
    for line in lines:
        dtypes = ", ".join(line.dtypes)
        writer.writerow((csv_cell(line.name), dtypes, _shape(line, "x"), line.params, line.bytes, line.overhead,
                         line.weights, csv_cell(line.shares)))  # fmt: skip
    return text.getvalue().removesuffix("\n")
