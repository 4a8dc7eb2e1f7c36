"""Hints for what is written as in Python or in other tools: calls, `=`, arguments by position, layers as arguments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError, did_you_mean
from shapecalc.escaping import clean
from shapecalc.language.foreign import hint_for_foreign_argument, hint_for_foreign_kind, sliced, tiled
from shapecalc.layers import find_kind
from shapecalc.layers.base.axis_numbers import AxisNumber, AxisNumbers
from shapecalc.layers.base.layer import stated_rank
from shapecalc.layers.base.per_axis import Padding
from shapecalc.layers.base.sizes import Sizes
from shapecalc.source import ListValue, MapValue, Scalar, as_list, read_text, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.layers.base.layer import Layer
    from shapecalc.source import Value

__all__ = ["hint_for_argument", "hint_for_kind", "hint_for_lone_value", "without_call"]

_FUNCTIONAL = ("F.", "functional.")
_LIBRARIES = (*_FUNCTIONAL, "nn.", "torch.", "layers.", "keras.", "tf.")
_CALL = re.compile(r"((?:\w+\.)*)(\w+)\s*(\((.*)\))?", re.DOTALL)
_LONGEST = 300
_EQUALS = re.compile(r"\s*(\w+)\s*=\s*(.+?)\s*", re.DOTALL)


def hint_for_kind(key: Scalar, value: Value | None) -> str:
    """Return the hint for a word that is no kind; empty where it is none of these habits."""
    found = _CALL.fullmatch(key.text) if len(key.text) <= _LONGEST else None
    number = value.text if isinstance(value, Scalar) and type(value.value) in (int, float) else ""
    if found and found[1] and not found[3] and number and find_kind(found[2]):
        return clean(f"write `- {found[2]}: {number}`")
    called = _hint_for_call(found[1], found[2], found[4] if found[3] else None) if found else ""
    called = called or (sliced(key.text[key.text.find("[") :]) if key.text.endswith("]") else "")
    if called:
        return clean(called)
    if isinstance(value, Scalar) and isinstance(value.value, str) and find_kind(value.text):
        return clean(f"the kind is the key: write `- {value.text}: {{…}}`")
    if isinstance(value, ListValue) and value.items and all(map(_is_layer, value.items)):
        return "layers in sequence need no kind around them: list them here, or name them as a block under `blocks:`"
    alone = value.text if isinstance(value, Scalar) and value.text.isdecimal() else ""
    return clean(hint_for_foreign_kind(found[2], alone)) if found else ""


def _hint_for_call(before: str, word: str, arguments: str | None) -> str:
    """Return the hint for `nn.Linear(10)`, `self.conv1(x)`, `x.view(-1, 8)`; empty for others."""
    if before == "self.":
        return f"write the layer that `self.{word}` is, as in __init__: `- conv: {{…}}`, `- relu`"
    parts = _parts(arguments or "")
    if before.endswith(_FUNCTIONAL) or (parts[:1] == ["x"] and word.islower()):
        parts = parts[1:]  # the tensor
    if word == "repeat" and parts:
        return tiled(", ".join(parts))
    cls = find_kind(word)
    if cls and cls.branches and re.match(r"[\[(]", arguments or ""):
        named = _named(cls, parts[1:], word)[0]
        return f"write `- {word}: {{branches: {as_list(parts[0]) or parts[0]}{f', {named}' if named else ''}}}`"
    if cls and before and not before.endswith(_LIBRARIES) and len(parts) > 1:
        parts = _joined(cls, parts)
    tensors = [part for part in parts if _NAME.fullmatch(part) and part not in _CONSTANTS]
    if cls and before == "torch." and cls.inputs != (1, 1) and len(tensors) > 1:
        given = _named(cls, [part for part in parts if part not in tensors], word)[0]
        return f"write `- {{{word}: {{{given}}}, from: [{', '.join(tensors)}]}}`"
    if cls and (before or arguments is not None):
        return _layer_of(f"- {word}", cls, _as_pairs(cls, word, parts))
    return ""


def _joined(cls: type[Layer], parts: list[str]) -> list[str]:
    """Return the numbers of a method of tensors as the list of its one argument: `x.view(-1, 8)`, without the batch."""
    first = cls.first_argument()
    if not isinstance(first, (Sizes, AxisNumbers)):
        return parts
    sizes = parts[1:] if isinstance(first, Sizes) else parts
    return [f"[{', '.join(sizes)}]"]


def _as_pairs(cls: type[Layer], word: str, parts: list[str]) -> list[str]:
    """Return arguments with PyTorch's paddings, the last axis first, as pairs: `(1, 2, 3, 4)` of `ZeroPad2d`."""
    rank, first = stated_rank(word), cls.first_argument()
    if rank is None or not isinstance(first, Padding) or first.minimum >= 0:
        return parts
    found = []
    for part in parts:
        numbers = re.fullmatch(r"[\[(](?a:-?\d+(?:, *-?\d+)*)[\])]", part)
        sides = re.findall(r"-?\d+", part) if numbers else []
        is_list = len(sides) == 2 * rank
        pairs = [f"[{a}, {b}]" for a, b in zip(sides[::2], sides[1::2], strict=True)] if is_list else []
        found.append(f"[{', '.join(reversed(pairs))}]" if pairs else part)
    return found


