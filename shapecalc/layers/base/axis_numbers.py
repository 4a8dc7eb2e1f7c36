"""How an axis is named in an argument: one rule for `dim`, `start_dim`, `dims`, `axis` of every kind.

Axes are numbered as PyTorch and Keras number them, with the batch axis as 0: `dim: 1` is the first axis of the sizes
as they are written (in the network's layout), `dim: -1` the last. Sizes here have no batch axis, so axis 0 cannot be
named. The word `channels` names the channel axis in either layout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.layers.base.arguments import REQUIRED, Integer
from shapecalc.layers.base.sizes import Integers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.layers.base.shape import Shape

__all__ = ["CHANNELS", "AxisNumber", "AxisNumbers", "axis_index", "axis_indices", "axis_of", "once"]

CHANNELS = "channels"
"""The word for the channel axis."""

_LONGEST = 64
_ONE = "the number of an axis (1 is the first, -1 the last)"


def axis_of(dim: int, rank: int, name: str = "dim", at_batch: str = "", of: str = "input") -> int:
    """Return the index into `Shape.sizes` of axis number `dim` of a tensor with `rank` axes besides the batch's.

    Errors: `LayerError` where there is no such axis, or where it is the batch's; `name` is the argument, `at_batch` the
    hint for 0; `of` is whose axes they are, the input's or the output's.
    """
    if dim in (0, -rank - 1):
        raise LayerError(
            f"{name} {dim} is the batch axis, which no layer may change",
            (_numbering(rank, of),),
            at_batch if at_batch and not dim else _hint(rank),
            name,
        )
    if not -rank <= dim <= rank:
        raise LayerError(f"{name} {dim} is out of range", (_numbering(rank, of),), _hint(rank), name)
    return dim - 1 if dim > 0 else rank + dim


def axis_index(dim: int | str, shape: Shape, name: str = "dim") -> int:
    """Return the index into `shape.sizes` of an axis that is named by its number or by the word `channels`."""
    return shape.channel_axis if dim == CHANNELS else axis_of(int(dim), shape.rank, name)


def axis_indices(dims: str | Sequence[int], shape: Shape, name: str = "dim") -> list[int]:
    """Return the indices into `shape.sizes` of axes that are named by numbers, or of `channels`, each once."""
    axes = [axis_index(dim, shape, name) for dim in ((CHANNELS,) if isinstance(dims, str) else dims)]
    once(name, axes)
    return axes


def once(name: str, axes: Sequence[int]) -> None:
    """Check that no axis is named twice. Errors: `LayerError`; `name` is the argument that names them."""
    if len(set(axes)) < len(axes):
        raise LayerError(f"{name} names an axis twice", argument=name)


def _numbering(rank: int, of: str) -> str:
    if not rank:
        return f"its {of} is a scalar: it has no axes except the batch's, which is 0"
    one = f"its {of} has 1 axis: it is 1 or {-1}" if rank == 1 else ""
    return one or f"its {of} has {rank} axes: they are 1 to {rank}, or {-rank} to -1 from the end; 0 is the batch's"


def _hint(rank: int) -> str:
    return "use 1 for its first axis" + (f", {rank} or -1 for its last" if rank > 1 else "") if rank else ""


class AxisNumber(Integer):
    """The number of one axis, the batch's being 0; negative from the end; or `channels`, where that is allowed.

    An axis is part of the structure of a layer, never a dimension: formulas have no unknown axes.
    """

    def __init__(self, doc: str, default: Any = REQUIRED, *, channels: bool = False, **rest: Any) -> None:
        super().__init__(doc, default, minimum=-_LONGEST, **rest)
        self.words = (CHANNELS,) if channels else ()
        self.expected = self.one = f"{_ONE} or channels" if channels else _ONE

    def read(self, value: Any) -> Any:
        if isinstance(value, str) and value in self.words:
            return value
        return super().read(value)

    def schema(self) -> dict[str, Any]:
        number = {"type": "integer"}
        return {"anyOf": [number, {"enum": list(self.words)}]} if self.words else number


class AxisNumbers(Integers):
    """The numbers of several axes, the batch's being 0; negative from the end; one alone is a list of one."""

    def __init__(self, doc: str, default: Any = REQUIRED, *, channels: bool = False, **rest: Any) -> None:
        super().__init__(doc, default, minimum=-_LONGEST, **rest)
        self.words = (CHANNELS,) if channels else ()
        self.expected = "a list of axis numbers (1 is the first, -1 the last)" + (" or channels" if channels else "")
        self.one = _ONE

    def read(self, value: Any) -> Any:
        if isinstance(value, str) and value in self.words:
            return value
        return super().read(value)

    def schema(self) -> dict[str, Any]:
        one = {"type": "integer"}
        word = [{"enum": list(self.words)}] if self.words else []
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}, *word]}
