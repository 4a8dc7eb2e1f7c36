"""A node with its inputs: what the function of an operation works on, in every format."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.frame import JoinedBatchError, NotCoveredError
from shapecalc.importers.tensors import Batch, Constant, Data

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typing_extensions import Self

    from shapecalc.importers.frame import Frame
    from shapecalc.importers.tensors import NodePlace

    Tensor = Data | Constant

__all__ = ["OF_MALFORMED", "Guard", "ImportedCall"]

OF_MALFORMED = (ArithmeticError, AssertionError, AttributeError, LookupError, StopIteration, TypeError, ValueError)
"""What Python raises where the inputs or the attributes of a node are not those that its operation has."""


class Guard:
    """Turns what the function of an operation stumbles over in a malformed node into a `LayerError`."""

    __slots__ = ("op",)

    def __init__(self, op: str) -> None:
        self.op = op

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OF_MALFORMED):
            article = "an" if self.op[:1] in "AEIOUaeiou" else "a"
            raise LayerError(f"its inputs or attributes are not those of {article} {self.op or 'node'}") from error


class ImportedCall:
    """A node with its inputs, which makes layers where it is."""

    def __init__(self, place: NodePlace, inputs: Sequence[Any], frame: Frame) -> None:
        self.place = place
        self.inputs = tuple(inputs)
        self.frame = frame
        self.absorbed: tuple[str, ...] = ()
        """The outputs of later nodes, one after the other, that this one stands for too."""

    def is_used(self, output: int) -> bool:  # noqa: ARG002  (formats know more)
        """Return whether one of its outputs is used."""
        return True

    def tensors(self) -> list[Data]:
        """Return its inputs that are data, also those within lists."""
        several = [one if isinstance(one, list) else [one] for one in self.inputs]
        return [x for one in several for x in one if isinstance(x, Data)]

    def with_tensors(self, others: Mapping[Data, Data]) -> Self:
        """Return the call with other inputs in place of these."""
        found = copy(self)
        found.inputs = tuple([_replaced(one, others) for one in self.inputs])
        return found

    def given(self, index: int) -> Tensor | None:
        """Return an input that may be left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def constant(self, index: int) -> Constant | None:
        """Return an input that may be left out, if it is a constant."""
        found = self.given(index)
        return found if isinstance(found, Constant) else None

    def data(self, index: int) -> Data:
        """Return an input as data: a constant becomes a layer. Errors: `LayerError` where it is left out."""
        found = self.given(index)
        if found is None:
            raise LayerError(f"its input {index} is missing")
        return self.as_data(found)

    def as_data(self, x: Tensor) -> Data:
        """Return a tensor as data: a constant becomes a layer."""
        return self.frame.as_data(self.place, x, x.dims) if isinstance(x, Constant) else x

    def emit(
        self, kind: str, *data: Data, batch: Batch, weights: Sequence[Constant] = (), **arguments: Any
    ) -> list[Data]:
        """Add a layer, and return its outputs, in which the batch is where `batch` says."""
        found = self.frame.emit(self.place_with(weights), kind, arguments, data, weights)
        return [Data(ref, shape, batch) for ref, shape in found]

    def place_with(self, weights: Sequence[Constant]) -> NodePlace:  # noqa: ARG002  (formats may name layers by them)
        """Return where a layer with these weights is."""
        return self.place

    def one(
        self, kind: str, *data: Data, batch: Batch | None = None, weights: Sequence[Constant] = (), **arguments: Any
    ) -> Data:
        """Add a layer, and return its first output: the batch is where it is in its first input, if nothing is said."""
        return self.emit(kind, *data, batch=data[0].batch if batch is None else batch, weights=weights, **arguments)[0]

    def map_of(self, x: Data) -> Data:
        """Return a tensor as channels and spatial axes, with the batch in front of them. Errors: `NotCoveredError`."""
        if x.batch == Batch(0, own=True):
            return x
        if x.batch.axis < 0 and x.shape.sizes[:1] == (1,):
            return self.frame.without_axis(self.place, x, 0)._replace(batch=Batch(0, own=True))
        if not x.batch.own and x.batch.axis <= 0:
            raise JoinedBatchError(x)
        raise NotCoveredError("the first axis of its input is not the batch alone")


def _replaced(given: Any, others: Mapping[Data, Data]) -> Any:
    if isinstance(given, list):
        return [_replaced(one, others) for one in given]
    return others.get(given, given) if isinstance(given, Data) else given
