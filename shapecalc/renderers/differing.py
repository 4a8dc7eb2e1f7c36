"""What tells blocks apart that look alike: `window 4,096`, `dilation 1–512`, or what they consist of, `mamba`."""

from __future__ import annotations

from itertools import chain, groupby
from typing import TYPE_CHECKING, Any

from shapecalc.renderers.cells import shorten_axes, show_value
from shapecalc.renderers.folding import name_of, runs_of, stretches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shapecalc.model.graph import Graph
    from shapecalc.model.rows import ReportLine, Row
    from shapecalc.renderers.folding import Lines, RepeatedLines

__all__ = ["differences", "marks_of"]

_NOTES = 3
_VALUES = 4
_MARKS = 2
_DIGITS = "0123456789"

_Differing = dict[str, list[int]]
"""Arguments that differ between blocks, and the numbers of the layers of which they are arguments."""


def differences(lines: Sequence[ReportLine], graph: Graph) -> list[str]:
    """Return notes on blocks that look alike and are not: `layer.1–48 differ in dilation (1–512)`.

    They follow one another, and only arguments of their layers differ, which a line of a block does not show; or they
    take turns.
    """
    notes = [note for stretch in stretches(lines) for note in _note(stretch)]
    notes += [note for run in runs_of(lines) if 1 < run.period <= _VALUES for note in _note_on_turns(run, graph)]
    more = [f"and so do blocks at {len(notes) - _NOTES:,} more places"] if len(notes) > _NOTES + 1 else []
    return [*notes[:_NOTES], *more] if more else notes


def _note(stretch: Lines) -> Iterator[str]:
    """Yield in what blocks differ; what each has, where they are shown as a few lines."""
    found = _differing(stretch)
    parts = [groups for run in runs_of(stretch) for groups in run.members]
    if found and len(parts) == 1:
        values = [f"{name} ({_range(_values(stretch, name, at))})" for name, at in found.items()]
        yield f"{name_of(parts[0])} differ in {', '.join(values)}"
    elif found:
        yield "; ".join([f"{name_of(groups)}: {', '.join(_texts(_flat(groups), found))}" for groups in parts])


def _note_on_turns(run: RepeatedLines, graph: Graph) -> Iterator[str]:
    """Yield what blocks that take turns consist of, if not only their arguments differ."""
    marks = marks_of([run], graph)
    if len({_structure(groups[0][0]) for groups in run.members}) > 1:
        yield "; ".join([
            f"{name_of(groups)}: {marks[groups[0][0].name]}" for groups in run.members if groups[0][0].name in marks
        ])  # fmt: skip


def marks_of(runs: Sequence[RepeatedLines], graph: Graph) -> dict[str, str]:
    """Return what tells blocks apart from those beside them that differ only in a number, by the name of the first.

    The arguments that differ, where the layers are the same; otherwise the layers with most parameters that not all of
    them have. What one block is told apart by, all blocks of its kind show that have it. `runs` are in order.
    """
    parts = [tuple(_flat(groups)) for run in runs for groups in run.members]
    alike = [list(beside) for is_block, beside in groupby(parts, key=_look) if is_block]
    telling: dict[str, set[str]] = {}
    for beside in alike:
        common = _common(beside, graph)
        words = [word for lines in beside for word in _telling(lines[0], common, graph)]
        telling.setdefault(beside[0][0].kind, set()).update(words)
    found: dict[str, str] = {}
    for beside in alike:
        found.update(_marks(beside, _common(beside, graph) - telling[beside[0][0].kind], graph))
    return found


def _look(lines: Lines) -> tuple[Any, ...]:
    """Return what a block looks like, but for its number and its parameters; empty for a layer."""
    first = lines[0]
    return (first.kind, first.output_shapes, first.name.rstrip(_DIGITS)) if first.is_block else ()


def _common(beside: Sequence[Lines], graph: Graph) -> set[str]:
    """Return the kinds of the layers and blocks that all of some blocks have."""
    words = [_words_in(lines[0], graph) for lines in beside]
    return set(words[0]).intersection(*words)


