"""Which layer holds each stored tensor as its weight: a tensor that several layers use counts once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import count_noun
from shapecalc.model.rows import can_share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shapecalc.importers.tensors import Constant
    from shapecalc.model.rows import Sizing

__all__ = ["WeightOwners"]


class WeightOwners:
    """The layers that hold stored tensors as their weights, by the names of these; `fixed` weights are not learned."""

    def __init__(self) -> None:
        self._by_names: dict[frozenset[str], tuple[int, Sizing]] = {}
        self._by_name: dict[str, int] = {}
        self._partly: list[str] = []
        self.fixed = 0

    def shared(self, weights: Sequence[Constant], sizing: Sizing, index: int) -> tuple[int, frozenset[str]]:
        """Return the node that has used all of these weights before, or -1; or those of them that others have used."""
        names = [name for weight in weights for name in weight.sources]
        if not names:
            return -1, frozenset()
        own = sizing.weight_shapes
        if not own and not sizing.buffer_shapes:
            return -1, frozenset()
        owner, owned = self._by_names.setdefault(frozenset(names), (index, sizing))
        if owner != index:
            return (owner, frozenset()) if can_share(sizing, owned) else (-1, frozenset(own))
        used = {name for name in names if self._by_name.setdefault(name, index) != index}
        if not used:
            return -1, frozenset()
        if len(own) != len(weights):
            self._partly += sorted(used)
            return -1, frozenset()
        pairs = zip(own, weights, strict=True)
        return -1, frozenset([name for name, weight in pairs if not used.isdisjoint(weight.sources)])

    def forget(self, index: int) -> None:
        """Leave out the layers from an index on."""
        self._by_names = {key: owner for key, owner in self._by_names.items() if owner[0] < index}
        self._by_name = {key: owner for key, owner in self._by_name.items() if owner < index}

    def weights(self) -> dict[frozenset[str], tuple[int, Mapping[str, tuple[Any, ...]]]]:
        """Return the node that has each set of stored tensors as its weights, and the shapes of these."""
        return {names: (index, sizing.weight_shapes) for names, (index, sizing) in self._by_names.items()}

    def held(self) -> frozenset[str]:
        """Return the tensors of the file that are weights of layers."""
        return frozenset().union(self._by_name, *self._by_names)

    def note(self, held: int) -> str:
        """Return the note on weights that layers share singly, so many in all; empty for none."""
        held -= self.fixed
        notes = [f"{count_noun(held, 'tensor')} of several layers counted once"] if held else []
        if self._partly:
            notes.append(f"{count_noun(len(self._partly), 'tensor')} of several layers counted in each")
        return ", ".join(notes)
