"""The words of a text with their meaning: kinds, arguments, names, variables, and what each one refers to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.editor.analysis import once_each
from shapecalc.language.entries import OWN_WORDS
from shapecalc.layers import find_kind
from shapecalc.source import ListValue, MapValue, Scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from shapecalc.editor.analysis import Analysis
    from shapecalc.errors import Mark
    from shapecalc.language.document import Document
    from shapecalc.source import Value

__all__ = [
    "ARGUMENT", "BLOCK", "KEY", "KIND", "LAYER", "LAYER_KEY", "VARIABLE", "VARIANT", "TextSymbol", "symbols_of",
]  # fmt: skip

KEY, VARIABLE, BLOCK, KIND, ARGUMENT, LAYER_KEY, LAYER, VARIANT = (
    "key", "variable", "block", "kind", "argument", "layer-level key", "layer", "variant",
)  # fmt: skip

_WORD = re.compile(r"(?<![\w.'\"])[A-Za-z_]\w*")
_BRACES = re.compile(r"\{([^{}]*)\}")


class TextSymbol(NamedTuple):
    """A word with a meaning: its sort, the name that it has there, and where it is.

    `scope` is the block in which the name is known (empty: the whole text), `owner` the kind or block of an argument;
    `item` is the mark of the kind of the item that it is in.
    """

    sort: str
    name: str
    mark: Mark
    is_definition: bool = False
    scope: str = ""
    owner: str = ""
    item: Mark | None = None


@once_each
def symbols_of(analysis: Analysis) -> list[TextSymbol]:
    """Return the symbols of a text in its order; those of other files are left out."""
    document = analysis.document
    found = _Walk(document).symbols() if document else ()
    return sorted([one for one in found if analysis.is_own(one.mark)], key=lambda one: one.mark[1:3])


class _Place(NamedTuple):
    """Where a value is: the block around it, the variables of its own (arguments, loops) with their scopes."""

    scope: str
    variables: Mapping[str, str]
    item: Mark | None = None


class _Walk:
    """One walk through a document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.variables = dict.fromkeys(document.variables, "")

    def symbols(self) -> Iterator[TextSymbol]:
        document = self.document
        place = _Place("", self.variables)
        for word, mark in document.marks.items():
            yield TextSymbol(KEY, word, mark)
        for key, value in _pairs(document.keys.get("vars")):
            yield TextSymbol(VARIABLE, key.text, key.mark, is_definition=True)
            yield from self.words(value, place)
        for key, _ in _pairs(document.keys.get("choices")):
            yield TextSymbol(VARIABLE, key.text, key.mark)
        for key, _ in _pairs(document.keys.get("inputs")):
            yield TextSymbol(LAYER, key.text, key.mark, is_definition=True)
        for word in ("input", "inputs", "context"):
            yield from self.words(document.keys.get(word), place)
        for key, value in _pairs(document.keys.get("blocks")):
            yield from self.block(key, value)
        yield from self.items(document.keys.get("layers"), place)
        for word in ("output", "outputs"):
            yield from self.references(document.keys.get(word), place)
        yield from self.expectations(document.keys.get("expect"))
        for key, value in _pairs(document.keys.get("variants")):
            yield TextSymbol(VARIANT, key.text, key.mark, is_definition=True)
            parts = value if isinstance(value, MapValue) else MapValue([], key.at)
            for name, _ in _pairs(parts.get("vars")):
                yield TextSymbol(VARIABLE, name.text, name.mark)
            yield from self.expectations(parts.get("expect"))

    def expectations(self, value: Value | None) -> Iterator[TextSymbol]:
        layers = value.get("layer") if isinstance(value, MapValue) else None
        for name, _ in _pairs(layers):
            yield TextSymbol(LAYER, name.text, name.mark)

    def block(self, key: Scalar, value: Value) -> Iterator[TextSymbol]:
        yield TextSymbol(BLOCK, key.text, key.mark, is_definition=True)
        parts = value if isinstance(value, MapValue) else None
        arguments = _pairs(parts.get("args")) if parts else ()
        place = _Place(key.text, {**self.variables, **{name.text: key.text for name, _ in arguments}})
        for name, default in arguments:
            yield TextSymbol(VARIABLE, name.text, name.mark, is_definition=True, scope=key.text)
            yield from self.words(default, place)
        yield from self.items(parts.get("layers") if parts else value, place)
        yield from self.references(parts.get("outputs") if parts else None, place)

    def items(self, value: Value | None, place: _Place) -> Iterator[TextSymbol]:
        for item in value.items if isinstance(value, ListValue) else ():
            yield from self.item(item, place)

    def item(self, item: Value, place: _Place) -> Iterator[TextSymbol]:
        if isinstance(item, ListValue):  # a branch
            yield from self.items(item, place)
            return
        if isinstance(item, Scalar):
            yield from self.kind(item, None, place)
            return
        own = {key.text: (key, value) for key, value in item.pairs if key.text in OWN_WORDS}
        kinds = [(key, value) for key, value in item.pairs if key.text not in OWN_WORDS]
        mark = kinds[0][0].mark if kinds else None
        inner = place._replace(item=mark)
        if "for" in own or "repeat" in own:
            inner = inner._replace(variables={**place.variables, "i": "i"})
        for name, values in _pairs(own["for"][1]) if "for" in own else ():
            scope = f"for {name.mark.line}:{name.mark.column}"
            yield TextSymbol(VARIABLE, name.text, name.mark, is_definition=True, scope=scope, item=mark)
            yield from self.words(values, place)
            inner = inner._replace(variables={**inner.variables, name.text: scope})
        for key, value in own.values():
            yield TextSymbol(LAYER_KEY, key.text, key.mark, item=mark)
            if key.text == "name" and isinstance(value, Scalar):
                yield TextSymbol(LAYER, value.text, value.mark, is_definition=True, scope=place.scope, item=mark)
                yield from self.within_braces(value, inner)
            elif key.text in ("from", "share"):
                yield from self.references(value, inner)
            elif key.text in ("when", "repeat", "frozen"):
                yield from self.words(value, inner)
        for key, value in kinds:
            yield from self.kind(key, value, inner)

    def kind(self, key: Scalar, value: Value | None, place: _Place) -> Iterator[TextSymbol]:
        place = place._replace(item=place.item or key.mark)
        if key.text in self.document.blocks and key.text != place.scope:
            yield TextSymbol(BLOCK, key.text, key.mark, item=place.item)
            yield from self.arguments(key.text, value, place)
            return
        cls = find_kind(key.text) if isinstance(key.value, str) else None
        if cls is None:
            return
        yield TextSymbol(KIND, key.text, key.mark, owner=cls.kind, item=place.item)
        if not cls.branches:
            yield from self.arguments(key.text, value, place)
            return
        if isinstance(value, MapValue):
            yield from self.branches(value.get("branches"), place)
            rest = MapValue([(name, one) for name, one in value.pairs if name.text != "branches"], value.at)
            yield from self.arguments(key.text, rest, place)
        else:
            yield from self.branches(value, place)

    def branches(self, value: Value | None, place: _Place) -> Iterator[TextSymbol]:
        for branch in value.items if isinstance(value, ListValue) else [value]:
            if isinstance(branch, Scalar) or (isinstance(branch, MapValue) and {*branch.keys()} == {"for", "from"}):
                yield from self.references(branch, place)
            elif branch is not None:
                yield from self.item(branch, place._replace(item=None))

    def arguments(self, owner: str, value: Value | None, place: _Place) -> Iterator[TextSymbol]:
        for key, given in _pairs(value):
            yield TextSymbol(ARGUMENT, key.text, key.mark, owner=owner, item=place.item)
            yield from self.words(given, place)
        if not isinstance(value, MapValue):
            yield from self.words(value, place)

    def references(self, value: Value | None, place: _Place) -> Iterator[TextSymbol]:
        """Yield the names of layers that a value has: one, or several."""
        if isinstance(value, MapValue):
            own = dict(zip(value.keys(), [one for _, one in value.pairs], strict=True))
            names = {name.text: "i" for name, _ in _pairs(own.get("for"))}
            place = place._replace(variables={**place.variables, "i": "i", **names})
            yield from self.references(own.get("from"), place)
        for item in value.items if isinstance(value, ListValue) else [value]:
            if isinstance(item, Scalar) and isinstance(item.value, str):
                name = item.text if "{" in item.text else item.text.partition("[")[0].strip()
                yield TextSymbol(LAYER, name, _part(item, 0, len(name)), scope=place.scope, item=place.item)
                yield from self.within_braces(item, place)
            elif isinstance(item, MapValue) and item is not value:
                yield from self.references(item, place)

    def words(self, value: Value | None, place: _Place) -> Iterator[TextSymbol]:
        """Yield the variables in an expression, or in the expressions of a list or a mapping."""
        waiting = [value]
        for one in waiting:  # it grows on the way
            if isinstance(one, ListValue):
                waiting += one.items
            elif isinstance(one, MapValue):
                waiting += [item for _, item in one.pairs]
            elif one is not None and isinstance(one.value, str):
                yield from self.variables_in(one, 0, one.text, place)

    def within_braces(self, value: Scalar, place: _Place) -> Iterator[TextSymbol]:
        for found in _BRACES.finditer(value.text):
            yield from self.variables_in(value, found.start(1), found[1], place)

    @staticmethod
    def variables_in(value: Scalar, start: int, text: str, place: _Place) -> Iterator[TextSymbol]:
        for found in _WORD.finditer(text):
            scope = place.variables.get(found[0])
            if scope is not None and scope != "i" and "\n" not in value.text:
                mark = _part(value, start + found.start(), len(found[0]))
                yield TextSymbol(VARIABLE, found[0], mark, scope=scope, item=place.item)


def _pairs(value: Value | None) -> Iterable[tuple[Scalar, Value]]:
    return value.pairs if isinstance(value, MapValue) else ()


def _part(value: Scalar, start: int, length: int) -> Mark:
    """Return the mark of a part of a scalar."""
    mark = value.mark
    return mark._replace(column=mark.column + start + value.quoted, length=length)
