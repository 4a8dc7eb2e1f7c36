"""Policies of types: how wide the weights of a layer are, and what it computes with."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.escaping import clean
from shapecalc.importers.tensors import Data
from shapecalc.importers.widths import USUAL, stored_as
from shapecalc.model.graph import Stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shapecalc.importers.frame import Frame
    from shapecalc.importers.keras.structure import LayerRecord

__all__ = ["Policies", "weights_of"]

_NAME = re.compile(r"(mixed_)?b?float(16|32|64)")
_MOST_SHOWN = 40


class Policies:
    """The policies of the layers of a model, as far as its nodes have weights or outputs."""

    def __init__(self) -> None:
        self.weights: dict[int, int] = {}
        """The bits of weights by the indices of nodes."""
        self.computed: Counter[int] = Counter()
        """The elements of outputs by their bits."""
        self.quantised: dict[str, str] = {}
        """The modes of quantised layers, by the keys of their records."""

    def note(self, record: LayerRecord, nodes: Iterable[int], outputs: Sequence[Any]) -> None:
        """Note the policy of a layer, which these nodes are."""
        policy = record.config.get("dtype")
        inner = policy.get("config") if isinstance(policy, dict) else None
        if isinstance(inner, dict) and inner.get("mode"):  # stored as integers, each channel with a scale
            self.quantised[record.key] = clean(str(inner["mode"]))[:_MOST_SHOWN]
        name = inner.get("name") if isinstance(inner, dict) else policy
        weights, computed = _widths(name) if isinstance(name, str) else (USUAL, USUAL)
        if weights != USUAL:
            self.weights.update(dict.fromkeys(nodes, weights))
        for x in outputs:
            if type(x) is Data:
                self.computed[computed] += prod(x.shape.sizes)

    def stored(self, frame: Frame, name: str) -> Stored | None:
        """Return how wide the weights are stored, and what most outputs are computed with; None if all have 32 bits."""
        if self.quantised:
            modes = ", ".join(dict.fromkeys(self.quantised.values()))
            note = f"layers of {name} are quantised ({modes}): give their format with --weights"
            return Stored("", "", "", note, quantised=modes)
        activations = self.computed.most_common(1)[0][0] if self.computed else USUAL
        weights = [
            (source, self.weights.get(index, USUAL), sum(prod(shape) for shape in shapes.values()))
            for source, index, shapes in _held(frame)
        ]
        return stored_as(weights, name, activations)


def weights_of(frame: Frame) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return the sets of weights of layers under their own names: a file names none of their tensors."""
    return {source: (source, ()) for source, _, _ in _held(frame)}


def _held(frame: Frame) -> Iterator[tuple[str, int, Any]]:
    """Yield the names of weights, the node that holds them, and their shapes."""
    for names, (index, shapes) in frame.owners.weights().items():
        for source in names:
            yield source, index, shapes


@lru_cache(maxsize=256)
def _widths(name: str) -> tuple[int, int]:
    """Return the bits of weights and of computation of the policy of a name: mixed ones keep weights of 32 bits.

    Source: keras/src/dtype_policies/dtype_policy.py of Keras 3.11; Keras 2 has the same names.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return USUAL, USUAL
    bits = int(found[2])
    return (USUAL if found[1] else bits), bits
