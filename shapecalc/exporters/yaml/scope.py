"""The names in one list of layers: which are written, and those that the language makes up for the others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from shapecalc.escaping import clean
from shapecalc.exporters.structure.parts import Local
from shapecalc.exporters.structure.runs import numbered
from shapecalc.exporters.yaml.values import UnwritableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from shapecalc.exporters.structure.parts import Definition, Item
    from shapecalc.exporters.yaml.layout import Element

__all__ = ["Names", "allowed", "name_items", "preorder"]

_LONGEST = 90
_ROUNDS = 6
_SKIPPED = 20


class Names(NamedTuple):
    """The names of the items of a definition: as they are `written` (empty: made up), and of each copy.

    The last copy of one that is repeated a variable number of times has the name of all of them; its `copies` are none.
    """

    inputs: list[str]
    written: list[str]
    last: list[str]
    copies: list[list[str]]

    def of(self, definition: Definition, local: Local, known: Mapping[int, Names]) -> str:
        """Return the name of a tensor as it is referred to. Errors: `UnwritableError`."""
        output = f"[{local.output}]" if local.output else ""
        if local.part < 0:
            return self.inputs[-1 - local.part] + output
        return self.inside(definition, local.part, local.back, known) + output

    def inside(self, definition: Definition, part: int, back: int, known: Mapping[int, Names]) -> str:
        """Return the name of a node of a part, `back` nodes before its last one."""
        item = definition.items[part]
        if back == 0:
            return self.last[part]
        length = item.part.length
        copy = item.part.count - 1 - back // length
        name = self.last[part]
        if item.part.count > 1 or not isinstance(item.repeat, int):
            if not self.copies[part]:
                raise UnwritableError("a layer in one of a variable number of copies is used outside of it")
            name = self.copies[part][copy]
        within = back % length
        inner = item.definition
        if inner is None or within == 0:
            return name
        node = inner.body.stop - 1 - within
        own = known[id(inner)]
        index = next(i for i, one in enumerate(inner.items) if one.part.start <= node < one.part.stop)
        return f"{name}.{own.inside(inner, index, inner.items[index].part.stop - 1 - node, known)}"


def preorder(elements: Sequence[Element]) -> Iterator[int]:
    """Yield the items in the order in which the language names them: a merge before what is in its branches."""
    for element in elements:
        yield element.item
        for branch in element.branches:
            if not isinstance(branch, Local):
                yield from preorder(branch)


def allowed(name: str) -> str:
    """Return a name without what the language does not allow in one."""
    return re.sub(r"[\[\]{}]", "_", clean(name)).strip()[-_LONGEST:].strip()


def name_items(
    definition: Definition, order: Sequence[int], inputs: Sequence[str], is_plain: Callable[[Item], bool]
) -> Names:
    """Return the names of the items: their own, where all bodies agree, and are not what is made up anyway.

    Those of items that are `is_plain` are left out if they say no more than the kind: `relu_2`.
    """
    items = definition.items
    wanted = [[] if is_plain(item) and _is_of_kind(item) else _wanted(item) for item in items]
    seen = {*inputs}
    for index, names in enumerate(wanted):
        if not names or any(not name or name in seen for name in names):
            wanted[index] = []
        seen.update(names)
    bases = {index: _base(items[index].word, seen) for index, names in enumerate(wanted)
             if not names and not isinstance(items[index].repeat, int)}  # fmt: skip
    taken = {name for names in wanted for name in names}
    for _ in range(_ROUNDS):
        found, written = _simulated(items, order, wanted, bases, taken, {*inputs})
        if written == taken:
            break
        taken = written
    return found._replace(inputs=[*inputs])


def _wanted(item: Item) -> list[str]:
    names = [allowed(name) for name in item.names or ()]
    if not isinstance(item.repeat, int) or item.repeat > 1:
        stems = [numbered(name) for name in names]
        if not all(one == (stems[0][0], stems[0][1] + k) and one[1] >= 0 for k, one in enumerate(stems)):
            return []
    return names


def _is_of_kind(item: Item) -> bool:
    """Return whether the name of a layer is its kind, with or without a number."""
    return all(numbered(name)[0].rstrip("_") == item.layer for name in item.names or ())


def _base(word: str, seen: set[str]) -> str:
    """Return a name for all copies of an item, the last of which it then refers to."""
    base, number = word, 1
    while base in seen:
        number += 1
        base = f"{word}_{number}"
    seen.add(base)
    return base


def _simulated(
    items: Sequence[Item],
    order: Sequence[int],
    wanted: Sequence[list[str]],
    bases: Mapping[int, str],
    taken: set[str],
    known: set[str],
) -> tuple[Names, set[str]]:
    """Return the names if these were written somewhere in the list, and those that are then written."""
    counts: dict[str, int] = {}
    size = len(items)
    found = Names([], [""] * size, [""] * size, [[] for _ in items])
    defined = {*known}
    declared: set[str] = set()

    def next_name(word: str, count: int, own: set[str]) -> tuple[str, int]:
        while True:
            count += 1
            name = f"{word}{count}"
            if name in own or (name not in taken and name not in defined):
                return name, count

    for index in order:
        item = items[index]
        word = item.word
        names = wanted[index]
        if isinstance(item.repeat, int) and (not names or _may_be_made_up(names, word, counts.get(word, 0))):
            made, number = [], counts.get(word, 0)
            for _ in range(item.repeat):
                name, number = next_name(word, number, {*names})
                made.append(name)
            if not names or names == made:
                counts[word] = number
                found.copies[index][:] = made
                found.last[index] = made[-1]
                defined.update(made)
                continue
        if names:
            found.written[index] = names[0] if item.repeat == 1 else _template(names)
            found.copies[index][:] = names if isinstance(item.repeat, int) else []
            found.last[index] = names[-1] if isinstance(item.repeat, int) else ""
        else:
            found.written[index] = found.last[index] = bases[index]
            names = [bases[index]]
        declared.add(found.written[index])
        defined.update(names)
    return found, declared


def _may_be_made_up(names: Sequence[str], word: str, count: int) -> bool:
    """Return whether names may be the next ones that are made up: of that word, with a number a little above."""
    stem, number = numbered(names[0])
    return stem == word and count < number <= count + _SKIPPED


def _template(names: Sequence[str]) -> str:
    stem, first = numbered(names[0])
    return f"{stem}{{i + {first}}}" if first else f"{stem}{{i}}"
