"""Selection among the variants of a sweep: conditions on their columns, orders, and the Pareto front."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.language.expressions import ExpressionError, parse
from shapecalc.questions.sweep.conditions import RowCondition
from shapecalc.text.comparisons import misspelt_comparison
from shapecalc.text.given import read_names, read_string
from shapecalc.text.units import SEPARATORS, bytes_of_count, without_units

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["RowCondition", "front", "order", "read_condition", "read_objectives", "read_order"]


def read_condition(text: str, known: Sequence[str]) -> RowCondition:
    """Return the condition of a text. Errors: `UsageError` if it is not one, or names an unknown column."""
    text = read_string(text, "where")
    plain = without_units(text)
    try:
        expression = parse(plain)
    except ExpressionError as error:
        message, hint = _with_units(error.message, text), error.hint
        if " is a tuple" in message and all(re.search("[<>=]", part) for part in text.split(",")):
            hint = "join conditions with `and`"
        elif " is a tuple" in message and re.search(r"\d,\d", plain) and not re.search(r"\bin\s*\(", plain):
            hint = SEPARATORS
        elif misspelt := misspelt_comparison(text):  # with its units
            message, hint = f"`{misspelt.text}` is not a comparison", f"write `{misspelt.meant}`"
        raise UsageError(Problem(f"where: {message}", hint=hint)) from None
    for name in sorted(expression.names):
        check_column(name, known)
    for name in expression.names.intersection(_COUNTED):
        found = re.search(rf"\b{name}\s*[<>=!]=?\s*({_BYTES})|({_BYTES})\s*[<>=!]=?\s*{name}\b", text)
        if found:
            amount = found[1] or found[2]
            raise UsageError(
                Problem(f"where: {name} is not compared with a count: {amount}", hint=bytes_of_count(amount))
            )
    if "memory" in expression.names and re.search(r"(?i)(?<!\w)[\d_.]+\s*b\b", text):
        hint = "write bytes as a plain number, or with KiB, MiB, GiB, kB, MB, GB; 10^9 as 1G"
        raise UsageError(Problem(f"where: B means 10^9, not bytes: `{text}`", hint=hint))
    return RowCondition(text, plain, expression.names)


_COUNTED = ("params", "active_params", "macs", "buffers", "activations")
"""Columns whose figures are counts, not bytes."""
_BYTES = r"\d[\w.,]*? *[kmgtpKMGTP]i?[bB]\b"
_AMOUNT = re.compile(r"\d[\w.,]*(?: *[kmgt]i?b?\b)?", re.IGNORECASE)


def _with_units(message: str, text: str) -> str:
    """Return a message about a condition without units, with its amounts as they were written: 100k for 100000."""
    plain = without_units(text)
    return re.sub(r"`([^`]+)`", lambda found: f"`{_as_written(found[1], plain, text)}`", message)


def _as_written(part: str, plain: str, text: str) -> str:
    """Return a part of a condition without units as it is in the text: the last, where it is there more than once."""
    at = plain.rfind(part)
    ends = {without_units(text[:end]): end for end in range(len(text) + 1)}
    before, until = plain[:at], plain[: at + len(part)]
    return text[ends[before] : ends[until]] if at >= 0 and before in ends and until in ends else part


def check_column(name: str, known: Sequence[str]) -> None:
    """Raise `UsageError` for an unknown column of the sweep."""
    if read_string(name, "the name of a column") not in known:
        raise UsageError(
            Problem(f"the sweep has no column {name}", hint=hint_for_order(name) or did_you_mean(name, known))
        )


def hint_for_order(text: str) -> str:
    """Return the hint for a column with its order as SQL and other programs have it, `macs:desc`; empty for others."""
    found = re.fullmatch(r"(?i)[+-]?(\w+)(?:\s*[: =]\s*|[-_.])(asc|desc)(?:ending)?", text.strip())
    return f"write `--sort {'-' if found[2].lower() == 'desc' else ''}{found[1]}`" if found else ""


def _parts(given: Any, what: str) -> list[str]:
    """Return the columns of a text or a list of names, with their signs."""
    return [part.strip() for text in read_names(given, what) for part in text.split(",")]


def read_objectives(given: Any, known: Sequence[str]) -> list[tuple[str, int]]:
    """Return the columns to minimise (1) or, with `+`, to maximise (-1): `params,macs`, or a list.

    Errors: `UsageError`.
    """
    parts = _parts(given, "pareto")
    found = [(part.lstrip("+-").strip(), -1 if part.startswith("+") else 1) for part in parts]
    for name, _ in found:
        check_column(name, known)
    if len(found) < 2:
        only = f", not only {parts[0]}" if parts else ""
        raise UsageError(Problem(f"a front needs two columns or more{only}", hint="for instance params,macs"))
    return found


def read_order(given: Any, known: Sequence[str]) -> list[tuple[str, int]]:
    """Return the columns to sort by: smallest first (1) or, with `-`, largest first (-1). Errors: `UsageError`."""
    parts = _parts(given, "sort")
    found = [(part.lstrip("+-").strip(), -1 if part.startswith("-") else 1) for part in parts]
    for name, _ in found:
        check_column(name, known)
    return found


def order(columns: Mapping[str, Any], by: Sequence[tuple[str, int]]) -> Any:
    """Return the numbers of the rows in order; equal rows keep their order."""
    keys = [_ranked(columns[name]) * sign for name, sign in by]
    return np.lexsort(keys[::-1])


def _ranked(values: Any) -> Any:
    """Return ints of 64 bits in the order of the values: themselves, or else their ranks."""
    if values.dtype.kind in "bi":
        return values.astype(np.int64)
    plain = values.tolist()
    if not all(isinstance(value, (int, float)) for value in plain):
        plain = [str(value) for value in plain]
    ranks = {value: rank for rank, value in enumerate(sorted(set(plain)))}
    return np.array([ranks[value] for value in plain], dtype=np.int64)


def front(columns: Mapping[str, Any], objectives: Sequence[tuple[str, int]]) -> Any:
    """Return the numbers of the rows that no other row dominates: none is as good in everything and better in one.

    They are in order of the first objective; rows that are equal in all are adjacent.
    """
    points = np.stack([_ranked(columns[name]) * sign for name, sign in objectives], axis=1)
    if not len(points):
        return np.zeros(0, dtype=np.int64)
    sorted_rows = np.lexsort(points.T[::-1])
    points = points[sorted_rows]
    return sorted_rows[_front_of_two(points) if points.shape[1] == 2 else _front_of_many(points)]


def _front_of_two(points: Any) -> Any:
    """Return which of sorted pairs are on the front: those below all before them, and their equals."""
    second = points[:, 1]
    lowest = np.minimum.accumulate(second)
    better = np.concatenate(([True], second[1:] < lowest[:-1]))
    first_of_its_kind = np.concatenate(([True], (points[1:] != points[:-1]).any(axis=1)))
    group = np.cumsum(first_of_its_kind) - 1
    return better[first_of_its_kind][group]


def _front_of_many(points: Any) -> Any:
    """Return which of sorted points are on the front: each is compared to those found so far."""
    kept = np.zeros(len(points), dtype=bool)
    left = np.arange(len(points))
    while left.size:
        best = points[left[0]]
        same = (points[left] == best).all(axis=1)
        kept[left[same]] = True
        left = left[~(points[left] >= best).all(axis=1)]
    return kept
