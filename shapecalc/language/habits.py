"""Hints for what is written as in Python or in other tools: calls, `=`, arguments by position, layers as arguments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shapecalc.errors import did_you_mean
from shapecalc.escaping import clean
from shapecalc.layers import find_kind
from shapecalc.source import ListValue, MapValue, Scalar, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.layers.base.layer import Layer
    from shapecalc.source import Value

__all__ = ["hint_for_argument", "hint_for_kind", "hint_for_lone_value", "without_call"]

_CALL = re.compile(r"((?:\w+\.)*)(\w+)\s*(\((.*)\))?", re.DOTALL)
_LONGEST = 300
_EQUALS = re.compile(r"\s*(\w+)\s*=\s*(.+?)\s*", re.DOTALL)


def hint_for_kind(key: Scalar, value: Value | None) -> str:
    """Return the hint for a word that is no kind; empty where it is none of these habits."""
    found = _CALL.fullmatch(key.text) if len(key.text) <= _LONGEST else None
    cls = find_kind(found[2]) if found else None
    if found and cls and (found[1] or found[3]):
        return clean(f"write `- {found[2]}{_arguments(cls, _parts(found[4] or ''))}`")
    if isinstance(value, Scalar) and isinstance(value.value, str) and find_kind(value.text):
        return clean(f"the kind is the key: write `- {value.text}: {{…}}`")
    if isinstance(value, ListValue) and value.items and all(map(_is_layer, value.items)):
        return "layers in sequence need no kind around them: list them here, or name them as a block under `blocks:`"
    return ""


def without_call(text: str) -> str:
    """Return the name of the class in `nn.Linear(10)`; any other text as it is."""
    found = _CALL.fullmatch(text) if len(text) <= _LONGEST else None
    return found[2] if found else text


def hint_for_argument(text: str, value: Value, cls: type[Layer]) -> str:
    """Return the hint for a word that is no argument of a kind; empty where it is none of these habits."""
    found = _EQUALS.fullmatch(text) if len(text) <= _LONGEST else None
    if found and found[1] in cls.argument_names():
        return clean(f"write a colon in place of the `=`: `{found[1]}: {short(found[2])}`")
    is_kind = isinstance(value, Scalar) and isinstance(value.value, str) and find_kind(value.text)
    if isinstance(value, Scalar) and is_kind and not did_you_mean(text, cls.argument_names(), lists=False):
        return clean(f"{value.text} is a layer of its own: write `- {value.text}` as the next item")
    return ""


def hint_for_lone_value(kind: str, cls: type[Layer], value: Value) -> str:
    """Return the hint for several values in place of the one argument that needs no name; empty for a single one."""
    parts = _items(value)
    named = _arguments(cls, parts) if len(parts) > 1 or "=" in "".join(parts) else ""
    return clean(f"write `{kind}{named}`") if named else ""


def _items(value: Value) -> list[str]:
    if isinstance(value, ListValue):
        return [short(item.text) if isinstance(item, Scalar) else "…" for item in value.items[:_LONGEST]]
    return [] if isinstance(value, MapValue) or len(value.text) > _LONGEST else _parts(value.text)


def _parts(text: str) -> list[str]:
    """Return the arguments of a call; of those within brackets none is divided."""
    parts = [part.strip(" ") for part in re.split(r",(?![^(\[]*[)\]])", text)]
    return [part for part in parts if part]


def _arguments(cls: type[Layer], parts: Sequence[str]) -> str:
    """Return the arguments of a layer with names: those that were given so, and the required ones."""
    given = {found[1]: found[2] for part in parts if (found := _EQUALS.fullmatch(part))}
    names = cls.argument_names()
    named = {names[word]: value for word, value in given.items() if word in names}
    required = [name for name, argument in cls.arguments.items() if argument.required and name not in named]
    plain = [part for part in parts if not _EQUALS.fullmatch(part)]
    values = plain if len(plain) == len(required) else ["…"] * len(required)
    known = {**dict(zip(required, values, strict=True)), **named}
    shown = [f"{name}: {short(known[name])}" for name in cls.arguments if name in known]
    return f": {{{', '.join(shown)}}}" if shown else ""


def _is_layer(value: Value) -> bool:
    if isinstance(value, MapValue):
        return any(find_kind(key.text) for key, _ in value.pairs)
    return isinstance(value, Scalar) and find_kind(value.text) is not None
