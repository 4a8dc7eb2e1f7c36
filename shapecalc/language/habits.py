"""Hints for what is written as in Python or in other tools: calls, `=`, arguments by position, layers as arguments."""

from __future__ import annotations

import keyword
import re
from typing import TYPE_CHECKING

from shapecalc.errors import Problem, did_you_mean
from shapecalc.escaping import clean
from shapecalc.language.calls import EQUALS, LONGEST, Call, named, read_call, split_parts
from shapecalc.language.files import hint_for_network
from shapecalc.language.foreign import changes_nothing, hint_for_foreign_argument, hint_for_foreign_kind, sliced
from shapecalc.language.tensors import RUNNING, as_merge, hint_for_expression, note_on
from shapecalc.language.translation import SEQUENCE, Place, as_next_item, hint_for_call, layer_after
from shapecalc.layers import find_kind
from shapecalc.layers.base.arguments import STATED
from shapecalc.layers.base.layer import normalise_word
from shapecalc.source import ListValue, MapValue, Scalar, read_text, short

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from shapecalc.errors import Hint, Problems
    from shapecalc.layers.base.layer import Layer
    from shapecalc.source import Value

__all__ = [
    "Place",
    "as_function",
    "hint_for_argument",
    "hint_for_block",
    "hint_for_block_arguments",
    "hint_for_kind",
    "hint_for_undeclared",
    "hint_for_wrapped",
    "items_of",
    "without_call",
]  # fmt: skip


def hint_for_kind(key: Scalar, value: Value | None, place: Place) -> str:
    """Return the hint for a word that is no kind; empty where it is none of these habits."""
    if turned := re.fullmatch(r"(\w+)\.(?:T|mT|t\(\))", key.text):
        written = f"{turned[1]}.transpose(-2, -1)"
        key = Scalar(written, written, key.mark)
    call = read_call(key.text)
    cls = find_kind(call.word) if call else None
    if call and cls and call.prefix and call.arguments is None:
        wrapped = hint_for_wrapped(call.word, cls, value, place.known, "- ") if isinstance(value, ListValue) else ""
        return wrapped or _of_two_readings(call, cls, value) or clean(f"write `- {call.word}{_as_written(value, cls)}`")
    hint = _no_layer(key.text) or (hint_for_call(call, place) if call else _hint_for_index(key.text))
    hint = hint or ("" if call else _chain(key.text) or hint_for_expression(key.text, place.known))
    if hint:
        return clean(_in_branch([]) if hint == SEQUENCE and place.is_branch else hint)
    foreign = hint_for_foreign_kind(call.word, _values(call, value), place.known, _as_written(value)) if call else ""
    is_named = key.text[-1:].isdigit()  # `conv1: {conv: {…}}`
    hint = "" if foreign and isinstance(value, MapValue) and not is_named else _under_name(key.text, value)
    if hint:
        return clean(hint)
    if isinstance(value, Scalar) and isinstance(value.value, str):
        printed = read_call(value.text)  # as PyTorch prints a module: (conv1): Conv2d(3, 64)
        if printed and printed.arguments is not None and find_kind(printed.word):
            name = key.text.strip("()")
            return clean(hint_for_call(printed._replace(target=name if name.isidentifier() else ""), place))
    if call and not foreign and isinstance(value, ListValue) and value.items and all(map(_is_layer, value.items)):
        return clean(_sequence(call.word, value.items, place))
    alone = value.text if isinstance(value, Scalar) else ""  # `backbone: resnet18`
    hint = foreign or (hint_for_network(call.word) or hint_for_network(alone) if call else "")
    if not hint and value is None and key.text in place.known:
        hint = f"{key.text} is a layer or an input: write `from: {key.text}` beside the layer whose input it is"
    return clean(hint)


