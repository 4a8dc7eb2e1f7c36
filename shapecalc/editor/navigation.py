"""Definition and references: where a name, a block or a variable is defined, and all places that use it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.editor.analysis import once_each
from shapecalc.editor.positions import Position, Range
from shapecalc.editor.symbols import ARGUMENT, BLOCK, LAYER, VARIABLE, VARIANT, TextSymbol, symbols_of
from shapecalc.source import MapValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shapecalc.editor.analysis import Analysis
    from shapecalc.errors import Mark

__all__ = ["Location", "definition", "generated_names", "references", "symbol_at"]


class Location(NamedTuple):
    """A range in the text (an empty path), or in another file, there in code points."""

    path: str
    range: Range


def symbol_at(analysis: Analysis, position: Position) -> TextSymbol | None:
    """Return the symbol at a position, of several the shortest."""
    found = [one for one in symbols_of(analysis) if analysis.text.range_of(one.mark).contains(position)]
    return min(found, key=lambda one: (one.mark.length, one.is_definition), default=None)


def definition(analysis: Analysis, position: Position) -> list[Location]:
    """Return where what is at a position is defined; more than one place for a name that several layers may have."""
    symbol = symbol_at(analysis, position)
    return [] if symbol is None else _located(analysis, [*_definitions(analysis, symbol)])


def references(analysis: Analysis, position: Position, *, with_definition: bool = True) -> list[Location]:
    """Return all places in the text that use what is at a position, and where it is defined, also in another file."""
    symbol = symbol_at(analysis, position)
    if symbol is None or symbol.sort not in (LAYER, BLOCK, VARIABLE, VARIANT, ARGUMENT):
        return []
    marks = [*_definitions(analysis, symbol)]
    if not marks:
        return []
    target = {_place(analysis, mark) for mark in marks}
    known: dict[tuple[str, str, str, str], bool] = {}
    found = [mark for mark in marks if with_definition and not analysis.is_own(mark)]
    for one in symbols_of(analysis):
        if one.is_definition:
            if with_definition and _place(analysis, one.mark) in target:
                found.append(one.mark)
            continue
        key = (one.sort, one.name, one.scope, one.owner)
        if key not in known:
            may_be = one.sort == LAYER or one.name == symbol.name
            known[key] = may_be and not target.isdisjoint(
                _place(analysis, mark) for mark in _definitions(analysis, one)
            )
        if known[key]:
            found.append(one.mark)
    return _located(analysis, found)


def _place(analysis: Analysis, mark: Mark) -> tuple[str, int, int]:
    """Return the file, the line and the column of a mark; the text itself has no file."""
    return "" if analysis.is_own(mark) else analysis.path_of(mark), mark.line, mark.column


def _located(analysis: Analysis, marks: list[Mark]) -> list[Location]:
    found = []
    for mark in marks:
        if analysis.is_own(mark):
            found.append(Location("", analysis.text.range_of(mark)))
        elif mark.line and (path := analysis.path_of(mark)):
            start = Position(mark.line - 1, mark.column - 1)
            found.append(Location(path, Range(start, Position(start.line, start.character + 1))))
    return [*dict.fromkeys(found)]


def _definitions(analysis: Analysis, symbol: TextSymbol) -> Iterator[Mark]:
    """Yield the marks of what a symbol refers to."""
    document = analysis.document
    assert document is not None
    if symbol.is_definition:
        yield symbol.mark
    elif symbol.sort == BLOCK:
        yield from _block_mark(analysis, symbol.name)
    elif symbol.sort == ARGUMENT:
        if symbol.owner in document.blocks:
            yield from (one.mark for one in _defined(analysis, VARIABLE) if _is(one, symbol.name, symbol.owner))
    elif symbol.sort == VARIABLE:
        yield from (one.mark for one in _defined(analysis, VARIABLE) if _is(one, symbol.name, symbol.scope))
    elif symbol.sort == LAYER:
        yield from _layer_marks(analysis, symbol)


def _is(one: TextSymbol, name: str, scope: str) -> bool:
    return one.name == name and one.scope == scope


def _defined(analysis: Analysis, sort: str) -> list[TextSymbol]:
    return [one for one in symbols_of(analysis) if one.is_definition and one.sort == sort]


def _block_mark(analysis: Analysis, name: str) -> Iterator[Mark]:
    document = analysis.document
    assert document is not None
    written = document.keys.get("blocks")
    own = [key.mark for key, _ in written.pairs if key.text == name] if isinstance(written, MapValue) else []
    yield from own or [document.blocks[name].mark]


def _layer_marks(analysis: Analysis, symbol: TextSymbol) -> Iterator[Mark]:
    """Yield the layers that have a name: as it is written, by a template (`c{i}`), or by their kind and number."""
    document = analysis.document
    assert document is not None
    named = [one for one in _defined(analysis, LAYER) if one.scope == symbol.scope]
    found = [one.mark for one in named if one.name == symbol.name]
    if not found:
        found = [one.mark for one in named if "{" in one.name and _may_be(one.name, symbol.name)]
    if not found and symbol.name == "input" and not symbol.scope and "input" in document.marks:
        found = [document.marks["input"]]
    if not found:
        first, _, rest = symbol.name.partition(".")
        made = generated_names(analysis, symbol.scope)
        found = [made[name] for name in (symbol.name, first) if name in made][:1]
        if not found and rest:  # within a block: `block1.conv1`
            found = [one.mark for one in named if _may_be(one.name, first)]
    yield from found


def _may_be(template: str, name: str) -> bool:
    """Return whether a name, perhaps a template itself, may be one that a template has."""
    parts = [re.escape(part) for part in re.split(r"\{[^{}]*\}", template)]
    return bool(re.fullmatch(".*".join(parts), name))


@once_each
def _generated(_: Analysis) -> dict[str, dict[str, Mark]]:
    return {}


def generated_names(analysis: Analysis, scope: str) -> dict[str, Mark]:
    """Return the layers and blocks of a scope by the names that they have in it, with the marks of their kinds."""
    known = _generated(analysis)
    if scope not in known:
        known[scope] = _names_in(analysis, scope)
    return known[scope]


def _names_in(analysis: Analysis, scope: str) -> dict[str, Mark]:
    graph = analysis.graph
    if graph is None:
        return {}
    around = next((index for index, block in enumerate(graph.blocks) if scope and block.kind == scope), -1)
    if scope and around < 0:
        return {}
    prefix = f"{graph.blocks[around].name}." if scope else ""
    found: dict[str, Mark] = {}
    for node in graph.nodes:
        block, depth = node.block, 0
        name = node.name
        while block != around and block >= 0:
            name, block, depth = graph.blocks[block].name, graph.blocks[block].parent, depth + 1
        if block == around and node.mark:
            marks = [node.mark, *[mark for _, mark in node.uses]]
            found.setdefault(name.removeprefix(prefix), marks[min(depth, len(marks) - 1)])
    return found
