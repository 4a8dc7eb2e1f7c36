"""A block of a specification: a group of layers with arguments, and what its arguments are in one use of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem
from shapecalc.escaping import clean
from shapecalc.language.entries import OWN_WORDS, beside_hint
from shapecalc.language.values import BadValueError, bad, plain
from shapecalc.layers import find_kind
from shapecalc.source import ListValue, MapValue, Scalar, words_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapecalc.errors import Hint, Mark
    from shapecalc.language.entries import Entry
    from shapecalc.source import Value

__all__ = ["BlockDefinition"]


class BlockDefinition(NamedTuple):
    """A group of layers with arguments; `arguments` maps a name to its default, or to None if it is required."""

    name: str
    arguments: dict[str, Value | None]
    layers: ListValue
    outputs: tuple[Value, ...]
    mark: Mark

    def values(self) -> list[Value]:
        """Return the defaults of the arguments."""
        return [value for value in self.arguments.values() if value is not None]

    def _hint(self, name: str, given: MapValue) -> str | Hint:
        if name in OWN_WORDS:
            return beside_hint(name, given.get(name), self.name)
        from shapecalc.language.habits import hint_for_undeclared  # only when something is wrong

        return hint_for_undeclared(self.name, name, given, self.arguments, words_in([self.layers, *self.values()]))

    def bind(self, entry: Entry, variables: Mapping[str, Any], common: Mapping[str, Any]) -> dict[str, Any]:
        """Return the variables inside the block for one use of it: those of the specification, and its arguments.

        `variables` are those at the use, for the values of its arguments. Errors: `BadValueError` there.
        """
        given: dict[str, Value] = {}
        value = entry.value
        if isinstance(value, MapValue):
            for key, item in value.pairs:
                if key.text not in self.arguments:
                    why = (f"{clean(self.name)} is a block here, in place of the kind",) if find_kind(self.name) else ()
                    hint = self._hint(key.text, value)
                    raise bad(f"the block {self.name} has no argument {key.text}", key.mark, hint, why)
                given[key.text] = item
        elif value is not None and not (isinstance(value, Scalar) and value.value is None):
            if not self.arguments:
                raise self.error(f"the block {self.name} has no arguments", value.mark, value)
            given[next(iter(self.arguments))] = value
        bound = dict(common)
        missing = [name for name, default in self.arguments.items() if default is None and name not in given]
        if missing:
            raise self.error(f"the block {self.name} needs {', '.join(missing)}", entry.mark, value)
        for name, item in given.items():
            bound[name] = plain(item, variables)
        for name, default in self.arguments.items():
            if name not in given and default is not None:
                bound[name] = plain(default, bound)
        return bound

    def by_name(self, entry: Entry) -> Entry | None:
        """Return an item whose value is a list with its values as arguments by name; None where they are too many."""
        items = entry.value.items if isinstance(entry.value, ListValue) else []
        items = items[0].items if len(items) == 1 and isinstance(items[0], ListValue) else items
        if not 0 < len(items) <= len(self.arguments):
            return None
        pairs = [(Scalar(name, name, item.mark), item) for name, item in zip(self.arguments, items, strict=False)]
        return entry._replace(value=MapValue(pairs, items[0].mark))

    def error(self, message: str, mark: Mark, value: Value | None) -> BadValueError:
        """Return the error for the arguments at a use, with the hint to name them all."""
        from shapecalc.language.habits import hint_for_block_arguments  # only when something is wrong

        required = [name for name, default in self.arguments.items() if default is None]
        hint = hint_for_block_arguments(self.name, self.arguments, value, required)
        also = (("the block is defined here:", self.mark),)
        return BadValueError(Problem(message, mark, hint=hint, also=also))
