"""The symbols of formulas: the meaning and the valid values of each."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.dims.lists import Many
from shapecalc.errors import Problem, UsageError
from shapecalc.questions.sizes import InputAxis, axis_names, find_pattern_of, free_sizes, with_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shapecalc.model.graph import Graph
    from shapecalc.questions.sizes.periodic import SizeSet

    Resize = Callable[[Graph, Mapping[InputAxis, Any]], Graph]
    Rebuild = Callable[[Mapping[str, Any]], tuple[Graph, list[Problem]]]

__all__ = ["BATCH", "SymbolInUse", "default_names", "find_symbol", "refusal", "symbol_names", "trials"]

BATCH = "N"
_AXES = {"D": "depth", "H": "height", "W": "width", "L": "length"}


class SymbolInUse(NamedTuple):
    """A symbol: its meaning, its value in the specification, and its valid values."""

    name: str
    meaning: str
    given: int
    domain: SizeSet | None
    places: tuple[InputAxis, ...] = ()
    is_variable: bool = False


def _places(graph: Graph) -> dict[str, list[InputAxis]]:
    """Return the free axes of the inputs, by their letter."""
    letters = {name: letter for letter, name in _AXES.items()}
    found: dict[str, list[InputAxis]] = {}
    for name in graph.inputs:
        for axis, word in enumerate(axis_names(graph, name)):
            found.setdefault(letters.get(word, "L"), []).append((name, axis))
    return found


def default_names(graph: Graph) -> list[str]:
    """Return the default symbols: those of the free axes of the inputs."""
    return sorted(_places(graph))


def symbol_names(graph: Graph) -> list[str]:
    """Return all symbols: those of the axes, of the batch, and variables that are whole numbers."""
    return [*_places(graph), BATCH, *[name for name, value in graph.variables.items() if type(value) is int]]


def find_symbol(graph: Graph, rebuild: Rebuild, name: str, resize: Resize = with_sizes) -> SymbolInUse:
    """Return a symbol with its meaning and its valid values. `resize` returns the graph with other sizes."""
    places = _places(graph)
    if name in graph.variables:
        return _variable(graph, rebuild, name)
    if name == BATCH:
        return SymbolInUse(name, "samples in a batch", 1, None)
    if name not in places:
        hint = f"there are {', '.join(symbol_names(graph))}"
        raise UsageError(Problem(f"there is no symbol {name}", hint=hint))
    given = [free_sizes(graph, i)[axis] for i, axis in places[name]]
    chosen = [p for p, size in zip(places[name], given, strict=True) if size == given[0]]
    domain, _ = find_pattern_of(lambda sizes: resize(graph, dict.fromkeys(chosen, Many(sizes))), given[:1])
    words = dict.fromkeys(axis_names(graph, i)[axis] for i, axis in chosen)
    inputs = dict.fromkeys(i for i, _ in chosen)
    meaning = f"{', '.join(words)} of {' and '.join(inputs) if len(graph.inputs) > 1 else 'the input'}"
    return SymbolInUse(name, meaning, given[0], domain, tuple(chosen))


def _variable(graph: Graph, rebuild: Rebuild, name: str) -> SymbolInUse:
    given = graph.variables[name]
    if not graph.is_written:
        message = f"{name} cannot be a symbol: it is a dimension of an input of the file"
        raise UsageError(Problem(message, hint=f"choose that of its axis: {', '.join(_places(graph))}"))
    if type(given) is float:
        raise UsageError(Problem(f"{name} cannot be a symbol: it is a fraction in the specification, {given}"))
    if type(given) is not int:
        raise UsageError(Problem(f"{name} cannot be a symbol: its value is not a whole number, but {_spelled(given)}"))

    def vary(sizes: Sequence[int]) -> Graph:
        varied, problems = rebuild({name: Many(sizes)})
        if problems:
            raise UsageError(refusal(name, problems[0]))
        return varied

    domain, _ = find_pattern_of(vary, [given])
    return SymbolInUse(name, "a variable of the specification", given, domain, (), is_variable=True)


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def refusal(name: str, problem: Problem) -> Problem:
    """Return the problem of a variable that cannot be a symbol."""
    return Problem(
        f"{name} cannot be a symbol: it changes the structure of the network, or is used where a number is required",
        problem.mark,
        why=(re.sub(r"Many\([^)]*\)", "a symbol", problem.headline),),
        hint=f"give it a value with --set {name}=… and leave it out of the symbols",
    )


def trials(symbol: SymbolInUse) -> list[int]:
    """Return values at which to verify a formula."""
    if symbol.domain is None:
        return [1, 2, 7, 32]
    members = symbol.domain.members()
    first = list(itertools.islice(members, 4))
    later = list(itertools.islice(members, 11, 40, 9))
    own = [symbol.given] if symbol.given in symbol.domain else []
    later += [n for n in symbol.domain.nearest(3 * symbol.given) if n > symbol.given]
    return list(dict.fromkeys([*own, *first, *later])) or [symbol.given]