def without_call(text: str) -> str:
    """Return the name of the class in `nn.Linear(10)`; any other text as it is."""
    found = _CALL.fullmatch(text) if len(text) <= _LONGEST else None
    return found[2] if found else text


def hint_for_argument(text: str, value: Value, cls: type[Layer]) -> str:
    """Return the hint for a word that is no argument of a kind; empty where it is none of these habits."""
    found = _EQUALS.fullmatch(text) if len(text) <= _LONGEST else None
    if found and found[1] in cls.argument_names():
        return clean(f"write a colon in place of the `=`: `{found[1]}: {short(found[2])}`")
    if cls.branches and isinstance(value, ListValue):
        return clean(f"write its inputs as branches: [{', '.join(_items(value))}]")
    foreign = hint_for_foreign_argument(text, cls)
    if foreign:
        return clean(foreign)
    layer = ""
    if isinstance(value, Scalar) and isinstance(value.value, str):
        layer = _layer_after(cls, value.text) or _function_meant(cls, text, value.text)
    if layer and not did_you_mean(text, cls.argument_names(), lists=False):
        return clean(f"{layer.partition(':')[0]} is a layer of its own: write `- {layer}` as the next item")
    return ""


def _function_meant(cls: type[Layer], key: str, text: str) -> str:
    """Return the kind that `activation: lrelu` means, where `activation` is a kind that is one of many functions."""
    kind = find_kind(key) if len(key) <= _LONGEST and not cls.activates else None
    first = kind.first_argument() if kind else None
    if not first or without_call(text) in first.words:
        return ""
    from shapecalc.suggestions import meant_word  # only if there are problems

    return meant_word(without_call(text), first.words)


def hint_for_lone_value(kind: str, cls: type[Layer], value: Value) -> str:
    """Return the hint for several values in place of the one argument that needs no name; empty for a single one."""
    if isinstance(value, ListValue) and value.items and all(isinstance(item, MapValue) for item in value.items):
        pairs = [pair for item in value.items if isinstance(item, MapValue) for pair in item.pairs]
        given = ", ".join(f"{key.text}: {short(item.text) if isinstance(item, Scalar) else '…'}" for key, item in pairs)
        return clean(f"write its arguments in one {{ }}: `{kind}: {{{given}}}`")
    index = sliced(value.text) if isinstance(value, Scalar) and isinstance(cls.first_argument(), AxisNumber) else ""
    if index:
        return index
    parts = _items(value)
    if isinstance(value, ListValue) and _is_batch(cls, parts):
        return clean(f"sizes are given without the batch axis: write `{kind}: [{', '.join(parts[1:])}]`")
    if len(parts) < 2 and "=" not in "".join(parts):
        return ""
    hint = _layer_of(kind, cls, parts)
    return "" if f"`{kind}`" in hint or f"`{kind}: {{…}}`" in hint else clean(hint)


def _is_batch(cls: type[Layer], parts: Sequence[str]) -> bool:
    """Return whether the first of several sizes is the batch: a name or 0, before sizes that are valid alone."""
    first = cls.first_argument()
    if not isinstance(first, Sizes) or len(parts) < 2 or re.fullmatch(r"[1-9]\d*|-\d+", parts[0]):
        return False
    return _written(cls, first.name, f"[{', '.join(parts[1:])}]") != "…"


def _layer_of(item: str, cls: type[Layer], parts: Sequence[str]) -> str:
    """Return the hint for the arguments of a call: the layer with them, and all that the call has besides."""
    named, left, strange = _named(cls, parts, item)
    hint = f"write `{item}{f': {{{named}}}' if named else ''}`"
    if left:
        hint += f", and give {short(', '.join(left))} by name"
    for word, value in strange.items():
        layer = _layer_after(cls, value)
        hint += f"; then `- {layer}` as the next item" if layer else f"; {cls.kind} has no argument {short(word)}"
    return hint


