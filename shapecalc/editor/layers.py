"""The layers of a text: for each item of it what its copies are, with their sizes and counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.editor.analysis import once_each
from shapecalc.model.rows import sum_rows

if TYPE_CHECKING:
    from shapecalc.dims import Dim
    from shapecalc.editor.analysis import Analysis
    from shapecalc.errors import Mark
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row, Totals

__all__ = ["Copy", "LayerItem", "count_text", "items_of", "size_text"]


class Copy(NamedTuple):
    """What an item is in one place of the network: a layer, or a block or composite with all of its layers."""

    name: str
    rows: tuple[Row, ...]
    outputs: tuple[tuple[Dim, ...], ...]
    total: Totals
    is_unknown: bool

    @property
    def size(self) -> str:
        """The sizes of its outputs as a text."""
        return ", ".join(map(size_text, self.outputs))


class LayerItem(NamedTuple):
    """An item of a list of layers: the mark of its kind, and its copies; one, unless it is repeated or in a block."""

    mark: Mark
    kind: str
    copies: tuple[Copy, ...]
    is_block: bool = False


def size_text(sizes: tuple[Dim, ...]) -> str:
    """Return a size as a text: `64×112×112`."""
    return "×".join(map(str, sizes)) or "scalar"


def count_text(copy: Copy) -> str:
    """Return the parameters of a copy as a text: `9,408 params`; empty for none."""
    if copy.is_unknown:
        return "? params"
    return f"{copy.total.params:,} params" if copy.total.params else ""


@once_each
def items_of(analysis: Analysis) -> dict[tuple[int, int], LayerItem]:
    """Return the items of the text whose sizes are known, by the line and column of their kinds."""
    report = analysis.report
    if report is None:
        return {}
    gathered: dict[tuple[int, int], tuple[Mark, str, bool, dict[str, list[int]]]] = {}

    def put(mark: Mark | None, kind: str, name: str, index: int, *, is_block: bool = False) -> None:
        if mark is not None and analysis.is_own(mark):
            place = gathered.setdefault((mark.line, mark.column), (mark, kind, is_block, {}))
            place[3].setdefault(name, []).append(index)

    kinds = {block.name: block.kind for block in report.graph.blocks}
    unfinished = {report.graph.blocks[index].name for index in report.unfinished}
    for index, row in enumerate(report.rows):
        around = report.blocks_of(row)
        uses = row.node.uses
        for (_, mark), block in zip(reversed(uses), around, strict=False):
            put(mark, kinds[block], block, index, is_block=True)
        is_composite = len(around) > len(uses)
        name = around[len(uses)] if is_composite else row.name
        put(row.node.mark, kinds[name] if is_composite else row.kind, name, index)
    readers = _readers(report)
    items = {}
    for place, (mark, kind, is_block, groups) in gathered.items():
        copies = [_copy(report, name, places, readers) for name, places in groups.items() if name not in unfinished]
        if copies:
            items[place] = LayerItem(mark, kind, tuple(copies), is_block)
    return items


def _readers(report: Report) -> dict[int, list[int]]:
    """Return the layers that use each one; -1 is the network itself."""
    readers: dict[int, list[int]] = {}
    for index, row in enumerate(report.rows):
        for ref in row.node.inputs:
            readers.setdefault(ref.node, []).append(index)
    for ref in report.graph.outputs:
        readers.setdefault(ref.node, []).append(-1)
    return readers


def _copy(report: Report, name: str, places: list[int], readers: dict[int, list[int]]) -> Copy:
    """Return a copy with its layers; the outputs of several are those that layers outside use."""
    rows = tuple([report.rows[at] for at in places])
    if len(rows) == 1:  # most are
        return Copy(name, rows, tuple(rows[0].output_shapes), rows[0].total, rows[0].has_unknown_weights)
    inside = {*places}
    ends = [at for at in places if not inside.issuperset(readers.get(at, ()))] or places[-1:]
    outputs = tuple([shape for at in ends for shape in report.rows[at].output_shapes])
    return Copy(name, rows, outputs, sum_rows(rows), any(row.has_unknown_weights for row in rows))
