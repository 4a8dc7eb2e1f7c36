"""Legal and exact input sizes: axis by axis as text, as a table in other formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.escaping import join_lines
from shapecalc.renderers.blocks import Note, Table, Title, draw_blocks
from shapecalc.renderers.drawing import TableLine
from shapecalc.text.cells import PROSE, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.questions.sizes import AxisSizes, LegalSizes

__all__ = ["draw_sizes"]

_LAYERS = 3
_LABELS = ("legal", "smallest", "exact", "given")


def draw_sizes(answer: LegalSizes, format_: str = "text", width: int | None = None, *, color: bool = False) -> str:
    """Return which input sizes a network accepts, axis by axis."""
    if format_ == "text":
        return _text(answer, width or PROSE)
    rows = []
    for entry in answer.axes:
        body = list(_body(entry))
        facts = {label: words for label, words in body if label}
        further = [words for label, words in body if not label]
        given = "; ".join(filter(None, [facts.get("given", ""), *further]))
        cells = (_heading(entry, named=len(answer.axes) > 1), *(facts.get(label, "") for label in _LABELS[:-1]), given)
        rows.append(TableLine(cells))
    table = [Table(("axes", *_LABELS), rows)] if rows else []
    return draw_blocks(
        [Title(answer.name or "the network"), *table, *map(Note, [_footer(answer), *answer.notes])],
        format_,
        color=color,
    )


def _text(answer: LegalSizes, width: int) -> str:
    lines = [answer.name or "the network"]
    for entry in answer.axes:
        lines += ["", _heading(entry, named=len(answer.axes) > 1)]
        lines += [f"  {label:10}{words}" for label, words in _body(entry)]
    below = [part for note in (_footer(answer), *answer.notes) for part in wrap(note, width)]
    return join_lines([*lines, "", *below])


def _heading(entry: AxisSizes, *, named: bool) -> str:
    axes = " and ".join(entry.axes)
    if len(entry.axes) > 1:
        axes += ", always equal" if entry.together else ", each"
    of = f" of {' and '.join(entry.inputs)}" if named or len(entry.inputs) > 1 else ""
    return f"{axes}{of}" + (", always equal" if len(entry.inputs) > 1 else "")


def _body(entry: AxisSizes) -> Iterator[tuple[str, str]]:
    """Yield the facts of axes, each with its label; a continuation line has none."""
    yield "legal", entry.legal.text()
    if not entry.legal.smallest:
        return
    yield "smallest", f"{entry.legal.smallest}"
    same = entry.exact._replace(searched=entry.legal.searched) == entry.legal
    yield "exact", "all legal sizes" if same else entry.exact.text()
    for size in dict.fromkeys(entry.given):
        first, *rest = _verdict(entry, size)
        yield "given", first
        yield from (("", line) for line in rest)


def _verdict(entry: AxisSizes, size: int) -> list[str]:
    """Return whether the given size is legal and exact, or else the nearest sizes that are."""
    if size not in entry.legal:
        return [f"{size} is not legal: {_nearest(entry.legal.nearest(size))}"]
    if size in entry.exact:
        return [f"{size} is legal and exact"]
    more = len(entry.rounded) - _LAYERS
    layers = ", ".join(entry.rounded[:_LAYERS]) + (f" and {more} more" if more > 0 else "")
    lines = [f"{size} is legal but not exact: it is rounded at", layers or "a merge"]
    near = entry.exact.nearest(size)
    return [*lines, _nearest(near)] if near else lines


def _nearest(sizes: Sequence[int]) -> str:
    listed = " and ".join(f"{size}" for size in sizes)
    return f"the nearest {'is' if len(sizes) == 1 else 'are'} {listed}"


def _footer(answer: LegalSizes) -> str:
    if not answer.axes:
        return "no input has an axis whose size can vary"
    searched = max((entry.legal.searched for entry in answer.axes), default=0)
    verified = f"{answer.verified} sizes, some of them larger" if answer.verified != 1 else "1 size"
    return f"tried every size up to {searched}; verified by inference at {verified}"