def _of_two_readings(call: Call, cls: type[Layer], value: Value | None) -> str:
    """Return the hint for one value alone, `nn.Upsample: 2`, that is another argument in a call; empty for others."""
    first, in_call = cls.first_argument(call.word), cls.arguments[cls.in_calls[0]] if cls.in_calls else None
    values = items_of(value) if value is not None and not isinstance(value, MapValue) else []
    if not first or not in_call or in_call.role == STATED or first is in_call or len(values) != 1:
        return ""
    return clean(
        f"write `- {call.word}: {{{first.name}: {values[0]}}}`, or {{{in_call.name}: {values[0]}}} as "
        f"{call.prefix}{call.word}({values[0]}) has it"
    )


def _values(call: Call, value: Value | None) -> list[str]:
    """Return what is given for a word that is no kind: in a list, by name, or in a call, without the tensor."""
    if isinstance(value, MapValue):
        return [item.text for _, item in value.pairs if isinstance(item, Scalar)]
    if value is not None:
        return items_of(value)
    given = call.of_input(None) or call
    return [part.rpartition("=")[2] for part in given.arguments or ()]


_APART = re.compile(r"([\w.-]+) +([{\[].*[}\]]|\d+)")  # `conv {out_channels: 8}` in quotes
_KIND_KEYS = ("type", "kind", "layer", "module", "class")


def _under_name(name: str, value: Value | None) -> str:
    """Return the hint for a layer under its name, `act: relu` or `conv1: {Conv2d: {…}}`; empty for any other value."""
    inner: Value | None = value if isinstance(value, Scalar) and isinstance(value.value, str) else None
    if isinstance(value, MapValue) and len(value.pairs) == 1:
        inner, value = value.pairs[0]
    else:
        value = None
    cls = find_kind(inner.text) if isinstance(inner, Scalar) else None
    if not cls or not isinstance(inner, Scalar):
        return ""
    given = _as_written(value) or (": {…}" if cls.required_arguments() or name in _KIND_KEYS else "")
    below = f", with `name: {name}` below it" if name.isidentifier() and name not in _KIND_KEYS else ""
    return f"the kind is the key: write `- {inner.text}{given}`{below}"


def _sequence(word: str, items: Sequence[Value], place: Place) -> str:
    """Return the hint for a list of layers under a word that is no kind: `Sequential`, or a name of them."""
    if place.is_branch:
        return _in_branch(items)
    if word[:1].isupper():
        return SEQUENCE
    return (
        f"in sequence, list its layers here, without the name {word}; as a branch, move {word} to `blocks:`, and write "
        f"`[{word}]` in the list of a `- concat:` or `- add:`"
    )


def _in_branch(items: Sequence[Value]) -> str:
    first, second = [*[_began(item) for item in items[:2]], "…", "…"][:2]
    if len(items) == 1:
        return f"a branch of one layer is a list: write `- - {first}`"
    return f"layers in sequence are one branch: write them as a list, `- - {first}` and below it `  - {second}`"


def _began(item: Value) -> str:
    """Return how a layer begins: its kind, and that arguments follow."""
    if isinstance(item, MapValue):
        return f"{next((key.text for key, _ in item.pairs if find_kind(key.text)), '…')}: …"
    return item.text if isinstance(item, Scalar) else "…"


def _no_layer(text: str) -> str:
    """Return the hint for what no layer can be: a comment, a statement of Python, a kind without its colon."""
    apart = _APART.fullmatch(text)
    if apart and find_kind(apart[1]):
        return f"a `:` is missing: write `- {apart[1]}: {short(apart[2])}`"
    if re.match(r"[^(\[]*(^|\s)//", text):
        return "a comment begins with #: write `#` in place of `//`"
    statement = text.partition(" ")[0]
    if keyword.iskeyword(statement) and statement != text:
        return f"`{statement}` is a statement of Python: only layers are listed here"
    return ""


def _chain(text: str) -> str:
    """Return the hint for calls in a chain: `x.flatten(2).transpose(1, 2)`."""
    if len(text) > LONGEST or not re.fullmatch(r"[\w., =]*[\w.]\(.*\)\.\w+\(.*\)", text):
        return ""
    names = re.match(r"(\w+)(?:, *\w+)+ *=", text)
    unpacked = f", and `name: parts` below the last: {names[1]} is `parts[0]`" if names else ""
    return f"write each call as an item of its own, in order, without those that change no size{unpacked}"


