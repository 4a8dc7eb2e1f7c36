"""Which element-wise layers may run in place: all, none, or those of some families or kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import Problem, UsageError, did_you_mean
from shapecalc.text.given import read_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapecalc.layers.base.layer import Layer

__all__ = ["ALL", "NONE", "TORCH", "InPlace", "read_in_place", "words_in_place"]

ALL = "all"
NONE = "none"
DEPTHWISE = "depthwise"
"""The word for convolutions each of whose output channels depends on one input channel."""
RESIDUAL = "residual"
"""The word for layers that add their output onto the other operand of an addition, as it is computed."""
TORCH = "torch"
"""As eager PyTorch runs: in place where it is written so, and with the inputs of modules alive until they return."""


class InPlace(NamedTuple):
    """Which layers may run in place.

    They are these element-wise layers, those that work `by_channel`, and `residual`: those whose output is added onto
    another tensor as it is computed.
    """

    elementwise: Callable[[Layer], bool]
    by_channel: bool = False
    residual: bool = False


def read_in_place(given: Any) -> tuple[tuple[str, ...], InPlace]:
    """Return the values of the option, and its layers.

    `given` is `all`, `none`, `torch`, or some of `activations`, `normalisation`, `additions` and the names of kinds, as
    a string with commas or a list; `depthwise` and `residual` (also beside `all`) are convolutions that work channel by
    channel, and layers whose output is added onto the other operand of an addition. Errors: `UsageError`.
    """
    words = given.split(",") if isinstance(given, str) else read_names(given, "in_place")
    names = tuple(dict.fromkeys(word.strip().lower() for word in words if word.strip()))
    further = {DEPTHWISE, RESIDUAL}
    alone = {*names} - further if ALL in names else {*names}
    if not names or (len(alone) > 1 and {ALL, NONE, TORCH} & alone):
        hint = f"give all, none, torch, or some of {_examples()} and kinds; {DEPTHWISE} and {RESIDUAL} go with all"
        raise UsageError(Problem(f"{given!r} is not a choice of layers to run in place", hint=hint))
    if names == (TORCH,):
        return names, InPlace(lambda layer: layer.is_written_in_place)
    chosen = {_chosen(name) for name in names if name not in (ALL, NONE, *further)}
    every = ALL in names

    def elementwise(layer: Layer) -> bool:
        return every or layer.kind in chosen or layer.family in chosen

    return names, InPlace(elementwise, DEPTHWISE in names, RESIDUAL in names)


def _chosen(name: str) -> str:
    """Return the kind or family of a name. Errors: `UsageError`."""
    from shapecalc.layers import find_kind

    families = _families()
    if name in families:
        return families[name]
    cls = find_kind(name)
    if cls and not cls.elementwise:
        raise UsageError(Problem(f"{cls.kind} cannot run in place: it is not element-wise", hint=_examples()))
    if cls:
        return cls.kind
    raise UsageError(Problem(f"in place cannot be {name}", hint=did_you_mean(name, words_in_place())))


def words_in_place() -> list[str]:
    """Return the words for layers that may work in place."""
    return list(dict.fromkeys((ALL, NONE, TORCH, DEPTHWISE, RESIDUAL, *_families(), *_elementwise())))


def _families() -> dict[str, str]:
    """Return the family of each word for the element-wise kinds of one."""
    return {cls.family: cls.family for cls in _elementwise().values()} | _families_by_sort()


def _elementwise() -> dict[str, type[Layer]]:
    from shapecalc.layers import KINDS

    return {kind: cls for kind, cls in KINDS.items() if cls.elementwise}


def _families_by_sort() -> dict[str, str]:
    """Return the family of each name for its element-wise kinds."""
    return {sort: cls.family for cls in _elementwise().values() for sort in cls.sorts}


def _examples() -> str:
    """Return the first name for the kinds of each family that has one."""
    return ", ".join({cls.family: cls.sorts[0] for cls in _elementwise().values() if cls.sorts}.values())
