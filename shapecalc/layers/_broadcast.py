"""Broadcasting of axes, as matrix products and element-wise sums do it: an axis of 1 stretches to the other's size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.dims import EQUAL, Constraint, Dim, maximum, minimum
from shapecalc.errors import Misfit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["broadcast", "broadcast_constraints", "stretches"]


def broadcast(a: Sequence[Dim], b: Sequence[Dim]) -> tuple[Dim, ...]:
    """Return the sizes that two tensors have together, aligned at their last axes."""
    return (*_longer(a, b), *(maximum(left, right) for left, right in _pairs(a, b)))


def broadcast_constraints(a: Sequence[Dim], b: Sequence[Dim], what: str) -> Iterator[Constraint]:
    """Yield that every pair of axes is equal, or one of them is 1."""
    for left, right in _pairs(a, b):
        yield stretches(left, right, what)


def stretches(a: Dim, b: Dim, what: str) -> Constraint:
    """Return that two sizes are equal or one of them is 1, as the one relation (a − b)·(min(a, b) − 1) = 0."""

    def tell() -> Misfit:
        return Misfit(f"{what} of {a} and {b} do not fit one another", ("sizes must be equal, or one of them 1",))

    return Constraint((a - b) * (minimum(a, b) - 1), EQUAL, 0, what, "", tell)


def _longer(a: Sequence[Dim], b: Sequence[Dim]) -> tuple[Dim, ...]:
    shared = min(len(a), len(b))
    return (*a[: len(a) - shared], *b[: len(b) - shared])


def _pairs(a: Sequence[Dim], b: Sequence[Dim]) -> list[tuple[Dim, Dim]]:
    shared = min(len(a), len(b))
    return list(zip(a[len(a) - shared :], b[len(b) - shared :], strict=True))
