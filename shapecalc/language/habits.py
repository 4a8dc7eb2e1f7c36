"""Hints for what is written as in Python or in other tools: calls, `=`, arguments by position, layers as arguments."""

from __future__ import annotations

import keyword
import re
from typing import TYPE_CHECKING

from shapecalc.errors import did_you_mean
from shapecalc.escaping import clean
from shapecalc.language.calls import EQUALS, LONGEST, Call, named, read_call, split_parts, written
from shapecalc.language.foreign import hint_for_foreign_argument, hint_for_foreign_kind, sliced, tiled
from shapecalc.layers import find_kind
from shapecalc.layers.base.arguments import Choice
from shapecalc.layers.base.axis_numbers import AxisNumber, AxisNumbers
from shapecalc.layers.base.layer import stated_rank
from shapecalc.layers.base.per_axis import Padding
from shapecalc.layers.base.sizes import Sizes
from shapecalc.source import ListValue, MapValue, Scalar, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.layers.base.layer import Layer
    from shapecalc.source import Value

__all__ = ["hint_for_argument", "hint_for_kind", "hint_for_lone_value", "without_call"]


def hint_for_kind(key: Scalar, value: Value | None) -> str:
    """Return the hint for a word that is no kind; empty where it is none of these habits."""
    call = read_call(key.text)
    hint = _no_layer(key.text) or (_hint_for_call(call, value) if call else _hint_for_index(key.text))
    if hint:
        return clean(hint)
    if isinstance(value, Scalar) and isinstance(value.value, str):
        if find_kind(value.text):
            return clean(f"the kind is the key: write `- {value.text}: {{…}}`")
        printed = read_call(value.text)  # as PyTorch prints a module: (conv1): Conv2d(3, 64)
        if printed and printed.arguments is not None and find_kind(printed.word):
            name = key.text.strip("()")
            return clean(_hint_for_call(printed._replace(target=name if name.isidentifier() else "")))
    alone = value.text if isinstance(value, Scalar) and value.text.isdecimal() else ""
    foreign = hint_for_foreign_kind(call.word, alone) if call else ""
    if not foreign and isinstance(value, ListValue) and value.items and all(map(_is_layer, value.items)):
        return _SEQUENCE
    return clean(foreign)


def _no_layer(text: str) -> str:
    """Return the hint for what no layer can be: a comment, a statement of Python."""
    if re.match(r"[^(\[]*(^|\s)//", text):
        return "a comment begins with #: write `#` in place of `//`"
    statement = text.partition(" ")[0]
    if keyword.iskeyword(statement) and statement != text:
        return f"`{statement}` is a statement of Python: only layers are listed here"
    return ""


def _hint_for_index(text: str) -> str:
    """Return the hint for an indexed tensor: `x[:, 0]`."""
    return sliced(text[text.find("[") :]) if text.endswith("]") else ""


_SEQUENCE = "layers in sequence need no kind around them: list them here, or name them as a block under `blocks:`"


def _hint_for_call(call: Call, value: Value | None = None) -> str:
    """Return the hint for a call in place of an item; empty for a call of anything but layers.

    `value` is what is after the colon: of `nn.Linear: 10`.
    """
    cls = find_kind(call.word)
    method = _hint_for_method(call, cls, value)
    if method:
        return method
    arguments = call.arguments or ()
    inner = [found for found in map(read_call, arguments) if found and found.arguments is not None]
    function = call.of_input(cls)
    if function and "(" in arguments[0] and inner and read_call(arguments[0]):
        last = f"`- {call.word}`" if cls and not call.is_own else f"what `{call.prefix}{call.word}` is"
        return f"write each call as an item of its own, the inner one first and {last} last"
    if call.is_own and (cls is None or cls.required_arguments()):
        like = cls or find_kind(call.word.rstrip("0123456789_"))
        such = f", such as `- {_with_required(like)}`" if like else ""
        return f"write the layer that `{call.prefix}{call.word}` is{such}"
    if len(inner) == len(arguments) > 0 and all(find_kind(one.word) for one in inner) and (not cls or cls.branches):
        wrapped = _parametrized(call, inner[0]) if len(inner) == 1 and not cls else ""
        return wrapped or (_hint_for_call(inner[0]) if cls and len(inner) == 1 else _SEQUENCE)
    if cls is None or not (call.prefix or call.arguments is not None):
        return ""
    rest, sources = (function.arguments or (), arguments[:1]) if function else (arguments, ())
    if function and cls.branches:
        sources = tuple(split_parts(arguments[0][1:-1])) if arguments[0][:1] in "[(" else sources
        sources += tuple(part for part in rest if part.isidentifier())
        rest = tuple(part for part in rest if not part.isidentifier())
    hint = _layer_of(f"- {call.word}", cls, rest, call, is_function=function is not None)
    below = f"name: {call.target}" if call.target else ""
    if len(sources) > 1:
        below = f"from: [{short(', '.join(sources))}]"
    return hint + (f", with `{below}` below it" if below else "")


def _parametrized(call: Call, inner: Call) -> str:
    """Return the hint for a layer within a function that is one of its arguments: `weight_norm(nn.Conv1d(8, 8, 3))`."""
    cls = find_kind(inner.word)
    choices = (argument for argument in (cls.arguments.values() if cls else ()) if isinstance(argument, Choice))
    name = next((argument.name for argument in choices if call.word in argument.words), "")
    if not cls or not name:
        return ""
    hint = _layer_of(f"- {inner.word}", cls, [*(inner.arguments or ()), f"{name}='{call.word}'"], inner)
    return hint.replace(f"'{call.word}'", call.word)


