"""For which values of its dynamic dimensions a program was exported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.errors import Problem
from shapecalc.importers.dimensions import symbols_of

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["wrong_sizes"]


def wrong_sizes(
    name: str, ranges: Mapping[str, tuple[int | None, int | None]], known: Mapping[str, int]
) -> list[Problem]:
    """Return the problems of values of dimensions that the program of this name was not exported for.

    An expression, as `4*s39`, has a value of its own if its variable has none for it, or another one.
    """
    found = []
    for key, value in known.items():
        least, most = ranges.get(key, (None, None))
        if symbols_of(key) != (key,):
            others = " and ".join(f"{one} = {known[one]}" for one in symbols_of(key) if one in known)
            span = key.replace("*", "·") + (f" with {others}" if others else "")
            found.append(Problem(f"{name} was exported for {span}, not {value}"))
        elif (least is not None and value < least and least > 2) or (most is not None and value > most):
            span = f"at least {least}" if most is None else f"from {least or 1} to {most}"
            found.append(Problem(f"{name} was exported for {key} {span}, not {value}"))
    return found
