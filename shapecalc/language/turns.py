"""Repetition: the variables of every iteration of `repeat` and `for`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from shapecalc.language.document import MAX_VARIABLES, find_name_fault
from shapecalc.language.values import BadValueError, bad, condition, describe, evaluate, plain
from shapecalc.layers.base.arguments import show
from shapecalc.source import ListValue, MapValue, Scalar, short

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shapecalc.language.entries import Entry
    from shapecalc.source import Value

__all__ = ["Turn", "is_on", "loops_of", "turns_of"]


class Turn(dict[str, Any]):
    """The variables of one iteration; `loops` are the names of the `for` around it."""

    __slots__ = ("loops",)

    def __init__(self, variables: Mapping[str, Any], i: int, values: Mapping[str, Any]) -> None:
        super().__init__({**variables, **values, "i": i})
        self.loops: frozenset[str] = loops_of(variables).union(values)


def loops_of(variables: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of the `for` loops around variables."""
    return variables.loops if isinstance(variables, Turn) else _NONE


_NONE: frozenset[str] = frozenset()


def is_on(entry: Entry, variables: Mapping[str, Any], *, in_turn: bool = False) -> bool:
    """Return whether the `when` of an item, if any, is true.

    For a repeated item one that uses its variables is decided in every turn, with `in_turn`; any other before them.
    """
    when = entry.own.get("when")
    if when is None:
        return True
    words = re.findall(r"[^\W\d]\w*", when.text) if entry.is_repeated and isinstance(when, Scalar) else ()
    by_turn = not {*entry.loop_names}.isdisjoint(words)
    return by_turn is not in_turn or condition(when, variables, "when")


def turns_of(own: Mapping[str, Value], variables: Mapping[str, Any], most: int) -> Iterator[Turn]:
    """Yield the variables of every iteration, up to a maximum: `i`, and those of `for`."""
    if "for" in own and "repeat" in own:
        raise bad("repeat and for cannot be used together", own["for"].mark, "for repeats once for each value")
    if "for" in own:
        lists = _for_lists(own["for"], variables)
        for i, values in enumerate(zip(*lists.values(), strict=True)):
            yield Turn(variables, i, dict(zip(lists, values, strict=True)))
        return
    value = own["repeat"]
    times = evaluate(value, variables) if isinstance(value, Scalar) else None
    if type(times) is not int or times < 0:
        found = describe(value) if times is None else show(times)
        is_worked_out = isinstance(value, Scalar) and isinstance(value.value, str)
        why = (f"{short(value.text)} is {found}",) if isinstance(value, Scalar) and is_worked_out else ()
        hint = "repeat takes one number: for several stages, write an item for each"
        is_list = isinstance(value, ListValue) or isinstance(times, (list, tuple))
        raise bad(
            f"repeat must be a whole number of at least 0, not {found}", value.mark, hint if is_list else "", why=why
        )
    if times > most:
        raise bad(f"repeat: {times:,} is beyond the {most:,} layers that a network may have", value.mark)
    for i in range(times):
        yield Turn(variables, i, {})


def _for_lists(value: Value, variables: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the lists that a `for` iterates over together."""
    if not isinstance(value, MapValue) or not value.pairs:
        from shapecalc.language.repetition import hint_for_loop  # only when something is wrong

        raise bad(f"for is a mapping of names to lists, not {describe(value)}", value.mark, hint_for_loop(value))
    if len(value.pairs) > MAX_VARIABLES:
        raise bad(f"for has {len(value.pairs):,} names: at most {MAX_VARIABLES}", value.mark)
    lists: dict[str, list[Any]] = {}
    for key, item in value.pairs:
        found = plain(item, variables)
        if not isinstance(found, (list, tuple)):
            from shapecalc.language.repetition import hint_for_values  # only when something is wrong

            hint = hint_for_values(short(key.text), item)
            raise bad(f"{key.text} must be a list of values, not {describe(item)}", item.mark, hint)
        fault = find_name_fault(key)
        if fault is not None:
            raise BadValueError(fault)
        lists[key.text] = list(found)
    lengths = {name: len(values) for name, values in lists.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise bad(f"the lists of a for must be of one length, but {shown}", value.mark)
    return lists