def _layer_after(cls: type[Layer], text: str) -> str:
    """Return the item of the layer that `'relu'` or `nn.ReLU()` names, if it may follow a kind; empty for any other."""
    found = _CALL.fullmatch(text.strip("'\" ")) if len(text) <= _LONGEST else None
    kind = find_kind(found[2]) if found and not cls.activates else None
    if not found or not kind or any(argument.required for argument in kind.arguments.values()):
        return ""
    named, left, strange = _named(kind, _parts(found[4] or ""), found[2])
    return f"{found[2]}: {{…}}" if left or strange else f"{found[2]}: {{{named}}}" if named else found[2]


def _items(value: Value) -> list[str]:
    if isinstance(value, ListValue):
        return [short(item.text) if isinstance(item, Scalar) else "…" for item in value.items[:_LONGEST]]
    return [] if isinstance(value, MapValue) or len(value.text) > _LONGEST else _parts(value.text)


def _parts(text: str) -> list[str]:
    """Return the arguments of a call; of those within brackets or quotes none is divided."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if character == quote or (character in "'\"" and not quote):
            quote = "" if quote else character
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth <= 0 and not quote:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def _named(cls: type[Layer], parts: Sequence[str], word: str) -> tuple[str, list[str], dict[str, str]]:
    """Return the arguments of a call with their names; the values left without one, and what the kind does not have.

    A value has the name of its position only where all of them fit. Required arguments without a value are `…`.
    """
    given = {found[1]: found[2] for part in parts if (found := _EQUALS.fullmatch(part))}
    plain = [part for part in parts if not _EQUALS.fullmatch(part)]
    names = cls.argument_names()
    known = {names[word]: _written(cls, names[word], value) for word, value in given.items() if word in names}
    required = [name for name, argument in cls.arguments.items() if argument.required and name not in known]
    for order in _orders(cls, required, len(plain), word):
        at = {name: _written(cls, name, part) for name, part in zip(order, plain, strict=False)}
        fits = len(at) == len(plain) and not known.keys() & at.keys() and "…" not in at.values()
        if fits and {*required} <= at.keys():
            known, plain = {**known, **at}, []
            break
    known = {**dict.fromkeys(required, "…"), **known}
    shown = ", ".join(f"{name}: {known[name]}" for name in cls.arguments if name in known)
    if plain and "…" not in shown:
        shown += ", …" if shown else "…"
    return shown, plain, {word: value for word, value in given.items() if word not in names}


_OF_KERAS = re.compile(r"[123]D|MultiHead")


def _orders(cls: type[Layer], required: list[str], count: int, word: str) -> Sequence[Sequence[str]]:
    """Return the orders of arguments by position in a call with so many values without a name, the likeliest first."""
    if cls.in_calls is not None:
        return cls.in_calls[1:] if len(cls.in_calls) > 1 and _OF_KERAS.search(word) else cls.in_calls
    if required:
        return [required] if count == len(required) else []
    return [[*cls.arguments][:1]]


_NAME = re.compile(r"[A-Za-z_][\w.]*")
_CONSTANTS = ("True", "False", "true", "false", "null")


def _written(cls: type[Layer], name: str, text: str) -> str:
    """Return the value of an argument in a call as YAML writes it; `…` where the argument would not take it."""
    argument = cls.arguments[name]
    yaml = text if text[:1] in "'\"" else {"None": "null"}.get(text, as_list(text))
    if _NAME.fullmatch(yaml) and yaml not in _CONSTANTS:
        return yaml if argument.required else "…"  # a variable
    value, problems = read_text(f"[{yaml}]", "") if yaml else (None, [])
    if problems or not isinstance(value, ListValue) or len(value.items) != 1:
        return "…"
    try:
        argument.normalise(_plain(value.items[0]))
    except LayerError:
        return "…"
    return short(yaml.replace("True", "true").replace("False", "false"))


def _plain(value: Value) -> Any:
    if isinstance(value, MapValue):
        return {}
    return [_plain(item) for item in value.items] if isinstance(value, ListValue) else value.value


def _is_layer(value: Value) -> bool:
    if isinstance(value, MapValue):
        return any(find_kind(key.text) for key, _ in value.pairs)
    return isinstance(value, Scalar) and find_kind(value.text) is not None