def _marks(beside: Sequence[Lines], common: set[str], graph: Graph) -> Iterator[tuple[str, str]]:
    shapes = [_structure(lines[0]) for lines in beside]
    for lines, own in zip(beside, shapes, strict=True):
        same = [line for other, shape in zip(beside, shapes, strict=True) if shape == own for line in other]
        words = [_with_argument(word, lines[0]) for word in _telling(lines[0], common, graph)]
        texts = [*words, *_texts(lines, _differing(same))]
        if texts:
            yield lines[0].name, ", ".join(texts[:_MARKS]) + (", …" if len(texts) > _MARKS else "")


def _structure(line: ReportLine) -> tuple[Any, ...]:
    """Return what blocks have in common whose layers differ at most in arguments."""
    return tuple([(row.name.removeprefix(line.name), row.kind, row.total) for row in line.rows])


def _words_in(line: ReportLine, graph: Graph) -> dict[str, None]:
    """Return the kinds of the layers and blocks within a block."""
    return dict.fromkeys(word for row in line.rows for word in (row.kind, *_around(row, line, graph)))


def _around(row: Row, line: ReportLine, graph: Graph) -> list[str]:
    """Return the kinds of the blocks around a layer that are within a line, outermost first."""
    found, block = [], row.block
    while block >= 0 and graph.blocks[block].name != line.name:
        found.append(graph.blocks[block].kind)
        block = graph.blocks[block].parent
    return found[::-1]


def _telling(line: ReportLine, common: set[str], graph: Graph) -> list[str]:
    """Return the layers or inner blocks that others do not have: those with most parameters, in order."""
    params: dict[str, Any] = {}
    named: set[str] = set()  # blocks of which a layer is shown
    for row in line.rows:
        layer, around = row.node.layer, [kind for kind in _around(row, line, graph) if kind not in common]
        if layer and row.kind not in common and not layer.only_training:
            params[layer.word] = params.get(layer.word, 0) + row.params
            named.update(around if row.params else [])
        elif around:
            params[around[0]] = params.get(around[0], 0) + row.params
    params = {word: number for word, number in params.items() if word not in named}
    largest = sorted([word for word in params if params[word]], key=lambda word: -params[word])[:_MARKS]
    return [word for word in params if word in (largest or params)][:_MARKS]


def _with_argument(word: str, line: ReportLine) -> str:
    """Return a layer that has no parameters with the first of its arguments: `roll (shifts -3)`."""
    found = [row for row in line.rows if row.node.layer and row.node.layer.word == word]
    if not found or any(row.params for row in found):
        return word
    return " ".join([word, *[f"({name} {_text(_value(found[0], name))})" for name in found[0].arguments][:1]])


def _differing(lines: Sequence[ReportLine]) -> _Differing:
    """Return the arguments that differ between blocks of the same layers."""
    found: _Differing = {}
    for at, rows in enumerate(zip(*[line.rows for line in lines], strict=True)):
        layers = list({id(row.node.layer): row for row in rows}.values())
        for name in dict.fromkeys(name for row in layers for name in row.arguments):
            values = [_value(row, name) for row in layers]
            if any(value != values[0] for value in values):
                found.setdefault(name, []).append(at)
    return found


def _texts(lines: Sequence[ReportLine], differing: _Differing) -> list[str]:
    return [f"{name} {_range(_values(lines, name, at))}" for name, at in differing.items()]


def _values(lines: Sequence[ReportLine], name: str, at: Sequence[int]) -> list[Any]:
    return [_value(line.rows[index], name) for line in lines for index in at]


def _value(row: Row, name: str) -> Any:
    """Return an argument of a layer: its default if it is left out, one number if all axes have the same."""
    argument = row.node.layer.arguments.get(name) if row.node.layer else None
    value = row.arguments.get(name, argument.default if argument else None)
    short = shorten_axes(value) if isinstance(value, list) else value
    return short[0] if isinstance(short, list) and len(short) == 1 else short


def _range(values: Sequence[Any]) -> str:
    """Return values in words: a few of them, or from the smallest number to the largest."""
    texts = list(dict.fromkeys([_text(value) for value in values]))
    if len(texts) <= _VALUES:
        return " / ".join(texts)
    if all(type(value) is int for value in values):
        return f"{min(values):,}–{max(values):,}"
    return " / ".join([*texts[:_VALUES], "…"])


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:,}" if type(value) is int else show_value(value)


def _flat(groups: Sequence[Lines]) -> list[ReportLine]:
    return list(chain(*groups))
