"""How a model differs from a specification, as the text of a failed assertion."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from shapecalc.errors import count_noun
from shapecalc.escaping import clean, join_lines
from shapecalc.renderers.answers.difference import show_change
from shapecalc.text.cells import cell_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shapecalc.model.rows import Row
    from shapecalc.questions.matching import Fact, LayerMismatch, Matching

__all__ = ["draw_matching"]

_MOST = 20
"""As many layers are shown."""
_MOST_UNUSED = 6


def draw_matching(matching: Matching) -> str:
    """Return the layers that differ, each with its location, and the totals."""
    model, spec = (clean(report.name) or "the network" for report in (matching.model, matching.spec))
    differing = len(matching.layers) + len(matching.ends) + bool(matching.unused)
    lines = [f"{model} is not {spec}: {count_noun(differing, 'difference')}", ""]
    lines += _table(matching.ends)
    lines += [""] if matching.ends else []
    for one in matching.layers[:_MOST]:
        lines += [*_layer(one), ""]
    if len(matching.layers) > _MOST:
        lines += [f"and {count_noun(len(matching.layers) - _MOST, 'more layer')} that differ", ""]
    lines += [*_unused(matching.unused), ""] if matching.unused else []
    same = f"{count_noun(matching.matching, 'layer')} with weights agree"
    verb = "differs" if matching.following == 1 else "differ"
    follow = f", {matching.following:,} more {verb} only because of these" if matching.following else ""
    lines.append(same + follow)
    one, other = (report.total.params for report in (matching.spec, matching.model))
    totals = f"{one:,} in both" if one == other else f"{show_change(one, other, with_amount=True)} in the model"
    lines += [
        f"params: {totals}",
        *[
            f"note: {note}"
            for note in matching.model.notes
            if ", 0 unknown" not in note and not (matching.unused and note.startswith("not used"))
        ],
    ]
    return join_lines(lines)


def _unused(unused: Mapping[str, tuple[int, ...]]) -> Iterator[str]:
    """Yield the lines of parameters that the model does not use."""
    count = count_noun(sum(map(prod, unused.values())), "parameter")
    yield f"not used by the model, and not counted: {count}"
    for name, size in [*unused.items()][:_MOST_UNUSED]:
        yield f"   {name} {'×'.join(map(str, size))}".rstrip()
    if len(unused) > _MOST_UNUSED:
        yield f"   and {len(unused) - _MOST_UNUSED:,} more"
    yield "   allow_unused=True allows it, as for layers that are used in training alone"


def _layer(one: LayerMismatch) -> Iterator[str]:
    """Yield the lines of a layer that differs: what it is on both sides, its line, what differs."""
    model, spec = (
        _named(row, parts) if row else "" for row, parts in zip((one.model, one.spec), one.parts, strict=True)
    )
    mark = one.spec.node.mark if one.spec else None
    place = f" ({mark})" if mark else ""
    if model and spec:
        yield f"{model}, in the specification {spec}{place}"
    elif not (model or spec):
        yield "the output"
    elif spec:
        yield f"missing in the model: {spec}{place}"
    else:
        yield f"not in the specification: {model}"
    if mark:
        yield from mark.excerpt()
    yield from _table(one.facts)
    if one.spec and not one.model and not one.facts:
        yield from _table_of(one.spec)
    elif one.model and not one.spec and not one.facts:
        yield from _table_of(one.model)


def _named(row: Row, parts: Sequence[Row]) -> str:
    if len(parts) > 1:
        return f"{', '.join(part.name for part in parts)} (attention)"
    return f"{row.name} ({row.kind})"


def _table_of(row: Row) -> Iterator[str]:
    """Yield what a layer is that only one side has."""
    weights = ", ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in row.sizing.weight_shapes.items())
    output = ", ".join("×".join(map(str, shape)) for shape in row.output_shapes)
    yield f"   {f'{weights}; ' if weights else ''}output {output}"


def _table(facts: Sequence[Fact]) -> Iterator[str]:
    """Yield a table of what differs: of the model, and of the specification."""
    if not facts:
        return
    rows = [("", "model", "specification"), *[tuple(str(cell) or "–" for cell in fact) for fact in facts]]
    widths = [max(cell_width(row[column]) for row in rows) for column in range(2)]
    for row in rows:
        cells = [row[column] + " " * (widths[column] - cell_width(row[column])) for column in range(2)]
        yield f"   {cells[0]}  {cells[1]}  {row[2]}".rstrip()
