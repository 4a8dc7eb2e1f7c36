"""A call of a layer: what the function of its class works on, and the table of these functions.

A family is a module of this folder whose functions register themselves with `layer`.
"""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING, Any, Protocol

from shapecalc.errors import LayerError
from shapecalc.importers.alike import likeness
from shapecalc.importers.call import ImportedCall
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.keras.layouts import FIRST, LAST
from shapecalc.importers.table import OperationTable
from shapecalc.importers.tensors import Batch, Constant, Data
from shapecalc.layers import find_kind
from shapecalc.layers.base.arguments import show

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from shapecalc.importers.alike import Likeness
    from shapecalc.importers.frame import Frame
    from shapecalc.importers.keras.structure import LayerRecord
    from shapecalc.importers.keras.trees import CallRecord
    from shapecalc.importers.tensors import NodePlace

    Function = Callable[["LayerCall"], Any]

__all__ = ["OWN", "LayerCall", "alike", "free_name", "layer", "likeness_of", "when"]

layer: OperationTable[Function] = OperationTable(
    "keras",
    ("windows", "core", "activations", "norms", "merges", "recurrent", "attention", "preprocessing", "wrappers"),
)
"""The classes of layers."""
OWN = Batch(0, own=True)
"""Where the batch is: on an axis of its own, the first."""


_INT = frozenset({int})
_WITHOUT_REFERENCES = 2
"""The version of marshal in which equal values have equal bytes."""


def likeness_of(record: LayerRecord, call: CallRecord, inputs: Sequence[Any], *, frozen: bool) -> Likeness | None:
    """Return the likeness of a call with these inputs; None for one that depends on more than them and its config."""
    if call.kwargs or record.is_operation or not record.is_own or record.model is not None:
        return None
    try:
        config = marshal.dumps({**record.config, "name": None}, _WITHOUT_REFERENCES)
    except ValueError:  # of a model in memory
        return None
    return likeness((record.op, config, frozen), [*inputs, _own_weight(record.key, 1)], with_weights=True)


def _own_weight(key: str, part: object) -> Constant:
    """Return what stands for the weights of a layer, or of a part of it."""
    return Constant((), None, (f"{key}#{part}",), learned=True)


def when(condition: object, **arguments: Any) -> dict[str, Any]:
    """Return arguments if a condition holds, and else none."""
    return arguments if condition else {}


def alike(values: Sequence[Any]) -> Any:
    """Return one value for all axes where they are equal, as people write it."""
    return values[0] if values.count(values[0]) == len(values) else list(values)


def free_name(name: str, names: Collection[str], number: int = 1) -> str:
    """Return a name for a row that is no layer of the file, by its number from 1 on: the names of layers are theirs."""
    found = name if number == 1 else f"{name}_{number}"
    while found in names:
        number += 1
        found = f"{name}_{number}"
    return found


class Converter(Protocol):
    """What works through a model: its graph as it grows, its layout, how a layer in another is converted."""

    frame: Frame
    is_last: bool

    def converted(self, call: LayerCall) -> Any:
        """Return the outputs of a call. Errors: `NotCoveredError`, `LayerError`."""


