"""Nodes whose tensors depend on no input: constants, and weights that are computed of others, or are parts of them."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import Frame, NotCoveredError
from shapecalc.importers.pytorch.arguments import constants_of
from shapecalc.importers.pytorch.batch import REPEATS
from shapecalc.importers.pytorch.operations import AtenCall
from shapecalc.importers.tensors import LOST, NO_BATCH, Constant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.importers.pytorch.program import StoredInput

__all__ = ["Folding"]

_PARTS = ("split", "split_with_sizes", "chunk", "slice", "select", "narrow", "unbind", "tensor_split")
"""Operations whose outputs are parts of a weight."""
_COUNTING = ("mul", "add", "sub", "view", "reshape", "unsqueeze", "_to_copy", "to", "clone")
"""Operations after which numbers that count still do, in other steps."""


class Folding:
    """Folds nodes of one file. `stored` are the tensors of its module; parts of weights are added."""

    def __init__(self, name: str, stored: dict[str, StoredInput]) -> None:
        self.name = name
        self.stored = stored

    def folded(self, call: AtenCall, work: Any, stated: list[Any], *, learned: bool) -> Sequence[Any]:
        """Return outputs that are the same for every input: constants, or weights that are computed of others."""
        if None in stated:
            stated = self._sized(call, work)
        given = constants_of(call.arguments.values())
        sources = tuple(dict.fromkeys(source for x in given for source in x.sources))
        if learned and len(sources) == 1 and call.name.removesuffix("_") in _PARTS:
            return self._parts(call, sources[0], stated)
        is_of_no_batch = call.name not in REPEATS and all(x.batch == NO_BATCH or prod(x.dims) == 1 for x in given)
        is_range = call.name in _COUNTING and sum(x.is_range for x in given) == 1 == sum(
            prod(x.dims) > 1 for x in given
        )
        return [
            Constant(dims, None, sources if learned else (), learned, is_of_no_batch=is_of_no_batch, is_range=is_range)
            for dims in stated
        ]

    def _parts(self, call: AtenCall, source: str, stated: list[Any]) -> Sequence[Any]:
        """Return parts of a stored tensor: each is a weight of its own."""
        chosen = [call.get(key) for key in ("dim", "start", "end", "index", "step", "length")]
        found = []
        for i, dims in enumerate(stated):
            part = f"{source}[{i}]" if len(stated) > 1 else f"{source}{chosen}"
            if source in self.stored:
                self.stored[part] = self.stored[source]._replace(dims=dims, identity=part)
            found.append(Constant(dims, None, (part,), learned=True))
        return found

    def _sized(self, call: AtenCall, work: Any) -> list[tuple[int, ...]]:
        """Return the sizes that an operation on constants makes, by making its layers on the side."""
        from shapecalc.layers.base.shape import Shape

        scratch = Frame(self.name)
        arguments = {}
        for key, value in call.arguments.items():
            listed = value if isinstance(value, list) else [value]
            sized = [scratch.add_input(f"{key}{i}", Shape(x.dims), LOST) if isinstance(x, Constant) and x.rank else x
                     for i, x in enumerate(listed)]  # fmt: skip
            arguments[key] = sized if isinstance(value, list) else sized[0]
        trial = AtenCall(call.node, call.place, arguments, scratch, call.used)
        try:
            found = work(trial) if work else None
        except NotCoveredError:
            found = None
        if found is None:
            raise LayerError(f"the size of its output is not known for other sizes of the inputs ({call.node.target})")
        return [x.full(1) for x in (found if isinstance(found, list) else [found])]
