"""The values of an argument that may fix a shape error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.layers.base.arguments import GROUPS, OUTPUT_PADDING, Count, Flag, Integer
from shapecalc.layers.base.axis_numbers import AxisNumber, AxisNumbers
from shapecalc.layers.base.per_axis import Padding, PerAxis
from shapecalc.layers.base.sizes import Sizes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.layers.base.arguments import Argument

__all__ = ["CandidateValues"]


class CandidateValues(NamedTuple):
    """What candidate values are made from: the numbers that disagree, and those that the shape error proposes.

    `proposed` has the latter by the present value of the argument: that of a composite may have another name.
    """

    hints: Sequence[int]
    proposed: Mapping[int, Sequence[Any]]

    def first_proposed(self, old: Any) -> Sequence[Any]:
        """Return the value that the shape error proposes first in place of the present one; empty for none."""
        return self.proposed.get(old, ())[:1] if type(old) is int else ()

    def of(self, argument: Argument, old: Any) -> list[Any]:
        """Return the candidate values of an argument."""
        if isinstance(old, (bool, tuple, str)):
            return _not_numbers(argument, old)
        if not isinstance(argument, Integer) or isinstance(argument, (AxisNumber, AxisNumbers)):
            return []
        if old is None:
            return [0, 1, 2, 3] if argument.role == OUTPUT_PADDING else []
        if isinstance(argument, Padding):
            return [n for n in range(min(17, old + 9)) if n != old]
        if isinstance(argument, PerAxis):
            return [n for n in range(max(1, argument.minimum), min(old + 5, 33)) if n != old]
        is_divisor = argument.role == GROUPS or isinstance(argument, Count)  # how many equal pieces
        divisors = [n for n in range(1, 65) if any(h % n == 0 for h in self.hints)] if is_divisor else []
        every = dict.fromkeys((*divisors, *self.hints, *self.proposed.get(old, ())))
        return [n for n in every if n != old and n >= argument.minimum]


def _not_numbers(argument: Argument, old: bool | tuple[Any, ...] | str) -> list[Any]:
    """Return the candidate values of an argument whose value is a flag, a list or a word."""
    if isinstance(argument, Flag):
        return [not old]
    if isinstance(argument, AxisNumbers) and isinstance(old, tuple) and 0 in old:  # the batch's, or counted from 0
        return [tuple([axis for axis in old if axis]), tuple([axis + 1 for axis in old])]
    if isinstance(argument, Sizes) and isinstance(old, tuple):
        return [(*old[:i], -1, *old[i + 1 :]) for i in range(len(old))] if -1 not in old else []
    if isinstance(argument, Padding) and old in argument.words:  # Keras' valid is none
        return [*(word for word in argument.words if word != old), *range(1, _MOST_PADDING)]
    return []


_MOST_PADDING = 9
