"""Hover: what is at a position, as Markdown: a layer with its arithmetic, a name, a variable, a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from shapecalc.editor.layers import LayerItem, count_text, items_of
from shapecalc.editor.navigation import definition, generated_names, symbol_at
from shapecalc.editor.symbols import ARGUMENT, BLOCK, KEY, KIND, LAYER, LAYER_KEY, VARIABLE
from shapecalc.errors import ShapecalcError
from shapecalc.escaping import clean
from shapecalc.language.document import KEYS
from shapecalc.language.schema import LAYER_KEYS
from shapecalc.layers import find_kind
from shapecalc.source import flow_text, shown_value

if TYPE_CHECKING:
    from shapecalc.editor.analysis import Analysis
    from shapecalc.editor.positions import Position, Range
    from shapecalc.editor.symbols import TextSymbol

__all__ = ["Hover", "hover"]

_LONGEST = 6_000
"""Characters of an explanation that are shown."""
_WIDTH = 76


class Hover(NamedTuple):
    """A text in Markdown on a range."""

    range: Range
    markdown: str


def hover(analysis: Analysis, position: Position) -> Hover | None:
    """Return what is at a position; None for nothing."""
    symbol = symbol_at(analysis, position)
    if symbol is None:
        return None
    text = _text_of(analysis, symbol)
    return Hover(analysis.text.range_of(symbol.mark), text) if text else None


def _text_of(analysis: Analysis, symbol: TextSymbol) -> str:
    if symbol.sort == KEY:
        return f"`{symbol.name}`: {KEYS[symbol.name]}"
    if symbol.sort in (KIND, BLOCK):
        return _of_item(analysis, symbol)
    if symbol.sort == ARGUMENT:
        return _of_argument(analysis, symbol)
    if symbol.sort == LAYER_KEY:
        return f"`{symbol.name}`: {LAYER_KEYS[symbol.name]['description']}"
    if symbol.sort == VARIABLE:
        return _of_variable(analysis, symbol)
    return _of_name(analysis, symbol) if symbol.sort == LAYER else ""


def _of_item(analysis: Analysis, symbol: TextSymbol) -> str:
    """Return a kind or block: what it is, its size here, and for a layer how that is computed."""
    document = analysis.document
    assert document is not None
    parts = []
    if symbol.sort == KIND:
        cls = find_kind(symbol.name)
        assert cls is not None
        parts.append(f"**{cls.kind}**: {clean(cls.summary())}")
    else:
        block = document.blocks.get(symbol.name)
        if block is None:  # it is being written
            return ""
        given = ", ".join(
            name if value is None else f"{name}: {flow_text(value)}" for name, value in block.arguments.items()
        )
        parts.append(f"**{clean(symbol.name)}**: a block{f' with `{clean(given)}`' if given else ''}")
    item = items_of(analysis).get(symbol.mark[1:3])
    if item:
        parts += _sizes(item)
        if not item.is_block:
            parts += _arithmetic(analysis, item)
    return "\n\n".join(parts)


def _sizes(item: LayerItem) -> list[str]:
    first, last = item.copies[0], item.copies[-1]
    shown = [first] if first is last else [first, last]
    lines = []
    for copy in shown:
        counts = [count_text(copy), f"{copy.total.macs:,} MACs" if copy.total.macs else ""]
        lines.append(f"`{clean(copy.name)}` → {copy.size}{''.join(f' · {one}' for one in counts if one)}")
    if first is not last:
        params = sum(copy.total.params for copy in item.copies)
        lines.append(f"the first and the last of {len(item.copies):,} copies, with {params:,} params in all")
    return ["  \n".join(lines)]


def _arithmetic(analysis: Analysis, item: LayerItem) -> list[str]:
    """Return the arithmetic of the first copy of an item."""
    from shapecalc.questions.explain import explain_report

    report = analysis.report
    assert report is not None
    try:
        explained = explain_report(report, [row.name for row in item.copies[0].rows])
        text = explained.render("text", width=_WIDTH)
    except ShapecalcError:
        return []
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return [f"```text\n{text.strip()}\n```"]


def _of_argument(analysis: Analysis, symbol: TextSymbol) -> str:
    document = analysis.document
    assert document is not None
    block = document.blocks.get(symbol.owner)
    if block is not None:
        default = block.arguments.get(symbol.name)
        words = f", by default `{clean(flow_text(default))}`" if default is not None else ""
        return f"`{clean(symbol.name)}`: an argument of the block {clean(symbol.owner)}{words}"
    cls = find_kind(symbol.owner)
    own = cls.argument_names().get(symbol.name) if cls else None
    if cls is None or own is None:
        return ""
    argument = cls.arguments[own]
    also = f" (`{own}`)" if own != symbol.name else ""
    return f"`{symbol.name}`{also}: {argument.doc}{_default_of(argument)}"


def _default_of(argument: object) -> str:
    from shapecalc.layers.base.arguments import Argument

    assert isinstance(argument, Argument)
    if argument.required or argument.default is None:
        return ""
    return f", by default `{shown_value(argument.default)}`"


def _of_variable(analysis: Analysis, symbol: TextSymbol) -> str:
    graph, document = analysis.graph, analysis.document
    assert document is not None
    if symbol.scope in document.blocks:
        return _of_argument(analysis, symbol._replace(owner=symbol.scope))
    if symbol.scope:
        return f"`{clean(symbol.name)}`: a value of `for` in each copy"
    value = graph.variables.get(symbol.name) if graph else None
    if value is None:
        return f"`{clean(symbol.name)}`: a variable"
    of = f" in {clean(analysis.variant)}" if analysis.variant else ""
    return f"`{clean(symbol.name)}` = `{clean(shown_value(value))}`{of}"


def _of_name(analysis: Analysis, symbol: TextSymbol) -> str:
    """Return the layer that has a name, with its size."""
    items = items_of(analysis)
    mark = symbol.item if symbol.is_definition else generated_names(analysis, symbol.scope).get(symbol.name)
    if mark is None and definition(analysis, analysis.text.range_of(symbol.mark).start) and analysis.report:
        size = analysis.report.inputs.get(symbol.name)
        return f"`{clean(symbol.name)}`: an input, {'×'.join(map(str, size))}" if size else ""
    item = items.get(mark[1:3]) if mark else None
    return "\n\n".join([f"**{clean(symbol.name)}**: {item.kind}", *_sizes(item)]) if item else ""
