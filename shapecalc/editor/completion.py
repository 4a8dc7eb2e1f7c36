"""Completion: kinds, arguments, keys, names and variables, where each may be written, in a text that may be broken."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.editor.context import ITEM, context_at
from shapecalc.editor.insertion import of_block, of_kind
from shapecalc.editor.navigation import generated_names
from shapecalc.editor.positions import Position, Range
from shapecalc.editor.symbols import LAYER, VARIABLE, symbols_of
from shapecalc.escaping import clean
from shapecalc.language.document import BLOCK_KEYS, KEYS, VARIANT_KEYS
from shapecalc.language.schema import LAYER_KEYS
from shapecalc.layers import KINDS, USUAL, find_kind
from shapecalc.model.graph import OF_LAYERS, OF_NETWORKS
from shapecalc.source import flow_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shapecalc.editor.analysis import Analysis
    from shapecalc.editor.context import CursorContext
    from shapecalc.language.blocks import BlockDefinition
    from shapecalc.layers.base.layer import Layer

__all__ = ["Completion", "completions"]

_MOST_FILES = 200


class Completion(NamedTuple):
    """A word that may be written: its sort, a few words on it, its documentation, and what it is replaced by.

    `snippet` is the same with places to fill in, in the syntax of the protocol of editors; empty where there are none.
    """

    label: str
    sort: str
    detail: str
    documentation: str
    range: Range
    new_text: str
    snippet: str = ""


class _Choice(NamedTuple):
    label: str
    sort: str
    detail: str = ""
    documentation: str = ""
    ending: str = ""
    snippet: str = ""


def completions(analysis: Analysis, position: Position) -> list[Completion]:
    """Return what may be written at a position."""
    if analysis.is_too_large:
        return []
    text = analysis.text
    position = text.position(text.offset(position))
    lines = [text.line(number) for number in range(len(text.starts))]
    context = context_at(lines, *position)
    rest = lines[position.line][position.character :]
    after = re.match(r"[\w.-]*", rest)
    assert after is not None
    start = Position(position.line, position.character - len(context.word))
    where = Range(start, Position(position.line, position.character + len(after[0])))
    has_colon = bool(re.match(r"\s*:", rest[after.end() :]))
    found: dict[str, Completion] = {}
    for choice in _Choices(analysis, context, position.line).all():
        ending, snippet = ("", "") if has_colon else (choice.ending, choice.snippet)
        written = Completion(*choice[:4], where, f"{choice.label}{ending}", snippet)
        found.setdefault(choice.label, written)
    return list(found.values())


_REQUIRED = ("input", "layers")
"""The keys that a specification begins with: the first of those that are suggested."""


class _Choices:
    """What may be written in a context."""

    def __init__(self, analysis: Analysis, context: CursorContext, line: int) -> None:
        self.analysis = analysis
        self.line = line
        self.context = context
        self.document = analysis.document
        path = context.path
        self.scope = path[1] if len(path) > 1 and path[0] == "blocks" else ""
        self.blocks: dict[str, BlockDefinition] = self.document.blocks if self.document else {}

    def all(self) -> Iterator[_Choice]:
        top, *rest = self.context.path or ("",)
        if not top:
            if self.context.is_key:
                yield from self.keys(dict.fromkeys((*_REQUIRED, *KEYS)))
        elif top in ("layers", ITEM):  # the text may be a list of layers alone
            yield from self.in_layers(rest if top == "layers" else [top, *rest])
        elif top == "blocks":
            yield from self.in_block(rest)
        elif top in ("output", "outputs"):
            yield from self.names()
        elif top == "layout":
            yield from (_Choice(word, "value") for word in ("CHW", "HWC"))
        elif top == "use":
            yield from self.files()
        elif top in ("expect", "variants", "choices"):
            yield from self.in_figures(top, rest)
        elif top in ("vars", "input", "inputs", "context") and (rest or top == "context"):
            yield from self.variables()

    def keys(self, known: Iterable[str], docs: dict[str, str] | None = None) -> Iterator[_Choice]:
        """Yield keys that are not there yet."""
        for key in known:
            if key not in self.context.beside:
                doc = KEYS.get(key, "") if docs is None else docs.get(key, "")
                yield _Choice(key, "key", "", doc, ": ")

    def in_figures(self, top: str, rest: list[str]) -> Iterator[_Choice]:
        """Yield what stands in `expect:`, `variants:` and `choices:`."""
        if top == "choices" and not rest:
            yield from self.variables(ending=": ")
        if top == "variants":
            if len(rest) == 1:
                yield from self.keys(VARIANT_KEYS)
            elif rest[1:] == ["vars"]:
                yield from self.variables(ending=": ")
            rest = rest[2:] if rest[1:2] == ["expect"] else ["", "", ""]
        if top == "choices" or not self.context.is_key:
            return
        if not rest:
            yield from self.keys([*OF_NETWORKS, "outputs", "layer"], {})
        elif rest == ["layer"]:
            yield from self.names(ending=": ")
        elif rest[0] == "layer" and len(rest) == 2:
            yield from self.keys(OF_LAYERS, {})

    def in_block(self, rest: list[str]) -> Iterator[_Choice]:
        if len(rest) == 1 and self.context.is_key:
            yield from self.keys(BLOCK_KEYS, {})
        elif len(rest) > 1 and rest[1] == ITEM:
            yield from self.in_layers(rest[1:])
        elif rest[1:2] == ["layers"]:
            yield from self.in_layers(rest[2:])
        elif rest[1:2] == ["outputs"]:
            yield from self.names()
        elif rest[1:2] == ["args"] and len(rest) > 2:
            yield from self.variables()

    def in_layers(self, rest: list[str]) -> Iterator[_Choice]:
        """Yield what stands in a list of layers, below its items and what is around the cursor in them."""
        while rest:
            items = 0
            while items < len(rest) and rest[items] == ITEM:
                items += 1
            inner = rest[items:]
            if not inner:
                yield from self.item()
                return
            word, *below = inner
            if word in LAYER_KEYS:
                yield from self.value_of_layer_key(word, below)
                return
            cls = None if word in self.blocks else find_kind(word)
            if cls is not None and cls.branches and below[:1] == ["branches"]:
                below = below[1:] or [ITEM]
            if cls is None or not cls.branches or (below and below[0] != ITEM):
                yield from self.value_of_kind(word, cls, below)
                return
            if not below or (len(below) == 1 and self.context.is_key):  # a branch: a name, or a layer
                yield from self.names()
                if below:
                    yield from self.item()
                return
            rest = below

    def item(self) -> Iterator[_Choice]:
        """Yield what an item begins with, or has beside its kind."""
        beside = self.context.beside
        has_kind = any(word in self.blocks or find_kind(word) for word in beside)
        if has_kind:
            yield from self.keys(LAYER_KEYS, {word: schema["description"] for word, schema in LAYER_KEYS.items()})
            return
        for name, block in self.blocks.items():
            given = ", ".join(block.arguments)
            ending, snippet = of_block(block)
            detail = clean(f"block: {given}" if given else "block")
            yield _Choice(name, "block", detail, "", ": " if beside else ending, snippet)
        usual = dict.fromkeys(map(KINDS.__getitem__, USUAL))
        for cls in (*usual, *(cls for cls in KINDS.values() if cls not in usual)):
            yield self.kind(cls.kind, cls)
        for cls in KINDS.values():  # other libraries' names are for those who write them
            yield from (self.kind(word, cls) for word in cls.also)
        if beside:
            yield from self.keys(LAYER_KEYS, {word: schema["description"] for word, schema in LAYER_KEYS.items()})

    def kind(self, word: str, cls: type[Layer]) -> _Choice:
        """Return a name of a kind."""
        ending, snippet = of_kind(word, cls)
        alike = "" if word == cls.kind else f"{cls.kind}, "
        ending = ": " if self.context.beside else ending
        return _Choice(word, "kind", f"{alike}{cls.family}", clean(cls.summary()), ending, snippet)

    def value_of_layer_key(self, word: str, below: list[str]) -> Iterator[_Choice]:
        value = self.context.value
        is_open = word == "name" and value.count("{") > value.count("}")
        if word in ("from", "share"):
            yield from self.names()
        elif word in ("when", "repeat", "frozen") or (word == "for" and below) or is_open:
            yield from self.expression()

    def value_of_kind(self, word: str, cls: type[Layer] | None, below: list[str]) -> Iterator[_Choice]:
        """Yield arguments of a kind or block, or the values of one."""
        block = self.blocks.get(word)
        if block is not None:
            if not below and self.context.is_key:
                for name, default in block.arguments.items():
                    if name not in self.context.beside:
                        detail = "required" if default is None else f"by default {clean(flow_text(default))}"
                        yield _Choice(name, "argument", detail, "", ": ")
                return
            yield from self.expression()
        elif cls is not None:
            named = cls.argument_names()
            if (
                not below
                and self.context.is_key
                and (self.context.is_flow or self.context.beside or not self.context.value)
            ):
                yield from self.arguments(cls)
                return
            first = cls.first_argument(word)
            own = named.get(below[0], "") if below and below[0] != ITEM else first.name if first else ""
            yield from self.values(cls, own)

    def arguments(self, cls: type[Layer]) -> Iterator[_Choice]:
        named = cls.argument_names()
        given = {named.get(key, key) for key in self.context.beside}
        every = [(name, argument) for name, argument in cls.arguments.items() if name not in given]
        for name, argument in sorted(every, key=lambda pair: not pair[1].required):
            detail = "required" if argument.required else _default(argument.default)
            for word in (name, *argument.also):
                yield _Choice(word, "argument", detail if word == name else f"{name}, {detail}", argument.doc, ": ")
        if cls.branches and "branches" not in given:
            yield _Choice("branches", "argument", "required", "the branches: names, or lists of layers", ": ")

    def values(self, cls: type[Layer], name: str) -> Iterator[_Choice]:
        argument = cls.arguments.get(name)
        if argument is not None:
            for word in _words_of(argument.schema()):
                yield _Choice(word, "value", name)
        yield from self.expression()

    def expression(self) -> Iterator[_Choice]:
        """Yield the variables and functions of expressions."""
        from shapecalc.language.expressions.functions import FUNCTIONS

        yield from self.variables()
        for name, function in FUNCTIONS.items():
            yield _Choice(name, "function", function.usage, "", "(")

    def variables(self, ending: str = "") -> Iterator[_Choice]:
        document = self.document
        if document is None:
            return
        values = self.analysis.graph.variables if self.analysis.graph else {}
        if self.scope and not ending:
            block = self.blocks.get(self.scope)
            for name, default in block.arguments.items() if block else ():
                detail = "argument" if default is None else f"argument, by default {flow_text(default)}"
                yield _Choice(name, "variable", clean(detail))
        for name, value in document.variables.items():
            detail = str(values[name]) if name in values and not isinstance(values[name], list) else flow_text(value)
            yield _Choice(name, "variable", clean(detail), "", ending)
        if not ending and self.context.path[:1] in (("layers",), ("blocks",)):
            yield _Choice("i", "variable", "the number of the copy, in `repeat` and `for`")
            for one in symbols_of(self.analysis):
                if one.sort == VARIABLE and one.is_definition and one.scope.startswith("for "):
                    yield _Choice(one.name, "variable", "a value of `for`")

    def names(self, ending: str = "") -> Iterator[_Choice]:
        """Yield the names of layers, blocks and inputs in the scope of the cursor."""
        scope = self.scope
        if scope:
            yield _Choice("input", "layer", "the input of the block", "", ending)
        elif self.document is not None and "input" in self.document.keys:
            yield _Choice("input", "layer", "the input", "", ending)
        found: dict[str, tuple[int, str]] = {}
        for one in symbols_of(self.analysis):
            if one.sort == LAYER and one.is_definition and one.scope == scope and "{" not in one.name:
                found[one.name] = one.mark.line - 1, "" if one.item else "an input"
        for name, mark in generated_names(self.analysis, scope).items():
            found.setdefault(name, (mark.line - 1, ""))
        for name, (_, detail) in sorted(found.items(), key=lambda pair: self.distance(pair[1][0])):
            yield _Choice(name, "layer", detail, "", ending)

    def distance(self, line: int) -> tuple[bool, int]:
        """Return how far a line is from the cursor: those above come before those below."""
        return line > self.line, abs(line - self.line)

    def files(self) -> Iterator[_Choice]:
        """Yield the files beside the text that may have blocks."""
        folder = os.path.dirname(os.path.abspath(self.analysis.path)) if self.analysis.path else ""
        try:
            files = sorted(os.listdir(folder)) if folder else []
        except OSError:
            return
        for file in files[:_MOST_FILES]:
            if file.endswith((".yaml", ".yml")) and file != self.analysis.name:
                yield _Choice(file, "file")


def _default(value: object) -> str:
    return "" if value is None else f"by default {str(value).lower() if isinstance(value, bool) else value}"


def _words_of(schema: object) -> Iterator[str]:
    """Yield the words that a JSON Schema allows."""
    if isinstance(schema, dict):
        yield from (str(word) for word in schema.get("enum", ()) if isinstance(word, str))
        if schema.get("type") == "boolean":
            yield from ("true", "false")
        for form in schema.get("anyOf", ()):
            yield from _words_of(form)
