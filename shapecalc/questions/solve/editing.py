"""Changes of one argument of one layer in the text of a specification; the rest stays as it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.model.locations import argument_words, branches_at, entry_at
from shapecalc.source import ListValue, MapValue, Scalar, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapecalc.errors import Insertion, Mark
    from shapecalc.layers.base.layer import Layer
    from shapecalc.source import Value

__all__ = [
    "Edit",
    "add_argument",
    "edit_argument",
    "edit_input",
    "given_arguments",
    "insert_before",
    "insert_on_input",
    "is_given",
    "leave_out",
]


class Edit(NamedTuple):
    """A text with one line changed, or several that follow each other: added if `old` is empty, removed if `new` is."""

    text: str
    line: int
    old: str
    new: str


def given_arguments(text: str, mark: Mark, cls: type[Layer]) -> dict[str, Any]:
    """Return the arguments of the item at a mark that are one word each, by their own names."""
    found = entry_at(text, mark)
    key, given = found or (None, None)
    if isinstance(given, MapValue):
        names = cls.argument_names()
        pairs = [(names.get(key.text), item) for key, item in given.pairs]
        return {name: item.value for name, item in pairs if name and isinstance(item, Scalar)}
    first = cls.first_argument(key.text) if key else None
    return {first.name: given.value} if first and isinstance(given, Scalar) else {}


def _entry_with(
    text: str, mark: Mark, layer: Layer | type[Layer], argument: str
) -> tuple[Scalar | None, Value | None, Layer | type[Layer]]:
    """Return the item at a mark that has an argument, and its layer: the one of another's arguments, if that has it."""
    key, given = entry_at(text, mark) or (None, None)
    part = None if isinstance(layer, type) else layer.part_with(argument)
    if part is None:
        return key, given, layer
    name, inner = part
    found = given.get(name) if isinstance(given, MapValue) else None
    return (*found.pairs[0], inner) if isinstance(found, MapValue) and found.pairs else (None, None, inner)


def edit_argument(text: str, mark: Mark, layer: Layer | type[Layer], argument: str, value: Any) -> Edit | None:
    """Return the text with another value for an argument of the layer at a mark; None if that cannot be written."""
    key, given, layer = _entry_with(text, mark, layer, argument)
    if key is None:
        return None
    first = layer.first_argument(key.text)
    written = _written(value)
    if given is None or (isinstance(given, Scalar) and given.value is None):
        return _after_kind(text, key, argument, written)
    if isinstance(given, MapValue):
        return _in_mapping(text, given, layer.argument_names(), argument, written)
    if first is not None and argument == first.name:
        return _value_replaced(text, given, written)
    if not isinstance(given, Scalar) or first is None:
        return None
    return _replaced(text, given, f"{{{first.name}: {given.text}, {argument}: {written}}}")


def _after_kind(text: str, key: Scalar, argument: str, written: str) -> Edit:
    """Return the text with the first argument of an item that has none."""
    end = key.mark.column - 1 + len(key.text)
    colon = "" if text.splitlines()[key.mark.line - 1][end : end + 1] == ":" else ":"
    return _spliced(text, key.mark.line, end + (not colon), 0, f"{colon} {{{argument}: {written}}}")


def is_given(text: str, mark: Mark, layer: Layer | type[Layer], argument: str) -> bool:
    """Return whether an argument of the layer at a mark is written in the text."""
    key, given, layer = _entry_with(text, mark, layer, argument)
    if isinstance(given, MapValue):
        names = layer.argument_names()
        return argument in map(names.get, given.keys())
    is_empty = given is None or (isinstance(given, Scalar) and given.value is None)
    first = layer.first_argument(key.text) if key and not is_empty else None
    return first is not None and first.name == argument


def leave_out(text: str, mark: Mark, layer: Layer | type[Layer], argument: str) -> Edit | None:
    """Return the text without an argument of the layer at a mark; None if that cannot be written."""
    key, given, layer = _entry_with(text, mark, layer, argument)
    if isinstance(given, Scalar):
        first = layer.first_argument(key.text) if key else None
        return _replaced(text, given, "{}") if first and argument == first.name else None
    pairs = given.pairs if isinstance(given, MapValue) else []
    names = layer.argument_names()
    found = next(((name, item) for name, item in pairs if names.get(name.text) == argument), None)
    return _without_pair(text, *found) if found and isinstance(found[1], Scalar) and len(pairs) > 1 else None


