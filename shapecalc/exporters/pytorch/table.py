"""The table of kinds: how each is written in PyTorch, by functions that return its operation.

Tensors are as PyTorch has them: the batch first, then the channels of a feature map in either layout.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shapecalc.exporters.sites import ROTARY, NoCounterpartError, Site, is_mixed
from shapecalc.exporters.source.operations import Writers, broadcast, call, module, moved
from shapecalc.layers.base.shape import CHW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.exporters.source.operations import Writer
    from shapecalc.exporters.structure.parts import Operation
    from shapecalc.layers.base.shape import Shape

__all__ = [
    "ROTARY",
    "WRITERS",
    "NoCounterpartError",
    "Site",
    "broadcast",
    "call",
    "in_own_order",
    "module",
    "torch_size",
    "writes",
]

WRITERS = Writers()
writes = WRITERS.of


def in_own_order(write: Writer) -> Writer:
    """Return a writer of a kind that counts axes: of maps with channels last, the channels become the last axis."""

    def written(site: Site) -> Operation:
        mixed = [str(i) for i, x in enumerate(site.inputs) if is_mixed(x)]
        back = is_mixed(site.outputs[0])
        if not mixed and not back:
            return write(site)
        if len(site.outputs) > 1 or any(one.rank == 0 for one in site.outputs):
            raise NoCounterpartError("a map with channels last")
        return moved(write(replace(site, layout="")), mixed, back=back, to_first=False)

    return written


def broadcast_in_own_order(write: Writer) -> Writer:
    """Return a writer of an element-wise kind: of inputs with different axes, in their own order."""
    in_order = in_own_order(write)
    return lambda site: (in_order if len({(x.rank, is_mixed(x)) for x in site.inputs}) > 1 else write)(site)


def reduced_in_own_order(write: Writer) -> Writer:
    """Return a writer of a kind that removes axes: of a feature map of which several stay, in their own order."""
    in_order = in_own_order(write)
    return lambda site: (in_order if 1 < site.outputs[0].rank < site.x.rank else write)(site)


def torch_size(shape: Shape) -> Sequence[Any]:
    """Return the sizes of a tensor in PyTorch, without the batch."""
    return shape.in_layout(CHW)
