"""YAML of the specification language: blocks and repeats are found again, and what is written is read once more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shapecalc.errors import Problem, ShapecalcError, UsageError
from shapecalc.escaping import clean, json_text
from shapecalc.exporters.structure import DEEPEST, find_structure
from shapecalc.exporters.structure.names import name_definitions
from shapecalc.exporters.structure.parts import Local
from shapecalc.exporters.yaml.operations import default_of, operation
from shapecalc.exporters.yaml.scope import allowed
from shapecalc.exporters.yaml.text import WIDTH, DefinitionText
from shapecalc.exporters.yaml.values import UnwritableError, mapping, size_text, value_text, word
from shapecalc.layers import find_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shapecalc.exporters.structure.parts import Definition, Item, Operation
    from shapecalc.exporters.yaml.scope import Names
    from shapecalc.model.graph import Reference
    from shapecalc.model.report import Report
    from shapecalc.model.rows import Row

__all__ = ["write"]

_NOT_FREE = frozenset({
    "i", "true", "false", "none", "null", "and", "or", "not", "in", "if", "else", "input", "y", "n", "yes", "no", "on",
    "off", "name", "from", "repeat", "for", "when", "share", "frozen", "uncounted",
})  # fmt: skip
"""Words that no block may be called."""

_LONG, _MUCH_SHORTER = 100, 0.6
"""The hierarchy of a file is left out of a text of so many lines, if it has less than this part of them without it."""


def write(report: Report, _: int | str | None, reread: Callable[[str], Report] | None = None) -> str:
    """Return the specification of a report: the shortest that has the same rows when it is read again.

    Errors: `UsageError` where there is none.
    """
    operations = [
        operation(row.node.layer, row.sizing.inputs[0] if row.sizing.inputs else None)
        for row in report.rows
        if row.node.layer
    ]
    why = ""
    for level in range(DEEPEST, -1, -1):
        try:
            text = _Writer(report, operations, level).text()
        except UnwritableError as error:
            why = str(error)
            continue
        shorter = _without_hierarchy(report, operations, text) if level == DEEPEST else ""
        for one in filter(None, (shorter, text)):
            try:
                why = _difference(report, reread(one)) if reread else ""
            except ShapecalcError as error:
                why = error.problems[0].message if error.problems else str(error)
            if not why:
                return one
    raise UsageError(Problem(f"{clean(report.name)} cannot be written as a specification: {why}"))


def _without_hierarchy(report: Report, operations: Sequence[Operation], text: str) -> str:
    """Return the specification with blocks found by repetition alone, where it is much shorter; else nothing.

    The hierarchy of a file is not always one of blocks that are alike: in ONNX files that state no modules, it is what
    the names of weights have in common, so that layers without weights are between blocks that they belong to.
    """
    lines = text.count("\n")
    if report.graph.is_written or lines < _LONG:
        return ""
    try:
        found = _Writer(report, operations, DEEPEST, nested=False).text()
    except UnwritableError:
        return ""
    return found if found.count("\n") < lines * _MUCH_SHORTER else ""


def _difference(report: Report, again: Report) -> str:
    """Return the first row that is not the same when a text is read again; empty if all are."""
    if len(report.rows) != len(again.rows):
        return f"{len(report.rows)} layers are {len(again.rows)} when they are read again"
    for mine, its in zip(report.rows, again.rows, strict=True):
        same = (
            mine.kind == its.kind
            and mine.node.inputs == its.node.inputs
            and _owner(mine) == _owner(its)
            and mine.node.marks == its.node.marks
            and mine.total == its.total
            and mine.input_shapes == its.input_shapes
            and mine.output_shapes == its.output_shapes
        )
        if not same:
            return f"{clean(mine.name)} is another layer when it is read again"
    return "" if report.graph.outputs == again.graph.outputs else "its outputs are others when they are read again"


def _owner(row: Row) -> int:
    """Return the layer whose weights a layer uses; -1 for one that has none, or its own."""
    return row.node.shares if row.shares else -1


class _Writer:
    """The text of a specification at a level of structure."""

    def __init__(self, report: Report, operations: Sequence[Operation], level: int, *, nested: bool = True) -> None:
        self.report = report
        self.graph = report.graph
        self.definitions = find_structure(self.graph, operations, default_of, level, nested=nested)
        kinds = {one.kind for one in operations}
        name_definitions(self.graph, self.definitions, lambda name: self._is_free(name, kinds))
        self.inputs = list(dict.fromkeys(allowed(name) or "input" for name in self.graph.inputs))
        if len(self.inputs) < len(self.graph.inputs):
            self.inputs = [f"input{i + 1}" for i in range(len(self.graph.inputs))]
        self.known: dict[int, Names] = {}

    @staticmethod
    def _is_free(name: str, kinds: set[str]) -> bool:
        return name.lower() not in _NOT_FREE and name not in kinds and not (
            (cls := find_kind(name)) is not None and cls.kind in kinds
        )  # fmt: skip

    def text(self) -> str:
        """Return the text. Errors: `UnwritableError`."""
        *blocks, main = self.definitions
        texts = [self._block(one) for one in blocks]
        network = self._text(main, self.inputs)
        layers = network.lines()
        lines = [*self._head(), *(["blocks:"] if blocks else []), *[line for text in texts for line in text]]
        lines += ["layers:", *[f"  {line}" for text in layers for line in text.split("\n")]]
        outputs = self._outputs(network)
        if outputs:
            text = f"outputs: [{', '.join(outputs)}]"
            lines += [text] if len(text) <= WIDTH else ["outputs:", *[f"  - {name}" for name in outputs]]
        return "\n".join([*lines, *self._expectations(outputs)]) + "\n"

    def _text(self, definition: Definition, inputs: Sequence[str]) -> DefinitionText:
        return DefinitionText(definition, inputs, self.known, self._is_plain)

    def _is_plain(self, item: Item) -> bool:
        """Return whether an item is a layer without weights, of a network that no person wrote as a specification."""
        sizing = self.report.rows[item.part.start].sizing
        has_weights = sizing.weight_shapes or sizing.buffer_shapes
        return not self.graph.is_written and not item.definition and not has_weights

    def _head(self) -> Iterator[str]:
        graph = self.graph
        if graph.name:
            yield f"name: {_title(clean(graph.name))}"
        if graph.source:
            yield f"source: {_title(clean(graph.source))}"
        if graph.layout != "CHW":
            yield f"layout: {graph.layout}"
        shapes = [shape.in_layout(graph.layout) for shape in graph.inputs.values()]
        sizes = dict(zip(self.inputs, map(size_text, shapes), strict=True))
        text = f"input: {sizes['input']}" if [*sizes] == ["input"] else f"inputs: {mapping(sizes)}"
        pairs = [f"  {word(name)}: {one}" for name, one in sizes.items()]
        yield from [text] if len(text) <= WIDTH else ["inputs:", *pairs]

    def _block(self, definition: Definition) -> list[str]:
        count = len(definition.body.inputs)
        text = self._text(definition, ["input", *[f"input{k + 1}" for k in range(1, count)]])
        lines = [f"    {line}" for item in text.lines() for line in item.split("\n")]
        if not definition.parameters:
            return [f"  {definition.name}:", *lines]
        arguments = {name: value_text(one.default) if one.has_default else "required"
                     for name, one in definition.parameters.items()}  # fmt: skip
        return [
            f"  {definition.name}:",
            f"    args: {mapping(arguments)}",
            "    layers:",
            *[f"  {one}" for one in lines],
        ]

    def _outputs(self, network: DefinitionText) -> list[str]:
        """Return the names of the outputs; none where it is the last layer alone, and all inputs are used."""
        graph = self.graph
        used = {ref.node for node in graph.nodes for ref in node.inputs}
        all_used = all(-1 - index in used for index in range(len(graph.inputs)))
        last = len(graph.nodes) - 1
        if all_used and [*graph.outputs] == [(last, 0)]:
            return []
        return [network.reference(self._local(network.definition, ref)) for ref in graph.outputs]

    def _expected(self, ref: Reference) -> str:
        sizes = self.report.shape_of(*ref).in_layout(self.graph.layout)
        return str(sizes[0]) if len(sizes) == 1 else size_text(sizes)

    @staticmethod
    def _local(main: Definition, ref: Reference) -> Local:
        if ref.node < 0:
            return Local(ref.node)
        index = next(i for i, item in enumerate(main.items) if item.part.start <= ref.node < item.part.stop)
        return Local(index, main.items[index].part.stop - 1 - ref.node, ref.output)

    def _expectations(self, outputs: Sequence[str]) -> Iterator[str]:
        total = self.report.total
        macs = total.macs // self.report.batch
        yield "expect:"
        yield f"  params: {total.weights + total.biases}"
        if total.buffers:
            yield f"  buffers: {total.buffers}"
        yield f"  macs: {macs}"
        sizes = [self._expected(ref) for ref in self.graph.outputs]
        if len(sizes) == 1:
            yield f"  output: {sizes[0]}"
        elif len({*outputs}) == len(sizes):
            pairs = [f"{name}: {one}" for name, one in zip(outputs, sizes, strict=True)]
            text = f"  outputs: {{{', '.join(pairs)}}}"
            yield from [text] if len(text) <= WIDTH else ["  outputs:", *[f"    {pair}" for pair in pairs]]


def _title(text: str) -> str:
    """Return a text of several words; in quotes, if it could be read as anything else."""
    is_plain = re.fullmatch(r"[^\W\d_][\w .()/-]*[\w.)]", text) and word(text.partition(" ")[0]) in (
        text,
        text.split(maxsplit=1)[0],
    )
    return text if is_plain and text.lower() not in _NOT_FREE else json_text(text)