def _without_pair(text: str, key: Scalar, value: Value) -> Edit | None:
    """Return the text without a key and its value: with the comma next to them, or their whole line."""
    lines = text.splitlines()
    line, start = key.mark.line, key.mark.column - 1
    old = lines[line - 1]
    end = value.mark.column - 1 + value.mark.length
    if value.mark.line != line or key.mark.column >= value.mark.column:
        return None
    if not (old[:start] + old[end:]).strip():
        del lines[line - 1]
        return Edit("\n".join(lines) + "\n", line, old, "")
    after = re.compile(r"\s*,\s*").match(old, end)
    if after:
        return _spliced(text, line, start, after.end() - start, "")
    before = re.search(r"\s*,\s*$", old[:start])
    return _spliced(text, line, before.start(), end - before.start(), "") if before else None


def insert_before(text: str, mark: Mark, item: str) -> Edit | None:
    """Return the text with a layer added as a line before the item at a mark; None if that cannot be written.

    Where the item names its input (`from: a`), the new one has it.
    """
    lines = text.splitlines()
    column = mark.column - 1
    for index in range(mark.line - 1, -1, -1):
        before = lines[index][:column].replace("{", " ")
        if re.fullmatch(r"\s*-\s+", before):
            source = _source_at(text, mark)
            if source is None:
                new = f"{before}{item}"
                return Edit("\n".join([*lines[:index], new, *lines[index:]]) + "\n", index + 1, "", new)
            return _insert_with_source(lines, index, before.rstrip(), item, source)
        if before.strip() or len(before) < column:  # the line of another item
            return None
    return None


def insert_on_input(text: str, mark: Mark, layers: Insertion) -> Edit | None:
    """Return the text with layers on one input of the merge at a mark; None if that cannot be written.

    A branch of them stands in place of a name (`[{crop: {size: 8}, from: a}]`), or of the empty list.
    """
    given, number = branches_at(text, mark), layers.input
    if isinstance(given, Scalar):  # one name, beside the layer above
        if number:
            return _replaced(text, given, f"[[], {layers.branch(given.text)}]")
        return None if layers.after or layers.when else insert_before(text, mark, layers.item)
    branch = given.items[number] if isinstance(given, ListValue) and number < len(given.items) else None
    if layers.instead and branch:
        return _condition_replaced(text, branch.mark.line, layers)
    if isinstance(branch, Scalar):
        return _replaced(text, branch, layers.branch(f'"{branch.text}"' if branch.quoted else branch.text))
    is_empty = isinstance(branch, ListValue) and not branch.items
    return _value_replaced(text, branch, layers.branch()) if branch and is_empty else None


def _condition_replaced(text: str, number: int, layers: Insertion) -> Edit | None:
    """Return the text with the condition of layers in a branch on one line replaced; None where it is not there."""
    lines = text.splitlines()
    old = lines[number - 1]
    new = lines[number - 1] = old.replace(f"when: {layers.instead}", f"when: {layers.when}")
    return Edit("\n".join(lines) + "\n", number, old, new) if new != old else None


def add_argument(text: str, mark: Mark, block: str, argument: str, value: str) -> Edit | None:
    """Return the text with one more argument of a block: for the use of it at a mark, or in the `args:` there."""
    words = argument_words(text, mark, block)
    if words is None:
        return None
    if words.mark[1:3] == mark[1:3]:
        return _in_mapping(text, words, {}, argument, value)
    key, given = entry_at(text, mark) or (None, None)
    if key is None:
        return None
    if isinstance(given, MapValue) and given.pairs:
        return _in_mapping(text, given, {}, argument, value)
    if isinstance(given, Scalar) and given.value is not None:
        return _replaced(text, given, f"{{{words.keys()[0]}: {given.text}, {argument}: {value}}}")
    return _after_kind(text, key, argument, value) if not isinstance(given, ListValue) else None


def _source_at(text: str, mark: Mark) -> tuple[Scalar, Value] | None:
    """Return the key `from` and its value of the item at a mark; None if it has none."""
    root, _ = read_text(text, mark.source.name)
    waiting: list[Value] = [root] if root else []
    while waiting:
        value = waiting.pop()
        if isinstance(value, ListValue):
            waiting += value.items
        elif isinstance(value, MapValue):
            waiting += [item for _, item in value.pairs]
            if any(key.mark[1:3] == mark[1:3] for key, _ in value.pairs):
                return next((pair for pair in value.pairs if pair[0].text == "from"), None)
    return None


