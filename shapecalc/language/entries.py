"""One item of a list of layers: its kind, the arguments, and the layer-level keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import LayerError, Mark, Problem, did_you_mean
from shapecalc.escaping import clean
from shapecalc.language.values import bad, describe
from shapecalc.layers import find_kind, kind_words
from shapecalc.model.checks import check_number
from shapecalc.source import ListValue, MapValue, Scalar, flow_text, short

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from shapecalc.language.habits import Place
    from shapecalc.layers.base.layer import Layer
    from shapecalc.source import Value

__all__ = ["NO_WORK", "OWN_WORDS", "Effort", "Entry", "beside_hint", "branches_of",
           "constant_of", "listed", "read_entry", "work_of", "wrong_number"]  # fmt: skip

OWN_WORDS = ("name", "from", "repeat", "for", "when", "share", "frozen", "uncounted")
"""The keys beside the kind: layer-level keys."""


def beside_hint(key: str, value: Value | None, kind: str) -> str:
    """Return the hint for a layer-level key among the arguments of a kind or a block."""
    given = f"{key}: {flow_text(value)}" if value else f"{key}:"
    written = f"write `{short(given)}` beside {kind}, on a line of its own"
    return clean(f"{key} is a layer-level key: {written}, not among its arguments")


class Entry(NamedTuple):
    """An item of `layers:`: the kind (or block) as written, its arguments, the layer-level keys, and its work.

    `constant` is a key of a kind's arguments without expressions, equal for those that are written alike, which are
    evaluated once, and are no work; None for others.
    """

    kind: str
    mark: Mark
    value: Value | None
    own: dict[str, Value]
    work: Effort
    constant: Any

    @property
    def is_repeated(self) -> bool:
        """Whether the item has a copy for every iteration of a loop."""
        return "for" in self.own or "repeat" in self.own

    @property
    def loop_names(self) -> list[str]:
        """The variables that change with every iteration of the loop."""
        loop = self.own.get("for")
        return ["i", *loop.keys()] if isinstance(loop, MapValue) else ["i"]

    @property
    def has_template(self) -> bool:
        """Whether the name has an expression in it."""
        name = self.own.get("name")
        return isinstance(name, Scalar) and "{" in name.text


class Effort(NamedTuple):
    """The work of evaluating values: steps, and how often an expression may iterate over a whole list."""

    steps: int
    walks: int


NO_WORK = Effort(0, 0)
_LETTERS_A_STEP = 64
_WALKS = r"\(|[=!<>]=?|\bin\b"
"""What may iterate over a whole list: a function, a comparison, `in`."""


def work_of(values: Sequence[Value]) -> Effort:
    """Return the work of evaluating values."""
    letters = walks = 0
    everything = list(values)
    for value in everything:  # it grows on the way
        if isinstance(value, Scalar):
            if isinstance(value.value, str):
                letters += 4 * len(value.text)
                walks += len(re.findall(_WALKS, value.text))
        elif isinstance(value, MapValue):
            everything += [item for _, item in value.pairs]
        else:
            everything += value.items
    return Effort((letters + 8 * len(everything)) // _LETTERS_A_STEP, walks)


def constant_of(value: Value) -> Any:
    """Return the key of a value without expressions; None for any other."""
    if isinstance(value, Scalar):
        return None if type(value.value) is str else value.text
    if isinstance(value, MapValue):
        parts = [constant_of(item) for _, item in value.pairs]
        return None if None in parts else (*value.keys(), *parts)
    parts = [constant_of(item) for item in value.items]
    return None if None in parts else (ListValue, *parts)


def _arguments_of(cls: type[Layer] | None, value: Value) -> list[Value]:
    """Return the arguments of an item, without branches: their items are items of their own."""
    if cls is None or not cls.branches:
        return [value]
    return [item for word, item in value.pairs if word.text != "branches"] if isinstance(value, MapValue) else []


def read_entry(
    value: Value, blocks: Mapping[str, Any], names: Callable[[], Collection[str]] = tuple, *, is_branch: bool = False
) -> Entry | Problem:
    """Return the item that a value is, or its problem; `names` returns those of layers and inputs, for its hint.

    `blocks` are the definitions of blocks by name, each with `arguments`.
    """
    read = _read(value, blocks)
    if not isinstance(read, _Unknown):
        return read
    from shapecalc.language.habits import Place  # only when something is wrong

    return _unknown(read, blocks, Place(names(), is_branch))


class _Unknown(NamedTuple):
    """A word that is no kind, what is under it, and the other keys of the item."""

    key: Scalar
    value: Value | None
    beside: Mapping[str, Value]


def _read(value: Value, blocks: Mapping[str, Any]) -> Entry | Problem | _Unknown:
    if isinstance(value, Scalar):
        return _bare(value, blocks)
    if not isinstance(value, MapValue):
        return Problem(
            "a layer is a kind (relu) or a kind with its arguments (conv: {…}), not a list",
            value.mark,
            hint="write layers in sequence as items of their own; branches go inside add, mul or concat",
        )
    own: dict[str, Value] = {}
    others: list[tuple[Scalar, Value]] = []
    for key, item in value.pairs:
        if key.text in OWN_WORDS:
            own[key.text] = item
        else:
            others.append((key, item))
    if len(others) == 1:
        key, item = others[0]
        cls = None if key.text in blocks else find_kind(key.text)
        if cls is None and key.text not in blocks:
            return _Unknown(key, item, own)
        constant = None if cls is None or cls.branches else constant_of(item)
        given = [*own.values()] if constant is not None else [*own.values(), *_arguments_of(cls, item)]
        return Entry(key.text, key.mark, item, own, work_of(given) if given else NO_WORK, constant)
    if not others:
        from shapecalc.language.repetition import hint_without_kind  # only when something is wrong

        return Problem("the item has no kind of layer", value.mark, hint=hint_without_kind(own, blocks))
    return _several(others, own, blocks)


def _bare(value: Scalar, blocks: Collection[str]) -> Entry | Problem | _Unknown:
    if value.value is None or value.text == "":
        return Problem(
            "an item of the list is empty", value.mark, hint="write a kind, such as relu, or remove the item"
        )
    if not isinstance(value.value, str):
        return Problem(f"a layer is a kind, such as relu, not {describe(value)}", value.mark)
    if value.text not in blocks and not find_kind(value.text):
        return _Unknown(value, None, {})
    return Entry(value.text, value.mark, None, {}, NO_WORK, ())


def _unknown(unknown: _Unknown, blocks: Collection[str], place: Place) -> Problem:
    key = unknown.key
    bare = key.text.removeprefix("-")
    if bare != key.text and (bare in blocks or find_kind(bare)):
        before = key.mark.source.line(key.mark.line)[: key.mark.column - 1].rstrip()
        if before.endswith("-"):
            mark = key.mark._replace(length=1)
            return Problem("a space is missing after this `-`", mark, hint=clean(f"write `- {bare}`"))
        return Problem(f"there is no kind of layer called {key.text}", key.mark, hint=clean(f"write `{bare}`"))

    glued = re.match(r"([\w-]+):(?=\S)", key.text)
    if glued and key.mark.line and (glued[1] in blocks or find_kind(glued[1])):
        rest = key.mark.source.line(key.mark.line)[key.mark.column - 1 + glued.end() :].strip()
        mark = key.mark._replace(column=key.mark.column + glued.end() - 1, length=1)
        return Problem("a space is missing after this `:`", mark, hint=clean(f"write `- {glued[1]}: {short(rest)}`"))

    def names() -> list[str]:
        return [*kind_words(), *blocks]

    from shapecalc.language.habits import hint_for_block, hint_for_kind, without_call  # only when something is wrong
    from shapecalc.language.keys_beside import hint_for_kind_as_value
    from shapecalc.language.repetition import hint_for_container, hint_for_copies

    word = without_call(key.text)
    hint = (
        hint_for_block(word, blocks)
        or hint_for_container(key.text, unknown.value, unknown.beside, blocks)
        or hint_for_kind_as_value(key, unknown.value, unknown.beside, blocks, OWN_WORDS)
        or hint_for_copies(key, unknown.value, blocks, place)
        or hint_for_kind(key, unknown.value, place)
        or did_you_mean(word, names, "`shapecalc layers` lists the kinds", lists=False)
    )
    return Problem(f"there is no kind of layer called {key.text}", key.mark, hint=hint)


def _several(
    others: list[tuple[Scalar, Value]], own: Mapping[str, Value], blocks: Mapping[str, Any]
) -> Problem | _Unknown:
    from shapecalc.language.keys_beside import (  # only when something is wrong
        argument_beside,
        as_item,
        beside,
        is_key_of_kind,
        is_layer_level,
    )

    said = next((pair for pair in others if is_key_of_kind(*pair, blocks)), None)
    kinds = [pair for pair in others if pair[0].text in blocks or find_kind(pair[0].text)]
    if said and (not kinds or kinds[0] is not others[0] or said is others[0]):
        return _Unknown(*said, {**own, **{key.text: item for key, item in others if key is not said[0]}})
    if kinds:
        rest = [pair for pair in others if pair is not kinds[0]]
        argument = argument_beside(kinds[0][0], rest, blocks)
        if len(kinds) > 1 and not argument:
            return Problem(
                f"one item has two layers: {kinds[0][0].text} and {kinds[1][0].text}",
                kinds[1][0].mark,
                hint=clean(f"make each an item of its own: `- {as_item(*kinds[1])}`"),
            )
        return beside(argument or rest[0][0], kinds[0][0], others, blocks, OWN_WORDS)
    others.sort(key=lambda pair: is_layer_level(pair[0].text) or len(pair[0].text) == 1)  # `n: 3`: what repeats
    return _Unknown(*others[0], {**own, **{key.text: item for key, item in others[1:]}})


def listed(value: Value) -> Sequence[Value]:
    """Return the references of a `from`: one or several."""
    if isinstance(value, ListValue):
        if not value.items:
            raise bad("from: [] is empty", value.mark, "name a layer, or leave `from` out")
        return value.items
    return [value]


def wrong_number(entry: Entry, layer: Layer, number: int, variables: Mapping[str, Any]) -> Problem | None:
    """Return the problem of a composite with a wrong number of inputs, which its layers would name in vain."""
    try:
        check_number(layer, number)
    except LayerError as error:
        return error.at(entry.mark)._replace(hint=_hint_for_copies(entry, variables) or error.hint)
    return None


def _hint_for_copies(entry: Entry, variables: Mapping[str, Any]) -> str:
    """Return the hint for a repeated item with several inputs, whose further copies have only the one above.

    Empty for the first copy, and for any other item.
    """
    inputs = entry.own.get("from")
    if not entry.is_repeated or not variables.get("i") or not isinstance(inputs, ListValue) or entry.has_template:
        return ""
    first, *others = [item.text if isinstance(item, Scalar) else "…" for item in inputs.items]
    rest = "".join(f", {text}" for text in others)
    name, times = entry.own.get("name"), entry.own.get("repeat")
    base = name.text if isinstance(name, Scalar) else "copy"
    hint = (
        f"each copy after the first has only the output of the copy before: write `- {{identity: {{}}, from: {first}, "
        f'name: {base}0}}` before it, and from: ["{base}{{i}}"{rest}], name: "{base}{{i + 1}}"'
    )
    last = variables.get(times.text, times.text) if isinstance(times, Scalar) else "…"
    return clean(f"{hint}, and {base}{last} in place of {base}" if name else hint)


def _check_wrapped(
    cls: type[Layer], kind: str, value: ListValue, blocks: Collection[str], names: Callable[[], Collection[str]]
) -> None:
    """Enforce that a list of branches is not what a call of PyTorch has: `[[a, b], 1]`."""
    first = value.items[0]
    items = first.items if isinstance(first, ListValue) else ()
    if not items or any(not isinstance(item, Scalar) or item.text in blocks or find_kind(item.text) for item in items):
        return
    from shapecalc.language.habits import hint_for_wrapped  # only where something is wrong

    hint = hint_for_wrapped(kind, cls, value, names())
    if hint:
        raise bad("a list within the list is a branch, of layers in sequence, but these are names", first.mark, hint)


def branches_of(
    cls: type[Layer], entry: Entry, blocks: Collection[str], names: Callable[[], Collection[str]]
) -> tuple[Sequence[Value] | None, Value | None]:
    """Return the branches of a merge (None: its inputs are the current ones) and the rest, for its arguments.

    `names` returns those of layers and inputs.
    """
    value = entry.value
    if isinstance(value, ListValue):
        if not value.items:
            raise bad(
                f"{cls.kind} needs at least one branch",
                value.mark,
                "write each branch as a list of layers; [] is its input, unchanged",
            )
        _check_wrapped(cls, entry.kind, value, blocks, names)
        return value.items, None
    if isinstance(value, MapValue):
        inner = value.get("branches")
        if not isinstance(inner, ListValue) or not inner.items:
            from shapecalc.language.keyed_branches import check_keys  # only where there is no list

            check_keys(cls, entry.kind, value, inner, blocks)
            return None, value
        return inner.items, MapValue([(key, item) for key, item in value.pairs if key.text != "branches"], value.at)
    if isinstance(value, Scalar) and isinstance(value.value, str):
        return [ListValue([], value.at), value], None
    return None, value
