"""Hints for keys beside a kind: its arguments, which belong under it, and a kind that is a value, `type: conv`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import Hint, Problem, did_you_mean
from shapecalc.escaping import clean
from shapecalc.language.foreign import hint_for_foreign_argument
from shapecalc.language.translation import as_next_item, layer_after
from shapecalc.layers import find_kind
from shapecalc.source import ListValue, MapValue, Scalar, flow_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from shapecalc.source import Value

__all__ = [
    "argument_beside",
    "as_item",
    "beside",
    "hint_for_kind_as_value",
    "is_key_of_kind",
    "is_layer_level",
    "meant_key",
    "unknown_key",
]

_KIND_KEYS = "type kind layer module class class_name op layer_type"
"""Keys whose value is the kind in other programs."""
_ARGUMENT_KEYS = ("args", "arguments", "kwargs", "params", "config", "attrs")
"""Keys under which other programs have the arguments."""
_LONGEST = 160


_FROZEN = ("requires_grad", "trainable")
_MEANT = {
    "inputs": "from", "input": "from", "if": "when", "times": "repeat", "id": "name", "freeze": "frozen",
    "condition": "when", "foreach": "for", "bottom": "from", "after": "from", "number": "repeat", "count": "repeat",
}  # fmt: skip
"""Layer-level keys under names of other programs."""


def beside(
    strange: Scalar,
    kind: Scalar,
    pairs: Sequence[tuple[Scalar, Value]],
    blocks: Mapping[str, Any],
    layer_level: Collection[str],
) -> Problem:
    """Return the problem of a key next to a kind: an argument that belongs under it, or a misspelt key.

    `layer_level` are the keys that belong there.
    """
    cls = None if kind.text in blocks else find_kind(kind.text)
    if strange.text in _FROZEN:
        frozen = f"write `frozen: true` where the weights of {clean(kind.text)} are not trained"
        return Problem(f"there is no layer-level key {strange.text}", strange.mark, hint=frozen)
    meant = _MEANT.get(strange.text, "")
    hint = f"write `{meant}:`" if meant else did_you_mean(strange.text, layer_level, lists=False)
    names = cls.argument_names() if cls else None
    value, others = next(item for key, item in pairs if key is kind), [pair for pair in pairs if pair[0] is not kind]
    given = next(item for key, item in others if key is strange)
    layer = layer_after(cls, given.text) if cls and isinstance(given, Scalar) else ""
    if cls and not meant:
        hint = (as_next_item(layer) if layer else hint_for_foreign_argument(strange.text, cls)) or hint
    if hint and strange.text not in (names or ()):
        return Problem(f"there is no layer-level key {strange.text}", strange.mark, hint=clean(str(hint)))
    if names is not None and not did_you_mean(strange.text, names, lists=False) and strange.text not in names:
        hint = did_you_mean(strange.text, layer_level)
        return Problem(f"there is no layer-level key {strange.text}", strange.mark, hint=hint)
    like = find_kind(strange.text)
    is_own = like is not None and like.kind == strange.text  # dropout, not padding, which is another name of pad
    own = f"for a layer of that kind, write `- {as_item(strange, given)}` as an item of its own"
    rest = own if is_own else ", ".join(layer_level)
    rest = rest if is_own else f"layer-level keys are {rest}"
    headline = f"{strange.text} is beside {kind.text}, not under it"
    return Problem(headline, strange.mark, hint=f"{_with_arguments(kind, value, others, blocks)}; {rest}")


_KEYS = {
    "layers": "model network architecture modules body backbone sequential",
    "input": "input_shape input_size size shape",
    "vars": "variables params parameters hparams constants",
}
"""Keys of a specification under names of other programs."""

_TRAINING = "optimizer lr learning_rate epochs loss criterion scheduler weight_decay momentum seed device"
"""Settings of training, which change no size."""


def unknown_key(key: Scalar, known: Collection[str], given: Collection[str] = ()) -> Problem:
    """Return the problem of a key that a specification does not have; `given` are those of the file."""

    def work() -> str:
        meant = meant_key(key.text, known)
        there = next((word for word in ("input", "inputs") if word in given and meant in ("input", "inputs")), "")
        if there:
            return f"remove it: the file has `{there}:`"
        if not meant and key.text.lower() in _TRAINING.split():
            return "remove it: a setting of training changes no size"
        return f"did you mean {meant}?" if meant else str(did_you_mean(key.text, known))

    return Problem(f"a specification has no key {key.text}", key.mark, hint=Hint(work))


def meant_key(word: str, known: Collection[str]) -> str:
    """Return the key of a specification that a word is meant for; empty if none is near."""
    from shapecalc.suggestions import meant_word  # only if there are problems

    return next((own for own, words in _KEYS.items() if word.lower() in words.split()), "") or meant_word(word, known)


def is_layer_level(word: str) -> bool:
    """Return whether a word is a layer-level key in other programs."""
    return word in _MEANT


def as_item(kind: Scalar, value: Value) -> str:
    """Return a kind and its arguments as an item of a list."""
    is_empty = isinstance(value, Scalar) and value.value is None
    return kind.text if is_empty else f"{kind.text}: {_cut(flow_text(value))}"


def is_key_of_kind(key: Scalar, value: Value | None, blocks: Collection[str]) -> bool:
    """Return whether a key says that its value is the kind: `type: conv`."""
    return key.text in _KIND_KEYS.split() and isinstance(value, Scalar) and _is_kind(value.text, blocks)


def _is_kind(word: str, blocks: Collection[str]) -> bool:
    return word in blocks or find_kind(word) is not None


def hint_for_kind_as_value(
    key: Scalar, value: Value | None, others: Mapping[str, Value], blocks: Collection[str], layer_level: Collection[str]
) -> str:
    """Return the hint for a key whose value is the kind; `others` are the other keys of the item, its arguments.

    Those that are `layer_level` keys stay beside the kind. Empty for any other key.
    """
    if not isinstance(value, Scalar) or not is_key_of_kind(key, value, blocks):
        return ""
    kind = value.text
    pairs: list[tuple[str, Value]] = []
    for word, given in others.items():
        inner = given.pairs if word in _ARGUMENT_KEYS and isinstance(given, MapValue) else None
        pairs += [(word, given)] if inner is None else [(key.text, item) for key, item in inner]
    cls = find_kind(kind)
    shown = _given([pair for pair in pairs if pair[0] not in layer_level])
    shown = shown or ("{…}" if cls and cls.required_arguments() else "")
    below = [f"`{word}: {flow_text(item)}`" for word, item in pairs if word in layer_level]
    with_below = f", with {' and '.join(below)} below it" if below else ""
    return clean(f"the kind is the key: write `- {kind}{f': {shown}' if shown else ''}`{with_below}")


def _given(pairs: Sequence[tuple[str, Value]]) -> str:
    shown = f"{{{', '.join(f'{word}: {flow_text(value)}' for word, value in pairs)}}}" if pairs else ""
    return _cut(shown)


def _cut(text: str) -> str:
    """Return the text of a value; of a long one that there is one."""
    return text if len(text) <= _LONGEST else "{…}"


def argument_beside(kind: Scalar, others: Sequence[tuple[Scalar, Value]], blocks: Mapping[str, Any]) -> Scalar | None:
    """Return the first of the other keys of an item that is an argument of its kind, though it is a kind too."""
    names = _argument_names(kind.text, blocks)
    return next((key for key, value in others if key.text in names and not isinstance(value, MapValue)), None)


def _argument_names(word: str, blocks: Mapping[str, Any]) -> dict[str, str]:
    """Return the arguments of a kind or a block by all of their names."""
    if word in blocks:
        return {name: name for name in blocks[word].arguments}
    cls = find_kind(word)
    return cls.argument_names() if cls else {}


def _with_arguments(
    kind: Scalar, value: Value | None, others: Sequence[tuple[Scalar, Value]], blocks: Mapping[str, Any]
) -> str:
    """Return the hint for arguments beside a kind: in braces with those that it has, if these are on one line."""
    text = kind.text
    names = _argument_names(text, blocks)
    cls = None if text in blocks else find_kind(text)
    argument = cls.first_argument(text) if cls else None
    first = argument.name if argument else next(iter(names), "")
    pairs: list[tuple[Scalar, Value]] | None = None
    if cls and cls.branches and isinstance(value, ListValue):
        pairs = [(Scalar("branches", "branches", value.at), value)]
    elif isinstance(value, MapValue) and value.mark.line == kind.mark.line:
        pairs = value.pairs
    elif isinstance(value, (Scalar, ListValue)) and first and not (isinstance(value, Scalar) and value.value is None):
        pairs = [(Scalar(first, first, value.at), value)]
    known = {names.get(key.text) for key, _ in pairs or ()}
    beside = [(key, item) for key, item in others if key.text in names and names[key.text] not in known]
    given = _given([(key.text, item) for key, item in (*pairs, *beside)]) if pairs is not None and beside else "{…}"
    if given != "{…}":
        return clean(f"write `{text}: {given}`")
    return clean(f"indent the arguments of {text} deeper than {text} itself")