class LayerCall(ImportedCall):
    """A call of a layer with its inputs; `stated` are the sizes of its outputs in the file, as far as they are.

    `names` are those of the layers of its model.
    """

    def __init__(
        self, record: LayerRecord, place: NodePlace, inputs: Sequence[Any], importing: Converter, *, frozen: bool
    ) -> None:
        super().__init__(place, inputs, importing.frame)
        self.record = record
        self.config = record.config
        self.args: tuple[Any, ...] = tuple(inputs)
        self.kwargs: dict[str, Any] = {}
        self.importing = importing
        self.frozen = frozen or record.config.get("trainable") is False
        self.stated: dict[int, tuple[Any, ...]] = {}
        self.names: Collection[str] = ()
        self.parts = 0
        self.parametrization = ""

    def of(self, record: LayerRecord, inputs: Sequence[Any]) -> LayerCall:
        """Return the call of a layer that is a part of this one, on other inputs."""
        found = LayerCall(record, self.place, inputs, self.importing, frozen=self.frozen)
        found.kwargs = {}
        found.names = self.names
        return found

    def part(self, name: str) -> NodePlace:
        """Return the place of a part of this layer."""
        return self.place._replace(name=free_name(f"{self.place.name}_{name}", self.names))

    # Arguments of the layer.

    def argument(self, name: str) -> Any:
        """Return an argument, or None."""
        return self.config.get(name)

    def whole(self, name: str, default: int | None = None) -> int:
        """Return an argument that is a whole number. Errors: `LayerError`."""
        value = self.config.get(name)
        value = default if value is None else value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise self.wrong(name, "a whole number")
        return value

    def wholes(self, name: str, count: int, default: Any = None) -> list[int]:
        """Return an argument that is a whole number for each of so many axes, or one for all. Errors: `LayerError`."""
        value = self.config.get(name)
        value = default if value is None else value
        if type(value) is int:
            return [value] * count
        if isinstance(value, list) and len(value) == 1 and count > 1:
            value = value * count
        if not isinstance(value, list) or len(value) != count or not _INT.issuperset(map(type, value)):
            raise self.wrong(name, f"{count} whole number{'' if count == 1 else 's'}")
        return value

    def listed(self, name: str) -> list[Any]:
        """Return an argument that is one whole number or a list of them, or of None. Errors: `LayerError`."""
        value = self.config.get(name)
        value = [value] if type(value) is int else value
        if not isinstance(value, list) or any(type(one) is not int and one is not None for one in value):
            raise self.wrong(name, "a list of whole numbers")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Return an argument that is true or false. Errors: `LayerError`."""
        value = self.config.get(name)
        value = default if value is None else value
        if value not in (True, False):
            raise self.wrong(name, "true or false")
        return bool(value)

    def word(self, name: str, default: str) -> str:
        """Return an argument that is a word. Errors: `LayerError`."""
        value = self.config.get(name)
        value = default if value is None else value
        if not isinstance(value, str):
            raise self.wrong(name, "a word")
        return value

    def real(self, name: str, default: float) -> float:
        """Return an argument that is a number; some classes save theirs as arrays. Errors: `LayerError`."""
        value = self.config.get(name)
        if isinstance(value, dict):
            inner = value.get("config", value)
            value = inner.get("value") if isinstance(inner, dict) else None
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value or abs(value) > 1e30:  # noqa: PLR0124
            raise self.wrong(name, "a number")
        return value

    def wrong(self, name: str, due: str) -> LayerError:
        """Return the error of an argument of another type."""
        if self.config.get(name) is None:
            return LayerError(f"it has no {name}, which must be {due}")
        return LayerError(f"its {name} must be {due}, not {show(self.config.get(name))}")

    # Its inputs.

    def data(self, index: int = 0) -> Data:
        """Return an input; a constant becomes a layer. Errors: `LayerError`, `NotCoveredError` for an odd batch."""
        return self.checked(super().data(index))

    def checked(self, given: Any) -> Data:
        """Return a tensor as data with the batch first. Errors: `LayerError` for no tensor, `NotCoveredError`."""
        if not isinstance(given, (Data, Constant)):
            raise LayerError("one of its inputs is not a tensor")
        x = self.as_data(given)
        full = x.full(self.frame.batch)
        if x.batch.axis < 0 and full[:1] == (1,):
            return self.frame.reshape(self.place, x, full)
        if x.batch.axis > 0:
            raise NotCoveredError("the batch is not the first axis of its input")
        return x

    def axis(self, axis: Any, x: Data) -> int:
        """Return the number of an axis, as in arguments of layers. Errors: `LayerError`, `NotCoveredError`."""
        if type(axis) is not int:
            raise LayerError(f"its axis must be a whole number, not {show(axis)}")
        return self.frame.within(x, axis)

    # What it makes.

    def emit(
        self, kind: str, *data: Data, batch: Batch | None = None, weights: Sequence[Constant] = (), name: str = "",
        shares: str = "", **arguments: Any,
    ) -> list[Data]:  # fmt: skip
        """Add a layer, and return its outputs. `name` is that of a part; equal `shares` of a layer share weights."""
        place = self.part(name) if name else self.place
        self.parts += 1
        weights = [*weights, _own_weight(self.record.key, shares or self.parts)]
        cls = find_kind(kind) if self.parametrization else None
        if cls is not None and "parametrization" in cls.arguments:
            arguments["parametrization"] = self.parametrization
        found = self.frame.emit(place, kind, arguments, data, weights, frozen=self.frozen)
        batch = (data[0].batch if data else OWN) if batch is None else batch
        return [Data(ref, shape, batch) for ref, shape in found]

    def one(
        self, kind: str, *data: Data, batch: Batch | None = None, weights: Sequence[Constant] = (), **arguments: Any
    ) -> Data:
        """Add a layer, and return its first output."""
        return self.emit(kind, *data, batch=batch, weights=weights, **arguments)[0]

    # Layouts.

    @property
    def is_last(self) -> bool:
        """Whether the layer has channels last."""
        word = self.word("data_format", LAST)
        if word not in (FIRST, LAST):
            raise self.wrong("data_format", f"{FIRST} or {LAST}")
        return word == LAST

    def as_map(self, x: Data, rank: int) -> tuple[Data, int]:
        """Return an input with so many spatial axes in the layout of the graph, and how many axes are before these.

        Such axes are steps of time, as of `TimeDistributed`, or a batch that was merged with another axis: a window of
        size 1 along them does the same. Errors: `LayerError`, `NotCoveredError`.
        """
        lead = x.shape.rank - 1 - rank
        if lead < 0:
            axes = f"{rank} spatial {'axis' if rank == 1 else 'axes'}"
            raise LayerError(f"it needs {axes} and channels, but its input is {x.shape.text}")
        if lead + rank > 3:
            raise NotCoveredError(f"its input has {lead + rank} axes besides the channels")
        order = self._order(lead, rank)
        if order == list(range(lead + rank + 1)):
            return x, lead
        return self.one("permute", x, name="permute", dims=[axis + 1 for axis in order]), lead

    def as_it_was(self, x: Data, lead: int, rank: int) -> Data:
        """Return a feature map that was made of `as_map` in the layout of the layer."""
        order = self._order(lead, rank)
        if order == list(range(lead + rank + 1)):
            return x
        return self.one("permute", x, name="permute_back", dims=[order.index(axis) + 1 for axis in range(len(order))])

    def _order(self, lead: int, rank: int) -> list[int]:
        """Return the axes of the layer in the order of the graph's layout."""
        channel = lead + rank if self.is_last else lead
        others = [axis for axis in range(lead + rank + 1) if axis != channel]
        return [*others, channel] if self.importing.is_last else [channel, *others]
