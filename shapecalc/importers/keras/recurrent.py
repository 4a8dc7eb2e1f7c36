"""Recurrent layers: LSTM, GRU and simple ones, stacks of cells, and convolutional LSTMs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from shapecalc.errors import LayerError
from shapecalc.importers.frame import NotCoveredError
from shapecalc.importers.keras.calls import OWN, alike, layer, when
from shapecalc.importers.keras.records import read_layer
from shapecalc.importers.keras.structure import RecordError
from shapecalc.importers.keras.windows import rank_of

if TYPE_CHECKING:
    from shapecalc.importers.keras.calls import LayerCall
    from shapecalc.importers.tensors import Data

__all__ = ["KINDS", "recurrent"]


class _Recurrence(NamedTuple):
    """A kind, how many states it has, and whose biases."""

    kind: str
    states: int
    convention: str = "keras"


KINDS = {
    "SimpleRNN": _Recurrence("rnn", 1), "LSTM": _Recurrence("lstm", 2), "GRU": _Recurrence("gru", 1),
    "CuDNNLSTM": _Recurrence("lstm", 2, "torch"), "CuDNNGRU": _Recurrence("gru", 1, "torch"),
}  # fmt: skip
_CELLS = {"SimpleRNNCell": "SimpleRNN", "LSTMCell": "LSTM", "GRUCell": "GRU"}


@layer(*KINDS)
def _recurrent(call: LayerCall) -> Any:
    return recurrent(call)


def recurrent(call: LayerCall, *, merge_mode: str = "") -> list[Data]:
    """Return the outputs of a recurrent layer, in both directions if they are merged: of all steps, and the states."""
    kind, count, convention = KINDS[call.record.op]
    x, states = call.data(), [call.checked(one) for one in call.inputs[1:]]
    if x.batch != OWN or any(state.batch != OWN for state in states):
        raise NotCoveredError("it runs along an axis of several samples")
    if call.flag("time_major", default=False):
        raise NotCoveredError("the first axis of its input is time, not the batch")
    arguments: dict[str, Any] = {"hidden_size": call.whole("units"), "convention": convention}
    if not call.flag("use_bias", default=True):
        arguments["bias"] = False
    if kind == "gru" and convention == "keras" and not call.flag("reset_after", default=False):
        arguments["reset_after"] = False
    if kind == "rnn" and call.argument("activation") == "relu":
        arguments["nonlinearity"] = "relu"
    if not call.flag("return_sequences", default=False):
        arguments["return_sequences"] = False
    directions = 2 if merge_mode else 1
    if merge_mode:
        arguments |= {"bidirectional": True, **when(merge_mode != "concat", merge_mode=merge_mode)}
    if states and len(states) != count * directions:
        raise LayerError(f"it has {count * directions} states, but {len(states)} initial ones")
    first = _initial(call, states, count) if states else []
    outputs = call.emit(kind, x, *first, **arguments)
    ends = 2 if merge_mode == "none" else 1
    if not call.flag("return_state", default=False):
        return outputs[:ends]
    return [*outputs[:ends], *_last_states(call, outputs[ends:], directions)]


def _initial(call: LayerCall, states: list[Data], count: int) -> list[Data]:
    """Return the initial states with an axis for the directions: Keras has those of one direction after the other's."""
    if len(states) == count:
        return [call.one("unsqueeze", state, name="state", dim=1) for state in states]
    return [call.one("stack", states[i], states[count + i], name="state", dim=1) for i in range(count)]


def _last_states(call: LayerCall, states: list[Data], directions: int) -> list[Data]:
    """Return the last states without the axis of the directions."""
    if directions == 1:
        return [call.one("squeeze", state, name="state", dim=1) for state in states]
    return [
        call.one("gather", state, name="state", dim=1, index=[direction], keepdim=False)
        for direction in range(directions)
        for state in states
    ]


@layer("RNN")
def _of_cells(call: LayerCall) -> list[Data]:
    """The recurrent layer of a cell, or of several: each runs over the outputs of the one before."""
    cells = _cells(call)
    if len(cells) > 1 and len(call.inputs) > 1:
        raise NotCoveredError("it has initial states of several cells")
    inputs: list[Any] = list(call.inputs)
    states: list[Data] = []
    found: list[Data] = []
    for i, raw in enumerate(cells):
        try:
            record = read_layer(raw, "", 1)
        except RecordError as error:
            raise LayerError(f"its cell: {error.message}") from None
        if record.op not in _CELLS or not record.is_own:
            raise NotCoveredError(f"its cell is {record.title}")
        is_last = i == len(cells) - 1
        config = {**record.config, "return_state": call.argument("return_state"),
                  "return_sequences": call.argument("return_sequences") if is_last else True}  # fmt: skip
        inner = call.of(record._replace(op=_CELLS[record.op], config=config, key=f"{call.record.key}/cell{i}"), inputs)
        inner.place = call.part(str(i)) if len(cells) > 1 else call.place
        found = recurrent(inner)
        inputs, states = [found[0]], [*states, *found[1:]]
    return [*found[:1], *states]


def _cells(call: LayerCall) -> list[Any]:
    cell = call.argument("cell")
    if isinstance(cell, list):
        return cell
    if isinstance(cell, dict) and cell.get("class_name") == "StackedRNNCells":
        inner = cell.get("config")
        cells = inner.get("cells") if isinstance(inner, dict) else None
        if not isinstance(cells, list) or not cells:
            raise LayerError("its stack of cells is empty")
        return cells
    return [cell]


@layer("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
def _conv_lstm(call: LayerCall) -> Data:
    rank, x = rank_of(call), call.data()
    if call.flag("return_state", default=False) or len(call.inputs) > 1:
        raise NotCoveredError("its states are inputs or outputs")
    if call.is_last != call.importing.is_last or x.batch != OWN:
        raise NotCoveredError("the channels of its maps are not where those of the model are")
    if x.shape.rank != rank + 2:
        raise LayerError(f"it needs steps of feature maps of {rank} axes, but its input is {x.shape.text}")
    arguments: dict[str, Any] = {
        "out_channels": call.whole("filters"), "kernel_size": alike(call.wholes("kernel_size", rank)),
    }  # fmt: skip
    for name, ours in (("strides", "stride"), ("dilation_rate", "dilation")):
        values = call.wholes(name, rank, 1)
        if any(value != 1 for value in values):
            arguments[ours] = alike(values)
    word = call.word("padding", "valid")
    if word != "valid":
        arguments["padding"] = word
    if not call.flag("use_bias", default=True):
        arguments["bias"] = False
    if not call.flag("return_sequences", default=False):
        arguments["return_sequences"] = False
    return call.one("conv_lstm", x, **arguments)
