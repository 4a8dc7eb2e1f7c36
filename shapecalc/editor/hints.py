"""Inlay hints and code lenses: sizes and parameters behind every layer, totals above layers, blocks and variants."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.editor.layers import count_text, items_of, size_text
from shapecalc.editor.positions import Position, Range, end_of_value
from shapecalc.errors import ShapecalcError, count_noun
from shapecalc.escaping import clean
from shapecalc.language.members import choose
from shapecalc.network import Network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.editor.analysis import Analysis
    from shapecalc.editor.layers import Copy, LayerItem
    from shapecalc.errors import Mark
    from shapecalc.model.report import Report

__all__ = ["InlayHint", "Lens", "hints", "item_end", "lenses", "title_of_variant"]

_MOST_SHOWN = 8
"""Copies that a tooltip lists."""


class InlayHint(NamedTuple):
    """A text behind a layer, and one that is shown on it."""

    position: Position
    label: str
    tooltip: str


class Lens(NamedTuple):
    """A text above a line; that of a `variant` is worked out when it is shown, and chooses the variant."""

    range: Range
    title: str
    variant: str = ""


def hints(analysis: Analysis, lines: tuple[int, int] | None = None) -> list[InlayHint]:
    """Return the size and the parameters of every layer and block, in some lines (the first and the last, from 0)."""
    every = items_of(analysis).values()
    items = [item for item in every if lines is None or lines[0] <= item.mark.line - 1 <= lines[1]]
    found = [InlayHint(item_end(analysis, item.mark), _label(item), _tooltip(item)) for item in items]
    return sorted(found, key=lambda hint: hint.position)


def _label(item: LayerItem) -> str:
    copies = item.copies
    sizes = list(dict.fromkeys(copy.size for copy in copies))
    counts = sorted({copy.total.params for copy in copies})
    parts = [f"→ {_from_to(sizes)}"]
    if any(copy.is_unknown for copy in copies):
        parts.append("? params")
    elif counts[-1]:
        parts.append(f"{counts[0]:,} … {counts[-1]:,} params" if len(counts) > 1 else f"{counts[0]:,} params")
    if len(copies) > 1:
        parts.append(f"×{len(copies):,}")
    return clean(" · ".join(parts))


def _from_to(sizes: Sequence[str]) -> str:
    """Return the first and the last of the sizes that copies have."""
    return sizes[0] if len(sizes) == 1 else f"{sizes[0]} … {sizes[-1]}"


def _tooltip(item: LayerItem) -> str:
    """Return each copy in a line, of many the first and the last."""
    copies = item.copies
    shown = copies if len(copies) <= _MOST_SHOWN else (*copies[: _MOST_SHOWN - 1], copies[-1])
    lines = [_line(copy) for copy in shown]
    if len(copies) > len(shown):
        lines.insert(-1, f"… and {len(copies) - len(shown):,} more")
    if len(copies) > 1:
        lines.append(f"all {len(copies):,}: {sum(copy.total.params for copy in copies):,} params")
    return "\n".join(map(clean, lines))


def _line(copy: Copy) -> str:
    inputs = ", ".join(map(size_text, copy.rows[0].input_shapes))
    counts = [count_text(copy), f"{copy.total.macs:,} MACs" if copy.total.macs else ""]
    return ", ".join([f"{copy.name}: {inputs} → {copy.size}", *filter(None, counts)])


def item_end(analysis: Analysis, mark: Mark) -> Position:
    """Return the position behind an item, in the line of its kind: before a comment, or the end of a list around it."""
    text = analysis.text
    start = text.position(text.offset_of(mark.line, mark.column))
    line = text.line(start.line)
    before = line[: start.character].strip(" ")
    if before and not before.strip("- ") and "#" not in line:  # an item in block style, as most are
        return Position(start.line, len(line.rstrip()))
    return Position(start.line, end_of_value(line, start.character))


def lenses(analysis: Analysis) -> list[Lens]:
    """Return the totals of the network above its layers, those of each block, and one for each variant."""
    document = analysis.document
    if document is None:
        return []
    found: list[Lens] = []
    report = analysis.report
    mark = document.marks.get("layers")
    if report and mark and analysis.is_own(mark):
        found.append(Lens(analysis.text.range_of(mark), _totals(report, analysis.variant)))
        found += _of_blocks(analysis, report)
    for variant in document.variants.values():
        if analysis.is_own(variant.mark):
            found.append(Lens(analysis.text.range_of(variant.mark), "", variant.name))
    return sorted(found, key=lambda lens: lens.range)


def _totals(report: Report, variant: str = "") -> str:
    total = report.total
    sizes = [", ".join(map(size_text, shapes.values())) for shapes in (report.inputs, report.outputs)]
    layers = count_noun(len(report.rows), "layer")
    if not report.is_complete:
        layers = f"{len(report.rows):,} of {count_noun(len(report.rows) + report.missing, 'layer')}, up to the problem"
    name = f"{variant}: " if variant else ""
    counts = f"{layers} · {total.params:,} params · {total.macs:,} MACs"
    return clean(f"{name}{' → '.join(filter(None, sizes))} · {counts}" if report.is_complete else f"{name}{counts}")


def _of_blocks(analysis: Analysis, report: Report) -> list[Lens]:
    """Return how often each block of the text is used, and the parameters of all its uses."""
    document = analysis.document
    assert document is not None
    index_of = {block.name: index for index, block in enumerate(report.graph.blocks)}
    uses: dict[str, set[int]] = {}
    params: dict[str, int] = {}
    for row in report.rows:
        around = report.blocks_of(row)
        for name in around[: len(row.node.uses)]:
            kind = report.graph.blocks[index_of[name]].kind
            uses.setdefault(kind, set()).add(index_of[name])
        for kind in {report.graph.blocks[index_of[name]].kind for name in around[: len(row.node.uses)]}:
            params[kind] = params.get(kind, 0) + row.params
    found = []
    for block in document.blocks.values():
        if analysis.is_own(block.mark):
            used = len(uses.get(block.name, ()))
            title = f"used {used:,} times · {params.get(block.name, 0):,} params in all" if used > 1 else "not used"
            title = f"used once · {params[block.name]:,} params" if used == 1 else title
            found.append(Lens(analysis.text.range_of(_name_of(analysis, block.mark)), title))
    return found


def _name_of(analysis: Analysis, mark: Mark) -> Mark:
    found = re.match(r"[\w.-]+", mark.source.line(mark.line)[mark.column - 1 :])
    return mark._replace(length=len(found[0])) if found and analysis.is_own(mark) else mark


def title_of_variant(analysis: Analysis, variant: str) -> str:
    """Return the totals of a member of the family in the text, or that it has errors."""
    try:
        report = Network(choose(analysis.readable, variant)).infer()
    except ShapecalcError as error:
        return f"{count_noun(len(error.problems), 'error')}: show this variant"
    total = report.total
    shown = "shown" if variant == analysis.variant else "show this variant"
    return f"{total.params:,} params · {total.macs:,} MACs · {shown}"
