"""Weights that a layer shares singly with another, as a head with a bias of its own the table of an embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from shapecalc.model.report import Report

__all__ = ["Tie", "ties_of"]


class Tie(NamedTuple):
    """The layer that holds a weight of another, by its index, and the name of the weight there."""

    node: int
    weight: str


def ties_of(report: Report) -> dict[int, dict[str, Tie]]:
    """Return the ties of layers, by their index and the name of the weight: those of a file that names its tensors.

    A weight that has the elements of another in another order of axes is none.
    """
    holders: dict[str, Tie] = {}
    found: dict[int, dict[str, Tie]] = {}
    for index, row in enumerate(report.rows):
        shapes, tensors = row.sizing.weight_shapes, report.graph.tensors.get(row.name, {})
        if len(shapes) != len(tensors):
            continue
        for name, stored in zip(shapes, tensors, strict=True):
            holder = holders.get(stored)
            if name not in row.node.held:
                holders.setdefault(stored, Tie(index, name))
            elif holder and tuple(report.rows[holder.node].sizing.weight_shapes[holder.weight]) == tuple(shapes[name]):
                found.setdefault(index, {})[name] = holder
    return found
