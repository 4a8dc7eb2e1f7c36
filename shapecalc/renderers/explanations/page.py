"""What every format of an explanation shows besides the layers' own lines: title, legend, headings, totals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.explain.leaves import LETTERS
from shapecalc.explain.lines import Chain, Line, Name, lines_of, place_of
from shapecalc.explain.working import MACS, PARAMS
from shapecalc.notation import NUMBER, Tree
from shapecalc.notation.algebra import SUM
from shapecalc.renderers.cells import show_size
from shapecalc.renderers.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.explain import Explanation, LayerExplanation

__all__ = ["Section", "legend", "sections", "title", "totals"]

_ADDENDS = 12
"""Of a sum over layers that is written out; of a longer one the result alone is."""

_SIZES = 3
_AXIS = re.compile(r"([A-Z])_(?:in|out|\d)")


class Section(NamedTuple):
    """One layer's part of the page: its heading, the doc of its kind where it is the first of it, its lines."""

    name: str
    kind: str
    sizes: str
    doc: str
    lines: Sequence[Line]


def title(explanation: Explanation) -> str:
    """Return what stands above everything."""
    report = explanation.report
    inputs = ", ".join([show_size(sizes) for sizes in report.inputs.values()])
    return f"{clean(report.name) or 'network'} · {inputs}: where its numbers come from"


def legend(explanation: Explanation) -> list[str]:
    """Return what the letters and brackets mean, of those that are used."""
    sizes = [symbol.symbol for layer in explanation for symbol in layer.symbols if not symbol.argument]
    sizes += [quantity.symbol for layer in explanation for quantity in layer.quantities]
    letters = dict.fromkeys(found[1] for name in sizes if (found := _AXIS.match(name)))
    named = [f"{letter} {LETTERS[letter]}" for letter in LETTERS if letter in letters]
    lines = [f"{', '.join(named)}: “in” of what comes in, “out” of what goes out."] if named else []
    if any([quantity.rule.is_rounded for layer in explanation for quantity in layer.quantities]):
        lines.append("⌊x⌋ is x rounded down, ⌈x⌉ is x rounded up.")
    if MACS in explanation.what:
        lines.append("MACs are multiply-accumulates for one sample.")
    return lines


def sections(explanation: Explanation) -> Iterator[Section]:
    """Yield the layers' parts, each kind's doc with the first of it."""
    told: set[str] = set()
    for layer in explanation:
        doc = "" if layer.kind in told else clean_doc(layer.doc)
        told.add(layer.kind)
        yield Section(clean(layer.name), layer.kind, _flow(layer), doc, _lines(layer))


def clean_doc(doc: str) -> str:
    """Return a docstring with its paragraphs in one line each."""
    return "\n".join([" ".join(paragraph.split()) for paragraph in doc.split("\n\n")])


def _lines(layer: LayerExplanation) -> Sequence[Line]:
    if not layer.same_as:
        return lines_of(layer)
    row = layer.row
    costs = [f"{row.params:,} parameters" if row.params else "", f"{row.macs:,} MACs" if row.macs else ""]
    items = ["the same as ", Name(clean(layer.same_as)), "".join([f", {cost}" for cost in costs if cost])]
    came = "; from " if row.from_ else ""
    names = [Name(clean(", ".join(row.from_)))] if row.from_ else []
    place = place_of(layer)
    return [Line("as", (*filter(None, items), came, *names, f", {place}" if place else ""))]


def _flow(layer: LayerExplanation) -> str:
    """Return what comes in and what goes out: 227×227×3 → 55×55×96."""
    sides = []
    for shapes in (layer.row.input_shapes, layer.row.output_shapes):
        shown = ", ".join([show_size(sizes) for sizes in shapes[:_SIZES]])
        sides.append(shown + (f", +{len(shapes) - _SIZES}" if len(shapes) > _SIZES else ""))
    return f"{sides[0]} → {sides[1]}" if sides[0] else sides[1]


def totals(explanation: Explanation) -> list[Line]:
    """Return the sums over the layers, where there are several."""
    if len(explanation) < 2:
        return []
    lines = []
    for what, label in ((PARAMS, "params"), (MACS, "MACs")):
        if what not in explanation.what:
            continue
        values = [getattr(layer.row, what) for layer in explanation]
        values = [value for value in values if value]
        whole = Tree(NUMBER, sum(values))
        if 1 < len(values) <= _ADDENDS:
            parts = tuple([Tree(NUMBER, value) for value in values])
            lines.append(Line(label, (Chain("", (Tree(SUM, 0, "", parts, (1,) * len(parts)), whole)),)))
        elif values:
            over = f" over {len(values):,} layers" if len(values) > 1 else ""
            lines.append(Line(label, (Chain("", (whole,)), over)))
    return lines