def _hint_for_index(text: str) -> str:
    """Return the hint for an indexed tensor: `x[:, 0]`."""
    return sliced(text[text.find("[") :]) if text.endswith("]") else ""


def _as_written(value: Value | None, cls: type[Layer] | None = None) -> str:
    """Return what is after the name of a layer, with its colon; empty where there is nothing."""
    if isinstance(value, ListValue):
        return f": [{', '.join(items_of(value))}]"
    if isinstance(value, MapValue):
        kept = [pair for pair in value.pairs if not cls or not changes_nothing(pair[0].text, cls)]
        pairs = [f"{key.text}: {short(item.text) if isinstance(item, Scalar) else '…'}" for key, item in kept]
        return f": {{{', '.join(pairs)}}}"
    return f": {short(value.text)}" if value is not None and value.value is not None else ""


def without_call(text: str) -> str:
    """Return the name of the class in `nn.Linear(10)`; any other text as it is."""
    call = read_call(text)
    return call.word if call else text


def hint_for_block(word: str, blocks: Collection[str]) -> str:
    """Return the hint for a block that is called as a function; empty for any other word."""
    return f"a block is used as `- {clean(word)}: {{…}}`, with its arguments by name" if word in blocks else ""


def as_function(key: Scalar, problems: Problems) -> tuple[str, Value | None]:
    """Return the name and the `args:` of a block that is defined as a function, `res(c, stride=1)`, which is a problem.

    Any other name is returned as it is.
    """
    found = re.fullmatch(r"([A-Za-z_]\w*)\((.*)\)", key.text) if len(key.text) <= LONGEST else None
    if not found:
        return key.text, None
    parts = [part.partition("=") for part in split_parts(found[2]) if part.strip()]
    given = ", ".join(f"{name.strip()}: {default.strip() or 'required'}" for name, _, default in parts)
    hint = f"write `{found[1]}:`, and `args: {{{given}}}` below it, above its `layers:`"
    message = f"the block {found[1]} has its arguments in its name"
    problems.append(Problem(message, key.mark, hint=clean(hint)))
    return found[1], read_text(f"{{{given}}}", "")[0]


def hint_for_argument(text: str, value: Value, cls: type[Layer]) -> str:
    """Return the hint for a word that is no argument of a kind; empty where it is none of these habits."""
    found = EQUALS.fullmatch(text) if len(text) <= LONGEST else None
    if found and found[1] in cls.argument_names():
        return clean(f"write a colon in place of the `=`: `{found[1]}: {short(found[2])}`")
    if text in _INPUT_WORDS and isinstance(value, Scalar) and isinstance(value.value, str):
        return clean(f"write `from: {short(value.text)}` beside {cls.kind}, not under it")
    word = value.text if isinstance(value, Scalar) and isinstance(value.value, str) else ""
    layer = layer_after(cls, word) if word else ""
    foreign = "" if layer else hint_for_foreign_argument(text, cls)
    if foreign:
        return clean(foreign)
    if text in _ACTIVATION.split() and normalise_word(word or "null") in _NO_ACTIVATION.split():
        return f"remove it: {cls.kind} has no activation of its own"
    layer = layer or (_function_meant(cls, text, word) if word else "")
    if layer and not did_you_mean(text, cls.argument_names(), lists=False):
        return clean(as_next_item(layer))
    return ""


_ACTIVATION, _NO_ACTIVATION = "act activation", "none null linear identity false"  # words of other programs
_INPUT_WORDS = ("input", "inputs", "bottom", "src")


def _function_meant(cls: type[Layer], key: str, text: str) -> str:
    """Return the kind that `activation: lrelu` means, where `activation` is a kind that is one of many functions."""
    kind = find_kind(key) if len(key) <= LONGEST and not cls.activates else None
    first = kind.first_argument() if kind else None
    if not first or without_call(text) in first.words:
        return ""
    from shapecalc.suggestions import meant_word  # only if there are problems

    return meant_word(without_call(text), first.words)


