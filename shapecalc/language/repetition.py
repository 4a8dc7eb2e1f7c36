"""Hints for several copies of a layer, as other programs write them: `conv x3`, `repeat: {times: 3, layers: […]}`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.escaping import clean
from shapecalc.language.calls import LONGEST, split_parts
from shapecalc.language.foreign import tiled
from shapecalc.language.habits import hint_for_block, hint_for_kind, without_call
from shapecalc.layers import find_kind
from shapecalc.layers.base.layer import normalise_word
from shapecalc.source import ListValue, MapValue, Scalar, flow_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from shapecalc.language.translation import Place
    from shapecalc.source import Value

__all__ = [
    "hint_for_container",
    "hint_for_copies",
    "hint_for_loop",
    "hint_for_values",
    "hint_without_kind",
]

_NUMBER = r"[1-9]\d{0,5}"
_COUNTED = re.compile(
    rf"(?P<first>{_NUMBER})\s*[*×xX]\s*(?P<then>[^\s*×].*)"
    rf"|(?P<what>[^\s*×].*?)(?:\s*[*×]\s*|\s+[xX]\s*)(?P<times>{_NUMBER}|[A-Za-z_]\w*)"
)
"""`res * 3`, `res x3`, `3 x res`, `3x res`."""

_CALLED = re.compile(
    rf"(?:repeat|times|loop)(?:\s*\((?P<given>[^()]*)\)|\s*[x*×]?\s*(?P<times>{_NUMBER}))"
    r"|for \w+ in range\s*\((?P<range>[^(),]*)\):?"
)
_CONTAINERS = ("repeat", "times", "loop", "repeated")
_USES = ("block", "blocks", "use", "module", "modules", "layer", "layers", "of", "body", "sequence", "sequential")
_COUNTS = ("times", "n", "count", "number", "num", "repeat", "repeats", "copies", "num_layers", "depth")
"""Words for how many copies there are."""

_ALONE = (
    "remove the item, and write `repeat: {}` below the layer that repeats, beside its kind; "
    "several layers that repeat are a block, named under `blocks:`"
)
_LONGEST = 200


class _Copies(NamedTuple):
    """What is repeated, and how often; `times` is empty where it is not repeated, … where the number is missing."""

    items: Sequence[Value]
    times: str


def hint_without_kind(own: Mapping[str, Value], blocks: Collection[str]) -> str:
    """Return the hint for an item of layer-level keys alone: `repeat: 3`, or all layers under `repeat:`."""
    value = own.get("repeat")
    if value is None:
        return "write for instance conv: {…} beside it"
    if isinstance(value, ListValue) and value.items and all(_is_number(item) for item in value.items):
        return clean(tiled(", ".join(map(flow_text, value.items))))  # PyTorch's function
    return hint_for_container("repeat", value, {}, blocks)


def hint_for_container(word: str, value: Value | None, beside: Mapping[str, Value], blocks: Collection[str]) -> str:
    """Return the hint for layers under a word for several, `block: res`; `beside` are the other keys of the item.

    Empty for any other word.
    """
    plain = normalise_word(word)
    if plain in _CONTAINERS:
        found = _read(value, blocks)
        return clean(_hint(found, blocks) if found.items else _ALONE.format(found.times))
    times = next((item.text for key, item in beside.items() if key in _COUNTS and isinstance(item, Scalar)), "")
    is_use = isinstance(value, Scalar) and (
        value.text in blocks or (plain in ("block", "use") and not _is_number(value))
    )
    if plain not in _USES or value is None:
        return ""
    if not (times or is_use):
        return _group(value, beside, blocks)
    items = value.items if isinstance(value, ListValue) else [value]
    return clean(_hint(_Copies(items, times), blocks)) if is_use or _are_layers(items, blocks) else ""


def _group(value: Value, beside: Mapping[str, Value], blocks: Collection[str]) -> str:
    """Return the hint for layers with a name, `{name: stem, layers: […]}`: a block of that name; empty for others."""
    name = beside.get("name")
    items = value.items if isinstance(value, ListValue) else []
    if not isinstance(name, Scalar) or not _are_layers(items, blocks):
        return ""
    listed = f"[{', '.join(map(flow_text, items))}]"
    listed = listed if len(listed) <= _LONGEST else "[…]"
    return clean(
        f"layers with a name are a block: write `{name.text}: {listed}` under `blocks:`, and here `- {name.text}`"
    )


def hint_for_copies(key: Scalar, value: Value | None, blocks: Collection[str], place: Place) -> str:
    """Return the hint for a layer with its number of copies, `res * 3`, `repeat(3): res`; empty for any other text."""
    if len(key.text) > LONGEST:
        return ""
    called = _CALLED.fullmatch(key.text)
    if called:
        parts = split_parts(called["given"] or called["times"] or called["range"] or "")
        return clean(_of_call([_like(key, part) for part in parts], value, blocks))
    found = _COUNTED.fullmatch(key.text)
    if not found:
        return ""
    what, times = (found["what"] or found["then"]).strip(), found["times"] or found["first"]
    word = _like(key, what)
    if what in blocks or (times.isdecimal() and what not in place.known and find_kind(what)):
        return clean(_hint(_Copies([word if value is None else MapValue([(word, value)], key.at)], times), blocks))
    is_call = times.isdecimal() and "(" in what
    hint = (hint_for_block(without_call(what), blocks) or hint_for_kind(word, None, place)) if is_call else ""
    return f"{hint}, with `repeat: {times}` below it" if hint.startswith("write `- ") else ""


def _like(key: Scalar, text: str) -> Scalar:
    return Scalar(int(text) if re.fullmatch(_NUMBER, text) else text, text, key.at)


def _of_call(parts: Sequence[Value], value: Value | None, blocks: Collection[str]) -> str:
    """Return the hint for `repeat(3): res`, `repeat(res, 3)` and `repeat(3)`, not for a tensor's `repeat(2, 1)`."""
    if value is not None:
        items, times = (value.items if isinstance(value, ListValue) else [value]), parts
    else:
        items, times = [part for part in parts if _is_layer(part, blocks)], [part for part in parts if _is_number(part)]
    if len(times) != 1 or (value is None and len(items) + 1 < len(parts)):
        return ""
    counted = _Copies(items, flow_text(times[0]))
    if not items:
        return _ALONE.format(counted.times)
    return _hint(counted, blocks) if _are_layers(items, blocks) else ""


