"""Which tensors are of whole numbers: indices, and what they are computed of and into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapecalc.model.graph import Reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.layers.base.layer import Layer
    from shapecalc.model.report import Report

__all__ = ["TRUTHS", "IntegerTensors"]

_KEEPS = frozenset({
    "abs", "add", "chunk", "concat", "dropout", "expand", "flatten", "gather", "identity", "max", "maximum", "min",
    "minimum", "mul", "pad", "permute", "repeat_vector", "reshape", "roll", "slice", "split", "squeeze", "stack",
    "stochastic_depth", "sub", "sum", "tile", "top_k", "transpose", "unflatten", "unsqueeze",
})  # fmt: skip
"""Kinds whose output is of whole numbers if their inputs are."""
_KEEPING_FUNCTIONS = frozenset({"neg", "sign", "square", "where"})
TRUTHS = frozenset({
    "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_xor",
    "logical_not", "isnan",
})  # fmt: skip
"""Functions whose output is true or false: 1 or 0, as it may be added and multiplied."""
_OF_INDICES = {"argmax": 0, "argmin": 0, "top_k": 1, "max_pool": 1}
"""Kinds that output indices, and the number of that output."""


def _index_input(layer: Layer) -> int:
    """Return the number of the input whose elements are indices; -1 for a layer without."""
    if layer.looks_up:
        return 0
    given = layer.values()
    is_gather = layer.kind == "gather" and given["index"] is None
    return 1 if is_gather or given.get("op_type") == "index" else -1


def _is_whole(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and float(value).is_integer())


def _kept_inputs(layer: Layer, count: int) -> Sequence[int]:
    """Return the inputs with whose elements a layer outputs whole numbers, if they are; of another none."""
    given = layer.values()
    if not (_is_whole(given.get("other")) and _is_whole(given.get("value"))):
        return ()
    if layer.kind == "pointwise":
        name = given["function"]
        return range(name == "where", count) if name in _KEEPING_FUNCTIONS else ()
    if str(given.get("op_type")).lower() == "cumsum":
        return (0,)
    return range(1 if layer.kind == "gather" else count) if layer.kind in _KEEPS else ()


def _has_any_type(layer: Layer) -> bool:
    """Return whether a layer is written with the type that is needed: a constant, a truth, a cast."""
    return layer.kind == "constant" or (layer.kind == "pointwise" and layer.values()["function"] in {*TRUTHS, "cast"})


class IntegerTensors:
    """The tensors of a network that are of whole numbers, and where others have to be cast.

    Backwards, from each layer that looks up, or gathers at positions: what indices are computed from is of whole
    numbers, as long as operations keep them: the inputs of the network and constants, too. Forwards, such operations of
    whole numbers alone.
    """

    def __init__(self, report: Report) -> None:
        self._nodes = report.graph.nodes
        needed = self._needed()
        inputs = [Reference(-number) for number in range(1, len(report.graph.inputs) + 1)]
        self.tensors = {ref for ref in inputs if ref in needed}
        """The tensors of whole numbers."""
        for index, row in enumerate(report.rows):
            outputs = [Reference(index, number) for number in range(len(row.sizing.outputs))]
            self.tensors.update([ref for ref in outputs if self._is_whole(ref, needed)])

    def _needed(self) -> set[Reference]:
        found: set[Reference] = set()
        outputs: dict[int, set[int]] = {}
        for index in reversed(range(len(self._nodes))):
            node = self._nodes[index]
            assert node.layer is not None
            at = _index_input(node.layer)
            due = [node.inputs[at]] if at >= 0 else []
            if outputs.get(index, set()) - {_OF_INDICES.get(node.kind, -1)}:
                due += [node.inputs[number] for number in _kept_inputs(node.layer, len(node.inputs))]
            found.update(due)
            for ref in due:
                outputs.setdefault(ref.node, set()).add(ref.output)
        return found

    def _is_whole(self, ref: Reference, needed: set[Reference]) -> bool:
        node = self._nodes[ref.node]
        assert node.layer is not None
        if _OF_INDICES.get(node.kind) == ref.output:
            return True
        kept = _kept_inputs(node.layer, len(node.inputs))
        if not kept:
            return ref in needed and _has_any_type(node.layer)
        return ref in needed or all(node.inputs[number] in self.tensors for number in kept)

    def outputs(self, index: int, count: int) -> frozenset[int]:
        """Return which outputs of a layer are of whole numbers."""
        return frozenset([number for number in range(count) if Reference(index, number) in self.tensors])

    def casts(self, index: int) -> dict[int, bool]:
        """Return which inputs of a layer have to be cast, and whether to whole numbers."""
        node = self._nodes[index]
        assert node.layer is not None
        due: set[int] = set(_kept_inputs(node.layer, len(node.inputs))) if Reference(index) in self.tensors else set()
        due |= {_index_input(node.layer)}
        return {
            number: number in due for number, ref in enumerate(node.inputs) if (number in due) != (ref in self.tensors)
        }
