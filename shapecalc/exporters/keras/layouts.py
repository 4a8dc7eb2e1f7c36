"""Where feature maps and other tensors meet: Keras has the channels of a map last, the axes of any other as they are.

Which tensors are maps follows from what makes them and what reads them: a convolution outputs a map, a permutation to
channels first makes one where a convolution reads it, and a function of single elements keeps one. A kind that counts
axes works on them in their own order; one that broadcasts, in the order of its output.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from shapecalc.exporters.keras.table import NoCounterpartError, first_is_last, is_moved, permute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.exporters.keras.table import Site
    from shapecalc.exporters.source.operations import Writer
    from shapecalc.exporters.structure.parts import Operation
    from shapecalc.layers.base.shape import Shape

__all__ = ["in_order_of_output", "in_own_order", "reduced_in_own_order"]


def _first(rank: int) -> list[int]:
    """Return the order in which the last axis becomes the first."""
    return [rank - 1, *range(rank - 1)]


def _last(rank: int) -> list[int]:
    return [*range(1, rank), 0]


def _with_inputs(operation: Operation, inputs: Sequence[str], after: str) -> Operation:
    """Return an operation on other expressions of its inputs, with a step after it.

    One input is computed in a step before; several within the operation, as a step may overwrite one of them.
    """
    name, _, forward = operation.kind.partition("|")
    forward = forward.replace("{*}", ", ".join([f"{{{i}}}" for i in range(len(inputs))]))
    if len(inputs) == 1:
        steps = [inputs[0], forward] if inputs[0] != "{0}" and forward != "{0}" else [forward.replace("{0}", inputs[0])]
    else:
        first, *rest = forward.split(";")
        steps = [re.sub(r"\{(\d)\}", lambda found: inputs[int(found[1])], first), *rest]
    return operation._replace(kind=f"{name}|{';'.join([*steps, *([after] if after else [])])}")


def in_own_order(write: Writer) -> Writer:
    """Return a writer of a kind that counts axes: channels that are last here are moved to where they are counted."""

    def written(site: Site) -> Operation:
        out = site.outputs[0]
        if not any(map(is_moved, (*site.inputs, out))):
            return write(site)
        if len(site.outputs) > 1:
            raise NoCounterpartError(first_is_last(next(filter(is_moved, (*site.inputs, *site.outputs)))))
        inputs = [permute(_first(x.rank), f"{{{i}}}") if is_moved(x) else f"{{{i}}}" for i, x in enumerate(site.inputs)]
        plain = [tuple(x._replace(is_map=False) for x in shapes) for shapes in (site.inputs, site.outputs)]
        operation = write(replace(site, inputs=plain[0], outputs=plain[1]))
        return _with_inputs(operation, inputs, permute(_last(out.rank)) if is_moved(out) else "")

    return written


def reduced_in_own_order(write: Writer) -> Writer:
    """Return a writer of a kind that removes axes: of a map of which several stay, in their own order."""
    in_order = in_own_order(write)
    return lambda site: (in_order if _keeps_several(site) else write)(site)


def _keeps_several(site: Site) -> bool:
    return is_moved(site.x) and not site.outputs[0].is_map and site.outputs[0].rank > 1


def in_order_of_output(write: Writer) -> Writer:
    """Return a writer of an element-wise kind: each input has the axes, and their order, of the output."""

    def written(site: Site) -> Operation:
        out = site.outputs[0]
        shapes = (*site.inputs, out)
        if len({(is_moved(x), x.rank) for x in shapes}) == 1 or not any(map(is_moved, shapes)):
            return write(site)
        inputs = [_arranged(f"{{{i}}}", x, out) for i, x in enumerate(site.inputs)]
        alike = tuple([out._replace(sizes=(*[1] * (out.rank - x.rank), *x.sizes)) for x in site.inputs])
        return _with_inputs(write(replace(site, inputs=alike)), inputs, "")

    return written


def _arranged(value: str, x: Shape, out: Shape) -> str:
    """Return a tensor with as many axes as another, in its order: new ones follow the batch."""
    if is_moved(x) == is_moved(out) and x.rank == out.rank:
        return value
    value = permute(_first(x.rank), value) if is_moved(x) else value
    if x.rank < out.rank:
        value += f"[:{', None' * (out.rank - x.rank)}]"
    return permute(_last(out.rank), value) if is_moved(out) else value
