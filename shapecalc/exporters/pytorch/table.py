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

__all__ = ["ROTARY", "WRITERS", "NoCounterpartError", "Site", "broadcast", "call", "module", "torch_size", "writes"]

WRITERS = Writers()
writes = WRITERS.of


def broadcast(site: Site) -> list[str]:
    """Return the inputs of an element-wise merge: those with fewer axes get more behind the batch.

    Errors: `NoCounterpartError` for a map with channels last, which they come first of in PyTorch.
    """
    ranks = [x.rank for x in site.inputs]
    if any(x.is_map and x.channels_last for x in site.inputs) and len({*ranks}) > 1:
        raise NoCounterpartError("a map and another tensor, with channels last")
    more = [max(ranks) - rank for rank in ranks]
    return [f"{{{i}}}" + (f"[:{', None' * n}]" if n else "") for i, n in enumerate(more)]


def torch_size(shape: Shape) -> Sequence[Any]:
    """Return the sizes of a tensor in PyTorch, without the batch."""
    return shape.in_layout(CHW)
