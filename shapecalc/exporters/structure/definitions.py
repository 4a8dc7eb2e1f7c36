"""Definitions of blocks: bodies that are alike become one, with parameters for what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.exporters.structure.parts import BlockParameter, Definition, Item, Variable
from shapecalc.exporters.structure.runs import join_copies, numbered

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from shapecalc.exporters.structure.parts import Body, Operation, Part
    from shapecalc.model.graph import Graph

__all__ = ["REPEAT", "define"]

REPEAT = "repeat"
"""The name of the argument of an item that is how often it is repeated."""

_CONFIGURATION = 8
"""Arguments with different names are one parameter only if all of their values are larger: widths, no strides."""

_RATIOS = (2, 3, 4, 6, 8)


def define(
    graph: Graph, main: Body, operations: Sequence[Operation], defaults: Any = None, *, repeats: bool = True
) -> list[Definition]:
    """Return the definitions of a network, those that use others after these; the last one is the network itself.

    `defaults(kind, argument)` returns the default of an argument of an operation, or None.
    """
    found: list[Definition] = []
    for bodies in _by_height(main):
        alike: dict[Hashable, Definition] = {}
        for body in bodies:
            if repeats:
                join_copies(body, lambda a, b: _are_equal(graph, operations, a, b))
            key = _skeleton(graph, body, operations)
            definition = alike.get(key)
            if definition is None:
                definition = alike[key] = Definition(body.kind, [])
                found.append(definition)
            definition.bodies.append(body)
            body.definition = definition
        for definition in alike.values():
            _fill(graph, definition, operations, defaults)
    return found


def _by_height(main: Body) -> list[list[Body]]:
    """Return all bodies in order: first those without bodies in them, then those with only such."""
    levels: list[list[Body]] = []

    def visit(body: Body) -> int:
        height = max([visit(inner) + 1 for inner in body.bodies()], default=0)
        while len(levels) <= height:
            levels.append([])
        levels[height].append(body)
        return height

    top = visit(main)
    assert levels[top][-1] is main
    return levels


def _are_equal(graph: Graph, operations: Sequence[Operation], a: Part, b: Part) -> bool:
    if a.share != b.share or a.stop - a.start != b.stop - b.start:
        return False
    if a.body and b.body:
        return a.body.definition is b.body.definition and a.body.arguments == b.body.arguments
    if a.body or b.body:
        return False
    return (operations[a.start], *graph.nodes[a.start].marks) == (operations[b.start], *graph.nodes[b.start].marks)


def _skeleton(graph: Graph, body: Body, operations: Sequence[Operation]) -> Hashable:
    """Return what bodies must have in common to be of one definition: all but the values of arguments, and counts."""
    parts = []
    for part in body.parts:
        if part.body:
            what: Any = id(part.body.definition)
            arguments = part.body.arguments
        else:
            what, arguments = operations[part.start]
            what = (what, *graph.nodes[part.start].marks)
        share = part.share and (part.share[0] - body.start, part.share[1] - body.start)
        name = None if body.is_found else numbered(part.names[0])[0].rstrip("_.")
        parts.append((what, part.inputs, share, name, *[(key, _sort_of(x)) for key, x in arguments.items()]))
    return (body.kind, len(body.inputs), tuple(parts))


def _sort_of(value: Any) -> Hashable:
    """Return what values of an argument must have in common to be those of one parameter: those of texts are equal."""
    if isinstance(value, bool):
        return bool
    if isinstance(value, (int, float)):
        return int
    if isinstance(value, (tuple, list)) and not any(isinstance(item, str) or item is None for item in value):
        return len(value)
    return repr(value)


def _fill(graph: Graph, definition: Definition, operations: Sequence[Operation], defaults: Any) -> None:
    """Make the items of a definition, and its parameters; and the arguments of each of its bodies."""
    bodies = definition.bodies
    for index, part in enumerate(definition.body.parts):
        parts = [body.parts[index] for body in bodies]
        inner = part.body.definition if part.body else None
        kind = "" if inner else operations[part.start].kind
        values = [one.body.arguments if one.body else operations[one.start].arguments for one in parts]
        arguments = {}
        for name in values[0]:
            own = inner.parameters[name] if inner else None
            default = own.default if own and own.has_default else defaults(kind, name) if defaults and kind else None
            argument = own.argument if own else name
            arguments[name] = _value(definition, [one[name] for one in values], argument, name, default)
        counts = [one.count for one in parts]
        repeat = _value(definition, counts, REPEAT, "depth", None)
        names = part.names if all(one.names == part.names for one in parts) else _base(parts)
        frozen, held = (False, frozenset[str]()) if inner else graph.nodes[part.start].marks
        layer = "" if inner else graph.nodes[part.start].kind
        definition.items.append(Item(kind, inner, arguments, part.inputs, repeat, names, part, frozen, held, layer))
    for number, body in enumerate(bodies):
        body.arguments = {name: one.values[number] for name, one in definition.parameters.items()}


def _base(parts: Sequence[Part]) -> list[str] | None:
    """Return the names of the longest run of copies, where those of the others begin in the same way; else None."""
    longest = max(parts, key=lambda part: part.count)
    alike = all(part.names == longest.names[: part.count] for part in parts)
    return longest.names if alike else None


def _value(definition: Definition, values: list[Any], argument: str, name: str, default: Any) -> Any:
    """Return the value of an argument in a definition: the one that it has in all bodies, or a parameter."""
    if all(_same(value, values[0]) for value in values):
        return values[0]
    for known in definition.parameters.values():
        if all(map(_same, known.values, values)) and (known.argument == argument or _are_widths(values)):
            return Variable(known.name)
    for known in definition.parameters.values():
        if (known.argument == argument and argument != REPEAT) or _are_widths(known.values + values):
            for ratio in _RATIOS:
                if _is_multiple(values, known.values, ratio):
                    return Variable(known.name, times=ratio)
                if _is_multiple(known.values, values, ratio):
                    return Variable(known.name, over=ratio)
    own = next(word for word in _words(name) if word not in definition.parameters)
    has_default = default is not None and any(_same(value, default) for value in values)
    definition.parameters[own] = BlockParameter(own, values, argument, default if has_default else None, has_default)
    return Variable(own)


def _words(name: str) -> Iterator[str]:
    yield name
    stem, number = numbered(name)
    number = max(number, 1)
    while True:
        number += 1
        yield f"{stem}{number}"


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)


def _are_widths(values: Sequence[Any]) -> bool:
    return all(type(value) is int and value >= _CONFIGURATION for value in values)


def _is_multiple(values: Sequence[Any], of: Sequence[Any], ratio: int) -> bool:
    return all(type(a) is int and type(b) is int and a == b * ratio for a, b in zip(values, of, strict=True))
