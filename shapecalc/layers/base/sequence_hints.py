"""Hints on the input of a layer over the steps of a sequence that has no length, or more than one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from shapecalc.errors import Insertion

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from shapecalc.layers.base.shape import Shape

__all__ = ["length_hint"]


def length_hint(x: Shape, features: Any) -> str | Callable[[Callable[[Insertion], str]], str]:
    """Return the hint for an input that is not length × features, to a layer that may state its features."""
    if x.is_map and x.rank > 2 and features in (None, x.channels):
        return _tokens
    if x.rank != 1:
        is_ready = x.rank > 2 and (features == x.sizes[-1] or (features is None and not x.is_map))
        return partial(_joined, x.rank) if is_ready else "add a permute and a reshape or flatten before it"
    return _one_step if features == x.sizes[0] else _one_feature


def _tokens(place: Callable[[Insertion], str]) -> str:
    """Return the hint for a feature map: its positions are the steps."""
    return f"{place(Insertion('to_tokens'))}, for its positions as steps"


def _joined(rank: int, place: Callable[[Insertion], str]) -> str:
    """Return the hint for features at positions along several axes: as steps along one."""
    return (
        f"{place(Insertion(f'flatten: {{start_dim: 1, end_dim: {rank - 1}}}'))}, for steps along all axes but the last"
    )


def _one_feature(place: Callable[[Insertion], str]) -> str:
    """Return the hint for an input of one axis: the numbers of a series, or the numbers of tokens."""
    return f"{place(Insertion('unsqueeze: 2'))}, for one feature at each step; or an embedding, for token ids"


def _one_step(place: Callable[[Insertion], str]) -> str:
    """Return the hint for an input of one axis that has the stated features: those of one step."""
    return f"{place(Insertion('unsqueeze: 1'))}, for a sequence of one step"