def _read(value: Value | None, blocks: Collection[str]) -> _Copies:
    """Return what the value of `repeat:` is, where it is more than a number: no items if it is none of these."""
    if value is None or isinstance(value, Scalar):
        text = value.text if value else "…"
        counted = _COUNTED.fullmatch(text) if value and len(text) <= LONGEST else None
        what = ((counted["what"] or counted["then"]).strip() if counted else text).rstrip()
        if value and _is_layer(_like(value, what), blocks):
            return _Copies([_like(value, what)], (counted["times"] or counted["first"]) if counted else "…")
        return _Copies([], text)
    items: list[Value] = []
    times = "…"
    pairs = [(None, item) for item in value.items] if isinstance(value, ListValue) else value.pairs
    for key, item in pairs:
        word = key.text if key else ""
        if (not key or word in _COUNTS) and isinstance(item, Scalar) and not _is_layer(item, blocks):
            times = item.text
        elif key and not word.isdecimal() and normalise_word(word) not in _USES:
            items.append(MapValue([(key, item)], item.at))
        else:
            times = word if word.isdecimal() else times
            items += item.items if isinstance(item, ListValue) else [item]
    return _Copies(items, times) if _are_layers(items, blocks) else _Copies([], times)


def _hint(copies: _Copies, blocks: Collection[str]) -> str:
    """Return the hint for copies of one layer, or of several, which are a block."""
    below = f"`repeat: {copies.times}` below it"
    if len(copies.items) == 1 and "repeat" not in _keys(copies.items[0]):
        item = _item(copies.items[0], blocks)
        return f"write `- {item}`, with {below}" if copies.times else f"write `- {item}`"
    listed = f"[{', '.join(map(flow_text, copies.items))}]"
    if len(listed) > _LONGEST:
        return f"layers that repeat are a block: name them under `blocks:`; then `- NAME`, and {below}"
    name = next(name for name in ("stage", *(f"stage{number}" for number in range(2, 9)), "NAME") if name not in blocks)
    return (
        f"layers that repeat are a block: write `{name}: {listed}` under `blocks:`, and here `- {name}`, with {below}"
    )


def _item(value: Value, blocks: Collection[str]) -> str:
    """Return a layer as an item of a list: `res`, `conv: {…}`."""
    if isinstance(value, MapValue):
        (key, inner), *others = value.pairs
        text = flow_text(value)
        is_empty = isinstance(inner, Scalar) and inner.value is None
        if not others:
            text = key.text if is_empty else text[1:-1]
        return text if len(text) <= _LONGEST else f"{key.text}: {{…}}"
    word = value.text if isinstance(value, Scalar) else ""
    cls = None if word in blocks else find_kind(word)
    return f"{word}: {{…}}" if cls and cls.required_arguments() else word


