"""How much of a file was understood, and whether what it states of itself agrees: the last line of a report."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError, Problem, Problems, count_noun
from shapecalc.importers.tensors import UncoveredError, Unsized, sizes_text
from shapecalc.layers.base.layer import Layer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shapecalc.errors import Mark
    from shapecalc.layers.base.shape import Shape
    from shapecalc.model.graph import Node

__all__ = ["ARITHMETIC", "LAYER", "UNKNOWN", "UNSIZED", "Understanding", "UnresolvedLayer", "few_warnings"]

LAYER, ARITHMETIC, UNKNOWN, UNSIZED = "layer", "arithmetic", "unknown", "unsized"
"""What nodes are: layers, arithmetic of sizes, none that is read; or without a size, at an error or after one."""


_MOST_WARNINGS = 20


def few_warnings() -> Problems:
    """Return an empty list of warnings on a file: it keeps the first ones, and counts the rest."""
    return Problems(most=_MOST_WARNINGS, noun="warning")


class UnresolvedLayer(Layer):
    """Stands for a node that could not be read: its sizes are unknown, and inference reports why."""

    inputs = (0, None)
    is_unread = True
    error: LayerError

    def constraints(self, *_: Shape) -> Any:
        error = self.error
        raise LayerError(error.message, error.why, error.hint)


class Understanding:
    """What became of the nodes of a file, and which of the sizes that it states agree with those worked out here.

    `node` is what the format calls a node; `has_arithmetic` is whether some of them only compute sizes; `is_dynamic` is
    whether dynamic dimensions have a size: a number that the file states may then be that of the exporter's example.
    """

    def __init__(self, node: str = "node", *, has_arithmetic: bool = True, is_dynamic: bool = False) -> None:
        self.node = node
        self.has_arithmetic = has_arithmetic
        self.is_dynamic = is_dynamic
        self.counts: Counter[str] = Counter()
        self.agreeing = 0
        self.differing = 0
        self.without_batch = 0
        """How many outputs of unknown nodes have lost the batch that their inputs have."""
        self.lost_outputs = 0
        """How many outputs of the network are not of each sample of a dynamic batch, or of one of 1."""
        self.warnings = few_warnings()

    def count(self, layers: Sequence[Node], outputs: Sequence[Any]) -> None:
        """Count a node by the layers that it became, and by its outputs."""
        self.counts[self.sort_of(layers, outputs, LAYER if layers else ARITHMETIC)] += 1

    @staticmethod
    def sort_of(layers: Sequence[Node], outputs: Sequence[Any], known: str) -> str:
        """Return what a node is by the layers that it became and by its outputs: `known` where these have a size."""
        is_unsized = False
        for x in outputs:
            if isinstance(x, Unsized):
                is_unsized = True
        for node in layers:
            if node.kind == "opaque" or (is_unsized and isinstance(getattr(node.layer, "error", None), UncoveredError)):
                return UNKNOWN
        return UNSIZED if is_unsized else known

    @property
    def unclear(self) -> int:
        """How many nodes have no layer or no size here."""
        return self.counts[UNKNOWN] + self.counts[UNSIZED]

    def compare(
        self, name: str, stated: Sequence[Any], found: Sequence[Any], mark: Callable[[], Mark], kind: str
    ) -> None:
        """Compare the size of an output that the file states with what it is here, both with the batch.

        Axes that are stated by a name, or not at all (None), agree with any size.
        """
        if stated == found:
            self.agreeing += 1
            return
        known = [(a, b) for a, b in zip(stated, found, strict=False) if isinstance(a, int)]
        if len(stated) == len(found) and all(a == b for a, b in known):
            self.agreeing += bool(known) or not stated
            return
        if self.is_dynamic and len(stated) == len(found):
            return
        message = f"the file states the size {sizes_text(stated)} of its output {name}, but it is {sizes_text(found)}"
        self.differing += 1
        self.warnings.append(Problem(message, mark(), kind))

    def note(self, *, with_stated: bool = True) -> str:
        """Return the line: `612 nodes: 240 layers, 372 shape arithmetic, 0 unknown; 175 stated sizes agree`."""
        counts = self.counts
        parts = [f"{count_noun(sum(counts.values()), self.node)}: {count_noun(counts[LAYER], 'layer')}"]
        if self.has_arithmetic:
            parts.append(f"{counts[ARITHMETIC]:,} shape arithmetic")
        elif counts[ARITHMETIC]:
            parts.append(f"{counts[ARITHMETIC]:,} without a layer")
        parts.append(f"{counts[UNKNOWN]:,} unknown")
        if counts[UNSIZED]:
            parts.append(f"{counts[UNSIZED]:,} without a size")
        stated = f"; {count_noun(self.agreeing, 'stated size')} agree{'s' if self.agreeing == 1 else ''}"
        differ = (
            f", {self.differing:,} do{'es' * (self.differing == 1)} not (see the warnings)" if self.differing else ""
        )
        return f"{', '.join(parts)}{stated if with_stated else ''}{differ}"