def _insert_with_source(
    lines: list[str], index: int, dash: str, item: str, source: tuple[Scalar, Value]
) -> Edit | None:
    """Return the text with a layer before the item at a line, which has the one input that the item names."""
    key, value = source
    last = key.mark.line - 1
    if not isinstance(value, Scalar) or value.quoted or value.mark.line != key.mark.line or last < index:
        return None
    pair = re.compile(rf"(,\s*)?from\s*:\s*{re.escape(value.text)}(?(1)(?=\s*[,}}])|(\s*,\s*|\s*$))")
    without = pair.sub("", lines[last], count=1)
    if without == lines[last] or without.strip() == "-":
        return None
    kind = item if ":" in item else f"{item}: {{}}"
    old = lines[index : last + 1]
    new = [f"{dash} {{{kind}, from: {value.text}}}", *old[:-1], *([without] if without.strip() else [])]
    return Edit("\n".join([*lines[:index], *new, *lines[last + 1 :]]) + "\n", index + 1, "\n".join(old), "\n".join(new))


def edit_input(text: str, name: str, sizes: str) -> Edit | None:
    """Return the text with another size for an input; None if that cannot be written."""
    root, _ = read_text(text, "<text>")
    if not isinstance(root, MapValue):
        return None
    value = root.get("input")
    several = root.get("inputs")
    if isinstance(several, MapValue):
        value = several.get(name)
    written = f"[{', '.join(sizes.split('x'))}]" if isinstance(value, ListValue) else sizes
    return _value_replaced(text, value, written) if value else None


def _value_replaced(text: str, value: Value, written: str) -> Edit | None:
    """Return the text with a word, or a list in brackets on one line, replaced; None for any other value."""
    return _list_replaced(text, value, written) if isinstance(value, ListValue) else _replaced(text, value, written)


def _list_replaced(text: str, value: ListValue, written: str) -> Edit | None:
    """Return the text with a list in brackets on one line replaced; None for any other list."""
    line, start = value.mark.line, value.mark.column - 1
    source = text.splitlines()[line - 1]
    end = source.find("]", start)
    inner = [item for item in value.items if not isinstance(item, Scalar) or item.mark.line != line]
    if source[start : start + 1] != "[" or end < 0 or inner:
        return None
    return _spliced(text, line, start, end + 1 - start, written)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_written(item) for item in value)}]"
    return str(value)


def _in_mapping(text: str, given: MapValue, names: Mapping[str, str], argument: str, written: str) -> Edit | None:
    """Return the text with the value of an argument in a mapping, which may have it under one of several names."""
    for key, item in given.pairs:
        if names.get(key.text) == argument:
            return _value_replaced(text, item, written)
    lines = text.splitlines()
    mark = given.mark
    if lines[mark.line - 1][mark.column - 1 : mark.column] != "{":
        key, item = given.pairs[-1]
        number = key.mark.line  # after the last argument if that is one line, or else before it
        if not isinstance(item, Scalar) or item.mark.line != number or "\n" in item.text:
            number -= 1
        if lines[key.mark.line - 1][: key.mark.column - 1].strip():  # the line has more
            return None
        new = f"{' ' * (key.mark.column - 1)}{argument}: {written}"
        lines.insert(number, new)
        return Edit("\n".join(lines) + "\n", number + 1, "", new)
    start = given.pairs[-1][1].mark if given.pairs else mark
    column = lines[start.line - 1].find("}", start.column - 1 + (start.length if given.pairs else 0))
    comma = ", " if given.pairs else ""
    return _spliced(text, start.line, column, 0, f"{comma}{argument}: {written}") if column >= 0 else None


def _replaced(text: str, value: Value, written: str) -> Edit | None:
    mark = value.mark
    if not isinstance(value, Scalar) or "\n" in value.text:
        return None
    start, line = mark.column - 1, text.splitlines()[mark.line - 1]
    quote = line[start : start + 1] if value.quoted else ""
    whole = f"{quote}{value.text}{quote}"
    return _spliced(text, mark.line, start, len(whole), written) if line[start:].startswith(whole) else None


def _spliced(text: str, line: int, start: int, length: int, written: str) -> Edit:
    lines = text.splitlines()
    old = lines[line - 1]
    new = f"{old[:start]}{written}{old[start + length :]}"
    lines[line - 1] = new
    return Edit("\n".join(lines) + "\n", line, old, new)
