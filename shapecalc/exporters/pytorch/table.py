"""The table of kinds: how each is written in PyTorch, by functions that return its operation.

Tensors are as PyTorch has them: the batch first, then the channels of a feature map in either layout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.exporters.sites import ROTARY, NoCounterpartError, Site
from shapecalc.exporters.source.operations import Writers, call, module
from shapecalc.layers.base.shape import CHW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.layers.base.shape import Shape

__all__ = ["ROTARY", "WRITERS", "NoCounterpartError", "Site", "call", "module", "torch_size", "writes"]

WRITERS = Writers()
writes = WRITERS.of


def torch_size(shape: Shape) -> Sequence[Any]:
    """Return the sizes of a tensor in PyTorch, without the batch."""
    return shape.in_layout(CHW)