def items_of(value: Value) -> list[str]:
    """Return the values that a list or a tuple has, as they are written."""
    if isinstance(value, ListValue):
        return [_text(item) for item in value.items[:LONGEST]]
    text = "" if isinstance(value, MapValue) or len(value.text) > LONGEST else value.text
    return split_parts(text[1:-1] if re.fullmatch(r"\([^()]*,[^()]*\)", text) else text)  # a tuple


def hint_for_wrapped(word: str, cls: type[Layer], value: ListValue, known: Collection[str], dash: str = "") -> str:
    """Return the hint for the arguments of a call as branches: `cat: [[a, b], 1]`, of names; empty for any other list.

    Without further arguments the names must be known.
    """
    first, *rest = value.items or [value]
    if not cls.branches or not isinstance(first, ListValue) or len(first.items) < 2:
        return ""
    names = [item.text if isinstance(item, Scalar) else "" for item in first.items]
    is_named = all(name in (*known, *RUNNING) or (rest and name and not find_kind(name)) for name in names)
    if not is_named or not all(isinstance(item, Scalar) and _ARGUMENT.fullmatch(item.text) for item in rest):
        return ""
    given = named(cls, [item.text for item in rest if isinstance(item, Scalar)], Call("torch.", word, ()))
    if given.left or given.strange:
        return ""
    return clean(f"write `{dash}{as_merge(word, names, known, given.shown)}`{note_on(names, known)}")


_ARGUMENT = re.compile(r"-?\d+|\w+ *= *\S+")


def hint_for_block_arguments(
    name: str, arguments: Iterable[str], value: Value | None, required: Collection[str]
) -> str:
    """Return the hint for the arguments of a block by name: those given, and the required ones that are missing.

    Of a block that has none, a small number may be that of its copies.
    """
    names = [*arguments]
    if not names:
        times = value.text if isinstance(value, Scalar) and re.fullmatch(r"[1-9]\d?", value.text) else ""
        copies = f"; for {times} copies, add `repeat: {times}` below it" if times else ""
        return clean(f"write `- {name}` alone, or add `args:` to the block{copies}")
    given: dict[str, str] = {}
    if isinstance(value, MapValue):
        given = {key.text: _text(item) for key, item in value.pairs}
    elif isinstance(value, ListValue) and len(value.items) <= len(names):
        given = dict(zip(names, map(_text, value.items), strict=False))
    elif isinstance(value, Scalar) and value.value is not None:
        given = {names[0]: _text(value)}
    shown = ", ".join(f"{one}: {given.get(one, '…')}" for one in names if one in given or one in required)
    return clean(f"write `{name}: {{{shown}}}`")


def hint_for_undeclared(
    block: str, name: str, given: MapValue, arguments: Collection[str], used: Collection[str]
) -> str | Hint:
    """Return the hint for an argument that a block does not have; if it uses that word, to declare all such."""
    near = did_you_mean(name, arguments, lists=False)
    if near or name not in used:
        return near or did_you_mean(name, arguments, "it has no arguments")
    words = [word for word in given.keys() if word in used and word not in arguments]  # noqa: SIM118  (of a `MapValue`)
    declared = ", ".join(f"{word}: required" for word in words)
    if arguments:
        return clean(f"declare it under the `args:` of {block}: `{declared}`")
    return clean(f"declare it: write the block as `{block}: {{args: {{{declared}}}, layers: […]}}`")


def _text(value: Value) -> str:
    """Return a value as it is written: `[3, [20, 20]]`; … for a mapping."""
    if isinstance(value, ListValue):
        return f"[{', '.join(map(_text, value.items[:LONGEST]))}]"
    if isinstance(value, MapValue):
        return "…"
    return short(f"'{value.text}'" if value.quoted else value.text)


def _is_layer(value: Value) -> bool:
    if isinstance(value, MapValue):
        return any(find_kind(key.text) for key, _ in value.pairs)
    return isinstance(value, Scalar) and find_kind(value.text) is not None
