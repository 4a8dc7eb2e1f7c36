"""Weights that a file computes of the tensors that it holds, as where an exporter orders the gates of an LSTM anew."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from shapecalc.importers.tensors import Constant, Data

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.importers.onnx.messages import TensorMessage

__all__ = ["made_of", "sized", "weights_in"]


def sized(x: Data | Constant) -> Constant:
    """Return a constant of the size of a tensor, whose elements are not known."""
    dims = x.full(1)
    return Constant(dims, () if 0 in dims else None)


def weights_in(constants: Sequence[Constant]) -> tuple[str, ...]:
    """Return the stored tensors that constants are learned elements of."""
    return tuple(dict.fromkeys([name for x in constants if x.learned or x.parts for name in x.sources or x.parts]))


def made_of(constants: Sequence[Constant], found: Constant, stored: Mapping[str, TensorMessage]) -> Constant:
    """Return what is computed of constants: learned, if it has as many elements as the tensors that they are of."""
    names = weights_in(constants)
    elements = sum(prod(stored[name].dims) for name in names if name in stored)
    is_whole = names and prod(found.dims) == elements
    return found._replace(sources=names, learned=True) if is_whole else found._replace(parts=names)
