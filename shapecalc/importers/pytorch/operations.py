"""The table of ATen operations: a function for each, from a node and its inputs to layers.

A family is a module of this folder whose functions register themselves with `operation`. A name is that without
`aten.` and overload; one that works in place (`relu_`) is that without.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.call import ImportedCall
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.pytorch.program import PARAMETER
from shapecalc.importers.table import OperationTable
from shapecalc.importers.tensors import Constant, Data
from shapecalc.layers import find_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from typing_extensions import Self

    from shapecalc.importers.frame import Frame
    from shapecalc.importers.pytorch.program import AtenNode, StoredInput
    from shapecalc.importers.tensors import Batch, NodePlace

    Tensor = Data | Constant
    Operation = Callable[["AtenCall"], Any]

__all__ = ["AtenCall", "find_operation", "operation", "scalar", "split_target"]

_PARAMETRIZATION = "parametrization"

operation: OperationTable[Operation] = OperationTable(
    "pytorch", ("windows", "pointwise", "axes", "products", "norms", "selection", "recurrent", "unchanged", "sized")
)


def find_operation(name: str) -> Operation | None:
    """Return the function of an operation, or None."""
    found = operation.find(name)
    if found is None and name.endswith("_") and not name.startswith("_"):
        found = operation.find(name[:-1])
    return found


@lru_cache(maxsize=4096)
def split_target(target: str) -> tuple[str, str]:
    """Return the name of an operation and its overload: `conv2d`, `default` of `aten.conv2d.default`."""
    parts = target.split(".")
    if len(parts) > 2:
        return parts[1] if parts[0] == "aten" else ".".join(parts[:2]), parts[2]
    return target, ""


def scalar(number: Any) -> Constant:
    """Return a number as a constant that is broadcast."""
    return Constant((), (number,))


class AtenCall(ImportedCall):
    """A node with its arguments."""

    def __init__(
        self, node: AtenNode, place: NodePlace, arguments: dict[str, Any], frame: Frame, used: Collection[str]
    ) -> None:
        super().__init__(place, tuple(arguments.values()), frame)
        self.node = node
        self.name, self.overload = split_target(node.target)
        self.arguments = arguments
        self.used = used
        self.stored: Mapping[str, StoredInput] = {}
        """The tensors that the module holds, by what identifies them."""

    def with_tensors(self, others: Mapping[Data, Data]) -> Self:
        """Return the call with other inputs in place of these."""
        found = super().with_tensors(others)
        found.arguments = dict(zip(self.arguments, found.inputs, strict=True))
        return found

    def get(self, name: str, default: Any = None) -> Any:
        """Return an argument; the default where it is left out, or None."""
        found = self.arguments.get(name)
        return default if found is None else found

    def x(self, *names: str) -> Data:
        """Return the argument of one of these names, or the first, as data. Errors: `LayerError`."""
        found = self.tensor(*names)
        if found is None:
            raise LayerError(f"its argument {names[0] if names else 'self'} is not a tensor")
        return self.as_data(found)

    def tensor(self, *names: str) -> Tensor | None:
        """Return the argument of one of these names, or the first, if it is a tensor; a number is a constant."""
        if names:
            found = next((self.arguments[name] for name in names if self.arguments.get(name) is not None), None)
        else:
            found = self.inputs[0] if self.inputs else None
        if type(found) in (int, float, bool):
            return scalar(found)
        return found if isinstance(found, (Data, Constant)) else None

    def weight(self, name: str) -> Constant | None:
        """Return an argument that is a weight; None where it is left out. Errors: `NotCoveredError` if it is data."""
        found = self.tensor(name)
        if isinstance(found, Data):
            raise NotCoveredError(f"its {name} is computed from data")
        return found

    def weights(self, *names: str) -> list[Constant]:
        """Return the arguments that are weights and not left out. Errors: `NotCoveredError` if one is data."""
        return [weight for name in names if (weight := self.weight(name)) is not None]

    def number(self, name: str, default: int) -> int:
        """Return an argument that is a whole number. Errors: `LayerError`, `NotCoveredError`."""
        found = self.get(name, default)
        if isinstance(found, Constant) and found.items and len(found.items) == 1:
            found = found.items[0]
        if isinstance(found, bool) or not isinstance(found, int):
            raise _no_number(name, found)
        return found

    def flag(self, name: str, default: bool) -> bool:
        """Return an argument that is true or false."""
        return bool(self.get(name, default))

    def ints(self, name: str, default: Sequence[int] = (), rank: int = 0) -> list[int]:
        """Return an argument that is a list of whole numbers; one for all axes is repeated for a rank.

        Errors: `LayerError`, `NotCoveredError` for numbers that are computed from data.
        """
        found = self.get(name, default)
        listed = list(found) if isinstance(found, (list, tuple)) else [found]
        listed = [one.items[0] if isinstance(one, Constant) and one.items else one for one in listed]
        for one in listed:
            if isinstance(one, bool) or not isinstance(one, int):
                raise _no_number(name, one)
        return listed * rank if rank and len(listed) == 1 else listed

    def real(self, name: str, default: float) -> float:
        """Return an argument that is a number."""
        found = self.get(name, default)
        if isinstance(found, Constant) and found.items and len(found.items) == 1:
            found = found.items[0]
        return found if isinstance(found, (int, float)) else default

    def is_used(self, output: int) -> bool:
        """Return whether one of its outputs is used."""
        return output < len(self.node.outputs) and self.node.outputs[output] in self.used

    def emit(
        self, kind: str, *data: Data, batch: Batch, weights: Sequence[Constant] = (), **arguments: Any
    ) -> list[Data]:
        lengths, how = self._lengths(kind, weights)
        held = [*lengths, *[self._main_source(weight, lengths) for weight in weights]]
        arguments |= how
        found = super().emit(kind, *data, batch=batch, weights=held, **arguments)
        if held:
            self._mark_weights(found[0].ref.node, data, held)
        return found

    def _mark_weights(self, index: int, data: Sequence[Data], weights: Sequence[Constant]) -> None:
        """Note which weights of a layer are constants, and whether all are frozen."""
        node = self.frame.nodes[index]
        fixed = [not weight.learned for weight in weights]
        if any(fixed) and node.layer is not None:
            names = list(node.layer.weights(*[x.shape for x in data]))
            one_each = len(names) == len(weights)
            self.frame.fix_weights(index, [n for i, n in enumerate(names) if (fixed[i] if one_each else all(fixed))])
        held = [self.stored[source] for weight in weights for source in weight.sources if source in self.stored]
        if held and all(one.kind == PARAMETER and not one.trainable for one in held):
            self.frame.nodes[index] = self.frame.nodes[index]._replace(frozen=True)

    def _lengths(self, kind: str, weights: Sequence[Constant]) -> tuple[list[Constant], dict[str, Any]]:
        """Return the lengths of a weight that weight normalisation computes, and the argument that says so."""
        cls, weight = find_kind(kind), weights[0] if weights else None
        learned = self._parameters(weight) if weight else []
        if cls is None or _PARAMETRIZATION not in cls.arguments or weight is None or len(learned) != 2:
            return [], {}
        lengths, directions = sorted(learned, key=lambda one: prod(one.dims))
        ones = (1,) * (weight.rank - 1)
        found = {(*ones, weight.dims[-1]): "weight_norm_last", (weight.dims[0], *ones): "weight_norm"}
        if directions.dims != weight.dims or lengths.dims not in found:
            return [], {}
        constant = Constant(lengths.dims, None, (lengths.identity,), learned=True)
        return [constant], {_PARAMETRIZATION: found[lengths.dims]}

    def _parameters(self, weight: Constant) -> list[StoredInput]:
        """Return the parameters that a weight is computed of."""
        stored = [self.stored[source] for source in weight.sources if source in self.stored]
        return [one for one in stored if one.kind == PARAMETER]

    def _main_source(self, weight: Constant, lengths: Sequence[Constant]) -> Constant:
        """Return a weight that is computed of several tensors as that of its size.

        The others count as parameters of their own, but for the `lengths` that its layer has. A weight that is larger
        than what it is computed of, as a product of matrices, is no parameter itself.
        """
        if len(weight.sources) < 2:
            return weight
        elements, learned = prod(weight.dims), self._parameters(weight)
        main = next((one for one in learned if prod(one.dims) == elements), None)
        if main is None and elements == sum(prod(one.dims) for one in learned):  # they are joined
            return weight
        for one in learned:
            if one is not main and all(one.identity not in own.sources for own in lengths):
                self.frame.as_data(self.place, Constant(one.dims, None, (one.identity,), learned=True), one.dims)
        return weight._replace(sources=(main.identity,)) if main else weight._replace(sources=(), learned=False)


def _no_number(name: str, found: Any) -> Exception:
    if isinstance(found, (Data, Constant)) or found is None:
        return NotCoveredError(f"its {name} is computed from data")
    return LayerError(f"its {name} {found!r:.80} is not a whole number")