def _hint_for_method(call: Call, cls: type[Layer] | None, value: Value | None) -> str:
    """Return the hint for a method of a tensor, or a function of several: `x.view(-1, 8)`; empty for other calls."""
    arguments = call.arguments or ()
    if cls and call.prefix and call.arguments is None:
        return f"write `- {call.word}{_as_written(value)}`"
    if call.word == "repeat" and arguments and not call.is_own:
        return tiled(", ".join(arguments))
    if cls is None or not call.prefix or call.is_own:
        return ""
    tensors = [part for part in arguments if part.isidentifier() and part not in ("True", "False", "None")]
    if call.prefix == "torch." and cls.inputs != (1, 1) and not cls.branches and len(tensors) > 1:
        given = named(cls, [part for part in arguments if part not in tensors]).shown
        return f"write `- {{{call.word}: {{{given}}}, from: [{', '.join(tensors)}]}}`"
    first = cls.first_argument()
    if not call.is_of_library and len(arguments) > 1 and isinstance(first, (Sizes, AxisNumbers)):
        sizes = arguments[1:] if isinstance(first, Sizes) else arguments  # without the batch
        return _layer_of(f"- {call.word}", cls, [f"[{', '.join(sizes)}]"])
    pairs = _as_pairs(cls, call.word, arguments)
    return _layer_of(f"- {call.word}", cls, pairs, call) if pairs != [*arguments] else ""


def _as_written(value: Value | None) -> str:
    """Return what is after the name of a layer, with its colon; empty where there is nothing."""
    if isinstance(value, ListValue):
        return f": [{', '.join(_items(value))}]"
    if isinstance(value, MapValue):
        pairs = [f"{key.text}: {short(item.text) if isinstance(item, Scalar) else '…'}" for key, item in value.pairs]
        return f": {{{', '.join(pairs)}}}"
    return f": {short(value.text)}" if value is not None and value.value is not None else ""


def _as_pairs(cls: type[Layer], word: str, parts: Sequence[str]) -> list[str]:
    """Return arguments with PyTorch's paddings, the last axis first, as pairs: `(1, 2, 3, 4)` of `ZeroPad2d`."""
    rank, first = stated_rank(word), cls.first_argument()
    if rank is None or not isinstance(first, Padding) or first.minimum >= 0:
        return [*parts]
    found = []
    for part in parts:
        numbers = re.fullmatch(r"[\[(](?a:-?\d+(?:, *-?\d+)*)[\])]", part)
        sides = re.findall(r"-?\d+", part) if numbers else []
        is_list = len(sides) == 2 * rank
        pairs = [f"[{a}, {b}]" for a, b in zip(sides[::2], sides[1::2], strict=True)] if is_list else []
        found.append(f"[{', '.join(reversed(pairs))}]" if pairs else part)
    return found


def _with_required(cls: type[Layer]) -> str:
    shown = named(cls, ()).shown
    return f"{cls.kind}: {{{shown}}}" if shown else cls.kind


def without_call(text: str) -> str:
    """Return the name of the class in `nn.Linear(10)`; any other text as it is."""
    call = read_call(text)
    return call.word if call else text


def hint_for_argument(text: str, value: Value, cls: type[Layer]) -> str:
    """Return the hint for a word that is no argument of a kind; empty where it is none of these habits."""
    found = EQUALS.fullmatch(text) if len(text) <= LONGEST else None
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
    kind = find_kind(key) if len(key) <= LONGEST and not cls.activates else None
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
    return written(cls, first.name, f"[{', '.join(parts[1:])}]") != "…"


def _layer_of(
    item: str, cls: type[Layer], parts: Sequence[str], call: Call | None = None, *, is_function: bool = False
) -> str:
    """Return the hint for the arguments of a call: the layer with them, and all that the call has besides."""
    shown, left, strange = named(cls, parts, call, is_function=is_function)
    hint = f"write `{item}{f': {{{shown}}}' if shown else ''}`"
    if left:
        hint += f", and give {short(', '.join(left))} by name"
    for word, value in strange.items():
        layer = _layer_after(cls, value)
        hint += f"; then `- {layer}` as the next item" if layer else f"; {cls.kind} has no argument {short(word)}"
    return hint


def _layer_after(cls: type[Layer], text: str) -> str:
    """Return the item of the layer that `'relu'` or `nn.ReLU()` names, if it may follow a kind; empty for any other."""
    call = read_call(text.strip("'\" "))
    kind = find_kind(call.word) if call and not cls.activates else None
    if not call or not kind or kind.required_arguments():
        return ""
    shown, left, strange = named(kind, call.arguments or (), call)
    return f"{call.word}: {{…}}" if left or strange else f"{call.word}: {{{shown}}}" if shown else call.word


def _items(value: Value) -> list[str]:
    if isinstance(value, ListValue):
        return [short(item.text) if isinstance(item, Scalar) else "…" for item in value.items[:LONGEST]]
    return [] if isinstance(value, MapValue) or len(value.text) > LONGEST else split_parts(value.text)


def _is_layer(value: Value) -> bool:
    if isinstance(value, MapValue):
        return any(find_kind(key.text) for key, _ in value.pairs)
    return isinstance(value, Scalar) and find_kind(value.text) is not None
