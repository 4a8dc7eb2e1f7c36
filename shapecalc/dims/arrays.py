"""Arrays of dimensions: numpy integers, for many candidates in one pass. Needs the extra `sweep`."""

from __future__ import annotations

from typing import Any

from shapecalc import dims
from shapecalc.errors import MissingExtraError

try:
    import numpy as np
except ModuleNotFoundError as error:
    raise MissingExtraError("working on many sizes at once", "numpy", "sweep") from error

__all__ = ["array", "mask"]


class _Arrays:
    def ceil_div(self, a: Any, b: Any) -> Any:
        return -(-np.asarray(a) // b)

    def maximum(self, a: Any, b: Any) -> Any:
        return np.maximum(a, b)

    def minimum(self, a: Any, b: Any) -> Any:
        return np.minimum(a, b)

    def broadcast(self, a: Any, b: Any) -> Any:
        return np.maximum(a, b)

    def scaled(self, size: Any, factor: float) -> Any:
        return np.floor(size * factor).astype(np.int64)


dims.register(np.ndarray, _Arrays())


def array(values: Any) -> Any:
    """Return the numbers as an array of 64-bit integers."""
    return np.asarray(values, dtype=np.int64)


def mask(constraint: dims.Constraint) -> Any:
    """Tell, candidate by candidate, whether a constraint holds."""
    left, relation, right = constraint[:3]
    if relation == dims.UP_TO:
        return left <= right
    if relation == dims.EQUAL:
        return left == right
    if relation == dims.DIVIDES:
        return np.equal(np.mod(right, left), 0)
    if relation == dims.BROADCASTS:
        return np.equal(left, 1) | np.equal(left, right)
    return left < right
