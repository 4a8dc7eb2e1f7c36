"""The values of arguments on the command line, of `layer` and `solve`: 3, 3x3, 0:1x0:1, same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.layers.base.arguments import Choice, Flag, Text
from shapecalc.layers.base.per_axis import Padding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.layers.base.arguments import Argument

__all__ = ["NO", "YES", "read_argument"]

_NOTHING = ("null", "none")
YES, NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_WHOLE = re.compile(r"[+-]?[0-9]{1,40}")


def read_argument(texts: Sequence[str], argument: Argument) -> Any:
    """Return the value of an argument, from its option's text, or texts if it is repeated. Errors: `LayerError`."""
    text = ",".join(texts)
    try:
        value = (
            _read_named(texts, argument)
            if argument.is_mapping
            else text
            if isinstance(argument, Text)
            else _value_of(text, argument)
        )
    except (ValueError, RecursionError):  # endlessly nested brackets
        raise LayerError(f"{text!r} is not {argument.expected}", argument=argument.name) from None
    argument.normalise(value)
    return value


_BRACKETS = str.maketrans("()", "[]")


def _read_named(texts: Sequence[str], argument: Argument) -> Any:
    """Return the values of a repeated option: `boxes=100x4` by their names, without names a list, or one alone."""
    pairs = [text.rpartition("=")[::2] for text in texts]
    values = [_value_of(value, argument) for _, value in pairs]
    if all(name for name, _ in pairs):
        return {name: value for (name, _), value in zip(pairs, values, strict=True)}
    return values if len(values) > 1 else values[0]


def _value_of(text: str, argument: Argument) -> Any:
    """Return a value: a number, a word, numbers separated by x or commas, pairs with colons."""
    text = text.strip()
    if isinstance(argument, Flag) and text.lower() in (*YES, *NO):
        return text.lower() in YES
    if argument.is_layer:  # `lstm_cell`, or `lstm_cell: {hidden_size: 64}`
        from shapecalc.language import read_plain

        return read_plain(text)
    if isinstance(argument, Choice) or (argument.words and text.isidentifier() and text not in _NOTHING):
        return text  # the argument reports an unknown word
    if text[:1] in ("[", "("):  # a tuple is a list of Python
        import json

        return json.loads(text.translate(_BRACKETS))
    pieces = [_piece(piece) for piece in re.split(r"[x×,]", text)]
    if isinstance(argument, Padding) and len({type(piece) for piece in pieces}) > 1:
        number = next((piece for piece in pieces if type(piece) is int), "")
        if number != "":
            message = f"{text} has a pair for one axis, and a number for another"
            hint = f"give a pair for each: {number} before and after is {number}:{number}"
            raise LayerError(message, hint=hint, argument=argument.name)
    alone = len(pieces) == 1 and not isinstance(pieces[0], list)
    return pieces[0] if alone else pieces


def _piece(text: str) -> Any:
    text = text.strip()
    if ":" in text:
        return [_piece(side) for side in text.split(":")]
    if text in _NOTHING:
        return None
    if _WHOLE.fullmatch(text):
        return int(text)
    if "_" in text or not text.isascii():  # only Python reads these as numbers
        raise ValueError(text)
    return float(text)
