"""The parts of an explanation in every format, besides the lines of layers: title, legend, headings, totals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.dims.notation import NUMBER, SUM, TEXT, Tree
from shapecalc.errors import count_noun
from shapecalc.escaping import clean
from shapecalc.questions.explain.back_lines import trail_lines
from shapecalc.questions.explain.items import Chain, ExplanationLine, Name
from shapecalc.questions.explain.leaves import LETTERS
from shapecalc.questions.explain.lines import lines_of
from shapecalc.questions.explain.where import reason_lines
from shapecalc.questions.explain.working import ACTIVE, MACS, OUTPUT_BYTES, PARAMS
from shapecalc.renderers.cells import show_size
from shapecalc.text.cells import prose_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.questions.explain import Explanation, LayerExplanation

__all__ = ["Section", "broken", "ending", "legend", "sections", "title", "totals"]

_ADDENDS = 12
"""The maximum number of addends of a sum that is shown; a longer one shows only the result."""

_SIZES = 3
_AXIS = re.compile(r"([A-Z])_(?:in|out|\d)")


class Section(NamedTuple):
    """One layer's part of the page: its heading, the doc of its kind if it is the first of that kind, its lines."""

    name: str
    kind: str
    sizes: str
    doc: Sequence[str]
    lines: Sequence[ExplanationLine]


def title(explanation: Explanation) -> str:
    """Return the title of the page."""
    report = explanation.report
    inputs = ", ".join([show_size(sizes) for sizes in report.inputs.values()])
    return f"{clean(report.name) or 'network'} · {inputs}: where its numbers come from"


def legend(explanation: Explanation) -> list[str]:
    """Return the meanings of the letters and brackets that are used."""
    sizes = [symbol.symbol for layer in explanation for symbol in layer.symbols]
    sizes += [quantity.symbol for layer in explanation for quantity in layer.quantities]
    trails = [trail for layer in explanation for trail in layer.trails]
    back = [trail.made for trail in trails if trail.made is not None]
    back += [step.rule for trail in trails for step in trail.steps]
    sizes += [trail.symbol for trail in trails] + [leaf.symbol for rule in back for leaf in rule.leaves()]
    letters = dict.fromkeys(found[1] for name in sizes if (found := _AXIS.match(name)))
    named = [f"{letter} {LETTERS[letter]}" for letter in LETTERS if letter in letters]
    several = any(len(layer.sources) > 1 for layer in explanation)
    numbered = " (or its number)" if several else ""
    lines = [f"{', '.join(named)}; “in” is the input{numbered}, “out” the output."] if named else []
    rules = [quantity.rule for layer in explanation for quantity in layer.quantities]
    if any(rule.has_brackets for rule in [*rules, *back]):
        lines.append("⌊x⌋ is x rounded down, ⌈x⌉ is x rounded up.")
    if MACS in explanation.what:
        lines.append(f"MACs are multiply-accumulates {explanation.report.samples}.")
    if OUTPUT_BYTES in explanation.what:
        of_batch = f", {explanation.report.samples}" if explanation.report.batch != 1 else ""
        lines.append(f"Bytes are elements × 4 bytes (32 bits){of_batch}.")
    return lines


def sections(explanation: Explanation) -> Iterator[Section]:
    """Yield the layers' parts, with each kind's doc at its first layer."""
    seen: set[str] = set()
    for layer in explanation:
        doc = [] if layer.kind in seen else _paragraphs(layer.doc)
        seen.add(layer.kind)
        yield Section(clean(layer.name), layer.kind, _flow(layer), doc, _lines(layer))


def _paragraphs(doc: str) -> list[str]:
    """Return the paragraphs of a docstring, each on one line."""
    return [" ".join(paragraph.split()) for paragraph in doc.split("\n\n") if paragraph.strip()]


def _lines(layer: LayerExplanation) -> Sequence[ExplanationLine]:
    lines = lines_of(layer) if not layer.same_as else _same(layer)
    return [*lines, *trail_lines(layer.trails, *layer.features, layer.not_followed)] if layer.trails else lines


def _same(layer: LayerExplanation) -> list[ExplanationLine]:
    row = layer.row
    costs = [count_noun(row.params, "parameter") if row.params else "", count_noun(row.macs, "MAC") if row.macs else ""]
    shown = ", ".join(filter(None, costs))
    first = ExplanationLine("same as", (Name(layer.same_as), f": {shown}" if shown else ""))
    return [first, *reason_lines(layer, brief=True)]


def _flow(layer: LayerExplanation) -> str:
    """Return the input and output sizes: 227×227×3 → 55×55×96."""
    sides = []
    for shapes in (layer.row.input_shapes, layer.row.output_shapes):
        shown = ", ".join([show_size(sizes) for sizes in shapes[:_SIZES]])
        sides.append(shown + (f", +{len(shapes) - _SIZES}" if len(shapes) > _SIZES else ""))
    return f"{sides[0]} → {sides[1]}" if sides[0] else sides[1]


def ending(explanation: Explanation) -> str:
    """Return the heading of the sums."""
    if not explanation.report.is_complete:
        return (
            "total of the named layers that could be inferred" if explanation.asked else "total of the inferred layers"
        )
    names = explanation.asked or (explanation.report.name or "network",)
    return f"{clean(names[0])}, total" if len(names) == 1 else "total of the named layers"


def totals(explanation: Explanation) -> list[ExplanationLine]:
    """Return the sums over the layers, if there are several."""
    if len(explanation) < 2:
        return []
    lines = []
    figures = {PARAMS: "params", ACTIVE: "active", MACS: "MACs"}
    if PARAMS not in explanation.what or all(layer.row.active_params == layer.row.params for layer in explanation):
        del figures[ACTIVE]
    for what, label in figures.items():
        if what not in (*explanation.what, ACTIVE):
            continue
        values = [getattr(layer.row, what) for layer in explanation]
        values = [value for value in values if value]
        whole = Tree(NUMBER, sum(values))
        if 1 < len(values) <= _ADDENDS:
            parts = tuple([Tree(NUMBER, value) for value in values])
            lines.append(ExplanationLine(label, (Chain("", (Tree(SUM, 0, "", parts, (1,) * len(parts)), whole)),)))
        elif values:
            over = f" over {len(values):,} layers" if len(values) > 1 else ""
            lines.append(ExplanationLine(label, (Chain("", (whole,)), over)))
    return lines


def broken(chain: Chain, room: int, rest: int = 0) -> list[list[Tree]]:
    """Return the sides of an equation line by line: on one line if it fits, else with the rule on the first.

    `rest` is the width of what follows.
    """
    sides = list(chain.trees)
    lead = len(chain.symbol) + 3 if chain.symbol else 0
    widths = [prose_width(TEXT.write(tree)) for tree in sides]
    if lead + sum(widths) + 3 * (len(sides) - 1) + rest <= room:
        return [sides]
    lines = [[sides[0]]]
    filled = room + 1
    for i, (side, width) in enumerate(zip(sides[1:], widths[1:], strict=True), 2):
        more = width + 3 + (rest if i == len(sides) else 0)
        if filled + more <= room:
            lines[-1].append(side)
            filled += more
        else:
            lines.append([side])
            filled = max(lead - 3, 0) + more
    return lines
