"""Hints for values without the names of their arguments: several in place of one, a tuple, sizes with the batch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shapecalc.escaping import clean
from shapecalc.language.calls import Call, named, split_parts, written
from shapecalc.language.foreign import sliced
from shapecalc.language.habits import items_of
from shapecalc.language.translation import layer_of
from shapecalc.layers import find_kind
from shapecalc.layers.base.arguments import CHANNELS_OUT, KERNEL
from shapecalc.layers.base.axis_numbers import AxisNumber
from shapecalc.layers.base.sizes import Sizes
from shapecalc.source import ListValue, MapValue, Scalar, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.layers.base.layer import Layer
    from shapecalc.source import Value

__all__ = ["hint_for_batch", "hint_for_lone_value", "hint_for_missing"]


def hint_for_lone_value(kind: str, cls: type[Layer], value: Value) -> str:
    """Return the hint for several values in place of the one argument that needs no name; empty for a single one."""
    if isinstance(value, ListValue) and value.items and all(isinstance(item, MapValue) for item in value.items):
        pairs = [pair for item in value.items if isinstance(item, MapValue) for pair in item.pairs]
        given = ", ".join(f"{key.text}: {short(item.text) if isinstance(item, Scalar) else '…'}" for key, item in pairs)
        return clean(f"write its arguments in one {{ }}: `{kind}: {{{given}}}`")
    index = sliced(value.text) if isinstance(value, Scalar) and isinstance(cls.first_argument(), AxisNumber) else ""
    other = index or _other_kind(cls, value) or _sizes_of_one_axis(kind, cls, value)
    if other:
        return other
    parts = _with_choices(cls, kind, items_of(value))
    if isinstance(value, Scalar) and isinstance(value.value, bool):
        shown = named(cls, [str(value.value)], Call("nn.", kind, tuple(parts))).shown
        return clean(f"write `{kind}: {{{shown}}}`") if shown and "…" not in shown else ""
    is_tuple = isinstance(value, Scalar) and value.text[:1] == "("
    if (is_tuple or isinstance(value, ListValue)) and _is_batch(cls, parts):
        return clean(f"sizes are given without the batch axis: write `{kind}: [{', '.join(parts[1:])}]`")
    return _of_several(kind, cls, parts, is_tuple=is_tuple, is_list=isinstance(value, ListValue))


def _of_several(kind: str, cls: type[Layer], parts: list[str], *, is_tuple: bool, is_list: bool) -> str:
    """Return the hint for several values as a list, or as arguments of a call; empty for a single one."""
    call = Call("", kind, tuple(parts))
    as_list = f"[{', '.join(parts)}]"
    fitting = _takers(cls, kind, as_list) if is_tuple else []
    if len(fitting) > 1:
        return clean(f"write {', or '.join([f'`{kind}: {{{name}: {as_list}}}`' for name in fitting])}")
    if fitting and (named(cls, parts, call).left or len({*parts}) == 1):
        return clean(f"write `{kind}: {as_list}`")
    if len(parts) < 2 and "=" not in "".join(parts):
        first = cls.first_argument(kind) if is_list and parts else None
        if not first or written(cls, first.name, parts[0]) == "…":
            return ""
        return hint_for_missing(kind, cls, parts[0]) or clean(f"write `{kind}: {parts[0]}`")
    orders = _in_orders(cls, call) if named(cls, parts, call).left else []
    if orders:
        return clean(f"write {', or '.join([f'`{kind}: {{{shown}}}`' for shown in orders])}")
    hint = layer_of(kind, cls, parts, call)
    return "" if f"`{kind}`" in hint or f"`{kind}: {{…}}`" in hint else clean(hint)


def hint_for_missing(kind: str, cls: type[Layer], text: str) -> str:
    """Return the hint for one value alone, `conv: 16`, of a kind with further required arguments; empty for others.

    Their values are examples: those that the kind's own examples most often have.
    """
    first = cls.first_argument(kind)
    values: dict[str, str] = {}
    for name in cls.required_arguments():
        own = [str(example.arguments[name]) for example in cls.examples if name in example.arguments]
        values[name] = max(own, key=own.count, default="…")
    missing = [value for name, value in values.items() if not first or name != first.name]
    if first is None or not missing or not all(map(str.isdecimal, missing)):
        return ""
    shown = ", ".join(f"{name}: {value}" for name, value in {**values, first.name: text}.items())
    return clean(f"write for instance `{kind}: {{{shown}}}`")


def _in_orders(cls: type[Layer], call: Call) -> list[str]:
    """Return the arguments of a call in the orders of PyTorch and Keras, where it is spelt as in neither.

    A window that is larger than the number of channels of the output is not meant.
    """
    found = [named(cls, call.arguments or (), call._replace(prefix=prefix)) for prefix in ("nn.", "keras.layers.")]
    shown = [one.shown for one in found if not one.left and "…" not in one.shown]
    likely = [one for one in shown if _size_of(cls, KERNEL, one) <= _size_of(cls, CHANNELS_OUT, one)]
    return [*dict.fromkeys(likely or shown)]


def _size_of(cls: type[Layer], role: str, shown: str) -> int:
    """Return the number that an argument with a role has among shown ones; 0 if there is none."""
    values = dict(part.split(": ", 1) for part in split_parts(shown))
    name = next((name for name, argument in cls.arguments.items() if argument.role == role and name in values), "")
    return int(values[name]) if name and values[name].isdecimal() else 0


def _takers(cls: type[Layer], kind: str, as_list: str) -> list[str]:
    """Return the arguments that a list alone may be for: the first of calls, and the one that needs no name here."""
    first = cls.first_argument(kind)
    names = dict.fromkeys([*(cls.in_calls or ())[:1], first.name] if first else [])
    return [name for name in names if written(cls, name, as_list) != "…"]


def _other_kind(cls: type[Layer], value: Value) -> str:
    """Return the hint for the name of a kind in place of a word: `pointwise: exp`, which is exp."""
    first = cls.first_argument()
    text = value.text if isinstance(value, Scalar) else ""
    found = find_kind(text) if first and first.words and text not in first.words else None
    return f"{text} is a kind of its own: write `- {text}`" if found and not found.required_arguments() else ""


def _sizes_of_one_axis(kind: str, cls: type[Layer], value: Value) -> str:
    """Return the hint for sizes alone where the axis comes first: `Unflatten: [256, 7, 7]`."""
    others = [one.name for one in cls.arguments.values() if isinstance(one, Sizes)]
    sizes = [item.text for item in value.items if isinstance(item, Scalar)] if isinstance(value, ListValue) else []
    if not isinstance(cls.first_argument(), AxisNumber) or len(others) != 1 or len(sizes) <= _AXIS_AND_SIZE:
        return ""
    if not isinstance(value, ListValue) or len(sizes) < len(value.items) or not all(map(str.isdecimal, sizes)):
        return ""
    return clean(f"write `{kind}: {{dim: -1, {others[0]}: [{', '.join(sizes)}]}}`")


_AXIS_AND_SIZE = 2
"""So many numbers may be an axis and one size."""


def _with_choices(cls: type[Layer], kind: str, parts: list[str]) -> list[str]:
    """Return arguments with the names of those that are words of one argument alone: `[2, nearest]` of an upsample.

    One that is left is then the argument that needs no name.
    """
    found = []
    for part in parts:
        takers = [name for name, one in cls.arguments.items() if part.strip("'\"") in one.words]
        found.append(f"{takers[0]}={part}" if len(takers) == 1 else part)
    first, plain = cls.first_argument(kind), [part for part in found if part in parts]
    if first and found != parts and len(plain) == 1:
        found[found.index(plain[0])] = f"{first.name}={plain[0]}"
    return found


def _is_batch(cls: type[Layer], parts: Sequence[str]) -> bool:
    """Return whether the first of several sizes is the batch: a name or 0, before sizes that are valid alone."""
    first = cls.first_argument()
    if not isinstance(first, Sizes) or len(parts) < 2 or re.fullmatch(r"[1-9]\d*|-\d+", parts[0]):
        return False
    return written(cls, first.name, f"[{', '.join(parts[1:])}]") != "…"


def hint_for_batch(cls: type[Layer], name: str, value: Value) -> str:
    """Return the hint for sizes that begin with the batch, under the name of their argument; empty for others."""
    parts = items_of(value)
    first = cls.arguments[name]
    is_batch = isinstance(first, Sizes) and isinstance(value, ListValue) and len(parts) > 1 and parts[0].isidentifier()
    rest = f"[{', '.join(parts[1:])}]"
    if not is_batch or written(cls, name, rest) == "…":
        return ""
    return clean(f"sizes are given without the batch axis: write {name}: {rest}")