def _keys(value: Value) -> list[str]:
    return value.keys() if isinstance(value, MapValue) else []


def _is_number(value: Value) -> bool:
    return isinstance(value, Scalar) and type(value.value) is int


def _is_layer(value: Value, blocks: Collection[str]) -> bool:
    if isinstance(value, Scalar):
        return value.text in blocks or find_kind(value.text) is not None
    return any(key in blocks or find_kind(key) for key in _keys(value))


def _are_layers(values: Sequence[Value], blocks: Collection[str]) -> bool:
    return bool(values) and all(_is_layer(one, blocks) for one in values)


_RANGE = re.compile(r"range\s*\(([^()]*)\)")
_IN = re.compile(r"\(?\s*([A-Za-z_]\w*)\s*\)?\s+in\s+(.+)", re.DOTALL)
_COUNTERS = ("i", "j", "k", "n", "_", "idx", "index")
"""Names of which a number alone is how often; of any other it is one value."""
_MOST = 16


def hint_for_loop(value: Value) -> str:
    """Return the hint for a `for` that is no mapping of names to lists: `3`, `i in range(3)`, `c in [64, 128]`."""
    if isinstance(value, ListValue):
        return clean(_of_list(value))
    if not isinstance(value, Scalar):
        return _EXAMPLE
    if _is_number(value):
        return _over("i", value.text)
    found = _IN.fullmatch(value.text) if len(value.text) <= LONGEST else None
    name, values = (found[1], found[2].strip().rstrip(":")) if found else ("i", value.text)
    return clean(_over(name, values))


_EXAMPLE = "write for: {planes: [64, 128]}"


def hint_for_values(name: str, value: Value) -> str:
    """Return the hint for what a name of `for` has in place of a list: `3`, `64, 128`; empty for others."""
    if not isinstance(value, Scalar):
        return ""
    if _is_number(value) and name in _COUNTERS:
        one = "" if name in ("i", "_") else f"; or {name}: [{value.text}] for one layer"
        return clean(f"{_over(name, value.text)}{one}")
    parts = split_parts(value.text) if len(value.text) <= LONGEST else []
    return clean(f"write {name}: [{', '.join(parts) if len(parts) > 1 else f'{value.text}, …'}]")


def _over(name: str, values: str) -> str:
    """Return the hint for the name and the values of a loop of Python."""
    call = _RANGE.fullmatch(values)
    bounds = split_parts(call[1]) if call else [values] if re.fullmatch(_NUMBER, values) else []
    instead = "" if name in ("i", "_") else f", and `i` for {name}, which counts from 0"
    if len(bounds) == 1:
        return f"write `repeat: {bounds[0]}` in place of `for`{instead}"
    own, note = ("n", f", and n in place of {name}") if name in ("i", "_") else (name, "")
    if bounds and all(re.fullmatch(r"-?\d{1,6}", bound) for bound in bounds) and bounds[2:] != ["0"]:
        found = range(*map(int, bounds[:3]))
        return f"write `for: {{{own}: {[*found]}}}`{note}" if 0 < len(found) <= _MOST else _EXAMPLE
    if re.fullmatch(r"[\[(].*[\])]|[A-Za-z_]\w*", values, re.DOTALL) and values not in ("true", "false"):
        listed = f"[{values[1:-1]}]" if values[0] in "[(" else values
        return f"write `for: {{{own}: {listed}}}`{note}"
    return _EXAMPLE


def _of_list(value: ListValue) -> str:
    """Return the hint for a list under `for`: of mappings with one name, or of values."""
    if value.items and all(isinstance(item, Scalar) for item in value.items):
        listed = flow_text(value)
        return f"write `for: {{n: {listed}}}`, and n for the value" if len(listed) <= _LONGEST else _EXAMPLE
    names = {tuple(_keys(item)) for item in value.items}
    if len(names) != 1 or () in names:
        return _EXAMPLE
    columns = {key: [item.get(key) for item in value.items if isinstance(item, MapValue)] for key in next(iter(names))}
    lists = ", ".join(f"{key}: [{', '.join(flow_text(one) for one in found if one)}]" for key, found in columns.items())
    return f"write `for: {{{lists}}}`" if len(lists) <= _LONGEST else _EXAMPLE
