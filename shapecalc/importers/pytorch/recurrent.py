"""Recurrent layers over a sequence, and their cells: LSTM, GRU and RNN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shapecalc.errors import LayerError
from shapecalc.importers.each import check_joined
from shapecalc.importers.frame import JoinedBatchError, NotCoveredError
from shapecalc.importers.pytorch.operations import operation
from shapecalc.importers.tensors import LOST, Batch, Constant, Data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapecalc.importers.pytorch.operations import AtenCall

_GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


@operation(*_GATES)
def _recurrent(call: AtenCall) -> Any:
    weights = call.get("params", [])
    if call.overload == "data" or not weights or not all(isinstance(one, Constant) for one in weights):
        raise NotCoveredError("its sequence is packed, or its weights are computed from data")
    kind = call.name.partition("_")[0]
    rows, features = weights[0].dims
    hidden = rows // _GATES[call.name]
    arguments: dict[str, Any] = {"hidden_size": hidden, "input_size": features}
    layers = call.number("num_layers", 1)
    if layers != 1:
        arguments["num_layers"] = layers
    if call.flag("bidirectional", False):
        arguments["bidirectional"] = True
    if not call.flag("has_biases", True):
        arguments["bias"] = False
    if call.name == "rnn_relu":
        arguments["nonlinearity"] = "relu"
    if weights[1].dims[1] != hidden:
        arguments["proj_size"] = weights[1].dims[1]
    states = call.get("hx", [])
    return _over_steps(call, kind, weights, states if isinstance(states, list) else [states], arguments)


@operation("mkldnn_rnn_layer")
def _onednn(call: AtenCall) -> Any:
    """One direction of one layer, as an LSTM is decomposed to on a CPU."""
    weights = call.weights("weight0", "weight1", "weight2", "weight3")
    if call.number("mode", 0) != _LSTM or len(weights) < 4 or weights[0].rank != 2:
        raise NotCoveredError("it is not an LSTM")
    arguments: dict[str, Any] = {"hidden_size": call.number("hidden_size", 0), "input_size": weights[0].dims[1]}
    if not all(weight.learned for weight in weights[2:]):
        weights, arguments["bias"] = weights[:2], False
    return _over_steps(call, "lstm", weights, [call.get("hx_"), call.get("cx_")], arguments)


_LSTM = 2
"""The number of the mode of an LSTM."""


def _over_steps(
    call: AtenCall, kind: str, weights: Sequence[Constant], states: Sequence[Any], arguments: dict[str, Any]
) -> Any:
    """Return the outputs of a layer over the steps of a sequence."""
    at = 0 if call.flag("batch_first", False) else 1
    check_joined(call, call.x("input"), at, states, 1)
    given = [_without_batch(call, state, 1) for state in states if isinstance(state, Data)]
    x = _without_batch(call, call.x("input"), at)
    y, *last = call.emit(kind, x, *given, batch=Batch(at, own=True), weights=weights, **arguments)
    is_alone = x.batch == LOST and call.x("input").rank == 2
    batch = LOST if is_alone else Batch(1, own=True)
    return [y._replace(batch=LOST if is_alone else y.batch), *[state._replace(batch=batch) for state in last]]


def _without_batch(call: AtenCall, x: Data, axis: int, rank: int = 3) -> Data:
    """Return a tensor of rank axes whose batch is at one. Errors: `LayerError`, `NotCoveredError`."""
    if x.batch == Batch(axis, own=True) or (x.rank == rank - 1 and not x.batch.own):
        return x
    if not x.batch.own and x.batch.axis == axis and x.shape.sizes[axis] > 1:
        raise JoinedBatchError(x)
    full = x.full(call.frame.batch)
    if call.frame.batch > 1 or len(full) != rank or full[axis] != 1:
        raise NotCoveredError(f"its input is {'×'.join(map(str, full))}, with the batch not along axis {axis}")
    return call.frame.without_axis(call.place, x, axis)


_CELLS = {"lstm_cell": 4, "gru_cell": 3, "rnn_tanh_cell": 1, "rnn_relu_cell": 1}


@operation(*_CELLS)
def _cell(call: AtenCall) -> Any:
    weights = call.weights("w_ih", "w_hh", "b_ih", "b_hh")
    if not weights or weights[0].rank != 2:
        raise LayerError("it needs weights of two axes")
    rows, features = weights[0].dims
    arguments: dict[str, Any] = {"hidden_size": rows // _CELLS[call.name], "input_size": features}
    if len(weights) < 4:
        arguments["bias"] = False
    if call.name == "rnn_relu_cell":
        arguments["nonlinearity"] = "relu"
    states = call.get("hx", [])
    states = states if isinstance(states, list) else [states]
    x = call.x("input")
    if x.shape.rank == 2 and x.batch.axis == 0 and not x.batch.own:
        raise JoinedBatchError(x)
    given = [_without_batch(call, state, 0, 2) if state.batch.is_fixed and x.batch.own else state
             for state in states if isinstance(state, Data)]  # fmt: skip
    kind = "rnn_cell" if call.name.startswith("rnn") else call.name
    return call.emit(kind, x, *given, batch=x.batch, weights=weights, **arguments)
