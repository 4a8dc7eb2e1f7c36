"""The lines on the origins of a layer's numbers: its input, its location in the source, defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.dims.notation import NUMBER, Tree, chain
from shapecalc.questions.explain.items import KEPT, Chain, ExplanationLine, Name, SizesItem, labelled
from shapecalc.questions.explain.leaves import BATCH, INPUT, OUTPUT
from shapecalc.questions.explain.reasons import DEFAULT, GIVEN
from shapecalc.questions.explain.working import OUTPUTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.errors import Mark
    from shapecalc.questions.explain import LayerExplanation
    from shapecalc.questions.explain.items import Item
    from shapecalc.questions.explain.reasons import InputSource, Symbol

__all__ = ["reason_lines"]


def reason_lines(layer: LayerExplanation, *, brief: bool = False) -> list[ExplanationLine]:
    """Return the lines on the origins of a layer's numbers; `brief`: only of its input, and its location."""
    if not brief:
        return labelled("where", _reasons(layer))
    rows = [tuple(_source(layer, index, source)) for index, source in enumerate(layer.sources)]
    mark = layer.row.node.mark
    if rows and mark is not None and mark.line:
        rows[-1] = (*rows[-1], f"; {_line(mark, layer.file)}")
    return labelled("where", rows)


def _reasons(layer: LayerExplanation) -> Iterator[tuple[Item, ...]]:
    symbols = layer.symbols
    for index, source in enumerate(layer.sources):
        if layer.is_whole or any(symbol.source == index and symbol.origin == INPUT for symbol in symbols):
            yield tuple(_source(layer, index, source))
    outgoing = [symbol for symbol in symbols if symbol.origin == OUTPUT]
    if outgoing and OUTPUTS not in layer.what:
        yield (SizesItem(tuple([s.symbol for s in outgoing]), tuple([s.value for s in outgoing])), ": output")
    given = [symbol for symbol in symbols if symbol.origin == GIVEN]
    items = [*_arguments(given), *_settings(layer, comma=bool(given))]
    place = _place(layer)
    if items:
        yield (*((f"{place}: ",) if place else ()), *items)
    default = [symbol for symbol in symbols if symbol.origin == DEFAULT]
    if default:
        yield ("default: ", *_arguments(default))
    for symbol in symbols:
        if symbol.origin == BATCH:
            yield (Chain(symbol.symbol, (Tree(NUMBER, symbol.value),)), " samples in a batch")
    if layer.is_whole and layer.left_out:
        yield tuple(_left_out(layer.left_out))


def _source(layer: LayerExplanation, index: int, source: InputSource) -> Iterator[Item]:
    yield SizesItem(layer.input_symbols[index], source.sizes)
    if source.is_input:
        yield ": the network's input"
        if len(layer.row.from_) > 1 and source.name != "input":  # the name of an unnamed input
            yield " "
            yield Name(source.name)
        if source.mark is not None and source.mark.line:
            yield f", {_line(source.mark, layer.file)}"
        return
    yield " from "
    yield Name(source.name)
    for made in source.made:
        yield ": " if made.layer == source.name else "; "
        yield Chain(made.symbol, (*chain(made.rule)[1:],))
        if made.layer != source.name:
            yield " was computed by "
            yield Name(made.layer)


def _arguments(symbols: Sequence[Symbol]) -> list[Item]:
    """Return arguments as `k = 11 (kernel_size), s = 4 (stride)`."""
    items: list[Item] = []
    for i, symbol in enumerate(symbols):
        items += [*([", "] if items else []), Chain(symbol.symbol, (Tree(NUMBER, symbol.value),))]
        is_last = i + 1 == len(symbols) or symbols[i + 1].argument != symbol.argument
        if symbol.symbol != symbol.argument and is_last:
            items += [f"{KEPT}(", Name(symbol.argument), ")"]
    return items


def _settings(layer: LayerExplanation, *, comma: bool) -> list[Item]:
    items: list[Item] = []
    for setting in layer.settings:
        items += [
            *([", "] if items or comma else []),
            Name(setting.name),
            f"{KEPT}={KEPT}",
            Name(_shown(setting.value)),
        ]
    return items


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "×".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _left_out(left_out: dict[str, int]) -> Iterator[Item]:
    for i, (name, value) in enumerate(left_out.items()):
        if i:
            yield " and " if i == len(left_out) - 1 else ", "
        yield Name(name)
        yield f"{KEPT}={KEPT}{value}"
    yield ", by default: no effect"


def _place(layer: LayerExplanation) -> str:
    """Return the location of a layer: `line 9`, and what used the block that it is in."""
    mark = layer.row.node.mark
    if mark is None:
        return ""
    where = _line(mark, layer.file) if mark.line else mark.path
    for words, use in layer.row.node.uses[:1]:
        given = words.removeprefix("used here").strip(" ,:")
        where += f", in a block used in {_line(use, layer.file)}{f' {given}' if given else ''}"
    return where


def _line(mark: Mark, file: str) -> str:
    return f"line {mark.line:,}" if mark.source.name == file else f"{mark.source.name}, line {mark.line:,}"
